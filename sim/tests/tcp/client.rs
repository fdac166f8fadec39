//! A client that sends what it is told and checks nothing: the tests' hand on the wire.

use std::time::Duration;

use bytes::Bytes;
use linger_protocol::frame::{FrameDecoder, encode_request};
use linger_protocol::header::ResponseHeader;
use linger_protocol::messages::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, PartitionProduceData, PartitionProduceResponse,
    ProduceRequest, ProduceResponse, TopicProduceData,
};
use linger_protocol::records::{BatchBuilder, Compression, Record, Scratch, Stamp};
use linger_protocol::{ApiKey, Message, Reader, RecordSet, Request};
use linger_sim::Cluster;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than anything here takes, shorter than a person waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How long a broker that must stay silent is listened to.
pub(crate) const SILENCE: Duration = Duration::from_millis(100);

pub(crate) const PRODUCE_VERSION: i16 = 9;

pub(crate) struct Client {
    stream: TcpStream,
    decoder: FrameDecoder,
}

impl Client {
    /// Connects to broker `id` of a cluster.
    pub(crate) async fn connect(cluster: &Cluster, id: usize) -> Self {
        let address = cluster.bootstrap().split(',').nth(id).expect("the broker exists");
        let stream = TcpStream::connect(address).await.expect("the broker listens");
        Self {
            stream,
            decoder: FrameDecoder::new(1 << 24),
        }
    }

    /// Connects to the broker that leads a partition.
    pub(crate) async fn connect_to_leader(cluster: &Cluster, topic: &str, partition: i32) -> Self {
        let leader = leader(cluster, topic, partition).await;
        Self::connect(cluster, leader as usize).await
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the broker reads");
    }

    /// Sends without minding whether the broker still listens.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    pub(crate) async fn close_write(&mut self) {
        self.stream.shutdown().await.expect("the connection is open");
    }

    /// Closes the client's side, if the broker has not closed the connection already.
    pub(crate) async fn try_close_write(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    pub(crate) async fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(&frame(version, 7, request)).await;
        let (correlation_id, response) = self.receive(R::KEY, version).await;
        assert_eq!(correlation_id, 7);
        response
    }

    pub(crate) async fn receive<R: Message>(&mut self, api: ApiKey, version: i16) -> (i32, R) {
        let frame = self
            .next_frame()
            .await
            .expect("the broker answers before it closes");
        let mut reader = Reader::new(&frame);
        let header = ResponseHeader::decode(&mut reader, api, version).expect("the header is one");
        let response = R::decode(&mut reader, version).expect("the body is one");
        assert_eq!(reader.remaining(), 0, "the answer has nothing behind its body");
        (header.correlation_id, response)
    }

    /// The next frame, or `None` if the broker closes instead.
    pub(crate) async fn next_frame(&mut self) -> Option<Bytes> {
        tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(frame) = self.decoder.next_frame().expect("the broker frames well") {
                    return Some(frame);
                }
                match self.stream.read_buf(self.decoder.buffer()).await {
                    Ok(0) | Err(_) => return None,
                    Ok(_) => {}
                }
            }
        })
        .await
        .expect("the broker answers or closes in time")
    }

    /// Everything the broker sends until it closes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest));
        // A reset ends a stream as well as a FIN does.
        let _ = read.await.expect("the broker closes in time");
        rest
    }

    pub(crate) async fn assert_closed(&mut self) {
        assert_eq!(
            self.next_frame().await,
            None,
            "the broker closes without an answer"
        );
    }

    /// True if the broker ended the connection by a reset rather than by a FIN.
    pub(crate) async fn is_reset(&mut self) -> bool {
        let mut byte = [0];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut byte));
        read.await.expect("the broker closes in time").is_err()
    }

    /// Asserts that nothing comes for a while, the end included.
    pub(crate) async fn assert_silent(&mut self) {
        let heard = tokio::time::timeout(SILENCE, self.stream.read_buf(self.decoder.buffer())).await;
        assert!(heard.is_err(), "the broker was to be silent: {heard:?}");
    }

    /// Produces one batch to one partition; gives the partition's answer.
    pub(crate) async fn produce(
        &mut self,
        topic: &str,
        partition: i32,
        batch: Bytes,
    ) -> PartitionProduceResponse {
        let response = self
            .call(PRODUCE_VERSION, &produce(topic, partition, -1, batch))
            .await;
        outcome(response)
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

pub(crate) fn frame<R: Request>(version: i16, correlation_id: i32, request: &R) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_request(&mut frame, version, correlation_id, Some("test"), request);
    frame
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
        let Ok(stream) = TcpStream::connect(address).await else {
            continue;
        };
        let mut client = Client {
            stream,
            decoder: FrameDecoder::new(1 << 24),
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
