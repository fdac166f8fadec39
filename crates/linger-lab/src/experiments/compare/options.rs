//! The options of the experiment, and their limits.

use std::time::Duration;

use linger_protocol::records::Compression;
use linger_sim::Latency;

pub use crate::place::cluster::options::{RemoteOptions, TopicChoice};
use crate::units::{count, duration};
use crate::workload::generator::GENERATED_RECORDS_MAX;
use crate::workload::input::{INPUT_RECORDS_MAX, Limit, Separator, Source};

/// The highest rate, in records per second. The clock cannot resolve shorter intervals.
const RATE_MAX: u64 = 10_000_000;

/// The largest number of simulated brokers.
const BROKERS_MAX: u32 = 100;

/// The largest replication factor of the wire format.
const REPLICAS_MAX: u64 = i16::MAX as u64;

/// The largest number of partitions.
const PARTITIONS_MAX: u32 = 10_000;

/// The largest `max.request.size`: the default of the brokers' `socket.request.max.bytes`.
const REQUEST_SIZE_MAX: usize = 100 << 20;

/// The smallest `max.request.size` of the producer.
const REQUEST_SIZE_MIN: usize = 4096;

/// Bytes of a request that the producer reserves for its framing.
const REQUEST_OVERHEAD: usize = 1024;

/// The longest `linger` of the full run, given or computed.
pub(crate) const LINGER_MAX: Duration = Duration::from_secs(60);

/// One experiment.
#[derive(Clone, Debug)]
pub struct Options {
    /// Codecs to compare, with levels. `none` always runs, since ratios refer to it.
    pub codecs: Vec<Compression>,
    /// `batch.size` in bytes, before compression.
    pub batch_size: usize,
    /// `linger` of the full run; `None`: four times the time that a batch takes to fill.
    pub linger: Option<Duration>,
    /// Records per second, in both runs.
    pub rate: u64,
    /// How many records to send in each run.
    pub limit: Limit,
    /// The time that a simulated follower takes to replicate.
    pub ack_latency: Latency,
    /// Simulated brokers. Partitions have three replicas, or as many as there are brokers.
    pub brokers: u32,
    /// Partitions; record `i` goes to partition `i % partitions`.
    pub partitions: u32,
    /// Seeds the generator and the cluster.
    pub seed: u64,
    /// Where the records come from.
    pub source: Source,
    /// The separator of the records of a file.
    pub separator: Separator,
    /// `max.request.size` in bytes; the brokers' `message.max.bytes` follows it.
    pub max_request_size: usize,
    /// The cluster to run on, if it is not simulated.
    pub remote: Option<RemoteOptions>,
    /// Whether to encode the records at other batch sizes too, for the web page.
    pub sweep: bool,
}

impl Default for Options {
    /// Every codec at its default level, batches of 16 KiB, and a rate at which `linger=0` does not
    /// batch.
    fn default() -> Self {
        Self {
            codecs: Compression::ALL.to_vec(),
            batch_size: 16_384,
            linger: None,
            rate: 3000,
            limit: Limit::First(6000),
            ack_latency: Latency::fixed(Duration::ZERO),
            brokers: 3,
            partitions: 6,
            seed: 1,
            source: Source::Generator,
            separator: Separator::Line,
            max_request_size: 1 << 20,
            remote: None,
            sweep: false,
        }
    }
}

/// An option out of its range: its name, its value, its limits, and what to do.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option} {value} {problem}")]
pub struct OptionError {
    option: &'static str,
    value: String,
    problem: String,
}

impl Options {
    /// Checks the ranges of the options, and that they do not contradict each other.
    ///
    /// # Errors
    /// The first option that is out of its range.
    pub fn validate(&self) -> Result<(), OptionError> {
        if self.codecs.is_empty() {
            return Err(refuse(
                "--codecs",
                "",
                "names no codec: take some of none, gzip, snappy, lz4, zstd",
            ));
        }
        in_range("--rate", self.rate, 1, RATE_MAX, "records per second")?;
        in_range("--brokers", self.brokers.into(), 1, BROKERS_MAX.into(), "brokers")?;
        in_range(
            "--partitions",
            self.partitions.into(),
            1,
            PARTITIONS_MAX.into(),
            "partitions",
        )?;
        if let Some(RemoteOptions {
            topic: TopicChoice::Created {
                replication_factor: Some(replicas),
            },
            ..
        }) = self.remote
        {
            in_range(
                "--replication-factor",
                replicas.into(),
                1,
                REPLICAS_MAX,
                "replicas",
            )?;
        }
        let (least, most) = (REQUEST_SIZE_MIN as u64, REQUEST_SIZE_MAX as u64);
        in_range(
            "--max-request-size",
            self.max_request_size as u64,
            least,
            most,
            "bytes",
        )?;
        // A batch that is larger than a request could never be full.
        let batch_size_max = (self.max_request_size - REQUEST_OVERHEAD) as u64;
        let unit = "bytes (--max-request-size less 1,024 for the request around the batch)";
        in_range("--batch-size", self.batch_size as u64, 1, batch_size_max, unit)?;
        self.validate_limit()?;
        match self.linger {
            Some(linger) if linger > LINGER_MAX => Err(refuse(
                "--linger",
                duration(linger),
                format!(
                    "is too long: the full run waits at most {} for a batch to fill",
                    duration(LINGER_MAX)
                ),
            )),
            Some(Duration::ZERO) => Err(refuse(
                "--linger",
                "0",
                "is what the other run does: give the full run time to fill a batch, or leave --linger out",
            )),
            _ => Ok(()),
        }
    }

