//! A Kafka broker cluster in one small process, with replication latency and failures on demand.

pub mod latency;
pub mod rng;

pub use latency::{Latency, LatencyError};
pub use rng::Rng;
