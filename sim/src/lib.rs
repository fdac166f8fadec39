//! A Kafka broker cluster in one small process, with replication latency and failures on demand.

mod cluster;
mod server;
mod stats;

pub use cluster::{BROKERS_MAX, Cluster, ClusterBuilder, ClusterError};
pub use linger_sim_model as model;
pub use linger_sim_model::fault::{
    Context, Effect, Faults, Matcher, Point, Rule, RuleBuilder, RuleError, RuleId, RuleReport, Trigger,
};
pub use linger_sim_model::latency::{Latency, LatencyError};
pub use linger_sim_model::rng::Rng;
pub use linger_sim_model::{Control, StoredBatch, StoredRecord, TopicSpec};
pub use stats::Stats;
