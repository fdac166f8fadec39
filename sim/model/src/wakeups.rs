//! Which waiting requests may go on.

use std::collections::BTreeSet;

use crate::ids::RequestId;

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum WaitReason {
    /// The end of a fault's delay, or the release of a barrier.
    Fault,
    /// What the request's task waits for: followers, records to fetch.
    Task,
    /// The broker to thaw. Whatever the request waited for before may have come meanwhile.
    Thaw,
}

/// Requests that may go on, and what each of them waited for. The oldest request goes first.
///
/// A wake-up may come too late: the request may have gone on for another reason, and wait for
/// something else by now. The reason tells these apart.
#[derive(Debug, Default)]
pub(crate) struct Wakeups {
    ready: BTreeSet<(RequestId, WaitReason)>,
}

impl Wakeups {
    pub(crate) fn wake(&mut self, id: RequestId, reason: WaitReason) {
        self.ready.insert((id, reason));
    }

    pub(crate) fn wake_all(&mut self, ids: impl IntoIterator<Item = RequestId>, reason: WaitReason) {
        self.ready.extend(ids.into_iter().map(|id| (id, reason)));
    }

    pub(crate) fn pop(&mut self) -> Option<(RequestId, WaitReason)> {
        self.ready.pop_first()
    }
}
