//! A record arrives unchanged, at the offset that its delivery names.

use std::time::Duration;

use linger::{Acks, Compression, Header, PartitionerKind, Producer, Record};
use linger_sim::Cluster;
use rstest::rstest;

use crate::support::{Load, MAX_BLOCK, TOPIC, producer, start, three_brokers};

#[rstest]
#[case::none("none")]
#[case::gzip("gzip")]
#[case::snappy("snappy")]
#[case::lz4("lz4")]
#[case::zstd("zstd")]
#[tokio::test]
async fn every_codec_delivers_every_record_once_in_order(#[case] codec: &str) {
    let cluster = start(three_brokers(4)).await;
    let compression: Compression = codec.parse().expect("a codec");
    let producer = producer(&cluster)
        .compression(compression)
        .connect()
        .await
        .expect("a broker answers");
    let mut load = Load::new(4);
    load.send(&producer, 5_000).await;
    assert_eq!(load.prove(&cluster).await, (5_000, 0));
}

#[tokio::test]
async fn a_record_arrives_byte_by_byte() {
    let cluster = start(three_brokers(1)).await;
    let producer = producer(&cluster).connect().await.expect("a broker answers");
    let headers = [
        Header {
            key: "trace",
            value: Some(b"1"),
        },
        Header {
            key: "trace",
            value: Some(b"2"),
        },
        Header {
            key: "none",
            value: None,
        },
        Header {
            key: "",
            value: Some(b""),
        },
    ];
    let full = Record::to(TOPIC)
        .key(b"k")
        .value(b"\x00\xff")
        .headers(&headers)
        .timestamp(1_234_567);
    let tombstone = Record::to(TOPIC).key(b"");
    let at = producer.deliver(full).await.expect("delivered");
    assert_eq!((at.partition, at.offset, at.timestamp), (0, Some(0), 1_234_567));
    let at = producer.deliver(tombstone).await.expect("delivered");
    assert_eq!(at.offset, Some(1));

    let log = cluster.records(TOPIC, 0).expect("the partition exists");
    assert_eq!(log[0].key.as_deref(), Some(&b"k"[..]));
    assert_eq!(log[0].value.as_deref(), Some(&b"\x00\xff"[..]));
    assert_eq!(log[0].timestamp, 1_234_567);
    let logged: Vec<(&str, Option<&[u8]>)> = log[0]
        .headers
        .iter()
        .map(|header| (&*header.0, header.1.as_deref()))
        .collect();
    let sent: Vec<(&str, Option<&[u8]>)> = headers.iter().map(|header| (header.key, header.value)).collect();
    assert_eq!(logged, sent);
    assert_eq!(
        (log[1].key.as_deref(), log[1].value.as_deref()),
        (Some(&b""[..]), None)
    );
}

#[rstest]
#[case::murmur2(PartitionerKind::Murmur2)]
#[case::crc32(PartitionerKind::Crc32)]
#[tokio::test]
async fn one_key_goes_to_one_partition(#[case] partitioner: PartitionerKind) {
    let cluster = start(three_brokers(7)).await;
    let producer = producer(&cluster)
        .partitioner(partitioner)
        .connect()
        .await
        .expect("a broker answers");
    let mut seen = std::collections::BTreeSet::new();
    for key in 0..50_u32 {
        let key = key.to_be_bytes();
        let first = producer
            .deliver(Record::to(TOPIC).key(&key).value(b"a"))
            .await
            .expect("delivered");
        let second = producer
            .deliver(Record::to(TOPIC).key(&key).value(b"b"))
            .await
            .expect("delivered");
        assert_eq!(first.partition, second.partition);
        seen.insert(first.partition);
    }
    assert!(seen.len() > 3, "fifty keys went to {seen:?} only");
}

#[rstest]
#[case::none(Acks::None)]
#[case::leader(Acks::Leader)]
#[tokio::test]
async fn weaker_acks_deliver_too(#[case] acks: Acks) {
    let cluster = start(three_brokers(2)).await;
    let producer = producer(&cluster)
        .acks(acks)
        .enable_idempotence(false)
        .connect()
        .await
        .expect("a broker answers");
    for i in 0..100_u32 {
        let at = producer
            .deliver(Record::to(TOPIC).value(&i.to_be_bytes()))
            .await
            .expect("delivered");
        assert_eq!(
            at.offset.is_none(),
            acks == Acks::None,
            "only acks=0 has no offset"
        );
    }
    producer.close(Duration::from_secs(10)).await;
    // The broker reads a connection to its end, so that every request written before the close arrives.
    let in_log = || {
        (0..2)
            .map(|p| cluster.records(TOPIC, p).expect("the partition exists").len())
            .sum::<usize>()
    };
    while in_log() < 100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn many_tasks_share_one_producer() {
    let cluster = start(three_brokers(6)).await;
    let producer = producer(&cluster).connect().await.expect("a broker answers");
    let tasks: Vec<_> = (0..16_u64)
        .map(|task| {
            let producer = producer.clone();
            tokio::spawn(async move {
                for i in 0..200_u64 {
                    let value = (task * 1_000 + i).to_be_bytes();
                    producer
                        .deliver(Record::to(TOPIC).value(&value))
                        .await
                        .expect("delivered");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task ends well");
    }
    let mut logged: Vec<u64> = (0..6)
        .flat_map(|partition| crate::support::numbers(&cluster, partition))
        .map(|(_, number)| number)
        .collect();
    logged.sort_unstable();
    let sent: Vec<u64> = (0..16)
        .flat_map(|task| (0..200).map(move |i| task * 1_000 + i))
        .collect();
    assert_eq!(logged, sent);
}

#[tokio::test]
async fn a_missing_topic_is_created_when_brokers_may() {
    let cluster = start(Cluster::builder().brokers(1).auto_create_topics(true)).await;
    let producer = Producer::builder()
        .bootstrap_servers(cluster.bootstrap())
        .connect()
        .await
        .expect("a broker answers");
    let at = producer
        .deliver(Record::to("fresh").value(b"first"))
        .await
        .expect("delivered");
    assert_eq!((&*at.topic, at.offset), ("fresh", Some(0)));
}

#[tokio::test]
async fn a_topic_that_stays_missing_is_refused_in_time() {
    let cluster = start(Cluster::builder().brokers(1).auto_create_topics(false)).await;
    let producer = Producer::builder()
        .bootstrap_servers(cluster.bootstrap())
        .max_block(MAX_BLOCK)
        .connect()
        .await
        .expect("a broker answers");
    let error = producer
        .send(Record::to("missing").value(b"x"))
        .await
        .expect_err("there is no such topic");
    assert!(error.to_string().contains("missing"), "{error}");
}
