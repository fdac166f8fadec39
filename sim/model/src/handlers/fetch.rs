//! Fetch: whole batches below the high watermark, at once or when there are enough of them.

use std::time::{Duration, Instant};

use linger_protocol::messages::{
    EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch,
    PartitionData,
};
use linger_protocol::{ErrorCode, RecordSet};

use super::handler::{Answer, Handler, Next, Outcome, Step};
use crate::cx::Cx;
use crate::fetch_members::Member;
use crate::fetch_sessions::{FetchContext, SESSION_IDS};
use crate::ids::PartitionKey;
use crate::partition::Partition;

const READ_UNCOMMITTED: i8 = 0;
const READ_COMMITTED: i8 = 1;

pub(crate) struct Fetch;

impl Handler for Fetch {
    type Request = FetchRequest;
    type Response = FetchResponse;
    type Task = FetchWait;

    fn start(cx: &mut Cx<'_>, request: FetchRequest) -> Outcome<Self> {
        match FetchWait::new(cx, &request) {
            Ok(wait) => Outcome::Wait(wait),
            Err(refusal) => Outcome::Answer(refusal),
        }
    }

    fn refuse(request: FetchRequest, code: ErrorCode) -> Answer<FetchResponse> {
        Answer::Response(refused(&request, code))
    }

    fn overwrite(response: &mut FetchResponse, code: ErrorCode) {
        response.error_code = code;
        let partitions = response
            .responses
            .iter_mut()
            .flat_map(|topic| &mut topic.partitions);
        partitions.for_each(|partition| *partition = refused_partition(partition.partition_index, code));
    }

    fn throttle_time_ms(response: &mut FetchResponse) -> &mut i32 {
        &mut response.throttle_time_ms
    }
}

/// A fetch request that reads until there is enough, or its time is up.
#[derive(Debug)]
pub(crate) struct FetchWait {
    until: Instant,
    min_bytes: i32,
    max_bytes: i32,
    isolation_level: i8,
    context: FetchContext,
    members: Vec<Member>,
    /// The partitions as they were when the request came; `None` if there was no such partition.
    keys: Vec<Option<PartitionKey>>,
}

impl FetchWait {
    /// Finds out what is asked for: a session may know more than the request says.
    fn new(cx: &mut Cx<'_>, request: &FetchRequest) -> Result<Self, FetchResponse> {
        if !SESSION_IDS.contains(&request.session_id) {
            return Err(refused(request, ErrorCode::UNKNOWN_SERVER_ERROR));
        }
        let sessions = &mut cx.brokers[cx.request.broker].fetch_sessions;
        let begun = sessions.begin(request, cx.now);
        let (context, members) = begun.map_err(|error_code| FetchResponse {
            error_code,
            ..FetchResponse::default()
        })?;
        let key_of = |member: &Member| cx.topics.partition(&member.topic, member.asked.partition);
        let keys: Vec<Option<PartitionKey>> = members.iter().map(key_of).collect();
        let is_isolation_known = matches!(request.isolation_level, READ_UNCOMMITTED | READ_COMMITTED);
        if !is_isolation_known && keys.iter().any(Option::is_some) {
            return Err(refused(request, ErrorCode::UNKNOWN_SERVER_ERROR));
        }
        let wait = Duration::from_millis(request.max_wait_ms.max(0) as u64);
        Ok(Self {
            until: cx.now + wait,
            min_bytes: request.min_bytes,
            max_bytes: request.max_bytes,
            isolation_level: request.isolation_level,
            context,
            members,
            keys,
        })
    }

    fn stop_waiting(&self, cx: &mut Cx<'_>) {
        for &key in self.keys.iter().flatten() {
            cx.partitions[key].stop_waiting(cx.request.id);
        }
    }

    fn read(&self, cx: &Cx<'_>) -> Reading {
        let mut reading = Reading {
            read: Vec::with_capacity(self.members.len()),
            bytes: 0,
            bytes_left: self.max_bytes,
            has_failed: false,
        };
        for (Member { asked, .. }, key) in self.members.iter().zip(&self.keys) {
            let data = match *key {
                Some(key) => {
                    let partition = &cx.partitions[key];
                    reading.read_partition(partition, asked, self.isolation_level, cx.request.broker)
                }
                // The fetch waits for its other partitions all the same.
                None => refused_partition(asked.partition, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            };
            reading.read.push(data);
        }
        reading
    }
}

impl Step<FetchResponse> for FetchWait {
    /// Nobody else wants what a fetch would read.
    const ENDS_WITH_CONNECTION: bool = true;

    fn step(&mut self, cx: &mut Cx<'_>) -> Next<FetchResponse> {
        let reading = self.read(cx);
        let is_enough = reading.bytes as i64 >= i64::from(self.min_bytes);
        let is_any_there = self.keys.iter().any(Option::is_some);
        if reading.has_failed || is_enough || !is_any_there || cx.now >= self.until {
            self.stop_waiting(cx);
            let sessions = &mut cx.brokers[cx.request.broker].fetch_sessions;
            let members = std::mem::take(&mut self.members);
            let response = sessions.answer(self.context, members, reading.read, cx.rng, cx.now);
            return Next::Answer(Answer::Response(response));
        }
        for &key in self.keys.iter().flatten() {
            cx.partitions[key].await_records(cx.request.id);
        }
        Next::Wait {
            until: Some(self.until),
        }
    }

