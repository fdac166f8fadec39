//! Latencies of records, and their percentiles.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest latency that is counted exactly, longer than any delivery timeout. A longer latency
/// counts as this one.
const LATENCY_MAX: Duration = Duration::from_secs(600);

/// Recorded latencies, with three significant digits.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

/// Percentiles of latencies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Percentiles {
    /// The median.
    pub p50: Duration,
    /// The 99th percentile.
    pub p99: Duration,
    /// The 99.9th percentile.
    pub p999: Duration,
    /// The longest latency.
    pub max: Duration,
}

impl Default for Latencies {
    fn default() -> Self {
        let most = LATENCY_MAX.as_nanos() as u64;
        Self(Histogram::new_with_bounds(1, most, 3).expect("these bounds and three digits are valid"))
    }
}

impl Latencies {
    /// Records one latency.
    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(latency.as_nanos() as u64);
    }

    /// The percentiles of all that was recorded; zero if nothing was.
    pub fn percentiles(&self) -> Percentiles {
        let at = |quantile| Duration::from_nanos(self.0.value_at_quantile(quantile));
        Percentiles {
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
            max: Duration::from_nanos(self.0.max()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact_to_three_digits() {
        let mut latencies = Latencies::default();
        (1..=1_000).for_each(|ms| latencies.record(Duration::from_millis(ms)));
        let Percentiles { p50, p99, p999, max } = latencies.percentiles();
        for (found, ms) in [(p50, 500.0), (p99, 990.0), (p999, 999.0), (max, 1_000.0)] {
            assert!((found.as_secs_f64() * 1e3 - ms).abs() < ms / 500.0, "{found:?}");
        }
    }
}
