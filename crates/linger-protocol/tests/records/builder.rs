//! What is built is what is read, for every codec and stamp.

use linger_protocol::records::{
    BatchBuilder, BatchView, Codec, Compression, Record, Scratch, Stamp, TimestampType,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::sample::{Sample, build, compression, encode, read, sample, shapes, stamp, whole};
use linger_testkit::allocator::peak_of;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn built_records_come_back(
        samples in vec(sample(any::<i64>()), 1..70),
        compression in compression(),
        stamp in stamp(),
    ) {
        let raw = build(&samples);
        let encoded = encode(&samples, compression);
        prop_assert!(encoded.codec == Codec::None || encoded.codec == compression.codec());
        prop_assert!(encoded.body.len() <= raw.records.len());
        prop_assert_eq!(encoded.raw_len, raw.records.len());
        let bytes = whole(&encoded, stamp);
        prop_assert_eq!(bytes.len(), encoded.size());
        prop_assert_eq!(&read(&bytes), &samples);

        let view = BatchView::parse(&bytes).expect("whole batch");
        let count = samples.len() as i32;
        prop_assert_eq!((view.base_offset(), view.last_offset()), (0, i64::from(count) - 1));
        prop_assert_eq!((view.partition_leader_epoch(), view.magic()), (-1, 2));
        prop_assert_eq!((view.count(), view.last_offset_delta()), (count, count - 1));
        prop_assert_eq!(view.batch_length() as usize, bytes.len() - 12);
        prop_assert_eq!(view.base_timestamp(), samples[0].timestamp);
        prop_assert_eq!(view.max_timestamp(), samples.iter().map(|s| s.timestamp).max().expect("one at least"));
        prop_assert_eq!(view.timestamp_type(), TimestampType::CreateTime);
        prop_assert!(!view.is_transactional() && !view.is_control() && !view.has_delete_horizon());
        let seen = Stamp {
            producer_id: view.producer_id(),
            producer_epoch: view.producer_epoch(),
            base_sequence: view.base_sequence(),
        };
        prop_assert_eq!(seen, stamp);
        prop_assert_eq!(view.body_crc(), encoded.body_crc);
        prop_assert_eq!(view.header().to_bytes(), *view.header_bytes());
    }
}

#[test]
fn every_shape_of_record_comes_back() {
    assert_eq!(
        read(&whole(&encode(&shapes(), Default::default()), Stamp::NONE)),
        shapes()
    );
}

#[test]
fn a_timestamp_may_precede_the_first_by_the_whole_range() {
    let samples: Vec<_> = [i64::MAX, i64::MIN, 0, -1]
        .map(|timestamp| Sample {
            timestamp,
            value: Some(vec![1]),
            ..Sample::default()
        })
        .into();
    let raw = build(&samples);
    assert_eq!((raw.base_timestamp, raw.max_timestamp), (i64::MAX, i64::MAX));
    assert_eq!(
        read(&whole(&encode(&samples, Default::default()), Stamp::NONE)),
        samples
    );
}

#[test]
fn sequences_wrap_inside_a_batch() {
    let samples = vec![Sample::default(); 10];
    let stamp = Stamp {
        producer_id: 1,
        producer_epoch: 0,
        base_sequence: i32::MAX - 3,
    };
    let bytes = whole(&encode(&samples, Default::default()), stamp);
    let view = BatchView::parse(&bytes).expect("whole batch");
    assert_eq!((view.base_sequence(), view.last_sequence()), (i32::MAX - 3, 5));
}

#[test]
fn a_new_stamp_changes_only_itself_and_the_checksum() {
    let encoded = encode(&shapes(), Default::default());
    let first = Stamp {
        producer_id: 5,
        producer_epoch: 0,
        base_sequence: 40,
    };
    let second = Stamp {
        producer_id: 5,
        producer_epoch: 1,
        base_sequence: 0,
    };
    let (a, b) = (whole(&encoded, first), whole(&encoded, second));
    for (at, (a, b)) in a.iter().zip(&b).enumerate() {
        assert!(
            a == b || (17..21).contains(&at) || (43..57).contains(&at),
            "byte {at} differs"
        );
    }
    assert_eq!(a, whole(&encoded, first), "the same stamp makes the same bytes");
    assert_eq!(read(&a), read(&b));
}

#[test]
fn the_transactional_bit_is_set_where_asked() {
    let encoded = encode(&shapes(), Default::default());
    let mut bytes = encoded.header(Stamp::NONE, true).to_vec();
    bytes.extend_from_slice(&encoded.body);
    assert!(BatchView::parse(&bytes).expect("whole batch").is_transactional());
    assert_eq!(read(&bytes), shapes());
}

#[test]
fn a_buffer_is_used_again_with_its_capacity() {
    let mut buffer = Vec::with_capacity(4_096);
    buffer.extend_from_slice(b"left over");
    let mut builder = BatchBuilder::new(buffer);
    assert_eq!(
        (builder.len(), builder.count(), builder.capacity()),
        (0, 0, 4_096)
    );
    assert!(builder.is_empty());
    let record = Record {
        value: Some(&[7; 100]),
        ..Record::default()
    };
    while builder.len() + builder.next_size(&record, 1) <= 4_096 {
        builder.append(&record, 1);
    }
    assert_eq!(builder.capacity(), 4_096, "what fits does not grow the buffer");
    let raw = builder.close();
    assert_eq!((raw.count, raw.base_timestamp, raw.max_timestamp), (37, 1, 1));
}

/// The layout of one record, byte by byte.
#[test]
fn the_bytes_of_a_record() {
    let samples = [
        Sample {
            timestamp: 1_000,
            ..Sample::default()
        },
        Sample {
            timestamp: 936,
            key: Some(b"k".to_vec()),
            value: Some(b"va".to_vec()),
            headers: vec![("h".into(), None), ("h".into(), Some(b"x".to_vec()))],
        },
    ];
    let first = [12, 0, 0, 0, 1, 1, 0];
    let second = [
        32, 0, 127, 2, // length 16, attributes, 64 ms earlier, offset delta 1
        2, b'k', 4, b'v', b'a', // key, value
        4, 2, b'h', 1, 2, b'h', 2, b'x', // two headers of one name, the first null
    ];
    assert_eq!(build(&samples).records, [&first[..], &second[..]].concat());
}

#[test]
fn an_encoded_batch_costs_one_allocation_of_its_own_size() {
    let mut scratch = Scratch::new();
    for compression in Compression::ALL {
        // The first batch makes the codec's context and output buffer.
        let first = build(&shapes()).encode(compression, &mut scratch);
        let raw = build(&shapes());
        let raw_capacity = raw.records.capacity();
        let mut second = None;
        let peak = peak_of(|| second = Some(raw.encode(compression, &mut scratch)));
        let second = second.expect("encoded");
        assert_eq!(second.body, first.body);
        if compression == Compression::None {
            assert_eq!(
                (peak, second.body.capacity(), second.raw.capacity()),
                (0, raw_capacity, 0)
            );
        } else {
            assert_eq!(
                (peak, second.body.capacity()),
                (second.body.len(), second.body.len()),
                "{compression}"
            );
            assert_eq!(
                (second.raw.len(), second.raw.capacity()),
                (0, raw_capacity),
                "the raw buffer comes back"
            );
        }
    }
}
