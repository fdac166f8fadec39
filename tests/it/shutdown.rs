//! The ways in which a producer ends, and what becomes of its unresolved records.

use std::time::{Duration, Instant};

use linger::{Certainty, Delivery, Producer, Record, SendError};

use crate::support::{Load, TOPIC, freeze, producer, start, three_brokers, waiting_producer};

#[tokio::test]
async fn close_delivers_what_was_accepted() {
    let cluster = start(three_brokers(3)).await;
    let producer = waiting_producer(&cluster).await;
    let mut load = Load::new(3);
    load.send(&producer, 1_000).await;
    let closed = producer.close(Duration::from_secs(20)).await;
    assert_eq!(
        (closed.ledger.accepted, closed.ledger.acknowledged),
        (1_000, 1_000)
    );
    assert!(closed.undelivered.is_empty());
    assert_eq!(load.prove(&cluster).await, (1_000, 0));
    let error = producer
        .send(Record::to(TOPIC).value(b"late"))
        .await
        .expect_err("the producer is closed");
    assert!(matches!(error, SendError::Closed), "{error:?}");
    // Closing once more is no error.
    let again = producer.close(Duration::from_secs(1)).await;
    assert_eq!(again.ledger.accepted, 1_000);
}

#[tokio::test]
async fn close_hands_back_what_could_not_be_sent() {
    let cluster = start(three_brokers(1)).await;
    let producer = waiting_producer(&cluster).await;
    producer
        .deliver(Record::to(TOPIC).value(b"first"))
        .await
        .expect("delivered");
    for id in 0..3 {
        cluster.stop_broker(id).await.expect("there is such a broker");
    }
    let mut deliveries = Vec::new();
    for i in 0..10_u8 {
        deliveries.push(
            producer
                .send(Record::to(TOPIC).key(&[i]).value(b"v"))
                .await
                .expect("accepted"),
        );
    }
    let asked = Instant::now();
    let closed = producer.close(Duration::from_millis(200)).await;
    assert!(
        asked.elapsed() < Duration::from_secs(10),
        "close keeps its deadline"
    );
    let ledger = closed.ledger;
    assert_eq!(
        ledger.accepted,
        ledger.acknowledged + ledger.failed + ledger.returned
    );
    assert_eq!(ledger.returned as usize, closed.undelivered.len());
    assert_eq!(ledger.acknowledged, 1);
    for delivery in deliveries {
        let error = delivery.await.expect_err("no broker runs");
        assert_eq!(error.certainty(), Certainty::NotWritten, "{error}");
    }
}

#[tokio::test]
async fn dropping_the_producer_resolves_every_delivery() {
    let cluster = start(three_brokers(2)).await;
    let producer = waiting_producer(&cluster).await;
    let acknowledged = send(&producer, 0, 10).await;
    assert_eq!(producer.flush().await.acknowledged, 10);

    freeze(&cluster).await;
    let unanswered = send(&producer, 0, 100).await;
    let requests = producer.traffic().produce_requests;
    tokio::select! {
        _ = producer.flush() => panic!("a frozen broker does not answer"),
        () = until(|| producer.traffic().produce_requests > requests) => {}
    }
    let unsent = send(&producer, 1, 100).await;

    drop(producer);
    for delivery in acknowledged {
        delivery.await.expect("it was acknowledged before the drop");
    }
    for delivery in unanswered {
        let error = delivery.await.expect_err("no broker answered");
        assert_eq!(error.certainty(), Certainty::PossiblyWritten, "{error}");
    }
    for delivery in unsent {
        let error = delivery.await.expect_err("its batch never left");
        assert_eq!(error.certainty(), Certainty::NotWritten, "{error}");
    }
}

/// Sends `count` records to one partition.
async fn send(producer: &Producer, partition: i32, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for _ in 0..count {
        let record = Record::to(TOPIC).partition(partition).value(b"v");
        deliveries.push(producer.send(record).await.expect("the record is accepted"));
    }
    deliveries
}

/// Lets other tasks run until `condition` holds.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_runtime_that_ends_resolves_every_delivery() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let (cluster, delivery) = runtime.block_on(async {
        let cluster = start(three_brokers(1)).await;
        let producer = waiting_producer(&cluster).await;
        let delivery = producer
            .send(Record::to(TOPIC).value(b"v"))
            .await
            .expect("accepted");
        std::mem::forget(producer.clone()); // Nobody closes it.
        (cluster, delivery)
    });
    drop(cluster);
    runtime.shutdown_timeout(Duration::from_secs(5));
    let elsewhere = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let error = elsewhere
        .block_on(async { tokio::time::timeout(Duration::from_secs(20), delivery).await })
        .expect("the delivery resolves")
        .expect_err("nothing was sent");
    assert_eq!(error.certainty(), Certainty::NotWritten, "{error}");
}

#[test]
fn a_producer_needs_a_runtime_and_says_so() {
    let error = Producer::builder()
        .bootstrap_servers("127.0.0.1:1")
        .build()
        .expect_err("there is no runtime");
    assert!(error.to_string().contains("Tokio runtime"), "{error}");
}

#[tokio::test]
async fn a_dropped_delivery_cancels_nothing() {
    let cluster = start(three_brokers(1)).await;
    let producer = producer(&cluster).connect().await.expect("a broker answers");
    for i in 0..500_u64 {
        drop(
            producer
                .send(Record::to(TOPIC).value(&i.to_be_bytes()))
                .await
                .expect("accepted"),
        );
    }
    let flushed = producer.flush().await;
    assert_eq!((flushed.acknowledged, flushed.failed), (500, 0));
    assert_eq!(crate::support::numbers(&cluster, 0).len(), 500);
}
