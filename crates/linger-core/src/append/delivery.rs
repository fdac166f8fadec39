//! How the outcome of a batch reaches the futures of its records.
//!
//! One `Completion` per batch is shared by the [`Delivery`]s of its records, each of which is a reference and an index: no
//! channel, no allocation per record. Whoever has the batch has its `Completer`, the right and the duty to resolve a set
//! of those indexes; a split batch has two. A completer that is dropped resolves with the certainty it carries, so a
//! delivery resolves even when a task panics or its runtime ends.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, Range};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Poll, Waker};

use crate::append::flush::Flushed;
use crate::append::ledger::{Settled, Stage};
use crate::append::lock::lock;
use crate::append::queue::PartitionQueue;
use crate::append::share::{Owner, Share};
use crate::append::undelivered::Undelivered;
use crate::error::{Certainty, DeliveryError, DeliveryErrorKind};
use crate::record::RecordMetadata;

/// The outcome of one accepted record, to be awaited.
///
/// # Cancel safety
/// Dropping it cancels nothing: the record is sent all the same. It may be polled by one task and then by another. Once it
/// has resolved it stays pending, as a fused future does.
#[must_use = "the record is sent anyway, but only its delivery says whether it arrived"]
pub struct Delivery {
    /// `None` once it has resolved: its share then names the topic in the outcome, which saves counting two references
    /// more per record.
    completion: Option<Share<Completion>>,
    timestamp: i64,
    index: u32,
    /// Index of the waker registered for this delivery.
    slot: u32,
}

const NO_SLOT: u32 = u32::MAX;

impl Delivery {
    #[inline]
    pub(crate) fn new(completion: Share<Completion>, index: u32, timestamp: i64) -> Self {
        Self {
            completion: Some(completion),
            timestamp,
            index,
            slot: NO_SLOT,
        }
    }

    /// The topic that the record goes to; `None` once the delivery has resolved and [`RecordMetadata`] tells.
    pub fn topic(&self) -> Option<&str> {
        self.completion.as_ref().map(|completion| &*completion.topic)
    }

    /// The partition index that the record goes to; `None` once the delivery has resolved and [`RecordMetadata`] tells.
    pub fn partition(&self) -> Option<i32> {
        self.completion.as_ref().map(|completion| completion.partition)
    }

    /// The outcome, if it is known and was not taken by awaiting it.
    pub fn outcome(&self) -> Option<Result<RecordMetadata, DeliveryError>> {
        let completion = self.completion.as_ref()?;
        if let Some(outcome) = completion.whole.get() {
            return Some(self.read(outcome, self.index, completion.clone()));
        }
        self.read_part(completion, &lock(&completion.rest))
    }

    fn read_part(
        &self,
        completion: &Share<Completion>,
        rest: &Rest,
    ) -> Option<Result<RecordMetadata, DeliveryError>> {
        let after = rest
            .parts
            .partition_point(|part| part.indexes.start <= self.index);
        let part = rest.parts[..after]
            .last()
            .filter(|part| part.indexes.contains(&self.index))?;
        let position = part.position + (self.index - part.indexes.start);
        Some(self.read(&part.outcome, position, completion.clone()))
    }

    /// The record's share of `outcome`, being the record at `position` of the batch that had it.
    fn read(
        &self,
        outcome: &Outcome,
        position: u32,
        completion: Share<Completion>,
    ) -> Result<RecordMetadata, DeliveryError> {
        match outcome {
            Outcome::Acknowledged {
                base_offset,
                log_append_time,
            } => Ok(self.metadata(*base_offset, *log_append_time, position, completion)),
            Outcome::Failed { error, undelivered } => Err(match undelivered {
                Some(undelivered) => error.clone().with_undelivered(undelivered.clone(), position),
                None => error.clone(),
            }),
        }
    }

    /// What most deliveries are when they are looked at: acknowledged with all their batch.
    #[inline]
    fn acknowledged(&self, completion: Share<Completion>) -> Result<RecordMetadata, Share<Completion>> {
        match completion.whole.get() {
            Some(&Outcome::Acknowledged {
                base_offset,
                log_append_time,
            }) => Ok(self.metadata(base_offset, log_append_time, self.index, completion)),
            Some(Outcome::Failed { .. }) | None => Err(completion),
        }
    }

    #[inline]
    fn metadata(
        &self,
        base_offset: Option<i64>,
        log_append_time: Option<i64>,
        position: u32,
        completion: Share<Completion>,
    ) -> RecordMetadata {
        RecordMetadata {
            partition: completion.partition,
            topic: TopicName(completion),
            offset: base_offset.map(|base| base + i64::from(position)),
            timestamp: log_append_time.unwrap_or(self.timestamp),
        }
    }

