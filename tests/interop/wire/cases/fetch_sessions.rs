//! Fetch sessions (KIP-227): what opens, goes on in and ends one, and what it tells.

use std::time::Duration;

use linger_protocol::messages::{FetchPartition, FetchRequest, FetchResponse, ForgottenTopic, ResponseBody};
use linger_protocol::{ErrorCode, Str};

use super::{Case, case};
use crate::batch::batch;
use crate::request::{fetch, fetch_from, fetch_partition, produce, produce_to};
use crate::script::{Connection, Script};

const VERSION: i16 = 12;
const OPEN: i32 = 0;
const CLOSE: i32 = -1;

/// Much longer than a case takes: a fetch that waits for it did not wait for records.
const LONG_MS: i32 = 15_000;

/// Long enough to tell that a fetch waited.
const SHORT_MS: i32 = 250;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = (7..=VERSION)
        .map(|version| {
            case(
                format!("Fetch v{version} opens a session and tells what is new in it"),
                move |s| {
                    let topic = s.topic_with(2, &[]);
                    add(s, &topic, 0, "a");
                    let mut session = Session::open(s, version, fetch_from(&topic, [0, 1].map(from(0))));
                    session.next(fetch_from(&topic, [fetch_partition(0, 1)]));
                    session.next(nothing());
                    add(s, &topic, 1, "b");
                    session.next(nothing());
                    session.next(fetch_from(&topic, [fetch_partition(1, 1)]));
                    session.next(nothing());
                },
            )
        })
        .collect();
    cases.extend(
        [changes(), members(), epochs(), waits(), without()]
            .into_iter()
            .flatten(),
    );
    cases
}

/// A session as its client keeps it.
struct Session {
    connection: Connection,
    version: i16,
    id: i32,
    epoch: i32,
}

impl Session {
    fn open(s: &mut Script, version: i16, request: FetchRequest) -> Self {
        let mut session = Self {
            connection: s.connect(),
            version,
            id: 0,
            epoch: OPEN,
        };
        session.next(request);
        session
    }

    /// Takes the session's next step, or opens one.
    fn next(&mut self, request: FetchRequest) {
        self.send(request);
        self.receive();
    }

    fn send(&mut self, request: FetchRequest) {
        let step = step(self.id, self.epoch, request);
        self.connection.send(self.version, step);
        self.epoch += 1;
    }

    fn receive(&mut self) {
        if let Some(ResponseBody::Fetch(answer)) = self.connection.next()
            && self.epoch == OPEN + 1
        {
            self.id = answer.session_id;
        }
    }

    /// Asks something that is not the next step.
    fn stray(&mut self, epoch: i32, request: FetchRequest) {
        let step = step(self.id, epoch, request);
        self.connection.ask(self.version, step);
    }
}

fn step(session_id: i32, session_epoch: i32, request: FetchRequest) -> FetchRequest {
    FetchRequest {
        session_id,
        session_epoch,
        ..request
    }
}

fn nothing() -> FetchRequest {
    FetchRequest {
        topics: Vec::new(),
        ..fetch("", 0)
    }
}

fn forgetting(topic: &Str, partitions: &[i32]) -> FetchRequest {
    FetchRequest {
        forgotten_topics_data: vec![ForgottenTopic {
            topic: topic.clone(),
            partitions: partitions.to_vec(),
        }],
        ..nothing()
    }
}

fn from(offset: i64) -> impl Fn(i32) -> FetchPartition {
    move |index| fetch_partition(index, offset)
}

/// Appends a batch of one record.
fn add(s: &Script, topic: &str, index: i32, value: &str) {
    let parts = [(topic, index, batch(&[value]).into())];
    s.quietly().ask(9, produce_to(-1, parts));
}

/// A topic with a record in each of its partitions.
fn filled(s: &Script, partitions: i32) -> Str {
    let topic = s.topic_with(partitions, &[]);
    (0..partitions).for_each(|index| add(s, &topic, index, "a"));
    topic
}

