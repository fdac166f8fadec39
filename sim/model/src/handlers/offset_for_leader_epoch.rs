//! OffsetForLeaderEpoch: where the records of a leader epoch end.
//!
//! A consumer asks after a change of leaders. If its position is behind the end of the epoch in
//! which it read, the log has been truncated (KIP-320).

use linger_protocol::ErrorCode;
use linger_protocol::messages::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderPartitionResult, OffsetForLeaderTopicResult,
};

use super::handler::{Answer, Handler, Never, Outcome};
use crate::cx::Cx;
use crate::partition::{NO_LEADER_EPOCH, Partition};

/// In answers: no offset.
const NO_OFFSET: i64 = -1;

pub(crate) struct OffsetForLeaderEpoch;

impl Handler for OffsetForLeaderEpoch {
    type Request = OffsetForLeaderEpochRequest;
    type Response = OffsetForLeaderEpochResponse;
    type Task = Never;

    fn start(cx: &mut Cx<'_>, request: OffsetForLeaderEpochRequest) -> Outcome<Self> {
        Outcome::Answer(answer_each(request, |topic, asked| {
            let found = epoch_end(cx, topic, asked);
            let (leader_epoch, end_offset) = found.unwrap_or((NO_LEADER_EPOCH, NO_OFFSET));
            OffsetForLeaderPartitionResult {
                error_code: found.err().unwrap_or(ErrorCode::NONE),
                partition: asked.partition,
                leader_epoch,
                end_offset,
            }
        }))
    }

    fn refuse(request: OffsetForLeaderEpochRequest, code: ErrorCode) -> Answer<OffsetForLeaderEpochResponse> {
        Answer::Response(answer_each(request, |_, asked| OffsetForLeaderPartitionResult {
            error_code: code,
            partition: asked.partition,
            ..OffsetForLeaderPartitionResult::default()
        }))
    }

    fn overwrite(response: &mut OffsetForLeaderEpochResponse, code: ErrorCode) {
        let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
        partitions.for_each(|partition| {
            *partition = OffsetForLeaderPartitionResult {
                error_code: code,
                partition: partition.partition,
                ..OffsetForLeaderPartitionResult::default()
            };
        });
    }

    fn throttle_time_ms(response: &mut OffsetForLeaderEpochResponse) -> &mut i32 {
        &mut response.throttle_time_ms
    }
}

/// Answers every partition of a request, also those that are listed twice.
fn answer_each(
    request: OffsetForLeaderEpochRequest,
    answer: impl Fn(&str, &OffsetForLeaderPartition) -> OffsetForLeaderPartitionResult,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| answer(&topic.topic, asked));
        OffsetForLeaderTopicResult {
            partitions: partitions.collect(),
            topic: topic.topic,
        }
    });
    OffsetForLeaderEpochResponse {
        topics: topics.collect(),
        ..OffsetForLeaderEpochResponse::default()
    }
}

fn epoch_end(cx: &Cx<'_>, topic: &str, asked: &OffsetForLeaderPartition) -> Result<(i32, i64), ErrorCode> {
    let partition = cx
        .find(topic, asked.partition)
        .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    partition.check_leader(cx.request.broker, asked.current_leader_epoch)?;
    Ok(end_of(partition, asked.leader_epoch))
}

/// The largest epoch of the log up to `epoch`, and where it ends. An epoch before the first one is
/// answered as it was asked.
fn end_of(partition: &Partition, epoch: i32) -> (i32, i64) {
    let current = partition.replicas.leader_epoch();
    if epoch == NO_LEADER_EPOCH || epoch > current {
        return (NO_LEADER_EPOCH, NO_OFFSET);
    }
    if epoch == current {
        return (epoch, partition.log.end());
    }
    let (last, later) = partition.log.around_epoch(epoch);
    let end = later.map_or_else(|| partition.replicas.epoch_start(), |batch| batch.base_offset());
    let found = last.map_or(epoch, |batch| batch.leader_epoch());
    (found, end.max(partition.log.start()))
}
