//! What an experiment found: plain data, from which the table, JSON and CSV are written.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::experiments::compare::amortised::Amortised;
use crate::experiments::compare::fairness::{Fill, Unfair};
use crate::experiments::compare::sweep::Sweep;

/// Which of the two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// `linger=0`: a record leaves as soon as it can.
    #[serde(rename = "linger=0")]
    Unbatched,
    /// A record waits until its batch is full.
    #[serde(rename = "full")]
    Full,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unbatched => "linger=0",
            Self::Full => "full",
        })
    }
}

/// The whole experiment.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was sent.
    pub input: InputReport,
    /// How it was sent.
    pub settings: Settings,
    /// Where it was sent to.
    pub cluster: ClusterReport,
    /// The command that repeats it.
    pub command: String,
    /// The two runs of each codec, `none` first.
    pub codecs: Vec<CodecReport>,
    /// What was read back and compared.
    pub proof: ProofReport,
    /// Whether the comparison was fair; if not, why, and what to do.
    #[serde(rename = "unfair")]
    pub unfair: Vec<Unfair>,
    /// What else a reader should know before trusting a number.
    pub notes: Vec<String>,
    /// The fixed cost, and the closing sentence.
    pub amortised: Option<Amortised>,
    /// The ratio at other batch sizes, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
}

impl Report {
    /// Whether each run was what it is called.
    pub fn is_fair(&self) -> bool {
        self.unfair.is_empty()
    }

    /// The two runs of a codec, by its name (`lz4`, `zstd:5`): what tests ask for.
    #[cfg(test)]
    pub fn codec(&self, name: &str) -> Option<&CodecReport> {
        self.codecs.iter().find(|report| report.codec == name)
    }
}

/// What was sent.
#[derive(Clone, Debug, Serialize)]
pub struct InputReport {
    /// File name, `standard input` or `generated logs`.
    pub source: String,
    /// The generator's seed.
    pub seed: Option<u64>,
    /// Records in each run.
    pub records: u64,
    /// Their bytes, without separators.
    pub bytes: u64,
    /// Whether `--limit` left some of the input out.
    pub more: bool,
}

/// How it was sent.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    /// Records per second that arrived, in both runs.
    pub rate: u64,
    /// `batch.size` in bytes.
    pub batch_size: usize,
    /// `linger` of the full run, in milliseconds.
    pub linger_full_ms: f64,
    /// Brokers.
    pub brokers: u32,
    /// Replicas of each partition.
    pub replication_factor: u32,
    /// Partitions.
    pub partitions: u32,
    /// `max.request.size` in bytes.
    pub max_request_size: usize,
    /// What each follower takes to replicate, where that is simulated.
    pub ack_latency: Option<String>,
    /// `acks`.
    pub acks: &'static str,
    /// `enable.idempotence`.
    pub idempotence: bool,
}

/// Which brokers the records were sent to, and so who counted the bytes.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ClusterReport {
    /// Simulated ones, new for each run.
    Embedded,
    /// Somebody's own.
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

/// A cluster that was there before.
#[derive(Clone, Debug, Serialize)]
pub struct RealCluster {
    /// The addresses that it was found by.
    pub bootstrap: String,
    /// What it calls itself.
    pub cluster_id: Option<String>,
    /// What is known of its version.
    pub version: Option<String>,
    /// The topic that took the records.
    pub topic: String,
    /// Whether the topic was created for this and removed afterwards.
    pub topic_created: bool,
}

impl RealCluster {
    /// The cluster in a sentence without its end.
    pub fn in_words(&self) -> String {
        let id = self.cluster_id.as_deref().unwrap_or("without an id");
        let version = self
            .version
            .as_ref()
            .map_or(String::new(), |version| format!(", {version}"));
        format!(
            "Cluster {id} at {}{version}, topic {}: bytes are counted at the producer's sockets",
            self.bootstrap,
            self.topic_in_words()
        )
    }

    /// The topic, and what became of it.
    pub fn topic_in_words(&self) -> String {
        let created = if self.topic_created {
            " (created and removed)"
        } else {
            ""
        };
        format!("{}{created}", self.topic)
    }
}

/// One codec's two runs.
#[derive(Clone, Debug, Serialize)]
pub struct CodecReport {
    /// Its name, with the level if that is not the default one.
    pub codec: String,
    /// Its level, if it has levels.
    pub level: Option<i32>,
    /// The run with `linger=0`.
    #[serde(rename = "linger_0")]
    pub unbatched: RunReport,
    /// The run that filled its batches.
    pub full: RunReport,
}

impl CodecReport {
    /// How many times fewer bytes the full run put on the wire.
    pub fn wire_gain(&self) -> f64 {
        self.unbatched.wire_bytes as f64 / self.full.wire_bytes as f64
    }

    /// How many times less CPU the full run's producer used.
    pub fn cpu_gain(&self) -> Option<f64> {
        Some(self.unbatched.cpu_ns_per_record? / self.full.cpu_ns_per_record?)
    }

