//! A whole producer over the transport in memory: what was handed over may have been written, what
//! was not was not.

use std::time::Duration;

use linger_core::config::Acks;
use linger_core::error::Certainty;
use linger_protocol::frame::encode_response;
use linger_protocol::header::RequestHeader;
use linger_protocol::messages::{
    ApiVersion, ApiVersionsResponse, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic, PartitionProduceResponse, ProduceRequest, ProduceResponse, RequestBody,
    TopicProduceResponse,
};
use linger_protocol::{ApiKey, Message, Reader};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::memory::{Listener, Peer, PeerControl};
use crate::{Delivery, Producer, Record};

const TOPIC: &str = "orders";

/// A frame's length prefix, in bytes.
const LENGTH_PREFIX: usize = 4;

/// A produce request as the broker read it.
struct Produce {
    connection: PeerControl,
    header: RequestHeader,
    request: ProduceRequest,
    frame_size: usize,
}

impl Produce {
    /// Acknowledges every batch of the request, at this offset.
    fn acknowledge(&self, base_offset: i64) {
        let responses = self.request.topic_data.iter().map(|topic| TopicProduceResponse {
            name: topic.name.clone(),
            partition_responses: topic
                .partition_data
                .iter()
                .map(|partition| PartitionProduceResponse {
                    index: partition.index,
                    base_offset,
                    ..Default::default()
                })
                .collect(),
        });
        let response = ProduceResponse {
            responses: responses.collect(),
            ..Default::default()
        };
        respond(&self.connection, &self.header, ApiKey::Produce, &response);
    }
}

fn respond(connection: &PeerControl, header: &RequestHeader, key: ApiKey, response: &impl Message) {
    let mut frame = Vec::new();
    encode_response(
        &mut frame,
        key,
        header.api_version,
        header.correlation_id,
        response,
    );
    connection.write(&frame);
}

/// A cluster of one broker, which answers everything but produce requests.
struct Broker {
    bootstrap: String,
    accepts: AbortHandle,
    produced: mpsc::UnboundedReceiver<Produce>,
}

impl Broker {
    fn start() -> Self {
        let mut listener = Listener::bind();
        let bootstrap = listener.address.to_string();
        let (produced_to, produced) = mpsc::unbounded_channel();
        let accepts = tokio::spawn(async move {
            loop {
                let peer = listener.accept().await;
                tokio::spawn(serve(peer, listener.address.port, produced_to.clone()));
            }
        });
        Self {
            bootstrap,
            accepts: accepts.abort_handle(),
            produced,
        }
    }

    /// Closes a connection, and lets no other be opened.
    fn end(&self, connection: &PeerControl) {
        self.accepts.abort();
        connection.close();
    }

    /// A connected producer: without idempotence, without retries, one connection, a linger of
    /// zero.
    async fn producer(&self) -> Producer {
        Producer::builder()
            .bootstrap_servers(&self.bootstrap)
            .linger(Duration::ZERO)
            .acks(Acks::Leader)
            .enable_idempotence(false)
            .connections_per_broker(1)
            .retries(0)
            .request_timeout(Duration::from_secs(5))
            .delivery_timeout(Duration::from_secs(10))
            .connect()
            .await
            .expect("the broker answers")
    }

    async fn next_produce(&mut self) -> Produce {
        self.produced.recv().await.expect("the broker serves")
    }

    /// Sends a first record and acknowledges it. Gives the connection, and the bytes of a request
    /// with one such record.
    async fn first_record(&mut self, producer: &Producer) -> (PeerControl, usize) {
        let delivery = send(producer).await;
        let produce = self.next_produce().await;
        produce.acknowledge(0);
        assert_eq!(delivery.await.expect("it is acknowledged").offset, Some(0));
        (produce.connection, produce.frame_size)
    }
}

async fn serve(mut peer: Peer, port: u16, produced: mpsc::UnboundedSender<Produce>) {
    let connection = peer.control();
    loop {
        let frame = peer.read_frame().await;
        let mut reader = Reader::new(&frame);
        let header = RequestHeader::decode(&mut reader).expect("the header is valid");
        let key = ApiKey::try_from(header.api_key).expect("the API exists");
        let body = RequestBody::decode(key, header.api_version, &mut reader).expect("the body is valid");
        match body {
            RequestBody::ApiVersions(_) => respond(&connection, &header, key, &api_versions()),
            RequestBody::Metadata(_) => respond(&connection, &header, key, &metadata(port)),
            RequestBody::Produce(request) => {
                let _ = produced.send(Produce {
                    connection: connection.clone(),
                    header,
                    request,
                    frame_size: LENGTH_PREFIX + frame.len(),
                });
            }
            other => panic!("the producer sent {other:?}"),
        }
    }
}

