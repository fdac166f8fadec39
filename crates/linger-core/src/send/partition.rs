//! One partition: what may leave next, and what becomes of a batch that left.
//!
//! Every rule about the order, the identity and the certainty of a partition's batches is here.
//! Where each of them stands is in its window (`send/window.rs`). See [`Flow`] for how many batches
//! may be out at a time, and [`crate::send::verdict`] for what an answer means.

mod expiry;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use linger_protocol::messages::PartitionProduceResponse;
use linger_protocol::{ErrorCode, RecordSet};

use crate::append::batch::{EncodedBatch, SplitJob, StampedBatch};
use crate::append::growth::Growth;
use crate::append::queue::PartitionQueue;
use crate::config::Acks;
use crate::error::{Certainty, DeliveryError, DeliveryErrorKind};
use crate::ids::{BrokerId, ConnectionId, PartitionId};
use crate::send::backoff::Rng;
use crate::send::failure::{refused, retries_exhausted, with_last_refusal};
use crate::send::flight::{Flight, Written};
use crate::send::flow::{Flow, NextSend};
use crate::send::identity::Identity;
use crate::send::linger::Linger;
use crate::send::policy::{EpochOwner, Policy};
use crate::send::sequence::{Idempotence, ProducerIdentity, Sequence, UNSTAMPED};
use crate::send::split::{SplitResult, SplitTask};
use crate::send::verdict::{Context, Next, classify};
use crate::send::window::Window;

/// What the sender has to do after an answer.
#[derive(Debug, Default)]
pub struct Reaction {
    /// Ask for metadata.
    pub stale_metadata: bool,
    /// Run this off the I/O tasks, and bring the result back.
    pub task: Option<SplitTask>,
    /// Nothing this producer sends will be accepted.
    pub fatal: Option<ErrorCode>,
}

/// What is stamped and unresolved of one partition.
#[derive(Debug)]
pub struct Partition {
    queue: Arc<PartitionQueue>,
    leader: Option<BrokerId>,
    /// The growth limit that the queue reads, if it was given one.
    growth: Option<Arc<Growth>>,
    /// The open batch, and how long it lingers.
    pub linger: Linger,
    /// A timer watches the oldest batch.
    is_watched: bool,
    flow: Flow,
    /// The end of the back-off.
    not_before: Option<Instant>,
    identity: Option<ProducerIdentity>,
    next: Sequence,
    window: Window,
    /// Failures since the last success.
    failures: u32,
}

impl Partition {
    /// A partition of which nothing was sent.
    pub fn new(queue: Arc<PartitionQueue>, policy: &Policy) -> Self {
        let flow = match policy.idempotence {
            Idempotence::On => Flow::Probe,
            Idempotence::Off => Flow::Open,
        };
        Self {
            linger: Linger::new(queue.id()),
            queue,
            leader: None,
            growth: None,
            is_watched: false,
            flow,
            not_before: None,
            identity: None,
            next: Sequence::ZERO,
            window: Window::default(),
            failures: 0,
        }
    }

    /// The queue of what is not stamped yet.
    pub fn queue(&self) -> &Arc<PartitionQueue> {
        &self.queue
    }

    /// Its name.
    pub fn id(&self) -> PartitionId {
        self.queue.id()
    }

    /// The broker that leads the partition.
    pub fn leader(&self) -> Option<BrokerId> {
        self.leader
    }

    /// Lets the batches grow as far as the leader has its batches grow.
    pub fn follow_growth(&mut self, growth: &Arc<Growth>) {
        let is_same = |before: &Arc<Growth>| Arc::ptr_eq(before, growth);
        if !self.growth.as_ref().is_some_and(is_same) {
            self.growth = Some(growth.clone());
            self.queue.set_growth(growth.clone());
        }
    }

    /// Notes that a timer watches the oldest batch from now on. Returns false if one did before.
    pub fn watch(&mut self) -> bool {
        !std::mem::replace(&mut self.is_watched, true)
    }

    /// Notes that no timer watches the oldest batch any more.
    pub fn unwatch(&mut self) {
        self.is_watched = false;
    }

