//! Fetch: whole batches below the high watermark, at once or when enough are there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use linger_protocol::ErrorCode;
use linger_protocol::messages::{
    EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch,
    PartitionData,
};

use super::refusal::fetch_refusal;
use crate::broker::ClusterModel;
use crate::broker::partition::Partition;
use crate::broker::progress::Next;
use crate::broker::topics::PartitionKey;
use crate::broker::work::{Stage, Task, Waits, Work};

const READ_UNCOMMITTED: i8 = 0;
const READ_COMMITTED: i8 = 1;

/// What a fetch has read so far.
struct Reading {
    response: FetchResponse,
    bytes: usize,
    bytes_left: i32,
    /// An error is answered at once.
    has_failed: bool,
    partitions: Vec<PartitionKey>,
}

impl ClusterModel {
    pub(super) fn fetch(&mut self, request: FetchRequest, work: &mut Work, now: Instant) -> Next {
        let reading = self.read(&request, work.broker);
        let wait = Duration::from_millis(request.max_wait_ms.max(0) as u64);
        let until = *work.poll_until.get_or_insert(now + wait);
        let is_enough = reading.bytes as i64 >= i64::from(request.min_bytes);
        if reading.has_failed || is_enough || reading.partitions.is_empty() || now >= until {
            self.stop_waiting(work);
            work.task = Task::Answer(Some(reading.response.into()));
            work.stage = Stage::Replying;
            return Next::Go;
        }
        for key in reading.partitions {
            let awaited = &mut self.partition_mut(key).records_awaited;
            if !awaited.contains(&work.id) {
                awaited.push(work.id);
            }
        }
        Next::Wait {
            until: Some(until),
            waits: Waits::Records,
        }
    }