    fn cancel(self, cx: &mut Cx<'_>) {
        self.stop_waiting(cx);
    }
}

/// What a fetch has read so far.
struct Reading {
    /// One for each partition of the fetch.
    read: Vec<PartitionData>,
    bytes: usize,
    bytes_left: i32,
    /// An error of a partition that exists is answered at once.
    has_failed: bool,
}

impl Reading {
    fn read_partition(
        &mut self,
        partition: &Partition,
        asked: &FetchPartition,
        isolation_level: i8,
        broker: i32,
    ) -> PartitionData {
        let replicas = &partition.replicas;
        let last_epoch_end = match asked.last_fetched_epoch {
            ..0 => None,
            epoch => end_of_epoch(partition, epoch),
        };
        let is_epoch_unknown = asked.last_fetched_epoch >= 0 && last_epoch_end.is_none();
        let diverging = last_epoch_end
            .filter(|end| end.epoch < asked.last_fetched_epoch || end.end_offset < asked.fetch_offset);
        let is_out_of_range =
            is_epoch_unknown || diverging.is_none() && !has_offset(partition, asked.fetch_offset);
        let failure = match self.check_leader(partition, asked, broker) {
            None if is_out_of_range => Some(ErrorCode::OFFSET_OUT_OF_RANGE),
            failure => failure,
        };
        if let Some(code) = failure {
            self.has_failed = true;
            return refused_with_leader(partition, asked.partition, code);
        }
        let high_watermark = replicas.high_watermark();
        let mut data = PartitionData {
            partition_index: asked.partition,
            high_watermark,
            last_stable_offset: high_watermark,
            log_start_offset: partition.log.start(),
            aborted_transactions: (isolation_level == READ_COMMITTED).then(Vec::new),
            ..PartitionData::default()
        };
        if let Some(end) = diverging {
            self.has_failed = true;
            data.diverging_epoch = end;
            return data;
        }
        let is_first = self.bytes == 0;
        let limit = asked.partition_max_bytes.min(self.bytes_left).max(0) as usize;
        let slice = partition
            .log
            .read(asked.fetch_offset, high_watermark, limit, is_first);
        self.bytes += slice.bytes();
        self.bytes_left = self.bytes_left.saturating_sub(slice.bytes() as i32).max(0);
        data.records = Some(slice.to_record_set());
        data
    }

    /// Kafka's first checks in its order: epoch, leader, sizes.
    fn check_leader(&self, partition: &Partition, asked: &FetchPartition, broker: i32) -> Option<ErrorCode> {
        let leader_epoch = partition.replicas.leader_epoch();
        // Any negative epoch means that the client knows none.
        let known_epoch = match asked.current_leader_epoch {
            ..0 => leader_epoch,
            epoch => epoch,
        };
        match known_epoch {
            _ if known_epoch > leader_epoch => Some(ErrorCode::UNKNOWN_LEADER_EPOCH),
            _ if known_epoch < leader_epoch => Some(ErrorCode::FENCED_LEADER_EPOCH),
            _ if !partition.is_led_by(broker) => Some(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            _ if asked.partition_max_bytes < 0 || self.bytes_left < 0 && self.bytes == 0 => {
                Some(ErrorCode::UNKNOWN_SERVER_ERROR)
            }
            _ => None,
        }
    }
}

fn has_offset(partition: &Partition, offset: i64) -> bool {
    (partition.log.start()..=partition.log.end()).contains(&offset)
}

/// Where the leader's log left an epoch, or the last epoch before it that the leader knows; `None`
/// for an epoch that is yet to come (KIP-595).
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

/// A fetch whose every partition failed, and that moved its session on.
fn refused(request: &FetchRequest, code: ErrorCode) -> FetchResponse {
    let topics = request.topics.iter().map(|topic| FetchableTopicResponse {
        topic: topic.topic.clone(),
        partitions: topic
            .partitions
            .iter()
            .map(|asked| refused_partition(asked.partition, code))
            .collect(),
    });
    FetchResponse {
        error_code: code,
        session_id: request.session_id,
        responses: topics.collect(),
        ..FetchResponse::default()
    }
}

/// A partition that could not be fetched: every offset is -1, and the records are empty but never
/// null.
fn refused_partition(partition: i32, code: ErrorCode) -> PartitionData {
    PartitionData {
        partition_index: partition,
        error_code: code,
        high_watermark: -1,
        records: Some(RecordSet::default()),
        ..PartitionData::default()
    }
}

/// The same for a partition that exists. The client learns of the leader where that helps.
fn refused_with_leader(partition: &Partition, index: i32, code: ErrorCode) -> PartitionData {
    let mut refused = refused_partition(index, code);
    refused.aborted_transactions = None;
    if matches!(
        code,
        ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH
    ) {
        refused.current_leader = LeaderIdAndEpoch {
            leader_id: partition.replicas.leader().unwrap_or(-1),
            leader_epoch: partition.replicas.leader_epoch(),
        };
    }
    refused
}
