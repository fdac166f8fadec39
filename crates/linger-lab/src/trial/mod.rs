//! One run: a producer of its own, a load, and the proof of what became of it.

pub(crate) mod load;
pub(crate) mod producer_thread;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hdrhistogram::Histogram;
use linger_protocol::records::Compression;
use linger_sim::ClusterError;

use crate::experiments::compare::options::Options;
use crate::place::cluster::{Remote, RemoteError};
use crate::place::embedded::Embedded;
use crate::place::{Counted, Place};
use crate::trial::load::{Load, LoadError};
use crate::trial::producer_thread::{ProducerError, ProducerThread, Setup};
use crate::verify::{self, Difference, Proof};
use crate::workload::input::Records;

/// Kafka's default of `buffer.memory`.
const BUFFER_MEMORY_USUAL: usize = 32 << 20;

/// How long a real cluster may take to acknowledge a record, beyond `linger`, before a run has failed.
const REMOTE_PATIENCE: Duration = Duration::from_secs(20);

/// Records per second of the warm-up.
const WARM_UP_RATE: u64 = 10_000;

/// What to run.
pub(crate) struct Trial<'a> {
    pub compression: Compression,
    pub linger: Duration,
    pub options: &'a Options,
    pub records: &'a Records,
    /// The cluster to run on; `None`: a simulated one, for this run alone.
    pub remote: Option<&'a Remote>,
    /// Counts acknowledged records.
    pub acknowledged: &'a AtomicU64,
}

/// What was seen.
pub(crate) struct Measured {
    /// What was put on the wire.
    pub counted: Counted,
    /// From the first `send` to the last acknowledgement.
    pub elapsed: Duration,
    /// From the first `send` to the last one.
    pub arrival_time: Duration,
    /// CPU time of the producer's threads.
    pub cpu: Option<Duration>,
    /// From `send` to the acknowledgement, in nanoseconds.
    pub latency: Histogram<u64>,
    /// That the log holds the input.
    pub proof: Proof,
}

/// Why a run came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The system gave no threads for the brokers.
    #[error("the brokers cannot be started: {0}")]
    Runtime(std::io::Error),
    /// The cluster did not start, or has lost its topic.
    #[error("{0}")]
    Cluster(ClusterError),
    /// The real cluster failed, or what it holds cannot be read.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The producer did not start.
    #[error("the producer cannot be started: {0}")]
    Producer(#[from] ProducerError),
    /// The producer did not find the topic.
    #[error("the topic was not found: {0}")]
    Topic(linger::SendError),
    /// Not every record was acknowledged.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The log is not the input.
    #[error("the log differs from the input: {difference}{hint}")]
    Difference {
        /// The first difference.
        difference: Difference,
        /// What to do about it, if anything.
        hint: &'static str,
    },
    /// The brokers counted other records than were sent.
    #[error("the brokers received {received} records in produce requests, and {sent} were sent once each")]
    Count {
        /// What the brokers counted.
        received: u64,
        /// What was sent.
        sent: u64,
    },
}

/// Runs one load and proves what became of it. Blocks; must not be called inside a runtime.
pub(crate) fn run(trial: &Trial<'_>) -> Result<Measured, TrialError> {
    match trial.remote {
        None => measure(trial, &Embedded::start(trial.options)?),
        Some(remote) => measure(trial, remote),
    }
}

fn measure<P: Place>(trial: &Trial<'_>, place: &P) -> Result<Measured, TrialError> {
    let (options, partitions) = (trial.options, trial.options.partitions as usize);
    let producer = ProducerThread::start(Setup {
        bootstrap: place.bootstrap().to_owned(),
        buffer_memory: buffer_memory(options),
        batch_size: options.batch_size,
        linger: trial.linger,
        compression: trial.compression,
        max_request_size: options.max_request_size,
        patience: trial.remote.map(|_| REMOTE_PATIENCE),
    })?;
    let unwatched = AtomicU64::new(0);
    let load = |topic, records, rate, acknowledged| Load {
        records,
        topic,
        partitions,
        rate,
        acknowledged,
    };
    // One record per partition: connections, the producer's id and the topics are known before anything is
    // measured.
    let mut warm_up = Records::default();
    (0..partitions).for_each(|_| warm_up.push(b"warm-up"));
    producer.send_all(&load(place.warm_up_topic(), &warm_up, WARM_UP_RATE, &unwatched))?;
    producer.learn_topic(place.topic()).map_err(TrialError::Topic)?;

    let (mark, cpu_before) = (place.mark(&producer)?, producer.cpu());
    let outcome = producer.send_all(&load(
        place.topic(),
        trial.records,
        options.rate,
        trial.acknowledged,
    ))?;
    let cpu_after = producer.cpu();
    let counted = place.counted(&mark, &producer, trial.records.len() as u64)?;
    drop(producer);

    let logs = place.logs(&mark)?;
    let proof = verify::prove(trial.records, &outcome.offsets, &logs, P::bytes_of);
    let proof = proof.map_err(|difference| TrialError::Difference {
        difference,
        hint: match trial.remote {
            None => "",
            Some(_) => "; does anyone else write to this topic? Take one of your own, or --create-topic",
        },
    })?;
    let own_threads = cpu_before
        .zip(cpu_after)
        .map(|(before, after)| after.saturating_sub(before));
    Ok(Measured {
        counted,
        elapsed: outcome.elapsed,
        arrival_time: outcome.arrival_time,
        cpu: own_threads
            .zip(outcome.cpu)
            .map(|(threads, application)| threads + application),
        latency: outcome.latency,
        proof,
    })
}

/// Enough for every partition's open batch and the one before it, so that no record waits for memory: batches
/// grow in steps, and count by what they hold of the heap.
fn buffer_memory(options: &Options) -> usize {
    let batches = 4 * options.partitions as usize * options.batch_size;
    batches.max(BUFFER_MEMORY_USUAL)
}
