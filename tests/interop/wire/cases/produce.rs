//! Produce: topics, partitions, acks and versions. What may be in a batch is `batches`' matter.

use linger_protocol::Bytes;
use linger_protocol::messages::TopicProduceData;

use super::{Case, case};
use crate::batch::{CRC_AT, batch};
use crate::request::{
    ALL, fetch, list_offsets, metadata, metadata_without_creating, partition, produce, produce_to,
};
use crate::script::Script;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = (3..=12)
        .map(|version| {
            case(
                format!("Produce v{version} answers good, bad and unknown in its shape"),
                move |s| every_outcome(s, version),
            )
        })
        .collect();
    cases.extend(acks());
    cases.extend(addresses());
    cases.extend(limits());
    cases
}

fn every_outcome(s: &mut Script, version: i16) {
    let topic = s.topic_with(3, &[]);
    let unknown = s.name();
    let good: Bytes = batch(&["a", "b"]).into();
    let late: Bytes = batch(&["a", "b"]).at(i64::MAX - 1).into();
    let parts = [
        (&*topic, 0, good.clone()),
        (&*topic, 1, late),
        (&*topic, 2, corrupt()),
        (&*topic, 3, good.clone()),
        (&*unknown, 0, good),
    ];
    s.connect().ask(version, produce_to(ALL, parts));
}

fn corrupt() -> Bytes {
    let mut bytes = batch(&["a"]).bytes();
    bytes[CRC_AT] ^= 1;
    bytes.into()
}

fn acks() -> Vec<Case> {
    vec![
        case("acks 1 and -1 answer with offsets that go on", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            for acks in [1, -1, 1] {
                connection.ask(9, produce_to(acks, [(&*topic, 0, batch(&["a", "b"]).into())]));
            }
        }),
        case("acks 0 appends and answers nothing", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            for version in [3, 8, 9, 12] {
                connection.send(version, produce_to(0, [(&*topic, 0, batch(&["a"]).into())]));
            }
            connection.ask(1, list_offsets(&topic, 0, -1));
            connection.ask(4, fetch(&topic, 2));
        }),
        case("acks 0 to a topic that is not there ends the connection", |s| {
            let unknown = s.name();
            let mut connection = s.connect();
            connection.send(9, produce_to(0, [(&*unknown, 0, batch(&["a"]).into())]));
            connection.next();
        }),
        case("acks 0 with a corrupt batch ends the connection", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            connection.send(9, produce_to(0, [(&*topic, 0, corrupt())]));
            connection.next();
        }),
        case(
            "acks 0 with one bad batch appends the others and ends the connection",
            |s| {
                let topic = s.topic_with(2, &[]);
                let mut connection = s.connect();
                connection.send(
                    9,
                    produce_to(0, [(&*topic, 0, batch(&["a"]).into()), (&*topic, 1, corrupt())]),
                );
                connection.next();
                s.connect().ask(4, fetch(&topic, 0));
            },
        ),
        case("acks 0 with a duplicate does not end the connection", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            for _ in 0..2 {
                connection.send(
                    9,
                    produce_to(0, [(&*topic, 0, batch(&["a"]).by(77, 0, 0).into())]),
                );
            }
            connection.ask(1, list_offsets(&topic, 0, -1));
        }),
        case("acks 0 with a gap in the sequence ends the connection", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            for sequence in [0, 5] {
                connection.send(
                    9,
                    produce_to(0, [(&*topic, 0, batch(&["a"]).by(77, 0, sequence).into())]),
                );
            }
            connection.next();
        }),
        case("acks 0 without topics does not end the connection", |s| {
            let mut connection = s.connect();
            connection.send(9, produce_to(0, []));
            connection.ask(1, metadata(&[]));
        }),
        case("other acks are INVALID_REQUIRED_ACKS for every partition", |s| {
            let topic = s.topic_with(2, &[]);
            let unknown = s.name();
            let mut connection = s.connect();
            for acks in [2, -2, i16::MAX, i16::MIN] {
                let good: Bytes = batch(&["a"]).into();
                connection.ask(
                    9,
                    produce_to(
                        acks,
                        [
                            (&*topic, 0, good.clone()),
                            (&*topic, 1, corrupt()),
                            (&*unknown, 0, good),
                        ],
                    ),
                );
            }
            connection.ask(4, fetch(&topic, 0));
        }),
        case(
            "acks -1 needs no more in-sync replicas than a partition has",
            |s| {
                let topic = s.topic_with(1, &[("min.insync.replicas", "2")]);
                let mut connection = s.connect();
                for acks in [-1, 1] {
                    connection.ask(9, produce_to(acks, [(&*topic, 0, batch(&["a"]).into())]));
                }
            },
        ),
        case(
            "a timeout of zero or less does not matter where nobody is waited for",
            |s| {
                let topic = s.topic();
                let mut connection = s.connect();
                for timeout_ms in [0, -1, i32::MIN] {
                    let mut request = produce(&topic, batch(&["a"]));
                    request.timeout_ms = timeout_ms;
                    connection.ask(9, request);
                }
            },
        ),
    ]
}