fn changes() -> Vec<Case> {
    vec![
        case("records are told again until the reader asks for others", |s| {
            let topic = filled(s, 1);
            let mut session = Session::open(s, VERSION, fetch(&topic, 0));
            session.next(nothing());
            session.next(nothing());
            session.next(fetch(&topic, 1));
            session.next(nothing());
            session.next(fetch(&topic, 0));
        }),
        case("only the partition that changed is told", |s| {
            let topic = filled(s, 3);
            let mut session = Session::open(s, VERSION, fetch_from(&topic, (0..3).map(from(1))));
            session.next(nothing());
            add(s, &topic, 1, "b");
            session.next(nothing());
            session.next(fetch_from(&topic, [fetch_partition(1, 2)]));
            add(s, &topic, 0, "c");
            add(s, &topic, 2, "d");
            session.next(nothing());
        }),
        case("a partition that gave records is asked last the next time", |s| {
            let topic = filled(s, 3);
            let little = FetchRequest {
                max_bytes: 1,
                ..fetch_from(&topic, (0..3).map(from(0)))
            };
            let mut session = Session::open(s, VERSION, little);
            for _ in 0..4 {
                session.next(FetchRequest {
                    max_bytes: 1,
                    ..nothing()
                });
            }
            session.next(FetchRequest {
                max_bytes: 1,
                ..fetch_from(&topic, [fetch_partition(2, 0)])
            });
        }),
        case("a high watermark that moved is told without records", |s| {
            let topic = filled(s, 2);
            let mut session = Session::open(s, VERSION, fetch_from(&topic, [0, 1].map(from(0))));
            add(s, &topic, 1, "b");
            session.next(FetchRequest {
                max_bytes: 1,
                ..nothing()
            });
            session.next(FetchRequest {
                max_bytes: 1,
                ..nothing()
            });
        }),
        case("an error is told every time", |s| {
            let topic = filled(s, 1);
            let unknown = s.name();
            let mut request = fetch_from(&topic, [fetch_partition(0, 1), fetch_partition(7, 0)]);
            request.topics.extend(fetch(&unknown, 0).topics);
            let mut session = Session::open(s, 7, request);
            session.next(nothing());
            session.next(nothing());
            session.next(forgetting(&unknown, &[0]));
            session.next(forgetting(&topic, &[7]));
        }),
        case(
            "what was an error is told in full when it is none any more",
            |s| {
                let topic = filled(s, 1);
                let mut session = Session::open(s, VERSION, fetch(&topic, 1));
                session.next(fetch(&topic, 5));
                session.next(nothing());
                session.next(fetch(&topic, 1));
                session.next(nothing());
            },
        ),
        case(
            "a topic that comes to be is told by the session that waited for it",
            |s| {
                let topic = s.name();
                let mut session = Session::open(s, VERSION, fetch(&topic, 0));
                s.create(&topic, 1, &[]);
                session.next(nothing());
                session.next(nothing());
            },
        ),
        case(
            "the epochs of a session's partitions are asked again each time",
            |s| {
                let topic = filled(s, 1);
                let of = |current_leader_epoch, last_fetched_epoch, offset| {
                    let partition = FetchPartition {
                        current_leader_epoch,
                        last_fetched_epoch,
                        ..fetch_partition(0, offset)
                    };
                    fetch_from(&topic, [partition])
                };
                let mut session = Session::open(s, VERSION, of(1, -1, 1));
                session.next(nothing());
                session.next(of(0, -1, 1));
                session.next(of(0, 1, 1));
                session.next(nothing());
                session.next(of(0, 0, 2));
                session.next(nothing());
                session.next(of(-1, -1, 1));
            },
        ),
        case(
            "an isolation level that is none spoils a step of a session",
            |s| {
                let topic = filled(s, 2);
                let mut session = Session::open(s, VERSION, fetch_from(&topic, [0, 1].map(from(1))));
                session.next(FetchRequest {
                    isolation_level: 2,
                    ..fetch(&topic, 0)
                });
                session.next(FetchRequest {
                    isolation_level: 1,
                    ..nothing()
                });
                session.next(nothing());
            },
        ),
        case("an isolation level that is none opens no session", |s| {
            let topic = filled(s, 1);
            let spoilt = FetchRequest {
                isolation_level: 2,
                ..fetch(&topic, 0)
            };
            let mut session = Session::open(s, VERSION, spoilt.clone());
            session.next(nothing());
            session.stray(5, spoilt);
        }),
    ]
}

