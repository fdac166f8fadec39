//! The effects: what happens to a request at its point.
//!
//! This file has all that a rule must know of an effect: its text form, where it may happen, and
//! its limits. What a request does because of an effect is in `fault_effects`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use linger_protocol::ErrorCode;

use super::point::Point;
use super::value::{ValueError, parse_code, parse_number, parse_time};
use crate::latency::DELAY_MAX;

/// What happens to a request at its point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The request waits for this long, then goes on. What it did before stays done, and the
    /// connection waits with it.
    Delay(Duration),
    /// The request waits until the barrier of this name is released.
    Hold(Arc<str>),
    /// The request goes no further and is answered with this code. At a point of a partition this
    /// concerns the partition, else the whole request. From [`Point::Appended`] on the batch stays
    /// in the log.
    Answer(ErrorCode),
    /// The answer announces a throttle, and the connection is muted for that time (KIP-219).
    Throttle(Duration),
    /// The request is carried out, and no answer is sent. The connection stays open, and the next
    /// request is read.
    Lose,
    /// The request goes no further, and the connection is closed (FIN) without an answer.
    Close,
    /// The request goes no further, and the connection is reset (RST) without an answer.
    Reset,
    /// Only this many bytes of the answer are sent, then the connection is closed.
    Truncate(usize),
    /// One bit of the answer is flipped, never in its length.
    Corrupt,
}

/// Where an effect may happen.
pub(super) enum Allowed {
    Anywhere,
    /// The effect needs a decoded request.
    FromParsed,
    /// The effect changes the answer.
    AtReplying,
}

impl Allowed {
    pub(super) fn contains(&self, point: Point) -> bool {
        match self {
            Self::Anywhere => true,
            Self::FromParsed => point != Point::Accepted,
            Self::AtReplying => point == Point::Replying,
        }
    }

    /// Why an effect cannot happen elsewhere, and what to write.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::Anywhere => "it can happen at every point",
            Self::FromParsed => "it needs a decoded request, so use parsed or a later point",
            Self::AtReplying => "it changes the answer, so use replying",
        }
    }
}

impl Effect {
    /// An example of each effect's text form.
    pub const EXAMPLES: &'static str =
        "delay=5ms, hold=NAME, answer=CODE, throttle=1s, lose, close, reset, truncate=N, corrupt";

    /// Reads an effect from a word of the text form; `None` if the word names no effect.
    pub(super) fn parse(word: &str) -> Option<Result<Self, ValueError>> {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        Some(match (name, value) {
            ("delay", Some(value)) => parse_time(value).map(Self::Delay),
            ("hold", Some(name)) if !name.is_empty() => Ok(Self::Hold(name.into())),
            ("answer", Some(value)) => parse_code(value).map(Self::Answer),
            ("throttle", Some(value)) => parse_time(value).map(Self::Throttle),
            ("lose", None) => Ok(Self::Lose),
            ("close", None) => Ok(Self::Close),
            ("reset", None) => Ok(Self::Reset),
            ("truncate", Some(value)) => {
                parse_number(value, 0, u32::MAX.into()).map(|bytes| Self::Truncate(bytes as usize))
            }
            ("corrupt", None) => Ok(Self::Corrupt),
            _ => return None,
        })
    }

    /// Where the effect happens if a rule names no point.
    pub(super) fn default_point(&self) -> Point {
        match self {
            Self::Delay(_) => Point::Parsed,
            Self::Answer(_) => Point::BeforeAppend,
            Self::Hold(_)
            | Self::Throttle(_)
            | Self::Lose
            | Self::Close
            | Self::Reset
            | Self::Truncate(_)
            | Self::Corrupt => Point::Replying,
        }
    }

    /// Where the effect may happen.
    pub(super) fn allowed(&self) -> Allowed {
        match self {
            Self::Delay(_) | Self::Hold(_) | Self::Lose | Self::Close | Self::Reset => Allowed::Anywhere,
            Self::Answer(_) => Allowed::FromParsed,
            Self::Throttle(_) | Self::Truncate(_) | Self::Corrupt => Allowed::AtReplying,
        }
    }

    /// Whether the effect lasts longer than anything may.
    pub(super) fn is_too_long(&self) -> bool {
        match self {
            Self::Delay(time) | Self::Throttle(time) => *time > DELAY_MAX,
            Self::Hold(_)
            | Self::Answer(_)
            | Self::Lose
            | Self::Close
            | Self::Reset
            | Self::Truncate(_)
            | Self::Corrupt => false,
        }
    }
}

impl fmt::Display for Effect {
    /// The text form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(delay) => write!(f, "delay={delay:?}"),
            Self::Hold(name) => write!(f, "hold={name}"),
            Self::Answer(code) => write!(f, "answer={}", code.name()),
            Self::Throttle(time) => write!(f, "throttle={time:?}"),
            Self::Lose => f.write_str("lose"),
            Self::Close => f.write_str("close"),
            Self::Reset => f.write_str("reset"),
            Self::Truncate(bytes) => write!(f, "truncate={bytes}"),
            Self::Corrupt => f.write_str("corrupt"),
        }
    }
}
