//! Connections: whom to dial, when to give up, and whom to ask about the cluster and for a producer id.
//!
//! A leader is dialled when a partition has something for it. A question goes to the least loaded live connection; when
//! there is none, to a broker that has not just failed, or else to the addresses to begin with again (KIP-899): with every
//! known broker gone, they are the way back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use linger_protocol::ErrorCode;
use linger_protocol::messages::{InitProducerIdRequest, RequestBody};

use super::Sender;
use crate::append::cluster_view::{PartitionView, TopicState, TopicView};
use crate::ids::ConnectionId;
use crate::send::action::Action;
use crate::send::broker::{Broker, Link, Node};
use crate::send::connection::Asked;
use crate::send::deadlines::Timer;
use crate::send::discovery::{Metadata, is_final};
use crate::send::partition::Partition;

/// A dial or a request that takes longer no longer keeps a question from trying elsewhere.
const PATIENCE: Duration = Duration::from_secs(1);

impl Sender {
    /// Dials a broker, if it is not connected and may be dialled.
    pub(super) fn dial(&mut self, node: Node, now: Instant) {
        let Some(broker) = self.brokers.get_mut(&node) else {
            return;
        };
        if !broker.may_dial(now) {
            return;
        }
        let c = ConnectionId(self.next_connection);
        self.next_connection += 1;
        self.connections.insert(c, node);
        broker.link = Link::Dialing {
            c,
            since: now,
            deadline: now + self.config.socket_connection_setup_timeout,
        };
        self.actions.push_back(Action::Connect {
            c,
            broker: node.broker(),
            address: broker.address.clone(),
        });
    }

    /// Tells a connection to end; its end is reported later.
    pub(super) fn disconnect(&mut self, c: ConnectionId) {
        let Some(broker) = self
            .connections
            .get(&c)
            .and_then(|node| self.brokers.get_mut(node))
        else {
            return;
        };
        if let Some(c) = broker.close() {
            self.actions.push_back(Action::Disconnect { c });
        }
    }

    /// A broker's deadline has come: whatever of its deadlines that is.
    pub(super) fn broker_due(&mut self, node: Node, now: Instant) {
        let max_idle = self.config.connections_max_idle;
        let Some(broker) = self.brokers.get_mut(&node) else {
            return;
        };
        broker.urgent |= broker.gathers_until.is_some_and(|until| until <= now);
        let overdue = match &broker.link {
            Link::Dialing { c, deadline, .. } => (*deadline <= now).then_some(*c),
            Link::Up(connection) => connection
                .deadline()
                .filter(|at| *at <= now)
                .map(|_| connection.c),
            Link::Down { .. } | Link::Abandoned { .. } | Link::Closing(_) => None,
        };
        if let Some(c) = broker.rest(max_idle, now) {
            self.connections.remove(&c);
            self.actions.push_back(Action::Disconnect { c });
        }
        if let Some(c) = overdue {
            self.disconnect(c);
            self.metadata.want(now);
        }
    }

    /// Sends the questions that are due: about the cluster, and for a producer id.
    pub(super) fn ask(&mut self, now: Instant) {
        if self.metadata.is_due(now) {
            let node = self.idlest(now);
            let is_stuck = node.is_none_or(|node| self.is_stuck(node, now));
            if is_stuck && self.find_somebody(now) {
                // Somebody else may answer soon.
            } else if let Some(node) = node {
                self.ask_about_cluster(node, now);
            }
        }
        if self.ids.is_wanted()
            && self.ids_not_before.is_none_or(|at| at <= now)
            && let Some(node) = self.idlest(now)
            && !(self.is_stuck(node, now) && self.find_somebody(now))
        {
            self.ask_for_id(node, now);
        }
    }

    fn ask_about_cluster(&mut self, node: Node, now: Instant) {
        let request = RequestBody::Metadata(self.metadata.ask(now));
        self.send_question(node, Asked::Metadata, request, now);
    }

