//! The sender: takes events in, routes them to the machines that decide, and gives their actions out.
//!
//! It has no clock, no sockets and no threads: `now` is an argument of every call and never goes backwards. One task
//! owns it, takes all waiting events, then calls [`Sender::poll_action`] until `None`, then sleeps until
//! [`Sender::poll_timeout`]. What each turn costs depends on what happened, not on how many partitions there are: a
//! partition is looked at when it stands in the rotation of its leader, and one structure holds every deadline.
//!
//! | file | what |
//! |---|---|
//! | `sender/drain.rs` | a request from the heads of the ready partitions of one broker |
//! | `sender/lanes.rs` | by which of a broker's connections a partition may leave |
//! | `sender/answers.rs` | responses, and what is lost with a connection |
//! | `sender/links.rs` | whom to dial, whom to ask about the cluster and for a producer id |

#[path = "answers.rs"]
mod answers;
#[path = "drain.rs"]
mod drain;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
#[path = "harness.rs"]
mod harness;
#[path = "connection_pool.rs"]
mod lanes;
#[path = "questions.rs"]
mod links;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use linger_protocol::messages::TopicProduceData;
use linger_protocol::records::{Compression, Scratch};
use linger_protocol::{ErrorCode, RecordSet, Str};

use crate::address::Address;
use crate::append::accumulator::Accumulator;
use crate::append::batch::EncodedBatch;
use crate::append::cluster_view::ClusterView;
use crate::append::doorbell::{Ready, Sleep};
use crate::config::Config;
use crate::error::{Certainty, DeliveryError, DeliveryErrorKind};
use crate::ids::{BrokerId, ConnectionId, FlushId, PartitionId};
use crate::send::action::Action;
use crate::send::backoff::{Backoff, Rng};
use crate::send::broker::{Broker, Link, Node};
use crate::send::deadlines::{Deadlines, Lingering, Timer};
use crate::send::discovery::Metadata;
use crate::send::flight::Flight;
use crate::send::partition::{Partition, SplitResult};
use crate::send::policy::Policy;
use crate::send::sequence::ProducerIds;

/// Whether the producer is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It is.
    Open,
    /// Nothing new is accepted; what is accepted has until the deadline. Done when the flush is.
    Closing { deadline: Instant, rest: FlushId },
    /// The deadline has passed and what could be resolved is. Batches that are being encoded come back soon, and of the
    /// connections' ends is soon known what of the last requests was written.
    GivenUp { rest: FlushId },
    /// Everything is resolved.
    Closed,
}

/// How long a close whose deadline has passed waits for that. Longer than that only a codec that has died takes; what it
/// had resolves when it is dropped.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// Decides what is sent, when and to whom. See the module.
#[derive(Debug)]
pub struct Sender {
    config: Arc<Config>,
    policy: Policy,
    accumulator: Arc<Accumulator>,
    rng: Rng,
    reconnect: Backoff,
    retry: Backoff,
    phase: Phase,
    /// The answer after which nothing will be accepted from this producer.
    fatal: Option<ErrorCode>,
    /// By the number of their id.
    partitions: Vec<Partition>,
    brokers: BTreeMap<Node, Broker>,
    /// What metadata last listed.
    known: BTreeMap<BrokerId, Address>,
    /// Brokers that lead a partition we know, and whether one has no leader.
    leaders: BTreeSet<BrokerId>,
    leaderless: bool,
    connections: BTreeMap<ConnectionId, Node>,
    next_connection: u64,
    metadata: Metadata,
    /// Snapshots published.
    generation: u64,
    ids: ProducerIds,
    ids_not_before: Option<Instant>,
    ids_failures: u32,
    deadlines: Deadlines,
    flushes: Vec<FlushId>,
    /// Batches opened until then do not linger.
    horizon: Option<Instant>,
    actions: VecDeque<Action>,
    /// Something happened since the last turn.
    stirred: bool,
    /// Buffers that are used again.
    scratch: Scratch,
    taken: Vec<(PartitionId, RecordSet)>,
    answered: Vec<bool>,
    spare: Vec<Vec<PartitionId>>,
    spare_topics: Vec<Vec<TopicProduceData>>,
    news: Vec<Ready>,
}

/// What becomes of a batch that was sent, while it is not known whether it was written whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Undecided {
    /// The end of its connection will tell.
    Wait,
    /// It counts as possibly written.
    Fail,
}

