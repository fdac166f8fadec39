//! What the tasks of one broker share.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::model_handle::ModelHandle;
use crate::stats::Counters;

/// What a broker's process is doing.
///
/// ```text
/// Running <-> Frozen        both -> Stopped -> Running;   any -> Ended
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It accepts, reads and writes.
    Running,
    /// As a process under SIGSTOP: the kernel still accepts connections and bytes, but the broker
    /// neither reads nor answers.
    Frozen,
    /// As a process that was killed: no listener, no connections. Its port stays reserved.
    Stopped,
    /// The cluster is gone.
    Ended,
}

/// A broker's identity, counters and tasks, and the cluster's model.
pub(crate) struct Shared {
    pub(crate) id: i32,
    pub(crate) address: SocketAddr,
    pub(crate) counters: Counters,
    pub(crate) model: Arc<ModelHandle>,
    pub(super) tasks: TaskTracker,
}