    /// Checks the number of records.
    fn validate_limit(&self) -> Result<(), OptionError> {
        match self.limit {
            Limit::First(count) if count > self.records_max() => {
                in_range("--limit", count as u64, 1, self.records_max() as u64, "records")
            }
            Limit::First(0) => {
                let problem = "leaves no record to send: take a number from 1, or all";
                Err(refuse("--limit", "0", problem))
            }
            Limit::All if self.source == Source::Generator => {
                let problem = "needs an --input, as generated logs have no end: give a number";
                Err(refuse("--limit", "all", problem))
            }
            Limit::First(_) | Limit::All => Ok(()),
        }
    }

    /// The largest number of records of the source.
    fn records_max(&self) -> usize {
        match self.source {
            Source::Generator => GENERATED_RECORDS_MAX,
            Source::File(_) | Source::Stdin => INPUT_RECORDS_MAX,
        }
    }

    /// Replicas of each partition: three, or as many as there are brokers.
    pub(crate) fn replication_factor(&self) -> u32 {
        self.brokers.min(3)
    }

    /// The codecs to run, each once, `none` first.
    pub(crate) fn codecs_with_baseline(&self) -> Vec<Compression> {
        let mut codecs = vec![Compression::None];
        for codec in &self.codecs {
            if !codecs.contains(codec) {
                codecs.push(*codec);
            }
        }
        codecs
    }
}

fn in_range(option: &'static str, value: u64, least: u64, most: u64, unit: &str) -> Result<(), OptionError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(refuse(
        option,
        count(value),
        format!("is out of range: take {} to {} {unit}", count(least), count(most)),
    ))
}

fn refuse(option: &'static str, value: impl Into<String>, problem: impl Into<String>) -> OptionError {
    OptionError {
        option,
        value: value.into(),
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Options), expected: &str) {
        let mut options = Options::default();
        change(&mut options);
        let message = options.validate().expect_err("out of range").to_string();
        assert!(message.starts_with(expected), "{message}");
    }

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Options::default().validate(), Ok(()));
    }

    #[test]
    fn what_is_out_of_range_is_named_with_its_limits() {
        check(
            |options| options.rate = 0,
            "--rate 0 is out of range: take 1 to 10,000,000 records per second",
        );
        check(
            |options| options.limit = Limit::First(0),
            "--limit 0 leaves no record",
        );
        check(
            |options| options.limit = Limit::All,
            "--limit all needs an --input",
        );
        check(
            |options| options.batch_size = 0,
            "--batch-size 0 is out of range: take 1 to 1,047,552 bytes",
        );
        check(
            |options| options.batch_size = 2 << 20,
            "--batch-size 2,097,152 is out of range",
        );
        check(|options| options.brokers = 0, "--brokers 0 is out of range");
        check(|options| options.partitions = 0, "--partitions 0 is out of range");
        check(
            |options| options.max_request_size = 10,
            "--max-request-size 10 is out of range",
        );
        check(
            |options| options.linger = Some(Duration::ZERO),
            "--linger 0 is what the other run does",
        );
        check(
            |options| options.linger = Some(Duration::from_secs(61)),
            "--linger 61.0 s is too long",
        );
        check(|options| options.codecs.clear(), "--codecs  names no codec");
    }

    #[test]
    fn none_is_always_run_and_nothing_twice() {
        let parse = |name: &str| name.parse::<Compression>().expect("a codec");
        let options = Options {
            codecs: vec![parse("lz4"), parse("zstd"), parse("lz4")],
            ..Options::default()
        };
        assert_eq!(
            options.codecs_with_baseline(),
            [parse("none"), parse("lz4"), parse("zstd")]
        );
    }
}
