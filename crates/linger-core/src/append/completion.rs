//! What the deliveries of one batch share: its outcome once it has one, and until then the tasks
//! that await it.
//!
//! One allocation per batch, none per record.

use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Waker;

use crate::append::account::Account;
use crate::append::lock::lock;
use crate::append::wakers::Wakers;
use crate::error::DeliveryError;
use crate::undelivered::Undelivered;

pub(crate) struct Completion {
    account: Arc<Account>,
    /// As the account says; here because each delivery reads it.
    partition: i32,
    /// The outcome of a batch that was never split; read without the lock.
    whole: OnceLock<Outcome>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The outcomes of a split batch, by first index; they do not overlap.
    parts: Vec<Part>,
    wakers: Wakers,
}

struct Part {
    indexes: Range<u32>,
    /// Position of the first of `indexes` in the batch that had this outcome.
    position: u32,
    outcome: Outcome,
}

/// What became of a batch.
#[derive(Clone)]
pub(crate) enum Outcome {
    Acknowledged {
        base_offset: Option<i64>,
        log_append_time: Option<i64>,
    },
    Failed {
        error: DeliveryError,
        undelivered: Option<Arc<Undelivered>>,
    },
}

/// What became of one record: the outcome of its batch, and its position in the batch that had this
/// outcome.
pub(crate) type RecordOutcome = (Outcome, u32);

impl Completion {
    pub(crate) fn new(account: Arc<Account>) -> Self {
        Self {
            partition: account.partition(),
            account,
            whole: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    pub(crate) fn topic(&self) -> &Arc<str> {
        self.account.topic()
    }

    #[inline]
    pub(crate) fn partition(&self) -> i32 {
        self.partition
    }

    /// The outcome of the batch, if it is known and the batch was never split.
    #[inline]
    pub(crate) fn whole(&self) -> Option<&Outcome> {
        self.whole.get()
    }

    /// What became of the record at `index`, if that is known.
    pub(crate) fn outcome(&self, index: u32) -> Option<RecordOutcome> {
        self.resolved(index, &lock(&self.state))
    }

    /// The same. If it is not known yet, makes sure that `waker` is woken, for the delivery that
    /// was registered in `slot`.
    pub(crate) fn outcome_or_register(
        &self,
        index: u32,
        slot: &mut u32,
        waker: &Waker,
    ) -> Option<RecordOutcome> {
        let mut state = lock(&self.state);
        // Publishing comes first and takes the wakers under this lock afterwards, so none is registered too
        // late.
        let resolved = self.resolved(index, &state);
        if resolved.is_none() {
            *slot = state.wakers.register(*slot, waker);
        }
        resolved
    }

    fn resolved(&self, index: u32, state: &State) -> Option<RecordOutcome> {
        if let Some(outcome) = self.whole.get() {
            return Some((outcome.clone(), index));
        }
        let after = state.parts.partition_point(|part| part.indexes.start <= index);
        let part = state.parts[..after]
            .last()
            .filter(|part| part.indexes.contains(&index))?;
        let position = part.position + (index - part.indexes.start);
        Some((part.outcome.clone(), position))
    }

    /// Publishes the outcome of a batch that was never split, and returns who awaits it.
    pub(crate) fn publish_whole(&self, outcome: Outcome) -> Wakers {
        // A batch that was never split has one completer, which resolves once.
        let _ = self.whole.set(outcome);
        lock(&self.state).wakers.take()
    }

    /// Publishes the outcome of the records at `ranges`, which made a batch in this order, and
    /// returns who awaits any record of the original batch.
    pub(crate) fn publish_part(&self, ranges: &[Range<u32>], outcome: &Outcome) -> Wakers {
        let mut state = lock(&self.state);
        let mut position = 0;
        for indexes in ranges {
            let after = state
                .parts
                .partition_point(|part| part.indexes.start < indexes.start);
            let part = Part {
                indexes: indexes.clone(),
                position,
                outcome: outcome.clone(),
            };
            state.parts.insert(after, part);
            position += indexes.end - indexes.start;
        }
        state.wakers.take()
    }

    #[cfg(test)]
    pub(crate) fn wakers(&self) -> usize {
        lock(&self.state).wakers.count()
    }
}