    fn read(&self, request: &FetchRequest, broker: i32) -> Reading {
        let mut reading = Reading {
            response: FetchResponse::default(),
            bytes: 0,
            bytes_left: request.max_bytes,
            has_failed: false,
            partitions: Vec::new(),
        };
        // There are no sessions: asking for a full fetch gets one, and continuing an old session does not.
        if request.session_epoch > 0 {
            reading.response.error_code = ErrorCode::FETCH_SESSION_ID_NOT_FOUND;
            reading.has_failed = true;
            return reading;
        }
        let is_isolation_known = matches!(request.isolation_level, READ_UNCOMMITTED | READ_COMMITTED);
        if !is_isolation_known {
            reading.response.error_code = ErrorCode::UNKNOWN_SERVER_ERROR;
        }
        let mut asked_last = asked_last(request);
        for topic in &request.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for asked in &topic.partitions {
                let Some(asked) = asked_last.remove(&(&*topic.topic, asked.partition)) else {
                    continue;
                };
                let read = match self.topics.partition(&topic.topic, asked.partition) {
                    _ if !is_isolation_known => Err(ErrorCode::UNKNOWN_SERVER_ERROR),
                    None => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
                    Some(key) => {
                        reading.partitions.push(key);
                        self.read_partition(key, asked, request.isolation_level, broker, &mut reading)
                    }
                };
                partitions.push(read.unwrap_or_else(|code| {
                    reading.has_failed = true;
                    fetch_refusal(asked.partition, code)
                }));
            }
            let known = reading
                .response
                .responses
                .iter_mut()
                .find(|known| known.topic == topic.topic);
            match known {
                Some(known) => known.partitions.append(&mut partitions),
                None => reading.response.responses.push(FetchableTopicResponse {
                    topic: topic.topic.clone(),
                    partitions,
                }),
            }
        }
        reading
    }

    fn read_partition(
        &self,
        key: PartitionKey,
        asked: &FetchPartition,
        isolation_level: i8,
        broker: i32,
        reading: &mut Reading,
    ) -> Result<PartitionData, ErrorCode> {
        let partition = self.partition(key);
        let replicas = &partition.replicas;
        let leader_epoch = replicas.leader_epoch();
        // Any negative epoch means that the client knows none.
        let known_epoch = if asked.current_leader_epoch < 0 {
            leader_epoch
        } else {
            asked.current_leader_epoch
        };
        let last_epoch_end = match asked.last_fetched_epoch {
            ..0 => None,
            epoch => end_of_epoch(partition, epoch),
        };
        let is_last_epoch_unknown = asked.last_fetched_epoch >= 0 && last_epoch_end.is_none();
        let diverging = last_epoch_end
            .filter(|end| end.epoch < asked.last_fetched_epoch || end.end_offset < asked.fetch_offset);
        let failure = match asked.fetch_offset {
            _ if known_epoch > leader_epoch => Some(ErrorCode::UNKNOWN_LEADER_EPOCH),
            _ if known_epoch < leader_epoch => Some(ErrorCode::FENCED_LEADER_EPOCH),
            _ if !partition.is_led_by(broker) => Some(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            _ if asked.partition_max_bytes < 0 || reading.bytes_left < 0 && reading.bytes == 0 => {
                Some(ErrorCode::UNKNOWN_SERVER_ERROR)
            }
            _ if is_last_epoch_unknown => Some(ErrorCode::OFFSET_OUT_OF_RANGE),
            _ if diverging.is_some() => None,
            offset if !(partition.log.start()..=partition.log.end()).contains(&offset) => {
                Some(ErrorCode::OFFSET_OUT_OF_RANGE)
            }
            _ => None,
        };
        let high_watermark = replicas.high_watermark();
        if let Some(code) = failure {
            reading.has_failed = true;
            let mut refusal = fetch_refusal(asked.partition, code);
            refusal.aborted_transactions = None;
            if matches!(
                code,
                ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH
            ) {
                let leader_id = replicas.leader().unwrap_or(-1);
                refusal.current_leader = LeaderIdAndEpoch {
                    leader_id,
                    leader_epoch,
                };
            }
            return Ok(refusal);
        }
        let mut data = PartitionData {
            partition_index: asked.partition,
            high_watermark,
            last_stable_offset: high_watermark,
            log_start_offset: partition.log.start(),
            aborted_transactions: (isolation_level == READ_COMMITTED).then(Vec::new),
            ..PartitionData::default()
        };
        if let Some(end) = diverging {
            reading.has_failed = true;
            data.diverging_epoch = end;
            return Ok(data);
        }
        let is_first = reading.bytes == 0;
        let limit = asked.partition_max_bytes.min(reading.bytes_left).max(0) as usize;
        let slice = partition
            .log
            .read(asked.fetch_offset, high_watermark, limit, is_first);
        reading.bytes += slice.bytes();
        reading.bytes_left = reading.bytes_left.saturating_sub(slice.bytes() as i32).max(0);
        data.records = Some(slice.to_record_set());
        Ok(data)
    }
}

/// What is asked of each partition: if it is listed more than once, by the last entry.
fn asked_last(request: &FetchRequest) -> BTreeMap<(&str, i32), &FetchPartition> {
    let topics = request.topics.iter();
    let partitions = topics.flat_map(|topic| {
        let partitions = topic.partitions.iter();
        partitions.map(|asked| ((&*topic.topic, asked.partition), asked))
    });
    partitions.collect()
}

/// Where the leader's log left an epoch, or the last before it that it knows; `None` for one that is yet to come (KIP-595).
fn end_of_epoch(partition: &Partition, epoch: i32) -> Option<EpochEndOffset> {
    let leader_epoch = partition.replicas.leader_epoch();
    if epoch >= leader_epoch {
        let end_offset = partition.log.end();
        return (epoch == leader_epoch).then_some(EpochEndOffset { epoch, end_offset });
    }
    let batches = partition.log.batches();
    let epochs = batches.clone().map(|batch| batch.leader_epoch());
    let known = epochs.filter(|known| *known <= epoch).max().unwrap_or(epoch);
    let behind = batches.clone().find(|batch| batch.leader_epoch() > known);
    let end_offset = behind.map_or_else(|| partition.replicas.epoch_start(), |batch| batch.base_offset());
    Some(EpochEndOffset {
        epoch: known,
        end_offset,
    })
}
