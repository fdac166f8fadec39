//! Fetch: bounds in offsets, bytes and time.

use std::time::Duration;

use linger_protocol::Str;
use linger_protocol::messages::{FetchPartition, FetchRequest};

use super::{Case, case};
use crate::batch::{batch, compressible};
use crate::request::{fetch, fetch_from, fetch_partition, produce, produce_to};
use crate::script::Script;

/// Much longer than a case takes: a fetch that waits for it did not wait for records.
const LONG_MS: i32 = 15_000;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = (4..=12)
        .map(|version| {
            case(
                format!("Fetch v{version} answers records, ends and errors in its shape"),
                move |s| {
                    let topic = filled(s);
                    let unknown = s.name();
                    let mut connection = s.connect();
                    for offset in [0, 4, 5] {
                        connection.ask(version, fetch(&topic, offset));
                    }
                    connection.ask(version, fetch_from(&topic, [fetch_partition(9, 0)]));
                    connection.ask(version, fetch(&unknown, 0));
                },
            )
        })
        .collect();
    cases.extend(
        [offsets(), sizes(), waits(), epochs(), requests()]
            .into_iter()
            .flatten(),
    );
    cases
}

/// A topic of two batches of two records.
fn filled(s: &Script) -> Str {
    let topic = s.topic();
    let mut connection = s.quietly();
    connection.ask(9, produce(&topic, batch(&["a", "b"])));
    connection.ask(9, produce(&topic, batch(&["c", "d"])));
    topic
}

fn offsets() -> Vec<Case> {
    vec![
        case("an offset inside a batch gives the whole batch", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            (0..=4).for_each(|offset| drop(connection.ask(4, fetch(&topic, offset))));
        }),
        case("an offset out of range is answered at once", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            for offset in [5, -1, -2, i64::MAX, i64::MIN] {
                connection.ask(
                    4,
                    FetchRequest {
                        max_wait_ms: LONG_MS,
                        ..fetch(&topic, offset)
                    },
                );
            }
        }),
        case("an empty log has an end at 0 and nothing beyond", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            [0, 1, -1]
                .into_iter()
                .for_each(|offset| drop(connection.ask(4, fetch(&topic, offset))));
        }),
        case("partitions that do not exist are answered at once", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            for index in [1, -1, i32::MAX] {
                let missing = fetch_from(&topic, [fetch_partition(index, 0)]);
                connection.ask(
                    11,
                    FetchRequest {
                        max_wait_ms: LONG_MS,
                        ..missing
                    },
                );
            }
            connection.ask(
                11,
                FetchRequest {
                    max_wait_ms: LONG_MS,
                    ..fetch("a b", 0)
                },
            );
        }),
    ]
}

fn sizes() -> Vec<Case> {
    vec![
        case("the first batch comes whole, whatever the limit", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            for max_bytes in [1, 0] {
                connection.ask(
                    4,
                    FetchRequest {
                        max_bytes,
                        ..fetch(&topic, 0)
                    },
                );
                connection.ask(4, limited(&topic, max_bytes));
            }
            connection.ask(
                4,
                FetchRequest {
                    max_bytes: 1,
                    ..fetch(&topic, 2)
                },
            );
        }),
        case("negative limits of bytes", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            connection.ask(
                11,
                FetchRequest {
                    max_bytes: -1,
                    ..fetch(&topic, 0)
                },
            );
            connection.ask(11, limited(&topic, -1));
            connection.ask(11, limited(&topic, i32::MIN));
        }),
        case("the last batch is cut at the partition's limit", |s| {
            let topic = filled(s);
            let size = batch(&["a", "b"]).bytes().len() as i32;
            let mut connection = s.connect();
            for limit in [size - 1, size, size + 1, size + 17, 2 * size - 1, 2 * size] {
                connection.ask(4, limited(&topic, limit));
            }
        }),
        case("the last batch is cut at the request's limit", |s| {
            let topic = filled(s);
            let size = batch(&["a", "b"]).bytes().len() as i32;
            let mut connection = s.connect();
            for max_bytes in [size, size + 20, 2 * size] {
                connection.ask(
                    4,
                    FetchRequest {
                        max_bytes,
                        ..fetch(&topic, 0)
                    },
                );
            }
        }),
        case("the request's limit is spent partition by partition", |s| {
            let topic = s.topic_with(3, &[]);
            let parts = (0..3).map(|index| (&*topic, index, batch(&["a", "b"]).into()));
            s.quietly().ask(9, produce_to(-1, parts));
            let size = batch(&["a", "b"]).bytes().len() as i32;
            let mut connection = s.connect();
            for max_bytes in [1, size, size + 5, 2 * size, 3 * size] {
                let partitions = (0..3).map(|index| fetch_partition(index, 0));
                connection.ask(
                    4,
                    FetchRequest {
                        max_bytes,
                        ..fetch_from(&topic, partitions)
                    },
                );
            }
        }),
        case("the order of the request decides who gets the bytes", |s| {
            let topic = s.topic_with(3, &[]);
            let parts = (0..3).map(|index| (&*topic, index, batch(&["a", "b"]).into()));
            s.quietly().ask(9, produce_to(-1, parts));
            let partitions = [2, 0, 1].map(|index| fetch_partition(index, 0));
            s.connect().ask(
                4,
                FetchRequest {
                    max_bytes: 1,
                    ..fetch_from(&topic, partitions)
                },
            );
        }),
        case("an empty partition leaves its bytes to the next", |s| {
            let topic = s.topic_with(2, &[]);
            s.quietly()
                .ask(9, produce_to(-1, [(&*topic, 1, batch(&["a"]).into())]));
            let partitions = [0, 1].map(|index| fetch_partition(index, 0));
            s.connect().ask(
                4,
                FetchRequest {
                    max_bytes: 1,
                    ..fetch_from(&topic, partitions)
                },
            );
        }),
        case("a large batch comes through a small limit whole", |s| {
            let topic = s.topic();
            s.quietly()
                .ask(9, produce(&topic, batch(&[&"x".repeat(200_000)])));
            s.connect().ask(
                4,
                FetchRequest {
                    max_bytes: 100,
                    ..limited(&topic, 100)
                },
            );
        }),
    ]
}

