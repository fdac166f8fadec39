//! The floor: encode, checksum, frame and write to a blocking socket, and nothing else.
//!
//! One thread fills a batch for each partition in turn, and sends each batch in its own request.
//! The number of requests in flight per connection is limited. There is no linger, no retry and no
//! idempotence. Costs of a producer above the floor are the costs of its features.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Buf, Bytes};
use linger_lab::measure::latency::Latencies;
use linger_protocol::frame::{FrameDecoder, encode_request};
use linger_protocol::header::ResponseHeader;
use linger_protocol::messages::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, PartitionProduceData, ProduceRequest,
    ProduceResponse, TopicProduceData,
};
use linger_protocol::records::{BatchBuilder, Compression, HEADER_SIZE, Record, Scratch, Stamp};
use linger_protocol::{Message, Reader, RecordSet, Request, Scatter, Str};

use crate::outcome::{Measured, Outcome, Stopwatch};
use crate::task::{Task, locked_version};
use crate::workload::Kind;

const PRODUCE_VERSION: i16 = 11;
const METADATA_VERSION: i16 = 12;
const RESPONSE_SIZE_MAX: usize = 1 << 20;
/// The batch size if the workload leaves it to the client.
const BATCH_BYTES: u64 = 16_384;
const IN_FLIGHT: u64 = 5;

pub(crate) fn run(task: &Task) -> Result<Outcome, String> {
    let mut floor = Floor::connect(task)?;
    floor.send_one(0)?;
    let measured = match task.workload.kind {
        Kind::Throughput => floor.throughput()?,
        Kind::Idle => floor.idle()?,
        Kind::Tasks | Kind::Paced => return Err("the floor is one blocking thread".into()),
    };
    let settings =
        "one thread, blocking sockets, one batch per request, neither linger nor idempotence nor retries";
    Ok(Outcome::of(
        "floor",
        locked_version("linger-protocol"),
        settings.into(),
        measured,
    ))
}

struct Floor<'a> {
    task: &'a Task,
    topic: Str,
    compression: Compression,
    connections: Vec<Connection>,
    /// The index of the connection to the leader of each partition.
    leaders: Vec<usize>,
    in_flight: usize,
    batch_bytes: usize,
    buffer: Vec<u8>,
    scratch: Scratch,
    frame: Scatter,
    acknowledged: u64,
}

impl<'a> Floor<'a> {
    fn connect(task: &'a Task) -> Result<Self, String> {
        let first = task.bootstrap.split(',').next().unwrap_or_default();
        let request = MetadataRequest {
            topics: Some(vec![MetadataRequestTopic {
                name: Some(task.topic.as_str().into()),
                ..Default::default()
            }]),
            ..Default::default()
        };
        let mut connection = Connection::open(first)?;
        let mut frame = Scatter::new();
        encode_request(&mut frame, METADATA_VERSION, 0, Some("floor"), &request);
        connection.write(&mut frame)?;
        let metadata: MetadataResponse = connection.receive::<MetadataRequest, _>(METADATA_VERSION)?;
        let topic = metadata.topics.first().filter(|topic| topic.error_code.is_none());
        let topic = topic.ok_or_else(|| format!("{first} has no topic {}", task.topic))?;
        let mut connections = Vec::new();
        let mut brokers = Vec::new();
        let mut partitions: Vec<(i32, usize)> = Vec::new();
        for partition in &topic.partitions {
            let leader = partition.leader_id;
            let at = match brokers.iter().position(|&broker| broker == leader) {
                Some(at) => at,
                None => {
                    let broker = metadata.brokers.iter().find(|broker| broker.node_id == leader);
                    let broker = broker.ok_or_else(|| {
                        format!("{}-{} has no leader", task.topic, partition.partition_index)
                    })?;
                    connections.push(Connection::open(&format!("{}:{}", broker.host, broker.port))?);
                    brokers.push(leader);
                    brokers.len() - 1
                }
            };
            partitions.push((partition.partition_index, at));
        }
        partitions.sort_unstable();
        Ok(Self {
            topic: task.topic.as_str().into(),
            compression: task.workload.codec.parse().map_err(|error| format!("{error}"))?,
            connections,
            leaders: partitions.into_iter().map(|(_, at)| at).collect(),
            in_flight: task.workload.in_flight.unwrap_or(IN_FLIGHT).max(1) as usize,
            batch_bytes: task.workload.batch_bytes.unwrap_or(BATCH_BYTES) as usize,
            buffer: Vec::new(),
            scratch: Scratch::new(),
            frame,
            acknowledged: 0,
            task,
        })
    }

    fn throughput(&mut self) -> Result<Measured, String> {
        let time = self.task.workload.time();
        self.acknowledged = 0;
        let watch = Stopwatch::start();
        let mut records = 0;
        let mut partition = 0;
        while watch.started.elapsed() < time {
            records += self.send_batch(partition, records, u64::MAX)?;
            partition = (partition + 1) % self.leaders.len();
        }
        for at in 0..self.connections.len() {
            self.await_responses(at, 0)?;
        }
        Ok(watch.stop(records, self.acknowledged, None))
    }

