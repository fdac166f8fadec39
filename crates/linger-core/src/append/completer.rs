//! Who resolves the records of a batch: each batch has one completer, a split batch one for each
//! part.
//!
//! A completer that is dropped fails its records with the certainty that it carries.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::append::account::Account;
use crate::append::completion::{Completion, Outcome};
use crate::append::flush::Flushed;
use crate::append::ledger::{Settled, Stage};
use crate::append::share::{Owner, Share};
use crate::append::wakers::Wakers;
use crate::error::{Certainty, DeliveryError, DeliveryErrorKind};
use crate::undelivered::Undelivered;

/// Resolves some records of a batch, once. Dropped, it fails them as abandoned.
pub(crate) struct Completer {
    completion: Owner<Completion>,
    indexes: Indexes,
    certainty: Certainty,
    stage: Stage,
    generation: u64,
    resolved: bool,
}

/// Indexes of records in their original batch, in the order of their positions in the present one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Indexes {
    /// All of them: the batch was never split.
    Whole(u32),
    Some(Vec<Range<u32>>),
}

impl Completer {
    /// The completer of a batch about to open, which belongs to `generation` of flushes.
    pub(crate) fn new(account: Arc<Account>, generation: u64) -> Self {
        Self {
            completion: Owner::new(Completion::new(account)),
            indexes: Indexes::Whole(0),
            certainty: Certainty::NotWritten,
            stage: Stage::Queued,
            generation,
            resolved: false,
        }
    }

    /// A share in the outcome, for the delivery of one record.
    #[inline]
    pub(crate) fn give(&mut self) -> Share<Completion> {
        self.completion.give()
    }

    pub(crate) fn account(&self) -> &Arc<Account> {
        self.completion.account()
    }

    pub(crate) fn count(&self) -> u32 {
        match &self.indexes {
            Indexes::Whole(count) => *count,
            Indexes::Some(ranges) => ranges.iter().map(|range| range.end - range.start).sum(),
        }
    }

    pub(crate) fn certainty(&self) -> Certainty {
        self.certainty
    }

    /// The batch is sealed with `count` records.
    pub(crate) fn seal(&mut self, count: u32) {
        self.indexes = Indexes::Whole(count);
    }

    /// The batch has left its queue: its records are in flight from now on.
    pub(crate) fn depart(&mut self) {
        self.stage = Stage::InFlight;
    }

    pub(crate) fn note_possibly_written(&mut self) {
        self.certainty = Certainty::PossiblyWritten;
    }

    /// Whether the application may ask for the records if they fail as `kind`.
    pub(crate) fn records_wanted(&self, kind: DeliveryErrorKind) -> bool {
        kind == DeliveryErrorKind::Closed || self.completion.is_shared()
    }

    /// Ends a completer. Records that it still has fail as abandoned.
    pub(crate) fn discard_if_empty(self) {
        if self.count() == 0 {
            self.discard();
        }
    }

    /// Ends a completer that has no record. Call it with no lock held.
    pub(crate) fn discard(mut self) {
        self.resolved = true;
        self.account()
            .flushes()
            .leave(self.generation, Flushed::default());
    }

    pub(crate) fn acknowledge(mut self, base_offset: Option<i64>, log_append_time: Option<i64>) {
        self.resolve(Outcome::Acknowledged {
            base_offset,
            log_append_time,
        });
    }

    /// Fails the records at least as uncertainly as the batch's history makes them.
    pub(crate) fn fail(mut self, error: DeliveryError, undelivered: Option<Arc<Undelivered>>) {
        let error = error.at_least(self.certainty);
        self.resolve(Outcome::Failed { error, undelivered });
    }

    /// Splits off the records from position `at` on.
    pub(crate) fn split_off(&mut self, at: u32) -> Self {
        let mut head = Vec::new();
        let mut tail = Vec::new();
        let mut position = 0;
        for range in self.ranges() {
            let length = range.end - range.start;
            let cut = range.start + at.saturating_sub(position).min(length);
            push(&mut head, range.start..cut);
            push(&mut tail, cut..range.end);
            position += length;
        }
        self.part(head, tail)
    }

