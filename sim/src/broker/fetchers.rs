//! Followers fetch: per pair of leader and follower one fetch is under way at a time, for all partitions they share.
//!
//! A fetch takes what its leader's logs hold when it begins, and when it is through the leader learns that the follower has it.
//! Whatever is appended meanwhile goes with the next fetch. That makes acknowledgements group-committed and in order, as in
//! Kafka; an independent delay per request would be neither.

use std::collections::BTreeSet;
use std::time::Instant;

use super::topics::PartitionKey;

/// A pair of leader and follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkId(usize);

/// What one fetch took from one partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) partition: PartitionKey,
    pub(crate) end: i64,
    pub(crate) leader_epoch: i32,
}

/// A fetch under way.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) began: Instant,
    pub(crate) through: Instant,
    pub(crate) taken: Vec<Taken>,
}

#[derive(Debug, Default)]
struct Link {
    fetch: Option<Fetch>,
    /// Partitions with something to fetch.
    news: BTreeSet<PartitionKey>,
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

    /// There is something new in a partition.
    pub(crate) fn note_news(&mut self, link: LinkId, partition: PartitionKey) {
        self.links[link.0].news.insert(partition);
    }

    /// Takes the news for a fetch to begin with; `None` while one is under way or there are none.
    pub(crate) fn take_news(&mut self, link: LinkId) -> Option<BTreeSet<PartitionKey>> {
        let link = &mut self.links[link.0];
        let may_begin = link.fetch.is_none() && !link.news.is_empty();
        may_begin.then(|| std::mem::take(&mut link.news))
    }

    pub(crate) fn begin(&mut self, link: LinkId, fetch: Fetch) {
        self.links[link.0].fetch = Some(fetch);
    }

    /// Ends the fetch that was to be through at `due`; `None` if it was broken off.
    pub(crate) fn end(&mut self, link: LinkId, due: Instant) -> Option<Fetch> {
        self.links[link.0].fetch.take_if(|fetch| fetch.through == due)
    }

    /// A broker fell silent: its fetches, and those from it, come to nothing.
    pub(crate) fn break_off(&mut self, broker: i32) {
        for index in 0..self.links.len() {
            let (leader, follower) = self.ends(LinkId(index));
            if leader == broker || follower == broker {
                self.links[index] = Link::default();
            }
        }
    }
}
