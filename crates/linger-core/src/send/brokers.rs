//! The brokers and the bootstrap servers, and which of them owns a connection.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use linger_protocol::messages::ApiVersion;
use linger_protocol::records::Compression;

use crate::address::Address;
use crate::config::Config;
use crate::ids::{BrokerId, ConnectionId};
use crate::send::action::Action;
use crate::send::addresses::Addresses;
use crate::send::backoff::{Backoff, Rng};
use crate::send::broker::{Broker, Seed};
use crate::send::connection::{Connection, Limits, Versions};
use crate::send::flight::Flight;
use crate::send::link::Link;
use crate::send::outbox::Outbox;
use crate::send::target::Target;

/// The least version of Produce that carries record batches of version 2, the only ones written
/// here.
const PRODUCE_MIN: i16 = 3;
/// The least version of Produce that allows zstd.
const PRODUCE_MIN_ZSTD: i16 = 7;

/// Whose a connection is, and where it was dialled: a broker's address may have changed since.
#[derive(Debug)]
struct Owner {
    target: Target,
    address: Address,
}

/// A connection, or a dial, that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Whose it was.
    pub target: Target,
    /// The connection with its unanswered requests. `None` if it was still being dialled.
    pub connection: Option<Connection>,
}

/// All brokers and bootstrap servers.
#[derive(Debug)]
pub struct Brokers {
    config: Arc<Config>,
    by_id: BTreeMap<BrokerId, Broker>,
    seeds: Vec<Seed>,
    addresses: Addresses,
    owner_of: BTreeMap<ConnectionId, Owner>,
    next_connection: u64,
}

impl Brokers {
    /// Knows the bootstrap servers that `config` names, and no broker.
    pub fn new(config: Arc<Config>) -> Self {
        let backoff = Backoff::new(config.reconnect_backoff, config.reconnect_backoff_max);
        Self {
            by_id: BTreeMap::new(),
            seeds: config.bootstrap.iter().cloned().map(Seed::new).collect(),
            addresses: Addresses::new(backoff),
            owner_of: BTreeMap::new(),
            next_connection: 0,
            config,
        }
    }

    /// A broker that metadata named.
    pub fn get(&self, id: BrokerId) -> Option<&Broker> {
        self.by_id.get(&id)
    }

    /// A broker that metadata named.
    pub fn get_mut(&mut self, id: BrokerId) -> Option<&mut Broker> {
        self.by_id.get_mut(&id)
    }

