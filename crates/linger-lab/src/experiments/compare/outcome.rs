//! The figures of one run, and of the two runs of a codec.

use std::fmt;

use serde::Serialize;

use super::fairness::Fill;

/// Which of a codec's two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// `linger=0`: a record leaves as soon as possible.
    #[serde(rename = "linger=0")]
    Unbatched,
    /// A record waits until its batch is full.
    #[serde(rename = "full")]
    Full,
}

impl Kind {
    /// The name in tables, plots and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unbatched => "linger=0",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The two runs of one codec.
#[derive(Clone, Debug, Serialize)]
pub struct CodecReport {
    /// The codec's name, with the level if it is not the default.
    pub codec: String,
    /// The codec's level, if it has levels.
    pub level: Option<i32>,
    /// The run with `linger=0`.
    #[serde(rename = "linger_0")]
    pub unbatched: RunReport,
    /// The run with full batches.
    pub full: RunReport,
}

impl CodecReport {
    /// Wire bytes of `linger=0`, divided by those of the full run.
    pub fn wire_gain(&self) -> f64 {
        self.unbatched.wire_bytes as f64 / self.full.wire_bytes as f64
    }

    /// CPU time per record of `linger=0`, divided by that of the full run.
    pub fn cpu_gain(&self) -> Option<f64> {
        Some(self.unbatched.cpu_ns_per_record? / self.full.cpu_ns_per_record?)
    }

    /// The two runs, in the order of the tables.
    pub fn runs(&self) -> [(Kind, &RunReport); 2] {
        [(Kind::Unbatched, &self.unbatched), (Kind::Full, &self.full)]
    }
}

/// The figures of one run.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// Records that were sent, acknowledged and read back.
    pub records: u64,
    /// Produce requests.
    pub requests: u64,
    /// Record batches in those requests.
    pub batches: u64,
    /// Records per batch, on average.
    pub records_per_batch: f64,
    /// Bytes of the produce requests: length prefixes, request headers, batch headers, records.
    pub wire_bytes: u64,
    /// Wire bytes per record.
    pub wire_bytes_per_record: f64,
    /// Wire bytes of the same run with codec `none`, divided by those of this run.
    pub ratio_to_none: f64,
    /// Bytes of the input, divided by wire bytes.
    pub ratio_to_input: f64,
    /// Records per second, from the first `send` to the last acknowledgement.
    pub records_per_second: f64,
    /// CPU time of the producer's threads per record, in nanoseconds.
    pub cpu_ns_per_record: Option<f64>,
    /// Median time from `send` to the acknowledgement, in nanoseconds.
    pub latency_ns_p50: u64,
    /// The 99th percentile.
    pub latency_ns_p99: u64,
    /// The 99.9th percentile.
    pub latency_ns_p999: u64,
    /// The longest.
    pub latency_ns_max: u64,
    /// How full the batches were before compression.
    pub fill: Fill,
}
