//! All partitions' queues: what application threads and the sender share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use linger_protocol::records::Record;

use crate::append::appended::{AppendError, Appended};
use crate::append::doorbell::Doorbell;
use crate::append::flush::Flushed;
use crate::append::ledger::Ledger;
use crate::append::lock::lock;
use crate::append::memory::{MemoryBudget, MemoryPermit};
use crate::append::queue::PartitionQueue;
use crate::append::shared::{HandedBack, Shared};
use crate::config::Config;
use crate::ids::{FlushId, PartitionId};

/// What application threads and the sender share.
#[derive(Debug)]
pub struct Accumulator {
    shared: Arc<Shared>,
    queues: Mutex<Queues>,
}

#[derive(Debug, Default)]
struct Queues {
    by_id: Vec<Arc<PartitionQueue>>,
    by_name: BTreeMap<Arc<str>, BTreeMap<i32, Arc<PartitionQueue>>>,
    closed: bool,
}

impl Accumulator {
    /// An accumulator without queues. `config` must have been validated.
    pub fn new(config: Arc<Config>) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::new(Shared::new(config)),
            queues: Mutex::new(Queues::default()),
        })
    }

    /// The configuration.
    pub fn config(&self) -> &Arc<Config> {
        &self.shared.config
    }

    /// The queue of a partition, made when first asked for. The sender asks; senders of records
    /// find it in their [`ClusterView`](crate::append::cluster_view::ClusterView).
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

    /// Accepts a record. `timestamp`, in milliseconds since the Unix epoch, is the caller's; `now`
    /// is read only when a batch opens.
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

    /// Like [`Accumulator::append`], with memory that was waited for. What the record does not need
    /// of it goes to the next in line when `permit` is dropped.
    ///
    /// # Errors
    /// As [`Accumulator::append`]: a batch may have to grow further than was waited for.
    pub fn append_with_permit(
        &self,
        permit: &mut MemoryPermit,
        queue: &Arc<PartitionQueue>,
        record: &Record<'_>,
        timestamp: i64,
        now: impl FnOnce() -> Instant,
    ) -> Result<Appended, AppendError> {
        queue.append(record, timestamp, Some(permit), now)
    }

    /// `buffer.memory`, and the line of those who wait for some.
    pub fn memory(&self) -> &Arc<MemoryBudget> {
        &self.shared.memory
    }

    /// How appending threads tell the sender that a partition needs it.
    pub fn doorbell(&self) -> &Doorbell {
        &self.shared.doorbell
    }

    /// Refuses records from now on. What was accepted stays, for the sender to seal and send or to
    /// purge.
    pub fn close(&self) {
        let queues = {
            let mut queues = lock(&self.queues);
            queues.closed = true;
            queues.by_id.clone()
        };
        queues.iter().for_each(|queue| queue.close());
    }

    /// Begins a flush of what was accepted before. The caller tells the sender, and calls
    /// [`Accumulator::end_flush`] when it is done.
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
        self.shared.take_handed_back()
    }

    /// Where all records are: each queue's counts are consistent, and they are added one queue
    /// after the other.
    pub fn ledger(&self) -> Ledger {
        let mut sum = Ledger::default();
        for queue in self.queues() {
            sum += queue.ledger();
        }
        sum
    }
}
