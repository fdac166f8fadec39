//! Followers' fetches: per pair of leader and follower one fetch is under way at a time, for all
//! partitions that they share.
//!
//! A fetch takes what its leader's logs hold when the fetch begins, as far as there is room. When
//! the fetch arrives, the leader learns what the follower has. Records that had no room, and
//! records that are appended meanwhile, go with the next fetch. So acknowledgements come in groups
//! and in order, as in Kafka. An independent delay per request would give neither.
//!
//! Partitions take turns: a partition that gave records comes behind all others, so that none is
//! starved (KIP-227).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::config::ModelConfig;
use crate::ids::PartitionKey;
use crate::log::{LogSlice, PartitionLog};

/// A pair of leader and follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkId(usize);

/// What one fetch took from one partition, which may be nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) partition: PartitionKey,
    pub(crate) bytes: usize,
    /// Where the follower's log ends with it.
    pub(crate) end: i64,
    /// Where the leader's log ended.
    pub(crate) leader_end: i64,
    pub(crate) leader_epoch: i32,
}

/// A fetch under way.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) began: Instant,
    pub(crate) arrives: Instant,
    pub(crate) taken: Vec<Taken>,
}

/// The room that is left in one fetch.
#[derive(Debug)]
pub(crate) struct Room {
    per_partition: usize,
    left: usize,
    is_empty: bool,
}

impl Room {
    /// The room in an empty fetch.
    pub(crate) fn of(config: &ModelConfig) -> Self {
        Self {
            per_partition: config.replica_fetch_max_bytes,
            left: config.replica_fetch_response_max_bytes,
            is_empty: true,
        }
    }

    /// Takes what there is room for of a log from an offset on: whole batches, and at least one if
    /// the fetch is empty (KIP-74). The beginning of a batch that was cut takes room too, though
    /// the follower drops it.
    pub(crate) fn take<'a>(&mut self, log: &'a PartitionLog, from: i64) -> LogSlice<'a> {
        let limit = self.per_partition.min(self.left);
        let slice = log.read(from, log.end(), limit, self.is_empty);
        self.left = self.left.saturating_sub(slice.bytes());
        self.is_empty &= slice.bytes() == 0;
        slice
    }
}

#[derive(Debug, Default)]
struct Link {
    fetch: Option<Fetch>,
    /// Partitions with something to fetch.
    pending: BTreeSet<PartitionKey>,
    /// Each partition's last turn. A partition that had none comes first.
    turns: BTreeMap<PartitionKey, u64>,
    turns_taken: u64,
}

/// The links between all brokers.
#[derive(Debug)]
pub(crate) struct Fetchers {
    brokers: usize,
    links: Vec<Link>,
}

impl Fetchers {
    pub(crate) fn new(brokers: usize) -> Self {
        let links = std::iter::repeat_with(Link::default)
            .take(brokers * brokers)
            .collect();
        Self { brokers, links }
    }

    pub(crate) fn link(&self, leader: i32, follower: i32) -> LinkId {
        LinkId(leader as usize * self.brokers + follower as usize)
    }

    /// The link's leader and follower.
    pub(crate) fn ends(&self, link: LinkId) -> (i32, i32) {
        ((link.0 / self.brokers) as i32, (link.0 % self.brokers) as i32)
    }

    /// A partition has something to fetch.
    pub(crate) fn add_pending(&mut self, link: LinkId, partition: PartitionKey) {
        self.links[link.0].pending.insert(partition);
    }

    /// Takes the partitions that have something to fetch, in turn; `None` if there is none, or
    /// while a fetch is under way.
    pub(crate) fn take_pending(&mut self, link: LinkId) -> Option<Vec<PartitionKey>> {
        let link = &mut self.links[link.0];
        if link.fetch.is_some() || link.pending.is_empty() {
            return None;
        }
        let mut pending: Vec<_> = std::mem::take(&mut link.pending).into_iter().collect();
        pending.sort_by_cached_key(|partition| link.turns.get(partition).copied());
        Some(pending)
    }

    pub(crate) fn begin(&mut self, link: LinkId, fetch: Fetch) {
        let link = &mut self.links[link.0];
        for taken in fetch.taken.iter().filter(|taken| taken.bytes > 0) {
            link.turns_taken += 1;
            link.turns.insert(taken.partition, link.turns_taken);
        }
        link.fetch = Some(fetch);
    }

    /// Ends the fetch that was to arrive at `due`; `None` if the fetch was broken off.
    pub(crate) fn end(&mut self, link: LinkId, due: Instant) -> Option<Fetch> {
        self.links[link.0].fetch.take_if(|fetch| fetch.arrives == due)
    }

    /// A broker fell silent: its fetches, and the fetches from it, come to nothing.
    pub(crate) fn break_off(&mut self, broker: i32) {
        for index in 0..self.links.len() {
            let (leader, follower) = self.ends(LinkId(index));
            if leader == broker || follower == broker {
                self.links[index] = Link::default();
            }
        }
    }
}
