//! What it means to the sender that a batch was opened or has filled.

use std::time::Instant;

use crate::append::accumulator::Accumulator;
use crate::append::doorbell::Ready;
use crate::config::Config;
use crate::ids::PartitionId;
use crate::send::brokers::Brokers;
use crate::send::closing::{Closing, Undecided};
use crate::send::deadlines::{Deadlines, Timer};
use crate::send::discovery::Discovery;
use crate::send::drain::encode_early;
use crate::send::flushes::Flushes;
use crate::send::outbox::Outbox;
use crate::send::partitions::{Partitions, Urgency};
use crate::send::target::Target;

/// The parts that an event of the appending side concerns.
pub(super) struct Arrivals<'a> {
    pub(super) config: &'a Config,
    pub(super) accumulator: &'a Accumulator,
    pub(super) brokers: &'a mut Brokers,
    pub(super) partitions: &'a mut Partitions,
    pub(super) discovery: &'a mut Discovery,
    pub(super) closing: &'a Closing,
    pub(super) flushes: &'a mut Flushes,
    pub(super) deadlines: &'a mut Deadlines,
    pub(super) outbox: &'a mut Outbox,
}

impl Arrivals<'_> {
    /// Takes an event of the appending side.
    pub(super) fn take(&mut self, ready: Ready, now: Instant) {
        match ready {
            Ready::Opened { partition, at } => self.opened(partition, at, now),
            Ready::Full { partition } => self.filled(partition),
            Ready::Starved => self.end_lingers(now),
        }
    }

    fn opened(&mut self, id: PartitionId, at: Instant, now: Instant) {
        self.partitions.know(id, self.accumulator);
        let partition = &mut self.partitions[id];
        if self.closing.is_over() {
            return self.closing.abandon(partition, Undecided::Fail, self.brokers);
        }
        partition.linger.set_opened(Some(at));
        if partition.watch() {
            self.deadlines
                .arm(Timer::Delivery(id), at + self.config.delivery_timeout);
        }
        let leader = partition.leader();
        let linger = partition
            .linger
            .own()
            .unwrap_or_else(|| self.brokers.linger(leader));
        if linger.is_zero() || !self.closing.is_open() {
            return self.partitions.mark(id, Urgency::Urgent);
        }
        if let Some(entry) = partition.linger.arm(linger, at) {
            self.deadlines.linger(entry);
        }
        let Some(leader) = leader else {
            return self.discovery.want(now);
        };
        if let Some(broker) = self.brokers.get_mut(leader) {
            broker.pacing.batch_opened(now);
        }
        // The connection is set up while the batch lingers.
        self.brokers.dial(Target::Broker(leader), self.outbox, now);
    }

    fn filled(&mut self, id: PartitionId) {
        self.partitions.know(id, self.accumulator);
        let partition = &mut self.partitions[id];
        let leader = partition.leader();
        if let Some(broker) = leader.and_then(|leader| self.brokers.get_mut(leader)) {
            broker.pacing.batch_filled();
        }
        encode_early(partition, self.outbox);
        self.partitions.mark(id, Urgency::Gathers);
    }

    /// Lets no batch linger that was opened until now: for a flush, a close, or when memory is
    /// short.
    pub(super) fn end_lingers(&mut self, now: Instant) {
        let mut events = Vec::new();
        while self.accumulator.doorbell().drain(&mut events) {
            for ready in events.drain(..) {
                match ready {
                    Ready::Starved => {}
                    Ready::Opened { .. } | Ready::Full { .. } => self.take(ready, now),
                }
            }
        }
        self.flushes.end_linger(now);
        while let Some(entry) = self.deadlines.pop_lingering() {
            self.flushes.end_linger(entry.opened);
            self.partitions.end_linger(&entry);
        }
    }
}