    fn ask_for_id(&mut self, node: Node, now: Instant) {
        let Some(connection) = self.brokers.get_mut(&node).and_then(Broker::up) else {
            return;
        };
        if connection.versions.init_producer_id.is_none() {
            return self.fail_for_good(ErrorCode::UNSUPPORTED_VERSION);
        }
        self.ids.asked();
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            ..InitProducerIdRequest::default()
        };
        self.send_question(node, Asked::ProducerId, RequestBody::InitProducerId(request), now);
    }

    fn send_question(&mut self, node: Node, asked: Asked, request: RequestBody, now: Instant) {
        let Some(connection) = self.brokers.get_mut(&node).and_then(Broker::up) else {
            return;
        };
        let version = match asked {
            Asked::Metadata => connection.versions.metadata,
            Asked::ProducerId => connection.versions.init_producer_id.unwrap_or(0),
            Asked::Produce(_) => connection.versions.produce,
        };
        let id = connection.push(asked, version, self.config.request_timeout, now);
        self.actions.push_back(Action::Request {
            c: connection.c,
            id,
            version,
            request,
            no_response: false,
        });
    }

    /// The live connection with the fewest requests that has room for one more.
    fn idlest(&self, now: Instant) -> Option<Node> {
        let loads = self
            .brokers
            .iter()
            .filter_map(|(node, broker)| match &broker.link {
                Link::Up(connection) if !broker.is_throttled(now) && self.has_room(connection) => {
                    Some((connection.in_flight(), *node))
                }
                _ => None,
            });
        loads.min().map(|(_, node)| node)
    }

    /// Its oldest request has been waiting for long. A question behind it may have to wait for that request's timeout.
    pub(super) fn is_stuck(&self, node: Node, now: Instant) -> bool {
        match self.brokers.get(&node).map(|broker| &broker.link) {
            Some(Link::Up(connection)) => connection
                .deadline()
                .is_some_and(|at| at + PATIENCE < now + self.config.request_timeout),
            Some(_) | None => false,
        }
    }

    /// Nobody can be asked now with hope of a soon answer. Unless somebody is being dialled, dials one of those that are
    /// most likely to answer. Returns false if there is nobody to dial.
    fn find_somebody(&mut self, now: Instant) -> bool {
        let alone = !self
            .brokers
            .values()
            .any(|broker| matches!(broker.link, Link::Up(_)));
        let mut promising = Vec::new();
        let mut others = Vec::new();
        for (node, broker) in &self.brokers {
            match &broker.link {
                Link::Dialing { since, .. } if *since + PATIENCE > now => {
                    self.deadlines.arm_by(Timer::Question, *since + PATIENCE);
                    return true;
                }
                Link::Up(_) | Link::Dialing { .. } | Link::Abandoned { .. } | Link::Closing(_) => {}
                Link::Down { .. } if !broker.may_dial(now) => {}
                Link::Down { .. } => match node {
                    Node::Broker(_) if !broker.is_failing() => promising.push(*node),
                    Node::Broker(_) | Node::Bootstrap(_) if alone => others.push(*node),
                    Node::Broker(_) | Node::Bootstrap(_) | Node::Lane(..) => {}
                },
            }
        }
        let candidates = if promising.is_empty() { others } else { promising };
        if let Some(node) = candidates.get(self.rng.below(candidates.len())) {
            self.dial(*node, now);
            self.deadlines.arm_by(Timer::Question, now + PATIENCE);
        }
        !candidates.is_empty()
    }

    /// Ends connections to addresses to begin with, once brokers are known by name and nothing is asked there.
    pub(super) fn drop_bootstrap(&mut self) {
        if self.known.is_empty() || self.ids.is_wanted() {
            return;
        }
        let mut ended = None;
        for (node, broker) in &self.brokers {
            if let (Node::Bootstrap(_), Link::Up(connection)) = (node, &broker.link)
                && connection.in_flight() == 0
            {
                ended = Some(connection.c);
            }
        }
        if let Some(c) = ended {
            self.disconnect(c);
        }
    }
}

/// What an application's side sees of the topics that are known, or known to be refused.
pub(super) fn topic_views(metadata: &Metadata, partitions: &[Partition]) -> Vec<Arc<TopicView>> {
    let mut views = Vec::new();
    for (name, topic) in metadata.topics() {
        let state = match topic.error {
            Some(code) if is_final(code) => TopicState::Error(code),
            Some(_) | None if topic.partitions.is_empty() => continue,
            Some(_) | None => TopicState::Ok,
        };
        let partition = |known: &crate::send::discovery::Leadership| PartitionView {
            queue: partitions[known.partition.0 as usize].queue().clone(),
            leader: known.leader,
            leader_epoch: known.epoch,
        };
        let partitions = topic.partitions.iter().map(partition).collect();
        views.push(Arc::new(TopicView::new(
            name.clone(),
            topic.id,
            state,
            partitions,
        )));
    }
    views
}
