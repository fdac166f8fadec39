//! `buffer.memory` runs out, and becomes free again.

use std::time::Duration;

use linger::{Record, SendError};

use crate::support::{Load, MAX_BLOCK, TOPIC, freeze, producer, start, thaw, three_brokers};

#[tokio::test]
async fn send_waits_for_memory_and_goes_on() {
    let cluster = start(three_brokers(2)).await;
    let producer = producer(&cluster)
        .buffer_memory(64 * 1024)
        .connect()
        .await
        .expect("a broker answers");
    let mut load = Load::new(2);
    load.send(&producer, 2).await; // The metadata of the topic is known from here on.
    freeze(&cluster).await;
    let error = loop {
        match load.try_send(&producer) {
            Ok(()) => assert!(load.len() < 20_000, "64 KiB cannot hold 20,000 records"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, SendError::BufferFull { .. }), "{error:?}");
    let filled = load.len();

    let mut send = Box::pin(load.send(&producer, 20_000));
    let waited = tokio::time::timeout(Duration::from_millis(100), &mut send).await;
    waited.expect_err("no memory becomes free while the brokers are frozen");
    thaw(&cluster).await;
    send.await;
    assert_eq!(load.prove(&cluster).await, (filled + 20_000, 0));
}

#[tokio::test]
async fn a_full_buffer_refuses_by_name_and_loses_nothing() {
    let cluster = start(three_brokers(1)).await;
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
    freeze(&cluster).await;
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
    // The memory that is left may still hold a small batch. Then try_send refuses at once, with the
    // same error.
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
    thaw(&cluster).await;
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
    let cluster = start(three_brokers(1)).await;
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
