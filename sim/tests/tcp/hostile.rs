//! Bytes that are no Kafka request: each closes its connection, and the broker lives on.

use linger_protocol::ApiKey;
use linger_protocol::ErrorCode;
use linger_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, ProduceResponse};
use linger_sim::{Cluster, Rng};
use rstest::rstest;

use crate::client::{PRODUCE_VERSION, Produce, batch, connect, frame, outcome, produce};

async fn cluster() -> Cluster {
    Cluster::builder()
        .topic("orders", 1)
        .start()
        .await
        .expect("a free port")
}

async fn assert_serves(cluster: &Cluster) {
    let mut client = connect(cluster, 0).await;
    let answer = client.produce("orders", 0, batch(&["still here"])).await;
    assert_eq!(answer.error_code, ErrorCode::NONE);
}

const TLS_HELLO: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

#[rstest]
#[case::tls(TLS_HELLO)]
#[case::http(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")]
#[case::ssh(b"SSH-2.0-OpenSSH_9.6\r\n")]
#[case::negative_length(&[0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0])]
#[case::length_zero(&[0, 0, 0, 0])]
#[case::over_the_limit(&[0x06, 0x40, 0x00, 0x01])]
#[case::a_header_cut_short(&[0, 0, 0, 3, 0, 18, 0])]
#[case::an_unknown_api(&[0, 0, 0, 10, 0x7f, 0x7f, 0, 0, 0, 0, 0, 1, 0xff, 0xff])]
#[case::a_version_that_is_not_spoken(&[0, 0, 0, 10, 0, 0, 0, 99, 0, 0, 0, 1, 0xff, 0xff])]
#[case::an_array_larger_than_its_frame(&[0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff])]
#[tokio::test]
async fn what_is_no_request_closes_the_connection(#[case] bytes: &[u8]) {
    let cluster = cluster().await;
    let mut client = connect(&cluster, 0).await;
    client.try_send(bytes).await;
    assert_eq!(client.rest().await, [], "nothing is answered");
    assert_eq!(cluster.stats().non_kafka_connections, 1);
    assert_serves(&cluster).await;
}

#[tokio::test]
async fn a_frame_of_exactly_the_limit_is_waited_for() {
    let cluster = cluster().await;
    let mut client = connect(&cluster, 0).await;
    client.send(&104_857_600i32.to_be_bytes()).await;
    client.assert_silent().await;
}

#[tokio::test]
async fn a_request_that_ends_within_its_frame_is_dropped_with_its_connection() {
    let cluster = cluster().await;
    let request = frame(PRODUCE_VERSION, 0, &produce("orders", 0, -1, batch(&["cut"])));
    for length in [1, 4, 5, 13, request.len() - 1] {
        let mut client = connect(&cluster, 0).await;
        client.send(&request[..length]).await;
        client.close_write().await;
        client.assert_closed().await;
    }
    assert!(
        cluster
            .records("orders", 0)
            .expect("the partition exists")
            .is_empty()
    );
    assert_serves(&cluster).await;
}

#[tokio::test]
async fn requests_before_a_bad_frame_are_answered_and_those_after_it_are_not() {
    let cluster = cluster().await;
    let mut client = connect(&cluster, 0).await;
    let good = frame(PRODUCE_VERSION, 1, &produce("orders", 0, -1, batch(&["good"])));
    let after = frame(PRODUCE_VERSION, 2, &produce("orders", 0, -1, batch(&["after"])));
    client.send(&[&good[..], TLS_HELLO, &after].concat()).await;
    let (id, response) = client
        .receive::<ProduceResponse>(ApiKey::Produce, PRODUCE_VERSION)
        .await;
    assert_eq!((id, outcome(response).error_code), (1, ErrorCode::NONE));
    assert_eq!(client.rest().await, []);
    assert_eq!(
        cluster.records("orders", 0).expect("the partition exists").len(),
        1
    );
}

#[tokio::test]
async fn random_bytes_never_stop_a_broker() {
    let cluster = cluster().await;
    let mut rng = Rng::new(20_260_101);
    for _ in 0..200 {
        let mut client = connect(&cluster, 0).await;
        let mut bytes: Vec<u8> = (0..rng.below(200)).map(|_| rng.next_u64() as u8).collect();
        if rng.chance(0.7) && bytes.len() >= 12 {
            // A credible frame around the garbage reaches the decoders behind the framing.
            let length = bytes.len() as i32 - 4;
            bytes[..4].copy_from_slice(&length.to_be_bytes());
            bytes[4..6].copy_from_slice(&[0, rng.below(24) as u8]);
            bytes[6..8].copy_from_slice(&[0, rng.below(14) as u8]);
        }
        client.try_send(&bytes).await;
        client.try_close_write().await;
        client.rest().await;
    }
    assert_serves(&cluster).await;
}

#[tokio::test]
async fn damaged_requests_never_stop_a_broker() {
    let cluster = cluster().await;
    let mut rng = Rng::new(20_260_102);
    let good = frame(
        PRODUCE_VERSION,
        1,
        &produce("orders", 0, -1, batch(&["a record", "another"])),
    );
    for _ in 0..300 {
        let mut client = connect(&cluster, 0).await;
        let mut damaged = good.clone();
        for _ in 0..=rng.below(3) {
            let at = 4 + rng.below(damaged.len() as u64 - 4) as usize;
            damaged[at] ^= 1 << rng.below(8);
        }
        client.try_send(&damaged).await;
        client.try_close_write().await;
        client.rest().await;
    }
    assert_serves(&cluster).await;
}

#[tokio::test]
async fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let cluster = cluster().await;
    let mut client = connect(&cluster, 0).await;
    client
        .send(&[0, 0, 0, 11, 0, 18, 0, 99, 0, 0, 0, 5, 0xff, 0xff, 0])
        .await;
    let frame = client.next_frame().await.expect("an answer");
    assert_eq!(frame[..], [0, 0, 0, 5, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4]);
    // The connection stays usable.
    let response: ApiVersionsResponse = client.call(0, &ApiVersionsRequest::default()).await;
    assert_eq!(response.error_code, ErrorCode::NONE);
}
