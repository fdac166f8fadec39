//! `sim compare`: arguments, progress bar and exit codes. The experiment is in `linger-lab`.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | there is a result, the log equals the input, and the comparison was fair |
//! | 1 | a run failed, or the result could not be written, or the comparison was not fair |
//! | 2 | nothing was run: an argument, the input, the report's folder or the cluster cannot be used |

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use linger_lab::experiments::compare::options::{Options, RemoteOptions, TopicChoice};
use linger_lab::experiments::compare::outcome::Kind;
use linger_lab::experiments::compare::report::Report;
use linger_lab::experiments::compare::{self, PROGRAM, Progress};
use linger_lab::report::folder::{Folder, FolderError};
use linger_lab::workload::input::{Limit, Separator, Source};
use linger_protocol::records::{Compression, CompressionError};
use linger_sim::Latency;

use crate::output::{EXIT_FAILURE, EXIT_USAGE, fail, note};

/// What full batches save over linger=0, on your records, in each codec.
///
/// Sends the same records at the same rate through the real producer to an embedded cluster, with
/// linger=0 and so that batches fill, and measures both at the brokers' sockets and at the
/// producer. Then reads the log back and compares it with the input, record by record. Exits with 1
/// if the comparison was not fair, and says what to change. With --bootstrap it runs on a cluster
/// of yours, and measures at the producer.
#[derive(clap::Args, Debug, Clone)]
#[command(allow_negative_numbers = true)]
pub(crate) struct Args {
    /// Records to send, one per line: a file, or - for standard input [default: generated logs]
    #[arg(long, short, value_name = "FILE")]
    input: Option<PathBuf>,

    /// Records end with a zero byte, not a line break
    #[arg(long, short = 'z', requires = "input")]
    null_data: bool,

    /// How many records to send in each run: the first N, or all
    #[arg(long, short = 'n', value_name = "N|all", default_value = "6000", value_parser = parse_limit)]
    limit: Limit,

    /// Codecs to compare, with levels: lz4,zstd:3 (none is always run)
    #[arg(
        long,
        value_name = "CODECS",
        value_delimiter = ',',
        default_value = "none,gzip,snappy,lz4,zstd",
        value_parser = parse_codec
    )]
    codecs: Vec<Compression>,

    /// Records that arrive per second, in every run
    #[arg(long, value_name = "N", default_value_t = Options::default().rate, value_parser = parse_count::<u64>)]
    rate: u64,

    /// batch.size in bytes; 64KiB and 1MiB are understood
    #[arg(long, value_name = "BYTES", default_value = "16384", value_parser = parse_size)]
    batch_size: usize,

    /// linger of the full run, as 500ms [default: four times what a batch takes to fill]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    linger: Option<Duration>,

    /// What each follower takes to replicate: 2ms, uniform:1ms..9ms, lognormal:p50=2ms,p99=40ms
    /// [default: 0]
    #[arg(long, value_name = "LATENCY")]
    ack_latency: Option<Latency>,

    /// Brokers of the simulated cluster [default: 3]
    #[arg(long, value_name = "N", value_parser = parse_count::<u32>)]
    brokers: Option<u32>,

    /// Partitions, filled in turn [default: 6, or all that --topic has]
    #[arg(long, value_name = "N", value_parser = parse_count::<u32>)]
    partitions: Option<u32>,

    /// max.request.size in bytes: no record may be larger
    #[arg(long, value_name = "BYTES", default_value = "1MiB", value_parser = parse_size)]
    max_request_size: usize,

    /// Seeds the generated logs and the cluster
    #[arg(long, value_name = "N", default_value_t = Options::default().seed, value_parser = parse_count::<u64>)]
    seed: u64,

    /// Run on this cluster, not on a simulated one; with --topic or --create-topic
    #[arg(long, value_name = "HOST:PORT,...", requires = "place")]
    bootstrap: Option<String>,

    /// The topic of that cluster to write to; what is written stays there
    #[arg(long, value_name = "NAME", requires = "bootstrap", group = "place")]
    topic: Option<String>,

    /// Create a topic in that cluster, and remove it at the end
    #[arg(long, requires = "bootstrap", group = "place")]
    create_topic: bool,

    /// Replicas of the topic that is created [default: 3, or as many as there are brokers]
    #[arg(long, value_name = "N", requires = "create_topic", conflicts_with = "topic", value_parser = parse_count::<u32>)]
    replication_factor: Option<u32>,

    /// Write one JSON object instead of the table
    #[arg(long, conflicts_with = "csv")]
    json: bool,

    /// Write one CSV line per run instead of the table
    #[arg(long)]
    csv: bool,

    /// Write a web page with plots, and the same as CSV and JSON, into this folder as well
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

