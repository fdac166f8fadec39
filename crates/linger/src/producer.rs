//! The producer as an application holds it: a cheap handle whose sends write straight into the accumulator.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use linger_core::append::accumulator::{Accumulator, AppendError, Appended};
use linger_core::append::cluster_view::{ClusterView, TopicState, TopicView};
use linger_core::append::delivery::Delivery;
use linger_core::append::memory::Turn;
use linger_core::config::Config;
use linger_core::error::{DeliveryError, SendError};
use linger_core::ids::FlushId;
use linger_core::record::{OwnedRecord, Record, RecordMetadata};
use linger_core::send::sender::Sender;
use linger_core::{Flushed, Ledger};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::builder::ProducerBuilder;
use crate::clock;
use crate::cluster_watch::ClusterWatch;
use crate::driver::{Command, Driver, DriverWaker, Parts};
use crate::send_future::SendFuture;
use crate::topic_cache::{self, Slot};
use crate::traffic::{Counters, Traffic};

/// Sends records to Kafka.
///
/// Cloning makes another handle to the same producer; handles may be used from any thread and any task at once. Its
/// one task runs on the runtime on which it was built. Dropping the last handle is [`close`](Self::close) with a
/// deadline of zero that nobody waits for.
#[derive(Debug, Clone)]
pub struct Producer {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    /// Tells this producer from others in what threads remember.
    id: u64,
    config: Arc<Config>,
    accumulator: Arc<Accumulator>,
    cluster_watch: Arc<ClusterWatch>,
    waker: Arc<DriverWaker>,
    counters: Arc<Counters>,
    commands: mpsc::UnboundedSender<Command>,
    /// Whether a task that sends without pause would keep the driver from running: its runtime has one thread.
    owes_turns: bool,
}

/// What a producer leaves behind.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Closed {
    /// What became of every record that was ever accepted.
    pub ledger: Ledger,
    /// The records that never left, which the close hands back. None of them was written.
    pub undelivered: Vec<OwnedRecord>,
}

/// Why [`Producer::deliver`] did not deliver.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The record was refused: it was not written.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The record was accepted and not delivered: ask [`DeliveryError::certainty`] whether it may have been written.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
}

/// Why a record was not accepted at once.
pub(crate) enum Refusal {
    /// The driver is to run first.
    Turn,
    /// The topic's metadata is not known.
    Topic,
    /// There is no memory for it.
    Memory { bytes: usize },
    /// It never will be.
    Never(SendError),
}

