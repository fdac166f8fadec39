//! Memory runs out, and comes back.

use linger::{Record, SendError};

use crate::support::{Load, MAX_BLOCK, TOPIC, producer, three_brokers};

#[tokio::test]
async fn send_waits_for_memory_and_goes_on() {
    let cluster = three_brokers(2).start().await.expect("the cluster starts");
    let producer = producer(&cluster)
        .buffer_memory(64 * 1024)
        .connect()
        .await
        .expect("a broker answers");
    let mut load = Load::new(2);
    load.send(&producer, 20_000).await;
    assert_eq!(load.prove(&cluster).await, (20_000, 0));
}

#[tokio::test]
async fn a_full_buffer_refuses_by_name_and_loses_nothing() {
    let cluster = three_brokers(1).start().await.expect("the cluster starts");
    let producer = producer(&cluster)
        .buffer_memory(64 * 1024)
        .max_block(MAX_BLOCK)
        .connect()
        .await
        .expect("a broker answers");
    producer
        .deliver(Record::to(TOPIC).value(b"first"))
        .await
        .expect("delivered");
    for id in 0..3 {
        cluster.freeze_broker(id).await.expect("there is such a broker");
    }
    let value = [b'v'; 1_000];
    let mut accepted = Vec::new();
    let error = loop {
        match producer.send(Record::to(TOPIC).value(&value)).await {
            Ok(delivery) => accepted.push(delivery),
            Err(error) => break error,
        }
        assert!(
            accepted.len() < 1_000,
            "64 KiB cannot hold 1,000 records of 1,000 bytes"
        );
    };
    assert!(error.to_string().contains("buffer.memory"), "{error}");
    // What is left may still hold a small batch; then try_send refuses by the same name, and at once.
    let error = loop {
        match producer.try_send(Record::to(TOPIC).value(&value)) {
            Ok(delivery) => accepted.push(delivery),
            Err(error) => break error,
        }
        assert!(
            accepted.len() < 1_000,
            "64 KiB cannot hold 1,000 records of 1,000 bytes"
        );
    };
    assert!(matches!(error, SendError::BufferFull { .. }), "{error:?}");
    for id in 0..3 {
        cluster.thaw_broker(id).await.expect("there is such a broker");
    }
    for delivery in accepted {
        delivery.await.expect("what was accepted is delivered");
    }
    producer
        .deliver(Record::to(TOPIC).value(b"after"))
        .await
        .expect("there is room again");
}

#[tokio::test]
async fn a_record_over_max_request_size_is_refused_with_both_numbers() {
    let cluster = three_brokers(1).start().await.expect("the cluster starts");
    let producer = producer(&cluster)
        .max_request_size(10_000)
        .connect()
        .await
        .expect("a broker answers");
    let value = vec![0; 20_000];
    let error = producer
        .send(Record::to(TOPIC).value(&value))
        .await
        .expect_err("too large");
    assert!(matches!(error, SendError::TooLarge { .. }), "{error:?}");
    let message = error.to_string();
    assert!(
        message.contains("10000") && message.contains("max.request.size"),
        "{message}"
    );
}
