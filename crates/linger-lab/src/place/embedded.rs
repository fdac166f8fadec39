//! The simulated cluster: one for each run, in this process, with brokers that count what reaches their sockets.

use bytes::Bytes;
use linger_sim::{Cluster, ClusterError, Stats, StoredBatch};
use tokio::runtime::Runtime;

use crate::experiments::compare::options::Options;
use crate::place::{Counted, Place};
use crate::trial::TrialError;
use crate::trial::producer_thread::ProducerThread;
use crate::verify::PartitionLog;

/// The topic that holds the records.
const TOPIC: &str = "compare";

/// The topic whose only record per partition opens the connections and fetches the producer's id, before
/// anything is measured.
const WARM_UP_TOPIC: &str = "compare-warm-up";

/// Kafka's default of `message.max.bytes`.
const MESSAGE_BYTES_MAX_USUAL: usize = 1_048_588;

/// A running cluster.
pub(crate) struct Embedded {
    /// The brokers' threads, apart from the producer's, so that their CPU time is not taken for the producer's.
    runtime: Runtime,
    /// Taken only to be shut down.
    cluster: Option<Cluster>,
    partitions: u32,
}

impl Embedded {
    /// Starts a cluster with its topics.
    pub(crate) fn start(options: &Options) -> Result<Self, TrialError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("compare-broker")
            .enable_all()
            .build()
            .map_err(TrialError::Runtime)?;
        let cluster = runtime.block_on(start(options)).map_err(TrialError::Cluster)?;
        Ok(Self {
            runtime,
            cluster: Some(cluster),
            partitions: options.partitions,
        })
    }

    fn cluster(&self) -> &Cluster {
        self.cluster.as_ref().expect("it is there until this is dropped")
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(cluster) = self.cluster.take() {
            self.runtime.block_on(cluster.shutdown());
        }
    }
}

async fn start(options: &Options) -> Result<Cluster, ClusterError> {
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

impl Place for Embedded {
    type Mark = Stats;
    type Batch = StoredBatch;

    fn bootstrap(&self) -> &str {
        self.cluster().bootstrap()
    }

    fn topic(&self) -> &str {
        TOPIC
    }

    fn warm_up_topic(&self) -> &str {
        WARM_UP_TOPIC
    }

    fn mark(&self, _producer: &ProducerThread) -> Result<Stats, TrialError> {
        Ok(self.cluster().stats())
    }

    fn counted(&self, mark: &Stats, _producer: &ProducerThread, sent: u64) -> Result<Counted, TrialError> {
        let stats = self.cluster().stats().since(mark);
        if stats.records != sent {
            return Err(TrialError::Count {
                received: stats.records,
                sent,
            });
        }
        Ok(Counted {
            requests: stats.produce_requests,
            batches: stats.batches,
            bytes: stats.produce_bytes,
        })
    }

    fn logs(&self, _mark: &Stats) -> Result<Vec<PartitionLog<StoredBatch>>, TrialError> {
        let log = |partition| {
            let batches = self.cluster().batches(TOPIC, partition as i32);
            batches
                .map(|batches| PartitionLog { start: 0, batches })
                .map_err(TrialError::Cluster)
        };
        (0..self.partitions).map(log).collect()
    }

    fn bytes_of(batch: &StoredBatch) -> Bytes {
        batch.to_bytes()
    }
}
