//! Acknowledges produce requests without reading their batches, and stores nothing.
//!
//! The blackhole is for measuring clients: it costs little more than reading the socket, so that a
//! client meets its own limits and not the simulator's. Everything is still counted. The blackhole
//! neither checks, replicates nor stores, knows no leaders, and asks no fault rules. Requests of
//! every other API are handled by the model.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use linger_protocol::frame::encode_response;
use linger_protocol::header::RequestHeader;
use linger_protocol::messages::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use linger_protocol::{ApiKey, ErrorCode, Message, Reader, Str};
use linger_sim_model::BatchCounts;
use linger_sim_model::latency::Latency;
use linger_sim_model::rng::Rng;

/// So many partitions at most are given offsets of their own. The other partitions are answered
/// offset 0.
const PARTITIONS_MAX: usize = 100_000;

/// Where a batch header holds the number of its records.
const RECORD_COUNT_AT: usize = 57;

/// The blackhole of a cluster: the next offset of each partition, and how long an ack takes.
pub(crate) struct Blackhole {
    offsets: Mutex<HashMap<(Str, i32), i64>>,
    ack_latency: Latency,
    rng: Mutex<Rng>,
    started: Instant,
}

/// A produce request that was acknowledged and dropped.
pub(crate) struct Swallowed {
    pub(crate) produced: BatchCounts,
    /// How long the answer is held back.
    pub(crate) delay: Duration,
    /// The whole answer; `None` for `acks=0`.
    pub(crate) answer: Option<Bytes>,
}

impl Blackhole {
    pub(crate) fn new(ack_latency: Latency, rng: Rng, started: Instant) -> Self {
        Self {
            offsets: Mutex::new(HashMap::new()),
            ack_latency,
            rng: Mutex::new(rng),
            started,
        }
    }

    /// Acknowledges a produce request; `None` if the request cannot be read.
    pub(crate) fn swallow(&self, frame: &Bytes) -> Option<Swallowed> {
        let mut reader = Reader::new(frame);
        let header = RequestHeader::decode(&mut reader).ok()?;
        if !ApiKey::Produce.versions().contains(&header.api_version) {
            return None;
        }
        let request = ProduceRequest::decode(&mut reader, header.api_version).ok()?;
        let acks = request.acks;
        let mut produced = BatchCounts::default();
        let response = self.respond(request, &mut produced);
        if acks == 0 {
            return Some(Swallowed {
                produced,
                delay: Duration::ZERO,
                answer: None,
            });
        }
        let mut answer = Vec::with_capacity(512);
        encode_response(
            &mut answer,
            ApiKey::Produce,
            header.api_version,
            header.correlation_id,
            &response,
        );
        Some(Swallowed {
            produced,
            delay: self.draw_delay(),
            answer: Some(answer.into()),
        })
    }

    fn respond(&self, request: ProduceRequest, produced: &mut BatchCounts) -> ProduceResponse {
        let mut offsets = self.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        let responses = request.topic_data.into_iter().map(|topic| TopicProduceResponse {
            partition_responses: topic
                .partition_data
                .into_iter()
                .map(|partition| respond_to(&mut offsets, &topic.name, &partition, produced))
                .collect(),
            name: topic.name,
        });
        ProduceResponse {
            responses: responses.collect(),
            ..ProduceResponse::default()
        }
    }

    fn draw_delay(&self) -> Duration {
        if self.ack_latency.is_zero() {
            return Duration::ZERO;
        }
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        self.ack_latency.sample(self.started.elapsed(), &mut rng)
    }
}

fn respond_to(
    offsets: &mut HashMap<(Str, i32), i64>,
    topic: &Str,
    partition: &PartitionProduceData,
    produced: &mut BatchCounts,
) -> PartitionProduceResponse {
    let count = partition.records.as_ref().and_then(|records| {
        let count = records.body.get(RECORD_COUNT_AT..)?.first_chunk()?;
        u32::try_from(i32::from_be_bytes(*count)).ok()
    });
    let Some(count) = count else {
        // There is no batch header, so nothing can be counted. Only this is refused.
        return PartitionProduceResponse {
            index: partition.index,
            error_code: ErrorCode::INVALID_RECORD,
            base_offset: -1,
            ..PartitionProduceResponse::default()
        };
    };
    produced.batches += 1;
    produced.records += u64::from(count);
    produced.batch_bytes += partition
        .records
        .as_ref()
        .map_or(0, |records| records.len() as u64);
    PartitionProduceResponse {
        index: partition.index,
        base_offset: advance(offsets, topic, partition.index, i64::from(count)),
        log_append_time_ms: -1,
        log_start_offset: 0,
        ..PartitionProduceResponse::default()
    }
}

/// Returns the partition's next offset, and advances it by `count`.
fn advance(offsets: &mut HashMap<(Str, i32), i64>, topic: &Str, partition: i32, count: i64) -> i64 {
    let known = offsets.len();
    let key = (Str::clone(topic), partition);
    match offsets.get_mut(&key) {
        Some(next) => {
            let base = *next;
            *next = base.wrapping_add(count);
            base
        }
        None => {
            if known < PARTITIONS_MAX {
                offsets.insert(key, count);
            }
            0
        }
    }
}
