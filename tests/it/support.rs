//! A cluster, a load, and the proof that what was acknowledged is in the log: once, in its place, in order.

use std::collections::BTreeMap;
use std::time::Duration;

use linger::{Certainty, Delivery, Producer, ProducerBuilder, Record};
use linger_sim::{Cluster, ClusterBuilder};

/// The topic of these tests.
pub(crate) const TOPIC: &str = "orders";

/// The `max.block.ms` of tests in which it passes: as short as a busy machine can still connect in.
pub(crate) const MAX_BLOCK: Duration = Duration::from_secs(3);

/// Three brokers, every partition on all of them, two of which must have a record before it is acknowledged.
pub(crate) fn three_brokers(partitions: i32) -> ClusterBuilder {
    Cluster::builder()
        .brokers(3)
        .replication_factor(3)
        .min_insync_replicas(2)
        .topic(TOPIC, partitions)
}

/// A producer whose retries are quick, since a loopback cluster heals quickly.
pub(crate) fn producer(cluster: &Cluster) -> ProducerBuilder {
    Producer::builder()
        .bootstrap_servers(cluster.bootstrap())
        .linger(Duration::from_millis(1))
        .delivery_timeout(Duration::from_secs(60))
        .retry_backoff(Duration::from_millis(20))
        .retry_backoff_max(Duration::from_millis(100))
        .reconnect_backoff(Duration::from_millis(10))
        .reconnect_backoff_max(Duration::from_millis(100))
}

/// A connected producer whose batches wait for half a minute: nothing leaves unless something makes it leave.
pub(crate) async fn waiting_producer(cluster: &Cluster) -> Producer {
    waiting_producer_with(cluster, |builder| builder).await
}

/// The same, with settings of its own.
pub(crate) async fn waiting_producer_with(
    cluster: &Cluster,
    change: impl FnOnce(ProducerBuilder) -> ProducerBuilder,
) -> Producer {
    let waiting = change(producer(cluster).linger(Duration::from_secs(30)));
    waiting.connect().await.expect("a broker answers")
}

/// Records that were sent, each with its number as value, partition by partition in turn.
pub(crate) struct Load {
    partitions: i32,
    sent: Vec<(i32, u64, Delivery)>,
}

impl Load {
    pub(crate) fn new(partitions: i32) -> Self {
        Self {
            partitions,
            sent: Vec::new(),
        }
    }

    /// How many records were sent.
    pub(crate) fn len(&self) -> u64 {
        self.sent.len() as u64
    }

    pub(crate) async fn send(&mut self, producer: &Producer, count: u64) {
        for _ in 0..count {
            let number = self.sent.len() as u64;
            let partition = (number % self.partitions as u64) as i32;
            let value = number.to_be_bytes();
            let record = Record::to(TOPIC).partition(partition).value(&value);
            let delivery = producer.send(record).await.expect("the record is accepted");
            self.sent.push((partition, number, delivery));
        }
    }

    /// Awaits every delivery and compares each outcome with the log. Returns how many were acknowledged and how many
    /// failed.
    pub(crate) async fn prove(self, cluster: &Cluster) -> (u64, u64) {
        let mut outcomes = Vec::new();
        for (partition, number, delivery) in self.sent {
            outcomes.push((partition, number, delivery.await));
        }
        let logs: BTreeMap<i32, Vec<(i64, u64)>> = (0..self.partitions)
            .map(|partition| (partition, numbers(cluster, partition)))
            .collect();
        for (partition, log) in &logs {
            assert!(
                log.windows(2).all(|pair| pair[0].1 < pair[1].1),
                "partition {partition} holds a number twice or out of order: {log:?}"
            );
        }
        let (mut acknowledged, mut failed) = (0, 0);
        for (partition, number, outcome) in outcomes {
            let at = logs[&partition]
                .iter()
                .find(|(_, logged)| *logged == number)
                .map(|(offset, _)| *offset);
            match outcome {
                Ok(metadata) => {
                    acknowledged += 1;
                    assert_eq!(metadata.partition, partition);
                    assert!(
                        at.is_some(),
                        "record {number} was acknowledged at {metadata:?} and is not in the log"
                    );
                    assert_eq!(
                        metadata.offset, at,
                        "record {number} is elsewhere than acknowledged"
                    );
                }
                Err(error) => {
                    failed += 1;
                    if error.certainty() == Certainty::NotWritten {
                        assert_eq!(
                            at, None,
                            "record {number} is said not to be written, and is: {error}"
                        );
                    }
                }
            }
        }
        (acknowledged, failed)
    }
}

/// Offset and number of each record of a partition.
pub(crate) fn numbers(cluster: &Cluster, partition: i32) -> Vec<(i64, u64)> {
    let records = cluster.records(TOPIC, partition).expect("the partition exists");
    records
        .iter()
        .map(|record| {
            let value = record.value.as_deref().expect("the record has a value");
            (
                record.offset,
                u64::from_be_bytes(value.try_into().expect("a number has eight bytes")),
            )
        })
        .collect()
}
