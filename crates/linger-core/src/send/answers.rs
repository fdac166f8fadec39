//! What comes back: responses, news of what was written, and the ends of connections.

use std::time::{Duration, Instant};

use linger_protocol::ErrorCode;
use linger_protocol::messages::{
    ApiVersion, InitProducerIdResponse, MetadataResponse, PartitionProduceResponse, ProduceResponse,
    ResponseBody,
};
use linger_protocol::records::Compression;

use super::{Phase, Sender, Undecided};
use crate::address::Address;
use crate::error::{DeliveryError, DeliveryErrorKind};
use crate::ids::{BrokerId, ConnectionId, PartitionId, RequestId};
use crate::send::action::Action;
use crate::send::broker::{Broker, Link, Node};
use crate::send::connection::{Asked, Connection, InFlight, Versions};
use crate::send::discovery::{Cause, Move};
use crate::send::flight::{Flight, Written};
use crate::send::sequence::ProducerIdentity;

/// The longest silence a broker is granted (KIP-219).
const THROTTLE_MAX: Duration = Duration::from_secs(60);

/// From these versions on a broker answers first and is silent afterwards; before, it has waited already.
const PRODUCE_THROTTLES_FROM: i16 = 6;
const METADATA_THROTTLES_FROM: i16 = 6;
const INIT_PRODUCER_ID_THROTTLES_FROM: i16 = 1;

/// Record batches of version 2, the only ones written here.
const PRODUCE_MIN: i16 = 3;
const PRODUCE_MIN_ZSTD: i16 = 7;

impl Sender {
    /// A dial succeeded, and the broker offers these versions.
    pub fn handle_connected(&mut self, c: ConnectionId, ranges: &[ApiVersion], now: Instant) {
        self.stirred = true;
        let Some(node) = self.connections.get(&c).copied() else {
            return;
        };
        let Some(broker) = self.brokers.get_mut(&node) else {
            return;
        };
        if !matches!(broker.link, Link::Dialing { .. }) {
            return;
        }
        let zstd = matches!(self.config.compression, Compression::Zstd { .. });
        let produce_min = if zstd { PRODUCE_MIN_ZSTD } else { PRODUCE_MIN };
        match Versions::negotiate(ranges, produce_min) {
            Some(versions) => broker.connected(Connection::new(c, versions, now)),
            None => self.disconnect(c),
        }
    }

    /// The transport has taken all bytes of the requests up to and with `up_to`.
    pub fn handle_written(&mut self, c: ConnectionId, up_to: RequestId, now: Instant) {
        self.stirred = true;
        let Some(connection) = self.connection(c) else {
            return;
        };
        connection.written(up_to);
        if self.is_unacknowledged() {
            self.settle_written(c, now);
        }
    }

    /// With `acks=0`, what is written is done.
    fn settle_written(&mut self, c: ConnectionId, now: Instant) {
        while let Some(request) = self.connection(c).and_then(Connection::take_written) {
            let Asked::Produce(ids) = request.asked else {
                continue;
            };
            for id in &ids {
                self.partitions[id.0 as usize].written(Flight { c, id: request.id });
                self.touch(*id, now);
            }
            self.recycle(ids);
        }
    }

    fn recycle(&mut self, mut ids: Vec<PartitionId>) {
        ids.clear();
        self.spare.push(ids);
    }

    fn connection(&mut self, c: ConnectionId) -> Option<&mut Connection> {
        let node = self.connections.get(&c)?;
        self.brokers.get_mut(node)?.connection()
    }

