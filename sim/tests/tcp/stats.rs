//! The counters beside the bytes that a client sent and received.

use linger_protocol::ApiKey;
use linger_protocol::frame::encode_response;
use linger_protocol::messages::{ApiVersionsRequest, ProduceResponse};
use linger_sim::{Cluster, Stats};

use crate::client::{PRODUCE_VERSION, batch, connect, frame, produce};

#[tokio::test]
async fn the_counters_are_exact() {
    let cluster = Cluster::builder()
        .topic("orders", 1)
        .start()
        .await
        .expect("a free port");
    let mut client = connect(&cluster, 0).await;
    let versions = frame(0, 7, &ApiVersionsRequest::default());
    client.call(0, &ApiVersionsRequest::default()).await;
    let before = cluster.stats();
    assert_eq!(
        (before.connections, before.connections_open, before.bytes_in),
        (1, 1, versions.len() as u64)
    );

    let batches = [batch(&["a", "b", "c"]), batch(&["d"])];
    let (mut sent, mut received) = (0, 0);
    for batch in &batches {
        let request = produce("orders", 0, -1, batch.clone());
        sent += frame(PRODUCE_VERSION, 7, &request).len() as u64;
        let response = client.call(PRODUCE_VERSION, &request).await;
        received += response_size(PRODUCE_VERSION, &response);
    }
    let stats = cluster.stats().since(&before);
    assert_eq!(
        (
            stats.requests,
            stats.requests_of(ApiKey::Produce),
            stats.produce_requests
        ),
        (2, 2, 2)
    );
    assert_eq!((stats.batches, stats.records), (2, 4));
    assert_eq!(
        stats.batch_bytes,
        batches.iter().map(|batch| batch.len() as u64).sum::<u64>()
    );
    assert_eq!((stats.produce_bytes, stats.bytes_in), (sent, sent));
    assert_eq!(stats.bytes_out, received);
    assert_eq!((stats.connections, stats.connections_open), (0, 1));

    cluster.reset_stats();
    let mut reset = Stats::default();
    (reset.connections, reset.connections_open) = (1, 1);
    assert_eq!(cluster.stats(), reset);
}

/// The bytes of a Produce response's frame.
fn response_size(version: i16, response: &ProduceResponse) -> u64 {
    let mut frame = Vec::new();
    encode_response(&mut frame, ApiKey::Produce, version, 7, response);
    frame.len() as u64
}