    #[inline(never)]
    fn poll_otherwise(
        &mut self,
        completion: Share<Completion>,
        cx: &Context<'_>,
    ) -> Poll<Result<RecordMetadata, DeliveryError>> {
        let mut rest = lock(&completion.rest);
        // Resolved since: whoever resolves publishes first and takes the wakers, under this lock, afterwards.
        let resolved = match completion.whole.get() {
            Some(outcome) => Some(self.read(outcome, self.index, completion.clone())),
            None => self.read_part(&completion, &rest),
        };
        if let Some(outcome) = resolved {
            return Poll::Ready(outcome);
        }
        self.slot = rest.wakers.register(self.slot, cx.waker());
        drop(rest);
        self.completion = Some(completion);
        Poll::Pending
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata, DeliveryError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(completion) = this.completion.take() else {
            return Poll::Pending;
        };
        match this.acknowledged(completion) {
            Ok(metadata) => Poll::Ready(Ok(metadata)),
            Err(completion) => this.poll_otherwise(completion, cx),
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("index", &self.index)
            .field("outcome", &self.outcome())
            .finish()
    }
}

/// The topic of a delivered record: its batch's share of the name, which reads as a `str`.
#[derive(Clone)]
pub struct TopicName(Share<Completion>);

impl Deref for TopicName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0.topic
    }
}

impl AsRef<str> for TopicName {
    fn as_ref(&self) -> &str {
        self
    }
}

impl PartialEq for TopicName {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for TopicName {}

impl PartialEq<str> for TopicName {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// What the deliveries of a batch share.
pub(crate) struct Completion {
    /// Weak, so that an open batch does not keep its own queue alive; gone only when the producer is.
    queue: Weak<PartitionQueue>,
    topic: Arc<str>,
    partition: i32,
    /// The outcome of a batch that was never split; read without the lock.
    whole: OnceLock<Outcome>,
    rest: Mutex<Rest>,
}

#[derive(Default)]
struct Rest {
    /// By first index; they do not overlap.
    parts: Vec<Part>,
    wakers: Wakers,
}

struct Part {
    indexes: Range<u32>,
    /// Position of the first of `indexes` in the batch that had this outcome.
    position: u32,
    outcome: Outcome,
}

#[derive(Clone)]
enum Outcome {
    Acknowledged {
        base_offset: Option<i64>,
        log_append_time: Option<i64>,
    },
    Failed {
        error: DeliveryError,
        undelivered: Option<Arc<Undelivered>>,
    },
}

/// The tasks that await deliveries of one batch, one entry per task as a rule: a task that awaits a hundred of them in
/// order registers once, not a hundred times.
#[derive(Default)]
struct Wakers {
    /// The slot of `first`: slots are not used again once their wakers were woken, though deliveries still name them.
    base: u32,
    /// Most batches are awaited by one task: no allocation for it.
    first: Option<Registered>,
    more: Vec<Registered>,
}

struct Registered {
    waker: Waker,
    /// Deliveries that count on it.
    users: u32,
}

impl Wakers {
    /// Makes sure that `waker` is woken for the delivery that is registered in `slot`; returns its new slot.
    fn register(&mut self, slot: u32, waker: &Waker) -> u32 {
        if let Some(registered) = self.at(slot) {
            if registered.waker.will_wake(waker) {
                return slot;
            }
            if registered.users == 1 {
                registered.waker.clone_from(waker);
                return slot;
            }
            registered.users -= 1;
        }
        let last = self.end().wrapping_sub(1);
        if let Some(registered) = self.at(last)
            && registered.waker.will_wake(waker)
        {
            registered.users += 1;
            return last;
        }
        let registered = Registered {
            waker: waker.clone(),
            users: 1,
        };
        match &mut self.first {
            None => self.first = Some(registered),
            Some(_) => self.more.push(registered),
        }
        self.end() - 1
    }

    /// One past the last slot.
    fn end(&self) -> u32 {
        self.base + u32::from(self.first.is_some()) + self.more.len() as u32
    }

    fn at(&mut self, slot: u32) -> Option<&mut Registered> {
        match slot.checked_sub(self.base)? {
            0 => self.first.as_mut(),
            index => self.more.get_mut(index as usize - 1),
        }
    }

    /// Leaves an empty set.
    fn take(&mut self) -> Self {
        let base = self.end();
        std::mem::replace(
            self,
            Self {
                base,
                first: None,
                more: Vec::new(),
            },
        )
    }

