//! What holds whenever the sender has come to rest: nothing is lost, and whatever is to leave waits for an event that comes.

use super::Harness;
use crate::append::queue::OpenStatus;
use crate::send::broker::{Broker, Link, Node};
use crate::send::deadlines::Timer;
use crate::send::partition::{Partition, Turn};
use crate::send::sender::Phase;

impl Harness {
    pub(super) fn assert_that_nothing_is_forgotten(&self) {
        assert!(self.accumulator.ledger().is_balanced());
        self.assert_that_open_batches_linger();
        self.assert_that_what_is_due_comes_to_its_turn();
    }

    /// A batch whose opening the sender has forgotten would wait for its delivery timeout.
    fn assert_that_open_batches_linger(&self) {
        if self.sender.phase == Phase::Open && self.sender.fatal.is_none() {
            for partition in &self.sender.partitions {
                let since = partition.queue().open_since();
                assert!(since.is_none() || since == partition.opened, "{partition:?}");
            }
        }
    }

    /// What could leave and waits for no event would wait for its delivery timeout.
    fn assert_that_what_is_due_comes_to_its_turn(&self) {
        let sender = &self.sender;
        if sender.phase == Phase::Closed || sender.fatal.is_some() {
            return;
        }
        for partition in &sender.partitions {
            let Some(node) = partition.leader.map(Node::Broker) else {
                continue;
            };
            let Some(broker) = sender.brokers.get(&node) else {
                continue;
            };
            if let Some(c) = partition.connection() {
                assert!(
                    sender.connections.contains_key(&c),
                    "its end is reported: {partition:?}"
                );
                continue;
            }
            if partition.backs_off_until(self.now).is_some() {
                let is_new = partition
                    .opened
                    .is_some_and(|opened| opened + self.config.linger > self.now);
                if !partition.resends() && (partition.queue().status().oldest.is_none() || is_new) {
                    continue;
                }
                let timer = Timer::Backoff(partition.id());
                assert!(sender.deadlines.armed_at(timer).is_some(), "{partition:?}");
                continue;
            }
            if self.is_due(partition) {
                assert_eq!(partition.queued, partition.leader, "{partition:?}");
                assert!(broker.ready.contains(&partition.id()), "{partition:?} {broker:?}");
                self.assert_that_it_waits_for_something(partition, broker, node);
            }
        }
    }

    fn is_due(&self, partition: &Partition) -> bool {
        let status = partition.queue().status();
        match partition.turn(&self.sender.policy, self.now) {
            Turn::Nothing => false,
            Turn::Resend => true,
            Turn::Fresh if status.head_encoded => true,
            Turn::Fresh if status.sealed > 0 => false,
            Turn::Fresh => {
                let lingers = |open: &OpenStatus| {
                    !open.full && self.sender.deadlines.lingers(partition.id(), open.since)
                };
                status.ended > 0 || status.open.is_some_and(|open| !lingers(&open))
            }
        }
    }

    fn assert_that_it_waits_for_something(&self, partition: &Partition, broker: &Broker, node: Node) {
        let timer = self.sender.deadlines.armed_at(Timer::Broker(node));
        let is_event_to_come = match &broker.link {
            Link::Dialing { .. } | Link::Abandoned { .. } | Link::Closing(_) => true,
            Link::Down { .. } => timer.is_some(),
            Link::Up(_) if broker.is_throttled(self.now) => timer <= broker.throttled_until,
            Link::Up(connection) => {
                let nameless = partition.needs_identity() && self.sender.ids.current().is_none();
                connection.in_flight() > 0 || broker.batches_to_gather() > 0 || nameless
            }
        };
        assert!(is_event_to_come, "{partition:?} {broker:?}");
    }
}
