//! Produce: append each partition's batch independently, wait for followers if asked to, answer when all are decided.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use linger_protocol::messages::{
    LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use linger_protocol::records::{NO_TIMESTAMP, TRANSACTIONAL_BIT, TimestampType};
use linger_protocol::{ErrorCode, Str};

use crate::history::{BatchOrigin, Observation};
use crate::inflight_request::{ProduceTask, Slot, SlotState, Stage, Task, Waits, Work};
use crate::membership::NodeState;
use crate::parsed_frame::{Batch, Produce, ProducePartition};
use crate::producer_state::{Judgement, ProducerStamp};
use crate::progress::Next;
use crate::topics::PartitionKey;
use crate::validate::{Refusal, validate};
use crate::{Close, ClusterModel};

const ACKS_ALL: i16 = -1;
const ACKS_NONE: i16 = 0;
const ACKS_LEADER: i16 = 1;

impl ProduceTask {
    /// Lays out one slot per partition. Of a partition listed twice the last batch counts, as in Kafka, which keeps
    /// them in a map.
    pub(crate) fn new(request: Produce) -> Self {
        let mut slots: Vec<Slot> = Vec::new();
        let mut places = BTreeMap::new();
        let is_single = request.topics.len() == 1 && request.topics[0].partitions.len() == 1;
        let refused = refuse_transactions(&request);
        for topic in request.topics {
            for partition in topic.partitions {
                let mut slot = Slot::new(&topic.name, partition);
                if let Some(code) = refused {
                    slot.refuse(code);
                }
                if is_single {
                    slots.push(slot);
                    continue;
                }
                let place = *places
                    .entry((topic.name.clone(), slot.response.index))
                    .or_insert(slots.len());
                match slots.get_mut(place) {
                    Some(earlier) => *earlier = slot,
                    None => slots.push(slot),
                }
            }
        }
        Self {
            acks: request.acks,
            timeout: Duration::from_millis(request.timeout_ms.max(0) as u64),
            slots,
            wait_until: None,
        }
    }

    fn has_failed(&self) -> bool {
        self.slots
            .iter()
            .any(|slot| slot.response.error_code != ErrorCode::NONE)
    }
}