fn api_versions() -> ApiVersionsResponse {
    let versions = |key: ApiKey, min_version, max_version| ApiVersion {
        api_key: key as i16,
        min_version,
        max_version,
    };
    ApiVersionsResponse {
        api_keys: vec![
            versions(ApiKey::Produce, 3, 9),
            versions(ApiKey::Metadata, 4, 9),
            versions(ApiKey::ApiVersions, 0, 4),
        ],
        ..Default::default()
    }
}

fn metadata(port: u16) -> MetadataResponse {
    let partition = MetadataResponsePartition {
        leader_id: 0,
        replica_nodes: vec![0],
        isr_nodes: vec![0],
        ..Default::default()
    };
    MetadataResponse {
        brokers: vec![MetadataResponseBroker {
            node_id: 0,
            host: Listener::HOST.into(),
            port: port.into(),
            ..Default::default()
        }],
        topics: vec![MetadataResponseTopic {
            name: Some(TOPIC.into()),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    }
}

async fn send(producer: &Producer) -> Delivery {
    let record = Record::to(TOPIC).partition(0).value(b"0123456789");
    producer.send(record).await.expect("there is memory")
}

/// Lets the other tasks run until `condition` holds.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

async fn certainty(delivery: Delivery) -> Certainty {
    delivery.await.expect_err("the connection was closed").certainty()
}

/// Fails the test instead of letting it hang.
async fn in_time(test: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(60), test)
        .await
        .expect("the test ends in time");
}

#[tokio::test(start_paused = true)]
async fn a_request_is_written_in_parts() {
    in_time(async {
        let mut broker = Broker::start();
        let producer = broker.producer().await;
        let (connection, frame_size) = broker.first_record(&producer).await;
        for bytes in [1, 7, frame_size - 1] {
            connection.limit_writes(bytes);
            let delivery = send(&producer).await;
            broker.next_produce().await.acknowledge(bytes as i64);
            let offset = delivery.await.expect("it is acknowledged").offset;
            assert_eq!(offset, Some(bytes as i64));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stalled_flush_goes_on_when_the_peer_reads_on() {
    in_time(async {
        let mut broker = Broker::start();
        let producer = broker.producer().await;
        let (connection, frame_size) = broker.first_record(&producer).await;
        let requests = producer.traffic().produce_requests;
        connection.limit_flushes(frame_size - 1);
        let delivery = send(&producer).await;
        until(|| connection.held_back() == 1).await;
        assert_eq!(producer.traffic().produce_requests, requests, "a byte is missing");
        connection.limit_flushes(1);
        broker.next_produce().await.acknowledge(1);
        assert_eq!(delivery.await.expect("it is acknowledged").offset, Some(1));
        assert_eq!(producer.traffic().produce_requests, requests + 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_accepted_and_not_handed_over_is_not_written() {
    in_time(async {
        let mut broker = Broker::start();
        let producer = broker.producer().await;
        let (connection, frame_size) = broker.first_record(&producer).await;
        let bytes_out = producer.traffic().bytes_out;
        connection.limit_flushes(frame_size - 1);
        let delivery = send(&producer).await;
        until(|| connection.held_back() == 1).await;
        broker.end(&connection);
        assert_eq!(certainty(delivery).await, Certainty::NotWritten);
        assert_eq!(producer.traffic().bytes_out, bytes_out + frame_size as u64 - 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_handed_over_is_possibly_written() {
    in_time(async {
        let mut broker = Broker::start();
        let producer = broker.producer().await;
        let (connection, _) = broker.first_record(&producer).await;
        let delivery = send(&producer).await;
        broker.next_produce().await;
        broker.end(&connection);
        assert_eq!(certainty(delivery).await, Certainty::PossiblyWritten);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_closes_within_a_frame_has_not_read_its_request() {
    in_time(async {
        let mut broker = Broker::start();
        let producer = broker.producer().await;
        let (connection, frame_size) = broker.first_record(&producer).await;
        connection.limit_flushes(frame_size + frame_size / 2);
        let whole = send(&producer).await;
        broker.next_produce().await;
        let partial = send(&producer).await;
        until(|| connection.held_back() > 0).await;
        broker.end(&connection);
        assert_eq!(certainty(whole).await, Certainty::PossiblyWritten);
        assert_eq!(certainty(partial).await, Certainty::NotWritten);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_flush_that_fails_may_have_handed_over_a_request() {
    in_time(async {
        let mut broker = Broker::start();
        let producer = broker.producer().await;
        let (connection, frame_size) = broker.first_record(&producer).await;
        connection.limit_flushes(0);
        let held_back = send(&producer).await;
        until(|| connection.held_back() == frame_size).await;
        connection.fail_flushes();
        connection.limit_flushes(frame_size);
        assert_eq!(certainty(held_back).await, Certainty::PossiblyWritten);
    })
    .await;
}