fn members() -> Vec<Case> {
    vec![
        case("a partition that is forgotten is told no more", |s| {
            let topic = filled(s, 2);
            let mut session = Session::open(s, VERSION, fetch_from(&topic, [0, 1].map(from(0))));
            session.next(forgetting(&topic, &[0]));
            session.next(forgetting(&topic, &[0, 5]));
            session.next(fetch_from(&topic, [fetch_partition(1, 1)]));
            session.next(fetch_from(&topic, [fetch_partition(0, 1)]));
            session.next(nothing());
        }),
        case("a session whose last partition is forgotten ends", |s| {
            let topic = filled(s, 1);
            let mut session = Session::open(s, VERSION, fetch(&topic, 0));
            session.next(forgetting(&topic, &[0]));
            session.next(fetch(&topic, 0));
        }),
        case("a partition both named and forgotten is forgotten", |s| {
            let topic = filled(s, 2);
            let mut session = Session::open(s, VERSION, fetch_from(&topic, [0, 1].map(from(1))));
            session.next(FetchRequest {
                topics: fetch_from(&topic, [0, 1].map(from(0))).topics,
                ..forgetting(&topic, &[0])
            });
            session.next(nothing());
            session.next(FetchRequest {
                topics: fetch_from(&topic, [fetch_partition(1, 0)]).topics,
                ..forgetting(&topic, &[1])
            });
            session.next(nothing());
        }),
        case("a partition joins a session and is told at once", |s| {
            let topic = filled(s, 2);
            let other = filled(s, 1);
            let mut session = Session::open(s, 7, fetch(&topic, 1));
            session.next(fetch_from(&topic, [fetch_partition(1, 1)]));
            session.next(fetch(&other, 1));
            session.next(nothing());
            add(s, &other, 0, "b");
            session.next(nothing());
        }),
        case(
            "a partition listed twice counts by its last place in a session",
            |s| {
                let topic = filled(s, 1);
                add(s, &topic, 0, "b");
                let mut session = Session::open(
                    s,
                    VERSION,
                    fetch_from(&topic, [0, 1, 2].map(|offset| from(offset)(0))),
                );
                session.next(fetch_from(&topic, [1, 0].map(|offset| from(offset)(0))));
                session.next(nothing());
                session.next(fetch_from(&topic, [0, 2].map(|offset| from(offset)(0))));
            },
        ),
        case(
            "limits are those of each step, and of a partition those it was last given",
            |s| {
                let topic = filled(s, 1);
                add(s, &topic, 0, "b");
                let limited = |partition_max_bytes| {
                    let partition = FetchPartition {
                        partition_max_bytes,
                        ..fetch_partition(0, 0)
                    };
                    fetch_from(&topic, [partition])
                };
                let mut session = Session::open(s, VERSION, limited(1));
                session.next(nothing());
                session.next(limited(-1));
                session.next(nothing());
                session.next(limited(1_000));
                session.next(FetchRequest {
                    max_bytes: 1,
                    ..nothing()
                });
                session.next(FetchRequest {
                    max_bytes: -1,
                    ..nothing()
                });
                session.next(nothing());
            },
        ),
        case("a session of nothing", |s| {
            let mut session = Session::open(s, VERSION, nothing());
            session.next(nothing());
            session.next(nothing());
        }),
        case("a session of nothing that something joins", |s| {
            let topic = filled(s, 1);
            let mut session = Session::open(s, VERSION, nothing());
            session.next(fetch(&topic, 0));
            session.next(nothing());
        }),
    ]
}

