//! What comes back: the answers to requests, and the requests that will not be answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use linger_protocol::ErrorCode;
use linger_protocol::messages::{MetadataResponse, PartitionProduceResponse, ProduceResponse, ResponseBody};

use crate::address::Address;
use crate::append::accumulator::Accumulator;
use crate::error::{DeliveryError, DeliveryErrorKind};
use crate::ids::{BrokerId, ConnectionId, PartitionId, RequestId};
use crate::send::action::Action;
use crate::send::backoff::Rng;
use crate::send::brokers::Brokers;
use crate::send::closing::{Closing, Phase, Undecided};
use crate::send::connection::{Asked, Connection, InFlight};
use crate::send::discovery::Discovery;
use crate::send::flight::{Flight, Written};
use crate::send::identity::{Answer, Identity};
use crate::send::outbox::Outbox;
use crate::send::partitions::{Partitions, Urgency};
use crate::send::request::RequestAssembly;
use crate::send::target::Target;
use crate::send::topic::{Cause, Move};

/// The longest silence that a broker is granted (KIP-219).
const THROTTLE_MAX: Duration = Duration::from_secs(60);

/// From these versions on a broker answers first and is silent afterwards. Before, it has waited
/// already.
const PRODUCE_THROTTLES_FROM: i16 = 6;
const METADATA_THROTTLES_FROM: i16 = 6;
const INIT_PRODUCER_ID_THROTTLES_FROM: i16 = 1;

/// The parts that an answer concerns.
pub(super) struct Answers<'a> {
    pub(super) accumulator: &'a Accumulator,
    pub(super) brokers: &'a mut Brokers,
    pub(super) partitions: &'a mut Partitions,
    pub(super) discovery: &'a mut Discovery,
    pub(super) identity: &'a mut Identity,
    pub(super) closing: &'a Closing,
    pub(super) requests: &'a mut RequestAssembly,
    pub(super) rng: &'a mut Rng,
    pub(super) outbox: &'a mut Outbox,
}

