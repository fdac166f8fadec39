//! Batches of two other producers, one per codec, as they lay in the log of a broker of Apache
//! Kafka 4.3.1: of that version's Java producer and of librdkafka 2.16.0. The programs in `golden/`
//! made them.

use linger_protocol::records::{BatchView, Codec, Compression, Stamp, batches, crc32c};

use crate::sample::{Sample, build, encode, read, whole};

const GOLDEN: [(&str, Codec, &[u8]); 10] = [
    ("java", Codec::None, include_bytes!("golden/java-none.batch")),
    ("java", Codec::Gzip, include_bytes!("golden/java-gzip.batch")),
    ("java", Codec::Snappy, include_bytes!("golden/java-snappy.batch")),
    ("java", Codec::Lz4, include_bytes!("golden/java-lz4.batch")),
    ("java", Codec::Zstd, include_bytes!("golden/java-zstd.batch")),
    (
        "librdkafka",
        Codec::None,
        include_bytes!("golden/librdkafka-none.batch"),
    ),
    (
        "librdkafka",
        Codec::Gzip,
        include_bytes!("golden/librdkafka-gzip.batch"),
    ),
    (
        "librdkafka",
        Codec::Snappy,
        include_bytes!("golden/librdkafka-snappy.batch"),
    ),
    (
        "librdkafka",
        Codec::Lz4,
        include_bytes!("golden/librdkafka-lz4.batch"),
    ),
    (
        "librdkafka",
        Codec::Zstd,
        include_bytes!("golden/librdkafka-zstd.batch"),
    ),
];

/// What both programs send.
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
fn every_codec_of_other_producers_is_read() {
    for (writer, codec, bytes) in GOLDEN {
        let found: Vec<_> = batches(bytes).collect::<Result<_, _>>().expect("well formed");
        assert_eq!(found.len(), 1, "{writer} {codec}");
        assert_eq!(
            (found[0].codec(), found[0].total_len()),
            (Ok(codec), bytes.len()),
            "{writer}"
        );
        assert!(read(bytes) == sent(codec), "{writer} {codec}");
    }
}

#[test]
fn our_records_are_theirs_byte_by_byte() {
    for (writer, codec, bytes) in GOLDEN {
        let view = BatchView::parse(bytes).expect("whole batch");
        let records = view.records(1 << 20).expect("unpacked");
        let ours = build(&sent(codec));
        assert!(records.bytes() == ours.records, "{writer} {codec}");
        let timestamps = (view.base_timestamp(), view.max_timestamp());
        assert_eq!(
            timestamps,
            (ours.base_timestamp, ours.max_timestamp),
            "{writer} {codec}"
        );
        assert_eq!(view.body_crc(), crc32c(view.body()), "{writer} {codec}");
    }
}

#[test]
fn our_whole_batch_is_theirs_but_for_the_leaders_epoch() {
    for (writer, codec, bytes) in GOLDEN.into_iter().filter(|(_, codec, _)| *codec == Codec::None) {
        let view = BatchView::parse(bytes).expect("whole batch");
        let stamp = Stamp {
            producer_id: view.producer_id(),
            producer_epoch: view.producer_epoch(),
            base_sequence: view.base_sequence(),
        };
        assert_eq!(
            stamp,
            Stamp {
                producer_id: 0,
                producer_epoch: 0,
                base_sequence: 0
            },
            "{writer}"
        );
        let mut ours = whole(&encode(&sent(codec), Compression::None), stamp);
        ours[12..16].copy_from_slice(&view.partition_leader_epoch().to_be_bytes());
        assert_eq!(ours, bytes, "{writer}");
    }
}
