//! OffsetForLeaderEpoch: where the epoch of a leader ends.

use linger_protocol::Str;
use linger_protocol::messages::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};

use super::{Case, case};
use crate::batch::batch;
use crate::request::produce;
use crate::script::Script;

const VERSIONS: std::ops::RangeInclusive<i16> = 2..=4;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = VERSIONS
        .map(|version| {
            case(
                format!("OffsetForLeaderEpoch v{version} answers in its shape"),
                move |s| {
                    let topic = filled(s);
                    let unknown = s.name();
                    let mut connection = s.connect();
                    connection.ask(version, ends(&topic, [end(0, 0)]));
                    connection.ask(version, ends(&topic, [end(7, 0)]));
                    connection.ask(version, ends(&unknown, [end(0, 0)]));
                    connection.ask(version, ends(&topic, [fenced(0, 9, 0)]));
                },
            )
        })
        .collect();
    cases.extend(epochs());
    cases.extend(requests());
    cases
}

/// A topic of one partition, whose records of epoch 0 end at offset 4.
fn filled(s: &Script) -> Str {
    let topic = s.topic();
    let mut connection = s.quietly();
    connection.ask(9, produce(&topic, batch(&["a", "b"])));
    connection.ask(9, produce(&topic, batch(&["c", "d"])));
    topic
}

fn ends(
    topic: &str,
    partitions: impl IntoIterator<Item = OffsetForLeaderPartition>,
) -> OffsetForLeaderEpochRequest {
    OffsetForLeaderEpochRequest {
        topics: vec![OffsetForLeaderTopic {
            topic: topic.into(),
            partitions: partitions.into_iter().collect(),
        }],
        ..OffsetForLeaderEpochRequest::default()
    }
}

fn end(partition: i32, leader_epoch: i32) -> OffsetForLeaderPartition {
    OffsetForLeaderPartition {
        partition,
        leader_epoch,
        ..OffsetForLeaderPartition::default()
    }
}

/// Asks as a client that knows the leader to be in `current_leader_epoch`.
fn fenced(partition: i32, current_leader_epoch: i32, leader_epoch: i32) -> OffsetForLeaderPartition {
    OffsetForLeaderPartition {
        current_leader_epoch,
        ..end(partition, leader_epoch)
    }
}

fn epochs() -> Vec<Case> {
    vec![
        case("the epoch of the leader ends at the end of the log", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            connection.ask(4, ends(&topic, [end(0, 0)]));
            s.quietly().ask(9, produce(&topic, batch(&["e"])));
            connection.ask(4, ends(&topic, [end(0, 0)]));
        }),
        case("an epoch above the leader's has no end, and no error", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            for epoch in [1, 2, i32::MAX] {
                connection.ask(4, ends(&topic, [end(0, epoch)]));
            }
        }),
        case("the epoch -1 has no end, and no error", |s| {
            let topic = filled(s);
            s.connect().ask(4, ends(&topic, [end(0, -1)]));
        }),
        case("an epoch before the first one ends where the log begins", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            for epoch in [-2, -3, i32::MIN] {
                connection.ask(4, ends(&topic, [end(0, epoch)]));
            }
        }),
        case("epochs of an empty log", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            for epoch in [0, 1, -1, -2] {
                connection.ask(4, ends(&topic, [end(0, epoch)]));
            }
        }),
        case(
            "the epoch that the client knows is compared with the leader's",
            |s| {
                let topic = filled(s);
                let mut connection = s.connect();
                for current in [-1, 0, 1, i32::MAX, -2, i32::MIN] {
                    connection.ask(4, ends(&topic, [fenced(0, current, 0)]));
                }
            },
        ),
        case(
            "a known epoch and an epoch asked for that both are too large",
            |s| {
                let topic = filled(s);
                let mut connection = s.connect();
                for (current, epoch) in [(1, 1), (1, -1), (0, 1), (0, -1), (0, -2)] {
                    connection.ask(4, ends(&topic, [fenced(0, current, epoch)]));
                }
            },
        ),
    ]
}

fn requests() -> Vec<Case> {
    vec![
        case("partitions that do not exist have no epochs", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            for index in [1, -1, i32::MAX, i32::MIN] {
                connection.ask(4, ends(&topic, [end(index, 0)]));
            }
            connection.ask(4, ends("", [end(0, 0)]));
            connection.ask(4, ends("a b", [end(0, 0)]));
        }),
        case(
            "an unknown partition is refused whatever epoch the client knows",
            |s| {
                let topic = s.topic();
                let mut connection = s.connect();
                for current in [0, 9, -2] {
                    connection.ask(4, ends(&topic, [fenced(3, current, 0)]));
                }
            },
        ),
        case("epochs of several topics, some of them unknown", |s| {
            let first = filled(s);
            let second = s.name();
            s.create(&second, 2, &[]);
            s.quietly().ask(9, produce(&second, batch(&["e"])));
            let unknown = s.name();
            let mut several = ends(&first, [end(0, 0), end(1, 0)]);
            several
                .topics
                .extend(ends(&second, [end(0, 0), end(1, 0), fenced(0, 5, 0)]).topics);
            several.topics.extend(ends(&unknown, [end(0, 0)]).topics);
            let mut connection = s.connect();
            for version in VERSIONS {
                connection.ask(version, several.clone());
            }
        }),
        case("epochs of a partition listed twice", |s| {
            let topic = filled(s);
            s.connect()
                .ask(4, ends(&topic, [end(0, 0), end(0, -2), end(0, 1)]));
        }),
        case("epochs of a topic listed twice", |s| {
            let topic = filled(s);
            let mut twice = ends(&topic, [end(0, 0)]);
            twice.topics.extend(ends(&topic, [end(0, -2), end(1, 0)]).topics);
            s.connect().ask(4, twice);
        }),
        case("OffsetForLeaderEpoch without topics or partitions", |s| {
            let topic = s.topic();
            let unknown = s.name();
            let mut connection = s.connect();
            for version in VERSIONS {
                connection.ask(version, OffsetForLeaderEpochRequest::default());
                connection.ask(version, ends(&topic, []));
                connection.ask(version, ends(&unknown, []));
            }
        }),
        case("replica ids that ask for epochs", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            let broker_id = s.broker_id();
            for replica_id in [-1, -2, -3, broker_id, broker_id + 1, i32::MAX] {
                connection.ask(
                    4,
                    OffsetForLeaderEpochRequest {
                        replica_id,
                        ..ends(&topic, [end(0, 0)])
                    },
                );
            }
        }),
    ]
}
