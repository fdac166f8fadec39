//! When a batch leaves, and which records it holds.

use std::time::Duration;

use linger::Record;

use crate::support::{Load, TOPIC, producer, start, three_brokers, waiting_producer};

#[tokio::test]
async fn a_full_batch_does_not_wait_for_linger() {
    let cluster = start(three_brokers(1)).await;
    let producer = producer(&cluster)
        .linger(Duration::from_secs(30))
        .batch_size(1_000)
        .connect()
        .await
        .expect("a broker answers");
    let value = [b'v'; 600];
    let first = producer
        .send(Record::to(TOPIC).value(&value))
        .await
        .expect("accepted");
    let second = producer
        .send(Record::to(TOPIC).value(&value))
        .await
        .expect("accepted");
    let arrived = async {
        first.await.expect("delivered");
        second.await.expect("delivered");
    };
    tokio::time::timeout(Duration::from_secs(20), arrived)
        .await
        .expect("well before linger has passed");
}

#[tokio::test]
async fn records_that_wait_together_leave_together() {
    let cluster = start(three_brokers(1)).await;
    let producer = waiting_producer(&cluster).await;
    let mut load = Load::new(1);
    load.send(&producer, 50).await;
    let flushed = producer.flush().await;
    assert_eq!((flushed.acknowledged, flushed.failed), (50, 0));
    assert_eq!(
        cluster.stats().batches,
        1,
        "fifty small records fit one batch, and flush sends it"
    );
    assert_eq!(load.prove(&cluster).await, (50, 0));
}

#[tokio::test]
async fn without_linger_a_lone_record_leaves_alone() {
    let cluster = start(three_brokers(1)).await;
    let producer = producer(&cluster)
        .linger(Duration::ZERO)
        .connect()
        .await
        .expect("a broker answers");
    for i in 0..20_u64 {
        producer
            .deliver(Record::to(TOPIC).value(&i.to_be_bytes()))
            .await
            .expect("delivered");
    }
    assert_eq!(cluster.stats().batches, 20);
}

#[tokio::test]
async fn a_batch_over_the_topics_limit_is_split() {
    let cluster = start(three_brokers(1).max_message_bytes(2_000)).await;
    let producer = waiting_producer(&cluster).await;
    let mut load = Load::new(1);
    load.send(&producer, 400).await;
    producer.flush().await;
    assert_eq!(load.prove(&cluster).await, (400, 0));
}
