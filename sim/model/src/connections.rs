//! The connections as the model sees them: one request at a time, as Kafka mutes a channel until
//! its answer is sent.

use std::collections::{BTreeMap, VecDeque};

use crate::ids::{ConnectionId, RequestId};
use crate::parsed_frame::Examined;

/// How many requests may come before they are asked for. A shell that waits for Resume sends none.
const INBOX_MAX: usize = 16;

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) broker: i32,
    /// The number of the connection among those of its broker, counted from 1.
    pub(crate) nth: u64,
    pub(crate) phase: Phase,
    /// Requests that the shell handed over too early.
    inbox: VecDeque<Examined>,
}

/// ```text
/// Idle -- request --> Busy -- answered --> Idle      (with a throttle: Muted in between)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The next request may come.
    Idle,
    /// A request is worked on.
    Busy(RequestId),
    /// The request was answered, but the client is throttled (KIP-219).
    Muted,
}

/// What becomes of a request that arrives.
pub(crate) enum Arrival {
    /// It is the connection's turn.
    Serve(Examined),
    /// The request waits until the one before is answered.
    Queued,
    /// The shell handed over too many requests.
    Overflow,
    /// There is no such connection any more.
    Gone,
}

/// The next request of a connection whose request is done.
pub(crate) enum NextRequest {
    /// The shell has handed the request over already.
    Queued(Examined),
    /// The shell may read the request.
    Unread,
}

/// The open connections.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    by_id: BTreeMap<ConnectionId, Connection>,
}

impl Connections {
    pub(crate) fn open(&mut self, id: ConnectionId, broker: i32, nth: u64) {
        let connection = Connection {
            broker,
            nth,
            phase: Phase::Idle,
            inbox: VecDeque::new(),
        };
        self.by_id.insert(id, connection);
    }

    pub(crate) fn contains(&self, id: ConnectionId) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(crate) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        self.by_id.remove(&id)
    }

    /// The connections to a broker.
    pub(crate) fn of_broker(&self, broker: i32) -> Vec<ConnectionId> {
        let of_broker = self
            .by_id
            .iter()
            .filter(|(_, connection)| connection.broker == broker);
        of_broker.map(|(&id, _)| id).collect()
    }

    /// A request arrives.
    pub(crate) fn arrive(&mut self, id: ConnectionId, examined: Examined) -> Arrival {
        let Some(connection) = self.by_id.get_mut(&id) else {
            return Arrival::Gone;
        };
        if connection.phase == Phase::Idle {
            return Arrival::Serve(examined);
        }
        if connection.inbox.len() >= INBOX_MAX {
            return Arrival::Overflow;
        }
        connection.inbox.push_back(examined);
        Arrival::Queued
    }

    /// The connection's request is done; `None` if the connection is gone.
    pub(crate) fn resume(&mut self, id: ConnectionId) -> Option<NextRequest> {
        let connection = self.by_id.get_mut(&id)?;
        connection.phase = Phase::Idle;
        Some(
            connection
                .inbox
                .pop_front()
                .map_or(NextRequest::Unread, NextRequest::Queued),
        )
    }
}
