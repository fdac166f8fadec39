//! Everything that the model does later, in one ordered structure.
//!
//! Deadlines of one instant come in the order in which they were set, so that a run is the same
//! every time.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::fetchers::LinkId;
use crate::ids::{ConnectionId, RequestId};

/// What is due at some time.
#[derive(Clone, Debug)]
pub(crate) enum Due {
    /// A waiting request goes on, or its time is up.
    Request(RequestId),
    /// A follower's fetch has arrived.
    Fetched(LinkId),
    /// Followers that lag are looked for.
    LagCheck,
    /// A silent broker is taken for dead.
    Fence(i32),
    /// A throttled connection may go on.
    Unmute(ConnectionId),
}

/// Names a deadline. A deadline that was set later is larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeadlineId(Instant, u64);

/// All deadlines.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    by_time: BTreeMap<DeadlineId, Due>,
    next: u64,
}

impl Deadlines {
    pub(crate) fn set(&mut self, at: Instant, due: Due) -> DeadlineId {
        let id = DeadlineId(at, self.next);
        self.next += 1;
        self.by_time.insert(id, due);
        id
    }

    pub(crate) fn cancel(&mut self, id: DeadlineId) {
        self.by_time.remove(&id);
    }

    pub(crate) fn first(&self) -> Option<Instant> {
        self.by_time.first_key_value().map(|(id, _)| id.0)
    }

    /// Takes the first deadline, and its time, if it is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<(Instant, Due)> {
        let first = self.by_time.first_entry().filter(|first| first.key().0 <= now)?;
        let (id, due) = first.remove_entry();
        Some((id.0, due))
    }
}
