//! `sim compare`: what do full batches save over `linger=0`, for these records, in each codec?
//!
//! The experiment varies the codec and `linger`, and nothing else. Every run sends the same records
//! at the same rate through the real producer, over TCP, to a new simulated cluster or to a real
//! one. The brokers (or the producer, with a real cluster) count what is sent. The application
//! measures when each record is acknowledged. After each run the log is compared with the input,
//! record by record.
//!
//! ```text
//! options -> input | generator -> plan -> runs -> report -> text | json | csv | page
//!     runs: (trial, proof) x codecs x 2        sweep: other batch sizes, for the page
//! ```

mod amortised;
mod command_line;
pub mod csv;
mod error;
mod fairness;
#[cfg(test)]
mod fixtures;
pub mod json;
pub mod options;
pub mod outcome;
pub mod page;
mod plan;
pub mod report;
mod runs;
mod sweep;
pub mod text;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

pub use error::CompareError;
pub use fairness::summary;
use options::Options;
use outcome::Kind;
use report::Report;

use crate::place::cluster::target::{self, Target};
use crate::workload::generator;
use crate::workload::input::{self, Input, InputError, Limit, ReadOptions, Source};
use runs::Runs;

/// The program that generates the web page, as the page names it.
pub const PROGRAM: &str = "sim compare";

/// The interval of progress reports.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Receives the progress of the experiment.
pub trait Progress {
    /// The records are read. `records` is the number of records of all runs together.
    fn started(&mut self, records: u64);
    /// A run starts.
    fn run_started(&mut self, codec: &str, kind: Kind);
    /// The number of acknowledged records, over all runs.
    fn acknowledged(&mut self, records: u64);
}

/// Ignores the progress.
impl Progress for () {
    fn started(&mut self, _records: u64) {}
    fn run_started(&mut self, _codec: &str, _kind: Kind) {}
    fn acknowledged(&mut self, _records: u64) {}
}

/// Runs the experiment. [`Report::is_fair`] tells whether the comparison was fair.
///
/// Blocks until the records have arrived twice per codec. May be called inside a runtime: whatever
/// waits has its own thread.
///
/// # Errors
/// An option, the input or the cluster cannot be used; then nothing was sent
/// ([`CompareError::is_usage`]). Or a run failed: a record was not acknowledged, or the log differs
/// from the input.
pub fn compare(options: &Options, progress: &mut dyn Progress) -> Result<Report, CompareError> {
    options.validate()?;
    let input = read_input(options)?;
    let target = options.remote.as_ref().map(target::find).transpose()?;
    let partitions = target.as_ref().and_then(Target::partitions);
    let options = &Options {
        partitions: partitions.unwrap_or(options.partitions),
        ..options.clone()
    };
    let plan = plan::plan(&input.records, options)?;
    let remote = target
        .map(|target| target.prepare(options.partitions))
        .transpose()?;
    let acknowledged = AtomicU64::new(0);
    let (started, runs_started) = mpsc::channel();
    let runs = Runs {
        options,
        input: &input,
        plan: &plan,
        remote: remote.as_ref(),
        acknowledged: &acknowledged,
    };
    progress.started(runs.records_to_send());
    std::thread::scope(|scope| {
        let running = scope.spawn(move || runs.run(&|codec, kind| drop(started.send((codec, kind)))));
        loop {
            match runs_started.recv_timeout(PROGRESS_INTERVAL) {
                Ok((codec, kind)) => progress.run_started(&codec, kind),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            progress.acknowledged(acknowledged.load(Ordering::Relaxed));
        }
        running
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn read_input(options: &Options) -> Result<Input, InputError> {
    match (&options.source, options.limit) {
        (Source::Generator, Limit::First(count)) => Ok(Input {
            records: generator::generate(count, options.seed),
            more: false,
        }),
        (source, limit) => input::read(
            source,
            ReadOptions {
                separator: options.separator,
                limit,
                max_request_size: options.max_request_size,
            },
        ),
    }
}
