//! CreateTopics: the order of its checks, and what a topic then is.

use linger_protocol::messages::{CreatableReplicaAssignment, CreatableTopic};

use super::{Case, case};
use crate::request::{config, create, metadata_without_creating, topic};
use crate::script::Script;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = (2..=7)
        .map(|version| {
            case(
                format!("CreateTopics v{version} creates one and refuses another in its shape"),
                move |s| {
                    let name = s.name();
                    let mut connection = s.connect();
                    connection.ask(
                        version,
                        create(&[topic(&name, 2, 1, &[]), topic("a b", 1, 1, &[])], false),
                    );
                    s.await_topic(&name, 2);
                    connection.ask(version, create(&[topic(&name, 2, 1, &[])], false));
                },
            )
        })
        .collect();
    cases.extend(counts());
    cases.extend(assignments());
    cases.extend(configs());
    cases.extend(names());
    cases
}

/// A case of one topic that is asked for in each of these forms, all of them bad.
fn refused(name: &str, make: impl Fn(&str, i32) -> Vec<CreatableTopic> + Send + Sync + 'static) -> Case {
    case(name, move |s: &mut Script| {
        let name = s.name();
        let broker_id = s.broker_id();
        let mut connection = s.connect();
        for topic in make(&name, broker_id) {
            connection.ask(5, create(&[topic], false));
        }
        connection.ask(4, metadata_without_creating(&[&name]));
    })
}

fn counts() -> Vec<Case> {
    vec![
        refused(
            "a number of partitions of zero or below -1 is INVALID_PARTITIONS",
            |name, _| [0, -2, i32::MIN].map(|count| topic(name, count, 1, &[])).into(),
        ),
        refused(
            "a number of replicas of zero, below -1 or above that of brokers is INVALID_REPLICATION_FACTOR",
            |name, _| {
                [0, -2, 2, i16::MAX, i16::MIN]
                    .map(|count| topic(name, 1, count, &[]))
                    .into()
            },
        ),
        refused("replicas and partitions both bad", |name, _| {
            [(0, 0), (-2, 2), (0, -1), (-1, 0)]
                .map(|(partitions, replicas)| topic(name, partitions, replicas, &[]))
                .into()
        }),
        case("counts of -1 are the broker's defaults", |s| {
            for version in [2, 4, 5, 7] {
                let name = s.name();
                let mut connection = s.connect();
                connection.ask(version, create(&[topic(&name, -1, -1, &[])], false));
                s.await_topic(&name, 3);
                connection.ask(4, metadata_without_creating(&[&name]));
            }
        }),
        case("only validating answers as if created", |s| {
            let name = s.name();
            let mut connection = s.connect();
            for version in [2, 5, 7] {
                connection.ask(
                    version,
                    create(
                        &[topic(&name, 4, 1, &[]), topic(&name.replace('-', "/"), 1, 1, &[])],
                        true,
                    ),
                );
            }
            connection.ask(4, metadata_without_creating(&[&name]));
        }),
        case("CreateTopics without topics is answered without topics", |s| {
            s.connect().ask(5, create(&[], false));
            s.connect().ask(7, create(&[], true));
        }),
    ]
}

