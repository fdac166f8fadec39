//! A sender in the hands of a test: dials succeed and questions are answered unless the test says
//! otherwise; produce requests wait for the test to answer them.

mod invariants;
mod produced;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use linger_protocol::messages::{
    ApiVersion, InitProducerIdResponse, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic, ProduceRequest, ProduceResponse, RequestBody, ResponseBody,
};
use linger_protocol::records::{Record, Scratch};
use linger_protocol::{ApiKey, ErrorCode, Str, Uuid};

pub(in crate::send) use self::produced::{Answer, Produced, Sent, code, ok};
use super::Sender;
use crate::address::Address;
use crate::append::accumulator::Accumulator;
use crate::append::appended::{AppendError, Appended};
use crate::append::cluster_view::ClusterView;
use crate::append::delivery::Delivery;
use crate::append::doorbell::Sleep;
use crate::config::Config;
use crate::error::Certainty;
use crate::ids::{BrokerId, ConnectionId, FlushId, PartitionId, RequestId};
use crate::send::action::Action;
use crate::send::broker::Broker;
use crate::send::closing::Phase;
use crate::send::pacing::LingerScope;
use crate::send::split::SplitTask;
use crate::testing::origin;

pub(in crate::send) const TOPIC: &str = "orders";

/// More rounds at one instant than any test needs: a sender that never becomes idle is caught.
const ROUNDS_MAX: usize = 10_000;

/// What the fake cluster says of a topic.
#[derive(Debug, Clone)]
pub(in crate::send) struct FakeTopic {
    pub(in crate::send) id: Uuid,
    pub(in crate::send) error: ErrorCode,
    /// Leader and leader epoch.
    pub(in crate::send) partitions: Vec<(i32, i32)>,
}

pub(in crate::send) struct Harness {
    pub(in crate::send) sender: Sender,
    pub(in crate::send) accumulator: Arc<Accumulator>,
    pub(in crate::send) config: Arc<Config>,
    pub(in crate::send) now: Instant,
    pub(in crate::send) start: Instant,
    pub(in crate::send) view: Option<Arc<ClusterView>>,
    pub(in crate::send) topics: BTreeMap<&'static str, FakeTopic>,
    pub(in crate::send) brokers: Vec<i32>,
    /// The name under which all brokers listen.
    host: &'static str,
    pub(in crate::send) live: BTreeMap<ConnectionId, i32>,
    /// Dials that were left alone.
    hanging: BTreeSet<ConnectionId>,
    pub(in crate::send) produced: VecDeque<Produced>,
    pub(in crate::send) splits: VecDeque<SplitTask>,
    pub(in crate::send) flushed: Vec<FlushId>,
    pub(in crate::send) closed: bool,
    /// Dials of these ports are left alone.
    pub(in crate::send) dead_ports: Vec<u16>,
    pub(in crate::send) dials: Vec<(Instant, Option<BrokerId>, u16)>,
    pub(in crate::send) metadata_asked: u32,
    pub(in crate::send) ids_asked: u32,
    /// Answers for the next questions for a producer id; then all succeed.
    pub(in crate::send) id_answers: VecDeque<i16>,
    pub(in crate::send) next_epoch: i16,
    pub(in crate::send) answer_metadata: bool,
    pub(in crate::send) answer_ids: bool,
    pub(in crate::send) hold_splits: bool,
    /// Requests are reported as written as soon as they are handed out.
    pub(in crate::send) writes: bool,
    pub(in crate::send) produce_max: i16,
    /// Unanswered requests by connection: a broker answers in order, so a question waits for the
    /// requests before it.
    outstanding: BTreeMap<ConnectionId, VecDeque<(RequestId, Question)>>,
    scratch: Scratch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Produce,
    Metadata,
    ProducerId,
}

pub(in crate::send) const LINGER: Duration = Duration::from_millis(5);

pub(in crate::send) fn idempotent() -> Harness {
    Harness::ready(|_| {})
}

