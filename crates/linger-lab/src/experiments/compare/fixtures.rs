//! Reports with made-up figures, for tests.

use super::amortised::amortised;
use super::fairness::{Fill, judge_full};
use super::outcome::{CodecReport, RunReport};
use super::report::{ClusterReport, InputReport, ProofReport, Report, Settings};

/// A run of 1,000 records with 280,000 bytes: batches, wire bytes, CPU time per record.
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

pub(crate) fn codec_report(codec: &str, unbatched: (u64, u64, f64), full: (u64, u64, f64)) -> CodecReport {
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
        amortised: amortised(&codecs),
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

pub(crate) fn unfair_report() -> Report {
    let fill = Fill {
        batches: 14,
        mean: 0.4,
        least: 0.1,
    };
    let unfair = judge_full("none", fill).into_iter().collect();
    Report { unfair, ..report() }
}