impl From<&Args> for Options {
    fn from(args: &Args) -> Self {
        let source = match &args.input {
            None => Source::Generator,
            Some(path) if path.as_os_str() == "-" => Source::Stdin,
            Some(path) => Source::File(path.clone()),
        };
        let defaults = Self::default();
        Self {
            codecs: args.codecs.clone(),
            batch_size: args.batch_size,
            linger: args.linger,
            rate: args.rate,
            limit: args.limit,
            ack_latency: args.ack_latency.clone().unwrap_or(defaults.ack_latency),
            brokers: args.brokers.unwrap_or(defaults.brokers),
            partitions: args.partitions.unwrap_or(defaults.partitions),
            seed: args.seed,
            source,
            separator: if args.null_data {
                Separator::Null
            } else {
                Separator::Line
            },
            max_request_size: args.max_request_size,
            remote: args.bootstrap.as_ref().map(|bootstrap| RemoteOptions {
                bootstrap: bootstrap.clone(),
                topic: args.topic.as_ref().map_or(
                    TopicChoice::Created {
                        replication_factor: args.replication_factor,
                    },
                    |name| TopicChoice::Existing {
                        name: name.clone(),
                        partitions: args.partitions,
                    },
                ),
            }),
            sweep: args.report.is_some(),
        }
    }
}

impl Args {
    /// The option that only a simulated cluster has, if one was given.
    fn simulated_only(&self) -> Option<&'static str> {
        let ack_latency = self.ack_latency.as_ref().map(|_| "--ack-latency");
        ack_latency.or_else(|| self.brokers.map(|_| "--brokers"))
    }
}

/// Runs the comparison and writes its result to standard output.
pub(crate) fn run(args: Args) -> ExitCode {
    if let Some(option) = args.simulated_only().filter(|_| args.bootstrap.is_some()) {
        let message = format!(
            "{option} is for the simulated cluster; a real one (--bootstrap) has its own: leave one of the two out"
        );
        return fail(EXIT_USAGE, &message);
    }
    let options = Options::from(&args);
    if let Err(error) = options.validate() {
        return fail(EXIT_USAGE, &error);
    }
    let folder = match args.report.as_deref().map(prepare_folder).transpose() {
        Ok(folder) => folder,
        Err(error) => return fail(EXIT_USAGE, &error),
    };
    let mut bar = Bar::new();
    let compared = compare::compare(&options, &mut bar);
    bar.clear();
    match compared {
        Ok(report) => finish(&args, folder.as_ref(), &report),
        Err(error) => fail(
            if error.is_usage() {
                EXIT_USAGE
            } else {
                EXIT_FAILURE
            },
            &error,
        ),
    }
}

fn prepare_folder(path: &Path) -> Result<Folder, FolderError> {
    Folder::prepare(path, PROGRAM)
}

fn finish(args: &Args, folder: Option<&Folder>, report: &Report) -> ExitCode {
    let text = if args.json {
        compare::json::render(report)
    } else if args.csv {
        compare::csv::render(report)
    } else {
        compare::text::render(report)
    };
    let mut stdout = io::stdout().lock();
    if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        let message = format!("the result could not be written to standard output: {error}");
        return fail(EXIT_FAILURE, &message);
    }
    match folder.map(|folder| write_report(folder, report)).transpose() {
        Ok(page) => page
            .iter()
            .for_each(|page| note(&format!("the report is in {}", page.display()))),
        Err(error) => return fail(EXIT_FAILURE, &error),
    }
    if report.is_fair() {
        return ExitCode::SUCCESS;
    }
    // The table has the reasons. A program that reads JSON or CSV may not show them.
    if args.json || args.csv {
        let reasons = compare::summary(&report.unfair).join("; ");
        return fail(EXIT_FAILURE, &format!("the comparison was not fair: {reasons}"));
    }
    fail(
        EXIT_FAILURE,
        &"the comparison was not fair, so it has no conclusion; what to do stands above",
    )
}

fn write_report(folder: &Folder, report: &Report) -> Result<PathBuf, FolderError> {
    let files = [
        ("results.csv", compare::csv::render(report)),
        ("results.json", compare::json::render(report)),
    ];
    folder.write(&compare::page::render(report, PROGRAM), &files)
}

fn parse_codec(text: &str) -> Result<Compression, String> {
    text.parse().map_err(|error: CompressionError| error.to_string())
}

/// A whole number. The experiment checks its range.
fn parse_count<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse()
        .map_err(|_| "take a whole number, not below 0".to_owned())
}

