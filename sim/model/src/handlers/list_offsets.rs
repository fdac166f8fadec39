//! ListOffsets: the ends of a log, and the first record at or after a time.

use std::collections::BTreeMap;

use linger_protocol::messages::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};
use linger_protocol::records::NO_TIMESTAMP;
use linger_protocol::{ErrorCode, Str};

use super::handler::{Answer, Handler, Never, Outcome};
use crate::cx::Cx;
use crate::partition::{NO_LEADER_EPOCH, Partition};

/// Times with a meaning of their own, and the version that brought each.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const MAX_TIMESTAMP_FROM: i16 = 7;
const EARLIEST_LOCAL_FROM: i16 = 8;
const LATEST_TIERED_FROM: i16 = 9;

/// An offset, and the time and leader epoch of the record there.
struct Found {
    timestamp: i64,
    offset: i64,
    leader_epoch: i32,
}

const NOTHING: Found = Found {
    timestamp: NO_TIMESTAMP,
    offset: -1,
    leader_epoch: NO_LEADER_EPOCH,
};

pub(crate) struct ListOffsets;

impl Handler for ListOffsets {
    type Request = ListOffsetsRequest;
    type Response = ListOffsetsResponse;
    type Task = Never;

    fn start(cx: &mut Cx<'_>, request: ListOffsetsRequest) -> Outcome<Self> {
        Outcome::Answer(list_offsets(cx, &request))
    }

    fn refuse(request: ListOffsetsRequest, code: ErrorCode) -> Answer<ListOffsetsResponse> {
        let refused = |partition: ListOffsetsPartition| ListOffsetsPartitionResponse {
            partition_index: partition.partition_index,
            error_code: code,
            ..ListOffsetsPartitionResponse::default()
        };
        let topics = request.topics.into_iter().map(|topic| ListOffsetsTopicResponse {
            name: topic.name,
            partitions: topic.partitions.into_iter().map(refused).collect(),
        });
        Answer::Response(ListOffsetsResponse {
            topics: topics.collect(),
            ..ListOffsetsResponse::default()
        })
    }

    fn overwrite(response: &mut ListOffsetsResponse, code: ErrorCode) {
        let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
        partitions.for_each(|partition| partition.error_code = code);
    }

    fn throttle_time_ms(response: &mut ListOffsetsResponse) -> &mut i32 {
        &mut response.throttle_time_ms
    }
}

/// Answers topics and partitions in the order in which they are first named, each once.
fn list_offsets(cx: &Cx<'_>, request: &ListOffsetsRequest) -> ListOffsetsResponse {
    let mut times_asked: BTreeMap<(&Str, i32), usize> = BTreeMap::new();
    let mut topics: Vec<(&Str, Vec<&ListOffsetsPartition>)> = Vec::with_capacity(request.topics.len());
    let mut places = BTreeMap::new();
    for topic in &request.topics {
        let place = *places.entry(&topic.name).or_insert_with(|| {
            topics.push((&topic.name, Vec::with_capacity(topic.partitions.len())));
            topics.len() - 1
        });
        for asked in &topic.partitions {
            let times = times_asked
                .entry((&topic.name, asked.partition_index))
                .or_default();
            *times += 1;
            if *times == 1 {
                topics[place].1.push(asked);
            }
        }
    }
    let is_isolation_known = matches!(request.isolation_level, 0 | 1);
    let answer = |topic: &Str, asked: &ListOffsetsPartition| {
        let found = match times_asked.get(&(topic, asked.partition_index)) {
            Some(2..) => Err(ErrorCode::INVALID_REQUEST),
            _ if !is_isolation_known => Err(ErrorCode::UNKNOWN_SERVER_ERROR),
            _ => list_offset(cx, topic, asked),
        };
        let error_code = found.as_ref().err().copied().unwrap_or(ErrorCode::NONE);
        let found = found.unwrap_or(NOTHING);
        ListOffsetsPartitionResponse {
            partition_index: asked.partition_index,
            error_code,
            timestamp: found.timestamp,
            offset: found.offset,
            leader_epoch: found.leader_epoch,
        }
    };
    let topics = topics
        .into_iter()
        .map(|(name, partitions)| ListOffsetsTopicResponse {
            name: name.clone(),
            partitions: partitions.into_iter().map(|asked| answer(name, asked)).collect(),
        });
    ListOffsetsResponse {
        topics: topics.collect(),
        ..ListOffsetsResponse::default()
    }
}

fn list_offset(cx: &Cx<'_>, topic: &str, asked: &ListOffsetsPartition) -> Result<Found, ErrorCode> {
    let version = cx.request.version;
    let partition = cx
        .find(topic, asked.partition_index)
        .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    partition.check_leader(cx.request.broker, asked.current_leader_epoch)?;
    let leader_epoch = partition.replicas.leader_epoch();
    let first_epoch = partition
        .log
        .batches()
        .next()
        .map_or(leader_epoch, |batch| batch.leader_epoch());
    let start = Found {
        timestamp: NO_TIMESTAMP,
        offset: partition.log.start(),
        leader_epoch: first_epoch,
    };
    match asked.timestamp {
        LATEST => Ok(Found {
            timestamp: NO_TIMESTAMP,
            offset: partition.replicas.high_watermark(),
            leader_epoch,
        }),
        EARLIEST => Ok(start),
        MAX_TIMESTAMP if version >= MAX_TIMESTAMP_FROM => Ok(newest(partition)),
        EARLIEST_LOCAL if version >= EARLIEST_LOCAL_FROM => Ok(start),
        LATEST_TIERED if version >= LATEST_TIERED_FROM => Ok(NOTHING),
        timestamp if timestamp < 0 => Err(ErrorCode::UNSUPPORTED_VERSION),
        timestamp => Ok(first_since(partition, timestamp)),
    }
}

/// The first record with the largest time.
fn newest(partition: &Partition) -> Found {
    let visible = || {
        let end = partition.replicas.high_watermark();
        partition
            .log
            .batches()
            .take_while(move |batch| batch.last_offset() < end)
    };
    match visible().map(|batch| batch.max_timestamp()).max() {
        Some(largest) => first_since(partition, largest),
        None => NOTHING,
    }
}

/// The first record at or after a time, below the high watermark.
fn first_since(partition: &Partition, timestamp: i64) -> Found {
    let end = partition.replicas.high_watermark();
    let visible = partition
        .log
        .batches()
        .take_while(|batch| batch.last_offset() < end);
    let late_enough = visible.filter(|batch| batch.max_timestamp() >= timestamp);
    for batch in late_enough {
        let is_it = |time: i64, offset: i64| time >= timestamp && offset >= partition.log.start();
        let times = batch.timestamps();
        if let Some((offset, time)) = times.into_iter().find(|&(offset, time)| is_it(time, offset)) {
            return Found {
                timestamp: time,
                offset,
                leader_epoch: batch.leader_epoch(),
            };
        }
    }
    NOTHING
}
