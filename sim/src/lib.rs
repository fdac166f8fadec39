//! A Kafka broker cluster in one small process, with replication latency and failures on demand.

pub mod broker;
pub mod fault;
pub mod latency;
pub mod rng;

pub use fault::{
    Context, Effect, Faults, Matcher, Point, Rule, RuleBuilder, RuleError, RuleId, RuleReport, Trigger,
};
pub use latency::{Latency, LatencyError};
pub use rng::Rng;
