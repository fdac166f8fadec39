//! Every way a batch can be wrong, uncompressed, or odd and yet accepted.
//!
//! Each case sends its batches and then a valid one, and reads the partition. Refused batches must
//! not appear.

use linger_protocol::Bytes;

use super::{Case, case};
use crate::batch::{Batch, CRC_AT, Record, T0, batch, now_ms, varint};
use crate::request::{fetch, produce};
use crate::script::Script;

const HOUR_MS: i64 = 3_600_000;

/// What is asked of a topic that only takes records with keys.
const COMPACTED: &[(&str, &str)] = &[("cleanup.policy", "compact")];
const BROKERS_TIME: &[(&str, &str)] = &[("message.timestamp.type", "LogAppendTime")];

pub(crate) fn cases() -> Vec<Case> {
    [headers(), framings(), times(), keys(), records()]
        .into_iter()
        .flatten()
        .collect()
}

/// A case of batches that are sent one by one to one partition.
pub(crate) fn sends(name: &str, make: impl Fn() -> Vec<Bytes> + Send + Sync + 'static) -> Case {
    sends_to(name, &[], 9, make)
}

pub(crate) fn sends_to(
    name: &str,
    configs: &'static [(&'static str, &'static str)],
    version: i16,
    make: impl Fn() -> Vec<Bytes> + Send + Sync + 'static,
) -> Case {
    case(name, move |s: &mut Script| {
        let topic = s.topic_with(1, configs);
        let mut connection = s.connect();
        for bytes in make() {
            connection.ask(version, produce(&topic, bytes));
        }
        connection.ask(version, produce(&topic, batch(&["behind"]).keyed("k")));
        connection.ask(10, fetch(&topic, 0));
    })
}

/// One changed batch of two records per case.
fn changed(name: &str, change: impl Fn(&mut Batch) + Send + Sync + 'static) -> Case {
    sends(name, move || vec![batch(&["a", "b"]).with(&change).into()])
}

fn headers() -> Vec<Case> {
    vec![
        sends("a base offset other than 0 is refused", || {
            let offsets = [1, -1, i64::MAX];
            offsets
                .map(|offset| {
                    batch(&["a", "b"])
                        .header(|header| header.base_offset = offset)
                        .into()
                })
                .into()
        }),
        sends("any leader epoch in a batch is accepted and replaced", || {
            let epochs = [0, 5, -7, i32::MAX];
            epochs
                .map(|epoch| {
                    batch(&["a"])
                        .header(|header| header.partition_leader_epoch = epoch)
                        .into()
                })
                .into()
        }),
        sends("a wrong checksum is CORRUPT_MESSAGE", || {
            vec![spoiled(CRC_AT), spoiled(CRC_AT + 10), spoiled(65)]
        }),
        sends("magic 0 and 1 are refused as records, others as corrupt", || {
            [0, 1, 3, -1, 127]
                .map(|magic| batch(&["a", "b"]).header(|header| header.magic = magic).into())
                .into()
        }),
        sends(
            "a last offset delta that is not the count less one is refused",
            || {
                let deltas = [0, 2, -1, i32::MIN, i32::MAX];
                deltas
                    .map(|delta| {
                        batch(&["a", "b"])
                            .header(|header| header.last_offset_delta = delta)
                            .into()
                    })
                    .into()
            },
        ),
        sends("a count of zero or less is refused", || {
            [0, -1, i32::MIN]
                .map(|count| batch(&["a", "b"]).header(|header| header.count = count).into())
                .into()
        }),
        sends(
            "a count of no records, with an offset delta to match, is refused",
            || {
                let empty = batch(&[]).header(|header| (header.count, header.last_offset_delta) = (0, -1));
                let zero = batch(&[]).header(|header| (header.count, header.last_offset_delta) = (0, 0));
                vec![empty.into(), zero.into()]
            },
        ),
        sends("fewer or more records than the count are refused", || {
            let counts = [1, 3, i32::MAX];
            let header = |count: i32| {
                batch(&["a", "b"])
                    .header(|header| (header.count, header.last_offset_delta) = (count, count - 1))
            };
            counts.map(|count| header(count).into()).into()
        }),
        changed("the control bit is refused", |batch| {
            batch.header.attributes |= 0x20
        }),
        sends("unused attribute bits are kept", || {
            [0x40, 0x80, 0x100, 0x4000, i16::MIN]
                .map(|bit| batch(&["a"]).header(|header| header.attributes |= bit).into())
                .into()
        }),
        case(
            "the transactional bit without a producer is stored as it is",
            |s| {
                let topic = s.topic();
                let mut request = produce(&topic, batch(&["a"]).header(|header| header.attributes |= 0x10));
                request.transactional_id = Some("wire".into());
                let mut connection = s.connect();
                connection.ask(9, request);
                connection.ask(4, fetch(&topic, 0));
            },
        ),
    ]
}

