//! The batches of one partition that are not stamped yet, behind one short lock: the open batch,
//! and those before it in order.
//!
//! Application threads append (`queue/append.rs`); the sender takes the oldest batch
//! (`queue/head.rs`) and cancels. An append takes one lock and encodes the record in place. What
//! takes longer (memory, a completion, the doorbell, a wake-up) happens without the lock.

mod append;
pub mod head;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::append::account::Account;
use crate::append::batch::{EncodedBatch, OpenBatch, OpenStatus};
use crate::append::growth::Growth;
use crate::append::ledger::Ledger;
use crate::append::lock::lock;
use crate::append::shared::Shared;
use crate::error::DeliveryError;
use crate::ids::PartitionId;

/// The queue of one partition.
pub struct PartitionQueue {
    id: PartitionId,
    account: Arc<Account>,
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
    /// When the last batch opened. Later batches are not older, though the clocks of their threads
    /// may be behind.
    last_opened_at: Option<Instant>,
    /// Bytes of records that the last batches reached: how large the next buffer should be.
    size_hint: usize,
    /// Bytes, header included, that a waiting batch may grow to.
    limit: usize,
    /// What the partition's leader lets a waiting batch grow to.
    growth: Arc<Growth>,
    closed: bool,
    /// Records in batches that are ended, and of those the ones whose batches left the queue to be
    /// sent.
    accepted: u64,
    sent: u64,
}

#[derive(Debug)]
struct Slot {
    opened_at: Instant,
    count: u32,
    content: Content,
}

impl Slot {
    /// Cancelled or gone. The slot waits for its job or for the slots before it, and has no
    /// deadline any more.
    fn is_given_up(&self) -> bool {
        match self.content {
            Content::Cancelled(_) | Content::Vacant => true,
            Content::Ended(_) | Content::Out | Content::Encoded(_) => false,
        }
    }
}

/// Stored in place: a box per state would be two allocations per batch.
#[derive(Debug)]
enum Content {
    /// Ended because it could not grow, or to be taken; not sealed yet.
    Ended(OpenBatch),
    /// Its encode job is out.
    Out,
    /// Its encode job is out, and its records fail with this error when it comes back.
    Cancelled(DeliveryError),
    Encoded(EncodedBatch),
    /// It is gone, and a batch before it is not.
    Vacant,
}

/// What is in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueStatus {
    /// The open batch.
    pub open: Option<OpenStatus>,
    /// Batches that were ended at their largest size and are not sealed yet.
    pub ended: usize,
    /// Encode jobs that are out.
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

/// What [`PartitionQueue::expire`] failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct Expired {
    /// Number of batches.
    pub batches: usize,
    /// Number of records.
    pub records: u64,
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
            accepted: 0,
            sent: 0,
        };
        Self {
            id,
            account: Arc::new(Account::new(topic, partition, shared.clone())),
            shared,
            state: Mutex::new(state),
        }
    }

    /// The partition's number among the partitions of this producer.
    pub fn id(&self) -> PartitionId {
        self.id
    }

    /// Topic.
    pub fn topic(&self) -> &Arc<str> {
        self.account.topic()
    }

    /// Partition index within the topic.
    pub fn partition(&self) -> i32 {
        self.account.partition()
    }

    /// Lets waiting batches grow to at most `size` bytes, header included: a broker has refused a
    /// batch of twice that size. The limit never goes below `batch.size`, which the application
    /// has chosen.
    pub fn limit_batches(&self, size: usize) {
        let mut state = lock(&self.state);
        state.limit = state.limit.min(
            size.max(self.shared.batch_size)
                .max(linger_protocol::records::HEADER_SIZE),
        );
    }

    /// Lets batches grow as the partition's new leader has them grow. They have no other limit
    /// before the first leader.
    pub fn set_growth(&self, growth: Arc<Growth>) {
        let before = std::mem::replace(&mut lock(&self.state).growth, growth);
        drop(before);
    }

    /// What is in the queue.
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

    /// Fails the batches that were opened at `opened_until` or before. A batch whose encode job is
    /// out fails when the job is done.
    pub fn expire(&self, opened_until: Instant, make: impl Fn() -> DeliveryError) -> Expired {
        self.cancel(make, |opened_at| opened_at <= opened_until)
    }

    /// Fails all batches, for a close or a topic that is gone.
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

    /// Refuses records from now on. The open batch stays open until it is taken.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        if let Some(open) = &mut state.open {
            // The next append finds no room, takes the slow path, and finds the queue closed there.
            open.room_end = 0;
        }
    }

    /// Where the records of the partition are.
    pub fn ledger(&self) -> Ledger {
        let settled = self.account.settled();
        let state = lock(&self.state);
        let open = state.open.as_ref().map_or(0, |open| open.builder.count());
        settled.ledger(state.accepted + u64::from(open), state.sent)
    }

    /// The batch at this number will not come back.
    pub(super) fn vacate(&self, number: u64) {
        let mut state = lock(&self.state);
        if let Some(slot) = state.slot(number) {
            slot.content = Content::Vacant;
        }
        state.trim();
    }
}

impl State {
    /// Ends the open batch, if there is one. It becomes the last slot.
    fn end_open(&mut self) {
        let Some(open) = self.open.take() else { return };
        let count = open.builder.count();
        let reached = open.builder.len();
        // The hint rises at once and sinks by halves: after one small batch among large ones the next need
        // not be copied while it grows.
        self.size_hint = reached.max((self.size_hint + reached) / 2);
        self.accepted += u64::from(count);
        let opened_at = open.opened_at;
        self.slots.push_back(Slot {
            opened_at,
            count,
            content: Content::Ended(open),
        });
    }

    fn slot(&mut self, number: u64) -> Option<&mut Slot> {
        let index = number.checked_sub(self.front)?;
        self.slots.get_mut(index as usize)
    }

    /// Removes the vacant slots in front.
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

impl fmt::Debug for PartitionQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionQueue")
            .field("id", &self.id)
            .field("topic", self.topic())
            .field("partition", &self.partition())
            .finish_non_exhaustive()
    }
}
