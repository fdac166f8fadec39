//! Compressed batches: what each codec may carry, and how each can be wrong.

use linger_protocol::Bytes;
use linger_protocol::records::Codec;

use super::batches::{sends, sends_to};
use super::{Case, case};
use crate::batch::{Batch, batch, compressible, now_ms, pack};
use crate::request::{fetch, produce};

const CODECS: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for codec in CODECS {
        cases.extend(of(codec));
    }
    cases.extend(odd());
    cases
}

/// Two records that compress.
fn plain() -> Batch {
    batch(&[&compressible(), "b"])
}

/// A batch whose compressed bytes are changed.
fn repacked(codec: Codec, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Bytes {
    let payload = change(pack(codec, &plain().encoded_records()));
    plain().payload(codec.id(), payload).into()
}

/// A batch that is compressed after its records were changed.
fn changed(codec: Codec, change: impl FnOnce(&mut Batch)) -> Bytes {
    plain().with(change).packed(codec).into()
}

fn of(codec: Codec) -> Vec<Case> {
    vec![
        sends(&format!("{codec} is stored as it came"), move || {
            vec![
                changed(codec, |_| {}),
                plain().keyed("k").by(8_000, 0, 0).packed(codec).into(),
            ]
        }),
        sends(
            &format!("{codec} that is cut or garbage is an error of the broker's own"),
            move || {
                vec![
                    repacked(codec, |payload| payload[..payload.len() / 2].to_vec()),
                    repacked(codec, |payload| payload[..3].to_vec()),
                    repacked(codec, |_| vec![0xaa; 100]),
                    repacked(codec, |_| vec![0; 100]),
                ]
            },
        ),
        sends(&format!("{codec} of nothing at all is refused"), move || {
            vec![repacked(codec, |_| Vec::new())]
        }),
        sends(
            &format!("{codec} of fewer or more records than the count is refused"),
            move || {
                [1, 3, 100]
                    .map(|count| {
                        changed(codec, |batch| {
                            (batch.header.count, batch.header.last_offset_delta) = (count, count - 1);
                        })
                    })
                    .into()
            },
        ),
        sends(
            &format!("{codec} of records that are not numbered from 0 is an error of the broker's own"),
            move || {
                [[1, 0], [0, 0], [0, 2], [-1, 0]]
                    .map(|deltas| {
                        changed(codec, |batch| {
                            (0..2).for_each(|i| batch.records[i].offset_delta = deltas[i])
                        })
                    })
                    .into()
            },
        ),
        sends(&format!("{codec} of broken records is refused"), move || {
            let mut broken = plain().encoded_records();
            broken.truncate(broken.len() - 1);
            let behind = [plain().encoded_records(), vec![0, 0, 0]].concat();
            [broken, behind]
                .map(|records| plain().payload(codec.id(), pack(codec, &records)).into())
                .into()
        }),
        sends(
            &format!("{codec} of records with lengths of more than five bytes"),
            move || {
                let first = plain().records[0].encode();
                let rest = [0, 0, 0].to_vec();
                let body = plain().records[1].body();
                let long_length = [
                    vec![0x80 | (2 * body.len() as u8), 0x80, 0x80, 0x80, 0x80, 0x00],
                    body,
                ]
                .concat();
                let long_key = [rest, vec![0x81, 0x80, 0x80, 0x80, 0x80, 0x00], vec![1, 0]].concat();
                let long_key = [vec![2 * long_key.len() as u8], long_key].concat();
                [long_length, long_key]
                    .map(|second| {
                        let payload = pack(codec, &[first.clone(), second].concat());
                        plain().payload(codec.id(), payload).into()
                    })
                    .into()
            },
        ),
        sends(
            &format!("{codec} of records with bad times names them"),
            move || {
                vec![
                    changed(codec, |batch| batch.records[1].timestamp_delta = 1 << 50),
                    plain().at(now_ms() + 7_200_000).packed(codec).into(),
                ]
            },
        ),
        sends(
            &format!("{codec} with a largest timestamp that lies is corrected"),
            move || {
                [0, -1, i64::MAX]
                    .map(|lie| changed(codec, |batch| batch.header.max_timestamp = lie))
                    .into()
            },
        ),
        sends_to(
            &format!("{codec} without keys is refused by a compacted topic"),
            &[("cleanup.policy", "compact")],
            9,
            move || vec![changed(codec, |batch| batch.records[0].key = Some(b"k".to_vec()))],
        ),
        sends_to(
            &format!("{codec} gets the broker's time"),
            &[("message.timestamp.type", "LogAppendTime")],
            9,
            move || vec![changed(codec, |_| {})],
        ),
        sends(
            &format!("bytes behind the compressed ones of {codec}"),
            move || {
                vec![
                    repacked(codec, |payload| [payload, vec![0]].concat()),
                    repacked(codec, |payload| [payload, vec![1, 2, 3, 4, 5, 6, 7, 8]].concat()),
                ]
            },
        ),
        sends(&format!("two streams of {codec}, a record in each"), move || {
            vec![
                split(codec, &plain()),
                split(codec, &batch(&[&compressible(), &compressible()])),
            ]
        }),
    ]
}

/// The first record compressed by itself, then the second.
fn split(codec: Codec, whole: &Batch) -> Bytes {
    let halves = whole.records.iter().map(|record| {
        let bytes = record.encode();
        // A record that is too short to compress is followed by a long one.
        if bytes.len() > 100 {
            pack(codec, &bytes)
        } else {
            bytes
        }
    });
    let payload = halves.collect::<Vec<_>>().concat();
    whole.clone().payload(codec.id(), payload).into()
}

fn odd() -> Vec<Case> {
    vec![
        sends(
            "a codec that does not exist is an error of the broker's own",
            || {
                [5, 6, 7]
                    .map(|codec| {
                        plain()
                            .payload(codec, pack(Codec::Gzip, &plain().encoded_records()))
                            .into()
                    })
                    .into()
            },
        ),
        sends(
            "a batch of one codec that says another is an error of the broker's own",
            || {
                vec![
                    plain()
                        .payload(Codec::Lz4.id(), pack(Codec::Gzip, &plain().encoded_records()))
                        .into(),
                    plain()
                        .payload(Codec::Zstd.id(), pack(Codec::Lz4, &plain().encoded_records()))
                        .into(),
                    plain()
                        .payload(Codec::Gzip.id(), plain().encoded_records())
                        .into(),
                    plain()
                        .payload(Codec::None.id(), pack(Codec::Gzip, &plain().encoded_records()))
                        .into(),
                ]
            },
        ),
        case("zstd needs Produce v7", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            for version in [3, 6, 7] {
                connection.ask(version, produce(&topic, plain().packed(Codec::Zstd)));
            }
        }),
        case("zstd with a wrong checksum is unsupported first", |s| {
            let topic = s.topic();
            let mut bytes = plain().packed(Codec::Zstd).bytes();
            bytes[crate::batch::CRC_AT] ^= 1;
            s.connect().ask(6, produce(&topic, bytes));
        }),
        case("zstd is not given to Fetch below v10", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            connection.ask(9, produce(&topic, batch(&["plain"])));
            connection.ask(9, produce(&topic, plain().packed(Codec::Zstd)));
            for version in [4, 9, 10, 12] {
                connection.ask(version, fetch(&topic, 0));
                connection.ask(version, fetch(&topic, 1));
            }
        }),
        sends("ten mebibytes from ten kibibytes are accepted", || {
            vec![batch(&[&"x".repeat(10 << 20)]).packed(Codec::Gzip).into()]
        }),
    ]
}