fn parse_limit(text: &str) -> Result<Limit, String> {
    if text == "all" {
        return Ok(Limit::All);
    }
    text.parse()
        .map(Limit::First)
        .map_err(|_| "take a whole number of records, or all".to_owned())
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    linger_sim::model::latency::parse_duration(text).map_err(|error| error.to_string())
}

/// A number of bytes, KiB or MiB.
fn parse_size(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "B" => Some(1),
        "k" | "K" | "KiB" => Some(1 << 10),
        "m" | "M" | "MiB" => Some(1 << 20),
        _ => None,
    };
    let size = digits
        .parse::<usize>()
        .ok()
        .zip(unit)
        .and_then(|(number, unit)| number.checked_mul(unit));
    size.ok_or_else(|| "take a whole number of bytes, or of KiB or MiB: 16384, 16KiB".to_owned())
}

/// A progress bar on standard error, shown only on a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg:18} {bar:30} {percent:>3} %  {eta} left");
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn started(&mut self, records: u64) {
        self.0.set_length(records);
    }

    fn run_started(&mut self, codec: &str, kind: Kind) {
        self.0.set_message(format!("{codec} {kind}"));
    }

    fn acknowledged(&mut self, records: u64) {
        self.0.set_position(records);
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser};

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        compare: Args,
    }

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        let arguments = std::iter::once("sim").chain(arguments.iter().copied());
        Cli::try_parse_from(arguments)
            .map(|cli| (&cli.compare).into())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_arguments_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_arguments_the_options_are_the_defaults() {
        let options = parse(&[]).expect("defaults");
        assert_eq!(format!("{options:?}"), format!("{:?}", Options::default()));
    }

    #[test]
    fn a_real_cluster_has_a_topic_of_someone_or_one_of_its_own() {
        let topic = |arguments: &[&str]| {
            let arguments = [&["--bootstrap", "a:1,b:2"], arguments].concat();
            let remote = parse(&arguments).expect("valid").remote.expect("a real cluster");
            assert_eq!(remote.bootstrap, "a:1,b:2");
            remote.topic
        };
        let existing = |partitions| TopicChoice::Existing {
            name: "t".to_owned(),
            partitions,
        };
        assert_eq!(topic(&["--topic", "t"]), existing(None));
        assert_eq!(topic(&["--topic", "t", "--partitions", "2"]), existing(Some(2)));
        assert_eq!(
            topic(&["--create-topic", "--replication-factor", "2"]),
            TopicChoice::Created {
                replication_factor: Some(2)
            }
        );
    }

    #[test]
    fn arguments_become_options() {
        let options = parse(&[
            "--codecs",
            "lz4,zstd:9",
            "--input",
            "-",
            "-z",
            "--limit",
            "all",
            "--batch-size",
            "64KiB",
            "--linger",
            "1.5s",
            "--ack-latency",
            "uniform:1ms..9ms",
            "--rate",
            "100",
            "--seed",
            "9",
        ]);
        let options = options.expect("valid");
        assert_eq!(
            options.codecs.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["lz4", "zstd:9"]
        );
        assert_eq!(
            (options.source, options.separator),
            (Source::Stdin, Separator::Null)
        );
        assert_eq!(
            (options.limit, options.batch_size, options.rate),
            (Limit::All, 65_536, 100)
        );
        assert_eq!(options.linger, Some(Duration::from_millis(1500)));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_is_allowed() {
        let refuse = |arguments: &[&str], expected: &str| {
            let message = parse(arguments).expect_err("refused");
            assert!(message.contains(expected), "{message}");
        };
        refuse(&["--codecs", "brotli"], "none, gzip");
        refuse(&["--codecs", "zstd:99"], "22");
        refuse(&["--codecs", "snappy:1"], "no level");
        refuse(&["--limit", "many"], "or all");
        refuse(&["--batch-size", "16 parsecs"], "KiB");
        refuse(&["--rate", "fast"], "--rate");
        refuse(&["--linger", "5"], "5ms");
        refuse(&["--json", "--csv"], "cannot be used with");
        refuse(&["--null-data"], "--input");
        refuse(&["--topic", "t"], "--bootstrap");
        refuse(&["--create-topic"], "--bootstrap");
        refuse(&["--bootstrap", "a:1"], "--create-topic");
        refuse(
            &["--bootstrap", "a:1", "--topic", "t", "--create-topic"],
            "cannot be used with",
        );
        refuse(
            &["--bootstrap", "a:1", "--topic", "t", "--replication-factor", "1"],
            "cannot be used with",
        );
    }
}
