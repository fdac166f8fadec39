//! The model behind its lock, and the thread that wakes the model at its deadlines.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use linger_sim_model::{
    Action, ClusterModel, ConnectionId, Control, ControlError, Event, ExamineConfig, Examined,
};
use tokio::sync::mpsc;

use super::blackhole::Blackhole;

/// What a connection's task is told to do, in order. The model bounds the number: with one request
/// at a time per connection there are a handful of actions.
pub(crate) type Mailbox = mpsc::UnboundedReceiver<Action>;

/// The model, its lock, and the way from its actions to the connections' tasks.
pub(crate) struct ModelHandle {
    state: Mutex<State>,
    /// Notified when the model has a deadline before the one that the timer thread sleeps for, or
    /// when the thread must end.
    deadline_moved: Condvar,
    pub(crate) examine: ExamineConfig,
    pub(crate) blackhole: Option<Blackhole>,
}

struct State {
    model: ClusterModel,
    mailboxes: HashMap<ConnectionId, mpsc::UnboundedSender<Action>>,
    next_connection: u64,
    /// The deadline that the timer thread sleeps for; `None` if it sleeps until it is notified.
    armed: Option<Instant>,
    stopped: bool,
}

impl ModelHandle {
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

    /// Tells the model of a connection to this broker. The mailbox brings what is to be done on the
    /// connection.
    pub(crate) fn open(&self, broker: i32) -> (ConnectionId, Mailbox) {
        let (sender, mailbox) = mpsc::unbounded_channel();
        let mut state = self.lock();
        let connection = ConnectionId(state.next_connection);
        state.next_connection += 1;
        state.mailboxes.insert(connection, sender);
        self.handle(state, Event::Opened { connection, broker });
        (connection, mailbox)
    }

    /// Hands the model a request. The actions come by the mailboxes, those of the caller's
    /// connection included.
    pub(crate) fn request(&self, connection: ConnectionId, examined: Examined) {
        let event = Event::Request { connection, examined };
        self.handle(self.lock(), event);
    }

    /// Tells the model that a connection is gone.
    pub(crate) fn closed(&self, connection: ConnectionId) {
        let mut state = self.lock();
        state.mailboxes.remove(&connection);
        self.handle(state, Event::Closed { connection });
    }

    /// Does something to the cluster.
    pub(crate) fn control(&self, control: Control) -> Result<(), ControlError> {
        self.with_model(|model| model.control(control, Instant::now()))
    }

    /// Reads or changes the model outside its events, and carries out the actions that follow from
    /// a change.
    pub(crate) fn with_model<T>(&self, visit: impl FnOnce(&mut ClusterModel) -> T) -> T {
        let mut state = self.lock();
        let result = visit(&mut state.model);
        self.deliver_and_rearm(state);
        result
    }

    fn handle(&self, mut state: MutexGuard<'_, State>, event: Event) {
        state.model.handle(event, Instant::now());
        self.deliver_and_rearm(state);
    }

    /// Gives every waiting action to its connection, and the new deadline to the timer thread.
    /// Actions are sent with the lock held: otherwise two tasks could deliver the actions of one
    /// connection in the wrong order.
    fn deliver_and_rearm(&self, mut state: MutexGuard<'_, State>) {
        state.deliver();
        let deadline = state.model.poll_timeout();
        let is_earlier = deadline.is_some_and(|deadline| state.armed.is_none_or(|armed| deadline < armed));
        drop(state);
        if is_earlier {
            self.deadline_moved.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic inside the model was reported where it happened. For a test it is better to serve
        // on than to have a second panic in every connection.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The timer thread: sleeps until the model's next deadline, tells the model, and delivers the
    /// actions.
    fn run_timer(&self) {
        let mut state = self.lock();
        while !state.stopped {
            let now = Instant::now();
            state.armed = state.model.poll_timeout();
            state = match state.armed {
                Some(deadline) if deadline <= now => {
                    state.model.handle_timeout(now);
                    state.deliver();
                    // Between two deadlines that are both due the connections may take the lock.
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
            // A connection that is gone has no mailbox, and its actions have no effect.
            if let Some(mailbox) = self.mailboxes.get(&action.connection()) {
                let _ = mailbox.send(action);
            }
        }
    }
}

/// Owns the thread that wakes the model. Dropping the timer ends and joins the thread.
pub(crate) struct Timer {
    model: Arc<ModelHandle>,
    thread: Option<JoinHandle<()>>,
}

impl Timer {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the operating system has no thread left.
    pub(crate) fn start(model: &Arc<ModelHandle>) -> std::io::Result<Self> {
        let runs = Arc::clone(model);
        let thread = std::thread::Builder::new().name("sim-timer".to_owned());
        let thread = thread.spawn(move || runs.run_timer())?;
        Ok(Self {
            model: Arc::clone(model),
            thread: Some(thread),
        })
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.model.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
