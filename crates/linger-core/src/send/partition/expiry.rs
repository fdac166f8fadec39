//! The batches of a partition that fail without an answer: because their time is up, or because the
//! producer ends.

use std::time::Instant;

use super::Partition;
use crate::error::{Certainty, DeliveryError};
use crate::ids::ConnectionId;
use crate::send::failure::timed_out;
use crate::send::flight::Flight;
use crate::send::policy::Policy;
use crate::send::sequence::Idempotence;

impl Partition {
    /// Fails what is older than `delivery.timeout.ms`. Returns a connection that must end first,
    /// because a batch that is due is half written on it.
    pub fn expire(
        &mut self,
        policy: &Policy,
        is_written: impl Fn(Flight) -> bool,
        now: Instant,
    ) -> Option<ConnectionId> {
        let cutoff = now.checked_sub(policy.delivery_timeout)?;
        let _ = self
            .queue
            .expire(cutoff, || timed_out(Certainty::NotWritten, None));
        while let Some(due) = self.window.take_due(cutoff, &is_written) {
            let (index, mut batch) = (due.index, due.batch);
            let last_refusal = self.window.last_refusal(index);
            let Some(flight) = due.flight else {
                let error = timed_out(batch.certainty(), last_refusal);
                self.fail(index, batch, error, policy);
                continue;
            };
            batch.note_possibly_written();
            batch.fail(timed_out(Certainty::PossiblyWritten, last_refusal));
            match policy.idempotence {
                Idempotence::On => self.window.expire(index, flight),
                Idempotence::Off => self.forget(index),
            }
        }
        let half_written = self.window.last_sent_until(cutoff);
        half_written.map(|flight| flight.connection)
    }

    /// When [`Self::expire`] will next have something to do.
    pub fn next_expiry(&self, policy: &Policy, now: Instant) -> Option<Instant> {
        self.window
            .opened()
            .chain(self.queue.status().oldest)
            .map(|opened| opened + policy.delivery_timeout)
            .filter(|at| *at > now)
            .min()
    }

    /// Notes for every batch in a request that `was_written` to its last byte that it may have been
    /// written.
    pub fn note_written(&mut self, was_written: impl Fn(Flight) -> bool) {
        self.window.note_written(was_written);
    }

    /// Fails all there is, each batch with its certainty, except what `is_undecided`: sent, and
    /// soon known to be written or not.
    pub fn abandon(
        &mut self,
        error: impl Fn(Certainty) -> DeliveryError,
        is_undecided: impl Fn(Flight) -> bool,
    ) {
        let _ = self.queue.purge(|| error(Certainty::NotWritten));
        self.give_up(|flight| !is_undecided(flight));
        for batch in self.window.clear() {
            let error = error(batch.certainty());
            batch.fail(error);
        }
    }
}
