//! A limit for a test that would otherwise hang.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

/// Longer than any test takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

/// Ends the test binary with the name of the test if the test has not dropped the limit in time.
///
/// Works for a thread that blocks as well as for a future that never becomes ready.
#[derive(Debug)]
pub(crate) struct TimeLimit {
    /// Dropping the sender tells the watching thread that the test has ended.
    _test_runs: Sender<()>,
}

impl TimeLimit {
    /// Starts the limit of the test that runs on this thread.
    pub(crate) fn start() -> Self {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let (test_runs, test_ended) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            if test_ended.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{test} has not ended within {LIMIT:?}");
                std::process::abort();
            }
        });
        Self {
            _test_runs: test_runs,
        }
    }
}
