//! One partition: what was stamped for it and is not resolved, and what may leave next.
//!
//! Every rule about the order, the identity and the certainty of a partition's batches is here; which broker leads it
//! and what shares a request with it is not. See [`Flow`] for how many batches may be out at a time, and
//! [`crate::verdict`] for what an answer means.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use linger_protocol::messages::PartitionProduceResponse;
use linger_protocol::{ErrorCode, RecordSet};

use crate::backoff::Rng;
use crate::batch::{EncodedBatch, SplitJob, StampedBatch};
use crate::config::Acks;
use crate::error::{Certainty, DeliveryError, DeliveryErrorKind};
use crate::flight::{Flight, Written};
use crate::ids::{BrokerId, ConnectionId, PartitionId};
use crate::metadata::is_final;
use crate::policy::Policy;
use crate::queue::PartitionQueue;
use crate::sequence::{Idempotence, ProducerIdentity, ProducerIds, Sequence, UNSTAMPED};
use crate::split::Task;
use crate::verdict::{Context, Next, classify};

pub use crate::split::{SplitResult, SplitTask};

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

/// Where a stamped batch stands.
#[derive(Debug)]
enum Attempt {
    /// Waits for its turn to be sent (again).
    Idle(StampedBatch),
    /// Sent, unanswered.
    Sent(StampedBatch, Flight),
    /// Its delivery timed out while it was sent: its records have failed as possibly written, but only an answer tells
    /// whether the sequence goes on after it.
    Expired(Flight),
    /// Is being encoded anew, in parts or without some records.
    Away(Task),
    /// Is held by the method that is looking at it; no other ever sees this.
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
    /// How many batches were stamped before it under its epoch. The parts of a split batch share its number.
    number: u64,
}

