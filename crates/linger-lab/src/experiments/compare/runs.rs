//! All runs of the experiment, one after the other, so that they do not disturb each other.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use linger_protocol::records::Compression;

use super::amortised::amortised;
use super::command_line::command_line;
use super::error::CompareError;
use super::fairness::{fill, judge_full, judge_unbatched};
use super::options::Options;
use super::outcome::{CodecReport, Kind, RunReport};
use super::plan::Plan;
use super::report::{ClusterReport, InputReport, ProofReport, Report, Settings};
use super::sweep::sweep;
use crate::place::cluster::remote::Remote;
use crate::place::embedded::EmbeddedOptions;
use crate::trial::{self, Measured, Trial, TrialError, TrialPlace};
use crate::units::{count, digits};
use crate::workload::input::{Input, Source};

/// A run whose rate is below this share of the rate asked for is noted.
const RATE_REACHED_MIN: f64 = 0.95;

/// What to run, and on which cluster.
pub(crate) struct Runs<'a> {
    pub(crate) options: &'a Options,
    pub(crate) input: &'a Input,
    pub(crate) plan: &'a Plan,
    /// The cluster to run on; `None`: simulated brokers, new for each run.
    pub(crate) remote: Option<&'a Remote>,
    /// Counts acknowledged records over all runs.
    pub(crate) acknowledged: &'a AtomicU64,
}

impl Runs<'_> {
    /// Records of all runs together.
    pub(crate) fn records_to_send(&self) -> u64 {
        (self.input.records.len() * self.options.codecs_with_baseline().len() * 2) as u64
    }

    /// Runs each codec with `linger=0` and with full batches. Calls `began` before each run.
    pub(crate) fn run(&self, began: &dyn Fn(String, Kind)) -> Result<Report, CompareError> {
        let mut codecs: Vec<CodecReport> = Vec::new();
        let mut notes = self.notes_beforehand();
        for compression in self.options.codecs_with_baseline() {
            let codec = compression.to_string();
            let measure = |kind| {
                began(codec.clone(), kind);
                self.measure(compression, kind)
                    .map_err(|error| CompareError::run(codec.clone(), kind, error))
            };
            let unbatched = measure(Kind::Unbatched)?;
            let full = measure(Kind::Full)?;
            for (kind, measured) in [(Kind::Unbatched, &unbatched), (Kind::Full, &full)] {
                notes.extend(self.rate_missed(&codec, kind, measured));
                notes.extend(retried(&codec, kind, measured));
            }
            let none = codecs
                .first()
                .map(|none| (none.unbatched.wire_bytes, none.full.wire_bytes));
            let (none_unbatched, none_full) = none.unwrap_or((unbatched.counted.bytes, full.counted.bytes));
            codecs.push(CodecReport {
                codec,
                level: compression.level(),
                unbatched: self.report(&unbatched, none_unbatched),
                full: self.report(&full, none_full),
            });
        }
        Ok(self.conclude(codecs, notes))
    }

    fn measure(&self, compression: Compression, kind: Kind) -> Result<Measured, TrialError> {
        let options = self.options;
        let trial = Trial {
            compression,
            linger: match kind {
                Kind::Unbatched => Duration::ZERO,
                Kind::Full => self.plan.linger,
            },
            batch_size: options.batch_size,
            max_request_size: options.max_request_size,
            partitions: options.partitions as usize,
            rate: options.rate,
            records: &self.input.records,
            acknowledged: self.acknowledged,
        };
        let Some(remote) = self.remote else {
            let embedded = EmbeddedOptions {
                brokers: options.brokers,
                partitions: options.partitions,
                replication_factor: options.replication_factor(),
                ack_latency: options.ack_latency.clone(),
                max_request_size: options.max_request_size,
                seed: options.seed,
            };
            return trial::run(&trial, TrialPlace::Embedded(&embedded));
        };
        trial::run(&trial, TrialPlace::Remote(remote))
    }

    fn report(&self, measured: &Measured, wire_bytes_of_none: u64) -> RunReport {
        let records = self.input.records.len() as u64;
        let per_wire_byte = |bytes: u64| bytes as f64 / measured.counted.bytes as f64;
        let latencies = measured.latencies.percentiles();
        RunReport {
            records,
            requests: measured.counted.requests,
            batches: measured.counted.batches,
            records_per_batch: records as f64 / measured.counted.batches as f64,
            wire_bytes: measured.counted.bytes,
            wire_bytes_per_record: measured.counted.bytes as f64 / records as f64,
            ratio_to_none: per_wire_byte(wire_bytes_of_none),
            ratio_to_input: per_wire_byte(self.input.records.size() as u64),
            records_per_second: records as f64 / measured.elapsed.as_secs_f64(),
            cpu_ns_per_record: measured.cpu.map(|cpu| cpu.as_nanos() as f64 / records as f64),
            latency_ns_p50: latencies.p50.as_nanos() as u64,
            latency_ns_p99: latencies.p99.as_nanos() as u64,
            latency_ns_p999: latencies.p999.as_nanos() as u64,
            latency_ns_max: latencies.max.as_nanos() as u64,
            fill: fill(
                measured.proof.batch_sizes.iter().map(Vec::as_slice),
                self.options.batch_size,
            ),
        }
    }

    fn conclude(&self, codecs: Vec<CodecReport>, notes: Vec<String>) -> Report {
        let (options, records) = (self.options, &self.input.records);
        let runs = codecs.len() as u64 * 2;
        let judge = |report: &CodecReport| {
            let unbatched = judge_unbatched(&report.codec, report.unbatched.records_per_batch, options.rate);
            [unbatched, judge_full(&report.codec, report.full.fill)]
        };
        Report {
            input: InputReport {
                source: options.source.to_string(),
                seed: (options.source == Source::Generator).then_some(options.seed),
                records: records.len() as u64,
                bytes: records.size() as u64,
                more: self.input.more,
            },
            settings: Settings {
                rate: options.rate,
                batch_size: options.batch_size,
                linger_full_ms: self.plan.linger.as_secs_f64() * 1000.0,
                brokers: self.remote.map_or(options.brokers, Remote::brokers),
                replication_factor: self
                    .remote
                    .map_or_else(|| options.replication_factor(), Remote::replicas),
                partitions: options.partitions,
                max_request_size: options.max_request_size,
                ack_latency: self.remote.is_none().then(|| options.ack_latency.to_string()),
                acks: "all",
                idempotence: true,
            },
            cluster: self.remote.map_or(ClusterReport::Embedded, |remote| {
                ClusterReport::Real(remote.about().clone())
            }),
            command: command_line(options),
            proof: ProofReport {
                runs,
                records: runs * records.len() as u64,
                bytes: runs * records.size() as u64,
            },
            unfair: codecs.iter().flat_map(judge).flatten().collect(),
            notes,
            amortised: amortised(&codecs),
            sweep: options.sweep.then(|| {
                let codecs = options.codecs_with_baseline();
                sweep(records, options.partitions as usize, options.rate, &codecs)
            }),
            codecs,
        }
    }

    fn notes_beforehand(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.options.codecs.contains(&Compression::None) {
            notes.push("codec none was run as well, since \"vs none\" is against it.".to_owned());
        }
        if self.input.more {
            notes.push(format!(
                "the input has more than the {} records that were sent; --limit N or --limit all takes more.",
                count(self.input.records.len() as u64)
            ));
        }
        notes
    }

    fn rate_missed(&self, codec: &str, kind: Kind, measured: &Measured) -> Option<String> {
        let reached = self.plan.run_time.as_secs_f64() / measured.arrival_time.as_secs_f64();
        (reached < RATE_REACHED_MIN).then(|| {
            format!(
                "{codec}, {kind}: records arrived at {} of the {} per second asked for: this machine was \
                 busy, or the producer waited for memory.",
                digits(reached * self.options.rate as f64),
                count(self.options.rate)
            )
        })
    }
}

