//! One broker: where its connection stands, and the partitions that have something to send to it.
//!
//! Knows no batch: what goes into a request is put together by [`crate::send::sender`], what an answer means to a
//! partition by [`crate::send::partition`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::address::Address;
use crate::append::growth::Growth;
use crate::ids::{BrokerId, ConnectionId, PartitionId};
use crate::send::ack_wait::AckWait;
use crate::send::backoff::{Backoff, Rng};
use crate::send::connection::Connection;
use crate::send::flight::Flight;

/// Who is connected to: a broker of the cluster, or one of the addresses to begin with, whose id is not yet known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// A broker that metadata named.
    Broker(BrokerId),
    /// The n-th further connection to such a broker, from 1 on: see `sender/lanes.rs`.
    Lane(BrokerId, u8),
    /// The n-th address of `bootstrap.servers`.
    Bootstrap(usize),
}

impl Node {
    /// The broker that is expected there, where it is known by name.
    pub fn broker(self) -> Option<BrokerId> {
        match self {
            Self::Broker(id) | Self::Lane(id, _) => Some(id),
            Self::Bootstrap(_) => None,
        }
    }
}

/// Where a broker's connection stands.
///
/// ```text
///   Down ──Connect──► Dialing ──connected──► Up ──Disconnect──► Closing
///    ▲                   │                    │                    │
///    └───disconnected────┴────────────────────┴────────────────────┘
/// ```
#[derive(Debug)]
pub enum Link {
    /// Not connected; not to be dialled before that time.
    Down {
        /// The end of the reconnect backoff.
        not_before: Option<Instant>,
    },
    /// Being dialled.
    Dialing {
        /// The connection to be.
        c: ConnectionId,
        /// When the dial began.
        since: Instant,
        /// When it is given up.
        deadline: Instant,
    },
    /// A dial that was given up; its end has not been reported.
    Abandoned {
        /// The connection that will not be.
        c: ConnectionId,
    },
    /// Connected.
    Up(Connection),
    /// Told to disconnect; its end has not been reported, so what was written is not known.
    Closing(Connection),
}

/// Full batches that a request behind an unanswered one gathers, per unanswered one: with four, the wake-ups of a request
/// cost 20 ns per record on a busy machine.
const GATHERED_PER_REQUEST: u32 = 16;

/// How long full batches gather while records stream in and nothing is unanswered: a tenth of the default linger, in which
/// sixteen batches of 16 KiB fill at 5 million records of 100 B per second.
const GATHER_TIME_MAX: Duration = Duration::from_micros(500);

/// One broker, or one address to begin with.
#[derive(Debug)]
pub struct Broker {
    /// Where it listens.
    pub address: Address,
    /// Its connection.
    pub link: Link,
    /// Partitions that may have something to send to it, in rotation.
    pub ready: VecDeque<PartitionId>,
    /// Something in the rotation is not to wait for company.
    pub urgent: bool,
    /// Batches that filled since the last request was put together.
    pub gathered: u32,
    /// While records stream in: until when they may gather though nothing is unanswered.
    pub gathers_until: Option<Instant>,
    /// Until when it asked for silence.
    pub throttled_until: Option<Instant>,
    /// How far the batches grow that wait for it.
    pub growth: Arc<Growth>,
    /// How long it takes to acknowledge.
    ack_wait: AckWait,
    /// Connections that ended without having been of use, in a row.
    failures: u32,
}

