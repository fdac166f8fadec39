//! The cluster as a deterministic model: brokers, topics, logs, replication and requests, without
//! sockets or a clock.
//!
//! ```text
//! frame -> examine -> Event -> ClusterModel -> Action
//!            bytes                |   ^
//!            only                 v   | deadlines
//!              requests: connections, purgatory, fault rules, outbox
//!                progress: one request, stage by stage
//!                  handlers: what each API does, through Cx
//!                    cluster: brokers, topics, partitions, replication, producer ids, history
//! ```
//!
//! The shell (TCP, or a simulated world) reads frames, gives them to [`examine`] in parallel, and
//! hands the results to [`ClusterModel::handle`]. It then carries out [`ClusterModel::poll_action`]
//! until there is none, and calls [`ClusterModel::handle_timeout`] when
//! [`ClusterModel::poll_timeout`] has come. Rules and error codes are those of Apache Kafka 4.3.
//! Nothing depends on hash order: the same events at the same times give the same actions.

mod action;
mod brokers;
mod clock;
mod cluster;
mod cluster_model;
mod config;
mod connections;
mod control;
mod cx;
mod deadlines;
mod event;
mod examined_batch;
pub mod fault;
mod fault_effects;
mod fetch_members;
mod fetch_sessions;
mod fetchers;
mod handlers;
mod history;
mod ids;
mod inflight_request;
pub mod latency;
mod log;
mod membership;
mod parsed_frame;
mod partition;
mod partitions;
mod producer_ids;
mod producer_state;
mod progress;
mod purgatory;
mod replica_set;
mod replication;
mod request_context;
mod requests;
pub mod rng;
mod settings;
mod stored_batch;
mod topic_name;
mod topics;
mod validate;
mod wakeups;

#[cfg(test)]
mod tests;

pub use self::action::{Action, Close, Reply};
pub use self::cluster_model::ClusterModel;
pub use self::config::{
    BrokerAddress, ConfigError, ExamineConfig, MESSAGE_BYTES_MAX, ModelConfig, PARTITIONS_MAX,
    REPLICA_FETCH_MAX_BYTES, REPLICA_FETCH_RESPONSE_MAX_BYTES, TopicSpec,
};
pub use self::control::{Control, ControlError};
pub use self::event::Event;
pub use self::handlers::BatchCounts;
pub use self::history::{BatchOrigin, Observation};
pub use self::ids::ConnectionId;
pub use self::log::PartitionLog;
pub use self::parsed_frame::{Examined, examine};
pub use self::stored_batch::{StoredBatch, StoredRecord};
pub use self::topic_name::TOPIC_NAME_LEN_MAX;
