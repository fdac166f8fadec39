//! Where a partition waits after something happened to it: in the rotation of its leader, behind a timer, or for a leader.

use std::time::Instant;

use crate::ids::PartitionId;
use crate::send::brokers::Brokers;
use crate::send::deadlines::{Deadlines, Timer};
use crate::send::discovery::Discovery;
use crate::send::identity::Identity;
use crate::send::outbox::Outbox;
use crate::send::partitions::{Marks, Partitions};

/// The parts that it takes to find a partition its place.
pub(super) struct Schedule<'a> {
    pub(super) partitions: &'a mut Partitions,
    pub(super) brokers: &'a mut Brokers,
    pub(super) discovery: &'a mut Discovery,
    pub(super) identity: &'a mut Identity,
    pub(super) deadlines: &'a mut Deadlines,
    pub(super) outbox: &'a mut Outbox,
}

impl Schedule<'_> {
    /// Finds a place for every partition that has a mark.
    pub(super) fn run(mut self, now: Instant) {
        while let Some((id, marks)) = self.partitions.pop_due() {
            if marks.may_expire {
                self.expire(id, now);
            }
            self.place(id, marks, now);
        }
    }

    /// Fails what of a partition is past its delivery timeout.
    fn expire(&mut self, id: PartitionId, now: Instant) {
        let brokers = &*self.brokers;
        let (partition, policy) = self.partitions.with_policy(id);
        let blocking = partition.expire(policy, |flight| brokers.was_written(flight), now);
        match partition.next_expiry(policy, now) {
            Some(at) => self.deadlines.arm(Timer::Delivery(id), at),
            None => {
                partition.unwatch();
                self.deadlines.disarm(Timer::Delivery(id));
            }
        }
        if let Some(connection) = blocking {
            self.brokers.disconnect(connection, self.outbox);
        }
    }

    fn place(&mut self, id: PartitionId, marks: Marks, now: Instant) {
        let (partition, policy) = self.partitions.with_policy(id);
        partition.settle(policy, self.identity);
        // Without work there is nothing for which the leader would have to be dialled.
        if !marks.may_send && !partition.has_work() {
            return;
        }
        let linger = partition
            .linger()
            .unwrap_or_else(|| self.brokers.linger(partition.leader()));
        if let Some(entry) = partition.arm_linger(linger, now) {
            self.deadlines.linger(entry);
        }
        let broker = partition.leader().and_then(|leader| self.brokers.get_mut(leader));
        let Some(broker) = broker else {
            if partition.has_work() {
                self.discovery.want(now);
            }
            return;
        };
        partition.follow_growth(broker.pacing.growth());
        if let Some(at) = partition.backs_off_until(now) {
            return self.deadlines.arm(Timer::Backoff(id), at);
        }
        broker.rotation.join(id);
        if marks.is_urgent || marks.is_urgent_if_resent && partition.resends() {
            broker.pacing.hurry();
        }
    }
}
