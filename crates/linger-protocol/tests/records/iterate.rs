//! What a broker must tell apart in a record set and in a batch, case by case (Kafka 4.3.1's
//! answers).

use linger_protocol::records::{
    BatchError, BatchView, BatchesError, Compression, CrcMismatch, DecompressError, RecordError,
    RecordProblem, batches,
};

use crate::sample::{Sample, batch, mend, shapes};
use linger_testkit::allocator::peak_of;

fn small() -> Vec<u8> {
    batch(
        &[Sample {
            value: Some(b"value".to_vec()),
            ..Sample::default()
        }],
        Compression::None,
    )
}

fn walked(bytes: &[u8]) -> (Vec<Result<usize, BatchesError>>, usize) {
    let mut walk = batches(bytes);
    let found = walk
        .by_ref()
        .map(|found| found.map(|view| view.total_len()))
        .collect();
    (found, walk.unread().len())
}

#[test]
fn all_batches_of_a_set_are_found() {
    let (one, other) = (small(), batch(&shapes(), Compression::LZ4));
    let set = [&one[..], &other, &one].concat();
    assert_eq!(
        walked(&set),
        (vec![Ok(one.len()), Ok(other.len()), Ok(one.len())], 0)
    );
    assert_eq!(walked(&[]), (vec![], 0));
}

#[test]
fn a_cut_batch_ends_the_walk_silently() {
    let one = small();
    for cut in 0..one.len() {
        assert_eq!(walked(&one[..cut]), (vec![], cut), "alone, cut at {cut}");
        let set = [&one[..], &one[..cut]].concat();
        assert_eq!(walked(&set), (vec![Ok(one.len())], cut), "second, cut at {cut}");
    }
}

#[test]
fn a_length_below_fourteen_is_corrupt_even_without_a_magic_byte() {
    let one = small();
    let position = one.len();
    for (length, stray) in [(0, 12), (0, 100), (13, 12), (-1, 40), (i32::MIN, 12)] {
        let mut set = [&one[..], &vec![0; stray]].concat();
        set[position + 8..position + 12].copy_from_slice(&i32::to_be_bytes(length));
        let expected = Err(BatchesError::LengthTooSmall { position, length });
        assert_eq!(walked(&set).0, [Ok(position), expected], "length {length}");
    }
    let stray = [&one[..], &[0; 11]].concat();
    assert_eq!(
        walked(&stray),
        (vec![Ok(position)], 11),
        "fewer than 12 stray bytes are ignored"
    );
}

#[test]
fn magic_and_length_are_told_apart() {
    let one = small();
    let with = |magic: u8, length: i32| {
        let mut bytes = one.clone();
        bytes[16] = magic;
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes
    };
    let length = one.len() as i32 - 12;
    let first = |bytes: &[u8]| walked(bytes).0[0];
    assert_eq!(
        first(&with(3, length)),
        Err(BatchesError::UnknownMagic {
            position: 0,
            magic: 3
        })
    );
    assert_eq!(
        first(&with(0xff, length)),
        Err(BatchesError::UnknownMagic {
            position: 0,
            magic: -1
        })
    );
    let legacy = [with(1, length), one.clone()].concat();
    let found = [
        Err(BatchesError::Legacy {
            position: 0,
            magic: 1,
        }),
        Ok(one.len()),
    ];
    assert_eq!(
        walked(&legacy).0,
        found,
        "the walk goes on behind a message of format 1"
    );
    for overflowing in [i32::MAX, i32::MAX - 11] {
        let found = Err(BatchesError::LengthOverflow {
            position: 0,
            length: overflowing,
        });
        assert_eq!(first(&with(2, overflowing)), found);
    }
    assert_eq!(
        walked(&with(2, i32::MAX - 12)).0,
        [],
        "a large length is only a cut batch"
    );
    assert_eq!(
        first(&with(2, 14)),
        Err(BatchesError::HeaderCut {
            position: 0,
            length: 14
        })
    );
    assert_eq!(
        first(&with(2, 48)),
        Err(BatchesError::HeaderCut {
            position: 0,
            length: 48
        })
    );
    assert_eq!(first(&with(2, 49)), Ok(61));
}

