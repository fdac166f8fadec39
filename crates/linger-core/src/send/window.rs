//! The window: the batches of a partition that are stamped and not resolved, in the order of their
//! sequences.
//!
//! It knows where each of them stands, not what may become of it: that is
//! [`crate::send::partition`]'s.

use std::collections::VecDeque;
use std::time::Instant;

use linger_protocol::{ErrorCode, RecordSet};

use crate::append::batch::StampedBatch;
use crate::ids::ConnectionId;
use crate::send::flight::Flight;
use crate::send::split::Task;

/// Where a stamped batch stands.
#[derive(Debug)]
enum Attempt {
    /// Waits to be sent (again).
    Idle(StampedBatch),
    /// Sent, unanswered.
    Sent(StampedBatch, Flight),
    /// Its delivery timed out while it was sent. Its records have failed as possibly written, but
    /// only an answer tells whether the sequence goes on after it.
    Expired(Flight),
    /// Is being encoded anew, in parts or without some records.
    Away(Task),
    /// Held by the method that is looking at it. No other method ever sees this.
    Taken,
}

/// A batch that has a place in the sequence.
#[derive(Debug)]
struct Stamped {
    attempt: Attempt,
    /// Attempts that were refused or lost.
    refusals: u32,
    /// The code of the last that was refused.
    last_refusal: Option<ErrorCode>,
    /// How many batches were stamped before it under its epoch. The parts of a split batch share
    /// its number.
    number: u64,
}

/// A batch whose time is up, out of its place.
pub(super) struct Due {
    pub(super) index: usize,
    pub(super) batch: StampedBatch,
    /// The request that it was sent in, if it does not wait.
    pub(super) flight: Option<Flight>,
}

/// What is stamped and unresolved of one partition. An `index` is a batch's place among them, from
/// the front.
#[derive(Debug, Default)]
pub struct Window {
    batches: VecDeque<Stamped>,
    /// Batches stamped under this epoch, resolved ones included.
    stamped: u64,
    /// Tasks given out.
    tasks: u64,
}

