//! A Kafka broker cluster in one small process, with replication latency and failures on demand.

pub mod broker;
mod cluster;
pub mod fault;
pub mod latency;
pub mod rng;
mod server;
mod stats;

pub use broker::{Control, StoredBatch, StoredRecord, TopicSpec};
pub use cluster::{BROKERS_MAX, Cluster, ClusterBuilder, ClusterError};
pub use fault::{
    Context, Effect, Faults, Matcher, Point, Rule, RuleBuilder, RuleError, RuleId, RuleReport, Trigger,
};
pub use latency::{Latency, LatencyError};
pub use rng::Rng;
pub use stats::Stats;
