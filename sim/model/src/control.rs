//! What an operator or a test does to the cluster: brokers stop and freeze, leaders move, topics
//! come and go.

use std::sync::Arc;

use linger_protocol::Str;
use thiserror::Error;

use crate::config::{ConfigError, TopicSpec};
use crate::fault::{Rule, RuleError, RuleId};

/// Something done to the cluster on purpose.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Control {
    /// Makes another broker lead a partition: a replica in sync, or a broker that is none yet and
    /// is given the leader's replica.
    MoveLeader {
        /// Topic.
        topic: Str,
        /// Partition.
        partition: i32,
        /// The new leader.
        to: i32,
    },
    /// Ends a broker. After `failover` others lead its partitions.
    Stop(i32),
    /// Starts it again; it catches up.
    Start(i32),
    /// Stops a broker as SIGSTOP does: it neither reads, answers nor fetches. After
    /// `session_timeout` it is taken for dead.
    Freeze(i32),
    /// Lets it go on.
    Thaw(i32),
    /// Makes every partition forget a producer.
    ForgetProducer {
        /// Its id.
        producer_id: i64,
    },
    /// Drops the records below an offset, as DeleteRecords does.
    Truncate {
        /// Topic.
        topic: Str,
        /// Partition.
        partition: i32,
        /// The first offset to keep.
        before_offset: i64,
    },
    /// Creates a topic.
    CreateTopic(TopicSpec),
    /// Deletes one.
    DeleteTopic(Str),
    /// Adds a fault; see [`ClusterModel::add_fault`](crate::ClusterModel::add_fault) for its id.
    AddFault(Rule),
    /// Removes a fault.
    RemoveFault(RuleId),
    /// Opens a barrier that requests are held at, once.
    Release(Arc<str>),
}

/// Why a [`Control`] was refused.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ControlError {
    /// No such broker.
    #[error("there is no broker {broker}: ids are 0 to {}", brokers - 1)]
    UnknownBroker {
        /// The broker asked for.
        broker: i32,
        /// The number of brokers.
        brokers: usize,
    },
    /// No such partition.
    #[error("there is no partition {partition} of topic {topic:?}")]
    UnknownPartition {
        /// Topic.
        topic: Str,
        /// Partition.
        partition: i32,
    },
    /// No such topic.
    #[error("there is no topic {topic:?}")]
    UnknownTopic {
        /// Topic.
        topic: Str,
    },
    /// The broker is stopped, or taken for dead.
    #[error("broker {broker} is not alive, so it cannot lead")]
    NotAlive {
        /// The broker.
        broker: i32,
    },
    /// The replica lacks acknowledged records; to elect it would lose them.
    #[error("broker {broker} is not in sync, so it cannot lead without losing records")]
    NotInSync {
        /// The broker.
        broker: i32,
    },
    /// The partition has no leader to hand over.
    #[error("partition {partition} of topic {topic:?} has no leader")]
    NoLeader {
        /// Topic.
        topic: Str,
        /// Partition.
        partition: i32,
    },
    /// A topic that cannot be created.
    #[error(transparent)]
    Topic(#[from] ConfigError),
    /// A fault that cannot be added.
    #[error(transparent)]
    Fault(#[from] RuleError),
}