/// Whether what a partition has may wait for company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Urgency {
    /// It leaves with the next request that is possible.
    Urgent,
    /// It may wait for other batches, until its linger has passed: see [`Broker::batches_to_gather`].
    Gathers,
}

impl Sender {
    /// A sender of what `accumulator` accepts. It does nothing before the first event. The same `seed` and the same
    /// events give the same actions.
    pub fn new(config: Arc<Config>, accumulator: Arc<Accumulator>, seed: u64, _now: Instant) -> Self {
        let policy = Policy::new(&config);
        let addresses = config.bootstrap.iter().cloned().enumerate();
        let brokers = addresses
            .map(|(index, address)| (Node::Bootstrap(index), Broker::new(address)))
            .collect();
        Self {
            rng: Rng::new(seed),
            reconnect: Backoff::new(config.reconnect_backoff, config.reconnect_backoff_max),
            retry: Backoff::new(config.retry_backoff, config.retry_backoff_max),
            phase: Phase::Open,
            fatal: None,
            partitions: Vec::new(),
            brokers,
            known: BTreeMap::new(),
            leaders: BTreeSet::new(),
            leaderless: false,
            connections: BTreeMap::new(),
            next_connection: 0,
            metadata: Metadata::new(&config),
            generation: 0,
            ids: ProducerIds::new(policy.idempotence),
            ids_not_before: None,
            ids_failures: 0,
            deadlines: Deadlines::new(),
            flushes: Vec::new(),
            horizon: None,
            actions: VecDeque::new(),
            stirred: false,
            scratch: Scratch::default(),
            taken: Vec::new(),
            answered: Vec::new(),
            spare: Vec::new(),
            spare_topics: Vec::new(),
            news: Vec::new(),
            policy,
            accumulator,
            config,
        }
    }

    /// Connects to the cluster although nothing is to be sent yet; the first [`Action::Publish`] tells that a broker
    /// has answered.
    pub fn handle_start(&mut self, now: Instant) {
        if self.metadata.answers() == 0 {
            self.metadata.want_now(now);
        }
        self.stirred = true;
    }

    /// Takes news of the appending side.
    pub fn handle_ready(&mut self, ready: Ready, now: Instant) {
        self.stirred = true;
        match ready {
            Ready::Opened { partition, at } => self.opened(partition, at, now),
            Ready::Full { partition } => {
                self.know_partition(partition);
                if let Some(broker) = self.leader_of(partition) {
                    broker.gathered += 1;
                }
                self.encode_early(partition);
                self.enqueue(partition, Urgency::Gathers, now);
            }
            Ready::Starved => self.hurry(now),
        }
    }

    fn opened(&mut self, id: PartitionId, at: Instant, now: Instant) {
        self.know_partition(id);
        let partition = &mut self.partitions[id.0 as usize];
        if matches!(self.phase, Phase::GivenUp { .. } | Phase::Closed) || self.fatal.is_some() {
            let kind = if self.fatal.is_some() {
                DeliveryErrorKind::Fatal
            } else {
                DeliveryErrorKind::Closed
            };
            partition.abandon(|certainty| DeliveryError::new(kind, certainty), |_| false);
            return;
        }
        partition.opened = Some(at);
        if !partition.is_watched {
            partition.is_watched = true;
            self.deadlines
                .arm(Timer::Delivery(id), at + self.config.delivery_timeout);
        }
        if self.config.linger.is_zero() || self.phase != Phase::Open {
            self.enqueue(id, Urgency::Urgent, now);
            return;
        }
        self.deadlines.linger(Lingering {
            partition: id,
            opened: at,
            due: at + self.config.linger,
        });
        if let Some(broker) = self.leader_of(id) {
            broker.opened(now);
        }
        match self.partitions[id.0 as usize].leader {
            Some(leader) => self.dial(Node::Broker(leader), now),
            None => self.metadata.want(now),
        }
    }

    /// An application wants to send to `topic`.
    pub fn handle_topic_wanted(&mut self, topic: &Str, now: Instant) {
        self.metadata.want_topic(topic, now);
        self.stirred = true;
    }

    /// Takes back the batch of an [`Action::Encode`].
    pub fn handle_encoded(&mut self, batch: EncodedBatch, now: Instant) {
        let Some(id) = batch.partition() else { return };
        self.partitions[id.0 as usize].queue().put_encoded(batch);
        self.enqueue(id, Urgency::Urgent, now);
        self.stirred = true;
    }