    /// Splits off the records at `positions`, ascending.
    pub(crate) fn take_out(&mut self, positions: &[u32]) -> Self {
        let mut kept = Vec::new();
        let mut taken = Vec::new();
        let mut wanted = positions.iter().copied().peekable();
        let all = self.ranges().into_iter().flatten().enumerate();
        for (position, index) in all {
            let into = if wanted.next_if_eq(&(position as u32)).is_some() {
                &mut taken
            } else {
                &mut kept
            };
            push(into, index..index + 1);
        }
        self.part(kept, taken)
    }

    fn part(&mut self, kept: Vec<Range<u32>>, split_off: Vec<Range<u32>>) -> Self {
        self.account().flushes().enter_part(self.generation);
        self.indexes = Indexes::Some(kept);
        Self {
            completion: self.completion.part(),
            indexes: Indexes::Some(split_off),
            certainty: self.certainty,
            stage: self.stage,
            generation: self.generation,
            resolved: false,
        }
    }

    #[expect(
        clippy::single_range_in_vec_init,
        reason = "a list of ranges, which may be one"
    )]
    fn ranges(&self) -> Vec<Range<u32>> {
        match &self.indexes {
            Indexes::Whole(count) => vec![0..*count],
            Indexes::Some(ranges) => ranges.clone(),
        }
    }

    /// Counts, publishes, then wakes: a woken task finds the counts right, and a flush that is done
    /// has had its deliveries resolved.
    fn resolve(&mut self, outcome: Outcome) {
        self.resolved = true;
        let account = self.account().clone();
        let count = self.count();
        account.settle(self.stage, count, settled_as(&outcome));
        let flushed = match &outcome {
            Outcome::Acknowledged { .. } => Flushed {
                acknowledged: count.into(),
                failed: 0,
            },
            Outcome::Failed { error, undelivered } => {
                if let (DeliveryErrorKind::Closed, Some(undelivered)) = (error.kind(), undelivered) {
                    account.hand_back(undelivered.clone(), error.certainty());
                }
                Flushed {
                    acknowledged: 0,
                    failed: count.into(),
                }
            }
        };
        self.publish(outcome).wake();
        account.flushes().leave(self.generation, flushed);
    }

    fn publish(&self, outcome: Outcome) -> Wakers {
        match &self.indexes {
            Indexes::Whole(_) => self.completion.publish_whole(outcome),
            Indexes::Some(ranges) => self.completion.publish_part(ranges, &outcome),
        }
    }
}

/// How the records of a batch are counted that has this outcome.
fn settled_as(outcome: &Outcome) -> Settled {
    match outcome {
        Outcome::Acknowledged { .. } => Settled::Acknowledged,
        Outcome::Failed { error, .. } => match error.kind() {
            DeliveryErrorKind::Closed | DeliveryErrorKind::Cancelled
                if error.certainty() == Certainty::NotWritten =>
            {
                Settled::Returned
            }
            _ => Settled::Failed,
        },
    }
}

/// Adds a range to ascending ones, joined with the last where they touch.
fn push(ranges: &mut Vec<Range<u32>>, range: Range<u32>) {
    if range.is_empty() {
        return;
    }
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}

impl Drop for Completer {
    fn drop(&mut self) {
        if !self.resolved {
            let error = DeliveryError::new(DeliveryErrorKind::Abandoned, self.certainty);
            self.resolve(Outcome::Failed {
                error,
                undelivered: None,
            });
        }
    }
}

impl fmt::Debug for Completer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completer")
            .field("topic", self.completion.topic())
            .field("partition", &self.completion.partition())
            .field("indexes", &self.indexes)
            .field("certainty", &self.certainty)
            .finish()
    }
}
