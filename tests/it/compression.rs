//! How much better a codec compresses full batches than single records.

use std::time::Duration;

use linger::{Compression, Record, Traffic};
use linger_sim::Cluster;
use rstest::rstest;

use crate::support::{TOPIC, TestCluster, producer, start, waiting_producer_with};

const RECORDS: usize = 400;

/// Sends the same records in batches of one record and in full batches, and compares the bytes that
/// reach the broker.
///
/// Each factor is nine tenths of the measured one, and more than full batches save without a codec.
#[rstest]
#[case::gzip("gzip", 8.7)]
#[case::snappy("snappy", 5.6)]
#[case::lz4("lz4", 5.2)]
#[case::zstd("zstd", 9.0)]
#[tokio::test]
async fn full_batches_compress_better_than_single_records(#[case] codec: &str, #[case] factor: f64) {
    let codec = codec.parse().expect("a codec");
    let gain = |alone: Traffic, full: Traffic| alone.produce_bytes as f64 / full.produce_bytes as f64;
    let compressed = gain(one_by_one(codec).await, in_full_batches(codec).await);
    let plain = gain(
        one_by_one(Compression::None).await,
        in_full_batches(Compression::None).await,
    );
    assert!(
        compressed >= factor && compressed > 1.5 * plain,
        "{codec}: full batches take {compressed:.2}x fewer bytes, and {plain:.2}x without a codec"
    );
}

async fn one_by_one(codec: Compression) -> Traffic {
    let cluster = cluster().await;
    let producer = producer(&cluster).linger(Duration::ZERO).compression(codec);
    let producer = producer.connect().await.expect("a broker answers");
    for line in lines() {
        let delivered = producer.deliver(Record::to(TOPIC).value(&line)).await;
        delivered.expect("nothing is in its way");
    }
    let traffic = producer.traffic();
    assert_eq!(traffic.batches, RECORDS as u64, "one record to a batch");
    traffic
}

async fn in_full_batches(codec: Compression) -> Traffic {
    let cluster = cluster().await;
    let producer = waiting_producer_with(&cluster, |builder| builder.compression(codec)).await;
    for line in lines() {
        drop(
            producer
                .send(Record::to(TOPIC).value(&line))
                .await
                .expect("there is memory"),
        );
    }
    assert_eq!(producer.flush().await.acknowledged, RECORDS as u64);
    let traffic = producer.traffic();
    assert!(traffic.batches <= RECORDS as u64 / 20, "{traffic:?}");
    traffic
}

async fn cluster() -> TestCluster {
    start(Cluster::builder().topic(TOPIC, 1)).await
}

/// Log lines as services write them: most fields repeat, ids and times are random.
fn lines() -> impl Iterator<Item = String> {
    (0..RECORDS as u64).map(|number| {
        let random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let service = ["checkout", "payment", "search", "inventory"][number as usize % 4];
        format!(
            r#"{{"time":"2026-05-04T12:{:02}:{:02}Z","level":"info","service":"{service}","trace":"{random:016x}","path":"/api/v1/orders/{}","status":200,"took_us":{},"message":"request completed"}}"#,
            number / 60 % 60,
            number % 60,
            random >> 44,
            random >> 52,
        )
    })
}
