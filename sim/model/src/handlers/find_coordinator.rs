//! FindCoordinator: the model has no groups and no transactions, so no broker coordinates them.
//!
//! The answer is the one that Kafka gives while it still creates its internal topic. Clients ask
//! again after that answer, so a client that only reads assigned partitions is not disturbed.

use linger_protocol::messages::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use linger_protocol::{ErrorCode, Str};

use super::handler::{Answer, Handler, Never, Outcome};
use crate::cx::Cx;

/// Groups, transactional ids and, from version 6, share groups.
const KEY_TYPES: std::ops::RangeInclusive<i8> = 0..=2;
const SHARE: i8 = 2;
const SHARE_FROM: i16 = 6;

pub(crate) struct FindCoordinator;

impl Handler for FindCoordinator {
    type Request = FindCoordinatorRequest;
    type Response = FindCoordinatorResponse;
    type Task = Never;

    fn start(cx: &mut Cx<'_>, request: FindCoordinatorRequest) -> Outcome<Self> {
        let (code, why) = match request.key_type {
            key_type if !KEY_TYPES.contains(&key_type) => (
                ErrorCode::INVALID_REQUEST,
                format!("there is no key type {key_type}"),
            ),
            SHARE if cx.request.version < SHARE_FROM => (ErrorCode::INVALID_REQUEST, String::new()),
            _ => (ErrorCode::COORDINATOR_NOT_AVAILABLE, String::new()),
        };
        Outcome::Answer(no_coordinator(request, code, why.into()))
    }

    fn refuse(request: FindCoordinatorRequest, code: ErrorCode) -> Answer<FindCoordinatorResponse> {
        Answer::Response(no_coordinator(request, code, code.to_string().into()))
    }

    fn overwrite(response: &mut FindCoordinatorResponse, code: ErrorCode) {
        response.error_code = code;
        response
            .coordinators
            .iter_mut()
            .for_each(|coordinator| coordinator.error_code = code);
    }

    fn throttle_time_ms(response: &mut FindCoordinatorResponse) -> &mut i32 {
        &mut response.throttle_time_ms
    }
}

/// An answer that names no broker. If several keys are asked for, each is told `why`; one key is
/// told the name of the code.
fn no_coordinator(request: FindCoordinatorRequest, code: ErrorCode, why: Str) -> FindCoordinatorResponse {
    let coordinators = request.coordinator_keys.into_iter().map(|key| Coordinator {
        key,
        node_id: -1,
        port: -1,
        error_code: code,
        error_message: Some(why.clone()),
        ..Coordinator::default()
    });
    FindCoordinatorResponse {
        error_code: code,
        error_message: Some(code.to_string().into()),
        node_id: -1,
        port: -1,
        coordinators: coordinators.collect(),
        ..FindCoordinatorResponse::default()
    }
}
