//! The counters against what was really sent.

use linger_protocol::ApiKey;
use linger_protocol::messages::ApiVersionsRequest;
use linger_sim::Cluster;

use crate::client::{Client, PRODUCE_VERSION, batch, frame, produce};

#[tokio::test]
async fn the_counters_are_exact() {
    let cluster = Cluster::builder()
        .topic("orders", 1)
        .start()
        .await
        .expect("a free port");
    let mut client = Client::connect(&cluster, 0).await;
    let versions = frame(0, 7, &ApiVersionsRequest::default());
    client.call(0, &ApiVersionsRequest::default()).await;
    let before = cluster.stats();
    assert_eq!(
        (before.connections, before.connections_open, before.bytes_in),
        (1, 1, versions.len() as u64)
    );

    let batches = [batch(&["a", "b", "c"]), batch(&["d"])];
    let mut sent = 0;
    for batch in &batches {
        sent += frame(PRODUCE_VERSION, 7, &produce("orders", 0, -1, batch.clone())).len() as u64;
        client.produce("orders", 0, batch.clone()).await;
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
    assert!(stats.bytes_out > 0);

    cluster.reset_stats();
    assert_eq!(cluster.stats().requests, 0);
}
