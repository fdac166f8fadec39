//! What one partition has not stamped yet, behind one short lock: the open batch, and the sealed ones in order.
//!
//! Application threads append; the sender seals, takes and cancels. An append is one lock, one encoding in place, one
//! reference counted; whatever takes longer (memory, a completion, the doorbell, waking somebody) happens without the lock.

mod append;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use linger_protocol::records::{Codec, Scratch};

use crate::append::accumulator::Shared;
use crate::append::batch::{EncodeJob, EncodedBatch, OpenBatch};
use crate::append::flush::FlushBook;
use crate::append::growth::Growth;
use crate::append::ledger::{Ledger, Settled, Stage};
use crate::append::lock::lock;
use crate::append::memory::MemoryBudget;
use crate::append::undelivered::Undelivered;
use crate::error::{Certainty, DeliveryError};
use crate::ids::PartitionId;

/// The queue of one partition.
pub struct PartitionQueue {
    id: PartitionId,
    topic: Arc<str>,
    partition: i32,
    shared: Arc<Shared>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    open: Option<OpenBatch>,
    /// Sealed batches, oldest first; the front is never vacant.
    slots: VecDeque<Slot>,
    /// Number of the front of `slots`; numbers are consecutive.
    front: u64,
    /// When the last batch opened: later ones are not older, though their threads may read the clock earlier.
    last_opened_at: Option<Instant>,
    /// Bytes of records that the last batches reached: how large the next buffer should be.
    size_hint: usize,
    /// Bytes, header included, that a waiting batch may grow to.
    limit: usize,
    /// What the partition's leader lets a waiting batch grow to.
    growth: Arc<Growth>,
    closed: bool,
    ledger: Ledger,
}

#[derive(Debug)]
struct Slot {
    opened_at: Instant,
    count: u32,
    content: Content,
}

impl Slot {
    /// Cancelled or gone: it waits only for its job, or for those before it, and has no deadline any more.
    fn is_given_up(&self) -> bool {
        match self.content {
            Content::Cancelled(_) | Content::Vacant => true,
            Content::Ended(_) | Content::Out | Content::Encoded(_) => false,
        }
    }
}

/// Held in place: a box per state would be two allocations per batch.
#[derive(Debug)]
enum Content {
    /// Ended by an appender because it could not grow; nobody has its job yet.
    Ended(OpenBatch),
    /// Its job is out.
    Out,
    /// Its job is out, and its records fail with this when it comes back.
    Cancelled(DeliveryError),
    Encoded(EncodedBatch),
    /// It is gone, and what is before it is not.
    Vacant,
}

/// What is in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueStatus {
    /// The open batch.
    pub open: Option<OpenStatus>,
    /// Batches that were ended at their largest size and wait to be sealed by the sender.
    pub ended: usize,
    /// Jobs that are out.
    pub sealed: usize,
    /// Encoded batches.
    pub encoded: usize,
    /// Whether the oldest batch that is not open is encoded, so that it can be taken.
    pub head_encoded: bool,
    /// Bytes of that head on the wire, 0 if it is not encoded.
    pub head_size: usize,
    /// When the first record came of the oldest batch that nobody has given up.
    pub oldest: Option<Instant>,
}

/// What is in an open batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenStatus {
    /// Bytes, header included, uncompressed.
    pub bytes: usize,
    /// Number of records.
    pub count: u32,
    /// When its first record came.
    pub since: Instant,
    /// It reached `batch.size`.
    pub full: bool,
}

/// What [`PartitionQueue::take_head`] gives.
#[derive(Debug)]
#[must_use]
pub struct Taken {
    /// The oldest batch, or why it was not taken.
    pub head: Head,
    /// With a codec: a batch to be encoded and brought back by [`PartitionQueue::put_encoded`]. It is the head if the head
    /// was not encoded, else the next batch, if that is full already.
    pub job: Option<EncodeJob>,
    /// When the first record of the batch that is open now came, if one is open.
    pub open_since: Option<Instant>,
}

/// The oldest batch of a queue, as [`PartitionQueue::take_head`] found it.
#[derive(Debug)]
pub enum Head {
    /// It is encoded, and has left the queue.
    Batch(EncodedBatch),
    /// It is larger than the limit, and stays.
    TooLarge,
    /// No batch is due, or its encode job is out.
    Nothing,
}

/// A batch that was sealed before it could leave. See [`PartitionQueue::seal_full`].
#[derive(Debug)]
#[must_use]
pub struct Sealed {
    /// To be run, and its result to be brought back by [`PartitionQueue::put_encoded`].
    pub job: EncodeJob,
    /// When the first record of the batch that is open now came, if one is open.
    pub open_since: Option<Instant>,
}

