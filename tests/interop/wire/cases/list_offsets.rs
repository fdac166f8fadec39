//! ListOffsets: ends, beginnings and times.

use linger_protocol::Str;
use linger_protocol::messages::{ListOffsetsPartition, ListOffsetsRequest};
use linger_protocol::records::Codec;

use super::{Case, case};
use crate::batch::{T0, batch, compressible};
use crate::request::{list_all, list_offsets, list_partition, produce};
use crate::script::Script;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = (1..=9)
        .map(|version| {
            case(format!("ListOffsets v{version} answers in its shape"), move |s| {
                let topic = filled(s);
                let unknown = s.name();
                let mut connection = s.connect();
                for timestamp in [-1, -2, T0 + 10, T0 + 1_000_000] {
                    connection.ask(version, list_offsets(&topic, 0, timestamp));
                }
                connection.ask(version, list_offsets(&topic, 7, -1));
                connection.ask(version, list_offsets(&unknown, 0, -1));
            })
        })
        .collect();
    cases.extend(times());
    cases.extend(requests());
    cases
}

/// A topic of two batches of two records: at 0 and 1 ms, and at 10 and 11 ms.
fn filled(s: &Script) -> Str {
    let topic = s.topic();
    let mut connection = s.quietly();
    connection.ask(9, produce(&topic, batch(&["a", "b"])));
    connection.ask(9, produce(&topic, batch(&["c", "d"]).at(T0 + 10)));
    topic
}

fn ask(s: &mut Script, topic: &str, version: i16, timestamps: impl IntoIterator<Item = i64>) {
    let mut connection = s.connect();
    for timestamp in timestamps {
        connection.ask(version, list_offsets(topic, 0, timestamp));
    }
}

fn times() -> Vec<Case> {
    vec![
        case("the first record at a time or later is found", |s| {
            let topic = filled(s);
            ask(
                s,
                &topic,
                4,
                [0, T0 - 1, T0, T0 + 1, T0 + 2, T0 + 10, T0 + 11, T0 + 12, i64::MAX],
            );
        }),
        case("a time is found inside a compressed batch", |s| {
            let topic = s.topic();
            let mut connection = s.quietly();
            for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
                let at = T0 + 10 * i64::from(codec.id());
                connection.ask(
                    9,
                    produce(&topic, batch(&[&compressible(), "b", "c"]).at(at).packed(codec)),
                );
            }
            ask(s, &topic, 4, [T0 + 11, T0 + 22, T0 + 31, T0 + 42]);
        }),
        case("of records out of order the first in the log is found", |s| {
            let topic = s.topic();
            let mut connection = s.quietly();
            for at in [50, 10, 30, 90, 20] {
                connection.ask(9, produce(&topic, batch(&["a"]).at(T0 + at)));
            }
            let backwards = batch(&["a", "b", "c"]).with(|batch| {
                batch.records[0].timestamp_delta = 100;
                batch.records[1].timestamp_delta = 150;
                batch.records[2].timestamp_delta = 0;
            });
            connection.ask(9, produce(&topic, backwards));
            ask(
                s,
                &topic,
                7,
                [T0, T0 + 15, T0 + 51, T0 + 91, T0 + 101, T0 + 151, -3],
            );
        }),
        case("records of the same time: the first is found", |s| {
            let topic = s.topic();
            let mut connection = s.quietly();
            for _ in 0..3 {
                connection.ask(
                    9,
                    produce(
                        &topic,
                        batch(&["a", "b"]).with(|batch| batch.records[1].timestamp_delta = 0),
                    ),
                );
            }
            ask(s, &topic, 7, [T0, -3]);
        }),
        case("an empty log has a beginning, an end and no times", |s| {
            let topic = s.topic();
            ask(s, &topic, 8, [-1, -2, -3, -4, 0, T0, i64::MAX]);
        }),
        case("-3 gives the first record of the largest time", |s| {
            let topic = filled(s);
            s.quietly().ask(9, produce(&topic, batch(&["e"]).at(T0 + 5)));
            ask(s, &topic, 7, [-3]);
        }),
        case("records without a time", |s| {
            let topic = s.topic();
            s.quietly().ask(9, produce(&topic, batch(&["a"]).at(-1)));
            s.quietly().ask(9, produce(&topic, batch(&["b"]).at(0)));
            ask(s, &topic, 7, [-1, -2, -3, 0, 1]);
        }),
        case("a topic of the broker's times is searched by them", |s| {
            let topic = s.topic_with(1, &[("message.timestamp.type", "LogAppendTime")]);
            s.quietly().ask(9, produce(&topic, batch(&["a", "b"])));
            ask(s, &topic, 7, [0, T0, -3, i64::MAX]);
        }),
        case(
            "-3 needs v7, -4 v8 and -5 v9: before they are UNSUPPORTED_VERSION",
            |s| {
                let topic = filled(s);
                for version in 1..=9 {
                    ask(s, &topic, version, [-3, -4, -5]);
                }
            },
        ),
        case("other negative times are UNSUPPORTED_VERSION", |s| {
            let topic = filled(s);
            ask(s, &topic, 9, [-6, -7, -100, i64::MIN]);
            ask(s, &topic, 1, [-6, i64::MIN]);
        }),
    ]
}

fn requests() -> Vec<Case> {
    vec![
        case("partitions that do not exist are unknown to ListOffsets", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            for index in [1, -1, i32::MAX] {
                connection.ask(4, list_offsets(&topic, index, -1));
            }
            connection.ask(4, list_offsets("", 0, -1));
            connection.ask(4, list_offsets("a b", 0, -1));
        }),
        case("a partition listed twice is INVALID_REQUEST", |s| {
            let topic = s.topic_with(2, &[]);
            let partitions = [
                list_partition(0, -1),
                list_partition(1, -1),
                list_partition(0, -2),
            ];
            s.connect().ask(4, list_all(&topic, partitions));
        }),
        case("a topic listed twice", |s| {
            let topic = s.topic_with(2, &[]);
            let mut twice = list_offsets(&topic, 0, -1);
            twice.topics.extend(list_offsets(&topic, 1, -1).topics);
            let mut connection = s.connect();
            connection.ask(4, twice.clone());
            twice.topics.extend(list_offsets(&topic, 0, -2).topics);
            connection.ask(4, twice);
        }),
        case("ListOffsets without topics is answered without topics", |s| {
            let mut connection = s.connect();
            for version in [1, 2, 6, 9] {
                connection.ask(version, ListOffsetsRequest::default());
            }
        }),
        case("the leader's epoch must be the one it leads in", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            for current_leader_epoch in [-1, 0, 1, i32::MAX, -2, i32::MIN] {
                let partition = ListOffsetsPartition {
                    current_leader_epoch,
                    ..list_partition(0, -1)
                };
                connection.ask(4, list_all(&topic, [partition]));
            }
        }),
        case("isolation levels of ListOffsets", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            for isolation_level in [0, 1, 2, -1] {
                connection.ask(
                    2,
                    ListOffsetsRequest {
                        isolation_level,
                        ..list_offsets(&topic, 0, -1)
                    },
                );
            }
        }),
        case("replica ids of clients that ask for offsets", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            for replica_id in [-1, -2] {
                connection.ask(
                    4,
                    ListOffsetsRequest {
                        replica_id,
                        ..list_offsets(&topic, 0, -1)
                    },
                );
            }
        }),
    ]
}