fn spoiled(at: usize) -> Bytes {
    let mut bytes = batch(&["a", "b"]).bytes();
    bytes[at] ^= 0x10;
    bytes.into()
}

fn framings() -> Vec<Case> {
    let followed_by = |tail: &[u8]| Bytes::from([&batch(&["a", "b"]).bytes()[..], tail].concat());
    vec![
        sends("no batch at all is refused", || vec![Bytes::new()]),
        sends("a batch cut anywhere is no batch", || {
            let whole = batch(&["a", "b"]).bytes();
            let cuts = [1, 11, 12, 16, 17, 60, 61, whole.len() - 1];
            cuts.map(|cut| Bytes::copy_from_slice(&whole[..cut])).into()
        }),
        sends("a batch length that is a byte off is refused", || {
            [1, -1, -8]
                .map(|change| {
                    batch(&["a", "b"])
                        .with(|batch| batch.length_change = change)
                        .into()
                })
                .into()
        }),
        sends("a batch length below a header's is corrupt", || {
            let lengths = [0, 13, 14, 48, -1, i32::MIN];
            lengths
                .map(|length| batch(&["a", "b"]).with(|batch| set_length(batch, length)).into())
                .into()
        }),
        sends("a batch length of 2 GiB is an error of the broker's own", || {
            vec![
                batch(&["a", "b"])
                    .with(|batch| set_length(batch, i32::MAX))
                    .into(),
            ]
        }),
        sends("two batches for one partition are refused", || {
            let one = batch(&["a"]).bytes();
            vec![[&one[..], &one].concat().into()]
        }),
        sends("a cut second batch is ignored", move || {
            let second = batch(&["c"]).bytes();
            vec![
                followed_by(&second[..16]),
                followed_by(&second[..second.len() - 1]),
            ]
        }),
        sends(
            "up to sixteen stray bytes behind a batch are ignored",
            move || {
                vec![
                    followed_by(&[0]),
                    followed_by(&[0; 11]),
                    followed_by(&[0xff; 11]),
                    followed_by(&[0xff; 16]),
                ]
            },
        ),
        sends("twelve zeros behind a batch are corrupt", move || {
            vec![followed_by(&[0; 12]), followed_by(&[0; 17])]
        }),
        sends("a message set of magic 1 is refused as a record", || {
            // Offset, size, CRC, magic, attributes, time, no key, a value of one byte.
            let mut message = vec![1, 0];
            message.extend(T0.to_be_bytes());
            message.extend([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, b'a']);
            let size = (message.len() + 4) as i32;
            let set = [&[0; 8][..], &size.to_be_bytes(), &[1, 2, 3, 4], &message].concat();
            vec![set.into()]
        }),
    ]
}

/// Writes this length whatever the batch's is.
fn set_length(batch: &mut Batch, length: i32) {
    batch.length_change = length.wrapping_sub((batch.bytes().len() - 12) as i32);
}

