//! Sends pre-built produce requests as fast as a broker takes them, to find the simulator's own
//! ceiling.
//!
//! ```text
//! cargo run --release --bin sim -- serve --brokers 3 --topic replay:8 --port 19092
//! cargo run --release -p linger-sim --example replay -- 127.0.0.1:19092
//! ```
//!
//! Each request is built once and sent again and again, so that this side costs little more than
//! the kernel's copy. One connection per broker, one batch for each partition that the broker
//! leads, no idempotence: the same batch may be appended for ever. The environment changes the
//! defaults: TOPIC=replay SECONDS=5 VALUE=100 BATCH=16384 IN_FLIGHT=5 ACKS=-1 (or 1).

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use linger_protocol::frame::{FrameDecoder, encode_request};
use linger_protocol::header::ResponseHeader;
use linger_protocol::messages::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, PartitionProduceData, ProduceRequest,
    ProduceResponse, TopicProduceData,
};
use linger_protocol::records::{BatchBuilder, Compression, Record, Scratch, Stamp};
use linger_protocol::{ApiKey, Message, Reader, RecordSet, Request};

const PRODUCE_VERSION: i16 = 12;
const METADATA_VERSION: i16 = 12;

type Failure = Box<dyn Error + Send + Sync>;

/// What to send, from the environment.
#[derive(Debug, Clone)]
struct Plan {
    topic: String,
    time: Duration,
    value_size: usize,
    batch_size: usize,
    in_flight: usize,
    acks: i16,
}

/// What one connection achieved.
#[derive(Debug, Default)]
struct Outcome {
    requests: u64,
    records: u64,
    bytes: u64,
    round_trips: Vec<Duration>,
}

fn main() -> Result<(), Failure> {
    let bootstrap = std::env::args().nth(1).ok_or("usage: replay HOST:PORT")?;
    let plan = Plan {
        topic: std::env::var("TOPIC").unwrap_or_else(|_| "replay".to_owned()),
        time: Duration::from_secs_f64(setting("SECONDS", 5.0)?),
        value_size: setting("VALUE", 100)?,
        batch_size: setting("BATCH", 16_384)?,
        in_flight: setting("IN_FLIGHT", 5)?,
        acks: setting("ACKS", -1)?,
    };
    println!("{plan:?}");
    let leaders = leaders(&bootstrap, &plan.topic)?;
    let stop = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    let mut threads = Vec::new();
    for (address, partitions) in leaders {
        println!("{address}: partitions {partitions:?}");
        let (plan, stop) = (plan.clone(), Arc::clone(&stop));
        threads.push(std::thread::spawn(move || {
            replay(&address, &partitions, &plan, &stop).map_err(|error| format!("{address}: {error}"))
        }));
    }
    std::thread::sleep(plan.time);
    stop.store(true, Ordering::Relaxed);
    let mut total = Outcome::default();
    for thread in threads {
        let outcome = thread
            .join()
            .map_err(|_| "a connection's thread has panicked")??;
        total.requests += outcome.requests;
        total.records += outcome.records;
        total.bytes += outcome.bytes;
        total.round_trips.extend(outcome.round_trips);
    }
    report(total, started.elapsed());
    Ok(())
}

fn setting<T: std::str::FromStr>(name: &str, default: T) -> Result<T, String> {
    let Ok(text) = std::env::var(name) else {
        return Ok(default);
    };
    text.parse()
        .map_err(|_| format!("{name}={text} is not a number that fits"))
}

fn report(mut total: Outcome, took: Duration) {
    let seconds = took.as_secs_f64();
    total.round_trips.sort_unstable();
    let percentile = |percent: usize| {
        let index = total.round_trips.len() * percent / 100;
        total.round_trips.get(index).copied().unwrap_or_default()
    };
    println!(
        "{:.2} M records/s, {:.0} MB/s, {:.0} requests/s; answers after p50 {:?} p99 {:?}",
        total.records as f64 / seconds / 1e6,
        total.bytes as f64 / seconds / 1e6,
        total.requests as f64 / seconds,
        percentile(50),
        percentile(99),
    );
}

