//! The cluster as a deterministic model: brokers, topics, logs, replication and requests, without sockets or a clock.
//!
//! ```text
//! frame -> examine -> Event -> ClusterModel -> Action
//!            bytes                |  ^ deadlines
//!            only                 v  |
//!                       connection: one request at a time
//!                       progress:   a request's stages, and the faults between them
//!                       handlers/:  what each API does          validate, producer_state, log
//!                       purgatory:  what waits                  replication, fetchers, membership
//! ```
//!
//! The shell (TCP, or a simulated world) reads frames, gives them to [`examine`] in parallel, hands the results to
//! [`ClusterModel::handle`], then carries out [`ClusterModel::poll_action`] until there is none, and calls
//! [`ClusterModel::handle_timeout`] when [`ClusterModel::poll_timeout`] has come. Rules and error codes are those of Apache
//! Kafka 4.3. Nothing depends on hash order: the same events at the same times give the same actions.

mod config;
mod connections;
mod control;
pub mod fault;
mod fetch_sessions;
mod fetchers;
mod handlers;
mod history;
mod inflight_request;
pub mod latency;
mod log;
mod membership;
mod parsed_frame;
mod partition;
mod producer_state;
mod progress;
mod purgatory;
mod replica_set;
pub mod rng;
mod topics;
mod validate;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use linger_protocol::messages::ApiVersionsResponse;
use linger_protocol::{Scatter, Sink, Str, Uuid};

pub use self::config::{
    BrokerAddress, ConfigError, MESSAGE_BYTES_MAX, ModelConfig, PARTITIONS_MAX, REPLICA_FETCH_MAX_BYTES,
    REPLICA_FETCH_RESPONSE_MAX_BYTES, TopicSpec,
};
pub use self::connections::ConnectionId;
pub use self::control::{Control, ControlError};
pub use self::history::{BatchOrigin, Observation};
pub use self::log::{PartitionLog, StoredBatch, StoredRecord};
pub use self::parsed_frame::{ExamineConfig, Examined, Produced, examine};
pub use self::topics::TOPIC_NAME_LEN_MAX;

use self::config::ResolvedTopic;
use self::connections::{Connection, INBOX_MAX, Phase};
use self::fetchers::Fetchers;
use self::history::History;
use self::inflight_request::Waits;
use self::membership::Node;
use self::parsed_frame::Finding;
use self::partition::Partition;
use self::purgatory::{DeadlineId, Deadlines, Due, Purgatory, WorkId};
use self::topics::{PartitionKey, Topic, Topics};
use crate::fault::{Faults, Rule, RuleError, RuleId};
use crate::rng::Rng;

/// Something that happens to the cluster.
#[derive(Debug)]
pub enum Event {
    /// A client connected. Its first request may be read at once.
    Opened {
        /// The connection, new.
        c: ConnectionId,
        /// The broker it connected to.
        broker: i32,
    },
    /// A whole request arrived; the next one only after [`Action::Resume`].
    Request {
        /// The connection.
        c: ConnectionId,
        /// What [`examine`] made of it.
        examined: Examined,
    },
    /// The connection is gone. What it asked for still happens.
    Closed {
        /// The connection.
        c: ConnectionId,
    },
    /// As [`ClusterModel::control`], ignoring a refusal.
    Control(Control),
}

/// Something the shell must do, in order per connection.
#[derive(Debug)]
pub enum Action {
    /// Send an answer.
    Reply {
        /// The connection.
        c: ConnectionId,
        /// The answer.
        frame: Reply,
        /// Send only so many bytes of it, then close.
        cut: Option<usize>,
    },
    /// Read the connection's next request.
    Resume {
        /// The connection.
        c: ConnectionId,
    },
    /// Close the connection.
    Close {
        /// The connection.
        c: ConnectionId,
        /// In which way.
        how: Close,
    },
}

impl Action {
    /// The connection it is for.
    pub fn connection(&self) -> ConnectionId {
        match self {
            Self::Reply { c, .. } | Self::Resume { c } | Self::Close { c, .. } => *c,
        }
    }
}

/// How a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// In good order (FIN).
    Fin,
    /// Abruptly (RST).
    Reset,
}

/// A whole answer with its length prefix; records in it are shared with the log.
#[derive(Debug)]
pub struct Reply(Scatter);

impl Reply {
    /// The pieces to write.
    pub fn into_scatter(self) -> Scatter {
        self.0
    }

    /// The answer copied into one piece.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.0.size()
    }
}

/// The cluster.
#[derive(Debug)]
pub struct ClusterModel {
    config: ModelConfig,
    started: Instant,
    rng: Rng,
    faults: Faults,
    nodes: Vec<Node>,
    topics: Topics,
    partitions: Vec<Partition>,
    connections: BTreeMap<ConnectionId, Connection>,
    purgatory: Purgatory,
    /// Requests that may go on now, and what they waited for. The oldest goes first.
    awake: BTreeSet<(WorkId, Waits)>,
    deadlines: Deadlines,
    lag_check: Option<DeadlineId>,
    fetchers: Fetchers,
    history: History,
    actions: VecDeque<Action>,
    next_producer_id: i64,
}

