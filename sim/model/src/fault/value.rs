//! The values of words in a rule's text form: numbers, durations, error codes.

use std::time::Duration;

use linger_protocol::ErrorCode;

use crate::latency::{DurationError, parse_duration};

/// Why a value is none.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ValueError {
    /// The value must be a whole number within these bounds.
    Number { min: i64, max: i64 },
    /// Kafka has no such error code.
    Code,
    /// The value is no duration.
    Duration(DurationError),
}

pub(super) fn parse_number(value: &str, min: i64, max: i64) -> Result<i64, ValueError> {
    let parsed = value.parse().ok().filter(|number| (min..=max).contains(number));
    parsed.ok_or(ValueError::Number { min, max })
}

pub(super) fn parse_time(value: &str) -> Result<Duration, ValueError> {
    parse_duration(value).map_err(ValueError::Duration)
}

/// Kafka's codes lie within these bounds. Codes without a name are refused.
const CODES: std::ops::RangeInclusive<i16> = -1..=255;

pub(super) fn parse_code(value: &str) -> Result<ErrorCode, ValueError> {
    let known = CODES.map(ErrorCode).filter(|code| code.name() != "UNKNOWN");
    let wanted: Option<i16> = value.parse().ok();
    known
        .into_iter()
        .find(|code| wanted == Some(code.0) || code.name().eq_ignore_ascii_case(value))
        .ok_or(ValueError::Code)
}