fn times() -> Vec<Case> {
    vec![
        sends("a largest timestamp that lies is corrected", || {
            let lies = [T0, T0 + 5, -1, 0, 4_102_444_800_000, i64::MAX, i64::MIN];
            lies.map(|lie| {
                batch(&["a", "b"])
                    .header(|header| header.max_timestamp = lie)
                    .into()
            })
            .into()
        }),
        sends("times long ago, and none, are accepted", || {
            [0, -1, -2, -1_000_000]
                .map(|time| batch(&["a"]).at(time).into())
                .into()
        }),
        sends("a time more than an hour ahead is INVALID_TIMESTAMP", || {
            vec![
                batch(&["a", "b"]).at(now_ms() + 2 * HOUR_MS).into(),
                batch(&["a"]).at(i64::MAX).into(),
            ]
        }),
        sends("a time less than an hour ahead is accepted", || {
            vec![batch(&["a"]).at(now_ms() + 300_000).into()]
        }),
        sends("every record of a bad time is named", || {
            vec![
                batch(&["a", "b", "c"])
                    .with(|batch| {
                        batch.records[0].timestamp_delta = 1 << 50;
                        batch.records[2].timestamp_delta = 1 << 50;
                    })
                    .into(),
            ]
        }),
        sends(
            "the smallest time there is, and a delta that overflows, are refused",
            || {
                let overflow = batch(&["a", "b"]).with(|batch| batch.records[1].timestamp_delta = i64::MAX);
                vec![batch(&["a"]).at(i64::MIN).into(), overflow.into()]
            },
        ),
        sends("records may go back in time", || {
            vec![
                batch(&["a", "b", "c"])
                    .with(|batch| batch.records[2].timestamp_delta = -1_000)
                    .into(),
            ]
        }),
        changed(
            "the broker's-time bit is cleared on a topic of producers' times",
            |batch| {
                batch.header.attributes |= 0x08;
            },
        ),
        sends("the broker's-time bit with no time is INVALID_TIMESTAMP", || {
            vec![
                batch(&["a"])
                    .at(-1)
                    .header(|header| header.attributes |= 0x08)
                    .into(),
            ]
        }),
        sends_to(
            "the broker's-time bit is refused on a topic of the broker's times",
            BROKERS_TIME,
            9,
            || {
                vec![
                    batch(&["a", "b"])
                        .header(|header| header.attributes |= 0x08)
                        .into(),
                ]
            },
        ),
        sends_to(
            "a topic of the broker's times does not mind producers' times",
            BROKERS_TIME,
            9,
            || {
                let times = [4_102_444_800_000, i64::MAX, i64::MIN, -1];
                times.map(|time| batch(&["a"]).at(time).into()).into()
            },
        ),
    ]
}

fn keys() -> Vec<Case> {
    vec![
        sends_to(
            "a compacted topic names every record without a key",
            COMPACTED,
            9,
            || {
                vec![
                    batch(&["a", "b", "c"])
                        .keyed("k")
                        .with(|batch| {
                            batch.records[0].key = None;
                            batch.records[2].key = None;
                        })
                        .into(),
                ]
            },
        ),
        sends_to(
            "a compacted topic answers old clients without the records' names",
            COMPACTED,
            7,
            || vec![batch(&["a"]).into()],
        ),
        sends_to(
            "a missing key together with a bad time is INVALID_RECORD",
            COMPACTED,
            9,
            || {
                let both = batch(&["a", "b"]).keyed("k").with(|batch| {
                    batch.records[0].timestamp_delta = 1 << 50;
                    batch.records[1].key = None;
                });
                let one = batch(&["a", "b"]).at(now_ms() + 2 * HOUR_MS);
                vec![both.into(), one.into()]
            },
        ),
        sends_to("a compacted topic takes an empty key", COMPACTED, 9, || {
            vec![batch(&["a"]).keyed("").into()]
        }),
    ]
}