fn limited(topic: &str, partition_max_bytes: i32) -> FetchRequest {
    fetch_from(
        topic,
        [FetchPartition {
            partition_max_bytes,
            ..fetch_partition(0, 0)
        }],
    )
}

fn waits() -> Vec<Case> {
    vec![
        case("a fetch at the end waits its time and comes back empty", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            connection.send(
                4,
                FetchRequest {
                    max_wait_ms: 250,
                    ..fetch(&topic, 4)
                },
            );
            connection.next_after(Duration::from_millis(250));
        }),
        case(
            "a fetch for more bytes than there are waits, and then gives what there is",
            |s| {
                let topic = filled(s);
                let mut connection = s.connect();
                connection.send(
                    4,
                    FetchRequest {
                        max_wait_ms: 250,
                        min_bytes: 1 << 20,
                        ..fetch(&topic, 0)
                    },
                );
                connection.next_after(Duration::from_millis(250));
            },
        ),
        case("a waiting fetch is answered as soon as there are records", |s| {
            let topic = filled(s);
            let mut waiting = s.connect();
            waiting.send(
                4,
                FetchRequest {
                    max_wait_ms: LONG_MS,
                    ..fetch(&topic, 4)
                },
            );
            s.connect().ask(9, produce(&topic, batch(&["e"])));
            waiting.next();
        }),
        case("a waiting fetch is answered once there are enough bytes", |s| {
            let topic = s.topic();
            let size = batch(&["a"]).bytes().len() as i32;
            let mut waiting = s.connect();
            waiting.send(
                4,
                FetchRequest {
                    max_wait_ms: LONG_MS,
                    min_bytes: 2 * size,
                    ..fetch(&topic, 0)
                },
            );
            let mut producing = s.connect();
            producing.ask(9, produce(&topic, batch(&["a"])));
            producing.ask(9, produce(&topic, batch(&["b"])));
            waiting.next();
        }),
        case("bytes of all partitions count together", |s| {
            let topic = s.topic_with(2, &[]);
            let size = batch(&["a"]).bytes().len() as i32;
            let mut waiting = s.connect();
            let both = fetch_from(&topic, [fetch_partition(0, 0), fetch_partition(1, 0)]);
            waiting.send(
                4,
                FetchRequest {
                    max_wait_ms: LONG_MS,
                    min_bytes: 2 * size,
                    ..both
                },
            );
            let mut producing = s.connect();
            producing.ask(9, produce(&topic, batch(&["a"])));
            producing.ask(9, produce_to(-1, [(&*topic, 1, batch(&["b"]).into())]));
            waiting.next();
        }),
        case("an error in one partition ends the wait for the others", |s| {
            let topic = s.topic_with(2, &[]);
            let both = fetch_from(&topic, [fetch_partition(0, 0), fetch_partition(1, 5)]);
            s.connect().ask(
                4,
                FetchRequest {
                    max_wait_ms: LONG_MS,
                    ..both
                },
            );
        }),
        case(
            "a partition that does not exist does not end the wait for the others",
            |s| {
                let topic = filled(s);
                let both = fetch_from(&topic, [fetch_partition(0, 4), fetch_partition(7, 0)]);
                let mut connection = s.connect();
                connection.send(
                    4,
                    FetchRequest {
                        max_wait_ms: 250,
                        ..both
                    },
                );
                connection.next_after(Duration::from_millis(250));
            },
        ),
        case(
            "without a partition that exists the isolation level does not matter",
            |s| {
                let topic = filled(s);
                let missing = fetch_from(&topic, [fetch_partition(7, 0)]);
                let mut connection = s.connect();
                for isolation_level in [1, 2, -1] {
                    connection.ask(
                        4,
                        FetchRequest {
                            isolation_level,
                            ..missing.clone()
                        },
                    );
                }
            },
        ),
        case("no bytes wanted, no time given: no wait", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            connection.ask(
                4,
                FetchRequest {
                    max_wait_ms: LONG_MS,
                    min_bytes: 0,
                    ..fetch(&topic, 4)
                },
            );
            connection.ask(
                4,
                FetchRequest {
                    max_wait_ms: LONG_MS,
                    min_bytes: -1,
                    ..fetch(&topic, 4)
                },
            );
            connection.ask(
                4,
                FetchRequest {
                    max_wait_ms: 0,
                    min_bytes: 100,
                    ..fetch(&topic, 4)
                },
            );
            connection.ask(
                4,
                FetchRequest {
                    max_wait_ms: -1,
                    min_bytes: 100,
                    ..fetch(&topic, 4)
                },
            );
        }),
        case("a fetch of nothing is answered at once", |s| {
            let mut connection = s.connect();
            for version in [4, 7, 12] {
                connection.ask(
                    version,
                    FetchRequest {
                        max_wait_ms: LONG_MS,
                        min_bytes: 1,
                        ..FetchRequest::default()
                    },
                );
            }
        }),
        case("what waits behind a waiting fetch is answered after it", |s| {
            let topic = filled(s);
            let mut waiting = s.connect();
            waiting.send(
                4,
                FetchRequest {
                    max_wait_ms: LONG_MS,
                    ..fetch(&topic, 4)
                },
            );
            waiting.send(9, produce(&topic, batch(&["second"])));
            s.connect().ask(9, produce(&topic, batch(&["first"])));
            waiting.next();
            waiting.next();
        }),
    ]
}