impl Answers<'_> {
    /// Takes an answer. One that does not answer the oldest request of its connection ends the
    /// connection. Returns the code after which nothing will be accepted from this producer, if
    /// the answer has one.
    pub(super) fn take(
        &mut self,
        connection: ConnectionId,
        id: RequestId,
        response: &ResponseBody,
        now: Instant,
    ) -> Option<ErrorCode> {
        let target = self.brokers.target_of(connection)?;
        let Some(request) = self.brokers.connection_mut(connection)?.answered(id, now) else {
            self.brokers.disconnect(connection, self.outbox);
            return None;
        };
        self.brokers.answered(connection);
        let InFlight {
            asked,
            version,
            sole_since,
            ..
        } = request;
        let flight = Flight {
            connection,
            request: id,
        };
        let mut throttle = |time_ms: i32, from: i16| {
            let time = Duration::from_millis(time_ms.max(0) as u64).min(THROTTLE_MAX);
            if version >= from && !time.is_zero() {
                self.brokers.throttle(target, time, now);
            }
        };
        match (asked, response) {
            (Asked::Produce(ids), ResponseBody::Produce(response)) => {
                throttle(response.throttle_time_ms, PRODUCE_THROTTLES_FROM);
                self.record_ack_wait(target, response, sole_since.map(|since| now - since));
                let fatal = self.produced(flight, &ids, response, now);
                self.requests.recycle(ids);
                fatal
            }
            (Asked::Metadata, ResponseBody::Metadata(response)) => {
                throttle(response.throttle_time_ms, METADATA_THROTTLES_FROM);
                self.described(response, now);
                None
            }
            (Asked::ProducerId, ResponseBody::InitProducerId(response)) => {
                throttle(response.throttle_time_ms, INIT_PRODUCER_ID_THROTTLES_FROM);
                match self.identity.answered(response, self.rng, now) {
                    Answer::Known => self.partitions.mark_all(),
                    Answer::Later => {}
                    Answer::Fatal(code) => return Some(code),
                }
                None
            }
            (asked, _) => {
                self.lost(flight, asked, Written::Whole, now);
                self.brokers.disconnect(connection, self.outbox);
                None
            }
        }
    }

    /// Notes how long a broker took to acknowledge. A refusal tells nothing of it.
    fn record_ack_wait(&mut self, target: Target, response: &ProduceResponse, waited: Option<Duration>) {
        let topics = response.responses.iter();
        let mut answers = topics.flat_map(|topic| &topic.partition_responses);
        if let Target::Broker(id) = target
            && answers.all(|answer| answer.error_code == ErrorCode::NONE)
            && let Some(broker) = self.brokers.get_mut(id)
        {
            broker.pacing.record_ack_wait(waited);
        }
    }

    /// The answer to a produce request for `ids`. It must name each of them once, and nothing else.
    fn produced(
        &mut self,
        flight: Flight,
        ids: &[PartitionId],
        response: &ProduceResponse,
        now: Instant,
    ) -> Option<ErrorCode> {
        if !self.is_well_formed(ids, response) {
            for id in ids {
                self.lost_one(*id, flight, Written::Whole, now);
            }
            self.brokers.disconnect(flight.connection, self.outbox);
            return None;
        }
        for endpoint in &response.node_endpoints {
            if let Ok(port) = u16::try_from(endpoint.port) {
                let address = Address::new(endpoint.host.clone(), port);
                self.brokers
                    .know(BrokerId(endpoint.node_id), address, self.outbox);
            }
        }
        let mut fatal = None;
        for topic in &response.responses {
            for answer in &topic.partition_responses {
                let answered = self.produced_one(flight, &topic.name, answer, now);
                fatal = fatal.or(answered);
            }
        }
        fatal
    }

    fn is_well_formed(&mut self, ids: &[PartitionId], response: &ProduceResponse) -> bool {
        let mut answered = self.requests.partition_list();
        let mut is_known = true;
        for topic in &response.responses {
            let known = self.discovery.topic(&topic.name);
            for answer in &topic.partition_responses {
                let id = known.and_then(|known| known.partition(answer.index));
                is_known &= id.is_some();
                answered.extend(id);
            }
        }
        answered.sort_unstable();
        let is_well_formed = is_known && answered == ids;
        self.requests.recycle(answered);
        is_well_formed
    }

    fn produced_one(
        &mut self,
        flight: Flight,
        topic: &str,
        answer: &PartitionProduceResponse,
        now: Instant,
    ) -> Option<ErrorCode> {
        let id = self.discovery.topic(topic)?.partition(answer.index)?;
        let (partition, policy) = self.partitions.with_policy(id);
        let reaction = partition.answered(flight, answer, policy, self.rng, now);
        if reaction.stale_metadata {
            self.discovery.want(now);
            self.take_hint(topic, answer);
        }
        if let Some(task) = reaction.task {
            self.outbox.push(Action::Split(task));
        }
        self.partitions.mark(id, Urgency::IfResent);
        reaction.fatal
    }

    /// Takes the leader that a refusal names (KIP-951), if that broker is known.
    fn take_hint(&mut self, topic: &str, answer: &PartitionProduceResponse) {
        let hint = &answer.current_leader;
        let leader = BrokerId(hint.leader_id);
        if self.brokers.get(leader).is_some()
            && let Some(moved) = self
                .discovery
                .hinted(topic, answer.index, leader, hint.leader_epoch)
        {
            self.moved(moved);
        }
    }

    fn moved(&mut self, moved: Move) {
        let (partition, policy) = self.partitions.with_policy(moved.partition);
        match moved.cause {
            Cause::Election => {}
            Cause::Recreated => partition.recreated(policy),
        }
        partition.moved(moved.leader, policy);
        if let Some(broker) = moved.leader.and_then(|leader| self.brokers.get(leader)) {
            partition.follow_growth(broker.pacing.growth());
        }
    }

    /// The answer about the cluster.
    fn described(&mut self, response: &MetadataResponse, now: Instant) {
        let accumulator = self.accumulator;
        let name_partition = |topic: &_, index| accumulator.queue(topic, index).id();
        let merged = self.discovery.answered(response, name_partition, self.rng, now);
        if merged.lists_brokers {
            let listed = self.discovery.brokers();
            for (id, address) in listed {
                self.brokers.know(*id, address.clone(), self.outbox);
            }
            self.brokers.forget_unlisted(listed);
        }
        for moved in merged.moved {
            self.partitions.know(moved.partition, accumulator);
            self.moved(moved);
        }
        if let Some(last) = self.discovery.last_partition() {
            self.partitions.know(last, accumulator);
        }
        for (ids, code) in merged.refused {
            for id in ids {
                let error = || DeliveryError::not_written(DeliveryErrorKind::Topic).with_code(code, None);
                let _ = self.partitions[id].queue().purge(error);
            }
        }
        // Leaders that were unknown, or whose address was, may be known now.
        self.partitions.mark_all();
        let partitions = &*self.partitions;
        let view = self.discovery.view(|id| partitions[id].queue());
        self.outbox.push(Action::Publish(Arc::new(view)));
    }

    /// With `acks=0`, a request that is written is done.
    pub(super) fn settle_written(&mut self, connection: ConnectionId) {
        let written = |brokers: &mut Brokers| {
            let connection = brokers.connection_mut(connection);
            connection.and_then(Connection::take_written)
        };
        while let Some(request) = written(self.brokers) {
            let Asked::Produce(ids) = request.asked else {
                continue;
            };
            let flight = Flight {
                connection,
                request: request.id,
            };
            for id in &ids {
                self.partitions[*id].written(flight);
                self.partitions.mark(*id, Urgency::IfResent);
            }
            self.requests.recycle(ids);
        }
    }

    /// A connection, or a dial, has ended: nothing more comes of it.
    pub(super) fn disconnected(&mut self, connection: ConnectionId, now: Instant) {
        let Some(ended) = self.brokers.disconnected(connection, self.rng, now) else {
            return;
        };
        let is_given_up = match self.closing.phase() {
            Phase::Open | Phase::Closing { .. } => false,
            Phase::GivenUp { .. } => true,
            Phase::Closed => return,
        };
        let is_missed = ended
            .connection
            .as_ref()
            .is_none_or(|ended| ended.in_flight() > 0);
        if is_missed && !is_given_up && matches!(ended.target, Target::Broker(_)) {
            // A leader that cannot be reached, or left questions open, may have a successor.
            self.discovery.want(now);
        }
        let Some(ended) = ended.connection else { return };
        for (request, written) in ended.into_lost() {
            let flight = Flight {
                connection,
                request: request.id,
            };
            if is_given_up {
                self.give_up(flight, request.asked, written, now);
            } else {
                self.lost(flight, request.asked, written, now);
            }
        }
    }

    /// A request was lost after the deadline of a close. Now that it is known what was written of
    /// it, its batches fail.
    fn give_up(&mut self, flight: Flight, asked: Asked, written: Written, now: Instant) {
        let Asked::Produce(ids) = asked else { return };
        for id in ids {
            let (partition, policy) = self.partitions.with_policy(id);
            partition.lost(flight, written, policy, self.rng, now);
            self.closing.abandon(partition, Undecided::Wait, self.brokers);
        }
    }

    /// A request will not be answered.
    fn lost(&mut self, flight: Flight, asked: Asked, written: Written, now: Instant) {
        match asked {
            Asked::Produce(ids) => {
                for id in &ids {
                    self.lost_one(*id, flight, written, now);
                }
                self.requests.recycle(ids);
            }
            Asked::Metadata => self.discovery.missed(self.rng, now),
            Asked::ProducerId => self.identity.missed(self.rng, now),
        }
    }

    fn lost_one(&mut self, id: PartitionId, flight: Flight, written: Written, now: Instant) {
        let (partition, policy) = self.partitions.with_policy(id);
        partition.lost(flight, written, policy, self.rng, now);
        // A batch that only waited for the connection to end may be past its time.
        self.partitions.mark_expiry(id);
    }
}
