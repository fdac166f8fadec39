//! How long something takes: distributions of delays, with a text form for the command line. Pure and seeded.
//!
//! A latency is a *body*, drawn independently each time, and optionally *stalls*: moments at which everything
//! stops together, as a broker in a garbage collection does. Stalls matter more for a p99 than the shape of the
//! body, because one stall delays everything that was under way.
//!
//! | text | meaning |
//! |---|---|
//! | `5ms` | always 5 ms |
//! | `uniform:1ms..9ms` | each value between the two equally likely |
//! | `lognormal:p50=2ms,p99=40ms` | a typical service time: a body and a long right tail |
//! | `pareto:min=1ms,p99=40ms` | a heavier tail: a power law |
//! | `percentiles:p50=2ms,p90=5ms,p99=40ms` | a measured table, interpolated; above the last its value |
//! | `2ms+stall:every=1s,for=50ms` | 2 ms, and every second everything stops for 50 ms |
//!
//! `lognormal`, `pareto` and `percentiles` take `max=` (a cap), `percentiles` also `min=` (0 if not given).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::rng::Rng;

/// The longest delay any latency may have; longer draws are cut to it.
pub const DELAY_MAX: Duration = Duration::from_secs(3600);

/// The most rows a percentile table may have.
pub const PERCENTILES_MAX: usize = 64;

/// A distribution of delays, with optional correlated stalls.
///
/// ```
/// use linger_sim::{Latency, Rng};
/// use std::time::Duration;
///
/// let latency: Latency = "uniform:1ms..9ms".parse()?;
/// let delay = latency.sample(Duration::ZERO, &mut Rng::new(7));
/// assert!(delay >= Duration::from_millis(1) && delay <= Duration::from_millis(9));
/// # Ok::<(), linger_sim::LatencyError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    body: Body,
    stall: Option<Stall>,
}

