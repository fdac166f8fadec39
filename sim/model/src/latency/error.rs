//! Why a latency, or a duration, is not one.

use std::time::Duration;

use thiserror::Error;

/// The longest delay any latency may have; longer draws are cut to it.
pub const DELAY_MAX: Duration = Duration::from_secs(3600);

/// The most rows a percentile table may have.
pub const PERCENTILES_MAX: usize = 64;

/// Why a latency is not one. Each message names the value, its limit, and what to write instead.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum LatencyError {
    /// The text begins with no known distribution.
    #[error(
        "unknown latency {given:?}: write a duration (5ms), or uniform:1ms..9ms, lognormal:p50=2ms,p99=40ms, \
         pareto:min=1ms,p99=40ms, percentiles:p50=2ms,p99=40ms; each may end in +stall:every=1s,for=50ms"
    )]
    Unknown {
        /// What was given.
        given: String,
    },
    /// A duration could not be read.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// A distribution lacks a field.
    #[error("{kind} needs {field}")]
    Missing {
        /// The distribution.
        kind: &'static str,
        /// What it lacks.
        field: &'static str,
    },
    /// A distribution has no such field.
    #[error("{kind} has no field {given:?}: it takes {fields}")]
    UnknownField {
        /// The distribution.
        kind: &'static str,
        /// What was given.
        given: String,
        /// The fields it takes.
        fields: &'static str,
    },
    /// A field was given twice.
    #[error("{kind} has {field:?} twice: give it once")]
    Twice {
        /// The distribution.
        kind: &'static str,
        /// The field.
        field: String,
    },
    /// A value must be above zero.
    #[error("{field} is 0: it must be longer")]
    Zero {
        /// The field.
        field: &'static str,
    },
    /// A value that must not be below another is.
    #[error("{low} ({low_delay:?}) is above {high} ({high_delay:?}): the values must ascend")]
    Descending {
        /// The field that must be the smaller.
        low: &'static str,
        /// Its value.
        low_delay: Duration,
        /// The field that must be the larger.
        high: &'static str,
        /// Its value.
        high_delay: Duration,
    },
    /// A value is above [`DELAY_MAX`].
    #[error("{field} is {delay:?}: the longest delay is {DELAY_MAX:?}")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its value.
        delay: Duration,
    },
    /// A Pareto distribution needs `min` below `p99`.
    #[error("min and p99 are both {min:?}: p99 must be longer, or write the one delay alone")]
    NoSpread {
        /// The value of both.
        min: Duration,
    },
    /// A stall as long as its period.
    #[error("a stall for {every:?} every {every:?} never ends: make it shorter than its period")]
    AlwaysStalled {
        /// The value of both.
        every: Duration,
    },
    /// A percent out of order or out of range.
    #[error(
        "percentile p{percent}: percentiles lie between 0 and 100 and ascend, as in p50=2ms,p99=40ms,p99.9=1s"
    )]
    Percent {
        /// The percent.
        percent: f64,
    },
    /// A table with too many rows.
    #[error("a table of {count} percentiles: at most {PERCENTILES_MAX} are kept")]
    TooManyRows {
        /// How many were given.
        count: usize,
    },
}

/// Text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{given:?} is not a duration: write a number and a unit (ns, us, ms, s, m or h), as in 250us, 5ms or 1.5s; 0 needs no unit"
)]
pub struct DurationError {
    /// What was given.
    pub given: String,
}
