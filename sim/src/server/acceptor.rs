//! The listening task of one broker.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tracing::{debug, warn};

use super::connection::Connection;
use super::listener::{BACKLOG, listen, reserve};
use super::session;
use super::shared::{Phase, Shared};

/// How many connections one broker keeps open. Further connections are closed as they come.
const CONNECTIONS_MAX: u64 = 10_000;

/// How long accepting pauses after it failed, as it does when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the acceptor has last done about the broker's phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListenerState {
    Open,
    Closed,
    /// Listening again failed.
    Failed(io::ErrorKind),
}

/// The listening task.
pub(super) struct Acceptor {
    shared: Arc<Shared>,
    phase: watch::Receiver<Phase>,
    listener: watch::Sender<ListenerState>,
    /// The last attempt to accept failed, and a warning was logged.
    is_failing: bool,
}

impl Acceptor {
    pub(super) fn new(
        shared: Arc<Shared>,
        phase: watch::Receiver<Phase>,
        listener: watch::Sender<ListenerState>,
    ) -> Self {
        Self {
            shared,
            phase,
            listener,
            is_failing: false,
        }
    }

    /// Accepts connections until the broker ends.
    pub(super) async fn run(mut self, listener: TcpListener) {
        let mut listener = Some(listener);
        loop {
            let phase = *self.phase.borrow_and_update();
            match phase {
                Phase::Running if listener.is_none() => {
                    // Unreachable in practice: the port stays reserved while the broker is stopped.
                    match listen(self.shared.address) {
                        Ok(again) => listener = Some(again),
                        Err(error) => {
                            self.listener
                                .send_replace(ListenerState::Failed(error.source.kind()));
                            return;
                        }
                    }
                }
                Phase::Running => {
                    self.listener.send_replace(ListenerState::Open);
                    let Some(open) = &listener else { continue };
                    tokio::select! {
                        _ = self.phase.changed() => {}
                        accepted = open.accept() => self.admit(accepted).await,
                    }
                }
                Phase::Frozen => {
                    if self.phase.changed().await.is_err() {
                        return;
                    }
                }
                Phase::Stopped => match self.wait_while_stopped(listener.take()).await {
                    Some(again) => listener = Some(again),
                    None => return,
                },
                Phase::Ended => return,
            }
        }
    }

    /// Closes the listener, keeps its port, and listens again when the phase has changed.
    async fn wait_while_stopped(&mut self, listener: Option<TcpListener>) -> Option<TcpListener> {
        drop(listener);
        let reserved = reserve(self.shared.address);
        if let Err(error) = &reserved {
            debug!(broker = self.shared.id, %error, "the port of the stopped broker could not be reserved");
        }
        self.listener.send_replace(ListenerState::Closed);
        self.phase.wait_for(|phase| *phase != Phase::Stopped).await.ok()?;
        if *self.phase.borrow() == Phase::Ended {
            return None;
        }
        let again = match reserved {
            Ok(socket) => socket.listen(BACKLOG),
            Err(_) => listen(self.shared.address).map_err(|error| error.source),
        };
        match again {
            Ok(listener) => Some(listener),
            Err(error) => {
                warn!(broker = self.shared.id, address = %self.shared.address, %error, "cannot listen again");
                self.listener.send_replace(ListenerState::Failed(error.kind()));
                None
            }
        }
    }

    async fn admit(&mut self, accepted: io::Result<(TcpStream, SocketAddr)>) {
        let shared = &self.shared;
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if !self.is_failing {
                    self.is_failing = true;
                    warn!(
                        "broker {} cannot accept connections: {error}; it goes on trying. If files ran out, raise \
                         their limit (ulimit -n) or close connections",
                        shared.id
                    );
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                return;
            }
        };
        self.is_failing = false;
        if shared.counters.open() >= CONNECTIONS_MAX {
            warn!(broker = shared.id, %peer, "closed a new connection: {CONNECTIONS_MAX} are open, which is the limit");
            return;
        }
        let connection = Connection::new(stream, peer, Arc::clone(shared));
        shared.tasks.spawn(session::serve(connection, self.phase.clone()));
    }
}