/// A distribution without stalls. Its fields have been checked: `min <= max`, percentiles ascend.
#[derive(Debug, Clone, PartialEq)]
enum Body {
    Fixed(Duration),
    Uniform {
        min: Duration,
        max: Duration,
    },
    LogNormal {
        p50: Duration,
        p99: Duration,
        max: Duration,
    },
    Pareto {
        min: Duration,
        p99: Duration,
        max: Duration,
    },
    Percentiles {
        rows: Vec<Percentile>,
        min: Duration,
        max: Option<Duration>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Percentile {
    /// In (0, 100).
    percent: f64,
    delay: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Stall {
    every: Duration,
    length: Duration,
}

impl Default for Latency {
    /// No delay at all.
    fn default() -> Self {
        Self::fixed(Duration::ZERO)
    }
}

impl From<Duration> for Latency {
    fn from(delay: Duration) -> Self {
        Self::fixed(delay)
    }
}

impl Latency {
    /// Always the same delay, cut to [`DELAY_MAX`].
    pub fn fixed(delay: Duration) -> Self {
        Self {
            body: Body::Fixed(delay.min(DELAY_MAX)),
            stall: None,
        }
    }

    /// Every delay from `min` to `max` equally likely.
    ///
    /// # Errors
    /// If `min` is above `max`, or `max` above [`DELAY_MAX`].
    pub fn uniform(min: Duration, max: Duration) -> Result<Self, LatencyError> {
        ascending(("min", min), ("max", max))?;
        Ok(Self {
            body: Body::Uniform { min, max },
            stall: None,
        })
    }

    /// A log-normal distribution through two percentiles: half the delays are below `p50`, 99 % below `p99`.
    ///
    /// # Errors
    /// If `p50` is zero or above `p99`, or `p99` above [`DELAY_MAX`].
    pub fn log_normal(p50: Duration, p99: Duration) -> Result<Self, LatencyError> {
        Self::log_normal_capped(p50, p99, DELAY_MAX)
    }

    fn log_normal_capped(p50: Duration, p99: Duration, max: Duration) -> Result<Self, LatencyError> {
        not_zero("p50", p50)?;
        ascending(("p50", p50), ("p99", p99))?;
        ascending(("p99", p99), ("max", max))?;
        Ok(Self {
            body: Body::LogNormal { p50, p99, max },
            stall: None,
        })
    }

    /// A Pareto distribution: never below `min`, 99 % below `p99`, and a power law for a tail.
    ///
    /// # Errors
    /// If `min` is zero or not below `p99`, or `p99` above [`DELAY_MAX`].
    pub fn pareto(min: Duration, p99: Duration) -> Result<Self, LatencyError> {
        Self::pareto_capped(min, p99, DELAY_MAX)
    }

    fn pareto_capped(min: Duration, p99: Duration, max: Duration) -> Result<Self, LatencyError> {
        not_zero("min", min)?;
        ascending(("min", min), ("p99", p99))?;
        if min == p99 {
            return Err(LatencyError::NoSpread { min });
        }
        ascending(("p99", p99), ("max", max))?;
        Ok(Self {
            body: Body::Pareto { min, p99, max },
            stall: None,
        })
    }

    /// A table of `(percent, delay)` rows, ascending in both; between rows it is interpolated, below the first
    /// it falls to zero, and above the last row every delay is that row's.
    ///
    /// # Errors
    /// If the table is empty, longer than [`PERCENTILES_MAX`], not ascending, or a percent is not between 0
    /// and 100.
    pub fn percentiles(rows: &[(f64, Duration)]) -> Result<Self, LatencyError> {
        let rows = rows
            .iter()
            .map(|&(percent, delay)| Percentile { percent, delay })
            .collect();
        Self::percentiles_between(rows, Duration::ZERO, None)
    }

    fn percentiles_between(
        rows: Vec<Percentile>,
        min: Duration,
        max: Option<Duration>,
    ) -> Result<Self, LatencyError> {
        if rows.is_empty() {
            return Err(LatencyError::Missing {
                kind: "percentiles",
                field: "a row such as p50=2ms",
            });
        }
        if rows.len() > PERCENTILES_MAX {
            return Err(LatencyError::TooManyRows { count: rows.len() });
        }
        let mut below = Percentile {
            percent: 0.0,
            delay: min,
        };
        for &row in &rows {
            if !(row.percent > below.percent && row.percent < 100.0) {
                return Err(LatencyError::Percent { percent: row.percent });
            }
            ascending(("the delay before it", below.delay), ("a delay", row.delay))?;
            below = row;
        }
        if let Some(max) = max {
            ascending(("the last delay", below.delay), ("max", max))?;
        }
        Ok(Self {
            body: Body::Percentiles { rows, min, max },
            stall: None,
        })
    }

    /// Adds correlated stalls: at every multiple of `every` since the start everything stops for `length`.
    ///
    /// # Errors
    /// If `length` is zero or not shorter than `every`, or `every` above [`DELAY_MAX`].
    pub fn with_stalls(self, every: Duration, length: Duration) -> Result<Self, LatencyError> {
        not_zero("for", length)?;
        ascending(("for", length), ("every", every))?;
        if length == every {
            return Err(LatencyError::AlwaysStalled { every });
        }
        Ok(Self {
            stall: Some(Stall { every, length }),
            ..self
        })
    }

    /// True if every draw is zero, so that a caller may skip its timer.
    pub fn is_zero(&self) -> bool {
        self.stall.is_none() && self.body == Body::Fixed(Duration::ZERO)
    }

    /// Draws how long something takes that begins `at` this time after the start of the simulation.
    ///
    /// `at` matters for stalls only: what is under way when a stall begins stands still until it ends.
    pub fn sample(&self, at: Duration, rng: &mut Rng) -> Duration {
        let body = self.body.sample(rng).min(DELAY_MAX);
        match self.stall {
            None => body,
            Some(stall) => stall.stretch(at, body),
        }
    }
}

impl Body {
    fn sample(&self, rng: &mut Rng) -> Duration {
        match *self {
            Self::Fixed(delay) => delay,
            Self::Uniform { min, max } => min + nanos((max - min).as_nanos() as f64 * rng.unit()),
            Self::LogNormal { p50, p99, max } => {
                let sigma = (p99.as_secs_f64() / p50.as_secs_f64()).ln() / NORMAL_P99;
                nanos(p50.as_nanos() as f64 * (sigma * rng.normal()).exp()).min(max)
            }
            Self::Pareto { min, p99, max } => {
                let shape = 100f64.ln() / (p99.as_secs_f64() / min.as_secs_f64()).ln();
                nanos(min.as_nanos() as f64 * (1.0 - rng.unit()).powf(-1.0 / shape)).min(max)
            }
            Self::Percentiles { ref rows, min, max } => interpolate(rows, min, max, rng.unit() * 100.0),
        }
    }
}

/// The standard normal distribution's 99th percentile.
const NORMAL_P99: f64 = 2.326_347_874_040_841;

fn interpolate(rows: &[Percentile], min: Duration, max: Option<Duration>, percent: f64) -> Duration {
    let mut below = Percentile {
        percent: 0.0,
        delay: min,
    };
    let last = max.map(|delay| Percentile {
        percent: 100.0,
        delay,
    });
    for above in rows.iter().copied().chain(last) {
        if percent < above.percent {
            let part = (percent - below.percent) / (above.percent - below.percent);
            return below.delay + nanos((above.delay - below.delay).as_nanos() as f64 * part);
        }
        below = above;
    }
    below.delay
}

impl Stall {
    /// How long work of length `work` takes if it begins `at` and stands still in every stall it meets.
    fn stretch(self, at: Duration, work: Duration) -> Duration {
        let running = self.every - self.length;
        // Where in its period does the work begin? The first stall begins one `every` after the start, so a
        // period is: running time first (longer in the very first period, by `length`), then a stall.
        let since_first = at.checked_sub(self.every);
        let (stalled_first, until_stall) = match since_first {
            None => (Duration::ZERO, self.every - at),
            Some(since) => {
                let phase = nanos_of(since.as_nanos() % self.every.as_nanos());
                match self.length.checked_sub(phase) {
                    Some(left) => (left, running),
                    None => (Duration::ZERO, self.every - phase),
                }
            }
        };
        let Some(rest) = work.checked_sub(until_stall) else {
            return stalled_first + work;
        };
        let stalls = 1 + rest.as_nanos() / running.as_nanos();
        stalled_first + work + nanos_of(self.length.as_nanos().saturating_mul(stalls))
    }
}

fn nanos(count: f64) -> Duration {
    // A cast from f64 saturates, and turns NaN into 0: no draw can panic.
    Duration::from_nanos(count.round() as u64)
}

fn nanos_of(count: u128) -> Duration {
    Duration::from_nanos(u64::try_from(count).unwrap_or(u64::MAX))
}

fn not_zero(field: &'static str, delay: Duration) -> Result<(), LatencyError> {
    if delay.is_zero() {
        Err(LatencyError::Zero { field })
    } else {
        Ok(())
    }
}

fn ascending(low: (&'static str, Duration), high: (&'static str, Duration)) -> Result<(), LatencyError> {
    if high.1 > DELAY_MAX {
        return Err(LatencyError::TooLong {
            field: high.0,
            delay: high.1,
        });
    }
    if low.1 > high.1 {
        return Err(LatencyError::Descending {
            low: low.0,
            low_delay: low.1,
            high: high.0,
            high_delay: high.1,
        });
    }
    Ok(())
}

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

/// Reads a duration such as `250us`, `5ms`, `1.5s`, `2m` or `0`.
///
/// # Errors
/// If the text is not a non-negative decimal number followed by one of the units ns, us, ms, s, m or h, or is
/// longer than some 580 years.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError {
        given: text.to_owned(),
    };
    let text = text.trim();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or_else(error)?;
    let (number, unit) = text.split_at(unit_at);
    let unit_nanos: u64 = match unit {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(error()),
    };
    // Whole numbers exactly; fractions through a float, which is exact to the nanosecond for every sane delay.
    if let Ok(whole) = number.parse::<u64>() {
        return whole
            .checked_mul(unit_nanos)
            .map(Duration::from_nanos)
            .ok_or_else(error);
    }
    let number: f64 = number.parse().map_err(|_| error())?;
    let count = number * unit_nanos as f64;
    if count < u64::MAX as f64 {
        Ok(nanos(count))
    } else {
        Err(error())
    }
}

impl FromStr for Latency {
    type Err = LatencyError;

