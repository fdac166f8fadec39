//! The producer's handle: an application sends, flushes and closes by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use linger_core::append::accumulator::Accumulator;
use linger_core::append::cluster_view::ClusterView;
use linger_core::append::delivery::Delivery;
use linger_core::append::record_metadata::RecordMetadata;
use linger_core::config::Config;
use linger_core::error::{DeliveryError, SendError};
use linger_core::ids::FlushId;
use linger_core::record::{OwnedRecord, Record};
use linger_core::send::sender::Sender;
use linger_core::{Flushed, Ledger};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::cluster_watch::ClusterWatch;
use crate::command::Command;
use crate::driver::{Driver, Parts};
use crate::driver_waker::DriverWaker;
use crate::send_future::SendFuture;
use crate::shared::{Shared, YieldToDriver};
use crate::traffic::{Counters, Traffic};

/// Sends records to Kafka.
///
/// Cloning is cheap and makes another handle to the same producer. Handles may be used from any
/// thread and any task at once. The producer has one task, which runs on the runtime on which the
/// producer was built. Dropping the last handle closes the producer as [`close`](Self::close) with
/// a deadline of zero does, without waiting for the end.
#[derive(Debug, Clone)]
pub struct Producer {
    shared: Arc<Shared>,
}

/// The outcome of [`Producer::close`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Closed {
    /// The counts of all records that were accepted, by their outcome.
    pub ledger: Ledger,
    /// The records whose batches never left. None of them was written.
    pub undelivered: Vec<OwnedRecord>,
}

/// Why [`Producer::deliver`] did not deliver a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The record was refused. It was not written and never will be.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The record was accepted and not delivered. [`DeliveryError::certainty`] says whether it may
    /// have been written.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
}

impl Producer {
    /// Starts the driver of a checked configuration on a runtime.
    pub(crate) fn start(config: Config, runtime: &Handle) -> Self {
        static PRODUCERS: AtomicU64 = AtomicU64::new(1);
        let id = PRODUCERS.fetch_add(1, Ordering::Relaxed);
        let config = Arc::new(config);
        let accumulator = Accumulator::new(Arc::clone(&config));
        let cluster_watch = Arc::new(ClusterWatch::new(Arc::new(ClusterView::empty())));
        let waker = Arc::new(DriverWaker::default());
        let counters = Arc::new(Counters::default());
        let (commands, received) = mpsc::unbounded_channel();
        let seed = seed();
        let parts = Parts {
            config: Arc::clone(&config),
            accumulator: Arc::clone(&accumulator),
            sender: Sender::new(Arc::clone(&config), Arc::clone(&accumulator), seed, clock::now()),
            waker: Arc::clone(&waker),
            cluster_watch: Arc::clone(&cluster_watch),
            counters: Arc::clone(&counters),
            commands: received,
            to_self: commands.clone(),
        };
        let driver = {
            let _context = runtime.enter();
            let mut driver = Driver::new(parts);
            driver.start();
            driver
        };
        runtime.spawn(driver);
        Self {
            shared: Arc::new(Shared {
                id,
                config,
                accumulator,
                cluster_watch,
                waker,
                counters,
                commands,
                yields_to_driver: runtime.metrics().num_workers() == 1,
            }),
        }
    }

    /// Resolves once a broker has described the cluster.
    pub(crate) async fn connected(&self) {
        let mut cluster_watch = self.shared.cluster_watch.subscribe();
        // No error is possible: this handle keeps the watched value alive.
        let _ = cluster_watch.wait_for(|view| view.generation() > 0).await;
    }

    /// Accepts a record into its partition's batch. Waits for the topic's metadata and for memory
    /// if necessary, for `max.block.ms` in all.
    ///
    /// When the future is ready, the record is encoded and no longer borrowed. The [`Delivery`]
    /// resolves to the record's outcome; dropping the delivery does not cancel the record.
    ///
    /// # Errors
    /// A [`SendError`] means that the record was not accepted. It was not written and never will
    /// be.
    ///
    /// # Cancel safety
    /// A future that is dropped before it is ready has not accepted the record: every wait comes
    /// before the acceptance.
    ///
    /// # Panics
    /// The future panics if it must wait and is polled outside a Tokio runtime with time enabled.
    #[inline]
    pub fn send<'a>(&'a self, record: Record<'a>) -> SendFuture<'a> {
        SendFuture::new(&self.shared, record)
    }