fn assignments() -> Vec<Case> {
    vec![
        case("a topic may be created by naming its brokers", |s| {
            let (name, broker_id) = (s.name(), s.broker_id());
            let mut connection = s.connect();
            let wanted = assigned(&name, &[(0, &[broker_id]), (1, &[broker_id])]);
            connection.ask(5, create(&[wanted], false));
            s.await_topic(&name, 2);
            connection.ask(4, metadata_without_creating(&[&name]));
        }),
        refused(
            "an assignment with a gap, or not from 0, is INVALID_REPLICA_ASSIGNMENT",
            |name, id| {
                vec![
                    assigned(name, &[(1, &[id])]),
                    assigned(name, &[(0, &[id]), (2, &[id])]),
                    assigned(name, &[(-1, &[id])]),
                ]
            },
        ),
        refused(
            "an assignment of a partition twice, or a broker twice, is INVALID_REPLICA_ASSIGNMENT",
            |name, id| {
                vec![
                    assigned(name, &[(0, &[id]), (0, &[id])]),
                    assigned(name, &[(0, &[id, id])]),
                ]
            },
        ),
        refused(
            "an assignment to nobody or to unknown brokers is INVALID_REPLICA_ASSIGNMENT",
            |name, id| {
                vec![
                    assigned(name, &[(0, &[])]),
                    assigned(name, &[(0, &[id + 100])]),
                    assigned(name, &[(0, &[-1])]),
                ]
            },
        ),
        refused(
            "partitions of different numbers of replicas are INVALID_REPLICA_ASSIGNMENT",
            |name, id| vec![assigned(name, &[(0, &[id]), (1, &[])])],
        ),
        refused(
            "an assignment together with counts is INVALID_REQUEST",
            |name, id| {
                [(1, -1), (-1, 1), (1, 1), (0, -1), (-1, 0)]
                    .map(|(partitions, replicas)| CreatableTopic {
                        num_partitions: partitions,
                        replication_factor: replicas,
                        ..assigned(name, &[(0, &[id])])
                    })
                    .into()
            },
        ),
    ]
}

fn assigned(name: &str, partitions: &[(i32, &[i32])]) -> CreatableTopic {
    let assignments = partitions
        .iter()
        .map(|(partition_index, broker_ids)| CreatableReplicaAssignment {
            partition_index: *partition_index,
            broker_ids: broker_ids.to_vec(),
        });
    CreatableTopic {
        assignments: assignments.collect(),
        ..topic(name, -1, -1, &[])
    }
}

fn configs() -> Vec<Case> {
    vec![
        refused("an unknown setting is INVALID_CONFIG", |name, _| {
            vec![
                topic(name, 1, 1, &[("no.such.setting", "1")]),
                topic(name, 1, 1, &[("", "1")]),
            ]
        }),
        refused("a setting without a value is INVALID_CONFIG", |name, _| {
            vec![CreatableTopic {
                configs: vec![config("retention.ms", None)],
                ..topic(name, 1, 1, &[])
            }]
        }),
        case("settings with bad values are INVALID_CONFIG", |s| {
            let name = s.name();
            let settings = [
                ("retention.ms", "soon"),
                ("retention.ms", "-2"),
                ("retention.bytes", "-2"),
                ("max.message.bytes", "-1"),
                ("min.insync.replicas", "0"),
                ("message.timestamp.type", "createtime"),
                ("cleanup.policy", "delete,shred"),
                ("cleanup.policy", "none,delete"),
                ("compression.type", "lzma"),
                ("segment.bytes", "1048575"),
                ("segment.ms", "0"),
                ("preallocate", "maybe"),
                ("min.cleanable.dirty.ratio", "1.5"),
                ("min.cleanable.dirty.ratio", "-0.1"),
                ("flush.messages", "0"),
                ("delete.retention.ms", "-1"),
                ("max.message.bytes", "99999999999"),
                ("segment.jitter.ms", "-1"),
                ("index.interval.bytes", "-1"),
                ("segment.index.bytes", "3"),
                ("message.timestamp.after.max.ms", "-1"),
            ];
            let mut connection = s.connect();
            for setting in settings {
                connection.ask(4, create(&[topic(&name, 1, 1, &[setting])], true));
            }
        }),
        case("settings at the edge of what is allowed are allowed", |s| {
            let name = s.name();
            let mut connection = s.connect();
            let settings = [
                ("retention.ms", "-1"),
                ("retention.bytes", "-1"),
                ("max.message.bytes", "0"),
                ("min.insync.replicas", "1"),
                ("cleanup.policy", "compact, delete"),
                ("cleanup.policy", ""),
                ("compression.type", "producer"),
                ("segment.bytes", "1048576"),
                ("segment.ms", "1"),
                ("preallocate", "TRUE"),
                ("min.cleanable.dirty.ratio", "0.5"),
                ("flush.messages", "1"),
                ("flush.ms", "0"),
                ("min.insync.replicas", "30"),
                ("retention.ms", " 5 "),
            ];
            for setting in settings {
                connection.ask(4, create(&[topic(&name, 1, 1, &[setting])], true));
            }
        }),
        case("of a setting given twice", |s| {
            let name = s.name();
            let twice = [("max.message.bytes", "100"), ("max.message.bytes", "-1")];
            let mut connection = s.connect();
            connection.ask(4, create(&[topic(&name, 1, 1, &twice)], true));
            connection.ask(4, create(&[topic(&name, 1, 1, &[twice[1], twice[0]])], true));
        }),
        refused("bad settings, counts and names together", |name, _| {
            vec![
                topic(name, 0, 1, &[("no.such.setting", "1")]),
                topic(name, 1, 2, &[("no.such.setting", "1")]),
                topic("a b", 0, 0, &[("no.such.setting", "1")]),
            ]
        }),
    ]
}

