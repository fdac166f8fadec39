//! To whom a question about the cluster, or for a producer id, is put.
//!
//! A question goes to the least loaded live connection. If there is none, a broker is dialled that
//! has not just failed, or else the bootstrap servers are dialled again (KIP-899): when every known
//! broker is gone, they are the way back.

use std::time::Instant;

use linger_protocol::ErrorCode;
use linger_protocol::messages::RequestBody;

use crate::ids::ConnectionId;
use crate::send::action::Action;
use crate::send::backoff::Rng;
use crate::send::brokers::Brokers;
use crate::send::connection::{Asked, Connection, PATIENCE, Versions};
use crate::send::deadlines::{Deadlines, Timer};
use crate::send::discovery::Discovery;
use crate::send::identity::Identity;
use crate::send::link::Link;
use crate::send::outbox::Outbox;
use crate::send::policy::Policy;
use crate::send::target::Target;

/// The parts that ask, and those that are asked.
pub(super) struct Questions<'a> {
    pub(super) policy: &'a Policy,
    pub(super) brokers: &'a mut Brokers,
    pub(super) discovery: &'a mut Discovery,
    pub(super) identity: &'a mut Identity,
    pub(super) deadlines: &'a mut Deadlines,
    pub(super) rng: &'a mut Rng,
    pub(super) outbox: &'a mut Outbox,
}

impl Questions<'_> {
    /// Sends the questions that are due. Returns a code if nobody will ever be able to answer.
    pub(super) fn ask(mut self, now: Instant) -> Option<ErrorCode> {
        if self.discovery.is_due(now)
            && let Some((connection, versions)) = self.respondent(now)
        {
            let request = self.discovery.ask(now);
            self.send(
                connection,
                Asked::Metadata,
                versions.metadata,
                RequestBody::Metadata(request),
                now,
            );
        }
        // A first connection is dialled for metadata, not for a producer id.
        if self.identity.is_due(now)
            && least_loaded(self.brokers, now).is_some()
            && let Some((connection, versions)) = self.respondent(now)
        {
            let Some(version) = versions.init_producer_id else {
                return Some(ErrorCode::UNSUPPORTED_VERSION);
            };
            let request = RequestBody::InitProducerId(self.identity.ask(self.policy));
            self.send(connection, Asked::ProducerId, version, request, now);
        }
        None
    }

    /// The connection on which to ask. `None` if nobody is connected, or if another broker may
    /// answer sooner: the search for one has begun.
    fn respondent(&mut self, now: Instant) -> Option<(ConnectionId, Versions)> {
        let asked = least_loaded(self.brokers, now);
        let is_stuck = asked.is_none_or(|connection| connection.is_stuck(now));
        let asked = asked.map(|connection| (connection.id, connection.versions));
        if is_stuck && let Some(until) = find_respondent(self.brokers, self.rng, self.outbox, now) {
            self.deadlines.arm_by(Timer::Question, until);
            return None;
        }
        asked
    }

    fn send(
        &mut self,
        connection: ConnectionId,
        asked: Asked,
        version: i16,
        request: RequestBody,
        now: Instant,
    ) {
        let Some(up) = self.brokers.up_mut(connection) else {
            return;
        };
        let id = up.push(asked, version, now);
        self.outbox.push(Action::Request {
            connection,
            id,
            version,
            request,
            no_response: false,
        });
    }
}

/// The live connection with the fewest requests that has room for one more. Of several, a broker's
/// first connection is preferred to its further ones, and those to a bootstrap server's.
fn least_loaded(brokers: &Brokers, now: Instant) -> Option<&Connection> {
    let askable = || brokers.iter().filter(|(_, broker)| !broker.is_throttled(now));
    let first = askable().map(|(_, broker)| broker.connections.first());
    let further = askable().flat_map(|(_, broker)| broker.connections.links().skip(1));
    let seeds = brokers.seeds().iter().filter_map(|seed| seed.up(now));
    let connections = first.chain(further).filter_map(Link::up).chain(seeds);
    connections
        .filter(|connection| connection.has_room())
        .min_by_key(|connection| connection.in_flight())
}

/// Nobody can be asked now with hope of a soon answer. Unless somebody is being dialled, dials one
/// of those that are most likely to answer. Returns until when to wait for the dial; `None` if
/// there is nobody to dial.
fn find_respondent(
    brokers: &mut Brokers,
    rng: &mut Rng,
    outbox: &mut Outbox,
    now: Instant,
) -> Option<Instant> {
    let of_brokers = || brokers.iter().flat_map(|(_, broker)| broker.connections.links());
    let links = || of_brokers().chain(brokers.seeds().iter().map(|seed| &seed.link));
    let patience = |link: &Link| match link {
        Link::Dialing { since, .. } => Some(*since + PATIENCE).filter(|until| *until > now),
        Link::Down | Link::Abandoned { .. } | Link::Up(_) | Link::Closing(_) => None,
    };
    if let Some(until) = links().find_map(patience) {
        return Some(until);
    }
    let is_alone = !links().any(|link| link.up().is_some());
    let mut promising = Vec::new();
    let mut others = Vec::new();
    for (id, broker) in brokers.iter() {
        let target = Target::Broker(id);
        if !broker.connections.first().is_down() || !brokers.may_dial(target, now) {
            continue;
        }
        if !brokers.is_failing(broker) {
            promising.push(target);
        } else if is_alone {
            others.push(target);
        }
    }
    for (index, seed) in brokers.seeds().iter().enumerate() {
        let target = Target::Seed(index);
        if is_alone && seed.link.is_down() && brokers.may_dial(target, now) {
            others.push(target);
        }
    }
    let candidates = if promising.is_empty() { others } else { promising };
    let target = *candidates.get(rng.below(candidates.len()))?;
    brokers.dial(target, outbox, now);
    Some(now + PATIENCE)
}
