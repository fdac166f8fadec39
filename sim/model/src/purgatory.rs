//! Requests that wait, and everything the model does later: acks=all, long polls, delays, barriers, follower fetches.
//!
//! There is one ordered structure of deadlines. Deadlines of one instant come in the order they were set, so that a run is the
//! same every time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::connections::ConnectionId;
use super::fetchers::LinkId;
use super::inflight_request::Work;

/// Names a request for as long as it is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WorkId(pub(crate) u64);

/// What is due at some time.
#[derive(Clone, Debug)]
pub(crate) enum Due {
    /// A waiting request goes on, or its time is up.
    Work(WorkId),
    /// A follower's fetch is through.
    Fetched(LinkId),
    /// Followers that lag are looked for.
    LagCheck,
    /// A silent broker is taken for dead.
    Fence(i32),
    /// A throttled connection may go on.
    Unmute(ConnectionId),
}

/// Names a deadline; later ones are larger.
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

    /// Takes the first deadline if it is due, and when it was.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<(Instant, Due)> {
        let first = self.by_time.first_entry().filter(|first| first.key().0 <= now)?;
        let (id, due) = first.remove_entry();
        Some((id.0, due))
    }
}

/// The waiting requests.
#[derive(Debug, Default)]
pub(crate) struct Purgatory {
    waiting: BTreeMap<WorkId, Box<Work>>,
    barriers: BTreeMap<Arc<str>, Vec<WorkId>>,
    next: u64,
}

impl Purgatory {
    pub(crate) fn name_work(&mut self) -> WorkId {
        self.next += 1;
        WorkId(self.next)
    }

    pub(crate) fn park(&mut self, work: Box<Work>) {
        self.waiting.insert(work.id, work);
    }

    /// Takes a request out, to go on with it; `None` if it has gone on already.
    pub(crate) fn take(&mut self, id: WorkId) -> Option<Box<Work>> {
        self.waiting.remove(&id)
    }

    pub(crate) fn peek(&self, id: WorkId) -> Option<&Work> {
        self.waiting.get(&id).map(Box::as_ref)
    }

    /// Notes that a request, which is about to be parked, waits at a barrier.
    pub(crate) fn hold(&mut self, barrier: &Arc<str>, id: WorkId) {
        self.barriers.entry(Arc::clone(barrier)).or_default().push(id);
    }

    /// Opens a barrier once: whoever waits there may go on.
    pub(crate) fn release(&mut self, barrier: &str) -> Vec<WorkId> {
        self.barriers.remove(barrier).unwrap_or_default()
    }

    /// Drops every request of a broker that died, and answers their deadlines.
    pub(crate) fn drop_of_broker(&mut self, broker: i32) -> Vec<DeadlineId> {
        let dead = self.of_broker(broker);
        dead.into_iter()
            .filter_map(|id| self.waiting.remove(&id)?.deadline)
            .collect()
    }

    /// The requests of a broker, oldest first.
    pub(crate) fn of_broker(&self, broker: i32) -> Vec<WorkId> {
        self.waiting
            .values()
            .filter(|work| work.broker == broker)
            .map(|work| work.id)
            .collect()
    }
}
