//! The model driven as a shell drives it: encoded frames through `examine`, actions carried out,
//! answers decoded.

mod chaos;
mod fault;
mod fetch;
mod followers;
mod membership;
mod produce;
mod protocol;
mod topic;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use linger_protocol::frame::{FrameDecoder, REQUEST_SIZE_MAX};
use linger_protocol::header::{RequestHeader, ResponseHeader};
use linger_protocol::messages::*;
use linger_protocol::records::{
    BatchBuilder, BatchHeader, BatchView, Compression, HEADER_SIZE, Record, Scratch, Stamp,
};
use linger_protocol::{ErrorCode, Message, Reader, Request, Str, Uuid};

use super::*;
use crate::latency::Latency;

pub(super) const TOPIC: &str = "orders";
const MS: Duration = Duration::from_millis(1);

/// The brokers' clock when a test begins.
pub(super) const WALL_CLOCK_MS: i64 = 1_700_000_000_000;

/// A cluster in a test, and its clients.
pub(super) struct World {
    pub(super) model: ClusterModel,
    pub(super) now: Instant,
    examine: ExamineConfig,
    next_connection: u64,
    next_correlation: i32,
    answers: BTreeMap<ConnectionId, Vec<Answer>>,
}

/// What a connection was told.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    Frame(Bytes, Option<usize>),
    Resumed,
    Closed(Close),
}

pub(super) fn config(brokers: usize) -> ModelConfig {
    let address = |id: usize| BrokerAddress {
        host: "localhost".into(),
        port: 9092 + id as u16,
    };
    let mut config = ModelConfig::new((0..brokers).map(address).collect());
    config.wall_clock_ms = WALL_CLOCK_MS;
    config.history = true;
    config.topics = vec![TopicSpec::new(TOPIC, 3)];
    config
}

impl World {
    pub(super) fn new(config: ModelConfig) -> Self {
        let now = Instant::now();
        let examine = ExamineConfig::new(&config);
        let model = ClusterModel::new(config, now).expect("the test's cluster is sound");
        Self {
            model,
            now,
            examine,
            next_connection: 1,
            next_correlation: 100,
            answers: BTreeMap::new(),
        }
    }

    /// Three brokers, without latency.
    pub(super) fn three() -> Self {
        Self::new(config(3))
    }

    /// Three brokers whose followers take this long to fetch.
    pub(super) fn slow(latency_ms: u64) -> Self {
        let mut config = config(3);
        config.ack_latency = Latency::fixed(MS * latency_ms as u32);
        Self::new(config)
    }

    pub(super) fn connect(&mut self, broker: i32) -> ConnectionId {
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        self.model.handle(Event::Opened { connection, broker }, self.now);
        connection
    }

    /// Sends a request; answers its correlation id.
    pub(super) fn send<R: Request>(&mut self, connection: ConnectionId, version: i16, request: &R) -> i32 {
        let correlation_id = self.next_correlation;
        self.next_correlation += 1;
        let header = RequestHeader {
            api_key: R::KEY as i16,
            api_version: version,
            correlation_id,
            client_id: Some("test".into()),
        };
        let mut frame = Vec::new();
        header.encode(&mut frame);
        request.encode(&mut frame, version);
        self.send_raw(connection, frame.into());
        correlation_id
    }

    pub(super) fn send_raw(&mut self, connection: ConnectionId, frame: Bytes) {
        let examined = examine(frame, &self.examine);
        self.model
            .handle(Event::Request { connection, examined }, self.now);
        self.collect();
    }

    /// Sends a request and takes the answer, which must be there at once.
    pub(super) fn ask<R: Request>(&mut self, broker: i32, version: i16, request: &R) -> R::Response {
        let connection = self.connect(broker);
        let correlation_id = self.send(connection, version, request);
        self.answer::<R>(connection, version, correlation_id)
    }

    /// Takes the answer to the only request underway, and the Resume behind it.
    pub(super) fn answer<R: Request>(
        &mut self,
        connection: ConnectionId,
        version: i16,
        correlation_id: i32,
    ) -> R::Response {
        let answers = self.answers.remove(&connection).unwrap_or_default();
        let [Answer::Frame(frame, None), Answer::Resumed] = answers.as_slice() else {
            panic!("expected an answer and to go on, got {answers:?}");
        };
        decode::<R>(frame, version, correlation_id)
    }

    /// What a connection was told since the last look.
    pub(super) fn told(&mut self, connection: ConnectionId) -> Vec<Answer> {
        self.answers.remove(&connection).unwrap_or_default()
    }

    pub(super) fn control(&mut self, control: Control) {
        self.model
            .control(control, self.now)
            .expect("the test asks for what can be done");
        self.collect();
    }

