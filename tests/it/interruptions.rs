//! Connections that end in the middle of a frame.

use std::net::SocketAddr;
use std::time::Duration;

use linger_sim::Cluster;
use linger_testkit::proxy::Proxy;
use linger_testkit::random::Random;

use crate::support::{Load, TOPIC, producer};

/// Where clients are told to connect: the proxy, at the broker's port of another loopback address.
const PROXY_HOST: &str = "127.0.0.2";

/// Several requests of this test, each of at most one batch of four partitions.
const CUT_AFTER_BYTES_MAX: u64 = 60_000;

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_connection_that_is_cut_within_a_frame_loses_and_doubles_nothing() {
    let cluster = Cluster::builder()
        .topic(TOPIC, 4)
        .advertised_host(PROXY_HOST)
        .start()
        .await;
    let cluster = cluster.expect("a free port");
    let port = cluster
        .bootstrap()
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok())
        .expect("a port");
    let [here, there] = [[127, 0, 0, 2], [127, 0, 0, 1]].map(|ip| SocketAddr::from((ip, port)));
    let mut random = Random::new(7);
    let limit = Box::new(move || Some(random.between(1, CUT_AFTER_BYTES_MAX) as usize));
    let proxy = Proxy::start(here, there, limit)
        .await
        .expect("the port is free at the other address");

    let producer = producer(&cluster)
        .bootstrap_servers(here.to_string())
        .batch_size(2_000)
        .batch_size_max(2_000)
        .connect()
        .await
        .expect("a broker answers");
    let mut load = Load::new(4);
    load.send(&producer, 20_000).await;
    producer.flush().await;
    let sent = load.len();
    let (acknowledged, failed) = load.prove(&cluster).await;
    assert_eq!(
        (acknowledged, failed),
        (sent, 0),
        "the faults end, so every record is written"
    );
    assert!(proxy.cuts() > 5, "only {} connections were cut", proxy.cuts());
    producer.close(Duration::from_secs(10)).await;
    cluster.shutdown().await;
}
