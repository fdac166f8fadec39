//! Produce: each partition's batch is appended independently, and the answer follows once all
//! partitions are decided.
//!
//! ```text
//! Check -- before-append --> Append -- appended --> AwaitAcks -- replicated --> answer        points of fault rules between
//! ```

mod append;
mod examined;
mod slot;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use linger_protocol::ErrorCode;
use linger_protocol::messages::{LeaderIdAndEpoch, NodeEndpoint, ProduceResponse, TopicProduceResponse};
use linger_protocol::records::TRANSACTIONAL_BIT;

use self::append::append_slot;
pub use self::examined::BatchCounts;
pub(crate) use self::examined::ExaminedProduce;
use self::examined::{ACKS_ALL, ACKS_NONE};
use self::slot::{Slot, SlotState};
use super::handler::{Answer, Handler, Next, Outcome, Step};
use crate::cx::Cx;
use crate::fault::Point;
use crate::ids::PartitionKey;

pub(crate) struct Produce;

impl Handler for Produce {
    type Request = ExaminedProduce;
    type Response = ProduceResponse;
    type Task = ProduceTask;

    fn start(_: &mut Cx<'_>, request: ExaminedProduce) -> Outcome<Self> {
        Outcome::Wait(ProduceTask::new(request))
    }

    fn refuse(request: ExaminedProduce, code: ErrorCode) -> Answer<ProduceResponse> {
        let mut task = ProduceTask::new(request);
        task.slots.iter_mut().for_each(|slot| slot.decide(code));
        task.answer(Vec::new())
    }

    fn overwrite(response: &mut ProduceResponse, code: ErrorCode) {
        let partitions = response
            .responses
            .iter_mut()
            .flat_map(|topic| &mut topic.partition_responses);
        partitions.for_each(|partition| partition.error_code = code);
    }

    fn throttle_time_ms(response: &mut ProduceResponse) -> &mut i32 {
        &mut response.throttle_time_ms
    }
}

/// A produce request under way.
#[derive(Debug)]
pub(crate) struct ProduceTask {
    acks: i16,
    timeout: Duration,
    slots: Vec<Slot>,
    stage: Stage,
}

/// What the next step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Check,
    Append,
    /// The first wait begins with the next step.
    BeginWait,
    /// Followers must have the batches until then.
    AwaitAcks {
        until: Instant,
    },
}

