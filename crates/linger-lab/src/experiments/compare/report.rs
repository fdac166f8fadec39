//! The result of the experiment: plain data that the table, JSON, CSV and web page are written
//! from.

use serde::{Serialize, Serializer};

use super::amortised::Amortised;
use super::fairness::Unfair;
use super::outcome::CodecReport;
use super::sweep::Sweep;
pub use crate::place::cluster::remote::RealCluster;

/// The whole result.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was sent.
    pub input: InputReport,
    /// How it was sent.
    pub settings: Settings,
    /// The brokers that it was sent to.
    pub cluster: ClusterReport,
    /// The command that repeats the experiment.
    pub command: String,
    /// The two runs of each codec, `none` first.
    pub codecs: Vec<CodecReport>,
    /// What was read back and compared.
    pub proof: ProofReport,
    /// Why the comparison was not fair; empty if it was.
    pub unfair: Vec<Unfair>,
    /// Other facts that a reader needs to judge the figures.
    pub notes: Vec<String>,
    /// The fixed cost of a batch, and the conclusion.
    pub amortised: Option<Amortised>,
    /// The ratio at other batch sizes, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
}

impl Report {
    /// Whether both runs of each codec were what their names say.
    pub fn is_fair(&self) -> bool {
        self.unfair.is_empty()
    }
}

/// What was sent.
#[derive(Clone, Debug, Serialize)]
pub struct InputReport {
    /// A file name, `standard input` or `generated logs`.
    pub source: String,
    /// The generator's seed.
    pub seed: Option<u64>,
    /// Records of each run.
    pub records: u64,
    /// Bytes of those records, without separators.
    pub bytes: u64,
    /// Whether the input has more records than `--limit`.
    pub more: bool,
}

/// How it was sent.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    /// Records per second, in both runs.
    pub rate: u64,
    /// `batch.size` in bytes.
    pub batch_size: usize,
    /// `linger` of the full run, in milliseconds.
    pub linger_full_ms: f64,
    /// Number of brokers.
    pub brokers: u32,
    /// Replicas of each partition.
    pub replication_factor: u32,
    /// Number of partitions.
    pub partitions: u32,
    /// `max.request.size` in bytes.
    pub max_request_size: usize,
    /// The time that a simulated follower takes to replicate.
    pub ack_latency: Option<String>,
    /// `acks`.
    pub acks: &'static str,
    /// `enable.idempotence`.
    pub idempotence: bool,
}

/// The brokers that the records were sent to.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ClusterReport {
    /// Simulated brokers, new for each run.
    Embedded,
    /// A cluster of the user's.
    Real(RealCluster),
}

impl ClusterReport {
    /// Where bytes, requests and batches were counted.
    pub fn counted_at(&self) -> &'static str {
        match self {
            Self::Embedded => "the brokers' sockets",
            Self::Real(_) => "the producer's sockets",
        }
    }
}

/// What was read back and compared with the input.
#[derive(Clone, Debug, Serialize)]
pub struct ProofReport {
    /// The number of runs. Without a proof of every run there is no report.
    pub runs: u64,
    /// Compared records, over all runs.
    pub records: u64,
    /// Compared bytes, over all runs.
    pub bytes: u64,
}

impl Serialize for Unfair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
