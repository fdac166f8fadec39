//! What is known of each address that was dialled: whether a dial is under way, how often
//! connections failed in a row, and until when the address is left alone.
//!
//! The back-off belongs to the address, not to the broker: a bootstrap server and the broker that
//! listens at the same address share it. So an address gets at most one dial at a time, and at most
//! one per back-off.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::address::Address;
use crate::ids::ConnectionId;
use crate::send::backoff::{Backoff, Rng};

/// The addresses that were dialled.
#[derive(Debug)]
pub struct Addresses {
    backoff: Backoff,
    known: BTreeMap<Address, Reachability>,
    /// How many of the known addresses are failing.
    failing: usize,
    /// The end of the last back-off.
    clear_from: Option<Instant>,
}

#[derive(Debug, Default)]
struct Reachability {
    /// The dial that is under way.
    dial: Option<ConnectionId>,
    /// Dials and connections that ended since the address last answered a request.
    failures: u32,
    /// The end of the back-off after the last failure.
    not_before: Option<Instant>,
}

impl Addresses {
    /// No address was dialled. After a failure an address is left alone for `backoff`.
    pub fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            known: BTreeMap::new(),
            failing: 0,
            clear_from: None,
        }
    }

    /// Returns true if `address` may be dialled at `now`: no dial is under way there, and its
    /// back-off is over.
    pub fn may_dial(&self, address: &Address, now: Instant) -> bool {
        self.known
            .get(address)
            .is_none_or(|known| known.dial.is_none() && known.not_before.is_none_or(|at| at <= now))
    }

    /// Returns true if the last connection to `address` failed, and none has been of use since.
    pub fn is_failing(&self, address: &Address) -> bool {
        self.known.get(address).is_some_and(|known| known.failures > 0)
    }

    /// When the back-off of `address` ends, if that is later than `now`.
    pub fn backs_off_until(&self, address: &Address, now: Instant) -> Option<Instant> {
        self.clear_from.filter(|at| *at > now)?;
        self.known.get(address)?.not_before.filter(|at| *at > now)
    }

    /// Notes that the dial `connection` of `address` begins.
    pub fn dialled(&mut self, address: &Address, connection: ConnectionId) {
        self.known.entry(address.clone()).or_default().dial = Some(connection);
    }

    /// Notes that the dial of `address` succeeded.
    pub fn connected(&mut self, address: &Address) {
        if let Some(known) = self.known.get_mut(address) {
            known.dial = None;
        }
    }

    /// Notes that `address` answered a request: the next loss of a connection is the first again.
    pub fn answered(&mut self, address: &Address) {
        if self.failing == 0 {
            return;
        }
        if let Some(known) = self.known.get_mut(address)
            && known.failures > 0
        {
            known.failures = 0;
            self.failing -= 1;
        }
    }

    /// Notes that a dial of, or a connection to, `address` has ended against our will. The back-off
    /// begins.
    pub fn failed(&mut self, address: &Address, connection: ConnectionId, rng: &mut Rng, now: Instant) {
        let known = self.known.entry(address.clone()).or_default();
        if known.dial == Some(connection) {
            known.dial = None;
        }
        if known.failures == 0 {
            self.failing += 1;
        }
        known.not_before = Some(now + self.backoff.delay(known.failures, rng));
        self.clear_from = self.clear_from.max(known.not_before);
        known.failures = known.failures.saturating_add(1);
    }

    /// Forgets every address that is not `in_use` and is not being dialled.
    pub fn retain(&mut self, in_use: impl Fn(&Address) -> bool) {
        self.known
            .retain(|address, known| known.dial.is_some() || in_use(address));
        self.failing = self.known.values().filter(|known| known.failures > 0).count();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::origin;

    const FIRST: ConnectionId = ConnectionId(1);

    fn addresses() -> (Addresses, Address, Rng) {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        (Addresses::new(backoff), Address::new("h", 1), Rng::new(1))
    }

    #[test]
    fn an_address_has_one_dial_at_a_time() {
        let (mut addresses, address, _) = addresses();
        let now = origin();
        assert!(addresses.may_dial(&address, now));
        addresses.dialled(&address, FIRST);
        assert!(!addresses.may_dial(&address, now));
        addresses.connected(&address);
        assert!(addresses.may_dial(&address, now));
    }

    #[test]
    fn the_end_of_another_connection_does_not_end_a_dial() {
        let (mut addresses, address, mut rng) = addresses();
        let now = origin();
        addresses.dialled(&address, FIRST);
        addresses.failed(&address, ConnectionId(0), &mut rng, now);
        assert!(!addresses.may_dial(&address, now + Duration::from_secs(9)));
        addresses.failed(&address, FIRST, &mut rng, now);
        assert!(addresses.may_dial(&address, now + Duration::from_secs(9)));
    }

    #[test]
    fn the_back_off_grows_until_the_address_answers() {
        let (mut addresses, address, mut rng) = addresses();
        let now = origin();
        let mut delay = |addresses: &mut Addresses| {
            addresses.failed(&address, FIRST, &mut rng, now);
            let until = addresses.backs_off_until(&address, now).expect("it backs off");
            until - now
        };
        let first = delay(&mut addresses);
        let third = {
            delay(&mut addresses);
            delay(&mut addresses)
        };
        assert!(third > first * 2, "{first:?} {third:?}");
        assert!(addresses.is_failing(&address));
        addresses.answered(&address);
        assert!(!addresses.is_failing(&address));
        assert!(delay(&mut addresses) < first * 2);
    }

    #[test]
    fn an_address_that_nobody_uses_is_forgotten() {
        let (mut addresses, address, mut rng) = addresses();
        let now = origin();
        addresses.failed(&address, FIRST, &mut rng, now);
        addresses.retain(|_| false);
        assert!(addresses.may_dial(&address, now));
        assert_eq!(addresses.failing, 0);
    }
}
