//! The end of the producer: what a close, its deadline, or an answer after which nothing is
//! accepted means to whom.

use std::time::Instant;

use linger_protocol::ErrorCode;

use crate::append::accumulator::Accumulator;
use crate::send::action::Action;
use crate::send::brokers::Brokers;
use crate::send::closing::{CLOSE_PATIENCE, Closing, Phase, Undecided};
use crate::send::deadlines::{Deadlines, Timer};
use crate::send::flushes::Flushes;
use crate::send::outbox::Outbox;
use crate::send::partitions::Partitions;

/// The parts that end.
pub(super) struct Ending<'a> {
    pub(super) accumulator: &'a Accumulator,
    pub(super) brokers: &'a mut Brokers,
    pub(super) partitions: &'a mut Partitions,
    pub(super) closing: &'a mut Closing,
    pub(super) flushes: &'a mut Flushes,
    pub(super) deadlines: &'a mut Deadlines,
    pub(super) outbox: &'a mut Outbox,
}

impl Ending<'_> {
    /// Nothing will be accepted from this producer any more.
    pub(super) fn fail(mut self, code: ErrorCode) {
        self.closing.fail(code);
        self.accumulator.close();
        self.abandon_all(Undecided::Fail);
    }

    /// The deadline of `close` has come, or the patience after it is over: what is left fails.
    pub(super) fn handle_timeout(mut self, now: Instant) {
        match self.closing.phase() {
            Phase::Closing { last_flush, .. } => {
                self.abandon_all(Undecided::Wait);
                self.brokers.disconnect_all(self.outbox);
                self.closing.give_up(last_flush);
                *self.deadlines = Deadlines::new();
                self.deadlines.arm(Timer::Close, now + CLOSE_PATIENCE);
            }
            Phase::GivenUp { .. } => {
                self.abandon_all(Undecided::Fail);
                self.close();
            }
            Phase::Open | Phase::Closed => {}
        }
    }

    fn abandon_all(&mut self, undecided: Undecided) {
        for partition in self.partitions.iter_mut() {
            self.closing.abandon(partition, undecided, self.brokers);
        }
    }

    /// Tells of the flushes that are done, and ends the close if its own flush is.
    pub(super) fn finish_flushes(self) {
        self.flushes.finish(self.accumulator, self.outbox);
        if self.closing.is_all_resolved(self.accumulator) {
            self.close();
        }
    }

    /// Lets go of everything.
    fn close(self) {
        self.closing.finish(self.accumulator);
        self.brokers.disconnect_all(self.outbox);
        *self.deadlines = Deadlines::new();
        self.flushes.finish_all(self.outbox);
        self.outbox.push(Action::Closed);
    }
}