    /// The end of the back-off, if that is later than `now`.
    pub fn backs_off_until(&self, now: Instant) -> Option<Instant> {
        self.not_before.filter(|at| *at > now)
    }

    /// Returns true if a batch waits to be sent again.
    pub fn resends(&self) -> bool {
        self.window.first_idle().is_some()
    }

    /// Returns true if something is not resolved.
    pub fn has_work(&self) -> bool {
        !self.window.is_empty() || self.queue.status().oldest.is_some()
    }

    /// Returns true if a batch is in that request.
    pub fn is_in(&self, flight: Flight) -> bool {
        self.window.index_of(flight).is_some()
    }

    /// The connection on which batches are in flight. They are on one connection at a time.
    pub fn connection(&self) -> Option<ConnectionId> {
        self.window.connection()
    }

    /// Returns true if the next batch needs an identity from the producer: the first one, or one
    /// after the epochs were used up.
    pub fn needs_identity(&self) -> bool {
        match self.flow {
            Flow::Draining { intact: 0 } => !self.window.is_out(),
            Flow::Probe | Flow::Open | Flow::Draining { .. } => self.identity.is_none(),
        }
    }

    /// What may leave at `now`, provided that the leader can take it.
    pub fn next_send(&self, policy: &Policy, now: Instant) -> NextSend {
        if self.backs_off_until(now).is_some() {
            return NextSend::Nothing;
        }
        self.flow.next_send(&self.window, policy)
    }

    /// The size of what [`NextSend::Resend`] would send, in bytes.
    pub fn resend_size(&self) -> usize {
        self.window.resend_size()
    }

    /// Sends the first waiting batch again: the same bytes.
    pub fn resend(&mut self, flight: Flight) -> Option<RecordSet> {
        self.window.resend(flight)
    }

    /// Stamps the head of the queue, once, and sends it.
    ///
    /// # Panics
    /// When the producer is idempotent and neither the partition nor the producer has an identity;
    /// [`Self::needs_identity`] tells.
    pub fn send(
        &mut self,
        batch: EncodedBatch,
        flight: Flight,
        policy: &Policy,
        identity: &Identity,
    ) -> RecordSet {
        let stamp = match policy.idempotence {
            Idempotence::Off => UNSTAMPED,
            Idempotence::On => {
                let identity = self
                    .identity
                    .or_else(|| identity.current())
                    .expect("a batch is stamped only with an identity");
                self.identity = Some(identity);
                identity.stamp(self.next)
            }
        };
        let batch = batch.stamp(stamp);
        self.next = self.next.after(batch.count());
        let records = batch.record_set();
        self.window.push(batch, flight);
        records
    }

