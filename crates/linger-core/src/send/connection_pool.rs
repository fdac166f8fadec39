//! The connections to one broker: a first one, and further ones for a broker with slow acks.
//!
//! A broker works on one request per connection at a time, its wait for the followers included. So
//! a connection carries one request per wait, and a request behind an unanswered one gains nothing
//! but the time on the wire. While a broker has slow acks, a batch leaves by a connection that is
//! idle, and grows until there is one. The batches of a partition are in flight on one connection
//! at a time, so that their order is kept whatever the broker's threads do.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crate::ids::{ConnectionId, PartitionId};
use crate::send::connection::Connection;
use crate::send::flight::Flight;
use crate::send::link::Link;
use crate::send::pacing::Pacing;
use crate::send::partition::Partition;

/// How the next request to a broker may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// By this connection.
    Send(ConnectionId),
    /// Not before something happens.
    Wait,
    /// By a connection that has to be dialled first.
    Dial,
}

/// The connections to one broker.
#[derive(Debug)]
pub struct ConnectionPool {
    first: Link,
    /// As many as were ever dialled.
    further: Vec<Link>,
    further_max: usize,
}

impl ConnectionPool {
    /// No connections. There will be `size_max` at most, which is at least 1.
    pub fn new(size_max: usize) -> Self {
        Self {
            first: Link::Down,
            further: Vec::new(),
            further_max: size_max.saturating_sub(1),
        }
    }

    /// The first connection.
    pub fn first(&self) -> &Link {
        &self.first
    }