fn without() -> Vec<Case> {
    vec![
        case(
            "a session that does not exist is FETCH_SESSION_ID_NOT_FOUND",
            |s| {
                let topic = filled_twice(s);
                let mut connection = s.connect();
                for version in [7, 12] {
                    for (id, epoch) in [(1_234, 1), (0, 5)] {
                        connection.ask(version, step(id, epoch, fetch(&topic, 0)));
                    }
                }
            },
        ),
        case("without a session any id gives a full fetch", |s| {
            let topic = filled_twice(s);
            let mut connection = s.connect();
            for id in [0, 1_234, -1] {
                connection.ask(7, step(id, CLOSE, fetch(&topic, 0)));
            }
        }),
        case("what is forgotten does not matter without a session", |s| {
            let topic = filled_twice(s);
            s.connect().ask(
                7,
                FetchRequest {
                    topics: fetch(&topic, 0).topics,
                    ..forgetting(&topic, &[0])
                },
            );
        }),
        case("a fetch that wants a session gets its records", |s| {
            let topic = filled_twice(s);
            s.connect().ask(7, step(0, OPEN, fetch(&topic, 0)));
        }),
    ]
}

/// A topic of two batches of two records.
fn filled_twice(s: &Script) -> Str {
    let topic = s.topic();
    let mut connection = s.quietly();
    connection.ask(9, produce(&topic, batch(&["a", "b"])));
    connection.ask(9, produce(&topic, batch(&["c", "d"])));
    topic
}

fn epochs() -> Vec<Case> {
    vec![
        case("a step out of turn is INVALID_FETCH_SESSION_EPOCH", |s| {
            let topic = filled(s, 1);
            let mut session = Session::open(s, VERSION, fetch(&topic, 0));
            for epoch in [2, i32::MAX, -2, i32::MIN] {
                session.stray(epoch, nothing());
            }
            session.next(nothing());
            session.stray(1, fetch(&topic, 1));
            session.next(nothing());
        }),
        case(
            "a session epoch below -1 is no way to go without a session",
            |s| {
                let topic = filled(s, 1);
                let mut connection = s.connect();
                for version in [7, 12] {
                    for (id, epoch) in [(0, -2), (0, i32::MIN), (-1, -2), (0, i32::MAX)] {
                        connection.ask(version, step(id, epoch, fetch(&topic, 0)));
                    }
                }
            },
        ),
        case("a closed session is gone, and its last answer is full", |s| {
            let topic = filled(s, 2);
            let mut session = Session::open(s, VERSION, fetch_from(&topic, [0, 1].map(from(1))));
            session.next(nothing());
            session.stray(CLOSE, fetch(&topic, 1));
            session.next(nothing());
            session.stray(CLOSE, nothing());
        }),
        case("a session that is opened in place of another", |s| {
            let topic = filled(s, 1);
            let mut session = Session::open(s, VERSION, fetch(&topic, 1));
            session.next(nothing());
            let old = session.id;
            session.epoch = OPEN;
            session.next(fetch(&topic, 1));
            s.note(if session.id == old {
                "the same id"
            } else {
                "another id"
            });
            session.connection.ask(VERSION, step(old, 2, nothing()));
            session.next(nothing());
        }),
        case("a session belongs to no connection", |s| {
            let topic = filled(s, 1);
            let mut session = Session::open(s, VERSION, fetch(&topic, 1));
            session.connection = s.connect();
            session.version = 7;
            session.next(nothing());
            session.next(fetch(&topic, 0));
        }),
        case("an id that was no session's may be closed and replaced", |s| {
            let topic = filled(s, 1);
            let mut connection = s.connect();
            for id in [1_234, -1] {
                connection.ask(VERSION, step(id, CLOSE, fetch(&topic, 1)));
                connection.ask(VERSION, step(id, OPEN, fetch(&topic, 1)));
            }
        }),
        case("an id that no session can have is UNKNOWN_SERVER_ERROR", |s| {
            let topic = filled(s, 1);
            let mut connection = s.connect();
            for id in [
                -268_435_454,
                -268_435_455,
                i32::MIN,
                2_147_483_639,
                2_147_483_640,
                i32::MAX,
            ] {
                for epoch in [CLOSE, OPEN, 1] {
                    connection.ask(VERSION, step(id, epoch, fetch(&topic, 1)));
                }
                connection.ask(7, step(id, 1, nothing()));
            }
        }),
    ]
}