impl ProduceTask {
    /// Lays out one slot per partition. Of a partition that is listed twice the last batch counts,
    /// as in Kafka, which keeps the partitions in a map.
    fn new(request: ExaminedProduce) -> Self {
        let mut slots: Vec<Slot> = Vec::new();
        let mut places = BTreeMap::new();
        let is_single = request.topics.len() == 1 && request.topics[0].partitions.len() == 1;
        let refused = refuse_transactions(&request);
        for topic in request.topics {
            for partition in topic.partitions {
                let mut slot = Slot::new(&topic.name, partition);
                if let Some(code) = refused {
                    slot.decide(code);
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
            stage: Stage::Check,
        }
    }

    /// Takes the partitions past a point of the fault rules. Behind the append only those are
    /// concerned whose batch is in the log.
    fn pass(&mut self, cx: &mut Cx<'_>, point: Point) {
        if !cx.has_faults_at(point) {
            return;
        }
        for slot in &mut self.slots {
            if point != Point::BeforeAppend && !slot.is_in_log {
                continue;
            }
            if let Some(code) = cx.pass_partition(point, &slot.topic, slot.response.index) {
                slot.decide(code);
            }
        }
    }

    fn append(&mut self, cx: &mut Cx<'_>) {
        for slot in &mut self.slots {
            append_slot(cx, slot, self.acks);
        }
        self.pass(cx, Point::Appended);
        let appended = self.slots.iter().filter(|slot| slot.is_in_log);
        let keys: Vec<PartitionKey> = appended.filter_map(|slot| slot.key).collect();
        cx.replicate(&keys);
    }

    /// Decides every slot that can be decided, and returns whether another one waits.
    fn decide_slots(&mut self, cx: &mut Cx<'_>, until: Instant) -> bool {
        let mut waits = false;
        for slot in &mut self.slots {
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
            let partition = &mut cx.partitions[key];
            let replicas = &partition.replicas;
            let leads_still =
                partition.is_led_by(cx.request.broker) && replicas.leader_epoch() == leader_epoch;
            let code = match () {
                () if partition.is_deleted => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                () if !leads_still => ErrorCode::NOT_LEADER_OR_FOLLOWER,
                () if replicas.high_watermark() >= required && replicas.has_min_in_sync() => ErrorCode::NONE,
                () if replicas.high_watermark() >= required => ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
                () if cx.now >= until => ErrorCode::REQUEST_TIMED_OUT,
                () => {
                    waits = true;
                    partition.await_acks(cx.request.id, required);
                    continue;
                }
            };
            slot.decide(code);
        }
        waits
    }

    fn stop_waiting(&self, cx: &mut Cx<'_>) {
        for key in self.slots.iter().filter_map(|slot| slot.key) {
            cx.partitions[key].stop_waiting(cx.request.id);
        }
    }

    /// Takes the partitions past the last point, and answers.
    fn finish(&mut self, cx: &mut Cx<'_>) -> Next<ProduceResponse> {
        self.pass(cx, Point::Replicated);
        let endpoints = match self.acks {
            ACKS_NONE => Vec::new(),
            _ => self.name_leaders(cx),
        };
        Next::Answer(self.answer(endpoints))
    }

    /// Tells of each partition that another broker leads which one that is. Returns where clients
    /// reach these brokers.
    fn name_leaders(&mut self, cx: &Cx<'_>) -> Vec<NodeEndpoint> {
        let mut endpoints: Vec<NodeEndpoint> = Vec::new();
        for slot in &mut self.slots {
            let (ErrorCode::NOT_LEADER_OR_FOLLOWER, Some(key)) = (slot.response.error_code, slot.key) else {
                continue;
            };
            let replicas = &cx.partitions[key].replicas;
            let leader_id = replicas.leader().unwrap_or(-1);
            slot.response.current_leader = LeaderIdAndEpoch {
                leader_id,
                leader_epoch: replicas.leader_epoch(),
            };
            if endpoints.iter().any(|endpoint| endpoint.node_id == leader_id) {
                continue;
            }
            let address = usize::try_from(leader_id).ok();
            if let Some(address) = address.and_then(|leader| cx.config.brokers.get(leader)) {
                endpoints.push(NodeEndpoint {
                    node_id: leader_id,
                    host: address.host.clone(),
                    port: i32::from(address.port),
                    rack: None,
                });
            }
        }
        endpoints
    }

    /// Makes the answer out of the slots.
    fn answer(&mut self, node_endpoints: Vec<NodeEndpoint>) -> Answer<ProduceResponse> {
        if self.acks == ACKS_NONE {
            return match self.slots.iter().any(Slot::has_failed) {
                true => Answer::Close,
                false => Answer::Nothing,
            };
        }
        let mut responses: Vec<TopicProduceResponse> = Vec::new();
        for slot in std::mem::take(&mut self.slots) {
            match responses.iter_mut().rfind(|topic| topic.name == slot.topic) {
                Some(topic) => topic.partition_responses.push(slot.response),
                None => responses.push(TopicProduceResponse {
                    name: slot.topic,
                    partition_responses: vec![slot.response],
                }),
            }
        }
        Answer::Response(ProduceResponse {
            responses,
            node_endpoints,
            ..ProduceResponse::default()
        })
    }
}

impl Step<ProduceResponse> for ProduceTask {
    fn step(&mut self, cx: &mut Cx<'_>) -> Next<ProduceResponse> {
        match self.stage {
            Stage::Check => {
                self.pass(cx, Point::BeforeAppend);
                self.stage = Stage::Append;
                Next::Continue
            }
            Stage::Append => {
                self.append(cx);
                self.stage = Stage::BeginWait;
                Next::Continue
            }
            Stage::BeginWait if self.acks != ACKS_ALL => self.finish(cx),
            Stage::BeginWait => {
                self.stage = Stage::AwaitAcks {
                    until: cx.now + self.timeout,
                };
                Next::Continue
            }
            Stage::AwaitAcks { until } => {
                if self.decide_slots(cx, until) {
                    return Next::Wait { until: Some(until) };
                }
                if cx.now >= until {
                    self.stop_waiting(cx);
                }
                self.finish(cx)
            }
        }
    }

    fn cancel(self, cx: &mut Cx<'_>) {
        self.stop_waiting(cx);
    }
}

/// The model has no transactions. A batch that claims to be part of one is refused as by a broker
/// that does not know its producer, except without a producer id: Kafka stores that batch like any
/// other.
fn refuse_transactions(request: &ExaminedProduce) -> Option<ErrorCode> {
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
