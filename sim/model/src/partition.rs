//! One partition: the log, what the partition knows of producers, the replicas, and the requests
//! that wait for the partition.

use std::time::Instant;

use linger_protocol::{ErrorCode, Str};

use crate::config::TopicSettings;
use crate::ids::RequestId;
use crate::log::PartitionLog;
use crate::producer_state::{ProducerStamp, ProducerStates};
use crate::replica_set::ReplicaSet;
use crate::wakeups::{WaitReason, Wakeups};

/// In requests and answers: no leader epoch.
pub(crate) const NO_LEADER_EPOCH: i32 = -1;

#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) topic: Str,
    pub(crate) index: i32,
    pub(crate) settings: TopicSettings,
    pub(crate) log: PartitionLog,
    pub(crate) producers: ProducerStates,
    pub(crate) replicas: ReplicaSet,
    pub(crate) is_deleted: bool,
    /// Produce requests that wait until the high watermark reaches an offset.
    acks_awaited: Vec<(i64, RequestId)>,
    /// Fetch requests that wait for records.
    records_awaited: Vec<RequestId>,
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
            is_deleted: false,
            acks_awaited: Vec::new(),
            records_awaited: Vec::new(),
        }
    }

    pub(crate) fn is_led_by(&self, broker: i32) -> bool {
        self.replicas.leader() == Some(broker) && !self.is_deleted
    }

    /// Checks that `broker` leads the partition, in the leader epoch that the client knows. -1 is a
    /// client that knows none.
    ///
    /// # Errors
    /// The code with which the partition is refused.
    pub(crate) fn check_leader(&self, broker: i32, known_epoch: i32) -> Result<(), ErrorCode> {
        let leader_epoch = self.replicas.leader_epoch();
        match known_epoch {
            NO_LEADER_EPOCH => {}
            _ if known_epoch < leader_epoch => return Err(ErrorCode::FENCED_LEADER_EPOCH),
            _ if known_epoch > leader_epoch => return Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
            _ => {}
        }
        if !self.is_led_by(broker) {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        Ok(())
    }

    /// Has a produce request woken once the high watermark reaches `required`.
    pub(crate) fn await_acks(&mut self, id: RequestId, required: i64) {
        let entry = (required, id);
        if !self.acks_awaited.contains(&entry) {
            self.acks_awaited.push(entry);
        }
    }

    /// Has a fetch request woken once there are new records below the high watermark.
    pub(crate) fn await_records(&mut self, id: RequestId) {
        if !self.records_awaited.contains(&id) {
            self.records_awaited.push(id);
        }
    }

    /// Forgets a request that waits no longer.
    pub(crate) fn stop_waiting(&mut self, id: RequestId) {
        self.acks_awaited.retain(|(_, waiting)| *waiting != id);
        self.records_awaited.retain(|waiting| *waiting != id);
    }

    /// Wakes the requests that waited for the high watermark as it is now, and those that waited
    /// for records.
    pub(crate) fn wake_for_high_watermark(&mut self, wakeups: &mut Wakeups) {
        let offset = self.replicas.high_watermark();
        let acknowledged = self
            .acks_awaited
            .extract_if(.., |(required, _)| *required <= offset);
        wakeups.wake_all(acknowledged.map(|(_, id)| id), WaitReason::Task);
        wakeups.wake_all(self.records_awaited.drain(..), WaitReason::Task);
    }

    /// Wakes every request that waits for the partition.
    pub(crate) fn wake_all(&mut self, wakeups: &mut Wakeups) {
        wakeups.wake_all(self.acks_awaited.drain(..).map(|(_, id)| id), WaitReason::Task);
        wakeups.wake_all(self.records_awaited.drain(..), WaitReason::Task);
    }

    /// Drops the records that a new leader lacks, and reads the producers' state again from the
    /// rest of the log. Returns the first offset lost, and the offset behind the last one lost.
    pub(crate) fn truncate_to_leader(&mut self) -> Option<(i64, i64)> {
        let end = self.replicas.leader_end()?;
        let until = self.log.end();
        if end >= until {
            return None;
        }
        self.log.truncate(end);
        self.producers.reset_to(self.log.start());
        for batch in self.log.batches() {
            let header = batch.header_view();
            if let Some(stamp) = ProducerStamp::of(&header) {
                self.producers
                    .remember(&stamp, batch.base_offset(), batch.max_timestamp());
            }
        }
        Some((end, until))
    }
}
