//! The errors as which the records of a batch fail.

use linger_protocol::ErrorCode;
use linger_protocol::messages::PartitionProduceResponse;

use crate::error::{Certainty, DeliveryError, DeliveryErrorKind};
use crate::send::topic::is_final;

/// The error of records that a broker refused.
pub(super) fn refused(answer: &PartitionProduceResponse) -> DeliveryError {
    let kind = match answer.error_code {
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => DeliveryErrorKind::TooLarge,
        ErrorCode::INVALID_RECORD | ErrorCode::INVALID_TIMESTAMP => DeliveryErrorKind::InvalidRecord,
        code if is_final(code) => DeliveryErrorKind::Topic,
        _ => DeliveryErrorKind::Refused,
    };
    DeliveryError::not_written(kind).with_code(answer.error_code, answer.error_message.clone())
}

/// The error of records that were tried as often as `retries` allows. The certainty is the batch's.
pub(super) fn retries_exhausted(code: Option<ErrorCode>) -> DeliveryError {
    let error = DeliveryError::not_written(DeliveryErrorKind::Refused);
    match code {
        Some(code) => error.with_code(code, None),
        None => error.with_code(ErrorCode::NETWORK_EXCEPTION, None),
    }
}

/// The error of records whose time is up.
pub(super) fn timed_out(certainty: Certainty, last_refusal: Option<ErrorCode>) -> DeliveryError {
    with_last_refusal(
        DeliveryError::new(DeliveryErrorKind::Timeout, certainty),
        last_refusal,
    )
}

/// The error of records that were to be sent again, with the code that a broker last answered to
/// their batch.
pub(super) fn with_last_refusal(error: DeliveryError, last_refusal: Option<ErrorCode>) -> DeliveryError {
    match last_refusal {
        Some(code) => error.with_code(code, None),
        None => error,
    }
}
