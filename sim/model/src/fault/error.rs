//! Why a rule is invalid.

use std::time::Duration;

use thiserror::Error;

use super::api_name::api_names;
use super::effect::Effect;
use super::point::{Point, point_names};
use crate::latency::{DELAY_MAX, DurationError};

/// The most rules a cluster keeps.
pub const RULES_MAX: usize = 1024;

/// Why a rule is invalid. Each message says what to write instead.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum RuleError {
    /// A word without a meaning.
    #[error(
        "unknown word {word:?}: write [API][:topic=T][:partition=N][:broker=N][:client=ID][:connection=N]\
         [:version=N][:window=10s..20s][:nth=N|times=N|every=N|probability=P][:POINT]:EFFECT, with API one of \
         {apis}, POINT one of {points}, and EFFECT one of {effects}",
        apis = api_names(),
        points = point_names(),
        effects = Effect::EXAMPLES
    )]
    Unknown {
        /// The word.
        word: String,
    },
    /// No effect at the end.
    #[error("the rule {given:?} has no effect: end it in one of {}", Effect::EXAMPLES)]
    NoEffect {
        /// The rule.
        given: String,
    },
    /// A word behind the effect.
    #[error("{word:?} comes after the effect: the effect is the last word of a rule")]
    AfterEffect {
        /// The word.
        word: String,
    },
    /// A second word of the same kind.
    #[error("{word:?} is the second {kind} of the rule: give one")]
    Twice {
        /// The word.
        word: String,
        /// What kind of word.
        kind: &'static str,
    },
    /// A value that is no number, or out of range.
    #[error("{word:?}: the value must be a whole number from {min} to {max}")]
    Number {
        /// The word.
        word: String,
        /// The smallest value.
        min: i64,
        /// The largest value.
        max: i64,
    },
    /// A value that is no probability.
    #[error("the probability {given} must be above 0 and at most 1, as in probability=0.1")]
    Probability {
        /// What was given.
        given: String,
    },
    /// A value that is no duration.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// A delay that is too long.
    #[error("{effect} is too long: at most {DELAY_MAX:?}")]
    TooLong {
        /// The effect.
        effect: String,
    },
    /// An error code that Kafka does not have.
    #[error("{given:?} is no error code of Kafka: write its number (6) or its name (NOT_LEADER_OR_FOLLOWER)")]
    Code {
        /// What was given.
        given: String,
    },
    /// A value that is no window.
    #[error("{word:?}: a window is two times since the start, as in window=10s..20s")]
    Window {
        /// The word.
        word: String,
    },
    /// A window that is empty.
    #[error("the window {from:?}..{to:?} is empty: it must end after it begins")]
    EmptyWindow {
        /// Its beginning.
        from: Duration,
        /// Its end.
        to: Duration,
    },
    /// A point that only produce requests pass.
    #[error("only produce requests pass {point}: use accepted, parsed or replying")]
    PointOfProduce {
        /// The point.
        point: Point,
    },
    /// A topic or partition asked for where none is known.
    #[error(
        "at {point} a request is not yet, or no longer, of one topic or partition: use before-append, appended or replicated"
    )]
    NoPartitionHere {
        /// The point.
        point: Point,
    },
    /// An effect that the point cannot have.
    #[error("{effect} cannot happen at {point}: {advice}")]
    NotHere {
        /// The effect.
        effect: String,
        /// The point.
        point: Point,
        /// Where the effect can happen.
        advice: &'static str,
    },
    /// A trigger that cannot fire.
    #[error("nth, times, every and connection count from 1: with 0 the rule would never fire")]
    Never,
    /// Too many rules.
    #[error("there are {RULES_MAX} rules already, which is the limit: remove some first")]
    TooMany,
}
