//! One broker: its connections, the partitions that wait for it, and its pace.

use std::time::{Duration, Instant};

use crate::address::Address;
use crate::send::connection::Connection;
use crate::send::connection_pool::ConnectionPool;
use crate::send::link::Link;
use crate::send::pacing::{Pacing, Waiting};
use crate::send::rotation::Rotation;

/// A broker that metadata, or a produce answer, has named.
#[derive(Debug)]
pub struct Broker {
    /// Where the broker listens.
    pub address: Address,
    /// The connections to the broker.
    pub connections: ConnectionPool,
    /// The partitions that may have something to send to the broker.
    pub rotation: Rotation,
    /// When the next request is put together, and how large it may be.
    pub pacing: Pacing,
    /// Until when the broker has asked for silence (KIP-219).
    pub throttled_until: Option<Instant>,
}

impl Broker {
    /// A broker nobody has connected to.
    pub fn new(address: Address, connections_max: usize, linger: Duration) -> Self {
        Self {
            address,
            connections: ConnectionPool::new(connections_max),
            rotation: Rotation::default(),
            pacing: Pacing::new(linger),
            throttled_until: None,
        }
    }

    /// How many more batches must fill before the next request is put together.
    pub fn batches_to_gather(&self) -> u32 {
        let first = self.connections.first().up();
        first.map_or(0, |first| self.pacing.batches_to_gather(first.in_flight()))
    }

    /// How many batches may fill before the sender looks at the broker again. Zero if a batch could
    /// leave at once.
    pub fn batches_to_sleep_for(&self) -> u32 {
        if self.connections.has_idle_further(&self.pacing) {
            return 0;
        }
        self.batches_to_gather()
    }

    /// Returns true if the broker's first connection is up.
    pub fn is_connected(&self) -> bool {
        self.connections.first().up().is_some()
    }

    /// Returns true if nothing can leave before an answer comes: the window of the connection is
    /// full.
    pub fn is_window_full(&self) -> bool {
        let first = self.connections.first().up();
        first.is_some_and(|first| !first.has_room()) && !self.connections.has_idle_further(&self.pacing)
    }

    /// What waits for the broker when a request that takes `taken` partitions is put together.
    pub fn waiting(&self, taken: usize, leaders: usize) -> Waiting {
        Waiting {
            partitions: taken.max(self.rotation.len()),
            in_flight: taken + self.connections.batches_in_flight(),
            leaders,
        }
    }

    /// Holds all requests for `time`, and gives unanswered requests so much more (KIP-219).
    pub fn throttle(&mut self, time: Duration, now: Instant) {
        self.throttled_until = self.throttled_until.max(Some(now + time));
        self.connections.extend_deadlines(time);
    }

    /// Returns true while the broker has asked for silence.
    pub fn is_throttled(&self, now: Instant) -> bool {
        self.throttled_until.is_some_and(|until| until > now)
    }

    /// When the broker is to be looked at next. `backs_off_until`: the end of the back-off of its
    /// address.
    pub fn deadline(
        &self,
        backs_off_until: Option<Instant>,
        max_idle: Duration,
        now: Instant,
    ) -> Option<Instant> {
        let is_down = self.connections.links().any(Link::is_down);
        let is_up = self.connections.first().up().is_some();
        [
            self.connections.deadline(max_idle),
            self.throttled_until.filter(|until| *until > now),
            backs_off_until.filter(|_| is_down),
            self.pacing.deadline().filter(|_| is_up),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

/// A bootstrap server: an address to ask about the cluster. Which broker listens there is not
/// known.
#[derive(Debug)]
pub struct Seed {
    /// Where the server listens.
    pub address: Address,
    /// The only connection to the server.
    pub link: Link,
    /// Until when the server has asked for silence (KIP-219).
    pub throttled_until: Option<Instant>,
}

impl Seed {
    /// A bootstrap server nobody has connected to.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            link: Link::Down,
            throttled_until: None,
        }
    }

    /// Holds all requests for `time`, and gives unanswered requests so much more (KIP-219).
    pub fn throttle(&mut self, time: Duration, now: Instant) {
        self.throttled_until = self.throttled_until.max(Some(now + time));
        if let Some(connection) = self.link.up_mut() {
            connection.extend_deadlines(time);
        }
    }

    /// When the server is to be looked at next. `backs_off_until`: the end of the back-off of its
    /// address.
    pub fn deadline(&self, backs_off_until: Option<Instant>, max_idle: Duration) -> Option<Instant> {
        let backs_off_until = backs_off_until.filter(|_| self.link.is_down());
        backs_off_until
            .into_iter()
            .chain(self.link.deadline(max_idle))
            .min()
    }

    /// The connection, if a question may be asked on it.
    pub fn up(&self, now: Instant) -> Option<&Connection> {
        let is_throttled = self.throttled_until.is_some_and(|until| until > now);
        self.link.up().filter(|_| !is_throttled)
    }
}