    /// Takes back the result of an [`Action::Split`].
    pub fn handle_split(&mut self, done: SplitResult, now: Instant) {
        let id = done.partition();
        let kind = if self.fatal.is_some() {
            DeliveryErrorKind::Fatal
        } else {
            DeliveryErrorKind::Closed
        };
        self.partitions[id.0 as usize].split(done, kind, &self.policy);
        self.expire(id, now);
        self.stirred = true;
    }

    /// A flush began: what was opened before it does not linger.
    pub fn handle_flush(&mut self, flush: FlushId, now: Instant) {
        self.flushes.push(flush);
        self.hurry(now);
        self.stirred = true;
    }

    /// Refuses new records, sends what there is, and at `deadline` resolves what is left. [`Action::Closed`] tells that
    /// it is done. A second call can only bring the deadline forward.
    pub fn handle_close(&mut self, deadline: Instant, now: Instant) {
        self.stirred = true;
        match self.phase {
            Phase::Open => {
                self.accumulator.close();
                let rest = self.accumulator.begin_flush();
                self.phase = Phase::Closing { deadline, rest };
                self.deadlines.arm(Timer::Close, deadline);
                self.hurry(now);
            }
            Phase::Closing {
                deadline: before,
                rest,
            } if deadline < before => {
                self.phase = Phase::Closing { deadline, rest };
                self.deadlines.arm(Timer::Close, deadline);
            }
            Phase::Closing { .. } | Phase::GivenUp { .. } | Phase::Closed => {}
        }
    }