impl Producer {
    /// Starts collecting a producer's settings.
    pub fn builder() -> ProducerBuilder {
        ProducerBuilder::new()
    }

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
                owes_turns: runtime.metrics().num_workers() == 1,
            }),
        }
    }

    /// Resolves once a broker has described the cluster.
    pub(crate) async fn connected(&self) {
        let mut cluster_watch = self.shared.cluster_watch.subscribe();
        // The sender of cluster_watch lives as long as this handle.
        let _ = cluster_watch.wait_for(|view| view.generation() > 0).await;
    }

    /// Accepts a record into its partition's batch, waiting for the topic's metadata and for memory if need be, for
    /// `max.block.ms` at most.
    ///
    /// The record is encoded before this returns. The [`Delivery`] tells what becomes of it; dropping that cancels
    /// nothing.
    ///
    /// # Errors
    /// A [`SendError`] means that the record was not accepted: it is not written and never will be.
    ///
    /// # Cancel safety
    /// A dropped future means "not sent": every wait comes before the acceptance.
    #[inline]
    pub fn send<'a>(&'a self, record: Record<'a>) -> SendFuture<'a> {
        SendFuture::new(&self.shared, record)
    }

    /// Accepts a record if that needs no waiting.
    ///
    /// # Errors
    /// As [`send`](Self::send); [`SendError::MetadataMissing`] and [`SendError::BufferFull`] at once instead of after
    /// `max.block.ms`. A topic that is not known yet is asked for, so that a later call finds it.
    #[inline]
    pub fn try_send(&self, record: Record<'_>) -> Result<Delivery, SendError> {
        self.shared
            .accept(&record, Turns::Taken, None)
            .map_err(|refusal| self.shared.refuse_now(&record, refusal))
    }

    /// Sends a record and waits for its delivery.
    ///
    /// # Errors
    /// [`Error::Send`] when it was refused, [`Error::Delivery`] when it was accepted and not delivered.
    ///
    /// # Cancel safety
    /// Dropping the future before the record is accepted means "not sent"; afterwards it cancels nothing.
    pub async fn deliver(&self, record: Record<'_>) -> Result<RecordMetadata, Error> {
        Ok(self.send(record).await?.await?)
    }

    /// Sends all batches without waiting for their linger, and returns once everything that was accepted before the
    /// call is resolved, `delivery.timeout.ms` at the latest.
    ///
    /// # Cancel safety
    /// The batches leave all the same.
    pub async fn flush(&self) -> Flushed {
        let flush = FlushGuard::begin(&self.shared.accumulator);
        let (done, finished) = oneshot::channel();
        self.shared.command(Command::Flush(flush.id, done));
        // An error means that the driver has ended, and with it every batch.
        let _ = finished.await;
        flush.end()
    }

    /// Accepts nothing more, delivers what it can within `deadline`, and ends the producer.
    ///
    /// What has not left by then is handed back; what has left and is unanswered fails as possibly written. Afterwards
    /// every delivery is resolved. Closing again, or from another handle, waits for the same end.
    ///
    /// # Cancel safety
    /// The producer ends all the same.
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

    /// What has become of the records so far: accepted = acknowledged + failed + returned + queued + in flight,
    /// at any time.
    pub fn ledger(&self) -> Ledger {
        self.shared.accumulator.ledger()
    }

    /// What the connections have carried so far. The counts are read one by one: of a producer at work they may be of
    /// moments a little apart.
    pub fn traffic(&self) -> Traffic {
        self.shared.counters.snapshot()
    }
}

/// A flush that has begun; it leaves no trace when whoever asked for it stops waiting.
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

/// Whether a send lets the driver run first when it has just been woken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turns {
    /// It does: on a runtime of one thread nothing would leave otherwise while a task sends without pause.
    Owed,
    /// It has, or it cannot.
    Taken,
}

impl Shared {
    /// Accepts a record if it can be done at once.
    #[inline]
    pub(crate) fn accept(
        &self,
        record: &Record<'_>,
        turns: Turns,
        memory: Option<&mut Turn>,
    ) -> Result<Delivery, Refusal> {
        let accepted = topic_cache::with_topic(self.id, &self.cluster_watch, record.topic, |slot| {
            if slot.owes_a_turn && turns == Turns::Owed && self.owes_turns {
                slot.owes_a_turn = false;
                return Err(Refusal::Turn);
            }
            let appended = self.append(slot, record, memory)?;
            slot.owes_a_turn |= appended.wake;
            Ok(appended)
        });
        let appended = accepted.unwrap_or(Err(Refusal::Topic))?;
        if appended.wake {
            self.waker.wake();
        }
        Ok(appended.delivery)
    }

    #[inline]
    fn append(
        &self,
        slot: &mut Slot,
        record: &Record<'_>,
        memory: Option<&mut Turn>,
    ) -> Result<Appended, Refusal> {
        let topic = &*slot.topic;
        if let TopicState::Error(code) = topic.state {
            return Err(Refusal::Never(SendError::Topic {
                topic: Arc::clone(&topic.name),
                code,
            }));
        }
        let count = topic.partitions.len();
        let chosen = match record.partition {
            Some(partition) => Some(
                u32::try_from(partition)
                    .ok()
                    .filter(|index| (*index as usize) < count)
                    .ok_or_else(|| {
                        Refusal::Never(SendError::NoSuchPartition {
                            topic: Arc::clone(&topic.name),
                            partition,
                            count,
                        })
                    })?,
            ),
            None => self.config.partitioner.for_key(record.key, count as u32),
        };
        let index = match chosen {
            Some(index) => index,
            None => slot.sticky.partition(topic).ok_or(Refusal::Topic)?,
        };
        let timestamp = record.timestamp.unwrap_or_else(clock::timestamp_ms);
        let queue = &topic.partitions[index as usize].queue;
        let appended = match memory {
            None => self
                .accumulator
                .append(queue, &record.stored(), timestamp, clock::now),
            Some(turn) => {
                self.accumulator
                    .append_in_turn(turn, queue, &record.stored(), timestamp, clock::now)
            }
        };
        match appended {
            Ok(appended) => {
                if chosen.is_none() {
                    slot.sticky
                        .sent(appended.bytes, appended.filled, self.config.batch_size);
                }
                Ok(appended)
            }
            Err(AppendError::NeedMemory { bytes, wake }) => {
                if wake {
                    self.waker.wake();
                }
                Err(Refusal::Memory { bytes })
            }
            Err(AppendError::TooLarge { size, limit }) => {
                Err(Refusal::Never(SendError::TooLarge { size, limit }))
            }
            Err(AppendError::Closed) => Err(Refusal::Never(SendError::Closed)),
        }
    }

