//! Metadata, and the topics it creates.

use linger_protocol::messages::{MetadataRequest, MetadataRequestTopic};

use super::{Case, case};
use crate::request::{create, metadata, metadata_by_id, metadata_without_creating, topic};
use crate::script::Script;

/// `num.partitions` of both brokers.
const DEFAULT_PARTITIONS: i32 = 3;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = (0..=12)
        .map(|version| {
            case(
                format!("Metadata v{version} describes a topic in its shape"),
                move |s| {
                    let topic = s.topic_with(2, &[]);
                    s.connect().ask(version, metadata(&[&topic]));
                },
            )
        })
        .collect();
    cases.extend(names());
    cases.extend(ids());
    cases.extend(selections());
    cases
}

/// Asks for a name that Kafka has no topic for, in the first version that may forbid to create it,
/// and in the newest.
fn ask_for(s: &mut Script, names: &[&str]) {
    let mut connection = s.connect();
    for version in [4, 12] {
        connection.ask(version, metadata_without_creating(names));
    }
}

fn names() -> Vec<Case> {
    vec![
        case(
            "a topic that is not there is UNKNOWN_TOPIC_OR_PARTITION if it must not be created",
            |s| {
                let unknown = s.name();
                ask_for(s, &[&unknown]);
            },
        ),
        case("a topic asked for is created with the broker's defaults", |s| {
            let topic = s.name();
            // The first answers depend on how soon the broker knows the topic.
            drop(s.quietly().ask(4, metadata(&[&topic])));
            s.await_topic(&topic, DEFAULT_PARTITIONS);
            s.connect().ask(7, metadata_without_creating(&[&topic]));
        }),
        case("clients too old to forbid it create topics", |s| {
            let topic = s.name();
            drop(s.quietly().ask(0, metadata(&[&topic])));
            s.await_topic(&topic, DEFAULT_PARTITIONS);
            s.connect().ask(3, metadata(&[&topic]));
        }),
        case(
            "an invalid name is INVALID_TOPIC_EXCEPTION, whether it may be created or not",
            |s| {
                let too_long = s.name_like(|slug| format!("{slug}{}", "x".repeat(250 - slug.len())));
                let names = ["", ".", "..", "a b", "a/b", "ü", "a:b", "a\0b", "a,b"];
                let mut connection = s.connect();
                for name in names.into_iter().chain([&*too_long]) {
                    connection.ask(4, metadata_without_creating(&[name]));
                    connection.ask(4, metadata(&[name]));
                }
            },
        ),
        case("a name of 249 characters is a name", |s| {
            let longest = s.name_like(|slug| format!("{slug}{}", "x".repeat(249 - slug.len())));
            ask_for(s, &[&longest]);
        }),
        case("three dots are a name", |s| ask_for(s, &["...", "a.b_c-D9"])),
        case("a name that collides with another is not created", |s| {
            let topic = s.name_like(|slug| format!("{slug}.a"));
            s.create(&topic, 1, &[]);
            let other = s.name_like(|slug| format!("{}_a", slug.trim_end_matches("-2")));
            let mut connection = s.connect();
            connection.ask(4, metadata(&[&other]));
            connection.ask(4, metadata_without_creating(&[&other]));
        }),
        case("a topic asked for twice is answered once", |s| {
            let topic = s.topic();
            let unknown = s.name();
            let mut connection = s.connect();
            connection.ask(
                4,
                metadata_without_creating(&[&topic, &topic, &unknown, &unknown]),
            );
        }),
        case(
            "known, unknown and invalid names are answered each for itself",
            |s| {
                let topic = s.topic();
                let unknown = s.name();
                for version in [4, 9, 12] {
                    s.connect()
                        .ask(version, metadata_without_creating(&["a b", &topic, &unknown]));
                }
            },
        ),
    ]
}

fn ids() -> Vec<Case> {
    vec![
        case("asking by topic id before v12 is INVALID_REQUEST", |s| {
            let topic = s.topic();
            let id = s.id_of(&topic);
            for version in [10, 11] {
                s.connect().ask(version, metadata_by_id(id));
            }
        }),
        case("asking by topic id finds the topic", |s| {
            let topic = s.topic();
            let id = s.id_of(&topic);
            s.connect().ask(12, metadata_by_id(id));
        }),
        case("an unknown topic id is UNKNOWN_TOPIC_ID without a name", |s| {
            s.connect().ask(12, metadata_by_id([7; 16]));
        }),
        case("neither id nor name", |s| {
            for version in [10, 12] {
                s.connect().ask(version, metadata_by_id([0; 16]));
            }
        }),
        case("an id together with a name", |s| {
            let topic = s.topic();
            let topic_id = s.id_of(&topic);
            for (topic_id, name) in [(topic_id, topic.clone()), ([7; 16], topic)] {
                let topics = vec![MetadataRequestTopic {
                    topic_id,
                    name: Some(name),
                }];
                s.connect().ask(
                    12,
                    MetadataRequest {
                        topics: Some(topics),
                        ..MetadataRequest::default()
                    },
                );
            }
        }),
        case("an id keeps to its topic", |s| {
            let topic = s.topic();
            let other = s.topic();
            let ids = [&topic, &other, &topic].map(|topic| s.id_of(topic));
            s.note(format!(
                "the same again: {}, another for the other: {}",
                ids[0] == ids[2],
                ids[0] != ids[1]
            ));
        }),
    ]
}

fn selections() -> Vec<Case> {
    vec![
        case("no topics are all in v0 and none from v1 on", |s| {
            let _topic = s.topic();
            for version in [0, 1, 4, 9, 12] {
                s.connect().ask(version, metadata(&[]));
            }
        }),
        case("null topics are all", |s| {
            let _topic = s.topic();
            for version in [1, 4, 9, 12] {
                s.connect().ask(
                    version,
                    MetadataRequest {
                        topics: None,
                        ..MetadataRequest::default()
                    },
                );
            }
        }),
        case("authorised operations come with an id only if it is known", |s| {
            let topic = s.topic();
            for id in [s.id_of(&topic), [7; 16]] {
                let asked = MetadataRequest {
                    include_topic_authorized_operations: true,
                    ..metadata_by_id(id)
                };
                s.connect().ask(12, asked);
            }
        }),
        case("one bad topic before v12 refuses all of the request", |s| {
            let topic = s.topic();
            let mut asked = metadata_by_id([7; 16]);
            asked.topics.iter_mut().for_each(|topics| {
                topics.push(MetadataRequestTopic {
                    name: Some(topic.clone()),
                    ..MetadataRequestTopic::default()
                });
            });
            for version in [10, 12] {
                s.connect().ask(version, asked.clone());
            }
        }),
        case("authorised operations are given if asked for", |s| {
            let topic = s.topic();
            let unknown = s.name();
            for version in [8, 10, 11] {
                let asked = MetadataRequest {
                    include_cluster_authorized_operations: true,
                    include_topic_authorized_operations: true,
                    ..metadata_without_creating(&[&topic, &unknown, "a b"])
                };
                s.connect().ask(version, asked);
            }
        }),
        case("a topic that was only validated is not there", |s| {
            let name = s.name();
            let mut connection = s.connect();
            connection.ask(4, create(&[topic(&name, 1, 1, &[])], true));
            connection.ask(4, metadata_without_creating(&[&name]));
        }),
    ]
}
