//! Simulated brokers in this process: a new cluster for each run. The brokers count what arrives.

use bytes::Bytes;
use linger::Traffic;
use linger_sim::{Cluster, Latency, Stats, StoredBatch};
use tokio::runtime::Runtime;

use super::error::PlaceError;
use super::run::{Counted, Place};
use crate::verify::PartitionLog;

/// The topic of the records.
const TOPIC: &str = "compare";

/// The topic of the warm-up.
const WARM_UP_TOPIC: &str = "compare-warm-up";

/// Kafka's default of `message.max.bytes`.
const MESSAGE_BYTES_MAX_USUAL: usize = 1_048_588;

/// The cluster to start.
#[derive(Clone, Debug)]
pub(crate) struct EmbeddedOptions {
    pub(crate) brokers: u32,
    pub(crate) partitions: u32,
    pub(crate) replication_factor: u32,
    /// The time that a follower takes to replicate.
    pub(crate) ack_latency: Latency,
    pub(crate) max_request_size: usize,
    pub(crate) seed: u64,
}

/// A running cluster.
pub(crate) struct Embedded {
    /// The brokers' own threads, so that their CPU time is not counted as the producer's.
    runtime: Runtime,
    /// `None` only while this value is dropped.
    cluster: Option<Cluster>,
    partitions: u32,
}

impl Embedded {
    /// Starts a cluster with its topics.
    pub(crate) fn start(options: &EmbeddedOptions) -> Result<Self, PlaceError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("compare-broker")
            .enable_all()
            .build()
            .map_err(PlaceError::Runtime)?;
        let builder = Cluster::builder()
            .brokers(options.brokers as usize)
            .topic(TOPIC, options.partitions as i32)
            .topic(WARM_UP_TOPIC, options.partitions as i32)
            .replication_factor(options.replication_factor as usize)
            .min_insync_replicas(options.replication_factor.min(2) as usize)
            .ack_latency(options.ack_latency.clone())
            .max_message_bytes(options.max_request_size.max(MESSAGE_BYTES_MAX_USUAL))
            // The log is read back after the run.
            .retention_bytes(u64::MAX)
            .seed(options.seed);
        let cluster = runtime.block_on(builder.start()).map_err(PlaceError::Embedded)?;
        Ok(Self {
            runtime,
            cluster: Some(cluster),
            partitions: options.partitions,
        })
    }

    fn cluster(&self) -> &Cluster {
        self.cluster.as_ref().expect("only drop takes the cluster")
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(cluster) = self.cluster.take() {
            self.runtime.block_on(cluster.shutdown());
        }
    }
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

    fn mark(&self, _traffic: Traffic) -> Result<Stats, PlaceError> {
        Ok(self.cluster().stats())
    }

    fn counted(&self, mark: &Stats, _traffic: Traffic, sent: u64) -> Result<Counted, PlaceError> {
        let stats = self.cluster().stats().since(mark);
        if stats.records != sent {
            return Err(PlaceError::Count {
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

    fn logs(&self, _mark: &Stats) -> Result<Vec<PartitionLog<StoredBatch>>, PlaceError> {
        let log = |partition| {
            let batches = self.cluster().batches(TOPIC, partition as i32);
            batches
                .map(|batches| PartitionLog { start: 0, batches })
                .map_err(PlaceError::Embedded)
        };
        (0..self.partitions).map(log).collect()
    }

    fn bytes_of(batch: &StoredBatch) -> Bytes {
        batch.to_bytes()
    }
}
