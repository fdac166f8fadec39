//! Faults over TCP: each fires, is counted, and has exactly its effect.

use std::time::{Duration, Instant};

use linger_protocol::ErrorCode;
use linger_protocol::messages::ApiVersionsRequest;
use linger_sim::{Cluster, RuleId};

use crate::client::{PRODUCE_VERSION, Produce, batch, connect, frame, produce};

async fn cluster_with(rule: &str) -> (Cluster, RuleId) {
    let cluster = Cluster::builder()
        .topic("orders", 1)
        .start()
        .await
        .expect("a free port");
    let id = cluster
        .add_fault(rule.parse().expect("a rule"))
        .expect("room for a rule");
    (cluster, id)
}

fn stored(cluster: &Cluster) -> usize {
    cluster.records("orders", 0).expect("the partition exists").len()
}

#[tokio::test]
async fn an_answer_lost_after_the_append_leaves_the_batch_in_the_log() {
    let (cluster, rule) = cluster_with("produce:nth=2:appended:lose").await;
    let mut client = connect(&cluster, 0).await;
    assert_eq!(
        client.produce("orders", 0, batch(&["answered"])).await.error_code,
        ErrorCode::NONE
    );
    client
        .send(&frame(
            PRODUCE_VERSION,
            2,
            &produce("orders", 0, -1, batch(&["lost"])),
        ))
        .await;
    client.assert_silent().await;
    assert_eq!((stored(&cluster), cluster.fault_fired(rule)), (2, 1));
    // The connection goes on.
    assert_eq!(
        client
            .produce("orders", 0, batch(&["answered"]))
            .await
            .base_offset,
        2
    );
}

#[tokio::test]
async fn an_answer_lost_before_the_append_leaves_nothing() {
    let (cluster, rule) = cluster_with("produce:times=1:parsed:close").await;
    let mut client = connect(&cluster, 0).await;
    client
        .send(&frame(
            PRODUCE_VERSION,
            1,
            &produce("orders", 0, -1, batch(&["refused"])),
        ))
        .await;
    client.assert_closed().await;
    assert_eq!((stored(&cluster), cluster.fault_fired(rule)), (0, 1));
}

#[tokio::test]
async fn a_connection_closed_after_the_append_leaves_the_batch_in_the_log() {
    let (cluster, rule) = cluster_with("produce:appended:close").await;
    let mut client = connect(&cluster, 0).await;
    client
        .send(&frame(
            PRODUCE_VERSION,
            1,
            &produce("orders", 0, -1, batch(&["kept"])),
        ))
        .await;
    client.assert_closed().await;
    assert_eq!((stored(&cluster), cluster.fault_fired(rule)), (1, 1));
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let (cluster, rule) = cluster_with("produce:replying:reset").await;
    let mut client = connect(&cluster, 0).await;
    client
        .send(&frame(
            PRODUCE_VERSION,
            1,
            &produce("orders", 0, -1, batch(&["kept"])),
        ))
        .await;
    assert!(client.is_reset().await);
    assert_eq!(cluster.fault_fired(rule), 1);
}

#[tokio::test]
async fn an_injected_code_replaces_the_append() {
    let (cluster, rule) = cluster_with("produce:topic=orders:times=1:answer=NOT_ENOUGH_REPLICAS").await;
    let mut client = connect(&cluster, 0).await;
    let answer = client.produce("orders", 0, batch(&["refused"])).await;
    assert_eq!(answer.error_code, ErrorCode::NOT_ENOUGH_REPLICAS);
    assert_eq!((stored(&cluster), cluster.fault_fired(rule)), (0, 1));
    assert_eq!(
        client.produce("orders", 0, batch(&["taken"])).await.error_code,
        ErrorCode::NONE
    );
}

