//! InitProducerId: a fresh id with epoch 0 for every idempotent producer.

use linger_protocol::ErrorCode;
use linger_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

use crate::ClusterModel;

/// `transaction.max.timeout.ms`.
const TRANSACTION_TIMEOUT_MAX_MS: i32 = 900_000;

impl ClusterModel {
    pub(super) fn init_producer_id(&mut self, request: &InitProducerIdRequest) -> InitProducerIdResponse {
        match refusal(request) {
            Some(error_code) => InitProducerIdResponse {
                error_code,
                producer_epoch: -1,
                ..InitProducerIdResponse::default()
            },
            None => {
                let producer_id = self.next_producer_id;
                self.next_producer_id += 1;
                InitProducerIdResponse {
                    producer_id,
                    ..InitProducerIdResponse::default()
                }
            }
        }
    }
}

/// Kafka's checks in its order. A valid transactional id then meets a cluster without coordinators.
fn refusal(request: &InitProducerIdRequest) -> Option<ErrorCode> {
    if (request.producer_id == -1) != (request.producer_epoch == -1) {
        return Some(ErrorCode::INVALID_REQUEST);
    }
    match request.transactional_id.as_deref()? {
        "" => Some(ErrorCode::INVALID_REQUEST),
        _ if !(1..=TRANSACTION_TIMEOUT_MAX_MS).contains(&request.transaction_timeout_ms) => {
            Some(ErrorCode::INVALID_TRANSACTION_TIMEOUT)
        }
        _ => Some(ErrorCode::COORDINATOR_NOT_AVAILABLE),
    }
}
