//! One partition: what may leave next, and what becomes of a batch that left.
//!
//! Every rule about the order, the identity and the certainty of a partition's batches is here. Where each of them stands
//! is in its window (`send/window.rs`). See [`Flow`] for how many batches may be out at a time, and
//! [`crate::send::verdict`] for what an answer means.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use linger_protocol::messages::PartitionProduceResponse;
use linger_protocol::{ErrorCode, RecordSet};

use crate::append::batch::{EncodedBatch, SplitJob, StampedBatch};
use crate::append::growth::Growth;
use crate::append::queue::PartitionQueue;
use crate::config::Acks;
use crate::error::{Certainty, DeliveryError, DeliveryErrorKind};
use crate::ids::{BrokerId, ConnectionId, PartitionId};
use crate::send::backoff::Rng;
use crate::send::deadlines::Lingering;
use crate::send::discovery::is_final;
use crate::send::flight::{Flight, Written};
use crate::send::identity::Identity;
use crate::send::policy::{EpochOwner, Policy};
use crate::send::sequence::{Idempotence, ProducerIdentity, Sequence, UNSTAMPED};
use crate::send::verdict::{Context, Next, classify};
use crate::send::window::Window;

pub use crate::send::split::{SplitResult, SplitTask};

/// How many batches of a partition may be out.
///
/// ```text
///            success                     a batch cannot take its place in the sequence any more
///   Probe ────────────► Open ─────────────────────────────────────────────► Draining
///    ▲  ▲                 │                                                    │
///    │  └──failure, move──┘                                                    │
///    └──────── new epoch, once nothing of the old one is unanswered ───────────┘
/// ```
///
/// A broker without state for a producer accepts any first sequence (KAFKA-15591), and after a failure the successors
/// of the failed batch are refused one by one. Hence one batch at a time until a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// One batch, and nothing else until it is answered.
    Probe,
    /// As many as the policy allows.
    Open,
    /// Nothing new. The first `intact` batches continue under their stamps, one at a time, since the chain of
    /// sequences up to them is whole; those after it wait for the new epoch.
    Draining {
        /// How many batches at the front are before the gap.
        intact: usize,
    },
}