impl Window {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.batches.len()
    }

    /// Returns true if all is resolved.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// How many were stamped from the oldest unresolved one on, also if they are resolved.
    pub(super) fn reach(&self) -> usize {
        let oldest = self.batches.front();
        oldest.map_or(0, |oldest| (self.stamped - oldest.number) as usize)
    }

    /// Returns true if something is unanswered or away.
    pub(super) fn is_out(&self) -> bool {
        self.batches.iter().any(|stamped| match stamped.attempt {
            Attempt::Idle(_) => false,
            Attempt::Sent(..) | Attempt::Expired(_) | Attempt::Away(_) | Attempt::Taken => true,
        })
    }

    /// Returns true if something is out that nothing may overtake.
    pub(super) fn is_held(&self) -> bool {
        self.batches.iter().any(|stamped| match stamped.attempt {
            Attempt::Idle(_) | Attempt::Sent(..) => false,
            Attempt::Expired(_) | Attempt::Away(_) | Attempt::Taken => true,
        })
    }

    /// The first that waits to be sent (again).
    pub(super) fn first_idle(&self) -> Option<usize> {
        self.batches
            .iter()
            .position(|stamped| matches!(stamped.attempt, Attempt::Idle(_)))
    }

    /// The first that was sent and whose delivery timed out.
    pub(super) fn first_expired(&self) -> Option<usize> {
        self.batches
            .iter()
            .position(|stamped| matches!(stamped.attempt, Attempt::Expired(_)))
    }

    /// The request of the last that is unanswered and was opened at `cutoff` or before.
    pub(super) fn last_sent_until(&self, cutoff: Instant) -> Option<Flight> {
        self.batches
            .iter()
            .rev()
            .find_map(|stamped| match &stamped.attempt {
                Attempt::Sent(batch, flight) if batch.opened_at() <= cutoff => Some(*flight),
                Attempt::Sent(..)
                | Attempt::Idle(_)
                | Attempt::Expired(_)
                | Attempt::Away(_)
                | Attempt::Taken => None,
            })
    }

    /// When the batches whose deliveries are still open were opened.
    pub(super) fn opened(&self) -> impl Iterator<Item = Instant> {
        self.batches.iter().filter_map(|stamped| match &stamped.attempt {
            Attempt::Idle(batch) | Attempt::Sent(batch, _) => Some(batch.opened_at()),
            Attempt::Expired(_) | Attempt::Away(_) | Attempt::Taken => None,
        })
    }

    /// The one in that request.
    pub(super) fn index_of(&self, flight: Flight) -> Option<usize> {
        self.batches.iter().position(|stamped| match stamped.attempt {
            Attempt::Sent(_, sent) | Attempt::Expired(sent) => sent == flight,
            Attempt::Idle(_) | Attempt::Away(_) | Attempt::Taken => false,
        })
    }

    /// The connection of the oldest that is unanswered.
    pub(super) fn connection(&self) -> Option<ConnectionId> {
        self.batches.iter().find_map(|stamped| match stamped.attempt {
            Attempt::Sent(_, flight) | Attempt::Expired(flight) => Some(flight.connection),
            Attempt::Idle(_) | Attempt::Away(_) | Attempt::Taken => None,
        })
    }

    /// Returns true if all that is unanswered is on the connection of that request, and not in the
    /// request itself.
    fn may_be_in(&self, flight: Flight) -> bool {
        let is_same = |connection| connection == flight.connection;
        self.connection().is_none_or(is_same) && self.index_of(flight).is_none()
    }

    /// The one that is away for that task.
    pub(super) fn index_of_task(&self, task: Task) -> Option<usize> {
        self.batches
            .iter()
            .position(|stamped| matches!(stamped.attempt, Attempt::Away(away) if away == task))
    }

    /// How many of its attempts were refused or lost.
    pub(super) fn refusals(&self, index: usize) -> u32 {
        self.batches[index].refusals
    }

    /// The code of its last attempt that was refused.
    pub(super) fn last_refusal(&self, index: usize) -> Option<ErrorCode> {
        self.batches[index].last_refusal
    }

    /// Counts an attempt that was refused with `code`, or lost. Returns how many there are now.
    pub(super) fn count_refusal(&mut self, index: usize, code: Option<ErrorCode>) -> u32 {
        let stamped = &mut self.batches[index];
        stamped.refusals += 1;
        stamped.last_refusal = code.or(stamped.last_refusal);
        stamped.refusals
    }

    /// Adds a batch that was just stamped and is sent.
    pub(super) fn push(&mut self, batch: StampedBatch, flight: Flight) {
        debug_assert!(self.may_be_in(flight), "{flight:?}: {self:?}");
        self.batches.push_back(Stamped {
            attempt: Attempt::Sent(batch, flight),
            refusals: 0,
            last_refusal: None,
            number: self.stamped,
        });
        self.stamped += 1;
    }

    /// The size of what [`Self::resend`] would send, in bytes.
    pub(super) fn resend_size(&self) -> usize {
        self.batches
            .iter()
            .find_map(|stamped| match &stamped.attempt {
                Attempt::Idle(batch) => Some(batch.size()),
                Attempt::Sent(..) | Attempt::Expired(_) | Attempt::Away(_) | Attempt::Taken => None,
            })
            .unwrap_or(0)
    }

    /// Sends the first waiting batch again: the same bytes.
    pub(super) fn resend(&mut self, flight: Flight) -> Option<RecordSet> {
        let index = self.first_idle()?;
        let batch = self.take(index)?;
        let records = batch.record_set();
        debug_assert!(self.may_be_in(flight), "{flight:?}: {self:?}");
        self.batches[index].attempt = Attempt::Sent(batch, flight);
        Some(records)
    }

    /// Takes a batch that waits or was sent out of its place, which the caller fills or removes.
    /// `None` if it expired or is away.
    pub(super) fn take(&mut self, index: usize) -> Option<StampedBatch> {
        let attempt = &mut self.batches[index].attempt;
        match std::mem::replace(attempt, Attempt::Taken) {
            Attempt::Idle(batch) | Attempt::Sent(batch, _) => Some(batch),
            other @ (Attempt::Expired(_) | Attempt::Away(_) | Attempt::Taken) => {
                *attempt = other;
                None
            }
        }
    }

    /// The same, if the batch is unanswered in a request that `is_meant`.
    pub(super) fn take_sent(
        &mut self,
        index: usize,
        is_meant: impl Fn(Flight) -> bool,
    ) -> Option<StampedBatch> {
        self.flight(index).filter(|flight| is_meant(*flight))?;
        self.take(index)
    }

    /// The same, for the first that was opened at `cutoff` or before and either waits or was sent
    /// in a request that `is_written`.
    pub(super) fn take_due(&mut self, cutoff: Instant, is_written: impl Fn(Flight) -> bool) -> Option<Due> {
        let is_due = |stamped: &Stamped| match &stamped.attempt {
            Attempt::Idle(batch) => batch.opened_at() <= cutoff,
            Attempt::Sent(batch, flight) => batch.opened_at() <= cutoff && is_written(*flight),
            Attempt::Expired(_) | Attempt::Away(_) | Attempt::Taken => false,
        };
        let index = self.batches.iter().position(is_due)?;
        let flight = self.flight(index);
        let batch = self.take(index)?;
        Some(Due { index, batch, flight })
    }

    /// In which request a batch is unanswered.
    fn flight(&self, index: usize) -> Option<Flight> {
        match self.batches[index].attempt {
            Attempt::Sent(_, flight) => Some(flight),
            Attempt::Idle(_) | Attempt::Expired(_) | Attempt::Away(_) | Attempt::Taken => None,
        }
    }

    /// Fills a place with its batch, which waits to be sent (again).
    pub(super) fn put_back(&mut self, index: usize, batch: StampedBatch) {
        self.batches[index].attempt = Attempt::Idle(batch);
    }

    /// Fills a place with what is left of a batch whose delivery timed out while it was sent.
    pub(super) fn expire(&mut self, index: usize, flight: Flight) {
        self.batches[index].attempt = Attempt::Expired(flight);
    }

    /// Fills a place with the promise of parts of its batch.
    pub(super) fn send_away(&mut self, index: usize) -> Task {
        let task = Task(self.tasks);
        self.tasks += 1;
        self.batches[index].attempt = Attempt::Away(task);
        task
    }

    /// Puts the parts of a batch in its place. They wait, and inherit what it was refused with.
    pub(super) fn replace(&mut self, index: usize, parts: Vec<StampedBatch>) {
        let Some(whole) = self.batches.remove(index) else {
            return;
        };
        for (nth, part) in parts.into_iter().enumerate() {
            let attempt = Attempt::Idle(part);
            self.batches.insert(index + nth, Stamped { attempt, ..whole });
        }
    }

    /// Removes a place.
    pub(super) fn remove(&mut self, index: usize) {
        self.batches.remove(index);
    }

    /// Begins to count anew, under a new epoch. Of the batches, which all wait, those go on that
    /// `restamp` gives back; it gets each with the code of its last refusal.
    pub(super) fn begin_epoch(
        &mut self,
        mut restamp: impl FnMut(StampedBatch, Option<ErrorCode>) -> Option<StampedBatch>,
    ) {
        self.stamped = 0;
        for mut stamped in std::mem::take(&mut self.batches) {
            let Attempt::Idle(batch) = stamped.attempt else {
                continue;
            };
            if let Some(batch) = restamp(batch, stamped.last_refusal) {
                stamped.attempt = Attempt::Idle(batch);
                stamped.number = self.stamped;
                self.stamped += 1;
                self.batches.push_back(stamped);
            }
        }
    }

    /// Notes for every batch that is in a request which `was_written` that it may have been
    /// written.
    pub(super) fn note_written(&mut self, was_written: impl Fn(Flight) -> bool) {
        for stamped in &mut self.batches {
            match &mut stamped.attempt {
                Attempt::Sent(batch, flight) if was_written(*flight) => batch.note_possibly_written(),
                Attempt::Sent(..)
                | Attempt::Idle(_)
                | Attempt::Expired(_)
                | Attempt::Away(_)
                | Attempt::Taken => {}
            }
        }
    }

    /// Removes all but what is sent. Returns what waited, in order.
    pub(super) fn clear(&mut self) -> Vec<StampedBatch> {
        let mut waited = Vec::new();
        for stamped in std::mem::take(&mut self.batches) {
            match stamped.attempt {
                Attempt::Idle(batch) => waited.push(batch),
                Attempt::Sent(..) => self.batches.push_back(stamped),
                Attempt::Expired(_) | Attempt::Away(_) | Attempt::Taken => {}
            }
        }
        waited
    }
}
