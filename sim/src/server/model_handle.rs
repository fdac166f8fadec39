//! The model behind its lock, and the thread that wakes it at its deadlines.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::blackhole::Blackhole;
use linger_sim_model::{
    Action, ClusterModel, ConnectionId, Control, ControlError, Event, ExamineConfig, Examined,
};

/// How many connections one broker keeps open; more are closed as they come.
pub(crate) const CONNECTIONS_MAX: u64 = 10_000;

/// How long a connection may send nothing: Kafka's `connections.max.idle.ms`.
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(600);

/// What a connection's task is told to do, in order. Bounded by the model: one request at a time per connection
/// means a handful of actions.
pub(crate) type Mailbox = mpsc::UnboundedReceiver<Action>;

/// The model, its lock, and the way from its actions to the connections' tasks.
pub(crate) struct Hub {
    state: Mutex<State>,
    /// Rung when the model has a deadline before the one the timer thread sleeps for, or when it must end.
    deadline_moved: Condvar,
    pub(crate) examine: ExamineConfig,
    pub(crate) blackhole: Option<Blackhole>,
}

struct State {
    model: ClusterModel,
    mailboxes: HashMap<ConnectionId, mpsc::UnboundedSender<Action>>,
    next_connection: u64,
    /// What the timer thread sleeps for; `None` is "for ever".
    armed: Option<Instant>,
    stopped: bool,
}

impl Hub {
    pub(crate) fn new(model: ClusterModel, examine: ExamineConfig, blackhole: Option<Blackhole>) -> Self {
        let state = State {
            model,
            mailboxes: HashMap::new(),
            next_connection: 0,
            armed: None,
            stopped: false,
        };
        Self {
            state: Mutex::new(state),
            deadline_moved: Condvar::new(),
            examine,
            blackhole,
        }
    }

    /// Tells the model of a connection to this broker; the mailbox brings what is to be done on it.
    pub(crate) fn open(&self, broker: i32) -> (ConnectionId, Mailbox) {
        let (sender, mailbox) = mpsc::unbounded_channel();
        let mut state = self.lock();
        let c = ConnectionId(state.next_connection);
        state.next_connection += 1;
        state.mailboxes.insert(c, sender);
        self.turn(state, Event::Opened { c, broker });
        (c, mailbox)
    }

    /// Hands the model a request. Its actions come by the mailboxes, the caller's included.
    pub(crate) fn request(&self, c: ConnectionId, examined: Examined) {
        self.turn(self.lock(), Event::Request { c, examined });
    }

    /// Tells the model that a connection is gone.
    pub(crate) fn closed(&self, c: ConnectionId) {
        let mut state = self.lock();
        state.mailboxes.remove(&c);
        self.turn(state, Event::Closed { c });
    }

    /// Does something to the cluster.
    pub(crate) fn control(&self, control: Control) -> Result<(), ControlError> {
        self.with_model(|model| model.control(control, Instant::now()))
    }

    /// Looks at or changes the model outside its events; what follows from a change is carried out.
    pub(crate) fn with_model<T>(&self, look: impl FnOnce(&mut ClusterModel) -> T) -> T {
        let mut state = self.lock();
        let seen = look(&mut state.model);
        self.settle(state);
        seen
    }

    fn turn(&self, mut state: MutexGuard<'_, State>, event: Event) {
        state.model.handle(event, Instant::now());
        self.settle(state);
    }

    /// Gives every waiting action to its connection, and the timer thread the new deadline. Actions are sent
    /// with the lock held: else two tasks could deliver the actions of one connection in the wrong order.
    fn settle(&self, mut state: MutexGuard<'_, State>) {
        state.deliver();
        let deadline = state.model.poll_timeout();
        let earlier = deadline.is_some_and(|deadline| state.armed.is_none_or(|armed| deadline < armed));
        drop(state);
        if earlier {
            self.deadline_moved.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic inside the model has been reported where it happened. Serving on is better for a test than
        // a second panic in every connection.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The timer thread's life: sleep until the model's next deadline, tell it, carry out what follows.
    fn run_timer(&self) {
        let mut state = self.lock();
        while !state.stopped {
            let now = Instant::now();
            state.armed = state.model.poll_timeout();
            state = match state.armed {
                Some(deadline) if deadline <= now => {
                    state.model.handle_timeout(now);
                    state.deliver();
                    // Let the connections have the lock between two deadlines that are both due.
                    drop(state);
                    self.lock()
                }
                Some(deadline) => {
                    let slept = self.deadline_moved.wait_timeout(state, deadline - now);
                    slept.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self
                    .deadline_moved
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn stop(&self) {
        self.lock().stopped = true;
        self.deadline_moved.notify_all();
    }
}

impl State {
    fn deliver(&mut self) {
        while let Some(action) = self.model.poll_action() {
            // A connection that has gone takes its mailbox along; what it was to be told is void.
            if let Some(mailbox) = self.mailboxes.get(&action.connection()) {
                let _ = mailbox.send(action);
            }
        }
    }
}

/// Owns the thread that wakes the model; dropping it ends and joins the thread.
pub(crate) struct Timer {
    hub: Arc<Hub>,
    thread: Option<JoinHandle<()>>,
}

impl Timer {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the operating system has no thread left.
    pub(crate) fn start(hub: &Arc<Hub>) -> std::io::Result<Self> {
        let runs = Arc::clone(hub);
        let thread = std::thread::Builder::new().name("sim-timer".to_owned());
        let thread = thread.spawn(move || runs.run_timer())?;
        Ok(Self {
            hub: Arc::clone(hub),
            thread: Some(thread),
        })
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.hub.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
