//! One run: a cluster and a producer of its own, a load, and the proof of what became of it.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hdrhistogram::Histogram;
use linger_protocol::records::Compression;
use linger_sim::{Cluster, ClusterError, StoredBatch};
use tokio::runtime::Runtime;

use super::input::Records;
use super::load::{Load, LoadError};
use super::options::Options;
use super::producer_thread::{ProducerError, ProducerThread, Setup};
use super::verify::{self, Difference, Proof};

/// The topic that holds the records.
const TOPIC: &str = "compare";

/// The topic whose only record per partition opens the connections and fetches the producer's id, before
/// anything is measured.
const WARM_UP_TOPIC: &str = "compare-warm-up";

/// Kafka's default of `message.max.bytes`.
const MESSAGE_BYTES_MAX_USUAL: usize = 1_048_588;

/// Kafka's default of `buffer.memory`.
const BUFFER_MEMORY_USUAL: usize = 32 << 20;

/// Records per second of the warm-up.
const WARM_UP_RATE: u64 = 10_000;

/// What to run.
pub(crate) struct Trial<'a> {
    pub(crate) compression: Compression,
    pub(crate) linger: Duration,
    pub(crate) options: &'a Options,
    pub(crate) records: &'a Records,
    /// Counts acknowledged records.
    pub(crate) acknowledged: &'a AtomicU64,
}

/// What was seen.
pub(crate) struct Measured {
    /// Produce requests at the brokers' sockets.
    pub(crate) requests: u64,
    /// Batches in them.
    pub(crate) batches: u64,
    /// Their bytes, framing included.
    pub(crate) wire_bytes: u64,
    /// From the first `send` to the last acknowledgement.
    pub(crate) elapsed: Duration,
    /// From the first `send` to the last one.
    pub(crate) arrival_time: Duration,
    /// CPU time of the producer's threads.
    pub(crate) cpu: Option<Duration>,
    /// From `send` to the acknowledgement, in nanoseconds.
    pub(crate) latency: Histogram<u64>,
    /// That the log holds the input.
    pub(crate) proof: Proof,
}

/// Why a run came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrialError {
    /// The system gave no threads for the brokers.
    #[error("the brokers cannot be started: {0}")]
    Runtime(std::io::Error),
    /// The cluster did not start, or has lost its topic.
    #[error("{0}")]
    Cluster(ClusterError),
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
    #[error("the log differs from the input: {0}")]
    Difference(#[from] Difference),
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
    let brokers = brokers_runtime().map_err(TrialError::Runtime)?;
    let cluster = brokers
        .block_on(start_cluster(trial.options))
        .map_err(TrialError::Cluster)?;
    let measured = measure(trial, &cluster);
    brokers.block_on(cluster.shutdown());
    measured
}

/// The brokers' threads, apart from the producer's, so that their CPU time is not taken for the producer's.
fn brokers_runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("compare-broker")
        .enable_all()
        .build()
}

async fn start_cluster(options: &Options) -> Result<Cluster, ClusterError> {
    Cluster::builder()
        .brokers(options.brokers as usize)
        .topic(TOPIC, options.partitions as i32)
        .topic(WARM_UP_TOPIC, options.partitions as i32)
        .replication_factor(options.replication_factor() as usize)
        .min_insync_replicas(options.replication_factor().min(2) as usize)
        .ack_latency(options.ack_latency.clone())
        .max_message_bytes(options.max_request_size.max(MESSAGE_BYTES_MAX_USUAL))
        // Everything is kept: it is read back.
        .retention_bytes(u64::MAX)
        .seed(options.seed)
        .start()
        .await
}

fn measure(trial: &Trial<'_>, cluster: &Cluster) -> Result<Measured, TrialError> {
    let (options, partitions) = (trial.options, trial.options.partitions as usize);
    let producer = ProducerThread::start(Setup {
        bootstrap: cluster.bootstrap().to_owned(),
        buffer_memory: buffer_memory(options),
        batch_size: options.batch_size,
        linger: trial.linger,
        compression: trial.compression,
        max_request_size: options.max_request_size,
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
    producer.send_all(&load(WARM_UP_TOPIC, &warm_up, WARM_UP_RATE, &unwatched))?;
    producer.learn_topic(TOPIC).map_err(TrialError::Topic)?;

    let (stats_before, cpu_before) = (cluster.stats(), producer.cpu());
    let outcome = producer.send_all(&load(TOPIC, trial.records, options.rate, trial.acknowledged))?;
    let (stats, cpu_after) = (cluster.stats().since(&stats_before), producer.cpu());
    drop(producer);

    let sent = trial.records.len() as u64;
    if stats.records != sent {
        return Err(TrialError::Count {
            received: stats.records,
            sent,
        });
    }
    let log = |partition| {
        cluster
            .batches(TOPIC, partition as i32)
            .map_err(TrialError::Cluster)
    };
    let logs = (0..partitions).map(log).collect::<Result<Vec<_>, _>>()?;
    let proof = verify::prove(trial.records, &outcome.offsets, &logs, StoredBatch::to_bytes)?;
    let own_threads = cpu_before
        .zip(cpu_after)
        .map(|(before, after)| after.saturating_sub(before));
    Ok(Measured {
        requests: stats.produce_requests,
        batches: stats.batches,
        wire_bytes: stats.produce_bytes,
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
