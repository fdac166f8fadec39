//! Sequences, duplicates and epochs of idempotent producers.

use linger_protocol::Bytes;
use linger_protocol::records::Codec;

use super::{Case, case};
use crate::batch::{Batch, CRC_AT, batch, compressible};
use crate::request::{ALL, fetch, produce, produce_to};
use crate::script::Script;

/// Brokers accept any producer id. Cases use different partitions, so ids may repeat.
const PID: i64 = 4_000_000;

pub(crate) fn cases() -> Vec<Case> {
    let cases = [duplicates(), gaps(), epochs(), identities(), scopes()];
    cases.into_iter().flatten().collect()
}

/// A case of batches `(count, epoch, sequence)` of one producer to one partition, and what the
/// partition then holds.
fn runs(name: &str, steps: &'static [(usize, i16, i32)]) -> Case {
    sends(name, || {
        steps
            .iter()
            .map(|&(count, epoch, sequence)| numbered(count, epoch, sequence).into())
            .collect()
    })
}

fn sends(name: &str, make: impl Fn() -> Vec<Bytes> + Send + Sync + 'static) -> Case {
    case(name, move |s: &mut Script| {
        let topic = s.topic();
        let mut connection = s.connect();
        for bytes in make() {
            connection.ask(9, produce(&topic, bytes));
        }
        connection.ask(4, fetch(&topic, 0));
    })
}

fn numbered(count: usize, epoch: i16, sequence: i32) -> Batch {
    batch(&["a", "b", "c", "d", "e", "f"][..count]).by(PID, epoch, sequence)
}

fn duplicates() -> Vec<Case> {
    vec![
        runs(
            "a duplicate is answered with the offset and time of the original",
            &[(2, 0, 0), (2, 0, 0), (1, 0, 2), (1, 0, 2)],
        ),
        case("a duplicate is answered in every version's shape", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            for version in 3..=12 {
                connection.ask(version, produce(&topic, numbered(2, 0, 0)));
            }
        }),
        runs(
            "the last five batches are known, the sixth is out of order",
            &[
                (1, 0, 0),
                (1, 0, 1),
                (1, 0, 2),
                (1, 0, 3),
                (1, 0, 4),
                (1, 0, 5),
                (1, 0, 1),
                (1, 0, 5),
                (1, 0, 0),
            ],
        ),
        runs(
            "a duplicate pushes no other batch out of the five",
            &[
                (1, 0, 0),
                (1, 0, 1),
                (1, 0, 2),
                (1, 0, 3),
                (1, 0, 4),
                (1, 0, 4),
                (1, 0, 4),
                (1, 0, 0),
            ],
        ),
        runs(
            "only the same first and last sequence are a duplicate",
            &[
                (3, 0, 0),
                (2, 0, 0),
                (1, 0, 0),
                (2, 0, 1),
                (1, 0, 2),
                (4, 0, 0),
                (3, 0, 0),
            ],
        ),
        runs(
            "two old batches as one are no duplicate",
            &[(1, 0, 0), (1, 0, 1), (2, 0, 0)],
        ),
        sends("a duplicate may carry other records, codec and times", || {
            let first = numbered(2, 0, 0);
            let other = batch(&["x", "y"]).by(PID, 0, 0).at(0);
            let packed = batch(&[&compressible(), "y"]).by(PID, 0, 0).packed(Codec::Lz4);
            vec![first.into(), other.into(), packed.into()]
        }),
        sends("a duplicate that is corrupt is corrupt first", || {
            let mut corrupt = numbered(1, 0, 0).bytes();
            corrupt[CRC_AT] ^= 1;
            vec![numbered(1, 0, 0).into(), corrupt.into()]
        }),
        sends("a duplicate of bad times is refused for them first", || {
            vec![numbered(1, 0, 0).into(), numbered(1, 0, 0).at(i64::MAX).into()]
        }),
        case(
            "a duplicate is answered with the broker's time on a topic that keeps it",
            |s| {
                let topic = s.topic_with(1, &[("message.timestamp.type", "LogAppendTime")]);
                let mut connection = s.connect();
                for _ in 0..2 {
                    connection.ask(9, produce(&topic, numbered(1, 0, 0)));
                }
            },
        ),
    ]
}

fn gaps() -> Vec<Case> {
    vec![
        runs(
            "a gap is OUT_OF_ORDER_SEQUENCE_NUMBER, and what follows in order is not",
            &[(1, 0, 0), (1, 0, 2), (1, 0, 1), (1, 0, 2)],
        ),
        runs(
            "a producer nobody knows may begin at any sequence",
            &[(1, 0, 41), (1, 0, 42), (1, 0, 44)],
        ),
        runs(
            "a producer nobody knows may begin at any epoch",
            &[(1, 7, 3), (1, 7, 4), (1, 6, 5)],
        ),
        sends("a refused batch uses up no sequence", || {
            vec![
                numbered(1, 0, 0).into(),
                numbered(1, 0, 1).at(i64::MAX).into(),
                numbered(1, 0, 1).header(|header| header.count = 7).into(),
                numbered(1, 0, 1).into(),
            ]
        }),
        runs(
            "after the largest sequence comes 0",
            &[
                (1, 0, i32::MAX - 1),
                (1, 0, i32::MAX),
                (1, 0, 0),
                (1, 0, i32::MAX),
                (1, 0, 1),
            ],
        ),
        runs(
            "a batch may span the largest sequence",
            &[
                (1, 0, i32::MAX - 2),
                (4, 0, i32::MAX - 1),
                (4, 0, i32::MAX - 1),
                (1, 0, 2),
            ],
        ),
        runs(
            "a wrap that skips 0 is out of order",
            &[(2, 0, i32::MAX - 1), (1, 0, 1), (1, 0, 0)],
        ),
        case("batches sent ahead behind a gap are all out of order", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            for sequence in [0, 2, 3, 4, 1] {
                connection.send(9, produce(&topic, numbered(1, 0, sequence)));
            }
            (0..5).for_each(|_| drop(connection.next()));
        }),
    ]
}

