//! One broker as its cluster holds it: starts, stops and freezes the broker's tasks.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::acceptor::{Acceptor, ListenerState};
use super::listener::BindError;
use super::model_handle::ModelHandle;
use super::shared::{Phase, Shared};
use crate::stats::Counters;

/// How often a stop looks whether every connection is closed.
const CLOSED_CHECK: Duration = Duration::from_micros(200);

/// A broker's listener and connections.
pub(crate) struct Broker {
    pub(crate) shared: Arc<Shared>,
    phase: watch::Sender<Phase>,
    listener: watch::Receiver<ListenerState>,
    tasks: TaskTracker,
}

impl Broker {
    /// Starts a broker that accepts on this listener.
    pub(crate) fn start(id: i32, listener: TcpListener, model: &Arc<ModelHandle>) -> io::Result<Self> {
        let tasks = TaskTracker::new();
        let shared = Arc::new(Shared {
            id,
            address: listener.local_addr()?,
            counters: Counters::default(),
            model: Arc::clone(model),
            tasks: tasks.clone(),
        });
        let (phase, _) = watch::channel(Phase::Running);
        let (state, listener_state) = watch::channel(ListenerState::Open);
        let acceptor = Acceptor::new(Arc::clone(&shared), phase.subscribe(), state);
        tasks.spawn(acceptor.run(listener));
        Ok(Self {
            shared,
            phase,
            listener: listener_state,
            tasks,
        })
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Freezes or thaws the broker, at once.
    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Closes the listener and every connection, and returns once they are closed.
    pub(crate) async fn stop(&self) {
        self.phase.send_replace(Phase::Stopped);
        let mut listener = self.listener.clone();
        // An error means that the listening task is gone, and its listener with it.
        let _ = listener.wait_for(|state| *state != ListenerState::Open).await;
        while self.shared.counters.open() > 0 {
            tokio::time::sleep(CLOSED_CHECK).await;
        }
    }

    /// Listens again, on the same port.
    ///
    /// # Errors
    /// If the port is taken.
    pub(crate) async fn restart(&self) -> Result<(), BindError> {
        self.phase.send_replace(Phase::Running);
        let mut listener = self.listener.clone();
        let state = listener.wait_for(|state| *state != ListenerState::Closed).await;
        match state.as_deref() {
            Ok(ListenerState::Failed(kind)) => Err(BindError {
                address: self.shared.address,
                source: (*kind).into(),
            }),
            Ok(ListenerState::Open | ListenerState::Closed) | Err(_) => Ok(()),
        }
    }

    /// Ends every task of the broker, without waiting for them.
    pub(crate) fn end(&self) {
        self.phase.send_replace(Phase::Ended);
        self.tasks.close();
    }

    /// Returns once every task has ended.
    pub(crate) async fn ended(&self) {
        self.tasks.wait().await;
    }
}
