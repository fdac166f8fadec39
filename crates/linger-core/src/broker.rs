//! One broker: its connection, the window of requests on it, and the partitions that have something to send to it.
//!
//! Knows no batch: what goes into a request is put together by [`crate::sender`], what an answer means to a
//! partition by [`crate::partition`].

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use linger_protocol::messages::{ApiVersion, InitProducerIdRequest, MetadataRequest, ProduceRequest};
use linger_protocol::{ApiKey, Request};

use crate::ack_wait::AckWait;
use crate::address::Address;
use crate::backoff::{Backoff, Rng};
use crate::flight::{Flight, Written};
use crate::ids::{BrokerId, ConnectionId, PartitionId, RequestId};

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

/// The versions agreed on one connection: the highest both sides know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// Of Produce; at least 3 (record batch v2), and 7 where zstd is used.
    pub produce: i16,
    /// Of Metadata.
    pub metadata: i16,
    /// Of InitProducerId, `None` when the broker does not know it.
    pub init_producer_id: Option<i16>,
}

impl Versions {
    /// Agrees with a broker that offers `ranges`; `produce_min` is what this producer's settings need.
    /// `None` when there is no version of Produce or Metadata both sides know.
    pub fn negotiate(ranges: &[ApiVersion], produce_min: i16) -> Option<Self> {
        let produce = agree::<ProduceRequest>(ranges).filter(|version| *version >= produce_min)?;
        let metadata = agree::<MetadataRequest>(ranges)?;
        Some(Self {
            produce,
            metadata,
            init_producer_id: agree::<InitProducerIdRequest>(ranges),
        })
    }
}

/// The highest version of `R` in both ranges. A broker's minimum below ours proves nothing (Kafka 4 advertises
/// Produce from 0 and knows it from 3, KAFKA-18659), so only the upper ends are compared with ours.
fn agree<R: Request>(ranges: &[ApiVersion]) -> Option<i16> {
    let key: ApiKey = R::KEY;
    let range = ranges.iter().find(|range| range.api_key == key as i16)?;
    let version = (*R::VERSIONS.end()).min(range.max_version);
    (version >= *R::VERSIONS.start() && version >= range.min_version).then_some(version)
}

/// What an unanswered request asked.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// To append a batch to each of these partitions, sorted.
    Produce(Vec<PartitionId>),
    /// About the cluster.
    Metadata,
    /// For a producer id.
    ProducerId,
}

/// A request that is not resolved.
#[derive(Debug)]
pub struct InFlight {
    /// Its number on its connection.
    pub id: RequestId,
    /// What it asked.
    pub asked: Asked,
    /// The version it was written in.
    pub version: i16,
    /// When the request before it was answered, if it was written by then: since then the broker has nothing but it.
    pub sole_since: Option<Instant>,
    /// When its answer is overdue.
    pub deadline: Instant,
}

/// A connection that is up, or is being closed and has not reported its end.
#[derive(Debug)]
pub struct Connection {
    /// Its name; never used again.
    pub c: ConnectionId,
    /// What it speaks.
    pub versions: Versions,
    in_flight: VecDeque<InFlight>,
    next: u64,
    /// How many requests have been handed to the transport to their last byte.
    written: u64,
    /// When it was last connected, given a request or answered.
    used: Instant,
}

impl Connection {
    /// A fresh connection.
    pub fn new(c: ConnectionId, versions: Versions, now: Instant) -> Self {
        Self {
            used: now,
            c,
            versions,
            in_flight: VecDeque::new(),
            next: 0,
            written: 0,
        }
    }

    /// How many requests are not resolved.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// The partition that all its unanswered requests to append are for, if they are for only one.
    pub fn carries_alone(&self) -> Option<PartitionId> {
        let mut partitions = self.in_flight.iter().flat_map(|request| match &request.asked {
            Asked::Produce(partitions) => partitions.as_slice(),
            Asked::Metadata | Asked::ProducerId => &[],
        });
        let first = partitions.next()?;
        partitions.all(|other| other == first).then_some(*first)
    }

    /// For how many partitions its unanswered requests have batches.
    pub fn partitions(&self) -> usize {
        let sizes = self.in_flight.iter().map(|request| match &request.asked {
            Asked::Produce(partitions) => partitions.len(),
            Asked::Metadata | Asked::ProducerId => 0,
        });
        sizes.sum()
    }

    /// How many requests were handed out and are not known to be written.
    pub fn unwritten(&self) -> u64 {
        self.next - self.written
    }

    /// True if request `id` was written to its last byte.
    pub fn was_written(&self, id: RequestId) -> bool {
        id.0 < self.written
    }

    /// The number the next request will have.
    pub fn next_id(&self) -> RequestId {
        RequestId(self.next)
    }

    /// Takes the next number for a request whose answer is due `timeout` from `now`.
    pub fn push(&mut self, asked: Asked, version: i16, timeout: Duration, now: Instant) -> RequestId {
        let id = self.next_id();
        self.next += 1;
        self.used = now;
        self.in_flight.push_back(InFlight {
            id,
            asked,
            version,
            sole_since: None,
            deadline: now + timeout,
        });
        id
    }

    /// Notes that all requests up to and with `up_to` are written.
    pub fn written(&mut self, up_to: RequestId) {
        self.written = self.written.max(up_to.0 + 1).min(self.next);
    }

    /// Takes the oldest request if it is `id`: a broker answers in order, so any other is a fault of the peer.
    pub fn answered(&mut self, id: RequestId, now: Instant) -> Option<InFlight> {
        if self.in_flight.front()?.id != id {
            return None;
        }
        let request = self.in_flight.pop_front();
        self.used = now;
        self.written(id);
        let written = self.written;
        if let Some(next) = self.in_flight.front_mut() {
            next.sole_since = (next.id.0 < written).then_some(now);
        }
        request
    }

    /// Takes the oldest produce request that is written: for `acks=0`, where nothing else will come.
    pub fn take_written(&mut self) -> Option<InFlight> {
        let is_done =
            |request: &InFlight| self.was_written(request.id) && matches!(request.asked, Asked::Produce(_));
        let index = self.in_flight.iter().position(is_done)?;
        self.in_flight.remove(index)
    }

    /// When the oldest request is overdue.
    pub fn deadline(&self) -> Option<Instant> {
        self.in_flight.front().map(|first| first.deadline)
    }

    /// When it will have carried nothing for `max_idle`. `None` while it carries something.
    pub fn idle_until(&self, max_idle: Duration) -> Option<Instant> {
        self.in_flight.is_empty().then(|| self.used + max_idle)
    }

    /// True if a request that is not resolved asked about the cluster or for a producer id.
    pub fn has_question(&self) -> bool {
        self.in_flight
            .iter()
            .any(|request| !matches!(request.asked, Asked::Produce(_)))
    }

    /// Gives every unanswered request `time` more (KIP-219).
    pub fn extend_deadlines(&mut self, time: Duration) {
        for request in &mut self.in_flight {
            request.deadline += time;
        }
    }

    /// Ends the connection: what is not resolved, oldest first, and whether it was written.
    pub fn into_lost(self) -> impl Iterator<Item = (InFlight, Written)> {
        let written = self.written;
        self.in_flight.into_iter().map(move |request| {
            let fate = if request.id.0 < written {
                Written::Whole
            } else {
                Written::Not
            };
            (request, fate)
        })
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
            Link::Down { not_before } => not_before.filter(|at| *at > now),
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