/// There are no transactions here. A batch that claims to be part of one is refused as by a broker that does not know its
/// producer, except without a producer id: Kafka stores that like any other.
fn refuse_transactions(request: &Produce) -> Option<ErrorCode> {
    let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    let batches = partitions.flat_map(|partition| partition.batch.as_ref());
    let mut transactional = batches
        .filter(|batch| batch.header.attributes & TRANSACTIONAL_BIT != 0)
        .peekable();
    transactional.peek()?;
    if request.transactional_id.is_none() {
        return Some(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    }
    let has_producer = transactional.any(|batch| batch.header.producer_id >= 0);
    has_producer.then_some(ErrorCode::INVALID_PRODUCER_ID_MAPPING)
}

impl Slot {
    fn new(topic: &Str, partition: ProducePartition) -> Self {
        let response = PartitionProduceResponse {
            index: partition.index,
            base_offset: -1,
            ..PartitionProduceResponse::default()
        };
        Self {
            topic: topic.clone(),
            key: None,
            batch: Some(partition.batch),
            response,
            state: SlotState::Open,
            is_in_log: false,
        }
    }

    pub(crate) fn refuse(&mut self, code: ErrorCode) {
        self.response.error_code = code;
        self.state = SlotState::Decided;
    }

    fn refuse_with(&mut self, refusal: Refusal, log_start: i64) {
        self.refuse(refusal.code);
        self.response.record_errors = refusal.record_errors;
        self.response.error_message = refusal.message;
        // Kafka names the log start for every failure of the append itself but these.
        let is_unknown = matches!(
            refusal.code,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                | ErrorCode::NOT_LEADER_OR_FOLLOWER
                | ErrorCode::MESSAGE_TOO_LARGE
                | ErrorCode::RECORD_LIST_TOO_LARGE
                | ErrorCode::CORRUPT_MESSAGE
                | ErrorCode::KAFKA_STORAGE_ERROR
        );
        self.response.log_start_offset = if is_unknown { -1 } else { log_start };
    }
}

impl ClusterModel {
    /// Checks and appends the batch of every slot that is still open.
    pub(crate) fn append_slots(&mut self, work: &mut Work, now: Instant) {
        let Task::Produce(mut task) = std::mem::replace(&mut work.task, Task::Answer(None)) else {
            return;
        };
        for slot in &mut task.slots {
            let header = slot
                .batch
                .as_ref()
                .and_then(|batch| batch.as_ref().ok())
                .map(|batch| batch.header);
            if slot.state == SlotState::Open {
                self.append_slot(slot, task.acks, work, now);
            }
            slot.batch = None;
            if slot.response.error_code != ErrorCode::NONE {
                let code = slot.response.error_code;
                let (topic, partition) = (slot.topic.clone(), slot.response.index);
                self.history.note(|| Observation::Rejected {
                    origin: BatchOrigin {
                        c: work.c,
                        correlation_id: work.correlation_id,
                        broker: work.broker,
                        topic,
                        partition,
                        producer_id: header.map_or(-1, |header| header.producer_id),
                        epoch: header.map_or(-1, |header| header.producer_epoch),
                        base_sequence: header.map_or(-1, |header| header.base_sequence),
                        count: header.map_or(-1, |header| header.count),
                    },
                    code,
                });
            }
        }
        work.task = Task::Produce(task);
    }

    fn append_slot(&mut self, slot: &mut Slot, acks: i16, work: &Work, now: Instant) {
        let Some(key) = self.topics.partition(&slot.topic, slot.response.index) else {
            return slot.refuse(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        };
        slot.key = Some(key);
        let batch = match slot.batch.take() {
            Some(Ok(batch)) => batch,
            Some(Err(defect)) => {
                slot.response.error_message = defect.is_told.then(|| defect.why.into());
                return slot.refuse(defect.code);
            }
            None => return slot.refuse(ErrorCode::INVALID_RECORD),
        };
        if !matches!(acks, ACKS_ALL | ACKS_NONE | ACKS_LEADER) {
            return slot.refuse(ErrorCode::INVALID_REQUIRED_ACKS);
        }
        if let Err(refusal) = self.append(key, slot, &batch, acks, work, now) {
            let log_start = self.partition(key).log.start();
            slot.refuse_with(refusal, log_start);
        }
    }

    fn append(
        &mut self,
        key: PartitionKey,
        slot: &mut Slot,
        batch: &Batch,
        acks: i16,
        work: &Work,
        now: Instant,
    ) -> Result<(), Refusal> {
        let now_ms = self.now_ms(now);
        let nodes = &self.nodes;
        let partition = &mut self.partitions[key.0 as usize];
        if !partition.is_led_by(work.broker) {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER.into());
        }
        if acks == ACKS_ALL && !partition.replicas.has_min_in_sync() {
            return Err(ErrorCode::NOT_ENOUGH_REPLICAS.into());
        }
        let new = validate(batch, &partition.settings, now_ms)?;
        let header = &batch.header;
        let stamp = (header.producer_id >= 0).then_some(ProducerStamp {
            producer_id: header.producer_id,
            epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            last_offset_delta: header.last_offset_delta,
        });
        let leader_epoch = partition.replicas.leader_epoch();
        let origin = || BatchOrigin {
            c: work.c,
            correlation_id: work.correlation_id,
            broker: work.broker,
            topic: partition.topic.clone(),
            partition: partition.index,
            producer_id: header.producer_id,
            epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            count: header.count,
        };
        let judgement = stamp.map_or(Judgement::Append, |stamp| {
            partition.producers.expire(now_ms);
            partition.producers.judge(&stamp)
        });
        slot.response.log_start_offset = partition.log.start();
        match judgement {
            Judgement::Refuse(code) => Err(code.into()),
            Judgement::Duplicate {
                base_offset,
                last_offset,
                timestamp,
            } => {
                self.history.note(|| Observation::Duplicate {
                    origin: origin(),
                    original_offset: base_offset,
                });
                slot.response.base_offset = base_offset;
                slot.response.log_append_time_ms = timestamp;
                slot.wait_for(last_offset + 1, leader_epoch);
                Ok(())
            }
            Judgement::Append => {
                let is_stamped_here = partition.settings.timestamp_type == TimestampType::LogAppendTime;
                let max_timestamp = new.max_timestamp;
                let base_offset = partition.log.append(new, leader_epoch);
                if let Some(stamp) = &stamp {
                    partition.producers.remember(stamp, base_offset, max_timestamp);
                }
                let end = partition.log.end();
                let is_running = |broker: i32| nodes[broker as usize].state == NodeState::Running;
                partition.replicas.appended(base_offset, end, is_running, now);
                if let Some(batch) = partition.log.last_batch() {
                    self.history.note(|| Observation::Appended {
                        origin: origin(),
                        batch: batch.clone(),
                    });
                }
                if partition.log.retain(self.config.retention_bytes) {
                    let (topic, index, log_start) =
                        (&partition.topic, partition.index, partition.log.start());
                    self.history.note(|| Observation::LogStartMoved {
                        topic: topic.clone(),
                        partition: index,
                        log_start,
                    });
                }
                slot.response.base_offset = base_offset;
                slot.response.log_append_time_ms = if is_stamped_here {
                    max_timestamp
                } else {
                    NO_TIMESTAMP
                };
                slot.response.log_start_offset = partition.log.start();
                slot.wait_for(end, leader_epoch);
                Ok(())
            }
        }
    }

    /// Lets followers have what was appended.
    pub(crate) fn replicate_slots(&mut self, work: &Work, now: Instant) {
        let Task::Produce(task) = &work.task else { return };
        let appended = task
            .slots
            .iter()
            .filter(|slot| slot.is_in_log)
            .filter_map(|slot| slot.key);
        let keys: Vec<_> = appended.collect();
        self.replicate(&keys, now);
        keys.into_iter().for_each(|key| self.settle(key, now));
    }

    /// Decides every slot that can be decided; waits for the rest.
    pub(crate) fn await_slots(&mut self, work: &mut Work, now: Instant) -> Next {
        let Task::Produce(task) = &mut work.task else {
            return Next::Go;
        };
        if task.acks != ACKS_ALL {
            task.slots
                .iter_mut()
                .for_each(|slot| slot.state = SlotState::Decided);
            work.stage = Stage::Replicated;
            return Next::Go;
        }
        let until = *task.wait_until.get_or_insert(now + task.timeout);
        let mut waits = false;
        for slot in &mut task.slots {
            let (
                SlotState::Waiting {
                    required,
                    leader_epoch,
                },
                Some(key),
            ) = (slot.state, slot.key)
            else {
                continue;
            };
            let partition = &mut self.partitions[key.0 as usize];
            let replicas = &partition.replicas;
            let leads_still = partition.is_led_by(work.broker) && replicas.leader_epoch() == leader_epoch;
            let code = match () {
                () if partition.is_deleted => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                () if !leads_still => ErrorCode::NOT_LEADER_OR_FOLLOWER,
                () if replicas.high_watermark() >= required && replicas.has_min_in_sync() => ErrorCode::NONE,
                () if replicas.high_watermark() >= required => ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
                () if now >= until => ErrorCode::REQUEST_TIMED_OUT,
                () => {
                    waits = true;
                    let entry = (required, work.id);
                    if !partition.acks_awaited.contains(&entry) {
                        partition.acks_awaited.push(entry);
                    }
                    continue;
                }
            };
            slot.response.error_code = code;
            slot.state = SlotState::Decided;
        }
        if waits {
            return Next::Wait {
                until: Some(until),
                waits: Waits::Acks,
            };
        }
        work.stage = Stage::Replicated;
        if now >= until {
            self.stop_waiting(work);
        }
        Next::Go
    }

    /// Removes a request from the lists of those who wait.
    pub(crate) fn stop_waiting(&mut self, work: &Work) {
        match &work.task {
            Task::Produce(task) => {
                for key in task.slots.iter().filter_map(|slot| slot.key) {
                    self.partition_mut(key)
                        .acks_awaited
                        .retain(|(_, id)| *id != work.id);
                }
            }
            Task::Other(_) => {
                let id = work.id;
                self.partitions
                    .iter_mut()
                    .for_each(|partition| partition.records_awaited.retain(|other| *other != id));
                if let Some(deadline) = work.deadline {
                    self.deadlines.cancel(deadline);
                }
            }
            Task::Answer(_) => {}
        }
    }

    /// Makes the answer out of the slots.
    pub(crate) fn answer_produce(&self, work: &mut Work) {
        let Task::Produce(task) = &mut work.task else {
            return;
        };
        if task.acks == ACKS_NONE {
            // There is no answer to say it with, so a failure closes the connection.
            work.fate.close = task.has_failed().then_some(Close::Fin);
            work.task = Task::Answer(None);
            return;
        }
        let mut response = ProduceResponse::default();
        for slot in std::mem::take(&mut task.slots) {
            let mut partition = slot.response;
            if partition.error_code == ErrorCode::NOT_LEADER_OR_FOLLOWER
                && let Some(key) = slot.key
            {
                let replicas = &self.partitions[key.0 as usize].replicas;
                let leader_id = replicas.leader().unwrap_or(-1);
                partition.current_leader = LeaderIdAndEpoch {
                    leader_id,
                    leader_epoch: replicas.leader_epoch(),
                };
                self.add_endpoint(leader_id, &mut response.node_endpoints);
            }
            let topic = response
                .responses
                .iter()
                .rposition(|topic| topic.name == slot.topic);
            match topic {
                Some(at) => response.responses[at].partition_responses.push(partition),
                None => response.responses.push(TopicProduceResponse {
                    name: slot.topic,
                    partition_responses: vec![partition],
                }),
            }
        }
        work.task = Task::Answer(Some(response.into()));
    }

    fn add_endpoint(&self, broker: i32, endpoints: &mut Vec<NodeEndpoint>) {
        let Some(address) = usize::try_from(broker)
            .ok()
            .and_then(|broker| self.config.brokers.get(broker))
        else {
            return;
        };
        if endpoints.iter().all(|endpoint| endpoint.node_id != broker) {
            let (host, port) = (address.host.clone(), i32::from(address.port));
            endpoints.push(NodeEndpoint {
                node_id: broker,
                host,
                port,
                rack: None,
            });
        }
    }
}

impl Slot {
    fn wait_for(&mut self, required: i64, leader_epoch: i32) {
        self.is_in_log = true;
        self.state = SlotState::Waiting {
            required,
            leader_epoch,
        };
    }
}
