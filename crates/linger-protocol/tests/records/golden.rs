//! Batches that the Java producer of Apache Kafka 4.3.1 sent to a broker of the same version, one per codec, as they lay
//! in the broker's log. `golden/Golden.java` made them.

use linger_protocol::records::{BatchView, Codec, Compression, Stamp, batches};

use crate::sample::{Sample, build, encode, read, whole};

const GOLDEN: [(Codec, &[u8]); 5] = [
    (Codec::None, include_bytes!("golden/none.batch")),
    (Codec::Gzip, include_bytes!("golden/gzip.batch")),
    (Codec::Snappy, include_bytes!("golden/snappy.batch")),
    (Codec::Lz4, include_bytes!("golden/lz4.batch")),
    (Codec::Zstd, include_bytes!("golden/zstd.batch")),
];

/// What `Golden.java` sends.
fn sent(codec: Codec) -> Vec<Sample> {
    let (count, factor) = if codec == Codec::None { (12, 1) } else { (48, 20) };
    let header =
        |key: &str, value: Option<&str>| (key.to_owned(), value.map(|value| value.as_bytes().to_vec()));
    let sample = |index: i64| Sample {
        timestamp: 1_790_000_000_000
            + if index % 2 == 0 {
                index * 50
            } else {
                -index * 1_000
            },
        key: (index % 3 != 0).then(|| format!("key-{index}").into_bytes()),
        value: (index % 7 != 6).then(|| {
            format!("value {index} ")
                .repeat(index as usize * factor)
                .into_bytes()
        }),
        headers: if index % 4 == 1 {
            vec![
                header("twice", Some("1")),
                header("twice", Some("2")),
                header("null", None),
                header("ключ", Some("")),
            ]
        } else {
            vec![]
        },
    };
    (0..count).map(sample).collect()
}

#[test]
fn every_codec_of_the_java_producer_is_read() {
    for (codec, bytes) in GOLDEN {
        let found: Vec<_> = batches(bytes).collect::<Result<_, _>>().expect("well formed");
        assert_eq!(found.len(), 1, "{codec}");
        assert_eq!((found[0].codec(), found[0].total_len()), (Ok(codec), bytes.len()));
        assert!(read(bytes) == sent(codec), "{codec}");
    }
}

#[test]
fn our_records_are_those_of_the_java_producer_byte_by_byte() {
    for (codec, bytes) in GOLDEN {
        let view = BatchView::parse(bytes).expect("whole batch");
        let records = view.records(1 << 20).expect("unpacked");
        let ours = build(&sent(codec));
        assert!(records.bytes() == ours.records, "{codec}");
        assert_eq!(
            (view.base_timestamp(), view.max_timestamp()),
            (ours.base_timestamp, ours.max_timestamp)
        );
        assert_eq!(view.body_crc(), linger_protocol::records::crc32c(view.body()));
    }
}

#[test]
fn our_whole_batch_is_that_of_the_java_producer_but_for_the_leaders_epoch() {
    let (codec, bytes) = GOLDEN[0];
    let view = BatchView::parse(bytes).expect("whole batch");
    let stamp = Stamp {
        producer_id: view.producer_id(),
        producer_epoch: view.producer_epoch(),
        base_sequence: view.base_sequence(),
    };
    let mut ours = whole(&encode(&sent(codec), Compression::None), stamp);
    assert_eq!(
        (view.producer_id(), view.producer_epoch(), view.base_sequence()),
        (0, 0, 0)
    );
    ours[12..16].copy_from_slice(&view.partition_leader_epoch().to_be_bytes());
    assert_eq!(ours, bytes);
}
