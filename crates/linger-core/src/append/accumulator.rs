//! All partitions' queues, and what they share: memory, doorbell, flushes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use linger_protocol::records::{Compression, HEADER_SIZE, Record};

use crate::append::delivery::Delivery;
use crate::append::doorbell::Doorbell;
use crate::append::flush::{FlushBook, Flushed};
use crate::append::ledger::Ledger;
use crate::append::lock::lock;
use crate::append::memory::{MemoryBudget, Turn, capacity_for};
use crate::append::partitioner::Filled;
use crate::append::queue::PartitionQueue;
use crate::append::undelivered::Undelivered;
use crate::config::Config;
use crate::error::Certainty;
use crate::ids::{FlushId, PartitionId};

/// What application threads and the sender share.
#[derive(Debug)]
pub struct Accumulator {
    shared: Arc<Shared>,
    queues: Mutex<Queues>,
}

/// What all queues share. It knows no queue.
#[derive(Debug)]
pub(crate) struct Shared {
    /// `batch.size`, or `batch_limit` if that is less.
    pub(crate) batch_size: usize,
    /// Bytes, header included, that a waiting batch may grow to.
    pub(crate) batch_limit: usize,
    config: Arc<Config>,
    pub(crate) memory: Arc<MemoryBudget>,
    pub(crate) doorbell: Doorbell,
    pub(crate) flushes: FlushBook,
    /// Batches that a close handed back.
    handed_back: Mutex<Vec<(Arc<Undelivered>, Certainty)>>,
}

#[derive(Debug, Default)]
struct Queues {
    by_id: Vec<Arc<PartitionQueue>>,
    by_name: BTreeMap<Arc<str>, BTreeMap<i32, Arc<PartitionQueue>>>,
    closed: bool,
}

/// An accepted record.
#[derive(Debug)]
#[must_use]
pub struct Appended {
    /// Its outcome.
    pub delivery: Delivery,
    /// Bytes that it takes in its batch.
    pub bytes: usize,
    /// Whether it filled its batch: tell the [`Sticky`](crate::append::partitioner::Sticky) partition.
    pub filled: Filled,
    /// The sender sleeps and must be woken.
    pub wake: bool,
}

/// Why a record was not accepted. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendError {
    /// There is no memory for it now. Await [`MemoryBudget::wait`] and append again, in that turn.
    NeedMemory {
        /// Bytes to wait for.
        bytes: usize,
        /// The sender sleeps and must be woken: what could leave should leave now.
        wake: bool,
    },
    /// It alone takes more than a request, or all memory, allows.
    TooLarge {
        /// Bytes of a batch with this record alone.
        size: usize,
        /// Most bytes it may take.
        limit: usize,
    },
    /// The producer is closed.
    Closed,
}

/// Records that a close handed back, one entry per batch, with what is known of whether they were written.
pub type HandedBack = Vec<(Arc<Undelivered>, Certainty)>;

impl Accumulator {
    /// An accumulator without queues. `config` must have been validated.
    pub fn new(config: Arc<Config>) -> Arc<Self> {
        let shared = Shared {
            batch_size: config.batch_size.min(config.batch_limit()),
            batch_limit: config.batch_limit(),
            memory: MemoryBudget::new(config.buffer_memory),
            doorbell: Doorbell::default(),
            flushes: FlushBook::new(),
            handed_back: Mutex::new(Vec::new()),
            config,
        };
        Arc::new(Self {
            shared: Arc::new(shared),
            queues: Mutex::new(Queues::default()),
        })
    }

    /// The configuration.
    pub fn config(&self) -> &Arc<Config> {
        &self.shared.config
    }

    /// The queue of a partition, made when first asked for. The sender asks; senders of records find it in their
    /// [`ClusterView`](crate::append::cluster_view::ClusterView).
    pub fn queue(&self, topic: &Arc<str>, partition: i32) -> Arc<PartitionQueue> {
        let mut queues = lock(&self.queues);
        let Queues {
            by_id,
            by_name,
            closed,
        } = &mut *queues;
        let of_topic = by_name.entry(topic.clone()).or_default();
        let queue = of_topic.entry(partition).or_insert_with(|| {
            let id = PartitionId(by_id.len() as u32);
            let queue = Arc::new(PartitionQueue::new(
                id,
                topic.clone(),
                partition,
                self.shared.clone(),
            ));
            if *closed {
                queue.close();
            }
            by_id.push(queue.clone());
            queue
        });
        queue.clone()
    }

