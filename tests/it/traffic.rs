//! The producer's traffic counters beside the brokers' own counters.

use linger::Codec;
use linger_protocol::ApiKey;

use crate::support::{Load, producer, start, three_brokers};

#[tokio::test]
async fn the_producer_counts_what_the_brokers_sockets_see() {
    let cluster = start(three_brokers(6)).await;
    let producer = producer(&cluster)
        .compression(Codec::Lz4)
        .connect()
        .await
        .expect("a broker answers");
    let before = producer.traffic();
    assert_eq!(
        (before.produce_requests, before.produce_bytes, before.batches),
        (0, 0, 0)
    );
    let mut load = Load::new(6);
    load.send(&producer, 3_000).await;
    assert_eq!(producer.flush().await.acknowledged, 3_000);

    let (traffic, stats) = (producer.traffic(), cluster.stats());
    assert!(traffic.batches >= 6, "{traffic:?}");
    assert_eq!(
        (traffic.produce_requests, traffic.produce_bytes, traffic.batches),
        (stats.produce_requests, stats.produce_bytes, stats.batches)
    );
    // The producer leaves out only the exchanges of versions that open its connections.
    let versions = stats.requests_of(ApiKey::ApiVersions);
    assert_eq!(traffic.requests, stats.requests - versions);
    assert_eq!(traffic.responses, traffic.requests);
    let out = stats.bytes_in - traffic.bytes_out;
    assert!(
        out > 0 && out <= versions * 100,
        "{out} bytes for {versions} exchanges of versions"
    );
    let since = traffic.since(&before);
    assert_eq!(since.produce_bytes, traffic.produce_bytes);
    assert!(
        since.bytes_out > since.produce_bytes && since.bytes_in > 0,
        "{since:?}"
    );
    assert_eq!(load.prove(&cluster).await, (3_000, 0));
}
