//! What one client did in one turn: the line that its process prints.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Outcome {
    pub(crate) client: String,
    pub(crate) version: String,
    pub(crate) settings: String,
    /// Delivered before the clock started.
    #[serde(default = "one")]
    pub(crate) warmup_records: u64,
    pub(crate) records: u64,
    pub(crate) acknowledged: u64,
    pub(crate) wall_s: f64,
    pub(crate) cpu_s: f64,
    pub(crate) latency_us: Option<Latency>,
}

impl Outcome {
    pub(crate) fn of(client: &str, version: String, settings: String, measured: Measured) -> Self {
        Self {
            client: client.into(),
            version,
            settings,
            warmup_records: one(),
            records: measured.records,
            acknowledged: measured.acknowledged,
            wall_s: measured.wall.as_secs_f64(),
            cpu_s: measured.cpu_s,
            latency_us: measured.latency,
        }
    }
}

fn one() -> u64 {
    1
}

#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

/// What takes longer counts as this: ten minutes, which is more than any turn.
const LATENCY_MAX_NS: u64 = 600_000_000_000;

/// How long records took.
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Self {
        Self(
            Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3)
                .expect("these bounds and three digits are valid"),
        )
    }

    pub(crate) fn record(&mut self, took: Duration) {
        self.0.saturating_record(took.as_nanos() as u64);
    }

    pub(crate) fn summary(&self) -> Latency {
        let us = |ns: u64| ns as f64 / 1e3;
        Latency {
            p50: us(self.0.value_at_quantile(0.5)),
            p99: us(self.0.value_at_quantile(0.99)),
            p999: us(self.0.value_at_quantile(0.999)),
            max: us(self.0.max()),
        }
    }
}

/// What a workload measured, to which a client adds its name and settings.
pub(crate) struct Measured {
    pub(crate) records: u64,
    pub(crate) acknowledged: u64,
    pub(crate) wall: Duration,
    pub(crate) cpu_s: f64,
    pub(crate) latency: Option<Latency>,
}

/// Runs from the warm-up's end to the last acknowledgement.
pub(crate) struct Stopwatch {
    pub(crate) started: Instant,
    cpu_before: f64,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self {
            cpu_before: cpu_s(),
            started: Instant::now(),
        }
    }

    pub(crate) fn stop(self, records: u64, acknowledged: u64, latency: Option<Latency>) -> Measured {
        Measured {
            wall: self.started.elapsed(),
            cpu_s: cpu_s() - self.cpu_before,
            records,
            acknowledged,
            latency,
        }
    }
}

/// User and system time of this process, in seconds.
fn cpu_s() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_summed_up_in_microseconds() {
        let mut latencies = Latencies::new();
        for ms in 1..=1_000 {
            latencies.record(Duration::from_millis(ms));
        }
        let Latency { p50, p99, max, .. } = latencies.summary();
        let near = |us: f64, ms: f64| (us / 1e3 - ms).abs() < ms / 500.0;
        assert!(
            near(p50, 500.0) && near(p99, 990.0) && near(max, 1_000.0),
            "{p50} {p99} {max}"
        );
    }
}