/// What may leave a partition now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextSend {
    /// A batch that was sent before.
    Resend,
    /// The head of the queue.
    Fresh,
    /// Nothing, until something happens.
    Nothing,
}

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
    /// The linger of this partition, if it has one of its own.
    linger: Option<Duration>,
    /// When the open batch was opened.
    opened: Option<Instant>,
    /// When the timer of the open batch wakes, if there is one. It may be earlier than the end of the linger, never later.
    armed: Option<Instant>,
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
            queue,
            leader: None,
            growth: None,
            linger: None,
            opened: None,
            armed: None,
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

    /// The linger of this partition, if it has one of its own.
    pub fn linger(&self) -> Option<Duration> {
        self.linger
    }

    /// Gives the partition a linger of its own. Returns the one before.
    pub fn set_linger(&mut self, linger: Duration) -> Option<Duration> {
        self.linger.replace(linger)
    }

    /// When the open batch was opened, as far as is known.
    pub fn opened(&self) -> Option<Instant> {
        self.opened
    }

    /// Notes which batch is open now.
    pub fn set_opened(&mut self, opened: Option<Instant>) {
        if self.opened != opened {
            self.opened = opened;
            self.armed = None;
        }
    }

    /// The entry that wakes the sender when the open batch has lingered for `linger`. `None` if the batch has an entry
    /// that is no later, or had one whose time has come and is still due at `now`.
    pub fn arm_linger(&mut self, linger: Duration, now: Instant) -> Option<Lingering> {
        let opened = self.opened?;
        let due = opened + linger;
        let is_provided_for = match self.armed {
            Some(armed) => armed <= due,
            None => due <= now,
        };
        if is_provided_for {
            return None;
        }
        self.armed = Some(due);
        Some(Lingering {
            due,
            partition: self.id(),
            opened,
        })
    }

    /// Takes an entry whose time has come. Returns true if it was of the batch that is open.
    pub fn disarm_linger(&mut self, entry: &Lingering) -> bool {
        let is_open = self.opened == Some(entry.opened);
        if is_open {
            self.armed = None;
        }
        is_open
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

    /// Returns true if the next batch needs an identity from the producer: the first one, or one after the epochs were
    /// used up.
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
        let waiting = self.window.first_idle();
        match self.flow {
            Flow::Probe if self.window.is_out() => NextSend::Nothing,
            Flow::Probe if waiting.is_some() => NextSend::Resend,
            Flow::Probe => NextSend::Fresh,
            Flow::Open if self.window.is_held() => NextSend::Nothing,
            Flow::Open if waiting.is_some() => NextSend::Resend,
            Flow::Open if self.is_window_full(policy) => NextSend::Nothing,
            Flow::Open => NextSend::Fresh,
            Flow::Draining { intact } => match waiting {
                Some(index) if index < intact && !self.window.is_out() => NextSend::Resend,
                Some(_) | None => NextSend::Nothing,
            },
        }
    }

    /// Returns true if no further batch may be stamped. A broker remembers the last five batches that it appended. The
    /// oldest unresolved one must stay among them, also when later ones were acknowledged before it, or its retry would
    /// look like a gap.
    fn is_window_full(&self, policy: &Policy) -> bool {
        let reach = match policy.idempotence {
            Idempotence::On => self.window.reach(),
            Idempotence::Off => 0,
        };
        self.window.len().max(reach) >= policy.unresolved_max
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

    /// Takes a broker's answer. An answer that no batch waits for any more is ignored: a leader of the past sent it.
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
        match verdict.next {
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
                self.probe();
                self.window.put_back(index, batch);
            }
            Next::Split => {
                self.probe();
                self.queue.limit_batches(batch.size() / 2);
                match batch.split_job() {
                    Ok(job) => reaction.task = Some(self.send_away(index, job)),
                    Err(batch) => self.fail(index, batch, refused(answer), policy),
                }
            }
            Next::DropCulprits if batch.certainty() == Certainty::PossiblyWritten => {
                self.fail(index, batch, refused(answer), policy);
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
            // The broker could not tell a copy of it under the new epoch.
            Next::NewEpoch if batch.certainty() == Certainty::PossiblyWritten => {
                self.fail(index, batch, refused(answer), policy);
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

    /// An answer to a batch whose records have failed already: it only tells whether the sequence goes on.
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
        if self.flow == Flow::Probe {
            self.flow = Flow::Open;
        }
    }

    /// Lets one batch out at a time, until a success.
    fn probe(&mut self) {
        if self.flow == Flow::Open {
            self.flow = Flow::Probe;
        }
    }

    fn back_off(&mut self, policy: &Policy, rng: &mut Rng, now: Instant) {
        self.not_before = Some(now + policy.backoff.delay(self.failures, rng));
        self.failures = self.failures.saturating_add(1);
    }

    /// An attempt failed. The batch waits for the next attempt, if `retries` allows one.
    fn refused(&mut self, index: usize, batch: StampedBatch, code: Option<ErrorCode>, policy: &Policy) {
        self.probe();
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
        if let Flow::Draining { intact } = &mut self.flow
            && index < *intact
        {
            *intact -= 1;
        }
    }

    /// What is at `index` and after it cannot be sent under this epoch any more.
    fn gap_at(&mut self, index: usize, policy: &Policy) {
        if policy.idempotence == Idempotence::Off {
            return;
        }
        self.flow = match self.flow {
            Flow::Draining { intact } => Flow::Draining {
                intact: intact.min(index),
            },
            Flow::Probe | Flow::Open => Flow::Draining { intact: index },
        };
    }

    /// Begins a new epoch if one is needed and nothing of the old one is unanswered: what may have been written fails,
    /// because the broker could not tell its copy; what was not written is numbered anew, from 0.
    ///
    /// A copy that is still on its way cannot be doubled by this: it is of the first kind, and the first batch of the
    /// new epoch fences it.
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

    /// The request was lost with its connection. `written`: how much of it was handed to the transport.
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
                self.probe();
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

    /// The partition is led by another broker. An idempotent producer sends again at once what the old leader has not
    /// answered; a plain one waits for the answers.
    pub fn moved(&mut self, leader: Option<BrokerId>, policy: &Policy) {
        if self.leader == leader {
            return;
        }
        self.leader = leader;
        self.not_before = None;
        if self.window.is_out() || policy.idempotence == Idempotence::On {
            self.probe();
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

    /// Takes the parts of a batch that was encoded anew, in its place. If its partition has been abandoned, they fail
    /// as `orphaned`.
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
        if let Flow::Draining { intact } = &mut self.flow
            && index < *intact
        {
            *intact = (*intact + added).saturating_sub(1);
        }
        if added == 0 {
            self.gap_at(index, policy);
        }
    }

    /// Fails what is older than `delivery.timeout.ms`. Returns a connection that must end first, because a batch that is
    /// due is half written on it.
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

    /// Notes for every batch in a request that `was_written` to its last byte that it may have been written.
    pub fn note_written(&mut self, was_written: impl Fn(Flight) -> bool) {
        self.window.note_written(was_written);
    }

    /// Fails all there is, each batch with its certainty, except what `is_undecided`: sent, and soon known to be written
    /// or not.
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

/// The error of records that a broker refused.
fn refused(answer: &PartitionProduceResponse) -> DeliveryError {
    let kind = match answer.error_code {
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => DeliveryErrorKind::TooLarge,
        ErrorCode::INVALID_RECORD | ErrorCode::INVALID_TIMESTAMP => DeliveryErrorKind::InvalidRecord,
        code if is_final(code) => DeliveryErrorKind::Topic,
        _ => DeliveryErrorKind::Refused,
    };
    DeliveryError::not_written(kind).with_code(answer.error_code, answer.error_message.clone())
}

/// The error of records that were tried as often as `retries` allows. The certainty is the batch's.
fn retries_exhausted(code: Option<ErrorCode>) -> DeliveryError {
    let error = DeliveryError::not_written(DeliveryErrorKind::Refused);
    match code {
        Some(code) => error.with_code(code, None),
        None => error.with_code(ErrorCode::NETWORK_EXCEPTION, None),
    }
}

/// The error of records whose time is up.
fn timed_out(certainty: Certainty, last_refusal: Option<ErrorCode>) -> DeliveryError {
    with_last_refusal(
        DeliveryError::new(DeliveryErrorKind::Timeout, certainty),
        last_refusal,
    )
}

/// The error of records that were to be sent again, with the code that a broker last answered to their batch.
fn with_last_refusal(error: DeliveryError, last_refusal: Option<ErrorCode>) -> DeliveryError {
    match last_refusal {
        Some(code) => error.with_code(code, None),
        None => error,
    }
}
