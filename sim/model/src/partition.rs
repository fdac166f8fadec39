//! One partition: its log, what it knows of producers, its replicas, and who waits for it.

use std::time::Instant;

use linger_protocol::Str;

use super::config::TopicSettings;
use super::inflight_request::Waits;
use super::log::PartitionLog;
use super::producer_state::{ProducerStamp, ProducerStates};
use super::purgatory::WorkId;
use super::replica_set::ReplicaSet;

#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) topic: Str,
    pub(crate) index: i32,
    pub(crate) settings: TopicSettings,
    pub(crate) log: PartitionLog,
    pub(crate) producers: ProducerStates,
    pub(crate) replicas: ReplicaSet,
    /// Produce requests that wait until the high watermark reaches an offset.
    pub(crate) acks_awaited: Vec<(i64, WorkId)>,
    /// Long polls.
    pub(crate) records_awaited: Vec<WorkId>,
    pub(crate) is_deleted: bool,
}

impl Partition {
    pub(crate) fn new(
        topic: Str,
        index: i32,
        settings: TopicSettings,
        assignment: &[i32],
        now: Instant,
    ) -> Self {
        Self {
            topic,
            index,
            settings,
            log: PartitionLog::default(),
            producers: ProducerStates::default(),
            replicas: ReplicaSet::new(assignment, settings.min_insync_replicas, now),
            acks_awaited: Vec::new(),
            records_awaited: Vec::new(),
            is_deleted: false,
        }
    }

    pub(crate) fn is_led_by(&self, broker: i32) -> bool {
        self.replicas.leader() == Some(broker) && !self.is_deleted
    }

    /// Everybody who waits for this partition, and forgets them.
    pub(crate) fn wake_all(&mut self) -> impl Iterator<Item = (WorkId, Waits)> {
        let acks = self.acks_awaited.drain(..).map(|(_, id)| (id, Waits::Acks));
        acks.chain(self.records_awaited.drain(..).map(|id| (id, Waits::Records)))
    }

    /// Drops what a new leader does not have, and reads the producers' state anew from what is left. Answers what was lost.
    pub(crate) fn truncate_to_leader(&mut self) -> Option<(i64, i64)> {
        let end = self.replicas.leader_end()?;
        let until = self.log.end();
        if end >= until {
            return None;
        }
        self.log.truncate(end);
        self.producers.reset_to(self.log.start());
        for batch in self.log.batches() {
            let view = batch.header_view();
            if view.producer_id >= 0 {
                let stamp = ProducerStamp {
                    producer_id: view.producer_id,
                    epoch: view.producer_epoch,
                    base_sequence: view.base_sequence,
                    last_offset_delta: view.last_offset_delta,
                };
                self.producers
                    .remember(&stamp, batch.base_offset(), batch.max_timestamp());
            }
        }
        Some((end, until))
    }
}