fn waits() -> Vec<Case> {
    vec![
        case(
            "a step without a change waits its time and comes back empty",
            |s| {
                let topic = filled(s, 2);
                let mut session = Session::open(s, VERSION, fetch_from(&topic, [0, 1].map(from(1))));
                session.send(waiting(SHORT_MS, nothing()));
                session
                    .connection
                    .next_after(Duration::from_millis(SHORT_MS as u64));
                session.next(nothing());
            },
        ),
        case("a step that waits is answered once there are records", |s| {
            let topic = filled(s, 2);
            let mut session = Session::open(s, VERSION, fetch_from(&topic, [0, 1].map(from(1))));
            session.send(waiting(LONG_MS, nothing()));
            add(s, &topic, 1, "b");
            session.receive();
            session.next(nothing());
        }),
        case("the first step of a session waits as well", |s| {
            let topic = filled(s, 1);
            let mut session = Session::open(s, VERSION, waiting(SHORT_MS, fetch(&topic, 1)));
            session.next(nothing());
        }),
        case("a step waits although a high watermark moved", |s| {
            let topic = filled(s, 1);
            let mut session = Session::open(s, VERSION, fetch(&topic, 1));
            add(s, &topic, 0, "b");
            session.send(FetchRequest {
                min_bytes: 1 << 20,
                ..waiting(SHORT_MS, fetch(&topic, 2))
            });
            session
                .connection
                .next_after(Duration::from_millis(SHORT_MS as u64));
            session.next(nothing());
        }),
        case("a step with an error does not wait", |s| {
            let topic = filled(s, 1);
            let mut session = Session::open(s, VERSION, fetch(&topic, 1));
            session.next(waiting(LONG_MS, fetch(&topic, 5)));
            session.next(waiting(LONG_MS, nothing()));
        }),
        case("a step that overtakes one that waits makes it invalid", |s| {
            let topic = filled(s, 1);
            let mut session = Session::open(s, VERSION, fetch(&topic, 1));
            session.send(waiting(SHORT_MS, nothing()));
            // Two connections have no order. Once the step waits, the next one is 2.
            let mut other = s.quietly();
            let mut overtake = || fetched(other.ask(VERSION, step(session.id, 2, nothing())));
            let mut overtaking = overtake();
            while overtaking.error_code == ErrorCode::INVALID_FETCH_SESSION_EPOCH {
                overtaking = overtake();
            }
            s.note(outcome(&overtaking));
            session.receive();
        }),
        case("a session that is closed while a step waits answers it", |s| {
            let topic = filled(s, 1);
            loop {
                let mut waits = s.quietly();
                let id = fetched(waits.ask(VERSION, step(0, OPEN, fetch(&topic, 1)))).session_id;
                waits.send(VERSION, step(id, 1, waiting(SHORT_MS, nothing())));
                s.quietly().ask(VERSION, step(id, CLOSE, nothing()));
                let answer = fetched(waits.next());
                // Otherwise it was closed before the step came.
                if answer.error_code != ErrorCode::FETCH_SESSION_ID_NOT_FOUND {
                    return s.note(outcome(&answer));
                }
            }
        }),
    ]
}

fn fetched(answer: Option<ResponseBody>) -> FetchResponse {
    match answer {
        Some(ResponseBody::Fetch(answer)) => answer,
        other => panic!("an answer to Fetch: {other:?}"),
    }
}

fn outcome(answer: &FetchResponse) -> String {
    let session = if answer.session_id == 0 { "none" } else { "one" };
    let topics = answer.responses.len();
    format!("{}, session {session}, {topics} topics", answer.error_code)
}

fn waiting(max_wait_ms: i32, request: FetchRequest) -> FetchRequest {
    FetchRequest {
        max_wait_ms,
        ..request
    }
}
