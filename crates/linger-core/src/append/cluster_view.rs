//! What is known of the cluster, as one immutable snapshot: topic -> partition -> leader, and the
//! way to each queue.
//!
//! The sender makes a new one when metadata changes; senders of records read whichever they hold. A
//! snapshot that is a little old does no harm: a record's partition never changes once chosen, and
//! the sender knows the newest leader.

use std::collections::BTreeMap;
use std::sync::Arc;

use linger_protocol::{ErrorCode, Uuid};

use crate::address::Address;
use crate::append::hash::{NameIndex, same};
use crate::append::queue::PartitionQueue;
use crate::ids::BrokerId;

/// A snapshot of the cluster.
#[derive(Debug)]
pub struct ClusterView {
    generation: u64,
    brokers: BTreeMap<BrokerId, Address>,
    topics: Vec<Arc<TopicView>>,
    index: NameIndex,
}

/// A topic in a snapshot.
#[derive(Debug)]
pub struct TopicView {
    /// Name; shared with later snapshots of the same topic.
    pub name: Arc<str>,
    /// Topic id, zero where the broker does not say (before Metadata version 10).
    pub topic_id: Uuid,
    /// Whether records may be sent to it.
    pub state: TopicState,
    /// All partitions, by index.
    pub partitions: Vec<PartitionView>,
    /// Indexes of the partitions that have a leader, ascending.
    pub available: Vec<u32>,
}

/// Whether a topic takes records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicState {
    /// It does.
    Ok,
    /// It does not, and asking again would not help soon.
    Error(ErrorCode),
}

/// A partition in a snapshot.
#[derive(Debug, Clone)]
pub struct PartitionView {
    /// Where its records wait.
    pub queue: Arc<PartitionQueue>,
    /// Its leader, if it has one.
    pub leader: Option<BrokerId>,
    /// The epoch of that leader, -1 where the broker does not say.
    pub leader_epoch: i32,
}

impl ClusterView {
    /// A snapshot of `topics` (of equal names the first counts) and `brokers`.
    pub fn new(generation: u64, brokers: BTreeMap<BrokerId, Address>, topics: Vec<Arc<TopicView>>) -> Self {
        let index = NameIndex::new(topics.iter().map(|topic| &*topic.name));
        Self {
            generation,
            brokers,
            topics,
            index,
        }
    }

    /// The view of a producer that has not heard from any broker.
    pub fn empty() -> Self {
        Self::new(0, BTreeMap::new(), Vec::new())
    }

    /// Counts the snapshots of one producer.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The brokers that are known by id.
    pub fn brokers(&self) -> &BTreeMap<BrokerId, Address> {
        &self.brokers
    }

    /// The topics, in the order in which they were given.
    pub fn topics(&self) -> &[Arc<TopicView>] {
        &self.topics
    }

    /// The topic of this name, if it was asked for and answered.
    #[inline]
    pub fn topic(&self, name: &str) -> Option<&Arc<TopicView>> {
        let found = self.index.find(name, |i| same(&self.topics[i].name, name))?;
        Some(&self.topics[found])
    }
}

impl TopicView {
    /// Whether this is the topic `name`: asked for each record, so without a call to `memcmp`.
    #[inline]
    pub fn is_named(&self, name: &str) -> bool {
        same(&self.name, name)
    }

    /// A topic with these partitions; works out which are available.
    pub fn new(name: Arc<str>, topic_id: Uuid, state: TopicState, partitions: Vec<PartitionView>) -> Self {
        let with_leader = partitions
            .iter()
            .enumerate()
            .filter(|(_, partition)| partition.leader.is_some());
        let available = with_leader.map(|(index, _)| index as u32).collect();
        Self {
            name,
            topic_id,
            state,
            partitions,
            available,
        }
    }
}
