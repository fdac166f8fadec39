//! Owned records for tests, and batches of them.

use linger_protocol::records::{
    BatchBuilder, BatchView, Compression, EncodedRecords, Header, RawBatch, Record, Scratch, Stamp, crc32c,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// A record with all that a batch keeps of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sample {
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Encodes the samples and checks on the way that every announced size is true.
pub(crate) fn build(samples: &[Sample]) -> RawBatch {
    let mut builder = BatchBuilder::new(Vec::new());
    for (index, sample) in samples.iter().enumerate() {
        let headers: Vec<_> = sample
            .headers
            .iter()
            .map(|(key, value)| Header {
                key,
                value: value.as_deref(),
            })
            .collect();
        let record = Record {
            key: sample.key.as_deref(),
            value: sample.value.as_deref(),
            headers: &headers,
        };
        let (before, size) = (builder.len(), builder.next_size(&record, sample.timestamp));
        // Both ways to append must agree; which one runs depends on the index.
        let given = if index % 2 == 0 {
            builder.append(&record, sample.timestamp)
        } else {
            builder.append_sized(&record, sample.timestamp, size)
        };
        assert_eq!(given, index as u32);
        assert_eq!(builder.len() - before, size, "announced size of record {index}");
    }
    builder.close()
}

pub(crate) fn encode(samples: &[Sample], compression: Compression) -> EncodedRecords {
    build(samples).encode(compression, &mut Scratch::new())
}

pub(crate) fn whole(encoded: &EncodedRecords, stamp: Stamp) -> Vec<u8> {
    let mut bytes = encoded.header(stamp, false).to_vec();
    bytes.extend_from_slice(&encoded.body);
    bytes
}

pub(crate) fn batch(samples: &[Sample], compression: Compression) -> Vec<u8> {
    whole(&encode(samples, compression), Stamp::NONE)
}

/// Reads a whole batch back; panics on anything wrong with it.
pub(crate) fn read(bytes: &[u8]) -> Vec<Sample> {
    let view = BatchView::parse(bytes).expect("whole batch");
    view.verify_crc().expect("right checksum");
    let records = view.records(64 << 20).expect("readable records");
    let read = records.iter().enumerate().map(|(index, record)| {
        let record = record.expect("readable record");
        assert_eq!(record.offset_delta, index as i32);
        assert_eq!(record.headers().len(), record.header_count as usize);
        Sample {
            timestamp: view.timestamp_of(&record),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record
                .headers()
                .map(|header| (header.key_lossy().into_owned(), header.value.map(<[u8]>::to_vec)))
                .collect(),
        }
    });
    read.collect()
}

/// Makes the length field and the checksum true again after bytes were changed.
pub(crate) fn mend(bytes: &mut [u8]) {
    let length = (bytes.len() as i32 - 12).to_be_bytes();
    bytes[8..12].copy_from_slice(&length);
    let crc = crc32c(&bytes[21..]).to_be_bytes();
    bytes[17..21].copy_from_slice(&crc);
}

/// Records that every codec makes smaller, of every shape.
pub(crate) fn shapes() -> Vec<Sample> {
    let words = b"a value that repeats itself, and repeats itself, and repeats itself".to_vec();
    let mut samples = vec![
        Sample {
            timestamp: 1_790_000_000_000,
            ..Sample::default()
        },
        Sample {
            timestamp: 1_790_000_000_000,
            key: Some(vec![]),
            value: Some(vec![]),
            headers: vec![],
        },
        Sample {
            timestamp: 1_780_000_000_000,
            key: Some(b"earlier".to_vec()),
            value: None,
            headers: vec![],
        },
        Sample {
            timestamp: 1_790_000_000_001,
            key: None,
            value: Some(words.clone()),
            headers: vec![
                ("twice".into(), Some(b"1".to_vec())),
                ("twice".into(), Some(b"2".to_vec())),
                ("null".into(), None),
                (String::new(), Some(vec![])),
                ("ключ".into(), Some(vec![0xff; 3])),
            ],
        },
    ];
    for index in 0..80 {
        let value = words.repeat(index % 5);
        samples.push(Sample {
            timestamp: 1_790_000_000_000 + index as i64 * 40,
            key: (index % 3 == 0).then(|| format!("key-{index}").into_bytes()),
            value: Some(value),
            headers: vec![],
        });
    }
    samples
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => vec(any::<u8>(), 0..40),
        2 => vec(any::<u8>(), 50..80),
        1 => vec(Just(b'r'), 100..9_000),
    ]
}

fn headers() -> impl Strategy<Value = Vec<(String, Option<Vec<u8>>)>> {
    prop_oneof![
        3 => Just(Vec::new()),
        1 => vec(("[a-cé]{0,3}", option::of(vec(any::<u8>(), 0..10))), 1..6),
    ]
}

pub(crate) fn sample(timestamp: impl Strategy<Value = i64>) -> impl Strategy<Value = Sample> {
    (
        timestamp,
        option::of(bytes()),
        option::weighted(0.9, bytes()),
        headers(),
    )
        .prop_map(|(timestamp, key, value, headers)| Sample {
            timestamp,
            key,
            value,
            headers,
        })
}

pub(crate) fn compression() -> impl Strategy<Value = Compression> {
    prop_oneof![
        Just(Compression::None),
        (1..=9).prop_map(|level| Compression::Gzip { level }),
        Just(Compression::Snappy),
        (1..=17).prop_map(|level| Compression::Lz4 { level }),
        (-20..=12).prop_map(|level| Compression::Zstd { level }),
    ]
}

pub(crate) fn stamp() -> impl Strategy<Value = Stamp> {
    prop_oneof![
        1 => Just(Stamp::NONE),
        3 => (0..=i64::MAX, 0..=i16::MAX, prop_oneof![0..=i32::MAX, i32::MAX - 5..=i32::MAX]).prop_map(
            |(producer_id, producer_epoch, base_sequence)| Stamp { producer_id, producer_epoch, base_sequence }
        ),
    ]
}