/// What a look at the head of a queue found.
enum Found {
    /// A batch that leaves as it is.
    Ready,
    /// A batch that the codec must encode first.
    Unencoded,
    TooLarge,
    Nothing,
}

/// What [`PartitionQueue::expire`] failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct Expired {
    /// Number of batches.
    pub batches: usize,
    /// Number of records.
    pub records: u64,
}

/// A batch's place in its queue while the batch is elsewhere. Dropped, it leaves the place: the batch will not come back.
pub(crate) struct Place {
    queue: Option<Arc<PartitionQueue>>,
    id: PartitionId,
    number: u64,
}

impl PartitionQueue {
    pub(crate) fn new(id: PartitionId, topic: Arc<str>, partition: i32, shared: Arc<Shared>) -> Self {
        let state = State {
            open: None,
            slots: VecDeque::new(),
            front: 0,
            last_opened_at: None,
            size_hint: 0,
            limit: shared.batch_limit,
            growth: Arc::default(),
            closed: false,
            ledger: Ledger::default(),
        };
        Self {
            id,
            topic,
            partition,
            shared,
            state: Mutex::new(state),
        }
    }

    /// Its number among the partitions of this producer.
    pub fn id(&self) -> PartitionId {
        self.id
    }

    /// Topic.
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// Partition index within the topic.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// Lets batches grow no larger than `size` bytes, header included, while they wait: a broker has refused one of twice
    /// that. It never goes below `batch.size`, which the application has chosen.
    pub fn limit_batches(&self, size: usize) {
        let mut state = lock(&self.state);
        state.limit = state.limit.min(
            size.max(self.shared.batch_size)
                .max(linger_protocol::records::HEADER_SIZE),
        );
    }

    /// Lets batches grow as the partition's new leader has them grow. They have no other limit before the first leader.
    pub fn set_growth(&self, growth: Arc<Growth>) {
        let before = std::mem::replace(&mut lock(&self.state).growth, growth);
        drop(before);
    }

    /// What it holds.
    pub fn status(&self) -> QueueStatus {
        let state = lock(&self.state);
        let open = state.open.as_ref();
        let mut status = QueueStatus {
            open: open.map(OpenBatch::status),
            oldest: state
                .slots
                .iter()
                .find(|slot| !slot.is_given_up())
                .map(|slot| slot.opened_at)
                .or_else(|| open.map(|open| open.opened_at)),
            ..QueueStatus::default()
        };
        for slot in &state.slots {
            match &slot.content {
                Content::Ended(_) => status.ended += 1,
                Content::Out | Content::Cancelled(_) => status.sealed += 1,
                Content::Encoded(_) => status.encoded += 1,
                Content::Vacant => {}
            }
        }
        if let Some(Slot {
            content: Content::Encoded(head),
            ..
        }) = state.slots.front()
        {
            status.head_encoded = true;
            status.head_size = head.size();
        }
        status
    }

    /// When the first record of the open batch came, if one is open.
    #[cfg(test)]
    pub(crate) fn open_since(&self) -> Option<Instant> {
        lock(&self.state).open.as_ref().map(|open| open.opened_at)
    }

    /// Takes the oldest batch if it is at most `limit` bytes, header included. The records of a taken batch are in
    /// flight from now on.
    ///
    /// The open batch is the oldest one if nothing was sealed before it; it is taken only if it is `due`. Without a codec
    /// the batch is encoded here, outside the lock, which is a checksum. With a codec a batch is sealed first, and leaves
    /// the queue by another call once [`PartitionQueue::put_encoded`] brought it back.
    pub fn take_head(
        self: &Arc<Self>,
        limit: usize,
        due: impl FnOnce(&OpenStatus) -> bool,
        scratch: &mut Scratch,
    ) -> Taken {
        let compression = self.shared.compression();
        let has_codec = compression.codec() != Codec::None;
        let mut state = lock(&self.state);
        let mut sealed = None;
        let found = state.find_head(limit, has_codec, due);
        let content = match found {
            Found::Ready => state.pop_head(),
            Found::Unencoded => {
                sealed = state.seal_oldest();
                None
            }
            Found::TooLarge | Found::Nothing => None,
        };
        if has_codec && content.is_some() {
            sealed = state.seal_full();
        }
        let open_since = state.open.as_ref().map(|open| open.opened_at);
        drop(state);
        let head = match content {
            Some(Content::Encoded(mut batch)) => {
                batch.depart();
                Head::Batch(batch)
            }
            Some(Content::Ended(batch)) => Head::Batch(batch.encode(compression, scratch)),
            Some(Content::Out | Content::Cancelled(_) | Content::Vacant) => {
                unreachable!("only a batch that is here is ready")
            }
            None if matches!(found, Found::TooLarge) => Head::TooLarge,
            None => Head::Nothing,
        };
        Taken {
            head,
            job: sealed.map(|sealed| self.job(sealed)),
            open_since,
        }
    }

