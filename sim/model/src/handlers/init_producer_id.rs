//! InitProducerId: a fresh id with epoch 0 for every idempotent producer.

use linger_protocol::ErrorCode;
use linger_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

use super::handler::{Answer, Handler, Never, Outcome};
use crate::cx::Cx;

/// `transaction.max.timeout.ms`.
const TRANSACTION_TIMEOUT_MAX_MS: i32 = 900_000;

pub(crate) struct InitProducerId;

impl Handler for InitProducerId {
    type Request = InitProducerIdRequest;
    type Response = InitProducerIdResponse;
    type Task = Never;

    fn start(cx: &mut Cx<'_>, request: InitProducerIdRequest) -> Outcome<Self> {
        Outcome::Answer(match refusal(&request) {
            Some(code) => refused(code),
            None => InitProducerIdResponse {
                producer_id: cx.producer_ids.allocate(),
                ..InitProducerIdResponse::default()
            },
        })
    }

    fn refuse(_: InitProducerIdRequest, code: ErrorCode) -> Answer<InitProducerIdResponse> {
        Answer::Response(refused(code))
    }

    fn overwrite(response: &mut InitProducerIdResponse, code: ErrorCode) {
        response.error_code = code;
        response.producer_id = -1;
        response.producer_epoch = -1;
    }

    fn throttle_time_ms(response: &mut InitProducerIdResponse) -> &mut i32 {
        &mut response.throttle_time_ms
    }
}

fn refused(error_code: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse {
        error_code,
        producer_epoch: -1,
        ..InitProducerIdResponse::default()
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
