//! The work of one client's process, and what the clients of this program share.

use tokio::runtime::Runtime;

use crate::records::Records;
use crate::workload::Workload;

/// Records that are sent between two reads of the clock.
pub(crate) const RECORDS_PER_CHECK: u64 = 1_000;

/// The largest number of unacknowledged deliveries of a client with futures.
pub(crate) const WINDOW: usize = 1_000_000;

/// What to send, and where.
pub(crate) struct Task {
    pub(crate) bootstrap: String,
    pub(crate) topic: String,
    pub(crate) workload: Workload,
    pub(crate) records: Records,
}

impl Task {
    /// The task that the environment describes.
    pub(crate) fn from_env() -> Result<Self, String> {
        let workload = Workload::default().or_from_env()?;
        Ok(Self {
            bootstrap: std::env::var("BOOTSTRAP")
                .map_err(|_| "BOOTSTRAP is missing: it takes host:port,...")?,
            topic: std::env::var("TOPIC").unwrap_or_else(|_| "bench".into()),
            records: Records::of(&workload)?,
            workload,
        })
    }
}

/// The version of a crate in the lock file of this package.
pub(crate) fn locked_version(name: &str) -> String {
    let wanted = format!("name = \"{name}\"");
    let mut lines = include_str!("../Cargo.lock")
        .lines()
        .skip_while(|line| *line != wanted);
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = \""));
    version.map_or_else(
        || "unknown".into(),
        |version| version.trim_end_matches('"').into(),
    )
}

/// The Tokio runtime of an asynchronous client.
pub(crate) fn runtime(workload: &Workload) -> Result<Runtime, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workload.workers)
        .enable_all()
        .build();
    runtime.map_err(|error| format!("cannot start a Tokio runtime: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_has_the_peers() {
        for name in ["linger", "rdkafka", "krafka", "rskafka"] {
            assert_ne!(locked_version(name), "unknown", "{name}");
        }
        assert_eq!(locked_version("no-such-crate"), "unknown");
    }
}