    /// A deadline of [`Sender::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.stirred = true;
        while let Some(lingering) = self.deadlines.first_lingering().copied()
            && lingering.due <= now
        {
            self.deadlines.pop_lingering();
            self.linger_ended(lingering, now);
        }
        while let Some(timer) = self.deadlines.pop_due(now) {
            match timer {
                Timer::Backoff(id) => self.enqueue(id, Urgency::Urgent, now),
                Timer::Delivery(id) => self.expire(id, now),
                Timer::Broker(node) => self.broker_due(node, now),
                Timer::Metadata | Timer::Question | Timer::ProducerId => {}
                Timer::Close => self.give_up(now),
            }
        }
    }

    /// The next thing to do. `None` until the next event.
    pub fn poll_action(&mut self, now: Instant) -> Option<Action> {
        loop {
            if let Some(action) = self.actions.pop_front() {
                return Some(action);
            }
            if !self.stirred {
                return None;
            }
            self.stirred = false;
            self.turn(now);
        }
    }

    /// When [`Sender::handle_timeout`] is to be called, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// The answer after which this producer accepts nothing more, if there was one.
    pub fn fatal(&self) -> Option<ErrorCode> {
        self.fatal
    }

    /// How the owner may sleep until then.
    pub fn sleep_kind(&self) -> Sleep {
        if self.is_window_full() {
            Sleep::WindowFull
        } else if self.deadlines.first_lingering().is_some() {
            match self.batches_to_gather() {
                0 | 1 => Sleep::TimerArmed,
                batches => Sleep::Gathering { batches },
            }
        } else {
            Sleep::Idle
        }
    }

    /// How many batches may fill before any broker's next request is to be put together.
    fn batches_to_gather(&self) -> u32 {
        let leaders = self.leaders.iter();
        let batches = leaders.filter_map(|leader| match self.brokers.get(&Node::Broker(*leader)) {
            Some(_) if self.has_idle_lane(*leader) => Some(0),
            broker => broker.map(Broker::batches_to_gather),
        });
        batches.min().unwrap_or(0)
    }

    /// True if whatever an application appends now could not leave before an event of another kind: every broker that
    /// leads something has its window full. With a codec full batches can still be compressed meanwhile.
    fn is_window_full(&self) -> bool {
        self.phase == Phase::Open
            && self.config.compression == Compression::None
            && !self.leaderless
            && !self.leaders.is_empty()
            && self
                .leaders
                .iter()
                .all(|leader| match self.brokers.get(&Node::Broker(*leader)) {
                    Some(Broker {
                        link: Link::Up(connection),
                        ..
                    }) => !self.has_room(connection) && !self.has_idle_lane(*leader),
                    Some(_) | None => false,
                })
    }

    /// One round of all machines.
    fn turn(&mut self, now: Instant) {
        match self.phase {
            Phase::Open | Phase::Closing { .. } => {}
            Phase::GivenUp { .. } => return self.finish_flushes(),
            Phase::Closed => return,
        }
        self.ask(now);
        let mut last = None;
        while let Some(broker) = self.next_broker(last) {
            self.drain(broker, now);
            last = Some(broker);
        }
        self.drop_bootstrap();
        self.arm_timers(now);
        self.finish_flushes();
    }

    fn next_broker(&self, after: Option<BrokerId>) -> Option<BrokerId> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, |id| Excluded(Node::Broker(id)));
        match self.brokers.range((from, Unbounded)).next() {
            Some((Node::Broker(id), _)) => Some(*id),
            Some((Node::Lane(..) | Node::Bootstrap(_), _)) | None => None,
        }
    }

    fn arm_timers(&mut self, now: Instant) {
        while let Some(first) = self.deadlines.first_lingering()
            && self.partitions[first.partition.0 as usize].opened != Some(first.opened)
        {
            self.deadlines.pop_lingering();
        }
        for (node, broker) in &self.brokers {
            if let Some(at) = broker.deadline(self.config.connections_max_idle, now) {
                self.deadlines.arm_by(Timer::Broker(*node), at);
            }
        }
        if let Some(at) = self.metadata.deadline().filter(|at| *at > now) {
            self.deadlines.arm(Timer::Metadata, at);
        }
        if let Some(at) = self.ids_not_before.filter(|at| *at > now) {
            self.deadlines.arm(Timer::ProducerId, at);
        }
    }

    fn finish_flushes(&mut self) {
        let Self {
            flushes,
            accumulator,
            actions,
            ..
        } = self;
        flushes.retain(|flush| {
            let done = accumulator.flush_done(*flush);
            if done {
                actions.push_back(Action::Flushed(*flush));
            }
            !done
        });
        if let Phase::Closing { rest, .. } | Phase::GivenUp { rest } = self.phase
            && self.accumulator.flush_done(rest)
        {
            self.close();
        }
    }

    /// Lets go of everything.
    fn close(&mut self) {
        if let Phase::Closing { rest, .. } | Phase::GivenUp { rest } = self.phase {
            let _ = self.accumulator.end_flush(rest);
        }
        self.phase = Phase::Closed;
        self.disconnect_all();
        self.deadlines = Deadlines::new();
        let flushes = std::mem::take(&mut self.flushes);
        self.actions.extend(flushes.into_iter().map(Action::Flushed));
        self.actions.push_back(Action::Closed);
    }

    /// The deadline of `close` has come: what is left fails.
    fn give_up(&mut self, now: Instant) {
        match self.phase {
            Phase::Closing { rest, .. } => {
                self.abandon_all(DeliveryErrorKind::Closed, Undecided::Wait);
                self.disconnect_all();
                self.phase = Phase::GivenUp { rest };
                self.deadlines = Deadlines::new();
                self.deadlines.arm(Timer::Close, now + CLOSE_PATIENCE);
            }
            Phase::GivenUp { .. } => {
                self.abandon_all(DeliveryErrorKind::Closed, Undecided::Fail);
                self.close();
            }
            Phase::Open | Phase::Closed => {}
        }
    }

    fn disconnect_all(&mut self) {
        for broker in self.brokers.values_mut() {
            if let Some(c) = broker.close() {
                self.actions.push_back(Action::Disconnect { c });
            }
        }
    }

    /// Fails everything as `kind`.
    fn abandon_all(&mut self, kind: DeliveryErrorKind, undecided: Undecided) {
        for number in 0..self.partitions.len() as u32 {
            self.abandon(PartitionId(number), kind, undecided);
        }
    }

    fn abandon(&mut self, id: PartitionId, kind: DeliveryErrorKind, undecided: Undecided) {
        let Self {
            partitions,
            brokers,
            connections,
            fatal,
            ..
        } = self;
        let error = |certainty: Certainty| {
            let error = DeliveryError::new(kind, certainty);
            match *fatal {
                Some(code) => error.with_code(code, None),
                None => error,
            }
        };
        partitions[id.0 as usize].abandon(error, |flight| match undecided {
            Undecided::Wait => !is_written(brokers, connections, flight),
            Undecided::Fail => false,
        });
    }

    /// Nothing will be accepted from this producer any more.
    fn fail_for_good(&mut self, code: ErrorCode) {
        self.fatal = Some(code);
        self.accumulator.close();
        self.abandon_all(DeliveryErrorKind::Fatal, Undecided::Fail);
    }

    /// Makes sure there is a state for every partition up to `id`.
    fn know_partition(&mut self, id: PartitionId) {
        while self.partitions.len() <= id.0 as usize {
            let next = PartitionId(self.partitions.len() as u32);
            self.partitions
                .push(Partition::new(self.accumulator.queue_by_id(next), &self.policy));
        }
    }

    /// Lets everything that lingers go: for a flush, a close, or when memory is short.
    fn hurry(&mut self, now: Instant) {
        let accumulator = self.accumulator.clone();
        let mut news = std::mem::take(&mut self.news);
        while accumulator.doorbell().drain(&mut news) {
            for ready in news.drain(..) {
                match ready {
                    Ready::Starved => {}
                    Ready::Opened { .. } | Ready::Full { .. } => self.handle_ready(ready, now),
                }
            }
        }
        self.news = news;
        self.horizon = self.horizon.max(Some(now));
        while let Some(lingering) = self.deadlines.pop_lingering() {
            self.horizon = self.horizon.max(Some(lingering.opened));
            self.linger_ended(lingering, now);
        }
    }

    fn linger_ended(&mut self, lingering: Lingering, now: Instant) {
        if self.partitions[lingering.partition.0 as usize].opened == Some(lingering.opened) {
            self.enqueue(lingering.partition, Urgency::Urgent, now);
        }
    }

    fn leader_of(&mut self, id: PartitionId) -> Option<&mut Broker> {
        let leader = self.partitions[id.0 as usize].leader?;
        self.brokers.get_mut(&Node::Broker(leader))
    }

    /// Puts a partition into the rotation of its leader: it may have something to send. While it backs off, it has its turn
    /// at the end of that.
    fn enqueue(&mut self, id: PartitionId, urgency: Urgency, now: Instant) {
        let partition = &mut self.partitions[id.0 as usize];
        let broker = partition
            .leader
            .and_then(|leader| self.brokers.get_mut(&Node::Broker(leader)));
        let Some(broker) = broker else {
            partition.queued = None;
            if partition.has_work() {
                self.metadata.want(now);
            }
            return;
        };
        if let Some(at) = partition.backs_off_until(now) {
            return self.deadlines.arm(Timer::Backoff(id), at);
        }
        if partition.queued != partition.leader {
            partition.queued = partition.leader;
            broker.ready.push_back(id);
        }
        match urgency {
            Urgency::Urgent => broker.urgent = true,
            Urgency::Gathers => {}
        }
    }

    /// After anything that happened to a partition's stamped batches: its new epoch, its backoff, its place in line.
    fn touch(&mut self, id: PartitionId, now: Instant) {
        let partition = &mut self.partitions[id.0 as usize];
        partition.settle(&mut self.ids);
        let urgency = if partition.resends() {
            Urgency::Urgent
        } else {
            Urgency::Gathers
        };
        self.enqueue(id, urgency, now);
    }

    /// Fails what of a partition is past its delivery timeout.
    fn expire(&mut self, id: PartitionId, now: Instant) {
        let Self {
            partitions,
            brokers,
            connections,
            policy,
            ..
        } = self;
        let partition = &mut partitions[id.0 as usize];
        let blocking = partition.expire(policy, |flight| is_written(brokers, connections, flight), now);
        match partition.next_expiry(policy, now) {
            Some(at) => self.deadlines.arm(Timer::Delivery(id), at),
            None => {
                partition.is_watched = false;
                self.deadlines.disarm(Timer::Delivery(id));
            }
        }
        if let Some(c) = blocking {
            self.disconnect(c);
        }
        let partition = &mut self.partitions[id.0 as usize];
        partition.settle(&mut self.ids);
        // Without work there is nothing for which its leader would have to be dialled.
        if partition.has_work() {
            self.touch(id, now);
        }
    }

    /// True for the settings under which requests have no answer.
    fn is_unacknowledged(&self) -> bool {
        self.config.acks == crate::config::Acks::None
    }

    /// Publishes what is known of the cluster.
    fn publish(&mut self) {
        self.generation += 1;
        let view = ClusterView::new(
            self.generation,
            self.known.clone(),
            links::topic_views(&self.metadata, &self.partitions),
        );
        self.actions.push_back(Action::Publish(Arc::new(view)));
    }
}

/// True if that request is known to be written to its last byte.
fn is_written(
    brokers: &BTreeMap<Node, Broker>,
    connections: &BTreeMap<ConnectionId, Node>,
    flight: Flight,
) -> bool {
    let broker = connections.get(&flight.c).and_then(|node| brokers.get(node));
    broker.is_some_and(|broker| broker.was_written(flight))
}
