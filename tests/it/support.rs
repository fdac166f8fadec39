//! A cluster, a load, and the proof that each acknowledged record is in the log: once, at its
//! offset, in order.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::time::Duration;

use linger::{Certainty, Delivery, Producer, ProducerBuilder, Record, SendError};
use linger_sim::{Cluster, ClusterBuilder};

use crate::time_limit::TimeLimit;

/// The topic of these tests.
pub(crate) const TOPIC: &str = "orders";

/// The `max.block.ms` of tests in which it passes: as short as possible, and long enough to connect
/// on a busy machine.
pub(crate) const MAX_BLOCK: Duration = Duration::from_secs(3);

/// A running cluster. The test that has it must end within the time limit.
#[derive(Debug)]
pub(crate) struct TestCluster {
    cluster: Cluster,
    _limit: TimeLimit,
}

impl Deref for TestCluster {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

/// Starts a cluster, and with it the time limit of the test.
pub(crate) async fn start(builder: ClusterBuilder) -> TestCluster {
    TestCluster {
        cluster: builder.start().await.expect("the cluster starts"),
        _limit: TimeLimit::start(),
    }
}

/// Freezes every broker: none reads a request or sends a response any more.
pub(crate) async fn freeze(cluster: &Cluster) {
    for id in 0..cluster.broker_count() as i32 {
        cluster.freeze_broker(id).await.expect("there is such a broker");
    }
}

/// Lets every frozen broker go on.
pub(crate) async fn thaw(cluster: &Cluster) {
    for id in 0..cluster.broker_count() as i32 {
        cluster.thaw_broker(id).await.expect("there is such a broker");
    }
}

/// Three brokers with a replica of every partition each. A record is acknowledged once two of the
/// replicas have it.
pub(crate) fn three_brokers(partitions: i32) -> ClusterBuilder {
    Cluster::builder()
        .brokers(3)
        .replication_factor(3)
        .min_insync_replicas(2)
        .topic(TOPIC, partitions)
}

/// A producer with short back-offs, since a cluster on loopback recovers quickly.
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

/// A connected producer with a linger of 30 s: a batch leaves only when it is full, flushed or
/// closed.
pub(crate) async fn waiting_producer(cluster: &Cluster) -> Producer {
    waiting_producer_with(cluster, |builder| builder).await
}

/// As [`waiting_producer`], with settings that the test changes.
pub(crate) async fn waiting_producer_with(
    cluster: &Cluster,
    change: impl FnOnce(ProducerBuilder) -> ProducerBuilder,
) -> Producer {
    let waiting = change(producer(cluster).linger(Duration::from_secs(30)));
    waiting.connect().await.expect("a broker answers")
}

/// Records that were sent. The value of a record is its number; the partitions take turns.
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
            let (partition, number) = self.next();
            let value = number.to_be_bytes();
            let record = Record::to(TOPIC).partition(partition).value(&value);
            let delivery = producer.send(record).await.expect("the record is accepted");
            self.sent.push((partition, number, delivery));
        }
    }

    /// Sends one record if it is accepted at once.
    pub(crate) fn try_send(&mut self, producer: &Producer) -> Result<(), SendError> {
        let (partition, number) = self.next();
        let value = number.to_be_bytes();
        let delivery = producer.try_send(Record::to(TOPIC).partition(partition).value(&value))?;
        self.sent.push((partition, number, delivery));
        Ok(())
    }

    /// The partition and the number of the next record.
    fn next(&self) -> (i32, u64) {
        let number = self.len();
        ((number % self.partitions as u64) as i32, number)
    }

    /// Awaits every delivery and compares each outcome with the log. Returns the number of
    /// acknowledged records and the number of failed ones.
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
