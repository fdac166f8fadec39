//! A Kafka broker cluster in one small process, with replication latency and failures on demand.

mod builder;
mod cluster;
mod error;
mod server;
mod stats;

pub use builder::ClusterBuilder;
pub use cluster::Cluster;
pub use error::{BROKERS_MAX, ClusterError};
pub use linger_sim_model as model;
pub use linger_sim_model::fault::{
    Context, Effect, Faults, Matcher, Point, Rule, RuleBuilder, RuleError, RuleId, RuleReport, Trigger,
};
pub use linger_sim_model::latency::{Latency, LatencyError};
pub use linger_sim_model::rng::Rng;
pub use linger_sim_model::{Control, StoredBatch, StoredRecord, TopicSpec};
pub use stats::Stats;
