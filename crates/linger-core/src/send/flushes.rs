//! The flushes that are not done, and which batches do not linger because of them.

use std::time::Instant;

use crate::append::accumulator::Accumulator;
use crate::ids::FlushId;
use crate::send::action::Action;
use crate::send::outbox::Outbox;

/// The flushes that are not done.
#[derive(Debug, Default)]
pub struct Flushes {
    waiting: Vec<FlushId>,
    /// Batches that were opened at this time or before do not linger.
    no_linger_before: Option<Instant>,
}

impl Flushes {
    /// Adds a flush.
    pub fn begin(&mut self, flush: FlushId) {
        self.waiting.push(flush);
    }

    /// Lets no batch linger that was opened at `opened` or before: for a flush, a close, or when
    /// memory is short.
    pub fn end_linger(&mut self, opened: Instant) {
        self.no_linger_before = self.no_linger_before.max(Some(opened));
    }

    /// Batches that were opened at this time or before do not linger.
    pub fn no_linger_before(&self) -> Option<Instant> {
        self.no_linger_before
    }

    /// Tells of the flushes that are done.
    pub fn finish(&mut self, accumulator: &Accumulator, outbox: &mut Outbox) {
        self.waiting.retain(|flush| {
            let is_done = accumulator.flush_done(*flush);
            if is_done {
                outbox.push(Action::Flushed(*flush));
            }
            !is_done
        });
    }

    /// Tells of all flushes, done or not: nothing more will be sent.
    pub fn finish_all(&mut self, outbox: &mut Outbox) {
        for flush in self.waiting.drain(..) {
            outbox.push(Action::Flushed(flush));
        }
    }
}