    /// Accepts a record if that needs no waiting.
    ///
    /// # Errors
    /// As [`send`](Self::send), but [`SendError::MetadataMissing`] and [`SendError::BufferFull`]
    /// come at once and not after `max.block.ms`. The metadata of an unknown topic is
    /// requested, so that a later call may succeed.
    #[inline]
    pub fn try_send(&self, record: Record<'_>) -> Result<Delivery, SendError> {
        self.shared
            .accept(&record, YieldToDriver::Never, None)
            .map_err(|refusal| self.shared.refuse_now(&record, refusal))
    }

    /// Sends a record and waits for its delivery.
    ///
    /// # Errors
    /// [`Error::Send`] if the record was refused, [`Error::Delivery`] if it was accepted and not
    /// delivered.
    ///
    /// # Cancel safety
    /// A future that is dropped before the record is accepted has not sent it. Afterwards a drop
    /// cancels nothing.
    ///
    /// # Panics
    /// As [`send`](Self::send).
    pub async fn deliver(&self, record: Record<'_>) -> Result<RecordMetadata, Error> {
        Ok(self.send(record).await?.await?)
    }

    /// Sends all batches without waiting for their linger. Returns when every record that was
    /// accepted before the call is resolved, after `delivery.timeout.ms` at the latest.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the batches from leaving.
    pub async fn flush(&self) -> Flushed {
        let flush = FlushGuard::begin(&self.shared.accumulator);
        let (done, finished) = oneshot::channel();
        self.shared.command(Command::Flush(flush.id, done));
        // An error means that the driver has ended; then every record is resolved.
        let _ = finished.await;
        flush.end()
    }

    /// Accepts no more records, delivers what it can within `deadline`, and ends the producer.
    ///
    /// Records that have not left by then are handed back in [`Closed::undelivered`]. Records that
    /// have left and are not acknowledged fail as possibly written. Afterwards every delivery
    /// is resolved. A second call, also on another handle, waits for the same end; the records
    /// are handed back once.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the producer from ending.
    pub async fn close(&self, deadline: Duration) -> Closed {
        let shared = &self.shared;
        shared.accumulator.close();
        let at = clock::now()
            .checked_add(deadline)
            .unwrap_or_else(|| clock::now() + Duration::from_secs(86_400));
        shared.command(Command::Close { deadline: at });
        // The driver drops its end of the channel when it has ended.
        shared.commands.closed().await;
        let handed_back = shared.accumulator.take_handed_back();
        let undelivered = handed_back
            .iter()
            .flat_map(|(batch, _)| batch.records().iter().cloned())
            .collect();
        Closed {
            ledger: shared.accumulator.ledger(),
            undelivered,
        }
    }

    /// Counts the records that were accepted so far, by what has become of them. At any time
    /// accepted = acknowledged + failed + returned + queued + in flight.
    pub fn ledger(&self) -> Ledger {
        self.shared.accumulator.ledger()
    }

    /// Counts the requests, batches and bytes that the connections have carried so far. The
    /// counters of a working producer are read one after the other, so that they may differ by
    /// what happens meanwhile.
    pub fn traffic(&self) -> Traffic {
        self.shared.counters.snapshot()
    }
}

/// A flush that has begun. Dropping the guard ends the flush in the accumulator.
struct FlushGuard<'a> {
    accumulator: &'a Accumulator,
    id: FlushId,
    ended: bool,
}

impl<'a> FlushGuard<'a> {
    fn begin(accumulator: &'a Accumulator) -> Self {
        Self {
            accumulator,
            id: accumulator.begin_flush(),
            ended: false,
        }
    }

    fn end(mut self) -> Flushed {
        self.ended = true;
        self.accumulator.end_flush(self.id)
    }
}

impl Drop for FlushGuard<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.accumulator.end_flush(self.id);
        }
    }
}

/// A seed for jitter and for the first sticky partition, different for each producer and each
/// process.
fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
