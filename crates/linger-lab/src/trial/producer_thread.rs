//! The producer on a runtime and a thread of its own, so that what it costs can be told from what the brokers
//! cost.
//!
//! Its CPU time is that of three kinds of threads: the one that runs its task and its connections, the ones
//! that it compresses on, and, while it calls `send`, the application's ([`load`] counts that
//! one).

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use linger::{BuildError, Producer, Record, SendError, Traffic};
use linger_protocol::records::Compression;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::measure::cpu::{self, ThreadId};
use crate::trial::load::{self, Load, LoadError, Outcome};

/// How the threads that compress are named.
const ENCODER_THREADS: &str = "linger-encode";

/// How long the producer may take to end when all is acknowledged.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The producer's settings, as far as runs differ in them.
pub(crate) struct Setup {
    pub bootstrap: String,
    pub batch_size: usize,
    pub buffer_memory: usize,
    pub linger: Duration,
    pub compression: Compression,
    pub max_request_size: usize,
    /// How long a record may take beyond `linger`; `None`: as long as the producer's defaults let it.
    pub patience: Option<Duration>,
}

/// Why there is no producer.
#[derive(Debug, thiserror::Error)]
pub enum ProducerError {
    /// The system gave no thread or no runtime.
    #[error(transparent)]
    Thread(#[from] std::io::Error),
    /// The producer refused its settings, or found no broker.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Its thread ended before it was ready.
    #[error("its thread ended")]
    Ended,
}

/// A running producer.
pub(crate) struct ProducerThread {
    producer: Producer,
    runtime: Handle,
    id: Option<ThreadId>,
    /// Threads of the same name that belong to others.
    encoders_before: Vec<ThreadId>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Ready {
    producer: Producer,
    runtime: Handle,
    id: Option<ThreadId>,
}

impl ProducerThread {
    /// Starts a producer and waits until it has found the brokers.
    pub(crate) fn start(setup: Setup) -> Result<Self, ProducerError> {
        let encoders_before = cpu::threads_named(ENCODER_THREADS);
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("compare-producer".to_owned())
            .spawn(move || run(setup, &ready, stopped))?;
        let Ready {
            producer,
            runtime,
            id,
        } = is_ready.recv().map_err(|_| ProducerError::Ended)??;
        Ok(Self {
            producer,
            runtime,
            id,
            encoders_before,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Sends a load from the calling thread, and flushes after its last record.
    pub(crate) fn send_all(&self, load: &Load<'_>) -> Result<Outcome, LoadError> {
        let _inside = self.runtime.enter();
        let producer = self.producer.clone();
        load::send_all(&self.producer, load, || {
            drop(self.runtime.spawn(async move { producer.flush().await }))
        })
    }

    /// Waits until the producer knows a topic, without sending anything to it.
    pub(crate) fn learn_topic(&self, topic: &str) -> Result<(), SendError> {
        // A record for a partition that no topic has is refused as soon as the partitions are known.
        match self
            .runtime
            .block_on(self.producer.send(Record::to(topic).partition(i32::MAX)))
        {
            Err(SendError::NoSuchPartition { .. }) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => unreachable!("no topic has so many partitions"),
        }
    }

    /// What its connections have carried so far.
    pub(crate) fn traffic(&self) -> Traffic {
        self.producer.traffic()
    }

    /// CPU time that the producer's own threads have used so far.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let encoders = cpu::threads_named(ENCODER_THREADS);
        let own = encoders
            .into_iter()
            .filter(|id| !self.encoders_before.contains(id));
        own.chain([self.id?]).map(cpu::of_thread).sum()
    }
}

impl Drop for ProducerThread {
    fn drop(&mut self) {
        // Either fails only if the thread has ended already.
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread: one runtime, which serves the producer until it is told to stop.
fn run(setup: Setup, ready: &mpsc::Sender<Result<Ready, ProducerError>>, stopped: oneshot::Receiver<()>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(error.into()))),
    };
    runtime.block_on(async {
        let mut builder = Producer::builder()
            // The topics exist: a wrong name must not make one.
            .allow_auto_create_topics(false)
            .bootstrap_servers(setup.bootstrap)
            .client_id("sim-compare")
            .batch_size(setup.batch_size)
            .buffer_memory(setup.buffer_memory)
            .linger(setup.linger)
            .compression(setup.compression)
            .max_request_size(setup.max_request_size);
        if let Some(patience) = setup.patience {
            builder = builder
                .request_timeout(patience / 2)
                .delivery_timeout(setup.linger + patience);
        }
        let built = builder.connect().await;
        let producer = match built {
            Ok(producer) => producer,
            Err(error) => return drop(ready.send(Err(error.into()))),
        };
        let handle = Handle::current();
        let started = Ready {
            producer: producer.clone(),
            runtime: handle,
            id: cpu::this_thread(),
        };
        if ready.send(Ok(started)).is_ok() {
            // Dropped or sent, the meaning is the same.
            let _ = stopped.await;
        }
        producer.close(CLOSE_TIMEOUT).await;
    });
}
