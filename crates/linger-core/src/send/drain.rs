//! Requests: the head batch of every ready partition of a broker in one, as large as a request may be.
//!
//! A broker works on one request per connection at a time, its wait for the followers included, so bytes per request
//! decide the throughput. Hence batches are sealed only when they can leave (until then they grow), and with a request
//! handed out that is not even written, no further one is put together. By which connection a partition may leave, where
//! there are several, `lanes.rs` decides.

use std::sync::Arc;
use std::time::Instant;

use linger_protocol::messages::{PartitionProduceData, ProduceRequest, RequestBody, TopicProduceData};

use super::lanes::Offer;
use super::{Phase, Sender};
use crate::append::growth::GrowthLimit;
use crate::append::queue::{Head, OpenStatus};
use crate::ids::{BrokerId, PartitionId};
use crate::send::action::Action;
use crate::send::broker::{Broker, Link, Node};
use crate::send::connection::{Asked, Connection};
use crate::send::partition::Turn;
use crate::send::sequence::Idempotence;

/// Requests handed out and not known to be written, beyond which no more are put together.
const UNWRITTEN_MAX: u64 = 2;

/// Bytes to which a request groups batches, except for a broker that makes wait, where bytes per wait are all that counts.
/// Apache Kafka reads a request into one buffer, and its collector (G1, regions of
/// 1 MiB and more) treats one of half a region apart and dearly: requests of 1 MiB took a third more of a broker's CPU.
const GROUPED_BYTES_MAX: usize = 480 * 1024;

/// How many requests' lists are kept for the next ones.
const SPARE_REQUESTS_MAX: usize = 4;

/// Bytes of a produce request besides its batches: framing, headers, the client's id; and per partition and topic.
const REQUEST_OVERHEAD: usize = 64;
const PARTITION_OVERHEAD: usize = 16;
const TOPIC_OVERHEAD: usize = 16;

impl Sender {
    pub(super) fn has_room(&self, connection: &Connection) -> bool {
        connection.in_flight() < self.config.max_in_flight && connection.unwritten() < UNWRITTEN_MAX
    }

    /// Sends what can be sent to one broker, unless it is worth waiting for more.
    pub(super) fn drain(&mut self, broker: BrokerId, now: Instant) {
        self.send_by_lanes(broker, now);
        let node = Node::Broker(broker);
        let gathers = |broker: &Broker| broker.batches_to_gather() > 0;
        if self.brokers.get(&node).is_none_or(gathers) {
            return;
        }
        self.send_ready(broker, now);
        if let Some(broker) = self.brokers.get_mut(&node) {
            broker.sent();
        }
    }

    fn send_ready(&mut self, id: BrokerId, now: Instant) {
        let node = Node::Broker(id);
        loop {
            let Some(broker) = self.brokers.get(&node) else {
                return;
            };
            if broker.ready.is_empty() || broker.is_throttled(now) {
                return;
            }
            match &broker.link {
                Link::Up(connection) if self.has_room(connection) => {}
                Link::Down { .. } => return self.dial(node, now),
                Link::Up(_) | Link::Dialing { .. } | Link::Abandoned { .. } | Link::Closing(_) => return,
            }
            self.take_heads(id, node, now);
            if self.taken.is_empty() {
                return;
            }
            self.send_taken(id, node, now);
        }
    }

    /// Takes the head of each partition in a broker's rotation that may leave by this connection of the broker's, as far
    /// as they fit into one request.
    pub(super) fn take_heads(&mut self, broker: BrokerId, by: Node, now: Instant) {
        let node = Node::Broker(broker);
        let overhead = REQUEST_OVERHEAD + self.config.client_id.len();
        let Some(berth) = self.berth(broker, by, now) else {
            return;
        };
        let Some(broker) = self.brokers.get(&node) else {
            return;
        };
        let turns = broker.ready.len();
        let room = if broker.makes_wait() {
            self.config.max_request_size
        } else {
            self.config.max_request_size.min(GROUPED_BYTES_MAX)
        };
        let mut room = room.saturating_sub(overhead);
        let nameless = self.policy.idempotence == Idempotence::On && self.ids.current().is_none();
        let flight = berth.flight;
        for _ in 0..turns {
            let Some(id) = self.pop_ready(node) else { break };
            let partition = &self.partitions[id.0 as usize];
            let turn = match berth.offer(partition) {
                Offer::Take => partition.turn(&self.policy, now),
                Offer::Leave => Turn::Nothing,
                Offer::Keep => {
                    self.push_back(node, id);
                    continue;
                }
            };
            let partition = &mut self.partitions[id.0 as usize];
            let overhead = PARTITION_OVERHEAD + TOPIC_OVERHEAD + partition.queue().topic().len();
            let limit = if self.taken.is_empty() {
                usize::MAX
            } else {
                room.saturating_sub(overhead)
            };
            let records = match turn {
                Turn::Nothing => None,
                Turn::Resend if partition.resend_size() > limit => return self.push_front(node, id),
                Turn::Resend => partition.resend(flight),
                Turn::Fresh if nameless && partition.needs_identity() => {
                    self.push_back(node, id);
                    continue;
                }
                Turn::Fresh => match self.head(id, limit, now) {
                    Head::Batch(batch) => {
                        let partition = &mut self.partitions[id.0 as usize];
                        Some(partition.send(batch, flight, &self.policy, &self.ids))
                    }
                    Head::TooLarge => return self.push_front(node, id),
                    Head::Nothing => None,
                },
            };
            match records {
                Some(records) => {
                    room = room.saturating_sub(records.len() + overhead);
                    self.taken.push((id, records));
                    self.push_back(node, id);
                }
                None => self.partitions[id.0 as usize].queued = None,
            }
        }
    }

