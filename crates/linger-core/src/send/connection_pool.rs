//! Lanes: further connections to a broker that makes requests wait for its followers.
//!
//! A broker works on one request per connection at a time, its wait for the followers included: one connection carries one
//! request per wait, and what is sent behind an unanswered one gains nothing but the way there. So while a broker makes
//! wait, a batch leaves by a connection that is idle, and grows until there is one. A partition's batches are in flight on
//! one connection at a time: their order is kept as it always is.

use std::time::Instant;

use super::Sender;
use crate::ids::{BrokerId, PartitionId};
use crate::send::broker::{Broker, Link, Node};
use crate::send::connection::Connection;
use crate::send::flight::Flight;
use crate::send::partition::Partition;

/// A connection as it is offered to the partitions that wait for its broker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Berth {
    /// The request that is put together for it.
    pub(super) flight: Flight,
    /// What it carries waits behind what is unanswered there, for long.
    waits: bool,
    /// The one partition of which something is unanswered there.
    alone: Option<PartitionId>,
    /// Another connection will soon be idle.
    lane_soon: bool,
}

/// What becomes of a partition that was offered a berth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// What is due of it may leave with this request.
    Take,
    /// It stays in the rotation, for another connection.
    Keep,
    /// It leaves the rotation, until an answer or a further batch brings it back.
    Leave,
}

impl Berth {
    pub(super) fn offer(&self, partition: &Partition) -> Offer {
        // Where it waits, only a batch that can grow no more goes behind others of its partition.
        let cannot_grow = || partition.queue().status().ended > 0;
        match partition.connection() {
            None if self.lane_soon => Offer::Keep,
            None => Offer::Take,
            Some(c) if c != self.flight.c && cannot_grow() => Offer::Keep,
            Some(c) if c != self.flight.c || partition.is_in(self.flight) => Offer::Leave,
            Some(_) if !self.waits => Offer::Take,
            Some(_) if self.alone == Some(partition.id()) && cannot_grow() => Offer::Take,
            Some(_) => Offer::Leave,
        }
    }
}

impl Sender {
    /// The next request of this connection of a broker's. `None` while it is not connected.
    pub(super) fn berth(&self, id: BrokerId, by: Node, now: Instant) -> Option<Berth> {
        let connection = self.connected(by)?;
        let broker = self.brokers.get(&Node::Broker(id))?;
        let waits = connection.in_flight() >= broker.depth() || broker.makes_wait() && self.is_stuck(by, now);
        let is_lane = |(lane, _): &(Node, &Connection)| !self.is_stuck(*lane, now);
        Some(Berth {
            flight: Flight {
                c: connection.c,
                id: connection.next_id(),
            },
            waits,
            alone: connection.carries_alone(),
            lane_soon: waits && broker.makes_wait() && self.lanes(id).any(|lane| is_lane(&lane)),
        })
    }

    /// While a broker makes wait: sends what has nothing in flight by idle lanes, and dials one where there are too few.
    pub(super) fn send_by_lanes(&mut self, id: BrokerId, now: Instant) {
        while self.wants_lane(id, now) {
            let Some(lane) = self.idle_lane(id) else {
                return self.open_lane(id, now);
            };
            self.take_heads(id, lane, now);
            if self.taken.is_empty() {
                return;
            }
            self.send_taken(id, lane, now);
        }
    }

    /// True if a request to that broker would wait for long on its first connection, or for that connection.
    fn wants_lane(&self, id: BrokerId, now: Instant) -> bool {
        let node = Node::Broker(id);
        let Some(broker) = self.brokers.get(&node) else {
            return false;
        };
        let waits = |first: &Connection| first.in_flight() >= broker.depth() || self.is_stuck(node, now);
        broker.makes_wait() && self.connected(node).is_none_or(waits) && !broker.is_throttled(now)
    }

    /// Dials one more lane, unless one is being dialled, if something could leave by it: what has nothing in flight, or waits
    /// behind others.
    fn open_lane(&mut self, id: BrokerId, now: Instant) {
        let lanes = (1..self.config.connections_per_broker as u8).map(|nth| Node::Lane(id, nth));
        let link = |lane| self.brokers.get(&lane).map(|lane| &lane.link);
        let is_dialled = |lane| matches!(link(lane), Some(Link::Dialing { .. }));
        let may_dial = |lane: &Node| self.brokers.get(lane).is_none_or(|lane| lane.may_dial(now));
        let Some(lane) = lanes.clone().find(may_dial) else {
            return;
        };
        let node = Node::Broker(id);
        let Some((broker, first)) = self.brokers.get(&node).zip(self.connected(node)) else {
            return;
        };
        let is_free = |partition: &PartitionId| {
            let partition = &self.partitions[partition.0 as usize];
            partition.connection().is_none() && partition.has_work()
        };
        let waits_behind = first.in_flight() > 1 && first.carries_alone().is_none();
        let could_leave = waits_behind || broker.ready.iter().any(is_free);
        if could_leave && !lanes.clone().any(is_dialled) {
            let address = broker.address.clone();
            self.brokers.entry(lane).or_insert_with(|| Broker::new(address));
            self.dial(lane, now);
        }
    }

    /// True if a lane of that broker could take a request now.
    pub(super) fn has_idle_lane(&self, id: BrokerId) -> bool {
        let broker = self.brokers.get(&Node::Broker(id));
        broker.is_some_and(Broker::makes_wait) && self.idle_lane(id).is_some()
    }

    fn idle_lane(&self, id: BrokerId) -> Option<Node> {
        let mut lanes = self.lanes(id);
        lanes
            .find(|(_, lane)| lane.in_flight() == 0)
            .map(|(node, _)| node)
    }

    /// Partitions of which something is unanswered by that broker, each as often as it is in flight.
    pub(super) fn partitions_in_flight(&self, id: BrokerId) -> usize {
        let lanes = self.lanes(id).map(|(_, lane)| lane);
        let connections = lanes.chain(self.connected(Node::Broker(id)));
        connections.map(Connection::partitions).sum()
    }

    /// The lanes of a broker that are connected.
    fn lanes(&self, id: BrokerId) -> impl Iterator<Item = (Node, &Connection)> {
        let lanes = self.brokers.range(Node::Lane(id, 0)..=Node::Lane(id, u8::MAX));
        lanes.filter_map(|(node, _)| Some((*node, self.connected(*node)?)))
    }

    fn connected(&self, node: Node) -> Option<&Connection> {
        match &self.brokers.get(&node)?.link {
            Link::Up(connection) => Some(connection),
            Link::Down { .. } | Link::Dialing { .. } | Link::Abandoned { .. } | Link::Closing(_) => None,
        }
    }
}