#[tokio::test]
async fn a_delay_delays() {
    let (cluster, rule) = cluster_with("produce:delay=40ms").await;
    let mut client = connect(&cluster, 0).await;
    let begun = Instant::now();
    client.produce("orders", 0, batch(&["slow"])).await;
    assert!(begun.elapsed() >= Duration::from_millis(40));
    assert_eq!(cluster.fault_fired(rule), 1);
}

#[tokio::test]
async fn a_truncated_answer_ends_in_the_middle() {
    let (cluster, rule) = cluster_with("produce:truncate=9").await;
    let mut client = connect(&cluster, 0).await;
    client
        .send(&frame(
            PRODUCE_VERSION,
            1,
            &produce("orders", 0, -1, batch(&["kept"])),
        ))
        .await;
    assert_eq!(client.rest().await.len(), 9);
    assert_eq!(cluster.fault_fired(rule), 1);
}

#[tokio::test]
async fn a_throttled_answer_says_so_and_mutes_the_connection() {
    let (cluster, rule) = cluster_with("produce:times=1:throttle=60ms").await;
    let mut client = connect(&cluster, 0).await;
    let begun = Instant::now();
    let request = produce("orders", 0, -1, batch(&["throttled"]));
    let answer = client.call(PRODUCE_VERSION, &request).await;
    assert_eq!(answer.throttle_time_ms, 60);
    client.call(0, &ApiVersionsRequest::default()).await;
    assert!(
        begun.elapsed() >= Duration::from_millis(60),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(cluster.fault_fired(rule), 1);
}

#[tokio::test]
async fn a_fault_that_is_removed_fires_no_more() {
    let (cluster, rule) = cluster_with("produce:appended:close").await;
    assert!(cluster.remove_fault(rule));
    let mut client = connect(&cluster, 0).await;
    assert_eq!(
        client.produce("orders", 0, batch(&["fine"])).await.error_code,
        ErrorCode::NONE
    );
    assert_eq!(cluster.fault_fired(rule), 0);
}

#[tokio::test]
async fn what_is_held_at_a_barrier_waits_for_its_release() {
    let (cluster, rule) = cluster_with("produce:appended:hold=gate").await;
    let mut client = connect(&cluster, 0).await;
    client
        .send(&frame(
            PRODUCE_VERSION,
            1,
            &produce("orders", 0, -1, batch(&["held"])),
        ))
        .await;
    client.assert_silent().await;
    assert_eq!((stored(&cluster), cluster.fault_fired(rule)), (1, 1));
    cluster.release("gate");
    assert!(client.next_frame().await.is_some());
}

#[tokio::test]
async fn a_corrupt_answer_differs_in_one_bit() {
    let (cluster, rule) = cluster_with("api-versions:nth=2:corrupt").await;
    let mut client = connect(&cluster, 0).await;
    let mut answers = Vec::new();
    for _ in 0..2 {
        client.send(&frame(0, 1, &ApiVersionsRequest::default())).await;
        answers.push(client.next_frame().await.expect("an answer of the right length"));
    }
    let bits: u32 = answers[0]
        .iter()
        .zip(&answers[1])
        .map(|(right, wrong)| (right ^ wrong).count_ones())
        .sum();
    assert_eq!((bits, answers[0].len() == answers[1].len()), (1, true));
    assert_eq!(cluster.fault_fired(rule), 1);
}

#[tokio::test]
async fn one_seed_makes_the_same_choices() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let rule = "produce:probability=0.5:answer=NOT_ENOUGH_REPLICAS"
            .parse()
            .expect("a rule");
        let cluster = Cluster::builder()
            .topic("orders", 1)
            .seed(42)
            .fault(rule)
            .start()
            .await;
        let cluster = cluster.expect("a free port");
        let mut client = connect(&cluster, 0).await;
        let mut codes = Vec::new();
        for _ in 0..40 {
            codes.push(client.produce("orders", 0, batch(&["x"])).await.error_code);
        }
        runs.push(codes);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&ErrorCode::NONE) && runs[0].contains(&ErrorCode::NOT_ENOUGH_REPLICAS));
}
