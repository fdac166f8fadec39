//! The result of one client's run: the line that its process prints.

use std::time::{Duration, Instant};

use linger_lab::measure::cpu;
use linger_lab::measure::latency::{Latencies, Percentiles};

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Outcome {
    pub(crate) client: String,
    pub(crate) version: String,
    pub(crate) settings: String,
    /// Records that were delivered before the clock started.
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
            cpu_s: measured.cpu.as_secs_f64(),
            latency_us: measured.latencies.map(|latencies| latencies.percentiles().into()),
        }
    }
}

fn one() -> u64 {
    1
}

/// Percentiles of latencies, in microseconds.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

impl From<Percentiles> for Latency {
    fn from(Percentiles { p50, p99, p999, max }: Percentiles) -> Self {
        let [p50, p99, p999, max] = [p50, p99, p999, max].map(|took| took.as_nanos() as f64 / 1e3);
        Self { p50, p99, p999, max }
    }
}

/// The measurements of a workload.
pub(crate) struct Measured {
    pub(crate) records: u64,
    pub(crate) acknowledged: u64,
    wall: Duration,
    /// CPU time of this process.
    cpu: Duration,
    pub(crate) latencies: Option<Latencies>,
}

/// Measures from the end of the warm-up to the last acknowledgement.
pub(crate) struct Stopwatch {
    pub(crate) started: Instant,
    cpu_before: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self {
            cpu_before: cpu_time(),
            started: Instant::now(),
        }
    }

    pub(crate) fn stop(self, records: u64, acknowledged: u64, latencies: Option<Latencies>) -> Measured {
        Measured {
            wall: self.started.elapsed(),
            cpu: cpu_time().saturating_sub(self.cpu_before),
            records,
            acknowledged,
            latencies,
        }
    }
}

fn cpu_time() -> Duration {
    cpu::of_this_process().expect("Linux tells the CPU time of a process")
}