impl Broker {
    /// A broker nobody has connected to.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            link: Link::Down { not_before: None },
            ready: VecDeque::new(),
            urgent: false,
            gathered: 0,
            gathers_until: None,
            throttled_until: None,
            growth: Arc::default(),
            ack_wait: AckWait::default(),
            failures: 0,
        }
    }

    /// How many more batches have to fill before a request is put together although one is unanswered: the more are,
    /// the more. Zero when nothing is to be waited for.
    ///
    /// A broker works on one request per connection at a time, so what is sent behind another gains little by being
    /// early, and a request costs broker and producer the same whether it carries one batch or eight. Nagle's rule
    /// (RFC 896) for batches, except that none waits beyond its linger: that sets [`Broker::urgent`].
    pub fn batches_to_gather(&self) -> u32 {
        match &self.link {
            Link::Up(connection) if !self.urgent => {
                let requests = connection
                    .in_flight()
                    .max(usize::from(self.gathers_until.is_some()));
                (GATHERED_PER_REQUEST * requests as u32).saturating_sub(self.gathered)
            }
            Link::Up(_)
            | Link::Down { .. }
            | Link::Dialing { .. }
            | Link::Abandoned { .. }
            | Link::Closing(_) => 0,
        }
    }

    /// A batch was opened. If that happens before the last full one has been looked at, records come faster than the
    /// sender wakes, and more full batches are about to come.
    pub fn opened(&mut self, now: Instant) {
        if self.gathered > 0 && self.gathers_until.is_none() {
            self.gathers_until = Some(now + GATHER_TIME_MAX);
        }
    }

    /// A request was put together of what had gathered.
    pub fn sent(&mut self) {
        self.gathered = 0;
        self.gathers_until = None;
        self.urgent &= !self.ready.is_empty();
    }

    /// It acknowledged a request, which it had alone for so long, if that is known.
    pub fn acknowledged(&mut self, waited: Option<Duration>) {
        self.ack_wait.acknowledged(waited);
    }

    /// Its requests wait long for followers: a connection carries one of them per wait.
    pub fn makes_wait(&self) -> bool {
        self.ack_wait.is_long()
    }

    /// How many unanswered requests a connection to it carries before another would wait behind them.
    pub fn depth(&self) -> usize {
        self.ack_wait.depth()
    }

    /// Its live connection.
    pub fn up(&mut self) -> Option<&mut Connection> {
        match &mut self.link {
            Link::Up(connection) => Some(connection),
            Link::Down { .. } | Link::Dialing { .. } | Link::Abandoned { .. } | Link::Closing(_) => None,
        }
    }

    /// Its connection while it is live or ending.
    pub fn connection(&mut self) -> Option<&mut Connection> {
        match &mut self.link {
            Link::Up(connection) | Link::Closing(connection) => Some(connection),
            Link::Down { .. } | Link::Dialing { .. } | Link::Abandoned { .. } => None,
        }
    }

    /// True if it may be dialled at `now`.
    pub fn may_dial(&self, now: Instant) -> bool {
        match self.link {
            Link::Down { not_before } => not_before.is_none_or(|at| at <= now),
            Link::Dialing { .. } | Link::Abandoned { .. } | Link::Up(_) | Link::Closing(_) => false,
        }
    }

    /// True if its last connections failed and none has been of use since.
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// Notes that it answered a request: the next loss of a connection is the first again.
    pub fn answered(&mut self) {
        self.failures = 0;
    }

    /// Ends its connection or dial, and keeps it from being dialled for the backoff. Returns what was unresolved.
    pub fn disconnected(&mut self, backoff: &Backoff, rng: &mut Rng, now: Instant) -> Option<Connection> {
        let delay = backoff.delay(self.failures, rng);
        self.failures = self.failures.saturating_add(1);
        let down = Link::Down {
            not_before: Some(now + delay),
        };
        match std::mem::replace(&mut self.link, down) {
            Link::Up(connection) | Link::Closing(connection) => Some(connection),
            Link::Down { .. } | Link::Dialing { .. } | Link::Abandoned { .. } => None,
        }
    }

    /// Lets go of a live connection that has carried nothing for `max_idle`. That is no failure, and there is nothing whose
    /// fate its end could tell.
    pub fn rest(&mut self, max_idle: Duration, now: Instant) -> Option<ConnectionId> {
        let connection = self.up()?;
        let c = connection.c;
        connection.idle_until(max_idle).filter(|until| *until <= now)?;
        self.link = Link::Down { not_before: None };
        Some(c)
    }

    /// Its dial succeeded.
    pub fn connected(&mut self, connection: Connection) {
        self.link = Link::Up(connection);
    }

    /// True if a request on its present connection was written to its last byte.
    pub fn was_written(&self, flight: Flight) -> bool {
        match &self.link {
            Link::Up(connection) | Link::Closing(connection) => {
                connection.c == flight.c && connection.was_written(flight.id)
            }
            Link::Down { .. } | Link::Dialing { .. } | Link::Abandoned { .. } => false,
        }
    }

    /// Tells a live connection to end.
    pub fn close(&mut self) -> Option<ConnectionId> {
        let down = Link::Down { not_before: None };
        match std::mem::replace(&mut self.link, down) {
            Link::Up(connection) => {
                let c = connection.c;
                self.link = Link::Closing(connection);
                Some(c)
            }
            Link::Dialing { c, .. } => {
                self.link = Link::Abandoned { c };
                Some(c)
            }
            link @ (Link::Down { .. } | Link::Abandoned { .. } | Link::Closing(_)) => {
                self.link = link;
                None
            }
        }
    }

    /// Holds all sends for `time` and gives unanswered requests that much more (KIP-219).
    pub fn throttle(&mut self, time: Duration, now: Instant) {
        let until = now + time;
        self.throttled_until = Some(self.throttled_until.map_or(until, |before| before.max(until)));
        if let Link::Up(connection) = &mut self.link {
            connection.extend_deadlines(time);
        }
    }

    /// True while it has asked for silence.
    pub fn is_throttled(&self, now: Instant) -> bool {
        self.throttled_until.is_some_and(|until| until > now)
    }

    /// When something is to be looked at here next: a dial, a throttle, the oldest request, a reconnect, or a connection that
    /// has carried nothing for `max_idle`.
    pub fn deadline(&self, max_idle: Duration, now: Instant) -> Option<Instant> {
        match &self.link {
            Link::Down { not_before } => {
                let until = not_before.iter().chain(&self.throttled_until);
                until.filter(|at| **at > now).min().copied()
            }
            Link::Dialing { deadline, .. } => Some(*deadline),
            Link::Abandoned { .. } | Link::Closing(_) => None,
            Link::Up(connection) => {
                let throttle = self.throttled_until.filter(|until| *until > now);
                let gathers = self.gathers_until.filter(|_| !self.urgent);
                throttle
                    .into_iter()
                    .chain(connection.deadline())
                    .chain(connection.idle_until(max_idle))
                    .chain(gathers)
                    .min()
            }
        }
    }
}