    /// Takes a broker's answer. An answer that no batch waits for any more is ignored: a leader of
    /// the past sent it.
    pub fn answered(
        &mut self,
        flight: Flight,
        answer: &PartitionProduceResponse,
        policy: &Policy,
        rng: &mut Rng,
        now: Instant,
    ) -> Reaction {
        let Some(index) = self.window.index_of(flight) else {
            return Reaction::default();
        };
        let Some(mut batch) = self.window.take(index) else {
            self.expired_answered(index, answer.error_code, policy);
            return Reaction::default();
        };
        let context = Context {
            acks: policy.acks,
            idempotence: policy.idempotence,
            count: batch.count(),
            predecessors: index,
            culprits: answer.record_errors.len(),
            refusals: self.window.refusals(index),
        };
        let verdict = classify(answer.error_code, answer.base_offset, &context);
        if verdict.certainty == Certainty::PossiblyWritten {
            batch.note_possibly_written();
        }
        let mut reaction = Reaction {
            stale_metadata: verdict.stale_metadata,
            ..Reaction::default()
        };
        let next = match verdict.next {
            // The broker could not tell a copy of it under another place in the sequence.
            Next::DropCulprits | Next::NewEpoch if batch.certainty() == Certainty::PossiblyWritten => {
                Next::Fail
            }
            next => next,
        };
        match next {
            Next::Acknowledge { offset } => {
                let log_append_time = (answer.log_append_time_ms >= 0).then_some(answer.log_append_time_ms);
                batch.acknowledge(offset, log_append_time);
                self.forget(index);
                self.succeeded();
            }
            Next::Retry => {
                self.back_off(policy, rng, now);
                self.refused(index, batch, Some(answer.error_code), policy);
            }
            Next::AwaitPredecessor => {
                self.flow.probe();
                self.window.put_back(index, batch);
            }
            Next::Split => {
                self.flow.probe();
                self.queue.limit_batches(batch.size() / 2);
                match batch.split_job() {
                    Ok(job) => reaction.task = Some(self.send_away(index, job)),
                    Err(batch) => self.fail(index, batch, refused(answer), policy),
                }
            }
            Next::DropCulprits => {
                let named = answer.record_errors.iter();
                let culprits: Vec<u32> = named
                    .filter_map(|culprit| culprit.batch_index.try_into().ok())
                    .collect();
                self.gap_at(index, policy);
                match batch.without_culprits(&culprits, refused(answer)) {
                    Some(job) => reaction.task = Some(self.send_away(index, job)),
                    None => self.forget(index),
                }
            }
            Next::NewEpoch => {
                self.back_off(policy, rng, now);
                self.gap_at(index, policy);
                self.refused(index, batch, Some(answer.error_code), policy);
            }
            Next::Fail => self.fail(index, batch, refused(answer), policy),
            Next::Fatal => {
                reaction.fatal = Some(answer.error_code);
                self.fail(index, batch, refused(answer), policy);
            }
        }
        reaction
    }

    /// An answer to a batch whose records have failed already: it only tells whether the sequence
    /// goes on.
    fn expired_answered(&mut self, index: usize, code: ErrorCode, policy: &Policy) {
        self.forget(index);
        if matches!(code, ErrorCode::NONE | ErrorCode::DUPLICATE_SEQUENCE_NUMBER) {
            self.succeeded();
        } else {
            self.gap_at(index, policy);
        }
    }

    fn succeeded(&mut self) {
        self.failures = 0;
        self.not_before = None;
        self.flow.succeeded();
    }

    fn back_off(&mut self, policy: &Policy, rng: &mut Rng, now: Instant) {
        self.not_before = Some(now + policy.backoff.delay(self.failures, rng));
        self.failures = self.failures.saturating_add(1);
    }

    /// An attempt failed. The batch waits for the next attempt, if `retries` allows one.
    fn refused(&mut self, index: usize, batch: StampedBatch, code: Option<ErrorCode>, policy: &Policy) {
        self.flow.probe();
        if self.window.count_refusal(index, code) <= policy.retries {
            self.window.put_back(index, batch);
        } else {
            let error = retries_exhausted(code);
            self.fail(index, batch, error, policy);
        }
    }

    /// A batch fails for good, and its range of the sequence is spent.
    fn fail(&mut self, index: usize, batch: StampedBatch, error: DeliveryError, policy: &Policy) {
        self.forget(index);
        batch.fail(error);
        self.gap_at(index, policy);
    }

    /// Removes a batch that is resolved.
    fn forget(&mut self, index: usize) {
        self.window.remove(index);
        self.flow.replaced(index, 0);
    }

    /// What is at `index` and after it cannot be sent under this epoch any more.
    fn gap_at(&mut self, index: usize, policy: &Policy) {
        if policy.idempotence == Idempotence::On {
            self.flow.gap_at(index);
        }
    }

