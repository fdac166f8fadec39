//! All partitions of the cluster, those of deleted topics included.

use std::time::Instant;

use crate::brokers::Brokers;
use crate::config::ResolvedTopic;
use crate::history::{History, Observation};
use crate::ids::PartitionKey;
use crate::partition::Partition;
use crate::wakeups::Wakeups;

/// The partitions by key.
#[derive(Debug, Default)]
pub(crate) struct Partitions {
    by_key: Vec<Partition>,
}

impl Partitions {
    /// All keys. Only rare events may go through all of them: the death or return of a broker, the
    /// check for lag.
    pub(crate) fn keys(&self) -> impl Iterator<Item = PartitionKey> + use<> {
        (0..self.by_key.len() as u32).map(PartitionKey)
    }

    /// Creates a partition of a topic. Brokers that are taken for dead are not in sync.
    pub(crate) fn create(
        &mut self,
        topic: &ResolvedTopic,
        index: i32,
        holders: &[i32],
        brokers: &Brokers,
        now: Instant,
    ) -> PartitionKey {
        let key = PartitionKey(self.by_key.len() as u32);
        let mut partition = Partition::new(topic.name.clone(), index, topic.settings, holders, now);
        for broker in brokers.fenced() {
            partition.replicas.fence(broker, |broker| brokers.is_live(broker));
        }
        self.by_key.push(partition);
        key
    }

    /// Deletes the partitions of a topic. Every request that waits for one of them is told.
    pub(crate) fn delete(&mut self, keys: &[PartitionKey], wakeups: &mut Wakeups) {
        for &key in keys {
            let partition = &mut self[key];
            partition.is_deleted = true;
            partition.log.delete_before(i64::MAX);
            partition.wake_all(wakeups);
        }
    }

    /// Drops the records of a partition below an offset, but none at or above the high watermark.
    pub(crate) fn delete_records(&mut self, key: PartitionKey, before_offset: i64, history: &mut History) {
        let partition = &mut self[key];
        let high_watermark = partition.replicas.high_watermark();
        partition.log.delete_before(before_offset.min(high_watermark));
        history.note(|| Observation::LogStartMoved {
            topic: partition.topic.clone(),
            partition: partition.index,
            log_start: partition.log.start(),
        });
    }

    /// Makes every partition forget a producer.
    pub(crate) fn forget_producer(&mut self, producer_id: i64, history: &mut History) {
        for partition in &mut self.by_key {
            if partition.producers.forget(producer_id) {
                history.note(|| Observation::ProducerForgotten {
                    topic: partition.topic.clone(),
                    partition: partition.index,
                    producer_id,
                });
            }
        }
    }
}

impl std::ops::Index<PartitionKey> for Partitions {
    type Output = Partition;

    fn index(&self, key: PartitionKey) -> &Partition {
        &self.by_key[key.0 as usize]
    }
}

impl std::ops::IndexMut<PartitionKey> for Partitions {
    fn index_mut(&mut self, key: PartitionKey) -> &mut Partition {
        &mut self.by_key[key.0 as usize]
    }
}