fn epochs() -> Vec<Case> {
    vec![
        runs(
            "a new epoch begins at 0",
            &[(1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1)],
        ),
        runs(
            "a new epoch that goes on with the sequence is out of order",
            &[(1, 0, 0), (1, 1, 1), (1, 0, 1), (1, 1, 0)],
        ),
        runs(
            "an old epoch is INVALID_PRODUCER_EPOCH",
            &[(1, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1)],
        ),
        runs(
            "a duplicate of an older epoch is of an old epoch",
            &[(1, 0, 0), (1, 1, 0), (1, 0, 0)],
        ),
        runs(
            "a batch of a former epoch is forgotten with it",
            &[(1, 0, 0), (1, 1, 0), (1, 2, 0), (1, 1, 0), (1, 2, 0)],
        ),
        runs(
            "epochs may be skipped, up to the largest",
            &[(1, 0, 0), (1, 5, 0), (1, i16::MAX, 0), (1, 5, 1)],
        ),
        runs(
            "epoch -1 with an id is kept in order like another",
            &[
                (1, -1, 0),
                (1, -1, 1),
                (1, -1, 1),
                (1, -1, 5),
                (1, 0, 9),
                (1, 0, 10),
            ],
        ),
        runs(
            "an epoch below -1 is INVALID_PRODUCER_EPOCH",
            &[(1, -2, 0), (1, i16::MIN, 0), (1, 0, 0)],
        ),
    ]
}

fn identities() -> Vec<Case> {
    vec![
        sends("a negative id is none, whatever its sequence", || {
            let steps = [
                (-1, 0, 0),
                (-1, 0, 0),
                (-1, 0, 9),
                (-2, 3, 1),
                (-2, 3, 1),
                (i64::MIN, 0, -1),
            ];
            steps
                .map(|(id, epoch, sequence)| batch(&["a"]).by(id, epoch, sequence).into())
                .into()
        }),
        sends("an id needs a sequence", || {
            [(0, -1), (0, -2), (-1, -1), (0, i32::MIN)]
                .map(|(epoch, sequence)| batch(&["a"]).by(PID, epoch, sequence).into())
                .into()
        }),
        sends("ids 0 and the largest are ids like others", || {
            let steps = [(0, 0), (0, 0), (0, 1), (i64::MAX, 0), (i64::MAX, 2)];
            steps
                .map(|(id, sequence)| batch(&["a"]).by(id, 0, sequence).into())
                .into()
        }),
        sends(
            "two producers do not disturb each other, nor one without id",
            || {
                let steps = [(1, 0), (2, 0), (1, 1), (-1, -1), (2, 1), (1, 1), (2, 0)];
                steps
                    .map(|(id, sequence)| batch(&["a"]).by(id, if id < 0 { -1 } else { 0 }, sequence).into())
                    .into()
            },
        ),
        case("an id from InitProducerId produces in order", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            let Some(linger_protocol::messages::ResponseBody::InitProducerId(given)) =
                connection.ask(4, crate::request::init_producer_id())
            else {
                return;
            };
            for sequence in [0, 0, 1, 3] {
                let batch = batch(&["a"]).by(given.producer_id, given.producer_epoch, sequence);
                connection.ask(9, produce(&topic, batch));
            }
        }),
    ]
}

fn scopes() -> Vec<Case> {
    vec![
        case("every partition counts for itself", |s| {
            let topic = s.topic_with(2, &[]);
            let mut connection = s.connect();
            let both = |first: i32, second: i32| {
                produce_to(
                    ALL,
                    [
                        (&*topic, 0, numbered(1, 0, first).into()),
                        (&*topic, 1, numbered(1, 0, second).into()),
                    ],
                )
            };
            for (first, second) in [(0, 0), (1, 1), (1, 3), (2, 2)] {
                connection.ask(9, both(first, second));
            }
        }),
        case("acks 1 is idempotent too", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            for sequence in [0, 0, 2, 1] {
                connection.ask(9, produce_to(1, [(&*topic, 0, numbered(1, 0, sequence).into())]));
            }
        }),
        case("producers are known on every connection", |s| {
            let topic = s.topic();
            for sequence in [0, 0, 1, 1, 3] {
                s.connect().ask(9, produce(&topic, numbered(1, 0, sequence)));
            }
        }),
        case(
            "with a batch given twice in a request the sequence of the last counts",
            |s| {
                let topic = s.topic();
                let mut connection = s.connect();
                let parts = [
                    (&*topic, 0, numbered(1, 0, 0).into()),
                    (&*topic, 0, numbered(1, 0, 1).into()),
                ];
                connection.ask(9, produce_to(ALL, parts));
                connection.ask(9, produce(&topic, numbered(1, 0, 2)));
                connection.ask(9, produce(&topic, numbered(1, 0, 0)));
            },
        ),
    ]
}