    /// All connections, the first one first.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        std::iter::once(&self.first).chain(&self.further)
    }

    /// All connections, the first one first.
    pub fn links_mut(&mut self) -> impl Iterator<Item = &mut Link> {
        std::iter::once(&mut self.first).chain(&mut self.further)
    }

    /// The connection of this name.
    pub fn link_mut(&mut self, connection: ConnectionId) -> Option<&mut Link> {
        self.links_mut().find(|link| link.id() == Some(connection))
    }

    /// The connection of this name, if it is connected.
    pub fn up(&self, connection: ConnectionId) -> Option<&Connection> {
        let mut connected = self.links().filter_map(Link::up);
        connected.find(|up| up.id == connection)
    }

    /// Returns true if the broker is neither connected nor being dialled.
    pub fn is_down(&self) -> bool {
        self.links().all(Link::is_down)
    }

    /// How the next request leaves by the first connection.
    pub fn first_slot(&self) -> Slot {
        match &self.first {
            Link::Up(connection) if connection.has_room() => Slot::Send(connection.id),
            Link::Down => Slot::Dial,
            Link::Up(_) | Link::Dialing { .. } | Link::Abandoned { .. } | Link::Closing(_) => Slot::Wait,
        }
    }

    /// How the next request leaves by a further connection: by one that is idle, while the broker
    /// has slow acks and the request would wait for the first connection or for a request on
    /// it.
    pub fn further_slot(&self, pacing: &Pacing, now: Instant) -> Slot {
        let waits = |first: &Connection| first.in_flight() >= pacing.pipeline_depth() || first.is_stuck(now);
        if !pacing.has_slow_acks() || self.first.up().is_some_and(|first| !waits(first)) {
            return Slot::Wait;
        }
        if let Some(idle) = self.idle_further() {
            return Slot::Send(idle);
        }
        let has_place = self.further.len() < self.further_max || self.further.iter().any(Link::is_down);
        let is_dialing = self.further.iter().any(Link::is_dialing);
        if self.first.up().is_some() && has_place && !is_dialing {
            Slot::Dial
        } else {
            Slot::Wait
        }
    }

    /// The place where a first connection is to be dialled.
    pub fn first_place(&mut self) -> Option<&mut Link> {
        self.first.is_down().then_some(&mut self.first)
    }

    /// The place where a further connection is to be dialled.
    pub fn further_place(&mut self) -> Option<&mut Link> {
        let index = match self.further.iter().position(Link::is_down) {
            Some(index) => index,
            None if self.further.len() < self.further_max => {
                self.further.push(Link::Down);
                self.further.len() - 1
            }
            None => return None,
        };
        self.further.get_mut(index)
    }

    /// Returns true if several partitions wait behind one another on the first connection.
    pub fn has_partitions_waiting(&self) -> bool {
        self.first
            .up()
            .is_some_and(|first| first.in_flight() > 1 && first.sole_partition().is_none())
    }

    /// Returns true if a further connection could take a request now.
    pub fn has_idle_further(&self, pacing: &Pacing) -> bool {
        pacing.has_slow_acks() && self.idle_further().is_some()
    }

    fn idle_further(&self) -> Option<ConnectionId> {
        let mut further = self.further.iter().filter_map(Link::up);
        further.find(|up| up.in_flight() == 0).map(|up| up.id)
    }

    /// Batches that the unanswered requests carry.
    pub fn batches_in_flight(&self) -> usize {
        self.links().filter_map(Link::up).map(Connection::batches).sum()
    }

    /// The next request of `connection`, as the partitions of the rotation see it. `None` if it is
    /// not connected.
    pub fn next_request(
        &self,
        connection: ConnectionId,
        pacing: &Pacing,
        now: Instant,
    ) -> Option<NextRequest> {
        let up = self.up(connection)?;
        let is_slow = pacing.has_slow_acks();
        let waits = up.in_flight() >= pacing.pipeline_depth() || is_slow && up.is_stuck(now);
        let mut further = self.further.iter().filter_map(Link::up);
        Some(NextRequest {
            flight: Flight {
                connection,
                request: up.next_id(),
            },
            waits,
            sole_partition: up.sole_partition(),
            is_another_free_soon: waits && is_slow && further.any(|up| !up.is_stuck(now)),
        })
    }

    /// Gives every unanswered request `time` more (KIP-219).
    pub fn extend_deadlines(&mut self, time: Duration) {
        for connection in self.links_mut().filter_map(Link::up_mut) {
            connection.extend_deadlines(time);
        }
    }

    /// When one of the connections is to be looked at next.
    pub fn deadline(&self, max_idle: Duration) -> Option<Instant> {
        self.links().filter_map(|link| link.deadline(max_idle)).min()
    }
}

/// A request that is to be put together for one connection.
#[derive(Debug, Clone, Copy)]
pub struct NextRequest {
    /// Its name.
    pub flight: Flight,
    /// It waits for long behind what is unanswered on the connection.
    waits: bool,
    /// The one partition to which everything that is unanswered on the connection belongs.
    sole_partition: Option<PartitionId>,
    /// A further connection will soon be idle.
    is_another_free_soon: bool,
}

/// Whether a partition may put a batch into a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// What is due of the partition may leave with this request.
    Send,
    /// The partition stays in the rotation, for another connection.
    Defer,
    /// The partition leaves the rotation, until an answer or a further batch brings it back.
    Dequeue,
}

impl NextRequest {
    /// Whether `partition` may put a batch into the request.
    pub fn admission(&self, partition: &Partition) -> Admission {
        // Where the request waits, only a batch that can grow no more goes behind others of its partition.
        let cannot_grow = || partition.queue().status().ended > 0;
        match partition.connection() {
            None if self.is_another_free_soon => Admission::Defer,
            None => Admission::Send,
            Some(other) if other != self.flight.connection && cannot_grow() => Admission::Defer,
            Some(other) if other != self.flight.connection || partition.is_in(self.flight) => {
                Admission::Dequeue
            }
            Some(_) if !self.waits => Admission::Send,
            Some(_) if self.sole_partition == Some(partition.id()) && cannot_grow() => Admission::Send,
            Some(_) => Admission::Dequeue,
        }
    }
}