    fn idle(&mut self) -> Result<Measured, String> {
        let mut latencies = Latencies::default();
        self.acknowledged = 0;
        let watch = Stopwatch::start();
        let mut records = 0;
        while watch.started.elapsed() < self.task.workload.time() {
            let called = Instant::now();
            self.send_one(records)?;
            latencies.record(called.elapsed());
            records += 1;
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(watch.stop(records, self.acknowledged, Some(latencies)))
    }

    fn send_one(&mut self, index: u64) -> Result<(), String> {
        self.send_batch(0, index, 1)?;
        self.await_responses(self.leaders[0], 0)
    }

    /// Sends a batch of at most `count_max` records from `index` on. Returns the number of records.
    fn send_batch(&mut self, partition: usize, index: u64, count_max: u64) -> Result<u64, String> {
        let since_epoch = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let timestamp = since_epoch.as_millis() as i64;
        let mut batch = BatchBuilder::new(std::mem::take(&mut self.buffer));
        let mut count = 0;
        while count < count_max {
            let record = Record {
                value: Some(self.task.records.value(index + count)),
                ..Default::default()
            };
            let size = batch.next_size(&record, timestamp);
            if count > 0 && HEADER_SIZE + batch.len() + size > self.batch_bytes {
                break;
            }
            batch.append_sized(&record, timestamp, size);
            count += 1;
        }
        let encoded = batch.close().encode(self.compression, &mut self.scratch);
        let header = Some(encoded.header(Stamp::NONE, false));
        let body = Bytes::from(encoded.body);
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: 30_000,
            topic_data: vec![TopicProduceData {
                name: Str::clone(&self.topic),
                partition_data: vec![PartitionProduceData {
                    index: partition as i32,
                    records: Some(RecordSet {
                        header,
                        body: body.clone(),
                    }),
                }],
            }],
            ..Default::default()
        };
        let at = self.leaders[partition];
        self.await_responses(at, self.in_flight - 1)?;
        encode_request(&mut self.frame, PRODUCE_VERSION, 0, Some("floor"), &request);
        self.connections[at].write(&mut self.frame)?;
        self.connections[at].in_flight.push_back(count);
        drop(request);
        // The next batch reuses this buffer. No other reference exists, so nothing is copied.
        self.buffer = if encoded.raw.capacity() > 0 {
            encoded.raw
        } else {
            body.into()
        };
        Ok(count)
    }

    /// Reads responses until at most `left` requests are in flight.
    fn await_responses(&mut self, at: usize, left: usize) -> Result<(), String> {
        let connection = &mut self.connections[at];
        while connection.in_flight.len() > left {
            let answer: ProduceResponse = connection.receive::<ProduceRequest, _>(PRODUCE_VERSION)?;
            let mut outcomes = answer
                .responses
                .iter()
                .flat_map(|topic| &topic.partition_responses);
            match outcomes.next() {
                Some(outcome) if outcome.error_code.is_none() => {}
                other => return Err(format!("a batch was refused: {other:?}")),
            }
            self.acknowledged += connection.in_flight.pop_front().unwrap_or(0);
        }
        Ok(())
    }
}

/// A blocking connection, and the number of records of each request in flight.
struct Connection {
    stream: TcpStream,
    decoder: FrameDecoder,
    scratch: Vec<u8>,
    in_flight: std::collections::VecDeque<u64>,
}

impl Connection {
    fn open(address: &str) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{address}: {error}");
        let stream = TcpStream::connect(address).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let decoder = FrameDecoder::new(RESPONSE_SIZE_MAX);
        Ok(Self {
            stream,
            decoder,
            scratch: vec![0; 64 * 1024],
            in_flight: Default::default(),
        })
    }

    /// Writes a frame and clears it.
    fn write(&mut self, frame: &mut Scatter) -> Result<(), String> {
        while frame.has_remaining() {
            let mut slices = [std::io::IoSlice::new(&[]); 8];
            let count = frame.chunks_vectored(&mut slices);
            let written = self
                .stream
                .write_vectored(&slices[..count])
                .map_err(|error| error.to_string())?;
            if written == 0 {
                return Err("the broker takes no more bytes".into());
            }
            frame.advance(written);
        }
        frame.clear();
        Ok(())
    }

    fn receive<Q: Request, R: Message>(&mut self, version: i16) -> Result<R, String> {
        loop {
            if let Some(frame) = self.decoder.next_frame().map_err(|error| error.to_string())? {
                let mut reader = Reader::new(&frame);
                ResponseHeader::decode(&mut reader, Q::KEY, version).map_err(|error| error.to_string())?;
                return R::decode(&mut reader, version).map_err(|error| error.to_string());
            }
            let count = self
                .stream
                .read(&mut self.scratch)
                .map_err(|error| error.to_string())?;
            if count == 0 {
                return Err("the broker has closed the connection".into());
            }
            self.decoder.buffer().extend_from_slice(&self.scratch[..count]);
        }
    }
}