fn addresses() -> Vec<Case> {
    vec![
        case("Produce without topics is answered without topics", |s| {
            let mut connection = s.connect();
            for version in [3, 5, 8, 9, 12] {
                connection.ask(version, produce_to(ALL, []));
            }
        }),
        case(
            "Produce with a topic without partitions is answered without it",
            |s| {
                let topic = s.topic();
                let mut request = produce_to(ALL, []);
                request.topic_data = vec![TopicProduceData {
                    name: topic,
                    partition_data: Vec::new(),
                }];
                s.connect().ask(9, request);
            },
        ),
        case("a topic listed twice gives one entry in the answer", |s| {
            let topic = s.topic_with(2, &[]);
            let mut request = produce_to(ALL, []);
            request.topic_data = (0..2)
                .map(|index| TopicProduceData {
                    name: topic.clone(),
                    partition_data: vec![partition(index, batch(&["a"]))],
                })
                .collect();
            s.connect().ask(9, request);
        }),
        case(
            "of a partition listed twice only the last batch is appended",
            |s| {
                let topic = s.topic();
                let mut connection = s.connect();
                let parts = [
                    (&*topic, 0, batch(&["first", "second"]).into()),
                    (&*topic, 0, batch(&["third"]).into()),
                ];
                connection.ask(9, produce_to(ALL, parts));
                connection.ask(4, fetch(&topic, 0));
            },
        ),
        case(
            "partitions that do not exist are UNKNOWN_TOPIC_OR_PARTITION",
            |s| {
                let topic = s.topic();
                let mut connection = s.connect();
                for index in [1, -1, i32::MAX, i32::MIN] {
                    connection.ask(9, produce_to(ALL, [(&*topic, index, batch(&["a"]).into())]));
                }
            },
        ),
        case(
            "Produce creates no topics, and has no word for invalid names",
            |s| {
                let unknown = s.name();
                let mut connection = s.connect();
                connection.ask(9, produce(&unknown, batch(&["a"])));
                connection.ask(9, produce("", batch(&["a"])));
                connection.ask(9, produce("no such/topic!", batch(&["a"])));
                connection.ask(4, metadata_without_creating(&[&unknown]));
            },
        ),
        case(
            "Produce to a topic that is not there does not look at the batch",
            |s| {
                let unknown = s.name();
                let mut connection = s.connect();
                connection.ask(9, produce(&unknown, corrupt()));
                connection.ask(9, produce(&unknown, Bytes::new()));
            },
        ),
        case("partitions are appended to independently", |s| {
            let topic = s.topic_with(3, &[]);
            let mut connection = s.connect();
            let parts = [
                (&*topic, 2, batch(&["a", "b"]).into()),
                (&*topic, 0, corrupt()),
                (&*topic, 1, batch(&["c"]).into()),
            ];
            connection.ask(9, produce_to(ALL, parts));
            for index in 0..3 {
                connection.ask(1, list_offsets(&topic, index, -1));
            }
        }),
        case("requests sent ahead are appended in their order", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            for value in ["a", "b", "c", "d", "e"] {
                connection.send(9, produce(&topic, batch(&[value])));
            }
            (0..5).for_each(|_| drop(connection.next()));
            connection.ask(4, fetch(&topic, 0));
        }),
        case(
            "a transactional id does not matter to a batch that is not transactional",
            |s| {
                let topic = s.topic();
                let mut connection = s.connect();
                for batch in [batch(&["a"]), batch(&["b"]).by(7_001, 0, 0)] {
                    let mut request = produce(&topic, batch);
                    request.transactional_id = Some("wire".into());
                    connection.ask(9, request);
                }
            },
        ),
        case(
            "a transactional batch without a transactional id fails every partition",
            |s| {
                let topic = s.topic_with(2, &[]);
                let unknown = s.name();
                let transactional = batch(&["a"])
                    .by(7_001, 0, 0)
                    .header(|header| header.attributes |= 0x10);
                let plain: Bytes = batch(&["b"]).into();
                let parts = [
                    (&*topic, 0, transactional.into()),
                    (&*topic, 1, plain.clone()),
                    (&*unknown, 0, plain),
                ];
                let mut connection = s.connect();
                connection.ask(9, produce_to(ALL, parts));
                connection.ask(1, list_offsets(&topic, 1, -1));
            },
        ),
    ]
}

fn limits() -> Vec<Case> {
    vec![
        case(
            "a batch larger than max.message.bytes is MESSAGE_TOO_LARGE, one as large is not",
            |s| {
                let size = batch(&["0123456789"]).bytes().len().to_string();
                let topic = s.topic_with(1, &[("max.message.bytes", &size)]);
                let mut connection = s.connect();
                for version in [3, 8, 9] {
                    connection.ask(version, produce(&topic, batch(&["0123456789x"])));
                }
                connection.ask(9, produce(&topic, batch(&["0123456789"])));
            },
        ),
        case("the default largest batch is a mebibyte and twelve", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            let overhead = batch(&[&"x".repeat(1 << 20)]).bytes().len() - (1 << 20);
            for size in [(1 << 20) + 13, (1 << 20) + 12] {
                connection.ask(9, produce(&topic, batch(&[&"x".repeat(size - overhead)])));
            }
        }),
        case(
            "a topic with the broker's times answers with the time of the append",
            |s| {
                let topic = s.topic_with(1, &[("message.timestamp.type", "LogAppendTime")]);
                let mut connection = s.connect();
                for version in [3, 9] {
                    connection.ask(version, produce(&topic, batch(&["a", "b"])));
                }
                connection.ask(4, fetch(&topic, 0));
            },
        ),
    ]
}
