//! `sim compare`: what do full batches save over `linger=0`, on these records, in each codec?
//!
//! One experiment, two variables: the codec and `linger`. Every run sends the same records at the same
//! arrival rate through the real producer, over TCP, to a cluster of its own; only how long a record may wait
//! for company differs. The brokers count what reaches their sockets, the application notes when each record
//! is acknowledged, and afterwards the log is compared with the input, record by record.
//!
//! ```text
//! options -> input | generator -> plan -> experiment: run x codecs x 2 -> report -> table | json | csv | page
//!                                          run: trial (place, producer) + load + verify
//!                                          place: embedded | remote
//!                                          sweep: other batch sizes, for the page
//! ```
//!
//! Not here: arguments, the progress bar and exit codes, which are the command's. [`compare`] is also what
//! the integration tests call.

pub(crate) mod amortised;
pub(crate) mod command_line;
pub mod csv;
pub(crate) mod experiment;
pub mod fairness;
pub mod json;
pub mod options;
pub mod page;
pub(crate) mod plan;
pub mod report;
pub(crate) mod sweep;
pub mod table;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

pub use self::options::Options;
pub use self::report::{Kind, Report};
pub use crate::workload::input::{Limit, Source};

use self::experiment::Experiment;
use self::options::OptionError;
use self::plan::PlanError;
use crate::place::cluster::{self as remote, RemoteError};
use crate::trial::TrialError;
use crate::workload::generator;
use crate::workload::input::{self, Input, InputError, ReadOptions};

/// How often the watcher is told how far a run is.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Is told how far the experiment is. `()` does not care.
pub trait Progress {
    /// The records are read; `records` counts each as often as it will be sent.
    fn started(&mut self, records: u64);
    /// A run begins.
    fn run_started(&mut self, codec: &str, kind: Kind);
    /// So many have been acknowledged, over all runs.
    fn acknowledged(&mut self, records: u64);
}

impl Progress for () {
    fn started(&mut self, _records: u64) {}
    fn run_started(&mut self, _codec: &str, _kind: Kind) {}
    fn acknowledged(&mut self, _records: u64) {}
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// An option is out of its range.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// There are no records to send.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The records would not fill a batch.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The real cluster cannot be used.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// A run failed, so that there is nothing whole to report.
    #[error("{codec}, {kind}: {error}")]
    Run {
        /// The codec's name.
        codec: String,
        /// Which of its runs.
        kind: Kind,
        /// What happened.
        error: TrialError,
    },
}

impl CompareError {
    /// Whether nothing was run, because of what was asked for.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Option(_) | Self::Input(_) | Self::Plan(_) | Self::Remote(_) => true,
            Self::Run { .. } => false,
        }
    }
}

/// Runs the experiment and reports what it found, fair or not: [`Report::is_fair`] tells.
///
/// Blocks for as long as the records take to arrive twice per codec. It may be called from anywhere, inside a
/// runtime too: all that waits has a thread of its own.
///
/// # Errors
/// [`CompareError`]: an option, an input or a cluster that cannot be used, before anything is sent; or a run that failed,
/// whose records were not all acknowledged, or whose log differs from the input.
pub fn compare(options: &Options, progress: &mut dyn Progress) -> Result<Report, CompareError> {
    options.validate()?;
    let input = obtain(options)?;
    let found = options.remote.as_ref().map(remote::find).transpose()?;
    let partitions = found.as_ref().and_then(remote::Found::partitions);
    let options = &Options {
        partitions: partitions.unwrap_or(options.partitions),
        ..options.clone()
    };
    let plan = plan::plan(&input.records, options)?;
    let remote = found.map(|found| found.prepare(options.partitions)).transpose()?;
    let acknowledged = AtomicU64::new(0);
    let (runs, began) = mpsc::channel();
    let experiment = Experiment {
        options,
        input: &input,
        plan: &plan,
        remote: remote.as_ref(),
        acknowledged: &acknowledged,
    };
    progress.started(experiment.records_to_send());
    std::thread::scope(|scope| {
        let running = scope.spawn(move || experiment.run(&|codec, kind| drop(runs.send((codec, kind)))));
        loop {
            match began.recv_timeout(PROGRESS_INTERVAL) {
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

fn obtain(options: &Options) -> Result<Input, InputError> {
    let (&separator, &limit) = (&options.separator, &options.limit);
    match (&options.source, limit) {
        (Source::Generator, Limit::First(count)) => Ok(Input {
            records: generator::generate(count, options.seed),
            more: false,
        }),
        (source, limit) => input::read(
            source,
            ReadOptions {
                separator,
                limit,
                max_request_size: options.max_request_size,
            },
        ),
    }
}
