//! Requests: the head batch of every partition that waits for a broker in one, as large as a
//! request may be.
//!
//! A broker works on one request per connection at a time, its wait for the followers included, so
//! the bytes per request decide the throughput. Hence a batch is sealed only when it can leave, and
//! grows until then; and while a request that was handed out is not written, no further one is put
//! together.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use linger_protocol::RecordSet;
use linger_protocol::messages::{ProduceRequest, RequestBody};

use crate::append::batch::OpenStatus;
use crate::append::queue::head::Head;
use crate::config::{Acks, Config};
use crate::ids::{BrokerId, ConnectionId, PartitionId};
use crate::send::action::Action;
use crate::send::brokers::Brokers;
use crate::send::connection::Asked;
use crate::send::connection_pool::{Admission, NextRequest, Slot};
use crate::send::deadlines::Deadlines;
use crate::send::discovery::Leaders;
use crate::send::flow::NextSend;
use crate::send::identity::Identity;
use crate::send::outbox::Outbox;
use crate::send::partition::Partition;
use crate::send::partitions::Partitions;
use crate::send::request::RequestAssembly;
use crate::send::sequence::Idempotence;
use crate::send::target::Target;

/// Bytes of a produce request besides its batches: framing, headers, the client's id; and per
/// partition and topic.
const REQUEST_OVERHEAD: usize = 64;
const PARTITION_OVERHEAD: usize = 16;
const TOPIC_OVERHEAD: usize = 16;

/// The parts that sending takes.
pub(super) struct Drain<'a> {
    pub(super) config: &'a Config,
    pub(super) brokers: &'a mut Brokers,
    pub(super) partitions: &'a mut Partitions,
    pub(super) identity: &'a Identity,
    pub(super) leaders: &'a Leaders,
    pub(super) deadlines: &'a mut Deadlines,
    pub(super) requests: &'a mut RequestAssembly,
    pub(super) outbox: &'a mut Outbox,
    pub(super) lingering: Lingering,
}

/// Which open batches linger, apart from their linger.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lingering {
    /// Those that were opened later than this, if given.
    After(Option<Instant>),
    /// None: the producer closes.
    Nobody,
}

/// Which open batches are due, if they are not full.
#[derive(Debug, Clone, Copy)]
enum Due {
    All,
    /// Those that were opened at this time or before, if given.
    OpenedUntil(Option<Instant>),
}

/// What a partition gives for a request.
enum Given {
    /// This batch.
    Batch(RecordSet),
    /// Nothing for this request; it waits for another one.
    Later,
    /// Nothing, until something happens to the partition.
    Nothing,
    /// A batch that is too large for what is left of the request.
    TooLarge,
}

