//! Fetch: whole batches below the high watermark, at once or when enough are there.

use std::time::{Duration, Instant};

use linger_protocol::ErrorCode;
use linger_protocol::messages::{
    EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, LeaderIdAndEpoch, PartitionData,
};

use super::refusal::{fetch_refusal, refused_fetch};
use crate::ClusterModel;
use crate::fetch_sessions::{Member, SESSION_IDS};
use crate::inflight_request::{Poll, Stage, Task, Waits, Work};
use crate::partition::Partition;
use crate::progress::Next;
use crate::topics::PartitionKey;

const READ_UNCOMMITTED: i8 = 0;
const READ_COMMITTED: i8 = 1;

/// What a fetch has read so far.
struct Reading {
    /// One for each partition of the fetch.
    read: Vec<PartitionData>,
    bytes: usize,
    bytes_left: i32,
    /// An error of a partition that exists is answered at once.
    has_failed: bool,
}

impl ClusterModel {
    /// Answers a fetch, or has it wait.
    pub(super) fn fetch(
        &mut self,
        begun: Result<Poll, FetchResponse>,
        work: &mut Work,
        now: Instant,
    ) -> Next {
        let poll = match begun {
            Ok(poll) => poll,
            Err(refusal) => return answer_with(work, refusal),
        };
        let reading = self.read(&poll, work.broker);
        let is_enough = reading.bytes as i64 >= i64::from(poll.min_bytes);
        let is_any_there = poll.keys.iter().any(Option::is_some);
        if reading.has_failed || is_enough || !is_any_there || now >= poll.until {
            self.stop_waiting(work);
            let sessions = &mut self.nodes[work.broker as usize].fetch_sessions;
            let response = sessions.answer(poll.context, poll.members, reading.read, &mut self.rng, now);
            return answer_with(work, response);
        }
        for &key in poll.keys.iter().flatten() {
            let awaited = &mut self.partition_mut(key).records_awaited;
            if !awaited.contains(&work.id) {
                awaited.push(work.id);
            }
        }
        let until = Some(poll.until);
        work.poll = Some(poll);
        Next::Wait {
            until,
            waits: Waits::Records,
        }
    }

    /// Finds out what is asked for, which a session may know better than the request.
    pub(super) fn begin_poll(
        &mut self,
        request: &FetchRequest,
        broker: i32,
        now: Instant,
    ) -> Result<Poll, FetchResponse> {
        if !SESSION_IDS.contains(&request.session_id) {
            return Err(refused_fetch(request, ErrorCode::UNKNOWN_SERVER_ERROR));
        }
        let sessions = &mut self.nodes[broker as usize].fetch_sessions;
        let begun = sessions.begin(request, now);
        let (context, members) = begun.map_err(|error_code| FetchResponse {
            error_code,
            ..FetchResponse::default()
        })?;
        let key_of = |member: &Member| self.topics.partition(&member.topic, member.asked.partition);
        let keys: Vec<Option<PartitionKey>> = members.iter().map(key_of).collect();
        let is_isolation_known = matches!(request.isolation_level, READ_UNCOMMITTED | READ_COMMITTED);
        if !is_isolation_known && keys.iter().any(Option::is_some) {
            return Err(refused_fetch(request, ErrorCode::UNKNOWN_SERVER_ERROR));
        }
        let wait = Duration::from_millis(request.max_wait_ms.max(0) as u64);
        Ok(Poll {
            until: now + wait,
            min_bytes: request.min_bytes,
            max_bytes: request.max_bytes,
            isolation_level: request.isolation_level,
            context,
            members,
            keys,
        })
    }

    fn read(&self, poll: &Poll, broker: i32) -> Reading {
        let mut reading = Reading {
            read: Vec::with_capacity(poll.members.len()),
            bytes: 0,
            bytes_left: poll.max_bytes,
            has_failed: false,
        };
        for (Member { asked, .. }, key) in poll.members.iter().zip(&poll.keys) {
            let data = match *key {
                Some(key) => self.read_partition(key, asked, poll.isolation_level, broker, &mut reading),
                // Others are waited for all the same.
                None => fetch_refusal(asked.partition, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            };
            reading.read.push(data);
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
    ) -> PartitionData {
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
            return refusal;
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
            return data;
        }
        let is_first = reading.bytes == 0;
        let limit = asked.partition_max_bytes.min(reading.bytes_left).max(0) as usize;
        let slice = partition
            .log
            .read(asked.fetch_offset, high_watermark, limit, is_first);
        reading.bytes += slice.bytes();
        reading.bytes_left = reading.bytes_left.saturating_sub(slice.bytes() as i32).max(0);
        data.records = Some(slice.to_record_set());
        data
    }
}

fn answer_with(work: &mut Work, response: FetchResponse) -> Next {
    work.task = Task::Answer(Some(response.into()));
    work.stage = Stage::Replying;
    Next::Go
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
