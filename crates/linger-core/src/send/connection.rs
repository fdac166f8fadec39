//! One connection: the versions that it speaks, and the requests on it that are not answered.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use linger_protocol::messages::{ApiVersion, InitProducerIdRequest, MetadataRequest, ProduceRequest};
use linger_protocol::{ApiKey, Request};

use crate::config::Config;
use crate::ids::{ConnectionId, PartitionId, RequestId};
use crate::send::flight::Written;

/// Requests handed out and not known to be written, beyond which no more are put together.
const UNWRITTEN_MAX: u64 = 2;

/// A request that stays unanswered longer than this no longer keeps others from being sent
/// elsewhere.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

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
    /// Agrees with a broker that offers `ranges`. `produce_min` is the version that this producer's
    /// settings need. Returns `None` if there is no version of Produce or of Metadata that both
    /// sides know.
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

/// The highest version of `R` in both ranges. A broker's minimum below ours proves nothing (Kafka 4
/// advertises Produce from 0 and knows it from 3, KAFKA-18659), so only the upper ends are compared
/// with ours.
fn agree<R: Request>(ranges: &[ApiVersion]) -> Option<i16> {
    let key: ApiKey = R::KEY;
    let range = ranges.iter().find(|range| range.api_key == key as i16)?;
    let version = (*R::VERSIONS.end()).min(range.max_version);
    (version >= *R::VERSIONS.start() && version >= range.min_version).then_some(version)
}

/// What an unanswered request asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// To append a batch to each of these partitions, sorted.
    Produce(Vec<PartitionId>),
    /// A description of the cluster.
    Metadata,
    /// A producer id.
    ProducerId,
}

/// A request that is not answered.
#[derive(Debug)]
pub struct InFlight {
    /// Its number on its connection.
    pub id: RequestId,
    /// What it asked.
    pub asked: Asked,
    /// The version it was written in.
    pub version: i16,
    /// When the request before this one was answered, if this one was written by then: since then
    /// the broker has had nothing but this request.
    pub sole_since: Option<Instant>,
    /// When its answer is overdue.
    pub deadline: Instant,
}

/// What all connections have in common.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Unanswered requests that a connection carries at most.
    pub in_flight: usize,
    /// How long a request may stay unanswered.
    pub request_timeout: Duration,
}

impl Limits {
    /// The limits that `config` sets.
    pub fn new(config: &Config) -> Self {
        Self {
            in_flight: config.max_in_flight,
            request_timeout: config.request_timeout,
        }
    }
}

/// A connection that is up, or is being closed and has not reported its end.
#[derive(Debug)]
pub struct Connection {
    /// Its name; never used again.
    pub id: ConnectionId,
    /// The versions it speaks.
    pub versions: Versions,
    limits: Limits,
    in_flight: VecDeque<InFlight>,
    next: u64,
    /// How many requests have been handed to the transport to their last byte.
    written: u64,
    /// When it was last connected, given a request or answered.
    used: Instant,
}

impl Connection {
    /// A connection that has just been set up.
    pub fn new(id: ConnectionId, versions: Versions, limits: Limits, now: Instant) -> Self {
        Self {
            used: now,
            id,
            versions,
            limits,
            in_flight: VecDeque::new(),
            next: 0,
            written: 0,
        }
    }

    /// How many requests are not answered.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Returns true if the connection can take one more request.
    pub fn has_room(&self) -> bool {
        self.in_flight() < self.limits.in_flight && self.unwritten() < UNWRITTEN_MAX
    }

    /// Returns true if the oldest request has been unanswered for long. A request behind it may
    /// have to wait until that request times out.
    pub fn is_stuck(&self, now: Instant) -> bool {
        self.deadline()
            .is_some_and(|at| at + PATIENCE < now + self.limits.request_timeout)
    }

    /// The partition to which all unanswered produce requests belong, if it is one alone.
    pub fn sole_partition(&self) -> Option<PartitionId> {
        let mut partitions = self.in_flight.iter().flat_map(|request| match &request.asked {
            Asked::Produce(partitions) => partitions.as_slice(),
            Asked::Metadata | Asked::ProducerId => &[],
        });
        let first = partitions.next()?;
        partitions.all(|other| other == first).then_some(*first)
    }

    /// How many batches the unanswered requests carry.
    pub fn batches(&self) -> usize {
        let sizes = self.in_flight.iter().map(|request| match &request.asked {
            Asked::Produce(partitions) => partitions.len(),
            Asked::Metadata | Asked::ProducerId => 0,
        });
        sizes.sum()
    }

    /// How many requests were handed out and are not known to be written.
    fn unwritten(&self) -> u64 {
        self.next - self.written
    }

    /// Returns true if request `id` was written to its last byte.
    pub fn was_written(&self, id: RequestId) -> bool {
        id.0 < self.written
    }

    /// The number that the next request will have.
    pub fn next_id(&self) -> RequestId {
        RequestId(self.next)
    }

    /// Takes the next number for a request, whose answer is awaited from `now` on.
    pub fn push(&mut self, asked: Asked, version: i16, now: Instant) -> RequestId {
        let id = self.next_id();
        self.next += 1;
        self.used = now;
        self.in_flight.push_back(InFlight {
            id,
            asked,
            version,
            sole_since: None,
            deadline: now + self.limits.request_timeout,
        });
        id
    }

    /// Notes that all requests up to and with `up_to` are written.
    pub fn written(&mut self, up_to: RequestId) {
        self.written = self.written.max(up_to.0 + 1).min(self.next);
    }

    /// Takes the oldest request if its number is `id`. A broker answers in order, so any other
    /// number is the peer's fault.
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

    /// Takes the oldest produce request that is written: with `acks=0` no answer will come.
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

    /// When the connection will have carried nothing for `max_idle`. `None` while a request is
    /// unanswered.
    pub fn idle_until(&self, max_idle: Duration) -> Option<Instant> {
        self.in_flight.is_empty().then(|| self.used + max_idle)
    }

    /// Gives every unanswered request `time` more (KIP-219): for so long the broker does not work
    /// on it.
    pub fn extend_deadlines(&mut self, time: Duration) {
        for request in &mut self.in_flight {
            request.deadline += time;
            request.sole_since = None;
        }
    }

    /// Ends the connection. Returns the unanswered requests, oldest first, each with whether it was
    /// written.
    pub fn into_lost(self) -> impl Iterator<Item = (InFlight, Written)> {
        let written = self.written;
        self.in_flight.into_iter().map(move |request| {
            let how_far = if request.id.0 < written {
                Written::Whole
            } else {
                Written::Not
            };
            (request, how_far)
        })
    }
}
