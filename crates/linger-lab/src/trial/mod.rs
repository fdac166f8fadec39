//! One run: a new producer sends a load to a place, and the log is compared with the load.

mod application;
mod producer_thread;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use linger_protocol::records::Compression;

use crate::measure::latency::Latencies;
use crate::place::cluster::remote::Remote;
use crate::place::embedded::{Embedded, EmbeddedOptions};
use crate::place::error::PlaceError;
use crate::place::run::{Counted, Place};
use crate::verify::{self, Difference, Proof};
use crate::workload::records::Records;
use application::{Load, LoadError};
use producer_thread::{ProducerError, ProducerThread, Setup};

/// Kafka's default of `buffer.memory`.
const BUFFER_MEMORY_USUAL: usize = 32 << 20;

/// How long a real cluster may take to acknowledge a record, after its `linger`.
const REMOTE_PATIENCE: Duration = Duration::from_secs(20);

/// Records per second of the warm-up.
const WARM_UP_RATE: u64 = 10_000;

/// One run.
pub(crate) struct Trial<'a> {
    pub(crate) compression: Compression,
    pub(crate) linger: Duration,
    pub(crate) batch_size: usize,
    pub(crate) max_request_size: usize,
    /// Record `i` goes to partition `i % partitions`.
    pub(crate) partitions: usize,
    /// Records per second.
    pub(crate) rate: u64,
    pub(crate) records: &'a Records,
    /// Counts acknowledged records.
    pub(crate) acknowledged: &'a AtomicU64,
}

/// The brokers of a run.
#[derive(Clone, Copy)]
pub(crate) enum TrialPlace<'a> {
    /// Simulated brokers, started for this run.
    Embedded(&'a EmbeddedOptions),
    Remote(&'a Remote),
}

/// The measurements of one run.
pub(crate) struct Measured {
    pub(crate) counted: Counted,
    /// From the first `send` to the last acknowledgement.
    pub(crate) elapsed: Duration,
    /// From the first `send` to the end of the last one.
    pub(crate) arrival_time: Duration,
    /// CPU time of the producer's threads, and of the application's thread without its parking.
    pub(crate) cpu: Option<Duration>,
    /// From `send` to the acknowledgement.
    pub(crate) latencies: Latencies,
    pub(crate) proof: Proof,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrialError {
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("the producer cannot be started: {0}")]
    Producer(#[from] ProducerError),
    #[error("the topic was not found: {0}")]
    Topic(linger::SendError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("the log differs from the input: {difference}{hint}")]
    Difference {
        difference: Difference,
        hint: &'static str,
    },
}

/// Runs a trial. Blocks, and panics inside a Tokio runtime.
pub(crate) fn run(trial: &Trial<'_>, place: TrialPlace<'_>) -> Result<Measured, TrialError> {
    match place {
        TrialPlace::Embedded(options) => measure(trial, &Embedded::start(options)?, None, ""),
        TrialPlace::Remote(remote) => {
            let hint = "; does anyone else write to this topic? Take one of your own, or --create-topic";
            measure(trial, remote, Some(REMOTE_PATIENCE), hint)
        }
    }
}

fn measure<P: Place>(
    trial: &Trial<'_>,
    place: &P,
    patience: Option<Duration>,
    hint: &'static str,
) -> Result<Measured, TrialError> {
    let producer = ProducerThread::start(Setup {
        bootstrap: place.bootstrap().to_owned(),
        buffer_memory: buffer_memory(trial),
        batch_size: trial.batch_size,
        linger: trial.linger,
        compression: trial.compression,
        max_request_size: trial.max_request_size,
        patience,
    })?;
    warm_up(trial, place, &producer)?;

    let (mark, cpu_before) = (place.mark(producer.traffic())?, producer.cpu());
    let outcome = producer.send_all(&Load {
        records: trial.records,
        topic: place.topic(),
        partitions: trial.partitions,
        rate: trial.rate,
        acknowledged: trial.acknowledged,
    })?;
    let cpu_after = producer.cpu();
    let counted = place.counted(&mark, producer.traffic(), trial.records.len() as u64)?;
    drop(producer);

    let logs = place.logs(&mark)?;
    let proof = verify::prove(trial.records, &outcome.offsets, &logs, P::bytes_of)
        .map_err(|difference| TrialError::Difference { difference, hint })?;
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
        latencies: outcome.latencies,
        proof,
    })
}

/// Sends one record per partition. After that, the connections are open, the topics are known and
/// the producer has its id.
fn warm_up<P: Place>(trial: &Trial<'_>, place: &P, producer: &ProducerThread) -> Result<(), TrialError> {
    let mut records = Records::default();
    (0..trial.partitions).for_each(|_| records.push(b"warm-up"));
    producer.send_all(&Load {
        records: &records,
        topic: place.warm_up_topic(),
        partitions: trial.partitions,
        rate: WARM_UP_RATE,
        acknowledged: &AtomicU64::new(0),
    })?;
    producer.learn_topic(place.topic()).map_err(TrialError::Topic)
}

/// Enough memory for the open batch of every partition and the batch before it, so that no record
/// waits for memory. Memory is counted by capacity, which grows in steps.
fn buffer_memory(trial: &Trial<'_>) -> usize {
    let batches = 4 * trial.partitions * trial.batch_size;
    batches.max(BUFFER_MEMORY_USUAL)
}
