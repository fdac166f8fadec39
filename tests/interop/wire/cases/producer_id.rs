//! InitProducerId, as far as it concerns producers without transactions.

use linger_protocol::messages::{InitProducerIdRequest, ResponseBody};

use super::{Case, case};
use crate::request::init_producer_id;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = (0..=5)
        .map(|version| {
            case(
                format!("InitProducerId v{version} gives an id of epoch 0"),
                move |s| {
                    s.connect().ask(version, init_producer_id());
                },
            )
        })
        .collect();
    cases.extend([
        case("every InitProducerId gives another id", |s| {
            let mut connection = s.connect();
            let mut ids = Vec::new();
            for _ in 0..3 {
                if let Some(ResponseBody::InitProducerId(answer)) = connection.ask(4, init_producer_id()) {
                    ids.push(answer.producer_id);
                }
            }
            ids.dedup();
            s.note(format!("{} ids, ascending: {}", ids.len(), ids.is_sorted()));
        }),
        case("a timeout without a transactional id does not matter", |s| {
            let mut connection = s.connect();
            for transaction_timeout_ms in [0, -1, i32::MIN, i32::MAX] {
                connection.ask(
                    2,
                    InitProducerIdRequest {
                        transaction_timeout_ms,
                        ..init_producer_id()
                    },
                );
            }
        }),
        case(
            "an id without an epoch, or an epoch without an id, is INVALID_REQUEST",
            |s| {
                let mut connection = s.connect();
                for version in [3, 5] {
                    for (producer_id, producer_epoch) in [(5, -1), (-1, 0), (0, -1), (-1, 5)] {
                        connection.ask(
                            version,
                            InitProducerIdRequest {
                                producer_id,
                                producer_epoch,
                                ..init_producer_id()
                            },
                        );
                    }
                }
            },
        ),
        case("an id and epoch without a transactional id are ignored", |s| {
            let mut connection = s.connect();
            for (producer_id, producer_epoch) in [(5, 3), (i64::MAX, i16::MAX), (-2, -2)] {
                let request = InitProducerIdRequest {
                    producer_id,
                    producer_epoch,
                    ..init_producer_id()
                };
                let answer = connection.ask(4, request);
                if let Some(ResponseBody::InitProducerId(answer)) = answer {
                    s.note(format!("another id: {}", answer.producer_id != producer_id));
                }
            }
        }),
        case("an empty transactional id is INVALID_REQUEST", |s| {
            let mut connection = s.connect();
            for version in 0..=5 {
                let transactional_id = Some("".into());
                connection.ask(
                    version,
                    InitProducerIdRequest {
                        transactional_id,
                        ..init_producer_id()
                    },
                );
            }
        }),
        case(
            "a transaction timeout out of range is INVALID_TRANSACTION_TIMEOUT",
            |s| {
                let mut connection = s.connect();
                for transaction_timeout_ms in [0, -1, i32::MIN, 900_001, i32::MAX] {
                    let transactional_id = Some("wire".into());
                    connection.ask(
                        4,
                        InitProducerIdRequest {
                            transactional_id,
                            transaction_timeout_ms,
                            ..init_producer_id()
                        },
                    );
                }
            },
        ),
    ]);
    cases
}
