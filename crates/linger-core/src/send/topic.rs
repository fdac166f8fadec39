//! One topic: who leads its partitions, and what a description of the cluster changes about that.

use std::sync::Arc;
use std::time::Instant;

use linger_protocol::messages::{MetadataResponsePartition, MetadataResponseTopic};
use linger_protocol::{ErrorCode, Str, Uuid};

use crate::append::cluster_view::{PartitionView, TopicState, TopicView};
use crate::append::queue::PartitionQueue;
use crate::ids::{BrokerId, PartitionId};

/// A topic may skip this many partition indexes before an answer counts as absurd.
const PARTITION_GAP_MAX: usize = 1024;

/// Where one partition is led.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leadership {
    /// Our name for the partition.
    pub partition: PartitionId,
    /// The leader, if there is one.
    pub leader: Option<BrokerId>,
    /// The epoch of that leader; −1 when the broker is too old to say.
    pub epoch: i32,
}

/// What is known of one topic.
#[derive(Debug)]
pub struct Topic {
    /// Its id; zero when the broker is too old to say.
    pub id: Uuid,
    /// Its partitions by index. Once known they stay, whatever a later answer fails to mention.
    pub partitions: Vec<Leadership>,
    /// Why the last answer said nothing of it.
    pub error: Option<ErrorCode>,
    /// Until when to ask for a topic that has never been found.
    pub(super) wanted_until: Instant,
}

/// A partition whose leader is another one than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Which partition.
    pub partition: PartitionId,
    /// The leader now.
    pub leader: Option<BrokerId>,
    /// Why the leader is another one.
    pub cause: Cause,
}

/// Why a leader is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The leader was elected.
    Election,
    /// The topic was deleted and created again: no broker knows the sequences of the old one.
    Recreated,
}

/// What an answer changed.
#[derive(Debug, Default)]
pub struct Merged {
    /// The answer listed brokers.
    pub lists_brokers: bool,
    /// Partitions whose batches go to another broker.
    pub moved: Vec<Move>,
    /// Partitions of topics that cannot be written to, and why.
    pub refused: Vec<(Vec<PartitionId>, ErrorCode)>,
}

impl Topic {
    /// A topic of which nothing is known, and that is asked for until then.
    pub(super) fn wanted(wanted_until: Instant) -> Self {
        Self {
            id: [0; 16],
            partitions: Vec::new(),
            error: None,
            wanted_until,
        }
    }

    /// Our name for one of its partitions.
    pub fn partition(&self, index: i32) -> Option<PartitionId> {
        let known = self.partitions.get(usize::try_from(index).ok()?)?;
        Some(known.partition)
    }

    /// What applications see of the topic, if it is known, or known to be refused.
    pub(super) fn view<'a>(
        &self,
        name: &Str,
        queue: impl Fn(PartitionId) -> &'a Arc<PartitionQueue>,
    ) -> Option<TopicView> {
        let state = match self.error {
            Some(code) if is_final(code) => TopicState::Error(code),
            Some(_) | None if self.partitions.is_empty() => return None,
            Some(_) | None => TopicState::Ok,
        };
        let partitions = self.partitions.iter().map(|known| PartitionView {
            queue: queue(known.partition).clone(),
            leader: known.leader,
            leader_epoch: known.epoch,
        });
        Some(TopicView::new(name.clone(), self.id, state, partitions.collect()))
    }

    /// Returns true if every partition has a leader.
    pub(super) fn is_complete(&self) -> bool {
        self.error.is_none()
            && !self.partitions.is_empty()
            && self.partitions.iter().all(|partition| partition.leader.is_some())
    }

    /// Takes what one answer says of this topic.
    pub(super) fn merge(
        &mut self,
        name: &Str,
        found: &MetadataResponseTopic,
        name_partition: &mut impl FnMut(&Str, i32) -> PartitionId,
        merged: &mut Merged,
    ) {
        if found.error_code != ErrorCode::NONE {
            self.error = Some(found.error_code);
            if is_final(found.error_code) {
                let partitions = self.partitions.iter().map(|known| known.partition).collect();
                merged.refused.push((partitions, found.error_code));
            }
            return;
        }
        // A topic without partitions is still being created: nothing can have been delivered to it.
        let entries = found.partitions.len().max(self.partitions.len());
        let last = found
            .partitions
            .iter()
            .map(|partition| partition.partition_index)
            .max()
            .unwrap_or(-1);
        if last < 0 || last as usize > entries + PARTITION_GAP_MAX {
            self.error = Some(ErrorCode::LEADER_NOT_AVAILABLE);
            return;
        }
        self.error = None;
        let recreated = self.id != [0; 16] && found.topic_id != [0; 16] && self.id != found.topic_id;
        if found.topic_id != [0; 16] {
            self.id = found.topic_id;
        }
        if recreated {
            self.forget_leaders(last as usize + 1, merged);
        }
        for index in self.partitions.len()..=last as usize {
            let partition = name_partition(name, index as i32);
            self.partitions.push(Leadership {
                partition,
                leader: None,
                epoch: -1,
            });
        }
        let cause = if recreated {
            Cause::Recreated
        } else {
            Cause::Election
        };
        for partition in &found.partitions {
            let Ok(index) = usize::try_from(partition.partition_index) else {
                continue;
            };
            if let Some(moved) = self.partitions[index].merge(partition, cause) {
                merged.moved.push(moved);
            }
        }
    }

    /// The topic was created anew with `count` partitions.
    fn forget_leaders(&mut self, count: usize, merged: &mut Merged) {
        for gone in self.partitions.iter().skip(count) {
            merged.moved.push(Move {
                partition: gone.partition,
                leader: None,
                cause: Cause::Recreated,
            });
        }
        self.partitions.truncate(count);
        for known in &mut self.partitions {
            known.leader = None;
            known.epoch = -1;
        }
    }
}

impl Leadership {
    fn merge(&mut self, found: &MetadataResponsePartition, cause: Cause) -> Option<Move> {
        if found.leader_epoch >= 0 && found.leader_epoch < self.epoch {
            return None;
        }
        let leader = (found.leader_id >= 0).then_some(BrokerId(found.leader_id));
        let moved = self.leader != leader;
        self.leader = leader;
        self.epoch = found.leader_epoch;
        (moved || cause == Cause::Recreated).then_some(Move {
            partition: self.partition,
            leader,
            cause,
        })
    }
}

/// Returns true for an error that no waiting will change: the topic's records fail at once.
pub fn is_final(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::INVALID_TOPIC_EXCEPTION | ErrorCode::TOPIC_AUTHORIZATION_FAILED
    )
}
