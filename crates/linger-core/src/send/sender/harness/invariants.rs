//! What holds whenever the sender is done with all events: nothing is lost, and whatever is to
//! leave waits for an event that comes.

use super::Harness;
use crate::append::batch::OpenStatus;
use crate::ids::BrokerId;
use crate::send::broker::Broker;
use crate::send::closing::Phase;
use crate::send::deadlines::Timer;
use crate::send::flow::NextSend;
use crate::send::link::Link;
use crate::send::partition::Partition;
use crate::send::target::Target;

impl Harness {
    pub(super) fn assert_that_nothing_is_forgotten(&self) {
        assert!(self.accumulator.ledger().is_balanced());
        self.assert_that_every_open_batch_is_known();
        self.assert_that_no_timer_is_later_than_a_deadline();
        self.assert_that_what_is_due_waits_for_an_event();
    }

    /// A batch whose opening the sender has forgotten would wait for its delivery timeout.
    fn assert_that_every_open_batch_is_known(&self) {
        if self.sender.closing.is_open() && self.sender.fatal().is_none() {
            for partition in self.sender.partitions.iter() {
                let since = partition.queue().open_since();
                assert!(
                    since.is_none() || since == partition.linger.opened(),
                    "{partition:?}"
                );
            }
        }
    }

    /// An open batch that is not due yet is looked at by the end of its linger. A batch that was
    /// due before its linger grew is looked at when what keeps it ends.
    fn assert_that_no_timer_is_later_than_a_deadline(&self) {
        if !self.sender.closing.is_open() || self.sender.fatal().is_some() {
            return;
        }
        let next = self.sender.poll_timeout();
        for partition in self.sender.partitions.iter() {
            let Some(open) = partition.queue().status().open else {
                continue;
            };
            let linger = partition
                .linger
                .own()
                .unwrap_or_else(|| self.sender.brokers.linger(partition.leader()));
            let due = open.since + linger;
            let is_hurried = self.sender.flushes.no_linger_before() >= Some(open.since);
            if !open.full && !is_hurried && due > self.now {
                let is_provided_for = next.is_some_and(|next| next <= due);
                assert!(
                    is_provided_for || self.is_kept(partition),
                    "{linger:?} {partition:?}"
                );
            }
        }
    }

    /// The next batch of the partition waits for an event of another kind, at which the partition
    /// is looked at: an answer, the end of a back-off, a leader, or its place in the rotation.
    fn is_kept(&self, partition: &Partition) -> bool {
        let brokers = &self.sender.brokers;
        let Some(broker) = partition.leader().and_then(|leader| brokers.get(leader)) else {
            return true;
        };
        let next = partition.next_send(self.sender.partitions.policy(), self.now);
        next != NextSend::Fresh
            || partition.connection().is_some()
            || broker.rotation.contains(partition.id())
    }

    /// What could leave and waits for no event would wait for its delivery timeout.
    fn assert_that_what_is_due_waits_for_an_event(&self) {
        let sender = &self.sender;
        if sender.closing.phase() == Phase::Closed || sender.fatal().is_some() {
            return;
        }
        for partition in sender.partitions.iter() {
            let Some(leader) = partition.leader() else {
                continue;
            };
            let Some(broker) = sender.brokers.get(leader) else {
                continue;
            };
            if let Some(connection) = partition.connection() {
                assert!(
                    sender.brokers.target_of(connection).is_some(),
                    "its end is reported: {partition:?}"
                );
                continue;
            }
            if partition.backs_off_until(self.now).is_some() {
                let linger = partition.linger.own().unwrap_or_else(|| broker.pacing.linger());
                let is_new = partition
                    .linger
                    .opened()
                    .is_some_and(|opened| opened + linger > self.now);
                if !partition.resends() && (partition.queue().status().oldest.is_none() || is_new) {
                    continue;
                }
                let timer = Timer::Backoff(partition.id());
                assert!(sender.deadlines.armed_at(timer).is_some(), "{partition:?}");
                continue;
            }
            if self.is_due(partition) {
                assert!(
                    broker.rotation.contains(partition.id()),
                    "{partition:?} {broker:?}"
                );
                self.assert_that_it_waits_for_something(partition, leader, broker);
            }
        }
    }

    fn is_due(&self, partition: &Partition) -> bool {
        let status = partition.queue().status();
        match partition.next_send(self.sender.partitions.policy(), self.now) {
            NextSend::Nothing => false,
            NextSend::Resend => true,
            NextSend::Fresh if status.head_encoded => true,
            NextSend::Fresh if status.sealed > 0 => false,
            NextSend::Fresh => {
                let lingers = |open: &OpenStatus| {
                    let mut lingering = self.sender.deadlines.lingering();
                    !open.full
                        && lingering
                            .any(|entry| (entry.partition, entry.opened) == (partition.id(), open.since))
                };
                status.ended > 0 || status.open.is_some_and(|open| !lingers(&open))
            }
        }
    }

    fn assert_that_it_waits_for_something(&self, partition: &Partition, id: BrokerId, broker: &Broker) {
        let sender = &self.sender;
        let timer = sender.deadlines.armed_at(Timer::Target(Target::Broker(id)));
        let is_dialled_elsewhere = || {
            let backs_off = sender
                .deadlines
                .armed_at(Timer::Target(Target::Seed(0)))
                .is_some();
            !sender.brokers.may_dial(Target::Broker(id), self.now) && backs_off
        };
        let is_event_to_come = match broker.connections.first() {
            Link::Dialing { .. } | Link::Abandoned { .. } | Link::Closing(_) => true,
            Link::Down => timer.is_some() || is_dialled_elsewhere(),
            Link::Up(_) if broker.is_throttled(self.now) => timer <= broker.throttled_until,
            Link::Up(connection) => {
                let lacks_identity = partition.needs_identity() && sender.identity.current().is_none();
                connection.in_flight() > 0 || broker.batches_to_gather() > 0 || lacks_identity
            }
        };
        assert!(is_event_to_come, "{partition:?} {broker:?}");
    }
}
