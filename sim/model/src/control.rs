//! What an operator or a test does to the cluster: brokers stop and freeze, leaders move, topics come and go.

use std::sync::Arc;
use std::time::Instant;

use linger_protocol::Str;
use thiserror::Error;

use super::ClusterModel;
use super::config::{ConfigError, TopicSpec};
use super::inflight_request::Waits;
use crate::fault::{Rule, RuleError, RuleId};

/// Something done to the cluster on purpose.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Control {
    /// Makes another broker lead a partition: a replica in sync, or a broker that is none yet and is given the leader's replica.
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
    /// Stops a broker as SIGSTOP does: it neither reads, answers nor fetches. After `session_timeout` it is taken for dead.
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
    /// Adds a fault; see [`ClusterModel::add_fault`] for its id.
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

impl ClusterModel {
    pub(super) fn apply(&mut self, control: Control, now: Instant) -> Result<(), ControlError> {
        match control {
            Control::MoveLeader { topic, partition, to } => self.move_leader(&topic, partition, to, now),
            Control::Stop(broker) => self.stop(broker, now),
            Control::Start(broker) => self.start(broker, now),
            Control::Freeze(broker) => self.freeze(broker, now),
            Control::Thaw(broker) => self.thaw(broker, now),
            Control::ForgetProducer { producer_id } => {
                self.forget_producer(producer_id);
                Ok(())
            }
            Control::Truncate {
                topic,
                partition,
                before_offset,
            } => self.delete_records(&topic, partition, before_offset),
            Control::CreateTopic(spec) => self
                .create_topic(spec.resolve(&self.config), now)
                .map(drop)
                .map_err(ControlError::Topic),
            Control::DeleteTopic(topic) => self.delete_topic(&topic),
            Control::AddFault(rule) => self.add_fault(rule).map(drop).map_err(ControlError::Fault),
            Control::RemoveFault(id) => {
                self.remove_fault(id);
                Ok(())
            }
            Control::Release(barrier) => {
                let held = self.purgatory.release(&barrier);
                self.awake.extend(held.into_iter().map(|id| (id, Waits::Fault)));
                Ok(())
            }
        }
    }
}