    fn from_str(text: &str) -> Result<Self, LatencyError> {
        let text = text.trim();
        if let Some(stall) = text.strip_prefix("stall:") {
            return parse_stall(Self::default(), stall);
        }
        match text.split_once("+stall:") {
            Some((body, stall)) => parse_stall(parse_body(body)?, stall),
            None => parse_body(text),
        }
    }
}

fn parse_body(text: &str) -> Result<Latency, LatencyError> {
    let Some((kind, fields)) = text.split_once(':') else {
        return match parse_duration(text) {
            Ok(delay) if delay > DELAY_MAX => Err(LatencyError::TooLong {
                field: "the delay",
                delay,
            }),
            Ok(delay) => Ok(Latency::fixed(delay)),
            Err(error) if text.starts_with(|c: char| c.is_ascii_digit()) => Err(error.into()),
            Err(_) => Err(LatencyError::Unknown {
                given: text.to_owned(),
            }),
        };
    };
    match kind {
        "fixed" => parse_body(fields),
        "uniform" => {
            let needs = LatencyError::Missing {
                kind: "uniform",
                field: "two delays, as in uniform:1ms..9ms",
            };
            let (min, max) = fields.split_once("..").ok_or(needs)?;
            Latency::uniform(parse_duration(min)?, parse_duration(max)?)
        }
        "lognormal" => {
            let mut fields = Fields::parse("lognormal", "p50, p99 and max", fields)?;
            let (p50, p99) = (fields.need("p50")?, fields.need("p99")?);
            let max = fields.take("max")?.unwrap_or(DELAY_MAX);
            fields.done()?;
            Latency::log_normal_capped(p50, p99, max)
        }
        "pareto" => {
            let mut fields = Fields::parse("pareto", "min, p99 and max", fields)?;
            let (min, p99) = (fields.need("min")?, fields.need("p99")?);
            let max = fields.take("max")?.unwrap_or(DELAY_MAX);
            fields.done()?;
            Latency::pareto_capped(min, p99, max)
        }
        "percentiles" => parse_percentiles(fields),
        _ => Err(LatencyError::Unknown {
            given: text.to_owned(),
        }),
    }
}

fn parse_percentiles(text: &str) -> Result<Latency, LatencyError> {
    let mut fields = Fields::parse("percentiles", "p<number> (p50, p99.9), min and max", text)?;
    let min = fields.take("min")?.unwrap_or_default();
    let max = fields.take("max")?;
    let mut rows = Vec::new();
    for &(name, value) in &fields.pairs {
        let percent = name.strip_prefix('p').and_then(|number| number.parse().ok());
        let Some(percent) = percent else {
            return Err(fields.unknown(name));
        };
        rows.push(Percentile {
            percent,
            delay: parse_duration(value)?,
        });
    }
    Latency::percentiles_between(rows, min, max)
}

fn parse_stall(body: Latency, text: &str) -> Result<Latency, LatencyError> {
    let mut fields = Fields::parse("stall", "every and for", text)?;
    let (every, length) = (fields.need("every")?, fields.need("for")?);
    fields.done()?;
    body.with_stalls(every, length)
}

/// The `name=value` pairs of one distribution, taken out one by one.
struct Fields<'a> {
    kind: &'static str,
    takes: &'static str,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Fields<'a> {
    fn parse(kind: &'static str, takes: &'static str, text: &'a str) -> Result<Self, LatencyError> {
        let mut fields = Self {
            kind,
            takes,
            pairs: Vec::new(),
        };
        for field in text.split(',').map(str::trim).filter(|field| !field.is_empty()) {
            let Some((name, value)) = field.split_once('=') else {
                return Err(fields.unknown(field));
            };
            if fields.pairs.iter().any(|pair| pair.0 == name) {
                return Err(LatencyError::Twice {
                    kind,
                    field: name.to_owned(),
                });
            }
            fields.pairs.push((name, value));
        }
        Ok(fields)
    }

    fn take(&mut self, name: &'static str) -> Result<Option<Duration>, LatencyError> {
        let Some(index) = self.pairs.iter().position(|pair| pair.0 == name) else {
            return Ok(None);
        };
        Ok(Some(parse_duration(self.pairs.remove(index).1)?))
    }

    fn need(&mut self, name: &'static str) -> Result<Duration, LatencyError> {
        self.take(name)?.ok_or(LatencyError::Missing {
            kind: self.kind,
            field: name,
        })
    }

    fn done(&self) -> Result<(), LatencyError> {
        self.pairs
            .first()
            .map_or(Ok(()), |pair| Err(self.unknown(pair.0)))
    }

    fn unknown(&self, given: &str) -> LatencyError {
        LatencyError::UnknownField {
            kind: self.kind,
            given: given.to_owned(),
            fields: self.takes,
        }
    }
}

impl fmt::Display for Latency {
    /// The text form: parsing it gives the same latency.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let capped = |f: &mut fmt::Formatter<'_>, max: Duration| {
            if max == DELAY_MAX {
                Ok(())
            } else {
                write!(f, ",max={max:?}")
            }
        };
        match &self.body {
            Body::Fixed(Duration::ZERO) => f.write_str("0")?,
            Body::Fixed(delay) => write!(f, "{delay:?}")?,
            Body::Uniform { min, max } => write!(f, "uniform:{min:?}..{max:?}")?,
            Body::LogNormal { p50, p99, max } => {
                write!(f, "lognormal:p50={p50:?},p99={p99:?}")?;
                capped(f, *max)?;
            }
            Body::Pareto { min, p99, max } => {
                write!(f, "pareto:min={min:?},p99={p99:?}")?;
                capped(f, *max)?;
            }
            Body::Percentiles { rows, min, max } => {
                write!(f, "percentiles:min={min:?}")?;
                for row in rows {
                    write!(f, ",p{}={:?}", row.percent, row.delay)?;
                }
                if let Some(max) = max {
                    write!(f, ",max={max:?}")?;
                }
            }
        }
        match self.stall {
            None => Ok(()),
            Some(Stall { every, length }) => write!(f, "+stall:every={every:?},for={length:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// Draws 20,000 delays and gives them in ascending order.
    fn draws(text: &str) -> Vec<Duration> {
        let latency: Latency = text.parse().unwrap();
        let mut rng = Rng::new(42);
        let mut all: Vec<_> = (0..20_000)
            .map(|_| latency.sample(Duration::ZERO, &mut rng))
            .collect();
        all.sort_unstable();
        all
    }

    fn percentile(sorted: &[Duration], percent: f64) -> f64 {
        sorted[(sorted.len() as f64 * percent / 100.0) as usize].as_secs_f64() * 1000.0
    }

    #[test]
    fn a_fixed_latency_is_always_the_same() {
        let all = draws("5ms");
        assert_eq!((all[0], all[all.len() - 1]), (ms(5), ms(5)));
        assert!("0".parse::<Latency>().unwrap().is_zero());
        assert!(!"5ms".parse::<Latency>().unwrap().is_zero());
    }

    #[test]
    fn a_uniform_latency_fills_its_range() {
        let all = draws("uniform:1ms..9ms");
        assert!(all[0] >= ms(1) && all[all.len() - 1] <= ms(9));
        assert!(
            (percentile(&all, 50.0) - 5.0).abs() < 0.2,
            "{}",
            percentile(&all, 50.0)
        );
    }

    #[rstest]
    #[case("lognormal:p50=2ms,p99=40ms", 2.0, 40.0)]
    #[case("percentiles:p50=2ms,p90=5ms,p99=40ms,max=1s", 2.0, 40.0)]
    #[case("percentiles:p50=2ms,p99=40ms", 2.0, 40.0)]
    fn the_stated_percentiles_come_out(#[case] text: &str, #[case] p50: f64, #[case] p99: f64) {
        let all = draws(text);
        let (got_p50, got_p99) = (percentile(&all, 50.0), percentile(&all, 98.99));
        assert!((got_p50 / p50 - 1.0).abs() < 0.05, "{got_p50}");
        assert!((got_p99 / p99 - 1.0).abs() < 0.15, "{got_p99}");
    }

    #[test]
    fn a_pareto_latency_has_its_minimum_and_its_p99() {
        let all = draws("pareto:min=1ms,p99=40ms,max=2s");
        assert!(all[0] >= ms(1) && all[all.len() - 1] <= ms(2000));
        let p99 = percentile(&all, 99.0);
        assert!((p99 / 40.0 - 1.0).abs() < 0.2, "{p99}");
    }

    #[rstest]
    #[case::before_the_first_stall(0, 5, 5)]
    #[case::ends_as_the_stall_begins(990, 9, 9)]
    #[case::runs_into_a_stall(990, 20, 70)]
    #[case::begins_in_a_stall(1020, 5, 35)]
    #[case::begins_as_a_stall_begins(1000, 5, 55)]
    #[case::begins_as_a_stall_ends(1050, 5, 5)]
    #[case::a_later_period(7030, 5, 25)]
    #[case::through_two_stalls(900, 1100, 1200)]
    fn work_stands_still_in_a_stall(#[case] at: u64, #[case] work: u64, #[case] takes: u64) {
        let latency = Latency::fixed(ms(work)).with_stalls(ms(1000), ms(50)).unwrap();
        assert_eq!(latency.sample(ms(at), &mut Rng::new(1)), ms(takes));
    }

    #[test]
    fn a_stall_alone_delays_only_what_meets_it() {
        let latency: Latency = "stall:every=1s,for=50ms".parse().unwrap();
        assert_eq!(latency.sample(ms(500), &mut Rng::new(1)), Duration::ZERO);
        assert_eq!(latency.sample(ms(1010), &mut Rng::new(1)), ms(40));
        assert!(!latency.is_zero());
    }

    #[test]
    fn one_seed_gives_the_same_delays() {
        assert_eq!(
            draws("lognormal:p50=2ms,p99=40ms"),
            draws("lognormal:p50=2ms,p99=40ms")
        );
    }

    #[rstest]
    #[case("0")]
    #[case("5ms")]
    #[case("uniform:1ms..9ms")]
    #[case("lognormal:p50=2ms,p99=40ms")]
    #[case("lognormal:p50=2ms,p99=40ms,max=1s")]
    #[case("pareto:min=1ms,p99=40ms,max=2s")]
    #[case("percentiles:min=1ms,p50=2ms,p99.9=40ms,max=1s")]
    #[case("1.5ms+stall:every=1s,for=50ms")]
    fn the_text_form_survives_a_round_trip(#[case] text: &str) {
        let latency: Latency = text.parse().unwrap();
        assert_eq!(latency.to_string(), text);
        assert_eq!(latency.to_string().parse::<Latency>().unwrap(), latency);
    }

    #[rstest]
    #[case("0", 0)]
    #[case("250us", 250_000)]
    #[case("250µs", 250_000)]
    #[case("7ns", 7)]
    #[case("1.5s", 1_500_000_000)]
    #[case("2m", 120_000_000_000)]
    #[case("1h", 3_600_000_000_000)]
    fn durations_are_read(#[case] text: &str, #[case] nanos: u64) {
        assert_eq!(parse_duration(text).unwrap(), Duration::from_nanos(nanos));
    }

    #[rstest]
    #[case("5")]
    #[case("")]
    #[case("ms")]
    #[case("-5ms")]
    #[case("5 parsecs")]
    #[case("1.2.3s")]
    #[case("99999999999999999999h")]
    #[case("1e3ms")]
    fn what_is_no_duration_is_refused(#[case] text: &str) {
        assert!(
            parse_duration(text)
                .unwrap_err()
                .to_string()
                .contains("is not a duration: write a number")
        );
    }

    #[rstest]
    #[case("gauss:5ms", "unknown latency \"gauss:5ms\"")]
    #[case("fast", "unknown latency \"fast\"")]
    #[case("5", "\"5\" is not a duration")]
    #[case("2h", "the delay is 7200s: the longest delay is 3600s")]
    #[case("uniform:9ms..1ms", "min (9ms) is above max (1ms)")]
    #[case("uniform:9ms", "uniform needs two delays, as in uniform:1ms..9ms")]
    #[case("lognormal:p50=2ms", "lognormal needs p99")]
    #[case("lognormal:p50=0,p99=1ms", "p50 is 0")]
    #[case("lognormal:p50=3ms,p99=1ms", "p50 (3ms) is above p99 (1ms)")]
    #[case("lognormal:p50=3ms,p99=9ms,max=5ms", "p99 (9ms) is above max (5ms)")]
    #[case(
        "lognormal:p50=1ms,p99=2ms,p98=3ms",
        "lognormal has no field \"p98\": it takes p50, p99 and max"
    )]
    #[case("lognormal:p50=1ms,p50=2ms", "lognormal has \"p50\" twice")]
    #[case("pareto:min=1ms,p99=1ms", "min and p99 are both 1ms")]
    #[case("percentiles:", "percentiles needs a row such as p50=2ms")]
    #[case("percentiles:p50=5ms,p90=2ms", "the values must ascend")]
    #[case(
        "percentiles:p90=5ms,p50=6ms",
        "percentile p50: percentiles lie between 0 and 100 and ascend"
    )]
    #[case("percentiles:p100=5ms", "percentile p100")]
    #[case("percentiles:pNaN=5ms", "percentile pNaN")]
    #[case("percentiles:half=5ms", "percentiles has no field \"half\"")]
    #[case("5ms+stall:every=1s,for=1s", "a stall for 1s every 1s never ends")]
    #[case("5ms+stall:every=1s", "stall needs for")]
    #[case("5ms+stall:every=1s,for=0", "for is 0")]
    fn what_is_no_latency_is_refused_with_a_reason(#[case] text: &str, #[case] message: &str) {
        let error = text.parse::<Latency>().unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}
