//! Why the brokers of a trial cannot be used.

use linger_sim::ClusterError;

use super::cluster::error::RemoteError;

/// Why a place does not start, count or tell its logs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    #[error("the brokers cannot be started: {0}")]
    Runtime(std::io::Error),
    #[error("{0}")]
    Embedded(ClusterError),
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error("the brokers received {received} records in produce requests, and {sent} were sent once each")]
    Count { received: u64, sent: u64 },
}
