//! Requests in pieces and in heaps, one at a time, and clients that leave early.

use linger_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, ProduceResponse};
use linger_protocol::{ApiKey, ErrorCode};
use linger_sim::Cluster;

use crate::client::{PATIENCE, PRODUCE_VERSION, Produce, batch, connect, frame, outcome, produce};

/// Between two looks at something that has no event.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(2);

async fn cluster() -> Cluster {
    Cluster::builder()
        .topic("orders", 1)
        .start()
        .await
        .expect("a free port")
}

fn api_versions() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: "test".into(),
        client_software_version: "1".into(),
    }
}

#[tokio::test]
async fn a_request_in_single_bytes_is_one_request() {
    let cluster = cluster().await;
    let mut client = connect(&cluster, 0).await;
    for byte in frame(3, 9, &api_versions()) {
        client.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    let (correlation_id, response) = client
        .receive::<ApiVersionsResponse>(ApiKey::ApiVersions, 3)
        .await;
    assert_eq!((correlation_id, response.error_code), (9, ErrorCode::NONE));
}

#[tokio::test]
async fn requests_in_one_heap_are_answered_in_order() {
    let cluster = cluster().await;
    let mut client = connect(&cluster, 0).await;
    let heap: Vec<u8> = (0..500).flat_map(|id| frame(3, id, &api_versions())).collect();
    client.send(&heap).await;
    for expected in 0..500 {
        let (id, _) = client
            .receive::<ApiVersionsResponse>(ApiKey::ApiVersions, 3)
            .await;
        assert_eq!(id, expected);
    }
}

#[tokio::test]
async fn a_batch_is_appended_and_read_back() {
    let cluster = cluster().await;
    let mut client = connect(&cluster, 0).await;
    for base in [0, 2] {
        let answer = client.produce("orders", 0, batch(&["a", "b"])).await;
        assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::NONE, base));
    }
    let records = cluster.records("orders", 0).expect("the partition exists");
    let values: Vec<_> = records
        .iter()
        .map(|record| (record.offset, record.value.as_deref()))
        .collect();
    let expected = [b"a", b"b", b"a", b"b"].map(|value| Some(value.as_slice()));
    assert_eq!(values, (0..).zip(expected).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_client_that_closes_its_side_gets_every_answer_and_then_the_end() {
    let cluster = cluster().await;
    let mut client = connect(&cluster, 0).await;
    let requests: Vec<u8> = (0..3)
        .flat_map(|id| frame(PRODUCE_VERSION, id, &produce("orders", 0, -1, batch(&["x"]))))
        .collect();
    client.send(&requests).await;
    client.close_write().await;
    for expected in 0..3 {
        let (id, response) = client
            .receive::<ProduceResponse>(ApiKey::Produce, PRODUCE_VERSION)
            .await;
        assert_eq!(
            (id, outcome(response).base_offset),
            (expected, i64::from(expected))
        );
    }
    client.assert_closed().await;
}

#[tokio::test]
async fn what_a_client_sent_before_it_left_is_appended() {
    let cluster = cluster().await;
    let mut client = connect(&cluster, 0).await;
    client
        .send(&frame(
            PRODUCE_VERSION,
            0,
            &produce("orders", 0, -1, batch(&["left behind"])),
        ))
        .await;
    drop(client);
    let appended = async {
        while cluster
            .records("orders", 0)
            .expect("the partition exists")
            .is_empty()
        {
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(PATIENCE, appended)
        .await
        .expect("the batch is appended");
}

#[tokio::test]
async fn acks_0_is_not_answered() {
    let cluster = cluster().await;
    let mut client = connect(&cluster, 0).await;
    client
        .send(&frame(
            PRODUCE_VERSION,
            0,
            &produce("orders", 0, 0, batch(&["silent"])),
        ))
        .await;
    let answer = client.produce("orders", 0, batch(&["answered"])).await;
    assert_eq!(answer.base_offset, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections_at_once_share_one_log() {
    let cluster = std::sync::Arc::new(cluster().await);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let cluster = std::sync::Arc::clone(&cluster);
        tasks.spawn(async move {
            let mut client = connect(&cluster, 0).await;
            let mut offsets = Vec::new();
            for _ in 0..50 {
                let answer = client.produce("orders", 0, batch(&["a", "b"])).await;
                assert_eq!(answer.error_code, ErrorCode::NONE);
                offsets.push(answer.base_offset);
            }
            assert!(
                offsets.is_sorted(),
                "a connection's batches are appended in order"
            );
            offsets
        });
    }
    let mut offsets = tasks.join_all().await.concat();
    offsets.sort_unstable();
    assert_eq!(offsets, (0..1000).map(|batch| batch * 2).collect::<Vec<i64>>());
}

#[tokio::test]
async fn dropping_the_cluster_closes_its_connections_and_ports() {
    let cluster = cluster().await;
    let address = cluster.bootstrap().to_owned();
    let mut client = connect(&cluster, 0).await;
    client.call(3, &api_versions()).await;
    drop(cluster);
    client.assert_closed().await;
    let closed = async {
        while tokio::net::TcpStream::connect(&address).await.is_ok() {
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(PATIENCE, closed)
        .await
        .expect("the port is closed");
}

#[tokio::test]
async fn a_blackhole_acknowledges_counts_and_keeps_nothing() {
    let cluster = Cluster::builder()
        .topic("orders", 1)
        .blackhole(true)
        .start()
        .await
        .expect("a free port");
    let mut client = connect(&cluster, 0).await;
    for base in [0, 3, 6] {
        let answer = client.produce("orders", 0, batch(&["a", "b", "c"])).await;
        assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::NONE, base));
    }
    assert!(
        cluster
            .records("orders", 0)
            .expect("the partition exists")
            .is_empty()
    );
    let stats = cluster.stats();
    assert_eq!((stats.produce_requests, stats.batches, stats.records), (3, 3, 9));
}
