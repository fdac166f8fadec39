//! All runs of an experiment, one after the other, so that none disturbs another.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use linger_protocol::records::Compression;

use super::CompareError;
use crate::experiments::compare::amortised::amortised;
use crate::experiments::compare::command_line::command_line;
use crate::experiments::compare::fairness::{fill, judge_full, judge_unbatched};
use crate::experiments::compare::options::Options;
use crate::experiments::compare::plan::Plan;
use crate::experiments::compare::report::{
    ClusterReport, CodecReport, InputReport, Kind, ProofReport, Report, RunReport, Settings,
};
use crate::experiments::compare::sweep::{Sweep, sweep};
use crate::place::cluster::Remote;
use crate::report::format::{count, digits};
use crate::trial::{self, Measured, Trial};
use crate::workload::input::{Input, Source};

/// Share of the asked rate below which the reader is told that it was not reached.
const RATE_REACHED_MIN: f64 = 0.95;

/// What is run, and what on.
pub(crate) struct Experiment<'a> {
    pub options: &'a Options,
    pub input: &'a Input,
    pub plan: &'a Plan,
    /// The cluster to run on, if it is not simulated.
    pub remote: Option<&'a Remote>,
    /// Counts acknowledged records over all runs.
    pub acknowledged: &'a AtomicU64,
}

impl Experiment<'_> {
    /// Records of all runs together.
    pub(crate) fn records_to_send(&self) -> u64 {
        (self.input.records.len() * self.options.codecs_with_baseline().len() * 2) as u64
    }

    /// Runs each codec with `linger=0` and with full batches; `began` is told of each run.
    pub(crate) fn run(&self, began: &dyn Fn(String, Kind)) -> Result<Report, CompareError> {
        let mut codecs: Vec<CodecReport> = Vec::new();
        let mut notes = self.notes_beforehand();
        for compression in self.options.codecs_with_baseline() {
            let codec = compression.to_string();
            let measure = |kind| {
                began(codec.clone(), kind);
                self.measure(compression, kind)
                    .map_err(|error| CompareError::Run {
                        codec: codec.clone(),
                        kind,
                        error,
                    })
            };
            let unbatched = measure(Kind::Unbatched)?;
            let full = measure(Kind::Full)?;
            for (kind, measured) in [(Kind::Unbatched, &unbatched), (Kind::Full, &full)] {
                notes.extend(self.rate_missed(&codec, kind, measured));
                notes.extend(sent_again(&codec, kind, measured));
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

    fn measure(&self, compression: Compression, kind: Kind) -> Result<Measured, trial::TrialError> {
        let linger = match kind {
            Kind::Unbatched => Duration::ZERO,
            Kind::Full => self.plan.linger,
        };
        let (options, records) = (self.options, &self.input.records);
        trial::run(&Trial {
            compression,
            linger,
            options,
            records,
            remote: self.remote,
            acknowledged: self.acknowledged,
        })
    }

    fn report(&self, measured: &Measured, wire_bytes_of_none: u64) -> RunReport {
        let records = self.input.records.len() as u64;
        let per_wire_byte = |bytes: u64| bytes as f64 / measured.counted.bytes as f64;
        let latency = |quantile| measured.latency.value_at_quantile(quantile);
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
            latency_ns_p50: latency(0.5),
            latency_ns_p99: latency(0.99),
            latency_ns_p999: latency(0.999),
            latency_ns_max: measured.latency.max(),
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
            sweep: options.sweep.then(|| self.sweep()),
            codecs,
        }
    }

    fn sweep(&self) -> Sweep {
        let (options, records) = (self.options, &self.input.records);
        let codecs = options.codecs_with_baseline();
        sweep(records, options.partitions as usize, options.rate, &codecs)
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

/// Batches that brokers did not answer, or refused for a while, are counted each time that they were sent.
fn sent_again(codec: &str, kind: Kind, measured: &Measured) -> Option<String> {
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
    use super::*;
    use crate::experiments::compare::report::tests::codec_report;
    use crate::workload::input::Records;

    /// The verdict on runs of 1,000 records: batches of the one with `linger=0`, mean fill of the other.
    fn check(unbatched_batches: u64, fill: f64, expected: &[&str]) {
        let mut codec = codec_report(
            "none",
            (unbatched_batches, 400_000, 22_000.0),
            (20, 302_000, 2_400.0),
        );
        codec.full.fill.mean = fill;
        let experiment = Experiment {
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