fn epochs() -> Vec<Case> {
    vec![
        case(
            "a leader epoch newer than the leader's is UNKNOWN_LEADER_EPOCH",
            |s| {
                let topic = filled(s);
                let mut connection = s.connect();
                for version in [9, 11, 12] {
                    for current_leader_epoch in [-1, 0, 1, i32::MAX, -2, i32::MIN] {
                        let partition = FetchPartition {
                            current_leader_epoch,
                            ..fetch_partition(0, 0)
                        };
                        connection.ask(version, fetch_from(&topic, [partition]));
                    }
                }
            },
        ),
        case("the last fetched epoch shows where logs part", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            for (last_fetched_epoch, offset) in [(0, 2), (0, 4), (1, 2), (-2, 2), (0, 9)] {
                let partition = FetchPartition {
                    last_fetched_epoch,
                    ..fetch_partition(0, offset)
                };
                connection.ask(12, fetch_from(&topic, [partition]));
            }
        }),
    ]
}

fn requests() -> Vec<Case> {
    vec![
        case("isolation levels of Fetch", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            for version in [4, 7] {
                for isolation_level in [0, 1, 2, -1] {
                    connection.ask(
                        version,
                        FetchRequest {
                            isolation_level,
                            ..fetch(&topic, 0)
                        },
                    );
                    connection.ask(
                        version,
                        FetchRequest {
                            isolation_level,
                            ..fetch(&topic, 9)
                        },
                    );
                }
            }
        }),
        case("a partition listed twice is answered once by Fetch", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            connection.ask(
                4,
                fetch_from(&topic, [fetch_partition(0, 0), fetch_partition(0, 2)]),
            );
            connection.ask(
                4,
                fetch_from(&topic, [fetch_partition(0, 2), fetch_partition(0, 0)]),
            );
        }),
        case("a topic listed twice is put together by Fetch", |s| {
            let topic = s.topic_with(2, &[]);
            let parts = (0..2).map(|index| (&*topic, index, batch(&["a"]).into()));
            s.quietly().ask(9, produce_to(-1, parts));
            let mut twice = fetch(&topic, 0);
            twice
                .topics
                .extend(fetch_from(&topic, [fetch_partition(1, 0)]).topics);
            s.connect().ask(4, twice);
        }),
        case("a rack does not matter where there is one broker", |s| {
            let topic = filled(s);
            s.connect().ask(
                11,
                FetchRequest {
                    rack_id: "somewhere".into(),
                    ..fetch(&topic, 0)
                },
            );
        }),
        case("the log start offset of a consumer does not matter", |s| {
            let topic = filled(s);
            let mut connection = s.connect();
            for log_start_offset in [0, 5, -7] {
                let partition = FetchPartition {
                    log_start_offset,
                    ..fetch_partition(0, 0)
                };
                connection.ask(5, fetch_from(&topic, [partition]));
            }
        }),
        case("a reader that is neither consumer nor broker", |s| {
            let topic = filled(s);
            s.connect().ask(
                4,
                FetchRequest {
                    replica_id: -2,
                    ..fetch(&topic, 0)
                },
            );
        }),
        case("compressed batches are given as they are stored", |s| {
            let topic = s.topic();
            let packed = batch(&[&compressible(), "b"]).packed(linger_protocol::records::Codec::Lz4);
            s.quietly().ask(9, produce(&topic, packed));
            let mut connection = s.connect();
            (0..2).for_each(|offset| drop(connection.ask(4, fetch(&topic, offset))));
        }),
    ]
}