    /// A response has come. One that does not answer the oldest request of its connection ends the connection.
    pub fn handle_response(&mut self, c: ConnectionId, id: RequestId, response: &ResponseBody, now: Instant) {
        self.stirred = true;
        if self.is_unacknowledged() {
            // What was written before a question that is answered now was taken too.
            if let Some(connection) = self.connection(c) {
                connection.written(id);
            }
            self.settle_written(c, now);
        }
        let Some(node) = self.connections.get(&c).copied() else {
            return;
        };
        let Some(broker) = self.brokers.get_mut(&node) else {
            return;
        };
        let Some(connection) = broker.connection() else {
            return;
        };
        let Some(request) = connection.answered(id, now) else {
            return self.disconnect(c);
        };
        broker.answered();
        let InFlight {
            asked,
            version,
            sole_since,
            ..
        } = request;
        match (asked, response) {
            (Asked::Produce(ids), ResponseBody::Produce(response)) => {
                self.throttle(
                    node,
                    response.throttle_time_ms,
                    version >= PRODUCE_THROTTLES_FROM,
                    now,
                );
                self.note_wait(node, response, sole_since.map(|since| now - since));
                self.produced(Flight { c, id }, &ids, response, now);
                self.recycle(ids);
            }
            (Asked::Metadata, ResponseBody::Metadata(response)) => {
                self.throttle(
                    node,
                    response.throttle_time_ms,
                    version >= METADATA_THROTTLES_FROM,
                    now,
                );
                self.described(response, now);
            }
            (Asked::ProducerId, ResponseBody::InitProducerId(response)) => {
                self.throttle(
                    node,
                    response.throttle_time_ms,
                    version >= INIT_PRODUCER_ID_THROTTLES_FROM,
                    now,
                );
                self.identified(response, now);
            }
            (asked, _) => {
                self.lost(Flight { c, id }, asked, Written::Whole, now);
                self.disconnect(c);
            }
        }
    }

    fn throttle(&mut self, node: Node, throttle_time_ms: i32, muted: bool, now: Instant) {
        let time = Duration::from_millis(throttle_time_ms.max(0) as u64).min(THROTTLE_MAX);
        if !muted || time.is_zero() {
            return;
        }
        for (other, broker) in &mut self.brokers {
            if *other == node || (node.broker().is_some() && other.broker() == node.broker()) {
                broker.throttle(time, now);
            }
        }
    }

    /// What an answer tells of how long its broker takes to acknowledge. A refusal tells nothing.
    fn note_wait(&mut self, node: Node, response: &ProduceResponse, waited: Option<Duration>) {
        let mut answers = response
            .responses
            .iter()
            .flat_map(|topic| &topic.partition_responses);
        if let Some(id) = node.broker()
            && answers.all(|answer| answer.error_code == ErrorCode::NONE)
            && let Some(broker) = self.brokers.get_mut(&Node::Broker(id))
        {
            broker.acknowledged(waited);
        }
    }

    /// The answer to a produce request for `ids`: it must name each of them once, and nothing else.
    fn produced(&mut self, flight: Flight, ids: &[PartitionId], response: &ProduceResponse, now: Instant) {
        if !self.is_well_formed(ids, response) {
            for id in ids {
                self.lost_one(*id, flight, Written::Whole, now);
            }
            return self.disconnect(flight.c);
        }
        for endpoint in &response.node_endpoints {
            if let Ok(port) = u16::try_from(endpoint.port) {
                self.know_broker(
                    BrokerId(endpoint.node_id),
                    Address::new(endpoint.host.clone(), port),
                );
            }
        }
        for topic in &response.responses {
            for answer in &topic.partition_responses {
                self.produced_one(flight, &topic.name, answer, now);
            }
        }
    }

    fn is_well_formed(&mut self, ids: &[PartitionId], response: &ProduceResponse) -> bool {
        let Self {
            answered, metadata, ..
        } = self;
        answered.clear();
        answered.resize(ids.len(), false);
        let mut count = 0;
        for topic in &response.responses {
            let Some(known) = metadata.topic(&topic.name) else {
                return false;
            };
            for answer in &topic.partition_responses {
                let id = known.partition(answer.index);
                let Some(index) = id.and_then(|id| ids.binary_search(&id).ok()) else {
                    return false;
                };
                if std::mem::replace(&mut answered[index], true) {
                    return false;
                }
                count += 1;
            }
        }
        count == ids.len()
    }

