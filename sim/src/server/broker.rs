//! One broker's door: its listener, the connections it has accepted, and whether it runs, is frozen or stopped.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::connection::{self, Connection};
use super::model_handle::{CONNECTIONS_MAX, Hub};
use crate::stats::Counters;

/// How many connections wait in the kernel to be accepted.
const BACKLOG: u32 = 1024;

/// How long accepting pauses after it failed, as it does when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a broker's process is doing.
///
/// ```text
/// Running <-> Frozen        both -> Stopped -> Running;   any -> Ended
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It accepts, reads and writes.
    Running,
    /// As a process under SIGSTOP: the kernel still accepts connections and bytes, nobody reads or answers.
    Frozen,
    /// As a process that was killed: no listener, no connections. Its port stays reserved.
    Stopped,
    /// The cluster is gone.
    Ended,
}

/// A broker's shell: the handle its cluster holds.
pub(crate) struct Broker {
    pub(crate) shared: Arc<Shared>,
    phase: watch::Sender<Phase>,
    door: watch::Receiver<Door>,
    tasks: TaskTracker,
}

/// What a broker's tasks share.
pub(crate) struct Shared {
    pub(crate) id: i32,
    pub(crate) address: SocketAddr,
    pub(crate) counters: Counters,
    pub(crate) hub: Arc<Hub>,
    tasks: TaskTracker,
}

/// What the listening task has last done about the phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Open,
    Closed,
    /// Listening again failed.
    Blocked(io::ErrorKind),
}

/// A listener that could not be had.
#[derive(Debug)]
pub(crate) struct BindError {
    pub(crate) address: SocketAddr,
    pub(crate) source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.source)
    }
}

/// Binds a listener; port 0 takes a free one.
pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener, BindError> {
    let listen = || reserve(address)?.listen(BACKLOG);
    listen().map_err(|source| BindError { address, source })
}

/// Binds without listening: connections are refused, yet nobody else gets the port. A client that dials the
/// freed port of a stopped broker might otherwise be given that very port and be connected to itself.
fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

impl Broker {
    /// Starts a broker that accepts on this listener.
    pub(crate) fn start(id: i32, listener: TcpListener, hub: &Arc<Hub>) -> io::Result<Self> {
        let tasks = TaskTracker::new();
        let shared = Arc::new(Shared {
            id,
            address: listener.local_addr()?,
            counters: Counters::default(),
            hub: Arc::clone(hub),
            tasks: tasks.clone(),
        });
        let (phase, _) = watch::channel(Phase::Running);
        let (door_sender, door) = watch::channel(Door::Open);
        let entrance = Entrance {
            shared: Arc::clone(&shared),
            phase: phase.subscribe(),
            door: door_sender,
            is_failing: false,
        };
        tasks.spawn(entrance.run(listener));
        Ok(Self {
            shared,
            phase,
            door,
            tasks,
        })
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Freezes or thaws; at once.
    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Closes the listener and every connection, and returns once they are closed.
    pub(crate) async fn stop(&self) {
        self.phase.send_replace(Phase::Stopped);
        let mut door = self.door.clone();
        // An error means that the listening task is gone, and its listener with it.
        let _ = door.wait_for(|door| *door != Door::Open).await;
        while self.shared.counters.open() > 0 {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }

    /// Listens again, on the same port.
    ///
    /// # Errors
    /// If the port is gone.
    pub(crate) async fn restart(&self) -> Result<(), BindError> {
        self.phase.send_replace(Phase::Running);
        let mut door = self.door.clone();
        let door = door.wait_for(|door| *door != Door::Closed).await;
        match door.as_deref() {
            Ok(Door::Blocked(kind)) => Err(BindError {
                address: self.shared.address,
                source: (*kind).into(),
            }),
            _ => Ok(()),
        }
    }

    /// Ends every task of the broker; at once, without waiting for them.
    pub(crate) fn end(&self) {
        self.phase.send_replace(Phase::Ended);
        self.tasks.close();
    }

    /// Returns once every task has ended.
    pub(crate) async fn ended(&self) {
        self.tasks.wait().await;
    }
}

/// The listening task.
struct Entrance {
    shared: Arc<Shared>,
    phase: watch::Receiver<Phase>,
    door: watch::Sender<Door>,
    /// The last attempt to accept failed, which has been said.
    is_failing: bool,
}

impl Entrance {
    async fn run(mut self, listener: TcpListener) {
        let mut listener = Some(listener);
        loop {
            let phase = *self.phase.borrow_and_update();
            match phase {
                Phase::Running if listener.is_none() => {
                    // Unreachable in practice: `Stopped` keeps the port reserved until it is left.
                    match listen(self.shared.address) {
                        Ok(again) => listener = Some(again),
                        Err(error) => {
                            self.door.send_replace(Door::Blocked(error.source.kind()));
                            return;
                        }
                    }
                }
                Phase::Running => {
                    self.door.send_replace(Door::Open);
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
                Phase::Stopped => match self.stand_stopped(listener.take()).await {
                    Some(again) => listener = Some(again),
                    None => return,
                },
                Phase::Ended => return,
            }
        }
    }

    /// Closes the listener, keeps its port, and listens again when the phase has changed.
    async fn stand_stopped(&mut self, listener: Option<TcpListener>) -> Option<TcpListener> {
        drop(listener);
        let reserved = reserve(self.shared.address);
        if let Err(error) = &reserved {
            debug!(broker = self.shared.id, %error, "the port of the stopped broker could not be reserved");
        }
        self.door.send_replace(Door::Closed);
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
                self.door.send_replace(Door::Blocked(error.kind()));
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
        shared
            .tasks
            .spawn(connection::serve(connection, self.phase.clone()));
    }
}
