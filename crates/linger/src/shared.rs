//! What all handles of a producer share, and how it accepts a record into the accumulator.

use std::sync::Arc;

use linger_core::append::accumulator::Accumulator;
use linger_core::append::appended::{AppendError, Appended};
use linger_core::append::cluster_view::{TopicState, TopicView};
use linger_core::append::delivery::Delivery;
use linger_core::append::memory::MemoryPermit;
use linger_core::config::Config;
use linger_core::error::SendError;
use linger_core::record::Record;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::clock;
use crate::cluster_watch::ClusterWatch;
use crate::command::Command;
use crate::driver_waker::DriverWaker;
use crate::topic_cache::{self, Slot};
use crate::traffic::Counters;

/// The part of a producer on the application's side. Dropping it closes the producer.
pub(crate) struct Shared {
    /// Distinguishes the producers in the topic caches of threads.
    pub(crate) id: u64,
    pub(crate) config: Arc<Config>,
    pub(crate) accumulator: Arc<Accumulator>,
    pub(crate) cluster_watch: Arc<ClusterWatch>,
    pub(crate) waker: Arc<DriverWaker>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) commands: mpsc::UnboundedSender<Command>,
    /// Whether the runtime has one thread: then a task that sends without pause would keep the
    /// driver from running.
    pub(crate) yields_to_driver: bool,
}

/// Why a record was not accepted at once.
pub(crate) enum Refusal {
    /// The driver has been woken, and runs before the record is accepted.
    Yield,
    /// The topic's metadata is not known.
    Topic,
    /// `buffer.memory` has no room for the record.
    Memory { bytes: usize },
    /// The record will never be accepted.
    Never(SendError),
}

/// Whether a send lets a driver that it has woken run before it accepts a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum YieldToDriver {
    /// The send yields first if it must: on a runtime of one thread nothing would leave while a
    /// task sends without pause.
    IfDue,
    /// The send has yielded already, or it cannot.
    Never,
}

impl Shared {
    /// Accepts a record if that needs no waiting.
    #[inline]
    pub(crate) fn accept(
        &self,
        record: &Record<'_>,
        yields: YieldToDriver,
        permit: Option<&mut MemoryPermit>,
    ) -> Result<Delivery, Refusal> {
        let accepted = topic_cache::with_topic(self.id, &self.cluster_watch, record.topic, |slot| {
            if slot.yields_to_driver && yields == YieldToDriver::IfDue && self.yields_to_driver {
                slot.yields_to_driver = false;
                return Err(Refusal::Yield);
            }
            let appended = self.append(slot, record, permit)?;
            slot.yields_to_driver |= appended.wake;
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
        permit: Option<&mut MemoryPermit>,
    ) -> Result<Appended, Refusal> {
        let topic = &*slot.topic;
        if let TopicState::Error(code) = topic.state {
            return Err(Refusal::Never(SendError::Topic {
                topic: Arc::clone(&topic.name),
                code,
            }));
        }
        let chosen = match record.partition {
            Some(partition) => Some(partition_of(topic, partition)?),
            None => {
                let count = topic.partitions.len() as u32;
                self.config.partitioner.for_key(record.key, count)
            }
        };
        let index = match chosen {
            Some(index) => index,
            None => slot.sticky.partition(topic).ok_or(Refusal::Topic)?,
        };
        let timestamp = record.timestamp.unwrap_or_else(clock::timestamp_ms);
        let queue = &topic.partitions[index as usize].queue;
        let appended = match permit {
            None => self
                .accumulator
                .append(queue, &record.stored(), timestamp, clock::now),
            Some(permit) => {
                self.accumulator
                    .append_with_permit(permit, queue, &record.stored(), timestamp, clock::now)
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

    /// The part of a send that waits: until the driver has run, for the topic's metadata, or for
    /// memory.
    pub(crate) async fn wait_and_accept(
        &self,
        record: Record<'_>,
        first: Refusal,
    ) -> Result<Delivery, SendError> {
        let deadline = Instant::now() + self.config.max_block;
        let mut refusal = first;
        loop {
            let mut permit = match refusal {
                Refusal::Never(error) => return Err(error),
                Refusal::Yield => {
                    tokio::task::yield_now().await;
                    None
                }
                Refusal::Topic => {
                    self.wait_for_topic(record.topic, deadline).await?;
                    None
                }
                Refusal::Memory { bytes } => Some(self.wait_for_memory(bytes, deadline).await?),
            };
            match self.accept(&record, YieldToDriver::Never, permit.as_mut()) {
                Ok(delivery) => return Ok(delivery),
                Err(again) => refusal = again,
            }
            // Another send may have taken what this one waited for. Without a yield this loop would keep a
            // runtime of one thread from running the task that it waits for.
            tokio::task::yield_now().await;
        }
    }

    /// Asks for a topic's metadata, and waits until the newest view has the topic, whatever its
    /// state.
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

    /// Waits for `bytes` of `buffer.memory`. Sends that wait are served in their order.
    async fn wait_for_memory(&self, bytes: usize, deadline: Instant) -> Result<MemoryPermit, SendError> {
        let memory = self.accumulator.memory();
        let spent = SendError::BufferFull {
            bytes,
            limit: memory.limit(),
        };
        tokio::select! {
            permit = tokio::time::timeout_at(deadline, memory.wait(bytes)) => permit.map_err(|_| spent),
            () = self.commands.closed() => Err(SendError::Closed),
        }
    }

    /// The error of a send that does not wait.
    #[cold]
    pub(crate) fn refuse_now(&self, record: &Record<'_>, refusal: Refusal) -> SendError {
        match refusal {
            Refusal::Never(error) => error,
            Refusal::Memory { bytes } => SendError::BufferFull {
                bytes,
                limit: self.config.buffer_memory,
            },
            Refusal::Topic | Refusal::Yield => {
                let topic: Arc<str> = record.topic.into();
                self.command(Command::TopicWanted(Arc::clone(&topic)));
                SendError::MetadataMissing { topic }
            }
        }
    }

    /// Sends the driver a command. A driver that has ended needs none.
    pub(crate) fn command(&self, command: Command) {
        let _ = self.commands.send(command);
    }
}

/// The index of a partition that the record names.
fn partition_of(topic: &TopicView, partition: i32) -> Result<u32, Refusal> {
    let count = topic.partitions.len();
    let index = u32::try_from(partition).ok();
    index.filter(|index| (*index as usize) < count).ok_or_else(|| {
        Refusal::Never(SendError::NoSuchPartition {
            topic: Arc::clone(&topic.name),
            partition,
            count,
        })
    })
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