    /// The queue of this number.
    ///
    /// # Panics
    /// If this accumulator never gave out the number.
    pub fn queue_by_id(&self, partition: PartitionId) -> Arc<PartitionQueue> {
        lock(&self.queues).by_id[partition.0 as usize].clone()
    }

    /// All queues, by id.
    pub fn queues(&self) -> Vec<Arc<PartitionQueue>> {
        lock(&self.queues).by_id.clone()
    }

    /// Accepts a record. `timestamp`, in milliseconds since the Unix epoch, is the caller's; `now` is read only when a
    /// batch opens.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing has changed then.
    #[inline]
    pub fn append(
        &self,
        queue: &Arc<PartitionQueue>,
        record: &Record<'_>,
        timestamp: i64,
        now: impl FnOnce() -> Instant,
    ) -> Result<Appended, AppendError> {
        queue.append(record, timestamp, None, now)
    }

    /// Like [`Accumulator::append`], with memory that was waited for. What the record does not need of it goes to the
    /// next in line when `turn` is dropped.
    ///
    /// # Errors
    /// As [`Accumulator::append`]: a batch may have to grow further than was waited for.
    pub fn append_in_turn(
        &self,
        turn: &mut Turn,
        queue: &Arc<PartitionQueue>,
        record: &Record<'_>,
        timestamp: i64,
        now: impl FnOnce() -> Instant,
    ) -> Result<Appended, AppendError> {
        queue.append(record, timestamp, Some(turn), now)
    }

    /// `buffer.memory`, and the line of those who wait for some.
    pub fn memory(&self) -> &Arc<MemoryBudget> {
        &self.shared.memory
    }

    /// How appending threads tell the sender that a partition needs it.
    pub fn doorbell(&self) -> &Doorbell {
        &self.shared.doorbell
    }

    /// Refuses records from now on. What was accepted stays, for the sender to seal and send or to purge.
    pub fn close(&self) {
        let queues = {
            let mut queues = lock(&self.queues);
            queues.closed = true;
            queues.by_id.clone()
        };
        queues.iter().for_each(|queue| queue.close());
    }

    /// Begins a flush of what was accepted before. The caller tells the sender, and calls [`Accumulator::end_flush`] when
    /// it is done.
    pub fn begin_flush(&self) -> FlushId {
        self.shared.flushes.begin()
    }

    /// Whether all that was accepted before the flush is resolved.
    pub fn flush_done(&self, flush: FlushId) -> bool {
        self.shared.flushes.is_done(flush)
    }

    /// Ends a flush, done or given up, and says what became of the records since it began.
    pub fn end_flush(&self, flush: FlushId) -> Flushed {
        self.shared.flushes.end(flush)
    }

    /// The records that failed because the producer was closed, by batch; each is given out once.
    pub fn take_handed_back(&self) -> HandedBack {
        std::mem::take(&mut lock(&self.shared.handed_back))
    }

    /// Where all records are: each queue's counts are consistent, and they are added one queue after the other.
    pub fn ledger(&self) -> Ledger {
        let mut sum = Ledger::default();
        for queue in self.queues() {
            sum += queue.ledger();
        }
        sum
    }
}

impl Shared {
    pub(crate) fn compression(&self) -> Compression {
        self.config.compression
    }

    /// Whether a record that takes `size` bytes can ever be accepted.
    pub(crate) fn check_size(&self, size: usize) -> Result<(), AppendError> {
        let size = HEADER_SIZE + size;
        let limit = self.config.max_request_size;
        if size > limit {
            return Err(AppendError::TooLarge { size, limit });
        }
        if capacity_for(size - HEADER_SIZE) > self.memory.limit() {
            return Err(AppendError::TooLarge {
                size,
                limit: self.memory.limit(),
            });
        }
        Ok(())
    }

    /// Whether an open batch may grow to `size` bytes of records: the larger buffer and the one it replaces must fit into
    /// memory together, or whoever waits for it would wait for ever.
    pub(crate) fn may_grow_to(&self, size: usize) -> bool {
        2 * capacity_for(size) <= self.memory.limit()
    }

    /// At most an eighth of all memory: what a batch asks for because earlier ones became that large.
    pub(crate) fn modest(&self, wanted: usize) -> usize {
        wanted.min(self.memory.limit() / 8)
    }

    pub(crate) fn hand_back(&self, undelivered: Arc<Undelivered>, certainty: Certainty) {
        lock(&self.handed_back).push((undelivered, certainty));
    }
}