#[test]
fn one_batch_is_parsed_strictly() {
    let one = small();
    let available = one.len() - 1;
    let parse = |bytes: &[u8]| BatchView::parse(bytes).map(|view| view.total_len());
    assert_eq!(parse(&one), Ok(one.len()));
    assert_eq!(parse(&[&one[..], b"more"].concat()), Ok(one.len()));
    assert_eq!(
        parse(&one[..available]),
        Err(BatchError::Cut {
            needed: one.len(),
            available
        })
    );
    assert_eq!(
        parse(&one[..60]),
        Err(BatchError::Cut {
            needed: 61,
            available: 60
        })
    );
    let mut bytes = one.clone();
    bytes[16] = 1;
    assert_eq!(parse(&bytes), Err(BatchError::Magic { magic: 1 }));
    bytes[16] = 2;
    bytes[8..12].copy_from_slice(&(-5i32).to_be_bytes());
    assert_eq!(parse(&bytes), Err(BatchError::Length { length: -5 }));
}

#[test]
fn a_changed_byte_fails_the_checksum_except_where_brokers_write() {
    let one = small();
    for at in 0..one.len() {
        let mut bytes = one.clone();
        bytes[at] ^= 0x10;
        let Ok(view) = BatchView::parse(&bytes) else {
            assert!((8..12).contains(&at) || at == 16, "byte {at}");
            continue;
        };
        let outside = at < 8 || (8..16).contains(&at);
        assert_eq!(view.verify_crc().is_ok(), outside, "byte {at}");
    }
    let mut bytes = one.clone();
    bytes[17..21].copy_from_slice(&[0, 0, 0, 1]);
    let view = BatchView::parse(&bytes).expect("whole batch");
    let computed = BatchView::parse(&one).expect("whole batch").crc();
    assert_eq!(view.verify_crc(), Err(CrcMismatch { stored: 1, computed }));
}

/// A batch with these record bytes and count.
fn crafted(records: &[u8], count: i32) -> Vec<u8> {
    let mut bytes = small();
    bytes.truncate(61);
    bytes[57..61].copy_from_slice(&count.to_be_bytes());
    bytes.extend_from_slice(records);
    mend(&mut bytes);
    bytes
}

fn walk(records: &[u8], count: i32) -> Result<usize, RecordError> {
    let bytes = crafted(records, count);
    let records = BatchView::parse(&bytes)
        .expect("whole batch")
        .records(0)
        .expect("not compressed");
    let mut read = 0;
    let mut end = None;
    let mut iter = records.iter();
    for record in iter.by_ref() {
        match record {
            Ok(_) => read += 1,
            Err(error) => end = Some(error),
        }
    }
    assert_eq!(iter.next(), None, "an error ends the walk");
    end.map_or(Ok(read), Err)
}

#[test]
fn each_way_a_record_can_be_wrong_has_its_name() {
    use RecordProblem::*;
    // length 6: attributes, timestamp delta, offset delta, null key, empty value, no headers
    let good = [12, 0, 0, 0, 1, 0, 0];
    let twice = [good, good].concat();
    // length 8 with one header, whose key is "k" and whose value is null
    let headed = [18, 0, 0, 0, 1, 0, 2, 2, b'k', 1];
    let check = |records: &[u8], count: i32, index: u32, problem: RecordProblem| {
        assert_eq!(
            walk(records, count),
            Err(RecordError { index, problem }),
            "{records:?} as {count}"
        );
    };
    let with = |at: usize, byte: u8| {
        let mut records = twice.clone();
        records[7 + at] = byte;
        records
    };
    assert_eq!(walk(&twice, 2), Ok(2));
    assert_eq!(walk(&headed, 1), Ok(1));
    assert_eq!(walk(&[], 0), Ok(0));

    check(&twice, 3, 2, Missing { count: 3 });
    check(&twice, 1, 1, Trailing { unread: 7, count: 1 });
    check(&twice, 0, 0, Trailing { unread: 14, count: 0 });
    check(
        &twice,
        -1,
        0,
        Trailing {
            unread: 14,
            count: -1,
        },
    );
    check(&twice, i32::MAX, 2, Missing { count: i32::MAX });

    check(
        &with(0, 14),
        2,
        1,
        Length {
            length: 7,
            available: 6,
        },
    );
    check(
        &with(0, 11),
        2,
        1,
        Length {
            length: -6,
            available: 6,
        },
    );
    check(&with(0, 10), 2, 1, Field { length: 5 });
    check(&[&good[..], &[0x80]].concat(), 2, 1, LengthCut);
    check(&[&good[..], &[0x80; 5]].concat(), 2, 1, LengthTooLong);
    check(&[0], 1, 0, Field { length: 0 });
    check(&with(4, 2), 2, 1, Field { length: 6 });
    check(&with(4, 100), 2, 1, Field { length: 6 });
    check(&with(5, 4), 2, 1, Field { length: 6 });
    check(&with(6, 1), 2, 1, HeaderCount { count: -1 });
    check(&with(6, 2), 2, 1, Field { length: 6 });
    check(&[14, 0, 0, 0, 1, 0, 0, 0], 1, 0, Unread { unread: 1, length: 7 });
    check(
        &[18, 0, 0, 0, 1, 0, 2, 1, b'k', 1],
        1,
        0,
        HeaderKeyNull { header: 0 },
    );
    check(&[18, 0, 0, 0, 1, 0, 2, 2, b'k', 2], 1, 0, Field { length: 9 });
    check(
        &[18, 0, 0, 0, 1, 0, 2, 0, 1, 0],
        1,
        0,
        Unread { unread: 1, length: 9 },
    );
    let overlong_timestamp = [&[34, 0][..], &[0x80; 11], &[0, 1, 0, 0, 0]].concat();
    check(&overlong_timestamp, 1, 0, VarintTooLong);
}