/// Asks who leads the topic's partitions; creates the topic if the broker does so for unknown ones.
fn leaders(bootstrap: &str, topic: &str) -> Result<BTreeMap<String, Vec<i32>>, Failure> {
    let mut peer = Peer::connect(bootstrap)?;
    for _ in 0..50 {
        let request = MetadataRequest {
            topics: Some(vec![MetadataRequestTopic {
                name: Some(topic.into()),
                ..Default::default()
            }]),
            allow_auto_topic_creation: true,
            ..Default::default()
        };
        peer.send(&frame(METADATA_VERSION, &request))?;
        let response: MetadataResponse = peer.receive(ApiKey::Metadata, METADATA_VERSION)?;
        let found = response.topics.iter().find(|found| found.error_code.is_none());
        if let Some(found) = found {
            let mut leaders: BTreeMap<String, Vec<i32>> = BTreeMap::new();
            for partition in &found.partitions {
                let broker = response
                    .brokers
                    .iter()
                    .find(|broker| broker.node_id == partition.leader_id);
                let broker = broker.ok_or_else(|| format!("partition {partition:?} has no leader"))?;
                let address = format!("{}:{}", broker.host, broker.port);
                leaders
                    .entry(address)
                    .or_default()
                    .push(partition.partition_index);
            }
            return Ok(leaders);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(format!("no topic {topic:?} at {bootstrap}").into())
}

/// One connection's life: keep so many requests in flight, check every answer.
fn replay(address: &str, partitions: &[i32], plan: &Plan, stop: &AtomicBool) -> Result<Outcome, Failure> {
    let (frame, records) = produce_frame(partitions, plan);
    let mut peer = Peer::connect(address)?;
    let mut sent = VecDeque::new();
    let mut outcome = Outcome::default();
    while !stop.load(Ordering::Relaxed) || !sent.is_empty() {
        if sent.len() < plan.in_flight && !stop.load(Ordering::Relaxed) {
            sent.push_back(Instant::now());
            peer.send(&frame)?;
            continue;
        }
        let response: ProduceResponse = peer.receive(ApiKey::Produce, PRODUCE_VERSION)?;
        let outcomes = response
            .responses
            .iter()
            .flat_map(|topic| &topic.partition_responses);
        if let Some(failed) = outcomes.clone().find(|partition| !partition.error_code.is_none()) {
            return Err(format!("a batch was refused: {failed:?}").into());
        }
        if outcomes.count() != partitions.len() {
            return Err("an answer leaves partitions out".into());
        }
        let begun = sent.pop_front().ok_or("an answer to nothing")?;
        outcome.round_trips.push(begun.elapsed());
        outcome.requests += 1;
        outcome.records += records;
        outcome.bytes += frame.len() as u64;
    }
    Ok(outcome)
}

/// A whole produce request with one batch for each partition, and how many records it carries.
fn produce_frame(partitions: &[i32], plan: &Plan) -> (Vec<u8>, u64) {
    let (batch, count) = batch(plan);
    let partition = |&index: &i32| PartitionProduceData {
        index,
        records: Some(RecordSet::from(batch.clone())),
    };
    let request = ProduceRequest {
        acks: plan.acks,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: plan.topic.as_str().into(),
            partition_data: partitions.iter().map(partition).collect(),
        }],
        ..Default::default()
    };
    (frame(PRODUCE_VERSION, &request), count * partitions.len() as u64)
}

fn batch(plan: &Plan) -> (Bytes, u64) {
    let value: Vec<u8> = (0..plan.value_size)
        .map(|index| b'a' + (index % 26) as u8)
        .collect();
    let record = Record {
        value: Some(&value),
        ..Default::default()
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let timestamp = now.map_or(0, |since| since.as_millis() as i64);
    let mut builder = BatchBuilder::new(Vec::with_capacity(plan.batch_size));
    const HEADER_SIZE: usize = 61;
    while builder.count() == 0
        || HEADER_SIZE + builder.len() + builder.next_size(&record, timestamp) <= plan.batch_size
    {
        builder.append(&record, timestamp);
    }
    let count = u64::from(builder.count());
    let encoded = builder.close().encode(Compression::None, &mut Scratch::default());
    let stamp = Stamp {
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
    };
    let mut bytes = encoded.header(stamp, false).to_vec();
    bytes.extend_from_slice(&encoded.body);
    (bytes.into(), count)
}

fn frame<R: Request>(version: i16, request: &R) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_request(&mut frame, version, 0, Some("replay"), request);
    frame
}

/// A blocking connection to a broker.
struct Peer {
    stream: TcpStream,
    decoder: FrameDecoder,
    scratch: Vec<u8>,
}

impl Peer {
    fn connect(address: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            decoder: FrameDecoder::new(1 << 20),
            scratch: vec![0; 64 * 1024],
        })
    }

    fn send(&mut self, frame: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(frame)
    }

    fn receive<R: Message>(&mut self, api: ApiKey, version: i16) -> Result<R, Failure> {
        loop {
            if let Some(frame) = self.decoder.next_frame()? {
                let mut reader = Reader::new(&frame);
                ResponseHeader::decode(&mut reader, api, version)?;
                return Ok(R::decode(&mut reader, version)?);
            }
            let count = self.stream.read(&mut self.scratch)?;
            if count == 0 {
                return Err("the broker has closed the connection".into());
            }
            self.decoder.buffer().extend_from_slice(&self.scratch[..count]);
        }
    }
}