impl ClusterModel {
    /// Brings a cluster up.
    ///
    /// # Errors
    /// If the configuration asks for something that cannot be, such as more replicas than brokers.
    pub fn new(config: ModelConfig, now: Instant) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut model = Self {
            started: now,
            rng: Rng::new(config.seed),
            faults: Faults::new(),
            nodes: config.brokers.iter().map(|_| Node::new()).collect(),
            topics: Topics::default(),
            partitions: Vec::new(),
            connections: BTreeMap::new(),
            purgatory: Purgatory::default(),
            awake: BTreeSet::new(),
            deadlines: Deadlines::default(),
            lag_check: None,
            fetchers: Fetchers::new(config.brokers.len()),
            history: History::new(config.history),
            actions: VecDeque::new(),
            next_producer_id: 0,
            config,
        };
        for spec in std::mem::take(&mut model.config.topics) {
            model.create_topic(spec.resolve(&model.config), now)?;
        }
        Ok(model)
    }

    /// Takes an event in; deadlines before `now` come first.
    pub fn handle(&mut self, event: Event, now: Instant) {
        self.handle_timeout(now);
        match event {
            Event::Opened { c, broker } => self.open(c, broker),
            Event::Request { c, examined } => self.request(c, examined, now),
            Event::Closed { c } => self.forget_connection(c),
            Event::Control(control) => {
                // The caller of this way has no use for the refusal; `control` is the other way.
                let _ = self.apply(control, now);
            }
        }
        self.go_on(now);
    }

    /// Does something to the cluster on purpose.
    ///
    /// # Errors
    /// If it cannot be done; nothing was changed then.
    pub fn control(&mut self, control: Control, now: Instant) -> Result<(), ControlError> {
        self.handle_timeout(now);
        let result = self.apply(control, now);
        self.go_on(now);
        result
    }

    /// Does what has come due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, due)) = self.deadlines.take_due(now) {
            match due {
                Due::Work(id) => self
                    .awake
                    .extend(self.purgatory.peek(id).map(|work| (id, work.waits))),
                Due::Fetched(link) => self.finish_fetch(link, at, now),
                Due::LagCheck => self.check_lag(now),
                Due::Fence(broker) => self.fence(broker, now),
                Due::Unmute(c) => self.unmute(c, now),
            }
            self.go_on(now);
        }
    }

    /// The next thing for the shell to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`ClusterModel::handle_timeout`] must be called at the latest; `None` if nothing waits.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first()
    }

    /// Adds a fault behind the others.
    ///
    /// # Errors
    /// If there are too many.
    pub fn add_fault(&mut self, rule: Rule) -> Result<RuleId, RuleError> {
        self.faults.add(rule)
    }

    /// Takes a fault out; `false` if there is no such one.
    pub fn remove_fault(&mut self, id: RuleId) -> bool {
        self.faults.remove(id)
    }

    /// The faults and how often each has fired.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The topics and how many partitions each has, by name.
    pub fn topics(&self) -> Vec<(Str, i32)> {
        self.topics
            .iter()
            .map(|topic| (topic.name.clone(), topic.partitions.len() as i32))
            .collect()
    }

    /// A topic's id.
    pub fn topic_id(&self, topic: &str) -> Option<Uuid> {
        self.topics.by_name(topic).map(|topic| topic.id)
    }

    /// The broker that leads a partition; `None` also if there is no such partition.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        self.find(topic, partition)?.replicas.leader()
    }

    /// The epoch of a partition's leader.
    pub fn leader_epoch(&self, topic: &str, partition: i32) -> Option<i32> {
        Some(self.find(topic, partition)?.replicas.leader_epoch())
    }

    /// The offset below which every in-sync replica has everything.
    pub fn high_watermark(&self, topic: &str, partition: i32) -> Option<i64> {
        Some(self.find(topic, partition)?.replicas.high_watermark())
    }

    /// A partition's in-sync set, in the order of its assignment.
    pub fn in_sync(&self, topic: &str, partition: i32) -> Option<Vec<i32>> {
        Some(self.find(topic, partition)?.replicas.in_sync().collect())
    }

    /// The brokers that hold a partition, the preferred leader first.
    pub fn replicas(&self, topic: &str, partition: i32) -> Option<Vec<i32>> {
        Some(
            self.find(topic, partition)?
                .replicas
                .replicas()
                .iter()
                .map(|replica| replica.broker)
                .collect(),
        )
    }

    /// A partition's log, as its leader has it.
    pub fn log(&self, topic: &str, partition: i32) -> Option<&PartitionLog> {
        Some(&self.find(topic, partition)?.log)
    }

    /// Every record of a partition's log, decoded.
    pub fn records(&self, topic: &str, partition: i32) -> Option<Vec<StoredRecord>> {
        Some(
            self.log(topic, partition)?
                .batches()
                .flat_map(StoredBatch::decode)
                .collect(),
        )
    }

    /// What has happened since the last call, if [`ModelConfig::history`] asks for it. Call it now and then: what is not taken
    /// is kept.
    pub fn take_observations(&mut self) -> Vec<Observation> {
        self.history.take()
    }

    fn find(&self, topic: &str, partition: i32) -> Option<&Partition> {
        self.topics
            .partition(topic, partition)
            .map(|key| self.partition(key))
    }

    fn partition(&self, key: PartitionKey) -> &Partition {
        &self.partitions[key.0 as usize]
    }

    fn partition_mut(&mut self, key: PartitionKey) -> &mut Partition {
        &mut self.partitions[key.0 as usize]
    }

    /// The brokers' clock in milliseconds since the epoch.
    fn now_ms(&self, now: Instant) -> i64 {
        self.config.wall_clock_ms + self.elapsed(now).as_millis() as i64
    }

    fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    fn open(&mut self, c: ConnectionId, broker: i32) {
        let Some(node) = self.nodes.get_mut(broker as usize) else {
            return;
        };
        node.accepted += 1;
        self.connections.insert(c, Connection::new(broker, node.accepted));
        self.history.note(|| Observation::Opened { c, broker });
    }

    /// Takes a request, or keeps it until the one before is answered.
    fn request(&mut self, c: ConnectionId, examined: Examined, now: Instant) {
        let Some(connection) = self.connections.get_mut(&c) else {
            return;
        };
        if connection.phase != Phase::Idle {
            return match connection.inbox.len() < INBOX_MAX {
                true => connection.inbox.push_back(examined),
                false => self.close(c, Close::Reset),
            };
        }
        match examined.0 {
            Finding::Request(request) => self.accept(c, *request, now),
            Finding::UnsupportedApiVersions { correlation_id } => {
                let mut frame = Scatter::new();
                frame.put_slice(&ApiVersionsResponse::unsupported_version_frame(correlation_id));
                self.actions.push_back(Action::Reply {
                    c,
                    frame: Reply(frame),
                    cut: None,
                });
                self.resume(c, now);
            }
            Finding::Hostile { .. } => self.close(c, Close::Fin),
        }
    }

    /// The connection's request is done: on to the next.
    fn resume(&mut self, c: ConnectionId, now: Instant) {
        let Some(connection) = self.connections.get_mut(&c) else {
            return;
        };
        connection.phase = Phase::Idle;
        match connection.inbox.pop_front() {
            Some(next) => self.request(c, next, now),
            None => self.actions.push_back(Action::Resume { c }),
        }
    }

    fn unmute(&mut self, c: ConnectionId, now: Instant) {
        if self
            .connections
            .get(&c)
            .is_some_and(|connection| connection.phase == Phase::Muted)
        {
            self.resume(c, now);
        }
    }

    fn close(&mut self, c: ConnectionId, how: Close) {
        if self.connections.contains_key(&c) {
            self.actions.push_back(Action::Close { c, how });
            self.forget_connection(c);
        }
    }

    fn forget_connection(&mut self, c: ConnectionId) {
        let Some(connection) = self.connections.remove(&c) else {
            return;
        };
        self.history.note(|| Observation::Closed { c });
        // A long poll is for its connection alone. All else goes on: what was asked for, happens.
        if let Phase::Busy(id) = connection.phase
            && self
                .purgatory
                .peek(id)
                .is_some_and(|work| work.waits == Waits::Records)
            && let Some(work) = self.purgatory.take(id)
        {
            self.stop_waiting(&work);
        }
    }

    /// Creates a topic: partition p is led by broker p (modulo their number), and the next brokers hold it too.
    fn create_topic(&mut self, topic: ResolvedTopic, now: Instant) -> Result<Uuid, ConfigError> {
        let brokers = self.nodes.len();
        topic.validate(brokers)?;
        let replicas = topic.replication_factor as usize;
        let spread = |index: i32| (0..replicas).map(move |nth| ((index as usize + nth) % brokers) as i32);
        let assignment = (0..topic.partitions)
            .map(|index| spread(index).collect())
            .collect();
        self.create_assigned(topic, assignment, now)
    }

    /// Creates a topic whose replicas are chosen: one list of brokers per partition.
    fn create_assigned(
        &mut self,
        topic: ResolvedTopic,
        assignment: Vec<Vec<i32>>,
        now: Instant,
    ) -> Result<Uuid, ConfigError> {
        if self.topics.colliding_with(&topic.name).is_some() {
            return Err(ConfigError::TopicExists { topic: topic.name });
        }
        let id = self.new_topic_id();
        let mut keys = Vec::with_capacity(assignment.len());
        for (index, brokers) in assignment.iter().enumerate() {
            let key = PartitionKey(self.partitions.len() as u32);
            let partition = Partition::new(topic.name.clone(), index as i32, topic.settings, brokers, now);
            self.partitions.push(partition);
            self.settle_new(key);
            keys.push(key);
        }
        self.topics.insert(Topic {
            name: topic.name,
            id,
            partitions: keys,
        });
        Ok(id)
    }

    /// Any id but zero.
    fn new_topic_id(&mut self) -> Uuid {
        let mut id = Uuid::default();
        id[..8].copy_from_slice(&self.rng.next_u64().to_be_bytes());
        id[8..].copy_from_slice(&(self.rng.next_u64() | 1).to_be_bytes());
        id
    }
}