    /// The part of a send that waits.
    pub(crate) async fn wait_and_accept(
        &self,
        record: Record<'_>,
        first: Refusal,
    ) -> Result<Delivery, SendError> {
        let deadline = Instant::now() + self.config.max_block;
        let mut refusal = first;
        loop {
            let mut turn = match refusal {
                Refusal::Never(error) => return Err(error),
                Refusal::Turn => {
                    tokio::task::yield_now().await;
                    None
                }
                Refusal::Topic => {
                    self.wait_for_topic(record.topic, deadline).await?;
                    None
                }
                Refusal::Memory { bytes } => Some(self.wait_for_memory(bytes, deadline).await?),
            };
            match self.accept(&record, Turns::Taken, turn.as_mut()) {
                Ok(delivery) => return Ok(delivery),
                Err(again) => refusal = again,
            }
            // Others changed what was waited for; without a pause a loop of one runtime would never see them move on.
            tokio::task::yield_now().await;
        }
    }

    /// Asks for a topic's metadata until the newest view has the topic, whatever its state.
    async fn wait_for_topic(&self, name: &str, deadline: Instant) -> Result<(), SendError> {
        let topic: Arc<str> = name.into();
        let mut cluster_watch = self.cluster_watch.subscribe();
        self.command(Command::TopicWanted(Arc::clone(&topic)));
        let answered = |topic: &Arc<TopicView>| topic.state != TopicState::Ok || !topic.partitions.is_empty();
        let known = cluster_watch.wait_for(|view| view.topic(name).is_some_and(answered));
        tokio::select! {
            known = tokio::time::timeout_at(deadline, known) => match known {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(_)) => Err(SendError::Closed),
                Err(_) => Err(SendError::MetadataMissing { topic }),
            },
            () = self.commands.closed() => Err(SendError::Closed),
        }
    }

    /// Stands in line for `bytes` of `buffer.memory`.
    async fn wait_for_memory(&self, bytes: usize, deadline: Instant) -> Result<Turn, SendError> {
        let memory = self.accumulator.memory();
        let spent = SendError::BufferFull {
            bytes,
            limit: memory.limit(),
        };
        tokio::select! {
            turn = tokio::time::timeout_at(deadline, memory.wait(bytes)) => turn.map_err(|_| spent),
            () = self.commands.closed() => Err(SendError::Closed),
        }
    }

    /// What [`Producer::try_send`] says instead of waiting.
    #[cold]
    fn refuse_now(&self, record: &Record<'_>, refusal: Refusal) -> SendError {
        match refusal {
            Refusal::Never(error) => error,
            Refusal::Memory { bytes } => SendError::BufferFull {
                bytes,
                limit: self.config.buffer_memory,
            },
            Refusal::Topic | Refusal::Turn => {
                let topic: Arc<str> = record.topic.into();
                self.command(Command::TopicWanted(Arc::clone(&topic)));
                SendError::MetadataMissing { topic }
            }
        }
    }

    /// Sends the driver a command. One that has ended needs none.
    fn command(&self, command: Command) {
        let _ = self.commands.send(command);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.accumulator.close();
        self.command(Command::Close {
            deadline: clock::now(),
        });
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("id", &self.id)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// A seed for jitter and for where each sticky round starts: different in each producer of each process.
fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
