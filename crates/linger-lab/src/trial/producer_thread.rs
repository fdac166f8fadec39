//! The producer of a trial, on its own thread and runtime, so that its CPU time can be separated
//! from the brokers'.
//!
//! Three kinds of threads do the producer's work: the thread of its runtime, the threads that
//! compress, and the application's thread in `send`, which [`application`] measures.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use linger::{BuildError, Producer, Record, SendError, Traffic};
use linger_protocol::records::Compression;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::application::{self, Load, LoadError, Outcome};
use crate::measure::cpu::{self, ThreadId};

/// The prefix of the names of the compressing threads.
const ENCODER_THREADS: &str = "linger-encode";

/// The close timeout. All records are acknowledged before.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The settings of the producer.
pub(crate) struct Setup {
    pub(crate) bootstrap: String,
    pub(crate) batch_size: usize,
    pub(crate) buffer_memory: usize,
    pub(crate) linger: Duration,
    pub(crate) compression: Compression,
    pub(crate) max_request_size: usize,
    /// How long a record may take after its `linger`; `None`: the producer's default.
    pub(crate) patience: Option<Duration>,
}

/// Why there is no producer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProducerError {
    #[error(transparent)]
    Thread(#[from] std::io::Error),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("its thread ended")]
    Ended,
}

/// A running producer.
pub(crate) struct ProducerThread {
    producer: Producer,
    runtime: Handle,
    id: Option<ThreadId>,
    /// Compressing threads of other producers in this process.
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
    /// Starts a producer, and waits until it is connected.
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

    /// Sends a load from the calling thread, and flushes after the last record.
    pub(crate) fn send_all(&self, load: &Load<'_>) -> Result<Outcome, LoadError> {
        let _inside = self.runtime.enter();
        let producer = self.producer.clone();
        application::send_all(&self.producer, load, || {
            drop(self.runtime.spawn(async move { producer.flush().await }))
        })
    }

    /// Waits until the producer knows a topic. Sends no record to it.
    pub(crate) fn learn_topic(&self, topic: &str) -> Result<(), SendError> {
        // The producer refuses a partition that does not exist as soon as it knows the topic.
        match self
            .runtime
            .block_on(self.producer.send(Record::to(topic).partition(i32::MAX)))
        {
            Err(SendError::NoSuchPartition { .. }) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => unreachable!("no topic has so many partitions"),
        }
    }

    /// What the producer's connections have carried so far.
    pub(crate) fn traffic(&self) -> Traffic {
        self.producer.traffic()
    }

    /// CPU time of the producer's own threads so far.
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
        // Both fail only if the thread has ended.
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Runs the producer's runtime until it is told to stop.
fn run(setup: Setup, ready: &mpsc::Sender<Result<Ready, ProducerError>>, stopped: oneshot::Receiver<()>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(error.into()))),
    };
    runtime.block_on(async {
        let mut builder = Producer::builder()
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
            // A dropped sender means the same.
            let _ = stopped.await;
        }
        producer.close(CLOSE_TIMEOUT).await;
    });
}