/// What may leave a partition now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
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
    /// Where it is led.
    pub leader: Option<BrokerId>,
    /// In whose rotation it waits.
    pub queued: Option<BrokerId>,
    /// When its open batch was opened.
    pub opened: Option<Instant>,
    /// A timer watches its oldest batch.
    pub is_watched: bool,
    flow: Flow,
    /// The end of its backoff.
    not_before: Option<Instant>,
    identity: Option<ProducerIdentity>,
    next: Sequence,
    batches: VecDeque<Stamped>,
    /// Batches stamped under this epoch, resolved ones included.
    stamped: u64,
    /// Failures since the last success.
    failures: u32,
    /// Tasks given out.
    tasks: u64,
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
            queued: None,
            opened: None,
            is_watched: false,
            flow,
            not_before: None,
            identity: None,
            next: Sequence::ZERO,
            batches: VecDeque::new(),
            stamped: 0,
            failures: 0,
            tasks: 0,
        }
    }

    /// What is not stamped yet.
    pub fn queue(&self) -> &Arc<PartitionQueue> {
        &self.queue
    }

    /// Its name.
    pub fn id(&self) -> PartitionId {
        self.queue.id()
    }

    /// Until when it backs off, if longer than `now`.
    pub fn backs_off_until(&self, now: Instant) -> Option<Instant> {
        self.not_before.filter(|at| *at > now)
    }

    /// True when a batch waits to be sent again.
    pub fn resends(&self) -> bool {
        self.first_idle().is_some()
    }

    /// True when something is not resolved.
    pub fn has_work(&self) -> bool {
        !self.batches.is_empty() || self.queue.status().oldest.is_some()
    }

    /// True when it has a batch in that request.
    pub fn is_in(&self, flight: Flight) -> bool {
        self.index_of(flight).is_some()
    }

    /// True if it needs an identity that does not exist yet: its first, or one after its epochs were used up.
    pub fn needs_identity(&self) -> bool {
        match self.flow {
            Flow::Draining { intact: 0 } => !self.is_out(),
            Flow::Probe | Flow::Open | Flow::Draining { .. } => self.identity.is_none(),
        }
    }

    /// What may leave at `now`, provided that its leader can take it.
    pub fn turn(&self, policy: &Policy, now: Instant) -> Turn {
        if self.backs_off_until(now).is_some() {
            return Turn::Nothing;
        }
        let waiting = self.first_idle();
        match self.flow {
            Flow::Probe if self.is_out() => Turn::Nothing,
            Flow::Probe if waiting.is_some() => Turn::Resend,
            Flow::Probe => Turn::Fresh,
            Flow::Open if self.is_held() => Turn::Nothing,
            Flow::Open if waiting.is_some() => Turn::Resend,
            Flow::Open if self.is_window_full(policy) => Turn::Nothing,
            Flow::Open => Turn::Fresh,
            Flow::Draining { intact } => match waiting {
                Some(index) if index < intact && !self.is_out() => Turn::Resend,
                Some(_) | None => Turn::Nothing,
            },
        }
    }

    /// No further batch may be stamped. A broker remembers the last five that it appended: the oldest unresolved one must
    /// stay among them, also when later ones were acknowledged before it, or its retry would look like a gap.
    fn is_window_full(&self, policy: &Policy) -> bool {
        let unresolved = self.batches.len();
        let reach = match (policy.idempotence, self.batches.front()) {
            (Idempotence::On, Some(oldest)) => (self.stamped - oldest.number) as usize,
            (Idempotence::On, None) | (Idempotence::Off, _) => 0,
        };
        unresolved.max(reach) >= policy.unresolved_max
    }

    /// Something is unanswered or away.
    fn is_out(&self) -> bool {
        self.batches.iter().any(|stamped| match stamped.attempt {
            Attempt::Idle(_) => false,
            Attempt::Sent(..) | Attempt::Expired(_) | Attempt::Away(_) | Attempt::Taken => true,
        })
    }

    /// Something is out that nothing may overtake.
    fn is_held(&self) -> bool {
        self.batches.iter().any(|stamped| match stamped.attempt {
            Attempt::Idle(_) | Attempt::Sent(..) => false,
            Attempt::Expired(_) | Attempt::Away(_) | Attempt::Taken => true,
        })
    }

    fn first_idle(&self) -> Option<usize> {
        self.batches
            .iter()
            .position(|stamped| matches!(stamped.attempt, Attempt::Idle(_)))
    }

    /// The size of what [`Turn::Resend`] would send, in bytes.
    pub fn resend_size(&self) -> usize {
        self.batches
            .iter()
            .find_map(|stamped| match &stamped.attempt {
                Attempt::Idle(batch) => Some(batch.size()),
                Attempt::Sent(..) | Attempt::Expired(_) | Attempt::Away(_) | Attempt::Taken => None,
            })
            .unwrap_or(0)
    }

    /// Sends the first waiting batch again: the same bytes.
    pub fn resend(&mut self, flight: Flight) -> Option<RecordSet> {
        let index = self.first_idle()?;
        let stamped = &mut self.batches[index];
        let Attempt::Idle(batch) = std::mem::replace(&mut stamped.attempt, Attempt::Taken) else {
            return None;
        };
        let records = batch.record_set();
        stamped.attempt = Attempt::Sent(batch, flight);
        Some(records)
    }

    /// Stamps the head of the queue, once, and sends it.
    ///
    /// # Panics
    /// When the producer is idempotent and neither the partition nor `ids` has an identity; [`Self::needs_identity`]
    /// tells.
    pub fn send(
        &mut self,
        batch: EncodedBatch,
        flight: Flight,
        policy: &Policy,
        ids: &ProducerIds,
    ) -> RecordSet {
        let stamp = match policy.idempotence {
            Idempotence::Off => UNSTAMPED,
            Idempotence::On => {
                let identity = self
                    .identity
                    .or_else(|| ids.current())
                    .expect("a batch is stamped only with an identity");
                self.identity = Some(identity);
                identity.stamp(self.next)
            }
        };
        let batch = batch.stamp(stamp);
        self.next = self.next.after(batch.count());
        let records = batch.record_set();
        self.batches.push_back(Stamped {
            attempt: Attempt::Sent(batch, flight),
            refusals: 0,
            last_refusal: None,
            number: self.stamped,
        });
        self.stamped += 1;
        records
    }

    fn index_of(&self, flight: Flight) -> Option<usize> {
        self.batches.iter().position(|stamped| match stamped.attempt {
            Attempt::Sent(_, sent) | Attempt::Expired(sent) => sent == flight,
            Attempt::Idle(_) | Attempt::Away(_) | Attempt::Taken => false,
        })
    }

    /// Takes a broker's answer. One that nothing waits for any more is ignored: it came from a leader of the past.
    pub fn answered(
        &mut self,
        flight: Flight,
        answer: &PartitionProduceResponse,
        policy: &Policy,
        rng: &mut Rng,
        now: Instant,
    ) -> Reaction {
        let Some(index) = self.index_of(flight) else {
            return Reaction::default();
        };
        let Some(mut batch) = self.bring_home(index) else {
            self.expired_answered(index, answer.error_code, policy);
            return Reaction::default();
        };
        let context = Context {
            acks: policy.acks,
            idempotence: policy.idempotence,
            count: batch.count(),
            predecessors: index,
            culprits: answer.record_errors.len(),
            refusals: self.batches[index].refusals,
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
                self.batches[index].attempt = Attempt::Idle(batch);
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

    /// Takes the batch of a sent attempt out of its place, which the caller fills or removes. `None` if it expired.
    fn bring_home(&mut self, index: usize) -> Option<StampedBatch> {
        let attempt = &mut self.batches[index].attempt;
        match std::mem::replace(attempt, Attempt::Taken) {
            Attempt::Sent(batch, _) => Some(batch),
            expired => {
                *attempt = expired;
                None
            }
        }
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

    /// One at a time, until a success.
    fn probe(&mut self) {
        if self.flow == Flow::Open {
            self.flow = Flow::Probe;
        }
    }

    fn back_off(&mut self, policy: &Policy, rng: &mut Rng, now: Instant) {
        self.not_before = Some(now + policy.backoff.delay(self.failures, rng));
        self.failures = self.failures.saturating_add(1);
    }

    /// An attempt failed, and the batch waits for the next one if it may have it.
    fn refused(&mut self, index: usize, batch: StampedBatch, code: Option<ErrorCode>, policy: &Policy) {
        self.probe();
        let stamped = &mut self.batches[index];
        stamped.refusals += 1;
        stamped.last_refusal = code.or(stamped.last_refusal);
        if stamped.refusals <= policy.retries {
            stamped.attempt = Attempt::Idle(batch);
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
        self.batches.remove(index);
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
    pub fn settle(&mut self, ids: &mut ProducerIds) {
        if self.flow != (Flow::Draining { intact: 0 }) || self.is_out() {
            return;
        }
        let Some(spent) = self.identity else {
            self.flow = Flow::Probe;
            return;
        };
        let Some(identity) = ids.successor(spent) else {
            return;
        };
        self.identity = Some(identity);
        self.next = Sequence::ZERO;
        self.stamped = 0;
        self.flow = Flow::Probe;
        for mut stamped in std::mem::take(&mut self.batches) {
            let Attempt::Idle(batch) = &mut stamped.attempt else {
                continue;
            };
            if batch.certainty() == Certainty::NotWritten {
                batch.restamp(identity.stamp(self.next));
                self.next = self.next.after(batch.count());
                stamped.number = self.stamped;
                self.stamped += 1;
                self.batches.push_back(stamped);
            } else if let Attempt::Idle(batch) = stamped.attempt {
                batch.fail(DeliveryError::possibly_written(DeliveryErrorKind::Refused));
            }
        }
    }

    /// The request was lost with its connection. `written`: it was handed to the transport to its last byte.
    pub fn lost(&mut self, flight: Flight, written: Written, policy: &Policy, rng: &mut Rng, now: Instant) {
        let Some(index) = self.index_of(flight) else {
            return;
        };
        let Some(mut batch) = self.bring_home(index) else {
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
                self.batches[index].attempt = Attempt::Idle(batch);
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
        let Some(index) = self.index_of(flight) else {
            return;
        };
        if let Some(batch) = self.bring_home(index) {
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
        if self.is_out() || policy.idempotence == Idempotence::On {
            self.probe();
        }
        if policy.idempotence == Idempotence::Off {
            return;
        }
        let mut index = 0;
        while index < self.batches.len() {
            let attempt = &mut self.batches[index].attempt;
            match std::mem::replace(attempt, Attempt::Taken) {
                Attempt::Sent(mut batch, _) => {
                    batch.note_possibly_written();
                    *attempt = Attempt::Idle(batch);
                    index += 1;
                }
                Attempt::Expired(_) => {
                    self.forget(index);
                    self.gap_at(index, policy);
                }
                other @ (Attempt::Idle(_) | Attempt::Away(_) | Attempt::Taken) => {
                    *attempt = other;
                    index += 1;
                }
            }
        }
    }

    /// The topic was deleted and created again: no broker knows our sequences.
    pub fn recreated(&mut self, policy: &Policy) {
        self.gap_at(0, policy);
    }

    fn send_away(&mut self, index: usize, job: SplitJob) -> SplitTask {
        let task = Task(self.tasks);
        self.tasks += 1;
        self.batches[index].attempt = Attempt::Away(task);
        SplitTask {
            partition: self.id(),
            task,
            job,
        }
    }

    /// Takes the parts of a batch that was encoded anew, in its place. If its partition has been abandoned, they fail
    /// as `orphaned`.
    pub fn split(&mut self, result: SplitResult, orphaned: DeliveryErrorKind, policy: &Policy) {
        let of_task =
            |stamped: &Stamped| matches!(stamped.attempt, Attempt::Away(task) if task == result.task);
        let index = self.batches.iter().position(of_task);
        let removed = index.and_then(|index| Some((index, self.batches.remove(index)?)));
        let Some((index, before)) = removed else {
            for part in result.done.parts {
                part.fail(DeliveryError::not_written(orphaned));
            }
            return;
        };
        let added = result.done.parts.len();
        for (nth, batch) in result.done.parts.into_iter().enumerate() {
            self.batches.insert(
                index + nth,
                Stamped {
                    attempt: Attempt::Idle(batch),
                    ..before
                },
            );
        }
        if let Flow::Draining { intact } = &mut self.flow
            && index < *intact
        {
            *intact = (*intact + added).saturating_sub(1);
        }
        if added == 0 {
            self.gap_at(index, policy);
        }
    }

    /// Fails what is older than `delivery.timeout.ms`. Returns a connection that must end first, because a batch that
    /// is due lies in it half written.
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
        let mut blocking = None;
        let mut index = 0;
        while index < self.batches.len() {
            let stamped = &mut self.batches[index];
            let (attempt, last_refusal) = (&mut stamped.attempt, stamped.last_refusal);
            match std::mem::replace(attempt, Attempt::Taken) {
                Attempt::Idle(batch) if batch.opened_at() <= cutoff => {
                    let error = timed_out(batch.certainty(), last_refusal);
                    self.fail(index, batch, error, policy);
                }
                Attempt::Sent(mut batch, flight) if batch.opened_at() <= cutoff && is_written(flight) => {
                    batch.note_possibly_written();
                    batch.fail(timed_out(Certainty::PossiblyWritten, last_refusal));
                    match policy.idempotence {
                        Idempotence::On => {
                            *attempt = Attempt::Expired(flight);
                            index += 1;
                        }
                        Idempotence::Off => self.forget(index),
                    }
                }
                Attempt::Sent(batch, flight) => {
                    if batch.opened_at() <= cutoff {
                        blocking = Some(flight.c);
                    }
                    *attempt = Attempt::Sent(batch, flight);
                    index += 1;
                }
                other @ (Attempt::Idle(_) | Attempt::Expired(_) | Attempt::Away(_) | Attempt::Taken) => {
                    *attempt = other;
                    index += 1;
                }
            }
        }
        blocking
    }

    /// When [`Self::expire`] will next have something to do.
    pub fn next_expiry(&self, policy: &Policy, now: Instant) -> Option<Instant> {
        let stamped = self.batches.iter().filter_map(|stamped| match &stamped.attempt {
            Attempt::Idle(batch) | Attempt::Sent(batch, _) => Some(batch.opened_at()),
            Attempt::Expired(_) | Attempt::Away(_) | Attempt::Taken => None,
        });
        stamped
            .chain(self.queue.status().oldest)
            .map(|opened| opened + policy.delivery_timeout)
            .filter(|at| *at > now)
            .min()
    }

    /// Fails all there is, each by its certainty, except what is `undecided`: sent, and soon known to be written or not.
    pub fn abandon(
        &mut self,
        error: impl Fn(Certainty) -> DeliveryError,
        is_undecided: impl Fn(Flight) -> bool,
    ) {
        let _ = self.queue.purge(|| error(Certainty::NotWritten));
        for stamped in std::mem::take(&mut self.batches) {
            match stamped.attempt {
                Attempt::Idle(batch) => {
                    let certainty = batch.certainty();
                    batch.fail(error(certainty));
                }
                Attempt::Sent(batch, flight) if is_undecided(flight) => {
                    let attempt = Attempt::Sent(batch, flight);
                    self.batches.push_back(Stamped { attempt, ..stamped });
                }
                Attempt::Sent(mut batch, _) => {
                    batch.note_possibly_written();
                    batch.fail(error(Certainty::PossiblyWritten));
                }
                Attempt::Expired(_) | Attempt::Away(_) | Attempt::Taken => {}
            }
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

/// The error of records whose time is up, with what a broker last said to their batch.
fn timed_out(certainty: Certainty, last_refusal: Option<ErrorCode>) -> DeliveryError {
    let error = DeliveryError::new(DeliveryErrorKind::Timeout, certainty);
    match last_refusal {
        Some(code) => error.with_code(code, None),
        None => error,
    }
}