pub(in crate::send) fn plain() -> Harness {
    Harness::ready(|config| config.enable_idempotence = false)
}

/// A harness whose partition 0 has had its first success, so that up to five batches may be out.
pub(in crate::send) fn open() -> Harness {
    let mut harness = idempotent();
    drop(harness.send(0));
    harness.accept();
    harness.all_acknowledge_at_once();
    harness
}

/// A harness whose deliveries time out soon after a request that is not answered.
pub(in crate::send) fn short_lived() -> Harness {
    Harness::ready(|config| config.delivery_timeout = Duration::from_secs(36))
}

impl Harness {
    /// Three brokers, a topic of four partitions led by broker 0, with this configuration.
    pub(in crate::send) fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            bootstrap: vec![Address::new("boot", 9000)],
            ..Config::default()
        };
        change(&mut config);
        let config = Arc::new(config);
        let accumulator = Accumulator::new(config.clone());
        let now = origin();
        let sender = Sender::new(config.clone(), accumulator.clone(), 7, now);
        let topic = FakeTopic {
            id: [1; 16],
            error: ErrorCode::NONE,
            partitions: vec![(0, 0); 4],
        };
        Self {
            sender,
            accumulator,
            config,
            now,
            start: now,
            view: None,
            topics: BTreeMap::from([(TOPIC, topic)]),
            brokers: vec![0, 1, 2],
            host: "host",
            live: BTreeMap::new(),
            hanging: BTreeSet::new(),
            produced: VecDeque::new(),
            splits: VecDeque::new(),
            flushed: Vec::new(),
            closed: false,
            dead_ports: Vec::new(),
            dials: Vec::new(),
            metadata_asked: 0,
            ids_asked: 0,
            id_answers: VecDeque::new(),
            next_epoch: 0,
            answer_metadata: true,
            answer_ids: true,
            hold_splits: false,
            writes: true,
            produce_max: 12,
            outstanding: BTreeMap::new(),
            scratch: Scratch::default(),
        }
    }

    /// The same, with the topic known and its leader connected.
    pub(in crate::send) fn ready(change: impl FnOnce(&mut Config)) -> Self {
        let mut harness = Self::new(change);
        harness.want(TOPIC);
        harness
    }

    /// Every broker has shown that it acknowledges at once.
    pub(in crate::send) fn all_acknowledge_at_once(&mut self) {
        for id in self.brokers.clone() {
            self.broker(id).pacing.record_ack_wait(Some(Duration::ZERO));
        }
    }

    /// Changes a linger.
    pub(in crate::send) fn linger(&mut self, scope: LingerScope, linger: Duration) {
        self.sender.handle_linger(scope, linger);
        self.run();
    }

    /// How the sender may sleep now.
    pub(in crate::send) fn sleep_kind(&self) -> Sleep {
        self.sender.sleep_kind(self.now)
    }

    /// Returns true if a connection is not the first one to its broker.
    pub(in crate::send) fn is_further(&self, connection: ConnectionId) -> bool {
        let mut further = self
            .sender
            .brokers
            .iter()
            .flat_map(|(_, broker)| broker.connections.links().skip(1));
        further.any(|link| link.id() == Some(connection))
    }

    /// A broker, as the sender knows it.
    pub(in crate::send) fn broker(&mut self, id: i32) -> &mut Broker {
        let broker = self.sender.brokers.get_mut(BrokerId(id));
        broker.expect("metadata has named it")
    }

    /// The topic, as the fake cluster has it.
    pub(in crate::send) fn topic(&mut self) -> &mut FakeTopic {
        self.topics.get_mut(TOPIC).expect("a harness begins with it")
    }

    pub(in crate::send) fn want(&mut self, topic: &str) {
        self.sender.handle_topic_wanted(&Str::from(topic), self.now);
        self.run();
    }

    /// Appends a record, without letting the sender run.
    pub(in crate::send) fn append(&self, partition: i32, value: &[u8]) -> Delivery {
        let appended = self.try_append(partition, value);
        appended.expect("there is memory").delivery
    }

    /// The same, as far as there is memory.
    pub(in crate::send) fn try_append(&self, partition: i32, value: &[u8]) -> Result<Appended, AppendError> {
        let queue = self.accumulator.queue(&Str::from(TOPIC), partition);
        let record = Record {
            value: Some(value),
            ..Record::default()
        };
        let now = self.now;
        self.accumulator.append(&queue, &record, 1_000, || now)
    }

    /// Appends a record and lets its linger end.
    pub(in crate::send) fn send(&mut self, partition: i32) -> Delivery {
        let delivery = self.append(partition, b"value");
        self.run();
        self.advance(self.config.linger);
        delivery
    }

    /// Appends many records and lets their linger end.
    pub(in crate::send) fn send_many(&mut self, partition: i32, count: usize) {
        for _ in 0..count {
            drop(self.append(partition, &[9; 100]));
        }
        self.run();
        self.advance(self.config.linger);
    }

    /// Lets the sender act until it is idle.
    pub(in crate::send) fn run(&mut self) {
        let mut events = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let mut quiet = !self.accumulator.doorbell().drain(&mut events);
            for ready in events.drain(..) {
                self.sender.handle_ready(ready, self.now);
            }
            if self.sender.poll_timeout().is_some_and(|at| at <= self.now) {
                self.sender.handle_timeout(self.now);
                quiet = false;
            }
            while let Some(action) = self.sender.poll_action(self.now) {
                self.act(action);
                quiet = false;
            }
            if quiet {
                return self.assert_that_nothing_is_forgotten();
            }
        }
        panic!("the sender does not become idle");
    }

    /// Lets time pass, with every deadline on the way.
    pub(in crate::send) fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..ROUNDS_MAX {
            self.run();
            match self.sender.poll_timeout() {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => {
                    self.now = end;
                    return self.run();
                }
            }
        }
        panic!("the sender wakes up too often");
    }

    pub(in crate::send) fn advance_ms(&mut self, ms: u64) {
        self.advance(Duration::from_millis(ms));
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Encode(job) => {
                let batch = job.run(&mut self.scratch);
                self.sender.handle_encoded(batch, self.now);
            }
            Action::Split(task) if self.hold_splits => self.splits.push_back(task),
            Action::Split(task) => {
                let result = task.run(&mut self.scratch);
                self.sender.handle_split(result, self.now);
            }
            Action::Connect {
                connection: c,
                broker,
                address,
            } => {
                self.dials.push((self.now, broker, address.port));
                if self.dead_ports.contains(&address.port) {
                    self.hanging.insert(c);
                } else {
                    self.live.insert(c, i32::from(address.port) - 9000);
                    self.sender.handle_connected(c, &self.versions(), self.now);
                }
            }
            Action::Request {
                connection: c,
                id,
                version,
                request,
                no_response,
            } => {
                assert!(self.live.contains_key(&c), "a request goes to a live connection");
                if self.writes {
                    self.sender.handle_written(c, id, self.now);
                }
                let question = match request {
                    RequestBody::Produce(request) => {
                        self.note(c, id, version, &request, no_response);
                        Question::Produce
                    }
                    RequestBody::Metadata(_) => Question::Metadata,
                    RequestBody::InitProducerId(_) => Question::ProducerId,
                    other => panic!("{other:?} is no request of a producer"),
                };
                if !no_response {
                    self.outstanding.entry(c).or_default().push_back((id, question));
                    self.answer_questions(c);
                }
            }
            Action::Disconnect { connection: c } => {
                if self.live.contains_key(&c) {
                    self.cut(c, None);
                } else {
                    self.hanging.remove(&c);
                    self.sender.handle_disconnected(c, None, self.now);
                }
            }
            Action::Publish(view) => self.view = Some(view),
            Action::Flushed(flush) => {
                let given_up = self.sender.closing.phase() == Phase::Closed;
                assert!(self.accumulator.flush_done(flush) || given_up);
                self.flushed.push(flush);
            }
            Action::Closed => self.closed = true,
        }
    }

    /// Answers the questions that no produce request on their connection is before.
    fn answer_questions(&mut self, c: ConnectionId) {
        while let Some((id, question)) = self
            .outstanding
            .get(&c)
            .and_then(|requests| requests.front().copied())
        {
            let response = match question {
                Question::Produce => return,
                Question::Metadata => {
                    self.metadata_asked += 1;
                    if !self.answer_metadata {
                        return;
                    }
                    ResponseBody::Metadata(self.describe())
                }
                Question::ProducerId if !self.answer_ids => return,
                Question::ProducerId => {
                    self.ids_asked += 1;
                    let error_code = ErrorCode(self.id_answers.pop_front().unwrap_or(0));
                    let producer_id = if error_code.is_none() {
                        1000 + i64::from(self.ids_asked)
                    } else {
                        -1
                    };
                    ResponseBody::InitProducerId(InitProducerIdResponse {
                        error_code,
                        producer_id,
                        producer_epoch: self.next_epoch,
                        ..InitProducerIdResponse::default()
                    })
                }
            };
            self.outstanding.get_mut(&c).expect("just seen").pop_front();
            self.sender.handle_response(c, id, &response, self.now);
        }
    }

    /// Answers the question for a producer id that was left unanswered, and those after it.
    pub(in crate::send) fn answer_ids(&mut self) {
        self.answer_ids = true;
        for connection in self.live.keys().copied().collect::<Vec<_>>() {
            self.answer_questions(connection);
        }
        self.run();
    }

    /// Lets the sender ask for metadata now, and waits for the answer.
    pub(in crate::send) fn refresh(&mut self) {
        self.sender.discovery.want_now(self.now);
        self.sender.needs_turn = true;
        self.advance_ms(1_200);
    }

    /// All brokers listen under another name from now on, and the sender learns of it.
    pub(in crate::send) fn moved_to(&mut self, host: &'static str) {
        self.host = host;
        self.refresh();
    }

    fn versions(&self) -> Vec<ApiVersion> {
        let range = |key: ApiKey| {
            let versions = key.advertised_versions();
            let max_version = if key == ApiKey::Produce {
                self.produce_max
            } else {
                *versions.end()
            };
            ApiVersion {
                api_key: key as i16,
                min_version: *versions.start(),
                max_version,
            }
        };
        ApiKey::ALL.into_iter().map(range).collect()
    }

    fn describe(&self) -> MetadataResponse {
        let broker = |id: &i32| MetadataResponseBroker {
            node_id: *id,
            host: Str::from(self.host),
            port: 9001 + id,
            ..MetadataResponseBroker::default()
        };
        let topic = |(name, topic): (&&'static str, &FakeTopic)| {
            let partition =
                |(index, (leader_id, leader_epoch)): (usize, &(i32, i32))| MetadataResponsePartition {
                    partition_index: index as i32,
                    leader_id: *leader_id,
                    leader_epoch: *leader_epoch,
                    ..MetadataResponsePartition::default()
                };
            MetadataResponseTopic {
                error_code: topic.error,
                name: Some(Str::from(*name)),
                topic_id: topic.id,
                partitions: topic.partitions.iter().enumerate().map(partition).collect(),
                ..MetadataResponseTopic::default()
            }
        };
        MetadataResponse {
            brokers: self.brokers.iter().map(broker).collect(),
            topics: self.topics.iter().map(topic).collect(),
            ..MetadataResponse::default()
        }
    }

    fn note(
        &mut self,
        c: ConnectionId,
        id: RequestId,
        version: i16,
        request: &ProduceRequest,
        no_response: bool,
    ) {
        assert_eq!(request.acks, self.config.acks.code());
        assert_eq!(no_response, request.acks == 0);
        let batches = Sent::all_in(request);
        let size: usize = batches.iter().map(|batch| batch.bytes.len()).sum();
        assert!(size <= self.config.max_request_size || batches.len() == 1);
        let broker = self.live[&c] - 1;
        self.produced.push_back(Produced {
            connection: c,
            id,
            broker,
            version,
            batches,
        });
    }

    /// The oldest produce request that has not been looked at.
    pub(in crate::send) fn take(&mut self) -> Produced {
        self.produced.pop_front().expect("a produce request was sent")
    }

    /// All produce requests that have not been looked at, oldest first.
    pub(in crate::send) fn take_all(&mut self) -> Vec<Produced> {
        std::mem::take(&mut self.produced).into()
    }

    pub(in crate::send) fn assert_idle(&self) {
        assert!(self.produced.is_empty(), "nothing is sent: {:?}", self.produced);
    }

    pub(in crate::send) fn reply(&mut self, produced: &Produced, answer: impl Fn(i32) -> Answer) {
        self.reply_with(produced, answer, |_| {});
    }

    pub(in crate::send) fn reply_with(
        &mut self,
        produced: &Produced,
        answer: impl Fn(i32) -> Answer,
        change: impl FnOnce(&mut ProduceResponse),
    ) {
        let mut response = produced.answered(answer);
        change(&mut response);
        if let Some(requests) = self.outstanding.get_mut(&produced.connection) {
            requests.retain(|(id, _)| *id != produced.id);
        }
        let response = ResponseBody::Produce(response);
        self.sender
            .handle_response(produced.connection, produced.id, &response, self.now);
        self.answer_questions(produced.connection);
        self.run();
    }

    /// Takes the oldest request and accepts all of it.
    pub(in crate::send) fn accept(&mut self) -> Produced {
        let produced = self.take();
        self.reply(&produced, |_| ok());
        produced
    }

    /// Takes the oldest request and refuses all of it.
    pub(in crate::send) fn refuse(&mut self, error: i16) -> Produced {
        let produced = self.take();
        self.reply(&produced, |_| code(error));
        produced
    }

    /// A connection ends, with requests up to and with `written` written besides what was reported.
    pub(in crate::send) fn cut(&mut self, c: ConnectionId, written: Option<RequestId>) {
        self.live.remove(&c);
        self.outstanding.remove(&c);
        self.sender.handle_disconnected(c, written, self.now);
    }

    /// The connection of the oldest request that has not been looked at, and with it all of its
    /// requests, is lost.
    pub(in crate::send) fn lose(&mut self) -> Produced {
        let produced = self.take();
        self.produced
            .retain(|other| other.connection != produced.connection);
        self.cut(produced.connection, None);
        self.run();
        produced
    }

    /// Every dial that hangs fails.
    pub(in crate::send) fn fail_dials(&mut self) {
        for connection in std::mem::take(&mut self.hanging) {
            self.sender.handle_disconnected(connection, None, self.now);
        }
        self.run();
    }

    pub(in crate::send) fn flush(&mut self) -> FlushId {
        let flush = self.accumulator.begin_flush();
        self.sender.handle_flush(flush, self.now);
        self.run();
        flush
    }

    pub(in crate::send) fn close_within(&mut self, time: Duration) {
        self.sender.handle_close(self.now + time, self.now);
        self.run();
    }

    pub(in crate::send) fn partition(&self, id: u32) -> &crate::send::partition::Partition {
        &self.sender.partitions[PartitionId(id)]
    }

    pub(in crate::send) fn elapsed_ms(&self) -> u128 {
        (self.now - self.start).as_millis()
    }
}

pub(in crate::send) fn offset(delivery: &Delivery) -> Option<i64> {
    match delivery.outcome() {
        Some(Ok(metadata)) => metadata.offset,
        other => panic!("{other:?} is no acknowledgement"),
    }
}

pub(in crate::send) fn failure(delivery: &Delivery) -> (crate::error::DeliveryErrorKind, Certainty) {
    match delivery.outcome() {
        Some(Err(error)) => (error.kind(), error.certainty()),
        other => panic!("{other:?} is no failure"),
    }
}

pub(in crate::send) fn is_open(delivery: &Delivery) -> bool {
    delivery.outcome().is_none()
}
