//! A distribution of delays, drawn with a seed.

use std::time::Duration;

use super::error::{DELAY_MAX, LatencyError, PERCENTILES_MAX};
use crate::rng::Rng;

/// A distribution of delays, with optional correlated stalls.
///
/// ```
/// use linger_sim_model::latency::{Latency, LatencyError};
/// use linger_sim_model::rng::Rng;
/// use std::time::Duration;
///
/// let latency: Latency = "uniform:1ms..9ms".parse()?;
/// let delay = latency.sample(Duration::ZERO, &mut Rng::new(7));
/// assert!(delay >= Duration::from_millis(1) && delay <= Duration::from_millis(9));
/// # Ok::<(), LatencyError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    pub(super) body: Body,
    pub(super) stall: Option<Stall>,
}

/// A distribution without stalls. Its fields have been checked: `min <= max`, percentiles ascend.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
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
pub(super) struct Percentile {
    /// In (0, 100).
    pub(super) percent: f64,
    pub(super) delay: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stall {
    pub(super) every: Duration,
    pub(super) length: Duration,
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

    /// A log-normal distribution through two percentiles: half the delays are below `p50`, 99 %
    /// below `p99`.
    ///
    /// # Errors
    /// If `p50` is zero or above `p99`, or `p99` above [`DELAY_MAX`].
    pub fn log_normal(p50: Duration, p99: Duration) -> Result<Self, LatencyError> {
        Self::log_normal_capped(p50, p99, DELAY_MAX)
    }

    pub(super) fn log_normal_capped(
        p50: Duration,
        p99: Duration,
        max: Duration,
    ) -> Result<Self, LatencyError> {
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

    pub(super) fn pareto_capped(min: Duration, p99: Duration, max: Duration) -> Result<Self, LatencyError> {
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

    /// A table of `(percent, delay)` rows, ascending in both; between rows it is interpolated,
    /// below the first it falls to zero, and above the last row every delay is that row's.
    ///
    /// # Errors
    /// If the table is empty, longer than [`PERCENTILES_MAX`], not ascending, or a percent is not
    /// between 0 and 100.
    pub fn percentiles(rows: &[(f64, Duration)]) -> Result<Self, LatencyError> {
        let rows = rows
            .iter()
            .map(|&(percent, delay)| Percentile { percent, delay })
            .collect();
        Self::percentiles_between(rows, Duration::ZERO, None)
    }

    pub(super) fn percentiles_between(
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

    /// Adds correlated stalls: at every multiple of `every` since the start everything stops for
    /// `length`.
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
    /// `at` matters for stalls only: what is under way when a stall begins stands still until it
    /// ends.
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
    /// How long work of length `work` takes if it begins `at` and stands still in every stall it
    /// meets.
    fn stretch(self, at: Duration, work: Duration) -> Duration {
        let running = self.every - self.length;
        // Where in its period does the work begin? The first stall begins one `every` after the
        // start, so a period is: running time first (longer in the very first period, by `length`),
        // then a stall.
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

pub(super) fn nanos(count: f64) -> Duration {
    // A cast from f64 saturates, and turns NaN into 0: no draw can panic.
    Duration::from_nanos(count.round() as u64)
}

pub(super) fn nanos_of(count: u128) -> Duration {
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
}