/// A note if batches were retried: each attempt counts.
fn retried(codec: &str, kind: Kind, measured: &Measured) -> Option<String> {
    let stored: usize = measured.proof.batch_sizes.iter().map(Vec::len).sum();
    let again = measured.counted.batches.saturating_sub(stored as u64);
    (again > 0).then(|| {
        format!(
            "{codec}, {kind}: {} of {} batches were sent again, as their bytes count.",
            count(again),
            count(measured.counted.batches)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::codec_report;
    use super::*;
    use crate::workload::records::Records;

    /// The verdict on runs of 1,000 records, from the batches of `linger=0` and the mean fill of
    /// the full run.
    fn check(unbatched_batches: u64, fill: f64, expected: &[&str]) {
        let mut codec = codec_report(
            "none",
            (unbatched_batches, 400_000, 22_000.0),
            (20, 302_000, 2_400.0),
        );
        codec.full.fill.mean = fill;
        let experiment = Runs {
            options: &Options::default(),
            input: &Input {
                records: Records::default(),
                more: false,
            },
            plan: &Plan {
                linger: Duration::from_millis(395),
                fill_time: Duration::from_millis(70),
                run_time: Duration::from_millis(250),
            },
            remote: None,
            acknowledged: &AtomicU64::new(0),
        };
        let report = experiment.conclude(vec![codec], Vec::new());
        let unfair: Vec<String> = report.unfair.iter().map(ToString::to_string).collect();
        assert_eq!(unfair.len(), expected.len(), "{unfair:?}");
        for (reason, expected) in unfair.iter().zip(expected) {
            assert!(reason.starts_with(expected), "{unfair:?}");
        }
    }

    #[test]
    fn each_run_is_judged_by_what_it_is_to_show() {
        check(1000, 0.99, &[]);
        check(500, 0.8, &[]);
        check(499, 0.99, &["none, linger=0: "]);
        check(1000, 0.79, &["none, full: "]);
        check(20, 0.1, &["none, linger=0: ", "none, full: "]);
    }
}