fn names() -> Vec<Case> {
    vec![
        case(
            "an invalid name is INVALID_TOPIC_EXCEPTION for CreateTopics",
            |s| {
                let mut connection = s.connect();
                let too_long = s.name_like(|slug| format!("{slug}{}", "x".repeat(250 - slug.len())));
                for name in ["", ".", "..", "a b", "a/b", "ü", &*too_long] {
                    connection.ask(5, create(&[topic(name, 1, 1, &[])], false));
                }
            },
        ),
        case(
            "a name taken is TOPIC_ALREADY_EXISTS before its counts are looked at",
            |s| {
                let name = s.topic();
                let mut connection = s.connect();
                for taken in [
                    topic(&name, 1, 1, &[]),
                    topic(&name, 0, 9, &[]),
                    topic(&name, 1, 1, &[("no.such.setting", "1")]),
                ] {
                    connection.ask(5, create(&[taken], false));
                }
                connection.ask(5, create(&[topic(&name, 1, 1, &[])], true));
            },
        ),
        case("names that differ only in dot and underscore collide", |s| {
            let taken = s.name_like(|slug| format!("{slug}.a_b"));
            s.create(&taken, 1, &[]);
            let mut connection = s.connect();
            for end in ["_a.b", "_a_b", ".a.b"] {
                let other = s.name_like(|slug| slug[..slug.len() - 2].to_owned() + end);
                connection.ask(5, create(&[topic(&other, 1, 1, &[])], false));
            }
        }),
        case("names that collide within a request", |s| {
            let first = s.name_like(|slug| format!("{slug}.a"));
            let second = s.name_like(|slug| slug[..slug.len() - 2].to_owned() + "_a");
            s.connect().ask(
                5,
                create(&[topic(&first, 1, 1, &[]), topic(&second, 1, 1, &[])], true),
            );
        }),
        case("a name twice in a request is INVALID_REQUEST, once", |s| {
            let (twice, once) = (s.name(), s.name());
            let mut connection = s.connect();
            let wanted = [
                topic(&twice, 1, 1, &[]),
                topic(&once, 1, 1, &[]),
                topic(&twice, 0, 1, &[]),
            ];
            connection.ask(5, create(&wanted, false));
            s.await_topic(&once, 1);
            connection.ask(4, metadata_without_creating(&[&twice, &once]));
        }),
        case("topics of a request are created each for itself", |s| {
            let (good, bad) = (s.name(), s.name());
            let mut connection = s.connect();
            connection.ask(
                7,
                create(&[topic(&bad, 0, 1, &[]), topic(&good, 1, 1, &[])], false),
            );
            s.await_topic(&good, 1);
            connection.ask(4, metadata_without_creating(&[&good, &bad]));
        }),
    ]
}
