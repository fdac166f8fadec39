//! A record's way through the core with its sender, whose requests are answered at once: there are
//! no sockets, and time is a number that grows with each request.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use linger_core::address::Address;
use linger_core::append::accumulator::Accumulator;
use linger_core::append::appended::Filled;
use linger_core::append::doorbell::Ready;
use linger_core::config::Config;
use linger_core::ids::{ConnectionId, RequestId};
use linger_core::send::action::Action;
use linger_core::send::sender::Sender;
use linger_protocol::ApiKey;
use linger_protocol::messages::{
    ApiVersion, InitProducerIdResponse, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic, PartitionProduceResponse, ProduceRequest, ProduceResponse, RequestBody,
    ResponseBody, TopicProduceResponse,
};
use linger_protocol::records::Record;

use crate::{BATCH_SIZE, PARTITIONS, TIMESTAMP, TOPIC, value};

const HOST: &str = "localhost";
const PORT: u16 = 9092;
/// Between two requests.
const PAUSE: Duration = Duration::from_millis(1);

/// Deliveries are dropped; a request takes the full batches of all partitions.
pub(crate) fn send(records: u64) -> u64 {
    let mut shell = Shell::new();
    let queues: Vec<_> = (0..PARTITIONS)
        .map(|partition| shell.accumulator.queue(&TOPIC.into(), partition))
        .collect();
    let value = value();
    let record = Record {
        value: Some(&value),
        ..Record::default()
    };
    let mut partition = 0;
    for _ in 0..records {
        let now = shell.now;
        let appended = shell
            .accumulator
            .append(&queues[partition], black_box(&record), TIMESTAMP, || now)
            .expect("there is memory");
        drop(appended.delivery);
        if appended.filled == Filled::Yes {
            partition = (partition + 1) % queues.len();
            if partition == 0 {
                shell.run_for(PAUSE);
            }
        }
    }
    shell.run_for(shell.accumulator.config().linger);
    let ledger = shell.accumulator.ledger();
    assert_eq!((ledger.accepted, ledger.acknowledged), (records, records));
    let batches = records * value.len() as u64 / BATCH_SIZE as u64;
    assert!(
        shell.produced <= batches / PARTITIONS as u64 + 2,
        "{} requests",
        shell.produced
    );
    records
}

/// Carries out what the sender decides.
struct Shell {
    sender: Sender,
    accumulator: Arc<Accumulator>,
    now: Instant,
    events: Vec<Ready>,
    answers: VecDeque<(ConnectionId, RequestId, ResponseBody)>,
    produced: u64,
}

impl Shell {
    /// With the topic known, its leader connected and a producer id.
    fn new() -> Self {
        let config = Config {
            bootstrap: vec![Address::new(HOST, PORT)],
            batch_size: BATCH_SIZE,
            ..Config::default()
        };
        let config = Arc::new(config.validate().expect("a valid configuration"));
        let accumulator = Accumulator::new(config.clone());
        let now = Instant::now();
        let mut shell = Self {
            sender: Sender::new(config, accumulator.clone(), 7, now),
            accumulator,
            now,
            events: Vec::new(),
            answers: VecDeque::new(),
            produced: 0,
        };
        shell.sender.handle_topic_wanted(&TOPIC.into(), now);
        shell.run_for(PAUSE);
        shell
    }

    /// Lets time pass, and the sender act until it rests.
    fn run_for(&mut self, time: Duration) {
        self.now += time;
        let now = self.now;
        loop {
            self.accumulator.doorbell().drain(&mut self.events);
            for ready in self.events.drain(..) {
                self.sender.handle_ready(ready, now);
            }
            if self.sender.poll_timeout().is_some_and(|at| at <= now) {
                self.sender.handle_timeout(now);
            }
            while let Some(action) = self.sender.poll_action(now) {
                self.carry_out(action);
            }
            let Some((c, id, response)) = self.answers.pop_front() else {
                return;
            };
            self.sender.handle_response(c, id, &response, now);
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Connect { connection: c, .. } => self.sender.handle_connected(c, &versions(), self.now),
            Action::Request {
                connection: c,
                id,
                request,
                ..
            } => {
                self.sender.handle_written(c, id, self.now);
                let answer = self.answer(&request);
                self.answers.push_back((c, id, answer));
                self.sender.take_back(request);
            }
            Action::Disconnect { connection: c } => self.sender.handle_disconnected(c, None, self.now),
            Action::Publish(_) => {}
            Action::Encode(_) | Action::Split(_) | Action::Flushed(_) | Action::Closed => {
                unreachable!("nothing is compressed, refused, flushed or closed")
            }
        }
    }

    fn answer(&mut self, request: &RequestBody) -> ResponseBody {
        match request {
            RequestBody::Metadata(_) => describe().into(),
            RequestBody::InitProducerId(_) => InitProducerIdResponse {
                producer_id: 1,
                producer_epoch: 0,
                ..InitProducerIdResponse::default()
            }
            .into(),
            RequestBody::Produce(request) => {
                self.produced += 1;
                acknowledge(request).into()
            }
            _ => unreachable!("a producer asks for nothing else"),
        }
    }
}

fn versions() -> Vec<ApiVersion> {
    let range = |key: ApiKey| ApiVersion {
        api_key: key as i16,
        min_version: *key.advertised_versions().start(),
        max_version: *key.advertised_versions().end(),
    };
    ApiKey::ALL.into_iter().map(range).collect()
}

fn describe() -> MetadataResponse {
    let partitions = (0..PARTITIONS).map(|partition_index| MetadataResponsePartition {
        partition_index,
        leader_id: 0,
        ..MetadataResponsePartition::default()
    });
    MetadataResponse {
        brokers: vec![MetadataResponseBroker {
            node_id: 0,
            host: HOST.into(),
            port: PORT.into(),
            ..MetadataResponseBroker::default()
        }],
        topics: vec![MetadataResponseTopic {
            name: Some(TOPIC.into()),
            topic_id: [1; 16],
            partitions: partitions.collect(),
            ..MetadataResponseTopic::default()
        }],
        ..MetadataResponse::default()
    }
}

fn acknowledge(request: &ProduceRequest) -> ProduceResponse {
    let topics = request.topic_data.iter().map(|topic| {
        let partitions = topic
            .partition_data
            .iter()
            .map(|partition| PartitionProduceResponse {
                index: partition.index,
                ..PartitionProduceResponse::default()
            });
        TopicProduceResponse {
            name: topic.name.clone(),
            partition_responses: partitions.collect(),
        }
    });
    ProduceResponse {
        responses: topics.collect(),
        ..ProduceResponse::default()
    }
}