    /// With a codec: seals the oldest batch if it is full and no batch before it is being encoded or waits to be taken,
    /// so that the codec and the broker work at the same time.
    pub fn seal_full(self: &Arc<Self>) -> Option<Sealed> {
        if self.shared.compression().codec() == Codec::None {
            return None;
        }
        let mut state = lock(&self.state);
        let sealed = state.seal_full()?;
        let open_since = state.open.as_ref().map(|open| open.opened_at);
        drop(state);
        Some(Sealed {
            job: self.job(sealed),
            open_since,
        })
    }

    fn job(self: &Arc<Self>, (number, batch): (u64, OpenBatch)) -> EncodeJob {
        let place = Place {
            queue: Some(self.clone()),
            id: self.id,
            number,
        };
        batch.into_job(place, self.shared.compression())
    }

    /// Seals the oldest batch that nobody has sealed, whatever is before it.
    #[cfg(test)]
    pub(crate) fn seal(self: &Arc<Self>) -> Option<EncodeJob> {
        let mut state = lock(&self.state);
        state.end_open();
        let sealed = state.seal_oldest();
        drop(state);
        sealed.map(|sealed| self.job(sealed))
    }

    /// Puts an encoded batch into its place, whatever the order in which jobs end. If it was cancelled meanwhile, its
    /// records fail now.
    pub fn put_encoded(&self, mut batch: EncodedBatch) {
        let Some(place) = batch.place.take() else { return };
        let number = place.keep();
        let mut state = lock(&self.state);
        let Some(slot) = state.slot(number) else {
            drop(state);
            drop(batch);
            return;
        };
        match std::mem::replace(&mut slot.content, Content::Vacant) {
            Content::Cancelled(error) => {
                state.trim();
                drop(state);
                batch.fail(error);
            }
            _ => slot.content = Content::Encoded(batch),
        }
    }

    /// Fails what is not stamped and was opened at `opened_until` or before. A batch whose job is out fails when the job
    /// is done.
    pub fn expire(&self, opened_until: Instant, make: impl Fn() -> DeliveryError) -> Expired {
        self.cancel(make, |opened_at| opened_at <= opened_until)
    }

    /// Fails all that is not stamped, for a close or a topic that is gone.
    pub fn purge(&self, make: impl Fn() -> DeliveryError) -> Expired {
        self.cancel(make, |_| true)
    }

    fn cancel(&self, make: impl Fn() -> DeliveryError, concerned: impl Fn(Instant) -> bool) -> Expired {
        let mut expired = Expired::default();
        let mut gone = Vec::new();
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        if state.open.as_ref().is_some_and(|open| concerned(open.opened_at)) {
            state.end_open();
        }
        for slot in state.slots.iter_mut().filter(|slot| concerned(slot.opened_at)) {
            let content = match slot.content {
                Content::Vacant | Content::Cancelled(_) => continue,
                Content::Out => Content::Cancelled(make()),
                Content::Ended(_) | Content::Encoded(_) => Content::Vacant,
            };
            gone.push(std::mem::replace(&mut slot.content, content));
            expired.batches += 1;
            expired.records += u64::from(slot.count);
        }
        state.trim();
        drop(guard);
        for content in gone {
            match content {
                Content::Ended(batch) => batch.fail(make()),
                Content::Encoded(batch) => batch.fail(make()),
                Content::Out | Content::Cancelled(_) | Content::Vacant => {}
            }
        }
        expired
    }