    /// The two runs in the order of the table.
    pub fn runs(&self) -> [(Kind, &RunReport); 2] {
        [(Kind::Unbatched, &self.unbatched), (Kind::Full, &self.full)]
    }
}

/// What one run measured.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// Records sent, acknowledged and read back.
    pub records: u64,
    /// Produce requests that were counted.
    pub requests: u64,
    /// Record batches in them.
    pub batches: u64,
    /// Records per batch, on average.
    pub records_per_batch: f64,
    /// Bytes of the produce requests where they were counted: length prefixes, request headers, batch
    /// headers, records.
    pub wire_bytes: u64,
    /// The same, divided by the records.
    pub wire_bytes_per_record: f64,
    /// Bytes on the wire of the same run with codec `none`, divided by this run's.
    pub ratio_to_none: f64,
    /// Bytes of the input divided by bytes on the wire.
    pub ratio_to_input: f64,
    /// Records per second from the first `send` to the last acknowledgement.
    pub records_per_second: f64,
    /// CPU time of the producer's threads per record, in nanoseconds.
    pub cpu_ns_per_record: Option<f64>,
    /// Median time from `send` to the acknowledgement, in nanoseconds.
    pub latency_ns_p50: u64,
    /// Its 99th percentile.
    pub latency_ns_p99: u64,
    /// Its 99.9th percentile.
    pub latency_ns_p999: u64,
    /// The longest.
    pub latency_ns_max: u64,
    /// How full the batches were before compression.
    pub fill: Fill,
}

/// What was read back.
#[derive(Clone, Debug, Serialize)]
pub struct ProofReport {
    /// Runs whose log was compared with the input: all of them, or there would be no report.
    pub runs: u64,
    /// Records compared, over all runs.
    pub records: u64,
    /// Bytes compared, over all runs.
    pub bytes: u64,
}

impl Serialize for Unfair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::experiments::compare::fairness::judge_full;

    /// A run of 1,000 records with 280,000 bytes: batches, bytes on the wire, CPU per record.
    fn run_report((batches, wire_bytes, cpu_ns): (u64, u64, f64)) -> RunReport {
        RunReport {
            records: 1000,
            requests: batches.div_ceil(2),
            batches,
            records_per_batch: 1000.0 / batches as f64,
            wire_bytes,
            wire_bytes_per_record: wire_bytes as f64 / 1000.0,
            ratio_to_none: 1.0,
            ratio_to_input: 280_000.0 / wire_bytes as f64,
            records_per_second: 3998.6,
            cpu_ns_per_record: Some(cpu_ns),
            latency_ns_p50: 412_000,
            latency_ns_p99: 1_930_000,
            latency_ns_p999: 4_100_000,
            latency_ns_max: 5_000_000,
            fill: Fill {
                batches: batches.saturating_sub(6),
                mean: 0.99,
                least: 0.97,
            },
        }
    }

    pub(crate) fn codec_report(
        codec: &str,
        unbatched: (u64, u64, f64),
        full: (u64, u64, f64),
    ) -> CodecReport {
        CodecReport {
            codec: codec.to_owned(),
            level: codec.split_once(':').and_then(|(_, level)| level.parse().ok()),
            unbatched: run_report(unbatched),
            full: run_report(full),
        }
    }

    pub(crate) fn report() -> Report {
        let codecs = vec![
            codec_report("none", (1000, 400_000, 22_000.0), (20, 302_000, 2_400.0)),
            codec_report("zstd:5", (1000, 300_000, 30_000.0), (20, 60_000, 5_000.0)),
        ];
        Report {
            input: InputReport {
                source: "generated logs".to_owned(),
                seed: Some(1),
                records: 1000,
                bytes: 280_000,
                more: false,
            },
            settings: Settings {
                rate: 4000,
                batch_size: 16_384,
                linger_full_ms: 395.0,
                brokers: 3,
                replication_factor: 3,
                partitions: 6,
                max_request_size: 1 << 20,
                ack_latency: Some("0".to_owned()),
                acks: "all",
                idempotence: true,
            },
            cluster: ClusterReport::Embedded,
            command: "sim compare --limit 1000".to_owned(),
            amortised: crate::experiments::compare::amortised::amortised(&codecs),
            sweep: None,
            codecs,
            proof: ProofReport {
                runs: 4,
                records: 4000,
                bytes: 1_120_000,
            },
            unfair: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_codec_is_found_by_its_name() {
        assert_eq!(
            report().codec("zstd:5").map(|codec| codec.full.wire_bytes),
            Some(60_000)
        );
        assert!(report().codec("zstd").is_none());
    }

    pub(crate) fn unfair_report() -> Report {
        let unfair = judge_full(
            "none",
            Fill {
                batches: 14,
                mean: 0.4,
                least: 0.1,
            },
        )
        .into_iter()
        .collect();
        Report { unfair, ..report() }
    }
}
