//! One place for a connection: empty, being dialled, connected, or ending.

use std::time::{Duration, Instant};

use crate::ids::ConnectionId;
use crate::send::connection::Connection;
use crate::send::flight::Flight;

/// Where a connection stands.
///
/// ```text
///   Down ──Connect──► Dialing ──connected──► Up ──Disconnect──► Closing
///    ▲                   │                   │                     │
///    │                 close                 │                     │
///    │                   ▼                   │                     │
///    ├──disconnected─ Abandoned              │                     │
///    └──disconnected, closed as idle─────────┴─────────────────────┘
/// ```
#[derive(Debug, Default)]
pub enum Link {
    /// Not connected.
    #[default]
    Down,
    /// Being dialled.
    Dialing {
        /// The connection to be.
        connection: ConnectionId,
        /// When the dial began.
        since: Instant,
        /// When the dial is given up.
        deadline: Instant,
    },
    /// A dial that was given up; its end has not been reported.
    Abandoned {
        /// The connection that will not be.
        connection: ConnectionId,
    },
    /// Connected.
    Up(Connection),
    /// Told to disconnect; the end has not been reported, so it is not known what was written.
    Closing(Connection),
}

impl Link {
    /// The connection that is connected.
    pub fn up(&self) -> Option<&Connection> {
        match self {
            Self::Up(connection) => Some(connection),
            Self::Down | Self::Dialing { .. } | Self::Abandoned { .. } | Self::Closing(_) => None,
        }
    }

    /// The connection that is connected.
    pub fn up_mut(&mut self) -> Option<&mut Connection> {
        match self {
            Self::Up(connection) => Some(connection),
            Self::Down | Self::Dialing { .. } | Self::Abandoned { .. } | Self::Closing(_) => None,
        }
    }

    /// The connection while it is connected or ending.
    pub fn connection(&self) -> Option<&Connection> {
        match self {
            Self::Up(connection) | Self::Closing(connection) => Some(connection),
            Self::Down | Self::Dialing { .. } | Self::Abandoned { .. } => None,
        }
    }

    /// The connection while it is connected or ending.
    pub fn connection_mut(&mut self) -> Option<&mut Connection> {
        match self {
            Self::Up(connection) | Self::Closing(connection) => Some(connection),
            Self::Down | Self::Dialing { .. } | Self::Abandoned { .. } => None,
        }
    }

    /// The name of the connection that is here, whatever its state.
    pub fn id(&self) -> Option<ConnectionId> {
        match self {
            Self::Down => None,
            Self::Dialing { connection, .. } | Self::Abandoned { connection } => Some(*connection),
            Self::Up(connection) | Self::Closing(connection) => Some(connection.id),
        }
    }

    /// Returns true if nothing is here.
    pub fn is_down(&self) -> bool {
        matches!(self, Self::Down)
    }

    /// Returns true if a dial is under way.
    pub fn is_dialing(&self) -> bool {
        matches!(self, Self::Dialing { .. })
    }

    /// Returns true if the request was handed to the transport to its last byte, as far as is
    /// known.
    pub fn was_written(&self, flight: Flight) -> bool {
        self.connection().is_some_and(|connection| {
            connection.id == flight.connection && connection.was_written(flight.request)
        })
    }

    /// Tells the connection, or the dial, to end. Returns its name unless that was told before.
    #[must_use]
    pub fn close(&mut self) -> Option<ConnectionId> {
        match std::mem::take(self) {
            Self::Up(connection) => {
                let id = connection.id;
                *self = Self::Closing(connection);
                Some(id)
            }
            Self::Dialing { connection, .. } => {
                *self = Self::Abandoned { connection };
                Some(connection)
            }
            link @ (Self::Down | Self::Abandoned { .. } | Self::Closing(_)) => {
                *self = link;
                None
            }
        }
    }

    /// Lets go of a connection that carries nothing, if `is_to_end` says so. Its end is no failure,
    /// and there is no request of which it could tell whether it was written.
    #[must_use]
    pub fn close_idle(&mut self, is_to_end: impl Fn(&Connection) -> bool) -> Option<ConnectionId> {
        let connection = self.up()?;
        if connection.in_flight() > 0 || !is_to_end(connection) {
            return None;
        }
        let id = connection.id;
        *self = Self::Down;
        Some(id)
    }

    /// Takes the end of the connection, or of the dial. Returns the connection with its unanswered
    /// requests, if it was connected.
    pub fn disconnected(&mut self) -> Option<Connection> {
        match std::mem::take(self) {
            Self::Up(connection) | Self::Closing(connection) => Some(connection),
            Self::Down | Self::Dialing { .. } | Self::Abandoned { .. } => None,
        }
    }

    /// When a dial is given up, the oldest request is overdue, or the connection has carried
    /// nothing for `max_idle`.
    pub fn deadline(&self, max_idle: Duration) -> Option<Instant> {
        match self {
            Self::Dialing { deadline, .. } => Some(*deadline),
            Self::Up(connection) => connection.deadline().or_else(|| connection.idle_until(max_idle)),
            Self::Down | Self::Abandoned { .. } | Self::Closing(_) => None,
        }
    }

    /// The connection whose dial takes too long, or whose oldest request is overdue.
    pub fn overdue(&self, now: Instant) -> Option<ConnectionId> {
        let (id, deadline) = match self {
            Self::Dialing {
                connection, deadline, ..
            } => (*connection, *deadline),
            Self::Up(connection) => (connection.id, connection.deadline()?),
            Self::Down | Self::Abandoned { .. } | Self::Closing(_) => return None,
        };
        (deadline <= now).then_some(id)
    }
}