    /// The first broker whose id is greater than `after`.
    pub fn next_after(&self, after: Option<BrokerId>) -> Option<BrokerId> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_id
            .range((from, Bound::Unbounded))
            .next()
            .map(|(id, _)| *id)
    }

    /// The brokers that metadata named.
    pub fn iter(&self) -> impl Iterator<Item = (BrokerId, &Broker)> {
        self.by_id.iter().map(|(id, broker)| (*id, broker))
    }

    /// The bootstrap servers.
    pub fn seeds(&self) -> &[Seed] {
        &self.seeds
    }

    /// How long batches of a partition with this leader linger, unless the partition has a linger
    /// of its own.
    pub fn linger(&self, leader: Option<BrokerId>) -> Duration {
        let broker = leader.and_then(|leader| self.get(leader));
        broker.map_or(self.config.linger, |broker| broker.pacing.linger())
    }

    /// Notes that `id` listens at `address`. If the broker listened elsewhere, its connections end.
    pub fn know(&mut self, id: BrokerId, address: Address, outbox: &mut Outbox) {
        let (connections_max, linger) = (self.config.connections_per_broker, self.config.linger);
        let broker = self
            .by_id
            .entry(id)
            .or_insert_with(|| Broker::new(address.clone(), connections_max, linger));
        if broker.address != address {
            broker.address = address;
            for link in broker.connections.links_mut() {
                outbox.disconnect(link.close());
            }
        }
    }

    /// Forgets the brokers that are not `listed` any more and are not connected. Their rotations go
    /// with them.
    pub fn forget_unlisted(&mut self, listed: &BTreeMap<BrokerId, Address>) {
        let Self {
            by_id,
            seeds,
            addresses,
            ..
        } = self;
        by_id.retain(|id, broker| listed.contains_key(id) || !broker.connections.is_down());
        addresses.retain(|address| {
            let mut of_brokers = by_id.values().map(|broker| &broker.address);
            let mut of_seeds = seeds.iter().map(|seed| &seed.address);
            of_brokers.any(|used| used == address) || of_seeds.any(|used| used == address)
        });
    }

    /// Returns true if the address of `target` may be dialled.
    pub fn may_dial(&self, target: Target, now: Instant) -> bool {
        let address = match target {
            Target::Broker(id) => self.get(id).map(|broker| &broker.address),
            Target::Seed(index) => self.seeds.get(index).map(|seed| &seed.address),
        };
        address.is_some_and(|address| self.addresses.may_dial(address, now))
    }

    /// Returns true if the last connection to the broker failed, and none has been of use since.
    pub fn is_failing(&self, broker: &Broker) -> bool {
        self.addresses.is_failing(&broker.address)
    }

    /// Dials the first connection of a broker, or the connection of a bootstrap server, if it is
    /// down and the address may be dialled.
    pub fn dial(&mut self, target: Target, outbox: &mut Outbox, now: Instant) {
        let place = match target {
            Target::Broker(id) => self.by_id.get_mut(&id).and_then(|broker| {
                let link = broker.connections.first_place()?;
                Some((&broker.address, link))
            }),
            Target::Seed(index) => self.seeds.get_mut(index).and_then(|seed| {
                let link = &mut seed.link;
                link.is_down().then_some((&seed.address, link))
            }),
        };
        let Some((address, link)) = place else { return };
        if !self.addresses.may_dial(address, now) {
            return;
        }
        let address = address.clone();
        let connection = ConnectionId(self.next_connection);
        *link = dialing(connection, &self.config, now);
        self.dialled(connection, target, address, outbox);
    }

    /// Dials a further connection to a broker, if there may be one more and the address may be
    /// dialled.
    pub fn dial_further(&mut self, id: BrokerId, outbox: &mut Outbox, now: Instant) {
        let target = Target::Broker(id);
        if !self.may_dial(target, now) {
            return;
        }
        let Some(broker) = self.by_id.get_mut(&id) else {
            return;
        };
        let Some(link) = broker.connections.further_place() else {
            return;
        };
        let connection = ConnectionId(self.next_connection);
        *link = dialing(connection, &self.config, now);
        let address = broker.address.clone();
        self.dialled(connection, target, address, outbox);
    }

    fn dialled(&mut self, connection: ConnectionId, target: Target, address: Address, outbox: &mut Outbox) {
        self.next_connection += 1;
        self.addresses.dialled(&address, connection);
        let broker = match target {
            Target::Broker(id) => Some(id),
            Target::Seed(_) => None,
        };
        let owner = Owner {
            target,
            address: address.clone(),
        };
        self.owner_of.insert(connection, owner);
        outbox.push(Action::Connect {
            connection,
            broker,
            address,
        });
    }

    /// A dial succeeded, and the broker offers these versions. Without a version in common, the
    /// connection ends.
    pub fn connected(
        &mut self,
        connection: ConnectionId,
        ranges: &[ApiVersion],
        outbox: &mut Outbox,
        now: Instant,
    ) {
        let is_zstd = matches!(self.config.compression, Compression::Zstd { .. });
        let produce_min = if is_zstd { PRODUCE_MIN_ZSTD } else { PRODUCE_MIN };
        let limits = Limits::new(&self.config);
        let Some(link) = self.link_mut(connection).filter(|link| link.is_dialing()) else {
            return;
        };
        let Some(versions) = Versions::negotiate(ranges, produce_min) else {
            return outbox.disconnect(link.close());
        };
        *link = Link::Up(Connection::new(connection, versions, limits, now));
        if let Some(owner) = self.owner_of.get(&connection) {
            self.addresses.connected(&owner.address);
        }
    }

    /// Tells a connection, or a dial, to end. The end is reported later.
    pub fn disconnect(&mut self, connection: ConnectionId, outbox: &mut Outbox) {
        if let Some(link) = self.link_mut(connection) {
            outbox.disconnect(link.close());
        }
    }

    /// Takes the end of a connection, or of a dial: nothing more comes of it, and the back-off of
    /// its address begins. Returns `None` if nobody owns the connection any more.
    pub fn disconnected(&mut self, connection: ConnectionId, rng: &mut Rng, now: Instant) -> Option<Ended> {
        let ended = self.link_mut(connection)?.disconnected();
        let owner = self.owner_of.remove(&connection)?;
        self.addresses.failed(&owner.address, connection, rng, now);
        Some(Ended {
            target: owner.target,
            connection: ended,
        })
    }

    /// Tells every connection and every dial to end.
    pub fn disconnect_all(&mut self, outbox: &mut Outbox) {
        let of_brokers = self
            .by_id
            .values_mut()
            .flat_map(|broker| broker.connections.links_mut());
        for link in of_brokers.chain(self.seeds.iter_mut().map(|seed| &mut seed.link)) {
            outbox.disconnect(link.close());
        }
    }

    /// Lets go of the connections to bootstrap servers on which nothing is asked.
    pub fn close_seeds(&mut self, outbox: &mut Outbox) {
        for seed in &mut self.seeds {
            let idle = seed.link.close_idle(|_| true);
            if let Some(connection) = idle {
                self.owner_of.remove(&connection);
            }
            outbox.disconnect(idle);
        }
    }

    /// Whose a connection is.
    pub fn target_of(&self, connection: ConnectionId) -> Option<Target> {
        self.owner_of.get(&connection).map(|owner| owner.target)
    }

    /// A connection that is connected or ending.
    pub fn connection_mut(&mut self, connection: ConnectionId) -> Option<&mut Connection> {
        self.link_mut(connection)?.connection_mut()
    }

    /// A connection that is connected.
    pub fn up_mut(&mut self, connection: ConnectionId) -> Option<&mut Connection> {
        self.link_mut(connection)?.up_mut()
    }

    fn link_mut(&mut self, connection: ConnectionId) -> Option<&mut Link> {
        match self.owner_of.get(&connection)?.target {
            Target::Broker(id) => self.by_id.get_mut(&id)?.connections.link_mut(connection),
            Target::Seed(index) => Some(&mut self.seeds.get_mut(index)?.link),
        }
    }

    /// Returns true if a request is known to have been handed to the transport to its last byte.
    pub fn was_written(&self, flight: Flight) -> bool {
        match self.target_of(flight.connection) {
            Some(Target::Broker(id)) => self.get(id).is_some_and(|broker| {
                let mut links = broker.connections.links();
                links.any(|link| link.was_written(flight))
            }),
            Some(Target::Seed(index)) => self
                .seeds
                .get(index)
                .is_some_and(|seed| seed.link.was_written(flight)),
            None => false,
        }
    }

    /// Notes that a request on `connection` was answered.
    pub fn answered(&mut self, connection: ConnectionId) {
        if let Some(owner) = self.owner_of.get(&connection) {
            self.addresses.answered(&owner.address);
        }
    }

    /// Holds all requests to the owner of a connection for `time` (KIP-219).
    pub fn throttle(&mut self, target: Target, time: Duration, now: Instant) {
        match target {
            Target::Broker(id) => {
                if let Some(broker) = self.by_id.get_mut(&id) {
                    broker.throttle(time, now);
                }
            }
            Target::Seed(index) => {
                if let Some(seed) = self.seeds.get_mut(index) {
                    seed.throttle(time, now);
                }
            }
        }
    }

    /// The deadline of `target` has come: whichever of its deadlines it is. Returns true if a dial
    /// or a request took too long.
    pub fn handle_timeout(&mut self, target: Target, outbox: &mut Outbox, now: Instant) -> bool {
        let Self {
            by_id,
            seeds,
            owner_of,
            config,
            ..
        } = self;
        let mut close_due = |link: &mut Link| {
            let max_idle = config.connections_max_idle;
            let is_idle = |up: &Connection| up.idle_until(max_idle).is_some_and(|until| until <= now);
            let idle = link.close_idle(is_idle);
            if let Some(connection) = idle {
                owner_of.remove(&connection);
            }
            outbox.disconnect(idle);
            let is_overdue = link.overdue(now).is_some();
            if is_overdue {
                outbox.disconnect(link.close());
            }
            is_overdue
        };
        match target {
            Target::Broker(id) => by_id.get_mut(&id).is_some_and(|broker| {
                broker.pacing.handle_timeout(now);
                let links = broker.connections.links_mut();
                links.fold(false, |is_overdue, link| close_due(link) | is_overdue)
            }),
            Target::Seed(index) => seeds.get_mut(index).is_some_and(|seed| close_due(&mut seed.link)),
        }
    }

    /// When each broker and each bootstrap server is to be looked at next.
    pub fn deadlines(&self, now: Instant) -> impl Iterator<Item = (Target, Instant)> {
        let max_idle = self.config.connections_max_idle;
        let of_brokers = self.by_id.iter().map(move |(id, broker)| {
            let backs_off_until = self.addresses.backs_off_until(&broker.address, now);
            (
                Target::Broker(*id),
                broker.deadline(backs_off_until, max_idle, now),
            )
        });
        let of_seeds = self.seeds.iter().enumerate().map(move |(index, seed)| {
            let backs_off_until = self.addresses.backs_off_until(&seed.address, now);
            (Target::Seed(index), seed.deadline(backs_off_until, max_idle))
        });
        of_brokers
            .chain(of_seeds)
            .filter_map(|(target, at)| Some((target, at?)))
    }
}

fn dialing(connection: ConnectionId, config: &Config, now: Instant) -> Link {
    Link::Dialing {
        connection,
        since: now,
        deadline: now + config.socket_connection_setup_timeout,
    }
}