impl Drain<'_> {
    /// Sends to one broker what can be sent, unless it is worth waiting for more.
    pub(super) fn run(mut self, broker: BrokerId, now: Instant) {
        self.send_by_further(broker, now);
        if self
            .brokers
            .get(broker)
            .is_none_or(|broker| broker.batches_to_gather() > 0)
        {
            return;
        }
        self.send_by_first(broker, now);
        if let Some(broker) = self.brokers.get_mut(broker) {
            broker.pacing.requests_sent(broker.rotation.is_empty());
        }
    }

    /// While the broker has slow acks: sends what has nothing in flight by idle further
    /// connections, and dials one where there are too few.
    fn send_by_further(&mut self, id: BrokerId, now: Instant) {
        while let Some(broker) = self.brokers.get(id).filter(|broker| !broker.is_throttled(now)) {
            match broker.connections.further_slot(&broker.pacing, now) {
                Slot::Send(connection) if self.send(id, connection, now) => {}
                Slot::Dial if self.wants_further(id, now) => {
                    return self.brokers.dial_further(id, self.outbox, now);
                }
                Slot::Send(_) | Slot::Dial | Slot::Wait => return,
            }
        }
    }

    /// Returns true if something could leave by one more connection: what has nothing in flight, or
    /// waits behind others.
    fn wants_further(&self, id: BrokerId, now: Instant) -> bool {
        let is_free = |partition: PartitionId| {
            let partition = &self.partitions[partition];
            partition.connection().is_none() && partition.has_work()
        };
        self.brokers.may_dial(Target::Broker(id), now)
            && self.brokers.get(id).is_some_and(|broker| {
                broker.connections.has_partitions_waiting() || broker.rotation.iter().any(is_free)
            })
    }

    fn send_by_first(&mut self, id: BrokerId, now: Instant) {
        while let Some(broker) = self.brokers.get(id)
            && !broker.rotation.is_empty()
            && !broker.is_throttled(now)
        {
            match broker.connections.first_slot() {
                Slot::Send(connection) if self.send(id, connection, now) => {}
                Slot::Dial => return self.brokers.dial(Target::Broker(id), self.outbox, now),
                Slot::Send(_) | Slot::Wait => return,
            }
        }
    }

    /// Sends one request by `connection`. Returns false if there is nothing for it.
    fn send(&mut self, id: BrokerId, connection: ConnectionId, now: Instant) -> bool {
        self.take_heads(id, connection, now);
        if self.requests.is_empty() {
            return false;
        }
        let Some(broker) = self.brokers.get(id) else {
            return false;
        };
        let waiting = broker.waiting(self.requests.len(), self.leaders.count());
        broker.pacing.limit_growth(waiting, self.config);
        let Some(up) = self.brokers.up_mut(connection) else {
            return false;
        };
        let (partitions, topic_data) = self.requests.finish(self.partitions);
        let version = up.versions.produce;
        let request_id = up.push(Asked::Produce(partitions), version, now);
        let request = ProduceRequest {
            transactional_id: self.partitions.policy().transactional_id(),
            acks: self.config.acks.code(),
            timeout_ms: i32::try_from(self.config.request_timeout.as_millis()).unwrap_or(i32::MAX),
            topic_data,
        };
        self.outbox.push(Action::Request {
            connection,
            id: request_id,
            version,
            request: RequestBody::Produce(request),
            no_response: self.config.acks == Acks::None,
        });
        true
    }

    /// Takes the head of each partition in the broker's rotation that may leave by this connection,
    /// as far as they fit into one request.
    fn take_heads(&mut self, broker_id: BrokerId, connection: ConnectionId, now: Instant) {
        let Some(broker) = self.brokers.get_mut(broker_id) else {
            return;
        };
        let Some(next) = broker.connections.next_request(connection, &broker.pacing, now) else {
            return;
        };
        let linger = broker.pacing.linger();
        let size_max = broker.pacing.request_size_max(self.config.max_request_size);
        let mut room = size_max.saturating_sub(REQUEST_OVERHEAD + self.config.client_id.len());
        let mut rotation = std::mem::take(&mut broker.rotation);
        for _ in 0..rotation.len() {
            let Some(id) = rotation.pop() else { break };
            let partition = &self.partitions[id];
            if partition.leader() != Some(broker_id) {
                continue;
            }
            let overhead = PARTITION_OVERHEAD + TOPIC_OVERHEAD + partition.queue().topic().len();
            let limit = if self.requests.is_empty() {
                usize::MAX
            } else {
                room.saturating_sub(overhead)
            };
            match self.take_head(id, next, limit, linger, now) {
                Given::Batch(records) => {
                    room = room.saturating_sub(records.len() + overhead);
                    self.requests.take(id, records);
                    rotation.join(id);
                }
                Given::Later => rotation.join(id),
                Given::Nothing => {}
                Given::TooLarge => {
                    rotation.join_in_front(id);
                    break;
                }
            }
        }
        if let Some(broker) = self.brokers.get_mut(broker_id) {
            broker.rotation = rotation;
        }
    }

    /// Takes the next batch of a partition for the request `next`, if it has at most `limit` bytes.
    /// `linger` is the broker's.
    fn take_head(
        &mut self,
        id: PartitionId,
        next: NextRequest,
        limit: usize,
        linger: Duration,
        now: Instant,
    ) -> Given {
        let (partition, policy) = self.partitions.with_policy(id);
        let next_send = match next.admission(partition) {
            Admission::Send => partition.next_send(policy, now),
            Admission::Dequeue => return Given::Nothing,
            Admission::Defer => return Given::Later,
        };
        match next_send {
            NextSend::Nothing => return Given::Nothing,
            NextSend::Resend if partition.resend_size() > limit => return Given::TooLarge,
            NextSend::Resend => {
                return partition.resend(next.flight).map_or(Given::Nothing, Given::Batch);
            }
            NextSend::Fresh => {}
        }
        let lacks_producer_id = policy.idempotence == Idempotence::On && self.identity.current().is_none();
        if lacks_producer_id && partition.needs_identity() {
            return Given::Later;
        }
        let linger = partition.linger.own().unwrap_or(linger);
        let due = self.lingering.due(linger, now);
        let is_due = |open: &OpenStatus| open.full || due.includes(open.since);
        let taken = partition
            .queue()
            .take_head(limit, is_due, &mut self.requests.scratch);
        partition.linger.set_opened(taken.open_since);
        if let Some(job) = taken.job {
            self.outbox.push(Action::Encode(job));
        }
        match taken.head {
            Head::Batch(batch) => Given::Batch(partition.send(batch, next.flight, policy, self.identity)),
            Head::TooLarge => Given::TooLarge,
            Head::Nothing => {
                if let Some(entry) = partition.linger.arm(linger, now) {
                    self.deadlines.linger(entry);
                }
                Given::Nothing
            }
        }
    }
}

impl Lingering {
    fn due(self, linger: Duration, now: Instant) -> Due {
        match self {
            Self::Nobody => Due::All,
            // Without linger the times do not matter, and must not: the appender's clock may be ahead of
            // `now`, and no deadline would bring the partition back.
            Self::After(_) if linger.is_zero() => Due::All,
            Self::After(no_linger_before) => Due::OpenedUntil(now.checked_sub(linger).max(no_linger_before)),
        }
    }
}

impl Due {
    fn includes(self, opened: Instant) -> bool {
        match self {
            Self::All => true,
            Self::OpenedUntil(until) => until.is_some_and(|until| opened <= until),
        }
    }
}

/// With a codec: begins to compress a full batch although it cannot leave yet, if nothing of the
/// partition is ahead of it, so that the codec and the broker work at the same time.
pub(super) fn encode_early(partition: &mut Partition, outbox: &mut Outbox) {
    if let Some(sealed) = partition.queue().seal_full() {
        partition.linger.set_opened(sealed.open_since);
        outbox.push(Action::Encode(sealed.job));
    }
}
