//! Brokers that are stopped, started, frozen and thawed, and leaders that move.

use std::time::Duration;

use linger_protocol::ErrorCode;
use linger_protocol::messages::{ApiVersionsRequest, MetadataRequest};
use linger_sim::{Cluster, ClusterError};
use tokio::net::TcpStream;

use crate::client::{
    PATIENCE, PRODUCE_VERSION, Produce, batch, connect, connect_to_leader, frame, leader, produce,
};

async fn three_brokers() -> Cluster {
    let cluster = Cluster::builder()
        .brokers(3)
        .topic("orders", 1)
        .min_insync_replicas(2);
    cluster.start().await.expect("free ports")
}

#[tokio::test]
async fn a_stopped_broker_closes_its_connections_and_refuses_new_ones() {
    let cluster = three_brokers().await;
    let mut client = connect(&cluster, 1).await;
    client.call(0, &ApiVersionsRequest::default()).await;
    cluster.stop_broker(1).await.expect("broker 1 exists");
    client.assert_closed().await;
    let address = cluster
        .bootstrap()
        .split(',')
        .nth(1)
        .expect("three brokers")
        .to_owned();
    let error = TcpStream::connect(&address)
        .await
        .expect_err("the port is closed");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(
        cluster.broker_stats(1).expect("broker 1 exists").connections_open,
        0
    );

    cluster.start_broker(1).await.expect("the port was kept");
    let mut client = connect(&cluster, 1).await;
    client.call(0, &ApiVersionsRequest::default()).await;
}

#[tokio::test]
async fn a_partition_outlives_its_leader() {
    let cluster = three_brokers().await;
    let old = leader(&cluster, "orders", 0).await;
    let mut client = connect(&cluster, old as usize).await;
    assert_eq!(
        client.produce("orders", 0, batch(&["before"])).await.error_code,
        ErrorCode::NONE
    );
    cluster.stop_broker(old).await.expect("the leader exists");
    let new = leader(&cluster, "orders", 0).await;
    assert_ne!(old, new);
    let mut client = connect(&cluster, new as usize).await;
    let answer = client.produce("orders", 0, batch(&["after"])).await;
    assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::NONE, 1));
}

#[tokio::test]
async fn stopping_and_starting_may_be_repeated() {
    let cluster = three_brokers().await;
    for _ in 0..10 {
        cluster.stop_broker(2).await.expect("broker 2 exists");
        cluster.stop_broker(2).await.expect("stopping twice is no error");
        cluster.start_broker(2).await.expect("the port was kept");
        cluster.start_broker(2).await.expect("starting twice is no error");
        let mut client = connect(&cluster, 2).await;
        client.call(0, &ApiVersionsRequest::default()).await;
    }
}

#[tokio::test]
async fn a_frozen_broker_is_silent_and_answers_when_thawed() {
    let cluster = three_brokers().await;
    let mut client = connect(&cluster, 0).await;
    client.call(0, &ApiVersionsRequest::default()).await;
    cluster.freeze_broker(0).await.expect("broker 0 exists");
    client.send(&frame(0, 3, &ApiVersionsRequest::default())).await;
    client.assert_silent().await;
    // As under SIGSTOP, the kernel still accepts.
    let mut late = connect(&cluster, 0).await;
    late.send(&frame(0, 4, &ApiVersionsRequest::default())).await;
    late.assert_silent().await;
    cluster.thaw_broker(0).await.expect("broker 0 exists");
    assert!(client.next_frame().await.is_some() && late.next_frame().await.is_some());
}

#[tokio::test]
async fn a_frozen_broker_can_be_stopped() {
    let cluster = three_brokers().await;
    let mut client = connect(&cluster, 0).await;
    client.call(0, &ApiVersionsRequest::default()).await;
    cluster.freeze_broker(0).await.expect("broker 0 exists");
    cluster.stop_broker(0).await.expect("broker 0 exists");
    client.assert_closed().await;
}

