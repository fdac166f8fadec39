//! Calls of the raw client that concern a cluster of these tests: who leads, what is produced.

use bytes::Bytes;
use linger_protocol::RecordSet;
use linger_protocol::messages::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, PartitionProduceData, PartitionProduceResponse,
    ProduceRequest, ProduceResponse, TopicProduceData,
};
use linger_protocol::records::{BatchBuilder, Compression, Record, Scratch, Stamp};
use linger_sim::Cluster;

pub(crate) use linger_testkit::client::{Client, PATIENCE, frame};

pub(crate) const PRODUCE_VERSION: i16 = 9;

/// Connects to broker `id` of a cluster.
pub(crate) async fn connect(cluster: &Cluster, id: usize) -> Client {
    let address = cluster.bootstrap().split(',').nth(id).expect("the broker exists");
    Client::connect(address).await.expect("the broker listens")
}

/// Connects to the broker that leads a partition.
pub(crate) async fn connect_to_leader(cluster: &Cluster, topic: &str, partition: i32) -> Client {
    let leader = leader(cluster, topic, partition).await;
    connect(cluster, leader as usize).await
}

pub(crate) trait Produce {
    /// Produces one batch to one partition; gives the partition's answer.
    async fn produce(&mut self, topic: &str, partition: i32, batch: Bytes) -> PartitionProduceResponse;
}

impl Produce for Client {
    async fn produce(&mut self, topic: &str, partition: i32, batch: Bytes) -> PartitionProduceResponse {
        let request = produce(topic, partition, -1, batch);
        outcome(self.call(PRODUCE_VERSION, &request).await)
    }
}

/// The one partition's answer.
pub(crate) fn outcome(mut response: ProduceResponse) -> PartitionProduceResponse {
    let mut topic = response.responses.pop().expect("the topic is answered");
    topic
        .partition_responses
        .pop()
        .expect("the partition is answered")
}

pub(crate) fn produce(topic: &str, partition: i32, acks: i16, batch: Bytes) -> ProduceRequest {
    ProduceRequest {
        acks,
        timeout_ms: 5000,
        topic_data: vec![TopicProduceData {
            name: topic.into(),
            partition_data: vec![PartitionProduceData {
                index: partition,
                records: Some(RecordSet::from(batch)),
            }],
        }],
        ..Default::default()
    }
}

/// A batch of these values, from no producer in particular.
pub(crate) fn batch(values: &[&str]) -> Bytes {
    stamped(values, Stamp::default())
}

/// A batch of these values from this producer.
pub(crate) fn stamped(values: &[&str], stamp: Stamp) -> Bytes {
    let mut builder = BatchBuilder::new(Vec::new());
    for value in values {
        builder.append(
            &Record {
                value: Some(value.as_bytes()),
                ..Default::default()
            },
            1_700_000_000_000,
        );
    }
    let encoded = builder.close().encode(Compression::None, &mut Scratch::default());
    let mut bytes = encoded.header(stamp, false).to_vec();
    bytes.extend_from_slice(&encoded.body);
    bytes.into()
}

/// Who leads a partition now, asked of the first broker that answers.
pub(crate) async fn leader(cluster: &Cluster, topic: &str, partition: i32) -> i32 {
    for id in 0..cluster.broker_count() {
        let address = cluster.bootstrap().split(',').nth(id).expect("the broker exists");
        let Some(mut client) = Client::connect(address).await else {
            continue;
        };
        let metadata = client.call(9, &metadata_of(topic)).await;
        return leader_in(&metadata, topic, partition).expect("the partition has a leader");
    }
    panic!("no broker listens")
}

pub(crate) fn metadata_of(topic: &str) -> MetadataRequest {
    MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: Some(topic.into()),
            ..Default::default()
        }]),
        allow_auto_topic_creation: true,
        ..Default::default()
    }
}

fn leader_in(metadata: &MetadataResponse, topic: &str, partition: i32) -> Option<i32> {
    let topic = metadata
        .topics
        .iter()
        .find(|found| found.name.as_deref() == Some(topic))?;
    let partition = topic
        .partitions
        .iter()
        .find(|found| found.partition_index == partition)?;
    Some(partition.leader_id).filter(|&id| id >= 0)
}