    fn produced_one(&mut self, flight: Flight, topic: &str, answer: &PartitionProduceResponse, now: Instant) {
        let Some(id) = self
            .metadata
            .topic(topic)
            .and_then(|topic| topic.partition(answer.index))
        else {
            return;
        };
        let partition = &mut self.partitions[id.0 as usize];
        let reaction = partition.answered(flight, answer, &self.policy, &mut self.rng, now);
        if reaction.stale_metadata {
            self.metadata.want(now);
            let hint = &answer.current_leader;
            let leader = BrokerId(hint.leader_id);
            if self.brokers.contains_key(&Node::Broker(leader))
                && let Some(moved) = self
                    .metadata
                    .hinted(topic, answer.index, leader, hint.leader_epoch)
            {
                self.moved(moved);
            }
        }
        if let Some(task) = reaction.task {
            self.actions.push_back(Action::Split(task));
        }
        match reaction.fatal {
            Some(code) => self.fail_for_good(code),
            None => self.touch(id, now),
        }
    }

    /// The answer about the cluster.
    fn described(&mut self, response: &MetadataResponse, now: Instant) {
        let Self {
            metadata,
            accumulator,
            rng,
            ..
        } = self;
        let name_partition = |topic: &_, index| accumulator.queue(topic, index).id();
        let merged = metadata.answered(response, name_partition, rng, now);
        if !merged.brokers.is_empty() {
            self.know_brokers(merged.brokers);
        }
        for moved in merged.moved {
            self.know_partition(moved.partition);
            self.moved(moved);
        }
        for (ids, code) in merged.refused {
            for id in ids {
                let error = || DeliveryError::not_written(DeliveryErrorKind::Topic).with_code(code, None);
                let _ = self.partitions[id.0 as usize].queue().purge(error);
            }
        }
        let ids = self
            .metadata
            .topics()
            .flat_map(|(_, topic)| topic.partitions.iter().map(|known| known.partition));
        if let Some(last) = ids.max() {
            self.know_partition(last);
        }
        self.count_leaders();
        // Leaders that were unknown, or whose address was, may be known now.
        self.touch_all(now);
        self.publish();
    }

    fn touch_all(&mut self, now: Instant) {
        for number in 0..self.partitions.len() as u32 {
            let partition = &mut self.partitions[number as usize];
            partition.settle(&mut self.ids);
            if partition.has_work() {
                self.touch(PartitionId(number), now);
            }
        }
    }

    fn know_brokers(&mut self, listed: Vec<(BrokerId, Address)>) {
        self.known = listed.iter().cloned().collect();
        for (id, address) in listed {
            self.know_broker(id, address);
        }
        let Self {
            known,
            brokers,
            partitions,
            ..
        } = self;
        brokers.retain(|node, broker| match node {
            Node::Broker(id) | Node::Lane(id, _)
                if !known.contains_key(id) && matches!(broker.link, Link::Down { .. }) =>
            {
                // Its rotation goes with it: who stood there stands nowhere, should the broker ever come back.
                for partition in broker.ready.drain(..) {
                    let partition = &mut partitions[partition.0 as usize];
                    if partition.queued == Some(*id) {
                        partition.queued = None;
                    }
                }
                false
            }
            Node::Broker(_) | Node::Lane(..) | Node::Bootstrap(_) => true,
        });
    }

    /// A broker listens there. If it listened elsewhere, its connection ends.
    fn know_broker(&mut self, id: BrokerId, address: Address) {
        self.brokers.entry(Node::Broker(id)).or_insert_with(|| {
            let broker = Broker::new(address.clone());
            // Partitions may have been led there before the broker was known, or while it was not listed.
            for partition in self
                .partitions
                .iter()
                .filter(|partition| partition.leader == Some(id))
            {
                partition.queue().set_growth(broker.growth.clone());
            }
            broker
        });
        let links = self
            .brokers
            .iter_mut()
            .filter(|(node, _)| node.broker() == Some(id));
        for (_, broker) in links.filter(|(_, broker)| broker.address != address) {
            broker.address = address.clone();
            if let Some(c) = broker.close() {
                self.actions.push_back(Action::Disconnect { c });
            }
        }
    }

    fn moved(&mut self, moved: Move) {
        let partition = &mut self.partitions[moved.partition.0 as usize];
        if moved.cause == Cause::Recreated {
            partition.recreated(&self.policy);
        }
        partition.moved(moved.leader, &self.policy);
        let leader = moved.leader.map(Node::Broker);
        if let Some(broker) = leader.and_then(|leader| self.brokers.get(&leader)) {
            partition.queue().set_growth(broker.growth.clone());
        }
        self.leaders.extend(moved.leader);
    }

