//! DescribeConfigs: the settings of topics and of the broker, and where their values come from.

use linger_protocol::Str;
use linger_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResource};

use super::{Case, case};
use crate::answer::BROKER_SETTINGS;
use crate::request::{create, metadata};

const VERSIONS: std::ops::RangeInclusive<i16> = 1..=4;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Settings of a topic that most clients ask for.
const USUAL: [&str; 9] = [
    "cleanup.policy",
    "compression.type",
    "max.message.bytes",
    "message.timestamp.type",
    "min.insync.replicas",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "unclean.leader.election.enable",
];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = VERSIONS
        .map(|version| {
            case(
                format!("DescribeConfigs v{version} answers in its shape"),
                move |s| {
                    let topic = s.topic();
                    let unknown = s.name();
                    let mut connection = s.connect();
                    connection.ask(version, describe([resource(TOPIC, &topic, &USUAL)]));
                    connection.ask(version, describe([resource(TOPIC, &unknown, &USUAL)]));
                    connection.ask(
                        version,
                        with_synonyms(describe([resource(TOPIC, &topic, &USUAL)])),
                    );
                    connection.ask(
                        version,
                        describe([resource(BROKER, &s.broker_id().to_string(), &["num.partitions"])]),
                    );
                },
            )
        })
        .collect();
    cases.extend(topics());
    cases.extend(brokers());
    cases.extend(requests());
    cases
}

fn describe(resources: impl IntoIterator<Item = DescribeConfigsResource>) -> DescribeConfigsRequest {
    DescribeConfigsRequest {
        resources: resources.into_iter().collect(),
        ..DescribeConfigsRequest::default()
    }
}

fn with_synonyms(request: DescribeConfigsRequest) -> DescribeConfigsRequest {
    DescribeConfigsRequest {
        include_synonyms: true,
        ..request
    }
}

fn with_documentation(request: DescribeConfigsRequest) -> DescribeConfigsRequest {
    DescribeConfigsRequest {
        include_documentation: true,
        ..request
    }
}

fn resource(kind: i8, name: &str, keys: &[&str]) -> DescribeConfigsResource {
    DescribeConfigsResource {
        configuration_keys: Some(keys.iter().map(|key| Str::from(*key)).collect()),
        ..whole(kind, name)
    }
}

/// All settings of a resource.
fn whole(resource_type: i8, name: &str) -> DescribeConfigsResource {
    DescribeConfigsResource {
        resource_type,
        resource_name: name.into(),
        configuration_keys: None,
    }
}

fn topics() -> Vec<Case> {
    vec![
        case("all settings of a topic, with their synonyms", |s| {
            let topic = s.name();
            s.create_plain(&topic);
            let mut connection = s.connect();
            connection.ask(4, with_synonyms(describe([whole(TOPIC, &topic)])));
            connection.ask(4, describe([whole(TOPIC, &topic)]));
        }),
        case("an empty list of settings is the list of all", |s| {
            let topic = s.name();
            s.create_plain(&topic);
            s.connect().ask(4, describe([resource(TOPIC, &topic, &[])]));
        }),
        case("settings that the topic was given", |s| {
            let given = [
                ("cleanup.policy", "compact"),
                ("max.message.bytes", "2000"),
                ("min.insync.replicas", "1"),
                ("retention.ms", "1000"),
                ("segment.bytes", "1048576"),
                ("message.timestamp.type", "LogAppendTime"),
            ];
            let topic = s.topic_with(1, &given);
            let mut connection = s.connect();
            connection.ask(4, describe([resource(TOPIC, &topic, &USUAL)]));
            connection.ask(4, with_synonyms(describe([resource(TOPIC, &topic, &USUAL)])));
        }),
        case("a setting that the topic was given at its default", |s| {
            let topic = s.topic_with(1, &[("retention.bytes", "-1"), ("segment.bytes", "1073741824")]);
            let keys = ["retention.bytes", "segment.bytes"];
            s.connect()
                .ask(4, with_synonyms(describe([resource(TOPIC, &topic, &keys)])));
        }),
        case("the value of a setting is given as Kafka reads it", |s| {
            let given = [
                ("cleanup.policy", "compact, delete"),
                ("preallocate", "TRUE"),
                ("min.cleanable.dirty.ratio", "0.50"),
                ("retention.bytes", " 7 "),
            ];
            let topic = s.topic_with(1, &given);
            let keys = given.map(|(name, _)| name);
            let mut connection = s.connect();
            connection.ask(4, describe([resource(TOPIC, &topic, &keys)]));
            connection.ask(4, with_synonyms(describe([resource(TOPIC, &topic, &keys)])));
            let other = s.name();
            connection.ask(7, create(&[crate::request::topic(&other, 1, 1, &given)], true));
        }),
        case("settings that do not exist are left out", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            connection.ask(
                4,
                describe([resource(TOPIC, &topic, &["retention.ms", "no.such", ""])]),
            );
            connection.ask(4, describe([resource(TOPIC, &topic, &["no.such"])]));
            connection.ask(
                4,
                describe([resource(TOPIC, &topic, &["RETENTION.MS", "log.retention.ms"])]),
            );
        }),
        case("a setting that is named twice is described once", |s| {
            let topic = s.topic();
            let keys = ["retention.ms", "segment.ms", "retention.ms"];
            s.connect().ask(4, describe([resource(TOPIC, &topic, &keys)]));
        }),
        case("settings of topics that do not exist", |s| {
            let unknown = s.name();
            let mut connection = s.connect();
            connection.ask(4, describe([whole(TOPIC, &unknown)]));
            for invalid in ["", ".", "a b", "a/b", &"x".repeat(250)] {
                connection.ask(4, describe([whole(TOPIC, invalid)]));
            }
        }),
        case("documentation of settings from version 3 on", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            for version in VERSIONS {
                connection.ask(
                    version,
                    with_documentation(describe([resource(
                        TOPIC,
                        &topic,
                        &["retention.ms", "segment.bytes"],
                    )])),
                );
            }
        }),
        case("settings of a topic that was created by being asked for", |s| {
            let topic = s.name();
            s.quietly().ask(4, metadata(&[&topic]));
            s.await_topic(&topic, 3);
            s.connect().ask(4, describe([resource(TOPIC, &topic, &USUAL)]));
        }),
    ]
}

