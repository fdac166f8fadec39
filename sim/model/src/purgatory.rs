//! The requests that wait. Kafka calls the place where they do so a purgatory.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::deadlines::{DeadlineId, Deadlines};
use crate::ids::RequestId;
use crate::inflight_request::{InflightRequest, RequestState};
use crate::wakeups::{WaitReason, Wakeups};

/// A waiting request.
#[derive(Debug)]
struct Parked {
    request: Box<InflightRequest>,
    reason: WaitReason,
    /// When the request goes on though nobody woke it.
    deadline: Option<DeadlineId>,
}

/// The waiting requests, and the barriers that some of them wait at.
#[derive(Debug, Default)]
pub(crate) struct Purgatory {
    waiting: BTreeMap<RequestId, Parked>,
    barriers: BTreeMap<Arc<str>, Vec<RequestId>>,
}

impl Purgatory {
    pub(crate) fn park(
        &mut self,
        request: Box<InflightRequest>,
        reason: WaitReason,
        deadline: Option<DeadlineId>,
    ) {
        let id = request.context.id;
        let parked = Parked {
            request,
            reason,
            deadline,
        };
        self.waiting.insert(id, parked);
    }

    /// Parks a request until the barrier is released.
    pub(crate) fn hold(&mut self, request: Box<InflightRequest>, barrier: Arc<str>) {
        self.barriers.entry(barrier).or_default().push(request.context.id);
        self.park(request, WaitReason::Fault, None);
    }

    /// Releases a barrier once: the requests that wait at it may go on.
    pub(crate) fn release(&mut self, barrier: &str, wakeups: &mut Wakeups) {
        let held = self.barriers.remove(barrier).unwrap_or_default();
        wakeups.wake_all(held, WaitReason::Fault);
    }

    /// A request's time is up, whatever the request waits for.
    pub(crate) fn time_is_up(&self, id: RequestId, wakeups: &mut Wakeups) {
        if let Some(parked) = self.waiting.get(&id) {
            wakeups.wake(id, parked.reason);
        }
    }

    /// A broker goes on: so do the requests that it had no time for.
    pub(crate) fn thaw(&self, broker: i32, wakeups: &mut Wakeups) {
        let waiting = self.waiting.iter();
        let thawed = waiting.filter(|(_, parked)| {
            parked.reason == WaitReason::Thaw && parked.request.context.broker == broker
        });
        wakeups.wake_all(thawed.map(|(&id, _)| id), WaitReason::Thaw);
    }

    /// Takes a woken request out; `None` if it has gone on for another reason.
    pub(crate) fn take(
        &mut self,
        id: RequestId,
        reason: WaitReason,
        deadlines: &mut Deadlines,
    ) -> Option<Box<InflightRequest>> {
        if self.waiting.get(&id)?.reason != reason {
            return None;
        }
        self.remove(id, deadlines)
    }

    /// Takes a request out whose connection was closed, if its task ends with that.
    pub(crate) fn take_abandoned(
        &mut self,
        id: RequestId,
        deadlines: &mut Deadlines,
    ) -> Option<Box<InflightRequest>> {
        let parked = self.waiting.get(&id)?;
        match &parked.request.state {
            RequestState::Started(task)
                if parked.reason == WaitReason::Task && task.ends_with_connection() =>
            {
                self.remove(id, deadlines)
            }
            RequestState::New(_) | RequestState::Started(_) | RequestState::Answered(_) => None,
        }
    }

    /// Takes out every request of a broker that died.
    pub(crate) fn take_of_broker(&mut self, broker: i32, deadlines: &mut Deadlines) -> Vec<InflightRequest> {
        let waiting = self.waiting.iter();
        let dead = waiting.filter(|(_, parked)| parked.request.context.broker == broker);
        let dead: Vec<RequestId> = dead.map(|(&id, _)| id).collect();
        let taken = dead.into_iter().filter_map(|id| self.remove(id, deadlines));
        taken.map(|request| *request).collect()
    }

    fn remove(&mut self, id: RequestId, deadlines: &mut Deadlines) -> Option<Box<InflightRequest>> {
        let parked = self.waiting.remove(&id)?;
        if let Some(deadline) = parked.deadline {
            deadlines.cancel(deadline);
        }
        Some(parked.request)
    }
}