#[test]
fn what_kafka_lets_pass_passes() {
    // A negative length other than -1 is null too, whatever follows in the same record stays
    // readable.
    assert_eq!(walk(&[12, 0, 0, 0, 3, 5, 0], 1), Ok(1));
    // Attributes and offset deltas are not looked at.
    assert_eq!(walk(&[12, 0x7f, 0, 9, 1, 0, 0], 1), Ok(1));
    // Padded varints.
    assert_eq!(walk(&[0x92, 0, 0, 0x80, 0, 0x80, 0, 1, 0x80, 0, 0], 1), Ok(1));
    // A padded null key before a long value.
    let value = vec![7; 100];
    let body = [&[0, 0x80, 0, 0x80, 0, 0x81, 0, 0xc8, 1][..], &value, &[0]].concat();
    let records = [&[0xdc, 1][..], &body].concat();
    assert_eq!(body.len(), 110);
    assert_eq!(walk(&records, 1), Ok(1));
    let bytes = crafted(&records, 1);
    let records = BatchView::parse(&bytes)
        .expect("whole batch")
        .records(0)
        .expect("not compressed");
    let record = records.iter().next().expect("one").expect("readable");
    assert_eq!((record.key, record.value), (None, Some(&value[..])));
    // The same with less value than announced: as much as the first byte of its length alone would
    // announce.
    let body = [&[0, 0x80, 0, 0x80, 0, 0x81, 0, 0xc8, 1][..], &[7; 36], &[0]].concat();
    let records = [&[0x5c][..], &body].concat();
    let problem = RecordProblem::Field { length: 46 };
    assert_eq!(walk(&records, 1), Err(RecordError { index: 0, problem }));
}

/// The iterator has a fast path for common records. Both paths must agree for all sizes.
#[test]
fn fields_of_every_size_are_read_alike() {
    for key_len in [
        None,
        Some(0),
        Some(1),
        Some(63),
        Some(64),
        Some(8_191),
        Some(8_192),
    ] {
        for value_len in [
            None,
            Some(0),
            Some(1),
            Some(7),
            Some(63),
            Some(64),
            Some(8_191),
            Some(8_192),
            Some(70_000),
        ] {
            for delta in [0, 1, -1, 63, 64, -64, -65, 8_191, 8_192, i64::MAX / 2] {
                let sample = |timestamp| Sample {
                    timestamp,
                    key: key_len.map(|len| vec![b'k'; len]),
                    value: value_len.map(|len| vec![b'v'; len]),
                    headers: vec![],
                };
                let samples = [sample(0), sample(delta), sample(0)];
                assert_eq!(crate::sample::read(&batch(&samples, Compression::None)), samples);
            }
        }
    }
}

#[test]
fn an_unknown_codec_is_named() {
    for id in 5..=7u8 {
        let mut bytes = small();
        bytes[22] = id;
        mend(&mut bytes);
        let view = BatchView::parse(&bytes).expect("whole batch");
        assert_eq!(view.codec(), Err(id));
        assert_eq!(
            view.records(1 << 20).map(drop),
            Err(DecompressError::UnknownCodec { id })
        );
    }
}

#[test]
fn walking_allocates_nothing_whatever_the_count_says() {
    let mut bytes = batch(&shapes(), Compression::None);
    for count in [shapes().len() as i32, i32::MAX, i32::MIN] {
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        mend(&mut bytes);
        let peak = peak_of(|| {
            let mut headers = 0;
            for view in batches(&bytes).flatten() {
                assert!(view.verify_crc().is_ok());
                let records = view.records(0).expect("not compressed");
                headers += records
                    .iter()
                    .flatten()
                    .map(|record| record.headers().count())
                    .sum::<usize>();
            }
            headers
        });
        assert_eq!(peak, 0, "count {count}");
    }
}
