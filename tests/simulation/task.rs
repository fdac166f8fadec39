//! One task of the application: its script, what it does at the moment, and the deliveries that
//! it awaits.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::time::Duration;

use linger_core::append::delivery::Delivery;
use linger_core::append::memory::{MemoryPermit, MemoryWait};
use linger_core::append::sticky::Sticky;
use linger_core::ids::FlushId;

use crate::history::Sid;
use crate::payload::Claim;
use crate::workload::Step;

/// One task of the application.
pub(crate) struct Task {
    pub(crate) script: Vec<Step>,
    pub(crate) next: usize,
    pub(crate) sent: u32,
    pub(crate) state: State,
    pub(crate) pending: Vec<(Sid, Delivery)>,
    /// By topic.
    pub(crate) sticky: BTreeMap<Arc<str>, Sticky>,
    pub(crate) waker: Waker,
}

pub(crate) enum State {
    Running,
    Paused,
    SendFuture(SendFuture),
    Flushing(FlushId),
    Awaiting,
    Done,
}

/// A send that waits for metadata or memory.
pub(crate) struct SendFuture {
    pub(crate) claim: Claim,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Vec<u8>,
    pub(crate) then_drop: bool,
    pub(crate) deadline: Duration,
    pub(crate) line: Option<Pin<Box<MemoryWait>>>,
    pub(crate) turn: Option<MemoryPermit>,
}

struct TaskWaker {
    task: usize,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.woken.lock().expect("no task panics with it").push(self.task);
    }
}

impl Task {
    pub(crate) fn new(task: usize, script: Vec<Step>, woken: Arc<Mutex<Vec<usize>>>) -> Self {
        Self {
            script,
            next: 0,
            sent: 0,
            state: State::Running,
            pending: Vec::new(),
            sticky: BTreeMap::new(),
            waker: Arc::new(TaskWaker { task, woken }).into(),
        }
    }

    /// What the task does at the moment, for the report of a run that hangs.
    pub(crate) fn describe(&self) -> String {
        let doing = match &self.state {
            State::Running => "running".to_owned(),
            State::Paused => "paused".to_owned(),
            State::SendFuture(sending) => format!("sending record {}", sending.claim.sid),
            State::Flushing(flush) => format!("flushing {flush}"),
            State::Awaiting => "awaiting".to_owned(),
            State::Done => "done".to_owned(),
        };
        let pending: Vec<_> = self.pending.iter().map(|(sid, _)| sid).collect();
        format!(
            "{doing}, step {} of {}, pending {pending:?}",
            self.next,
            self.script.len()
        )
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }
}
