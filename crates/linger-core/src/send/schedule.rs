//! Where a partition waits after something happened to it: in the rotation of its leader, behind a
//! timer, or for a leader.

use std::time::{Duration, Instant};

use crate::ids::PartitionId;
use crate::send::brokers::Brokers;
use crate::send::deadlines::{Deadlines, Timer};
use crate::send::discovery::Discovery;
use crate::send::identity::Identity;
use crate::send::outbox::Outbox;
use crate::send::pacing::LingerScope;
use crate::send::partitions::{Marks, Partitions, Urgency};

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
            .linger
            .own()
            .unwrap_or_else(|| self.brokers.linger(partition.leader()));
        if let Some(entry) = partition.linger.arm(linger, now) {
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

    /// A linger changes, for the batches that are open too.
    pub(super) fn change_linger(self, scope: LingerScope, linger: Duration) {
        match scope {
            LingerScope::Partition(id) => {
                self.partitions.set_linger(id, linger);
                self.partitions.mark(id, Urgency::Gathers);
            }
            LingerScope::Broker(id) => {
                let Some(broker) = self.brokers.get_mut(id) else {
                    return;
                };
                broker.pacing.set_linger(linger);
                for entry in self.deadlines.lingering() {
                    if self.partitions[entry.partition].leader() == Some(id) {
                        self.partitions.mark(entry.partition, Urgency::Gathers);
                    }
                }
            }
        }
    }

    /// Arms the timers of the parts, and drops those of batches that have left.
    pub(super) fn arm_timers(self, now: Instant) {
        let partitions = &*self.partitions;
        self.deadlines
            .drop_outdated(|entry| partitions[entry.partition].linger.opened() != Some(entry.opened));
        for (target, at) in self.brokers.deadlines(now) {
            self.deadlines.arm_by(Timer::Target(target), at);
        }
        if let Some(at) = self.discovery.deadline().filter(|at| *at > now) {
            self.deadlines.arm(Timer::Metadata, at);
        }
        if let Some(at) = self.identity.deadline(now) {
            self.deadlines.arm(Timer::ProducerId, at);
        }
    }
}