#[tokio::test]
async fn the_old_leader_of_a_moved_partition_says_so() {
    let cluster = three_brokers().await;
    let old = leader(&cluster, "orders", 0).await;
    let to = (old + 1) % 3;
    let mut client = connect(&cluster, old as usize).await;
    cluster
        .move_leader("orders", 0, to)
        .await
        .expect("the partition exists");
    let answer = client.produce("orders", 0, batch(&["misdirected"])).await;
    assert_eq!(answer.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(leader(&cluster, "orders", 0).await, to);
}

#[tokio::test]
async fn acks_all_waits_for_the_followers_and_what_is_behind_it_waits_too() {
    let latency = Duration::from_millis(30);
    let cluster = Cluster::builder()
        .brokers(3)
        .topic("orders", 1)
        .ack_latency(latency);
    let cluster = cluster.start().await.expect("free ports");
    let mut client = connect_to_leader(&cluster, "orders", 0).await;
    let begun = std::time::Instant::now();
    let mut both = frame(PRODUCE_VERSION, 1, &produce("orders", 0, -1, batch(&["slow"])));
    both.extend(frame(0, 2, &ApiVersionsRequest::default()));
    client.send(&both).await;
    client.next_frame().await.expect("the produce is answered");
    assert!(begun.elapsed() >= latency, "answered after {:?}", begun.elapsed());
    let behind = client.next_frame().await.expect("the second request is answered");
    assert_eq!(behind[..4], [0, 0, 0, 2]);
}

#[tokio::test]
async fn what_a_follower_s_fetch_has_no_room_for_is_acknowledged_by_a_later_one() {
    let latency = Duration::from_millis(30);
    let cluster = Cluster::builder()
        .brokers(3)
        .topic("orders", 1)
        .ack_latency(latency)
        .replica_fetch_max_bytes(1);
    let cluster = cluster.start().await.expect("free ports");
    let begun = std::time::Instant::now();
    let mut clients = Vec::new();
    for value in ["one", "two", "three"] {
        let mut client = connect_to_leader(&cluster, "orders", 0).await;
        let request = produce("orders", 0, -1, batch(&[value]));
        client.send(&frame(PRODUCE_VERSION, 1, &request)).await;
        clients.push(client);
    }
    for client in &mut clients {
        client.next_frame().await.expect("the produce is answered");
    }
    let (elapsed, fetches) = (begun.elapsed(), clients.len() as u32);
    assert!(
        elapsed >= latency * fetches,
        "one batch a fetch, but all within {elapsed:?}"
    );
}

#[tokio::test]
async fn what_does_not_exist_is_named() {
    let cluster = three_brokers().await;
    let error = cluster.stop_broker(7).await.expect_err("there is no broker 7");
    assert_eq!(error.to_string(), "no broker 7: the 3 brokers are 0 to 2");
    let error = cluster
        .move_leader("orders", 9, 0)
        .await
        .expect_err("there is no partition 9");
    assert_eq!(error.to_string(), "there is no partition 9 of topic \"orders\"");
    assert!(matches!(
        cluster.records("other", 0),
        Err(ClusterError::NoPartition { .. })
    ));
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it is bound").port();
    let error = Cluster::builder()
        .port(port)
        .start()
        .await
        .expect_err("the port is taken");
    let message = error.to_string();
    assert!(message.contains(&format!("127.0.0.1:{port}")), "{message}");
    assert!(
        message.contains("the port is in use; choose another"),
        "{message}"
    );
    assert!(!error.is_usage());
}

#[test]
fn a_cluster_may_be_shared_between_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Cluster>();
}

#[tokio::test]
async fn a_client_that_takes_no_answers_does_not_keep_a_broker_from_stopping() {
    let cluster = three_brokers().await;
    let mut client = connect(&cluster, 0).await;
    let requests = frame(
        3,
        1,
        &MetadataRequest {
            topics: None,
            ..Default::default()
        },
    )
    .repeat(1000);
    // More answers than the sockets' buffers hold, and nobody reads them.
    let flood = async {
        for _ in 0..200 {
            client.try_send(&requests).await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(300), flood).await;
    tokio::time::timeout(PATIENCE, cluster.stop_broker(0))
        .await
        .expect("it stops in time")
        .expect("it exists");
    tokio::time::timeout(PATIENCE, cluster.shutdown())
        .await
        .expect("it ends in time");
}