    fn count_leaders(&mut self) {
        self.leaderless = false;
        self.leaders.clear();
        for known in self.metadata.topics().flat_map(|(_, topic)| &topic.partitions) {
            match known.leader {
                Some(leader) => {
                    self.leaders.insert(leader);
                }
                None => self.leaderless = true,
            }
        }
    }

    /// The answer to the question for a producer id.
    fn identified(&mut self, response: &InitProducerIdResponse, now: Instant) {
        match response.error_code {
            ErrorCode::NONE if response.producer_id >= 0 => {
                self.ids_failures = 0;
                let identity = ProducerIdentity {
                    producer_id: response.producer_id,
                    epoch: response.producer_epoch.max(0),
                };
                self.ids.learned(identity);
                self.touch_all(now);
            }
            code @ (ErrorCode::CLUSTER_AUTHORIZATION_FAILED
            | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
            | ErrorCode::UNSUPPORTED_VERSION
            | ErrorCode::PRODUCER_FENCED) => self.fail_for_good(code),
            _ => self.missed_id(now),
        }
    }

    fn missed_id(&mut self, now: Instant) {
        self.ids.missed();
        let delay = self.retry.delay(self.ids_failures, &mut self.rng);
        self.ids_failures = self.ids_failures.saturating_add(1);
        self.ids_not_before = Some(now + delay);
    }

    /// A connection, or a dial, has ended; nothing more comes of `c`. `written` is the last request whose bytes were all
    /// handed to the transport.
    pub fn handle_disconnected(&mut self, c: ConnectionId, written: Option<RequestId>, now: Instant) {
        self.stirred = true;
        if let (Some(up_to), Some(connection)) = (written, self.connection(c)) {
            connection.written(up_to);
        }
        if self.is_unacknowledged() {
            self.settle_written(c, now);
        }
        let Some(node) = self.connections.remove(&c) else {
            return;
        };
        let Some(broker) = self.brokers.get_mut(&node) else {
            return;
        };
        let ended = broker.disconnected(&self.reconnect, &mut self.rng, now);
        match self.phase {
            Phase::Open | Phase::Closing { .. } => {}
            Phase::GivenUp { .. } => return self.decide(ended, now),
            Phase::Closed => return,
        }
        // A leader that cannot be reached, or left questions open, may have a successor.
        let is_missed = ended.as_ref().is_none_or(|ended| ended.in_flight() > 0);
        if is_missed && node.broker().is_some() {
            self.metadata.want(now);
        }
        let Some(ended) = ended else { return };
        for (request, written) in ended.into_lost() {
            self.lost(Flight { c, id: request.id }, request.asked, written, now);
        }
    }

    /// A connection that `close` has ended tells what of its requests was written.
    fn decide(&mut self, ended: Option<Connection>, now: Instant) {
        let Some(ended) = ended else { return };
        let c = ended.c;
        for (request, written) in ended.into_lost() {
            let flight = Flight { c, id: request.id };
            let Asked::Produce(ids) = request.asked else {
                continue;
            };
            for id in ids {
                let partition = &mut self.partitions[id.0 as usize];
                partition.lost(flight, written, &self.policy, &mut self.rng, now);
                self.abandon(id, DeliveryErrorKind::Closed, Undecided::Wait);
            }
        }
    }

    /// A request will not be answered.
    fn lost(&mut self, flight: Flight, asked: Asked, written: Written, now: Instant) {
        match asked {
            Asked::Produce(ids) => {
                for id in &ids {
                    self.lost_one(*id, flight, written, now);
                }
                self.recycle(ids);
            }
            Asked::Metadata => self.metadata.missed(&mut self.rng, now),
            Asked::ProducerId => self.missed_id(now),
        }
    }

    fn lost_one(&mut self, id: PartitionId, flight: Flight, written: Written, now: Instant) {
        self.partitions[id.0 as usize].lost(flight, written, &self.policy, &mut self.rng, now);
        // What was only waiting for the connection to end may be past its time.
        self.expire(id, now);
    }
}