fn brokers() -> Vec<Case> {
    vec![
        case("settings of the broker by name", |s| {
            let id = s.broker_id().to_string();
            let mut connection = s.connect();
            connection.ask(4, describe([resource(BROKER, &id, &BROKER_SETTINGS)]));
            let with_synonyms = with_synonyms(describe([resource(BROKER, &id, &BROKER_SETTINGS)]));
            connection.ask(1, with_synonyms.clone());
            connection.ask(4, with_synonyms);
        }),
        case("all settings of the broker, of which some are compared", |s| {
            let id = s.broker_id().to_string();
            let mut connection = s.connect();
            connection.ask(4, with_documentation(describe([whole(BROKER, &id)])));
            connection.ask(4, describe([resource(BROKER, &id, &[])]));
        }),
        case(
            "a broker has no settings of topics, and others by name only",
            |s| {
                let id = s.broker_id().to_string();
                let keys = [
                    "retention.ms",
                    "max.message.bytes",
                    "no.such",
                    "",
                    "NODE.ID",
                    "node.id",
                    "node.id",
                ];
                s.connect().ask(4, describe([resource(BROKER, &id, &keys)]));
            },
        ),
        case("brokers that are not the one asked", |s| {
            let mut connection = s.connect();
            for name in ["99", "-1", "x", "1.0", "99999999999"] {
                connection.ask(4, describe([resource(BROKER, name, &["num.partitions"])]));
            }
        }),
        case(
            "settings of all brokers are those that can be changed for all",
            |s| {
                let mut connection = s.connect();
                connection.ask(4, describe([whole(BROKER, "")]));
                connection.ask(4, with_synonyms(describe([whole(BROKER, "")])));
                connection.ask(4, with_documentation(describe([whole(BROKER, "")])));
                connection.ask(4, describe([resource(BROKER, "", &["min.insync.replicas"])]));
                connection.ask(4, describe([resource(BROKER, "", &["num.partitions"])]));
            },
        ),
    ]
}

fn requests() -> Vec<Case> {
    vec![
        case("resources of unknown types", |s| {
            let mut connection = s.connect();
            let topic = s.topic();
            for kind in [0, 1, 3, 5, 64, -1, i8::MAX, i8::MIN] {
                connection.ask(4, describe([whole(kind, &topic)]));
            }
        }),
        case("a resource listed twice is described twice", |s| {
            let topic = s.topic();
            let keys = ["retention.ms"];
            let (one, other) = (
                resource(TOPIC, &topic, &keys),
                resource(TOPIC, &topic, &["segment.ms"]),
            );
            s.connect().ask(4, describe([one.clone(), one, other]));
        }),
        case("several resources, each by itself", |s| {
            let topic = s.topic();
            let unknown = s.name();
            let id = s.broker_id().to_string();
            let keys = ["retention.ms", "num.partitions"];
            let resources = [
                resource(TOPIC, &topic, &keys),
                resource(BROKER, &id, &keys),
                resource(TOPIC, &unknown, &keys),
                resource(TOPIC, "a b", &keys),
                resource(BROKER, "99", &keys),
            ];
            let mut connection = s.connect();
            for version in VERSIONS {
                connection.ask(version, describe(resources.clone()));
            }
        }),
        case("one resource of an unknown type spoils the whole request", |s| {
            let topic = s.topic();
            let keys = ["retention.ms"];
            let resources = [
                resource(TOPIC, &topic, &keys),
                resource(3, &topic, &keys),
                resource(TOPIC, &topic, &keys),
                resource(BROKER, "99", &keys),
            ];
            let mut connection = s.connect();
            for version in VERSIONS {
                connection.ask(version, describe(resources.clone()));
            }
        }),
        case("DescribeConfigs without resources", |s| {
            let mut connection = s.connect();
            for version in VERSIONS {
                connection.ask(version, DescribeConfigsRequest::default());
            }
        }),
    ]
}