    /// The next partition in a broker's rotation that still belongs there.
    fn pop_ready(&mut self, node: Node) -> Option<PartitionId> {
        let broker = self.brokers.get_mut(&node)?;
        while let Some(id) = broker.ready.pop_front() {
            if self.partitions[id.0 as usize].queued.map(Node::Broker) == Some(node) {
                return Some(id);
            }
        }
        None
    }

    fn push_front(&mut self, node: Node, id: PartitionId) {
        if let Some(broker) = self.brokers.get_mut(&node) {
            broker.ready.push_front(id);
        }
    }

    fn push_back(&mut self, node: Node, id: PartitionId) {
        if let Some(broker) = self.brokers.get_mut(&node) {
            broker.ready.push_back(id);
        }
    }

    /// Takes the head of a queue if it is at most `limit` bytes, sealing the open batch for it if that is due.
    fn head(&mut self, id: PartitionId, limit: usize, now: Instant) -> Head {
        let Self {
            partitions,
            config,
            phase,
            horizon,
            scratch,
            actions,
            ..
        } = self;
        // Without linger the times do not matter, and must not: the appender's clock may be ahead of this turn's `now`,
        // and no deadline would bring the partition back.
        let due = |open: &OpenStatus| {
            open.full
                || config.linger.is_zero()
                || open.since + config.linger <= now
                || horizon.is_some_and(|horizon| open.since <= horizon)
                || *phase != Phase::Open
        };
        let partition = &mut partitions[id.0 as usize];
        let taken = partition.queue().take_head(limit, due, scratch);
        partition.opened = taken.open_since;
        actions.extend(taken.job.map(Action::Encode));
        taken.head
    }

    /// With a codec: begins to compress a full batch although it cannot leave yet, if nothing of the partition is ahead
    /// of it.
    pub(super) fn encode_early(&mut self, id: PartitionId) {
        let partition = &mut self.partitions[id.0 as usize];
        if let Some(sealed) = partition.queue().seal_full() {
            partition.opened = sealed.open_since;
            self.actions.push_back(Action::Encode(sealed.job));
        }
    }

    /// Puts the request together.
    pub(super) fn send_taken(&mut self, broker: BrokerId, by: Node, now: Instant) {
        self.limit_growth(broker);
        let mut partitions = self.spare.pop().unwrap_or_default();
        partitions.extend(self.taken.iter().map(|(id, _)| *id));
        partitions.sort_unstable();
        let topic_data = self.group_by_topic();
        let no_response = self.is_unacknowledged();
        let timeout_ms = i32::try_from(self.config.request_timeout.as_millis()).unwrap_or(i32::MAX);
        let Some(connection) = self.brokers.get_mut(&by).and_then(Broker::up) else {
            return;
        };
        let version = connection.versions.produce;
        let id = connection.push(
            Asked::Produce(partitions),
            version,
            self.config.request_timeout,
            now,
        );
        let request = ProduceRequest {
            transactional_id: None,
            acks: self.config.acks.code(),
            timeout_ms,
            topic_data,
        };
        let request = RequestBody::Produce(request);
        self.actions.push_back(Action::Request {
            c: connection.c,
            id,
            version,
            request,
            no_response,
        });
    }

    /// Limits how far batches grow that wait for this broker, by how many partitions' heads a request takes.
    fn limit_growth(&self, id: BrokerId) {
        let Some(broker) = self.brokers.get(&Node::Broker(id)) else {
            return;
        };
        let limit = match self.taken.len().max(broker.ready.len()) {
            here if broker.makes_wait() => {
                let partitions = here.max(self.taken.len() + self.partitions_in_flight(id));
                GrowthLimit::MemoryShare {
                    partitions: partitions * self.leaders.len().max(1),
                }
            }
            0 | 1 => GrowthLimit::Request,
            _ => GrowthLimit::Grouped,
        };
        broker.growth.set(limit.bytes(&self.config));
    }

    /// Takes back a request that has been encoded: its lists serve the next one.
    pub fn take_back(&mut self, request: RequestBody) {
        if let RequestBody::Produce(request) = request
            && self.spare_topics.len() < SPARE_REQUESTS_MAX
        {
            let mut topics = request.topic_data;
            for topic in &mut topics {
                topic.partition_data.clear();
            }
            self.spare_topics.push(topics);
        }
    }

    /// Empties `taken` into the form of a request: each topic once.
    fn group_by_topic(&mut self) -> Vec<TopicProduceData> {
        let Self {
            taken,
            partitions,
            spare_topics,
            ..
        } = self;
        let queue = |id: PartitionId| partitions[id.0 as usize].queue();
        taken.sort_unstable_by(|(a, _), (b, _)| {
            let (first, second) = (queue(*a).topic(), queue(*b).topic());
            if Arc::ptr_eq(first, second) {
                a.cmp(b)
            } else {
                first.cmp(second).then(a.cmp(b))
            }
        });
        let mut topics = spare_topics.pop().unwrap_or_default();
        let (mut used, mut count_left) = (0, taken.len());
        for (id, records) in taken.drain(..) {
            let (name, index) = (queue(id).topic(), queue(id).partition());
            let same = |topic: &TopicProduceData| Arc::ptr_eq(&topic.name, name) || topic.name == *name;
            if used == 0 || !same(&topics[used - 1]) {
                match topics.get_mut(used) {
                    Some(topic) => topic.name = name.clone(),
                    None => topics.push(TopicProduceData {
                        name: name.clone(),
                        partition_data: Vec::with_capacity(count_left),
                    }),
                }
                used += 1;
            }
            topics[used - 1].partition_data.push(PartitionProduceData {
                index,
                records: Some(records),
            });
            count_left -= 1;
        }
        topics.truncate(used);
        topics
    }
}