    /// Begins a new epoch if one is needed and nothing of the old one is unanswered: what may have
    /// been written fails, because the broker could not tell its copy; what was not written is
    /// numbered anew, from 0.
    ///
    /// A copy that is still on its way cannot be doubled by this: it is of the first kind, and the
    /// first batch of the new epoch fences it.
    pub fn settle(&mut self, policy: &Policy, identity: &mut Identity) {
        if self.flow != (Flow::Draining { intact: 0 }) || self.window.is_out() {
            return;
        }
        let Some(spent) = self.identity else {
            self.flow = Flow::Probe;
            return;
        };
        let successor = match policy.epoch_owner {
            EpochOwner::Partition => identity.successor(spent),
        };
        let Some(identity) = successor else {
            return;
        };
        self.identity = Some(identity);
        self.flow = Flow::Probe;
        let mut next = Sequence::ZERO;
        self.window.begin_epoch(|mut batch, last_refusal| {
            if batch.certainty() == Certainty::PossiblyWritten {
                let error = DeliveryError::possibly_written(DeliveryErrorKind::Refused);
                batch.fail(with_last_refusal(error, last_refusal));
                return None;
            }
            batch.restamp(identity.stamp(next));
            next = next.after(batch.count());
            Some(batch)
        });
        self.next = next;
    }

    /// The request was lost with its connection. `written`: how much of it was handed to the
    /// transport.
    pub fn lost(&mut self, flight: Flight, written: Written, policy: &Policy, rng: &mut Rng, now: Instant) {
        let Some(index) = self.window.index_of(flight) else {
            return;
        };
        let Some(mut batch) = self.window.take(index) else {
            self.forget(index);
            self.gap_at(index, policy);
            return;
        };
        match written {
            Written::Not if policy.acks == Acks::None => {
                self.fail(
                    index,
                    batch,
                    DeliveryError::not_written(DeliveryErrorKind::Refused),
                    policy,
                );
            }
            Written::Not => {
                self.flow.probe();
                self.window.put_back(index, batch);
            }
            Written::Whole => {
                batch.note_possibly_written();
                // Of several requests lost together one failure counts.
                if self.backs_off_until(now).is_none() {
                    self.back_off(policy, rng, now);
                }
                self.refused(index, batch, None, policy);
            }
        }
    }

    /// The request was written, and with `acks=0` nothing else will come.
    pub fn written(&mut self, flight: Flight) {
        let Some(index) = self.window.index_of(flight) else {
            return;
        };
        if let Some(batch) = self.window.take(index) {
            batch.acknowledge(None, None);
        }
        self.forget(index);
        self.succeeded();
    }

    /// The partition is led by another broker. An idempotent producer sends again at once what the
    /// old leader has not answered; a plain one waits for the answers.
    pub fn moved(&mut self, leader: Option<BrokerId>, policy: &Policy) {
        if self.leader == leader {
            return;
        }
        self.leader = leader;
        self.not_before = None;
        if self.window.is_out() || policy.idempotence == Idempotence::On {
            self.flow.probe();
        }
        if policy.idempotence == Idempotence::Off {
            return;
        }
        self.give_up(|_| true);
        while let Some(index) = self.window.first_expired() {
            self.forget(index);
            self.gap_at(index, policy);
        }
    }

    /// What was sent in these requests waits again: nobody will answer it.
    fn give_up(&mut self, is_given_up: impl Fn(Flight) -> bool) {
        for index in 0..self.window.len() {
            if let Some(mut batch) = self.window.take_sent(index, &is_given_up) {
                batch.note_possibly_written();
                self.window.put_back(index, batch);
            }
        }
    }

    /// The topic was deleted and created again: no broker knows our sequences.
    pub fn recreated(&mut self, policy: &Policy) {
        self.gap_at(0, policy);
    }

    fn send_away(&mut self, index: usize, job: SplitJob) -> SplitTask {
        SplitTask {
            partition: self.id(),
            task: self.window.send_away(index),
            job,
        }
    }

    /// Takes the parts of a batch that was encoded anew, in its place. If its partition has been
    /// abandoned, they fail as `orphaned`.
    pub fn split(&mut self, result: SplitResult, orphaned: DeliveryErrorKind, policy: &Policy) {
        let parts = result.done.parts;
        let Some(index) = self.window.index_of_task(result.task) else {
            for part in parts {
                part.fail(DeliveryError::not_written(orphaned));
            }
            return;
        };
        let added = parts.len();
        self.window.replace(index, parts);
        self.flow.replaced(index, added);
        if added == 0 {
            self.gap_at(index, policy);
        }
    }
}