fn records() -> Vec<Case> {
    let rebuilt = |rebuild: fn(Vec<u8>) -> Vec<u8>| {
        let record = &batch(&["a"]).records[0];
        Bytes::from(batch(&["a"]).payload(0, rebuild(record.body())))
    };
    vec![
        sends("keys, empty values, tombstones and headers are kept", || {
            vec![
                batch(&["a", "b", "c"])
                    .keyed("k")
                    .with(|batch| {
                        batch.records[0].value = None;
                        batch.records[1].value = Some(Vec::new());
                        batch.records[1].key = Some(Vec::new());
                        let twice = ("h".to_owned(), Some(b"1".to_vec()));
                        batch.records[2].headers = vec![twice.clone(), twice, (String::new(), None)];
                    })
                    .into(),
            ]
        }),
        changed("attributes of a record are not looked at", |batch| {
            batch.records[0].attributes = 0xff;
            batch.records[1].attributes = 1;
        }),
        sends(
            "offset deltas of uncompressed records are stored as they came",
            || {
                let deltas = [[1, 0], [0, 0], [-1, -2], [5, 9]];
                deltas
                    .map(|deltas| {
                        batch(&["a", "b"])
                            .with(|batch| (0..2).for_each(|i| batch.records[i].offset_delta = deltas[i]))
                            .into()
                    })
                    .into()
            },
        ),
        sends("a record length that is not the record's is refused", move || {
            let with_length =
                |body: Vec<u8>, change: i64| [varint(body.len() as i64 + change), body].concat();
            [1, -1, -100, 1 << 30]
                .map(|change| {
                    let body = batch(&["a"]).records[0].body();
                    batch(&["a"]).payload(0, with_length(body, change)).into()
                })
                .into()
        }),
        sends("bytes behind the last record are refused", || {
            [vec![0], vec![0; 7]]
                .map(|tail| {
                    let records = batch(&["a"]).encoded_records();
                    batch(&["a"]).payload(0, [records, tail].concat()).into()
                })
                .into()
        }),
        sends(
            "bytes inside a record that belong to nothing are refused",
            move || {
                vec![rebuilt(|body| {
                    let body = [body, vec![0, 0]].concat();
                    [varint(body.len() as i64), body].concat()
                })]
            },
        ),
        sends("a key or value longer than its record is refused", || {
            let lengths: [(i64, i64); 4] = [(100, 1), (-1, 100), (1 << 30, 1), (-1, i64::from(i32::MAX))];
            lengths
                .map(|(key, value)| raw_record(&[varint(key), varint(value), b"a".to_vec(), varint(0)]))
                .into()
        }),
        sends(
            "a key or value of any negative length is null if the sizes fit",
            || {
                let lengths: [(i64, i64); 3] = [(-2, -2), (-1, -100), (-50, -1)];
                lengths
                    .map(|(key, value)| raw_record(&[varint(key), varint(value), varint(0)]))
                    .into()
            },
        ),
        sends("a negative number of headers is refused", || {
            vec![raw_record(&[varint(-1), varint(-1), varint(-1)])]
        }),
        sends("more headers than there is room for are refused", || {
            vec![
                raw_record(&[varint(-1), varint(-1), varint(5)]),
                raw_record(&[varint(-1), varint(-1), varint(1 << 30)]),
            ]
        }),
        sends("a header without a name is refused", || {
            vec![raw_record(&[
                varint(-1),
                varint(-1),
                varint(1),
                varint(-1),
                varint(-1),
            ])]
        }),
        sends("a header name that is no UTF-8 is kept", || {
            vec![raw_record(&[
                varint(-1),
                varint(-1),
                varint(1),
                varint(1),
                vec![0xff],
                varint(-1),
            ])]
        }),
        sends("a header value longer than its record is refused", || {
            vec![raw_record(&[
                varint(-1),
                varint(-1),
                varint(1),
                varint(1),
                b"h".to_vec(),
                varint(50),
            ])]
        }),
        sends("a key length in more than five bytes is refused", || {
            vec![raw_record(&[
                vec![0x81, 0x80, 0x80, 0x80, 0x80, 0x00],
                varint(-1),
                varint(0),
            ])]
        }),
        sends("a time in more than ten bytes is refused", || {
            let time = [vec![0x80; 10], vec![0x00]].concat();
            let body = [vec![0], time, varint(0), varint(-1), varint(-1), varint(0)].concat();
            vec![
                batch(&["a"])
                    .payload(0, [varint(body.len() as i64), body].concat())
                    .into(),
            ]
        }),
        sends(
            "a record length in more than five bytes is an error of the broker's own",
            || {
                let body = batch(&["a"]).records[0].body();
                let length = vec![0x80 | (2 * body.len() as u8), 0x80, 0x80, 0x80, 0x80, 0x00];
                vec![batch(&["a"]).payload(0, [length, body].concat()).into()]
            },
        ),
        sends("a padded length counts for what it says within a record", || {
            vec![raw_record(&[vec![0x81, 0x80, 0x00], varint(-1), varint(0)])]
        }),
        sends("a record of no bytes is refused", || {
            vec![batch(&["a"]).payload(0, vec![0]).into()]
        }),
        sends("a batch of many records has its offsets", || {
            let values: Vec<String> = (0..300).map(|i| i.to_string()).collect();
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            vec![
                batch(&values[..20]).into(),
                batch(&["one"]).into(),
                batch(&values[..3]).into(),
            ]
        }),
    ]
}

/// A record that begins as it should, with delta 0 for time and offset, and goes on like this.
fn raw_record(parts: &[Vec<u8>]) -> Bytes {
    let Record { attributes, .. } = batch(&["a"]).records[0];
    let body = [vec![attributes, 0, 0], parts.concat()].concat();
    batch(&["a"])
        .payload(0, [varint(body.len() as i64), body].concat())
        .into()
}