    /// Lets time pass, deadline by deadline.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.model.poll_timeout().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.model.handle_timeout(self.now);
            self.collect();
        }
        self.now = end;
    }

    fn collect(&mut self) {
        while let Some(action) = self.model.poll_action() {
            let connection = action.connection();
            let answer = match action {
                Action::Reply { frame, cut, .. } => Answer::Frame(frame.to_bytes().into(), cut),
                Action::Resume { .. } => Answer::Resumed,
                Action::Close { how, .. } => Answer::Closed(how),
            };
            self.answers.entry(connection).or_default().push(answer);
        }
    }

    pub(super) fn produce(&mut self, broker: i32, acks: i16, batch: Bytes) -> PartitionProduceResponse {
        let response = self.ask(broker, 11, &produce(acks, &[(TOPIC, 0, batch)]));
        outcome(&response)
    }

    /// Offsets of every batch of a partition's log, and how many records each has.
    pub(super) fn log(&self, partition: i32) -> Vec<(i64, u32)> {
        let log = self.model.log(TOPIC, partition).expect("the partition exists");
        log.batches()
            .map(|batch| (batch.base_offset(), batch.count()))
            .collect()
    }
}

pub(super) fn decode<R: Request>(frame: &Bytes, version: i16, correlation_id: i32) -> R::Response {
    let mut decoder = FrameDecoder::new(REQUEST_SIZE_MAX);
    decoder.buffer().extend_from_slice(frame);
    let body = decoder
        .next_frame()
        .expect("a sound frame")
        .expect("a whole frame");
    let mut reader = Reader::new(&body);
    let header = ResponseHeader::decode(&mut reader, R::KEY, version).expect("a header");
    assert_eq!(header.correlation_id, correlation_id);
    let response = R::Response::decode(&mut reader, version).expect("a sound answer");
    assert_eq!(reader.remaining(), 0, "bytes behind the answer");
    response
}

pub(super) fn produce(acks: i16, batches: &[(&str, i32, Bytes)]) -> ProduceRequest {
    let topic_data = batches.iter().map(|(topic, index, batch)| TopicProduceData {
        name: Str::from(*topic),
        partition_data: vec![PartitionProduceData {
            index: *index,
            records: Some(batch.clone().into()),
        }],
    });
    ProduceRequest {
        transactional_id: None,
        acks,
        timeout_ms: 1_000,
        topic_data: topic_data.collect(),
    }
}

/// The outcome of the only partition.
pub(super) fn outcome(response: &ProduceResponse) -> PartitionProduceResponse {
    let [topic] = response.responses.as_slice() else {
        panic!("one topic: {response:?}")
    };
    let [partition] = topic.partition_responses.as_slice() else {
        panic!("one partition: {response:?}")
    };
    partition.clone()
}

/// A batch of small records by an idempotent producer.
pub(super) fn batch(producer_id: i64, base_sequence: i32, count: u32) -> Bytes {
    stamped(
        Stamp {
            producer_id,
            producer_epoch: 0,
            base_sequence,
        },
        count,
        Compression::None,
    )
}

pub(super) fn stamped(stamp: Stamp, count: u32, compression: Compression) -> Bytes {
    let value = b"a value that compresses, compresses, compresses".as_slice();
    let records = (0..count).map(|_| Record {
        key: Some(b"key"),
        value: Some(value),
        headers: &[],
    });
    batch_of(stamp, compression, records.map(|record| (record, WALL_CLOCK_MS)))
}

pub(super) fn batch_of<'a>(
    stamp: Stamp,
    compression: Compression,
    records: impl Iterator<Item = (Record<'a>, i64)>,
) -> Bytes {
    let mut builder = BatchBuilder::new(Vec::new());
    for (record, timestamp) in records {
        builder.append(&record, timestamp);
    }
    let encoded = builder.close().encode(compression, &mut Scratch::new());
    let mut bytes = encoded.header(stamp, false).to_vec();
    bytes.extend_from_slice(&encoded.body);
    bytes.into()
}

/// A batch with other header fields, and the checksum that belongs to them.
pub(super) fn reheaded(batch: &Bytes, change: impl FnOnce(&mut BatchHeader)) -> Bytes {
    let view = BatchView::parse(batch).expect("a sound batch");
    let mut header = view.header();
    let crc_of_body = view.body_crc();
    change(&mut header);
    let shift = linger_protocol::records::ShiftOperator::over(batch.len() - HEADER_SIZE);
    let mut bytes = header.to_bytes_summed(crc_of_body, shift).to_vec();
    bytes.extend_from_slice(&batch[HEADER_SIZE..]);
    bytes.into()
}

/// A batch with another body, and the checksum that belongs to it.
pub(super) fn rebodied(batch: &Bytes, body: &[u8]) -> Bytes {
    let mut header = BatchView::parse(batch).expect("a sound batch").header();
    header.batch_length = (HEADER_SIZE - 12 + body.len()) as i32;
    let crc = linger_protocol::records::crc32c(body);
    let shift = linger_protocol::records::ShiftOperator::over(body.len());
    let mut bytes = header.to_bytes_summed(crc, shift).to_vec();
    bytes.extend_from_slice(body);
    bytes.into()
}

pub(super) const NO_PRODUCER: Stamp = Stamp {
    producer_id: -1,
    producer_epoch: -1,
    base_sequence: -1,
};

pub(super) fn codes(world: &mut World, acks: i16, batches: &[Bytes]) -> Vec<ErrorCode> {
    batches
        .iter()
        .map(|batch| world.produce(0, acks, batch.clone()).error_code)
        .collect()
}