    /// Refuses records from now on. What is open stays open until it is sealed.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        if let Some(open) = &mut state.open {
            // Sends the next append to where it is seen that the queue is closed.
            open.room_end = 0;
        }
    }

    /// Where its records are.
    pub fn ledger(&self) -> Ledger {
        let state = lock(&self.state);
        let mut ledger = state.ledger;
        ledger.accept(state.open.as_ref().map_or(0, |open| open.builder.count()));
        ledger
    }

    /// Counts records that are settled. Must not be called with its lock held.
    pub(crate) fn settle(&self, stage: Stage, count: u32, settled: Settled) {
        lock(&self.state).ledger.settle(stage, count, settled);
    }

    #[cfg(test)]
    pub(crate) fn accept_for_test(&self, count: u32) {
        lock(&self.state).ledger.accept(count);
    }

    pub(crate) fn flushes(&self) -> &FlushBook {
        &self.shared.flushes
    }

    pub(crate) fn memory(&self) -> &Arc<MemoryBudget> {
        &self.shared.memory
    }

    pub(crate) fn hand_back(&self, undelivered: Arc<Undelivered>, certainty: Certainty) {
        self.shared.hand_back(undelivered, certainty);
    }
}

impl State {
    /// Ends the open batch, if there is one: it becomes the last slot.
    fn end_open(&mut self) {
        let Some(open) = self.open.take() else { return };
        let count = open.builder.count();
        let reached = open.builder.len();
        // Up at once, down by halves: one small batch among large ones should not cost the next one its copies.
        self.size_hint = reached.max((self.size_hint + reached) / 2);
        self.ledger.accept(count);
        let opened_at = open.opened_at;
        self.slots.push_back(Slot {
            opened_at,
            count,
            content: Content::Ended(open),
        });
    }

    /// Looks for what [`PartitionQueue::take_head`] may take; ends the open batch if that is it.
    fn find_head(&mut self, limit: usize, has_codec: bool, due: impl FnOnce(&OpenStatus) -> bool) -> Found {
        if self.slots.is_empty() {
            match &self.open {
                Some(open) if due(&open.status()) => {
                    if !has_codec && open.size() > limit {
                        return Found::TooLarge;
                    }
                    self.end_open();
                }
                Some(_) | None => return Found::Nothing,
            }
        }
        let size = match self.slots.front().map(|head| &head.content) {
            Some(Content::Encoded(head)) => head.size(),
            Some(Content::Ended(_)) if has_codec => return Found::Unencoded,
            Some(Content::Ended(head)) => head.size(),
            Some(Content::Out | Content::Cancelled(_) | Content::Vacant) | None => return Found::Nothing,
        };
        if size > limit {
            Found::TooLarge
        } else {
            Found::Ready
        }
    }

    /// Removes the head, whose records are in flight from now on.
    fn pop_head(&mut self) -> Option<Content> {
        let slot = self.slots.pop_front()?;
        self.front += 1;
        self.trim();
        self.ledger.take(slot.count);
        Some(slot.content)
    }

    /// Seals the oldest batch that is ended and not sealed: its place, and the batch.
    fn seal_oldest(&mut self) -> Option<(u64, OpenBatch)> {
        let is_ended = |slot: &Slot| matches!(slot.content, Content::Ended(_));
        let index = self.slots.iter().position(is_ended)?;
        match std::mem::replace(&mut self.slots[index].content, Content::Out) {
            Content::Ended(batch) => Some((self.front + index as u64, batch)),
            Content::Out | Content::Cancelled(_) | Content::Encoded(_) | Content::Vacant => {
                unreachable!("the batch at this index was just seen to be ended")
            }
        }
    }

    /// Seals the oldest batch if that is full and not sealed.
    fn seal_full(&mut self) -> Option<(u64, OpenBatch)> {
        if self.slots.is_empty() && self.open.as_ref().is_some_and(OpenBatch::is_full) {
            self.end_open();
        }
        match self.slots.front()?.content {
            Content::Ended(_) => self.seal_oldest(),
            Content::Out | Content::Cancelled(_) | Content::Encoded(_) | Content::Vacant => None,
        }
    }

    fn slot(&mut self, number: u64) -> Option<&mut Slot> {
        let index = number.checked_sub(self.front)?;
        self.slots.get_mut(index as usize)
    }

    /// Forgets the vacant slots in front.
    fn trim(&mut self) {
        while self
            .slots
            .front()
            .is_some_and(|slot| matches!(slot.content, Content::Vacant))
        {
            self.slots.pop_front();
            self.front += 1;
        }
    }
}

impl Place {
    pub(crate) fn partition(&self) -> PartitionId {
        self.id
    }

    /// The batch is back: the place stays.
    fn keep(mut self) -> u64 {
        self.queue = None;
        self.number
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(queue) = self.queue.take() else { return };
        let mut state = lock(&queue.state);
        if let Some(slot) = state.slot(self.number) {
            slot.content = Content::Vacant;
        }
        state.trim();
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({} of {:?})", self.number, self.id)
    }
}

impl fmt::Debug for PartitionQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionQueue")
            .field("id", &self.id)
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}