    fn wake(self) {
        self.first
            .into_iter()
            .chain(self.more)
            .for_each(|registered| registered.waker.wake());
    }
}

/// The right and the duty to resolve some records of a batch. Dropped, it resolves them as abandoned.
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
    pub(crate) fn new(queue: &Arc<PartitionQueue>, generation: u64) -> Self {
        let completion = Completion {
            queue: Arc::downgrade(queue),
            topic: queue.topic().clone(),
            partition: queue.partition(),
            whole: OnceLock::new(),
            rest: Mutex::new(Rest::default()),
        };
        Self {
            completion: Owner::new(completion),
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

    /// The queue of the batch, unless the producer is gone.
    pub(crate) fn queue(&self) -> Option<Arc<PartitionQueue>> {
        self.completion.queue.upgrade()
    }

    pub(crate) fn topic(&self) -> &Arc<str> {
        &self.completion.topic
    }

    pub(crate) fn partition(&self) -> i32 {
        self.completion.partition
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

    /// The batch left its queue: its records are in flight from now on.
    pub(crate) fn depart(&mut self) {
        self.stage = Stage::InFlight;
    }

    pub(crate) fn note_possibly_written(&mut self) {
        self.certainty = Certainty::PossiblyWritten;
    }

    /// Whether somebody may ask for the records if they fail as `kind`.
    pub(crate) fn records_wanted(&self, kind: DeliveryErrorKind) -> bool {
        kind == DeliveryErrorKind::Closed || self.completion.is_shared()
    }

    /// Ends a completer that has no records left; one that has some abandons them.
    pub(crate) fn discard_if_empty(self) {
        if self.count() == 0 {
            self.discard();
        }
    }

    /// Forgets a completer that has no record. Call it with no lock held.
    pub(crate) fn discard(mut self) {
        self.resolved = true;
        if let Some(queue) = self.queue() {
            queue.flushes().leave(self.generation, Flushed::default());
        }
    }

    pub(crate) fn acknowledge(mut self, base_offset: Option<i64>, log_append_time: Option<i64>) {
        self.resolve(&Outcome::Acknowledged {
            base_offset,
            log_append_time,
        });
    }

    /// Fails the records at least as uncertainly as the batch's history makes them.
    pub(crate) fn fail(mut self, error: DeliveryError, undelivered: Option<Arc<Undelivered>>) {
        let error = error.at_least(self.certainty);
        self.resolve(&Outcome::Failed { error, undelivered });
    }

    /// Parts with the records from position `at` on.
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

    /// Parts with the records at `positions`, ascending.
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

    fn part(&mut self, kept: Vec<Range<u32>>, parted: Vec<Range<u32>>) -> Self {
        if let Some(queue) = self.queue() {
            queue.flushes().enter_part(self.generation);
        }
        self.indexes = Indexes::Some(kept);
        Self {
            completion: self.completion.part(),
            indexes: Indexes::Some(parted),
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

    /// Counts, publishes, wakes, in this order: who is woken finds the counts right, and a flush that is done has had
    /// its deliveries resolved.
    fn resolve(&mut self, outcome: &Outcome) {
        self.resolved = true;
        let queue = self.queue();
        let count = self.count();
        let (settled, flushed) = match outcome {
            Outcome::Acknowledged { .. } => (
                Settled::Acknowledged,
                Flushed {
                    acknowledged: count.into(),
                    failed: 0,
                },
            ),
            Outcome::Failed { error, undelivered } => {
                let flushed = Flushed {
                    acknowledged: 0,
                    failed: count.into(),
                };
                let unsent = error.certainty() == Certainty::NotWritten;
                match error.kind() {
                    DeliveryErrorKind::Closed => {
                        if let (Some(queue), Some(undelivered)) = (&queue, undelivered) {
                            queue.hand_back(undelivered.clone(), error.certainty());
                        }
                        (
                            if unsent {
                                Settled::Returned
                            } else {
                                Settled::Failed
                            },
                            flushed,
                        )
                    }
                    DeliveryErrorKind::Cancelled if unsent => (Settled::Returned, flushed),
                    _ => (Settled::Failed, flushed),
                }
            }
        };
        if let Some(queue) = &queue {
            queue.settle(self.stage, count, settled);
        }
        let wakers = self.publish(outcome);
        wakers.wake();
        if let Some(queue) = &queue {
            queue.flushes().leave(self.generation, flushed);
        }
    }

    fn publish(&self, outcome: &Outcome) -> Wakers {
        let completion = &self.completion;
        if let Indexes::Whole(_) = self.indexes {
            // Only one completer of a batch can be whole, and it resolves once.
            let _ = completion.whole.set(outcome.clone());
            return lock(&completion.rest).wakers.take();
        }
        let mut rest = lock(&completion.rest);
        let mut position = 0;
        for indexes in self.ranges() {
            let length = indexes.end - indexes.start;
            let at = rest
                .parts
                .partition_point(|part| part.indexes.start < indexes.start);
            rest.parts.insert(
                at,
                Part {
                    indexes,
                    position,
                    outcome: outcome.clone(),
                },
            );
            position += length;
        }
        rest.wakers.take()
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
            self.resolve(&Outcome::Failed {
                error,
                undelivered: None,
            });
        }
    }
}

impl fmt::Debug for Completer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completer")
            .field("topic", &self.completion.topic)
            .field("partition", &self.completion.partition)
            .field("indexes", &self.indexes)
            .field("certainty", &self.certainty)
            .finish()
    }
}

#[cfg(test)]
mod tests;
