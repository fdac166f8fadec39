//! Replication: followers fetch from leaders, high watermarks move, followers that lag leave the
//! in-sync set.
//!
//! The rules of one partition are in `replica_set`, and which fetch takes what in `fetchers`. This
//! file joins both with the clock, the latencies and the requests that wait.

use std::time::Instant;

use crate::brokers::Brokers;
use crate::clock::Clock;
use crate::config::ModelConfig;
use crate::deadlines::{DeadlineId, Deadlines, Due};
use crate::fetchers::{Fetch, Fetchers, LinkId, Room, Taken};
use crate::history::{History, Observation};
use crate::ids::PartitionKey;
use crate::partitions::Partitions;
use crate::replica_set::FollowerFetch;
use crate::rng::Rng;
use crate::wakeups::Wakeups;

/// The state of replication that belongs to no single partition.
#[derive(Debug)]
pub(crate) struct Replication {
    fetchers: Fetchers,
    /// Set while some follower may lag.
    lag_check: Option<DeadlineId>,
}

impl Replication {
    pub(crate) fn new(brokers: usize) -> Self {
        Self {
            fetchers: Fetchers::new(brokers),
            lag_check: None,
        }
    }

    /// A broker fell silent: its fetches, and the fetches from it, come to nothing.
    pub(crate) fn break_off(&mut self, broker: i32) {
        self.fetchers.break_off(broker);
    }
}

/// Replication, and the parts of the cluster that replication reads and changes.
pub(crate) struct Replicator<'a> {
    pub(crate) state: &'a mut Replication,
    pub(crate) partitions: &'a mut Partitions,
    pub(crate) brokers: &'a Brokers,
    pub(crate) config: &'a ModelConfig,
    pub(crate) clock: Clock,
    pub(crate) rng: &'a mut Rng,
    pub(crate) deadlines: &'a mut Deadlines,
    pub(crate) wakeups: &'a mut Wakeups,
    pub(crate) history: &'a mut History,
    pub(crate) now: Instant,
}

impl Replicator<'_> {
    /// Lets followers have what the leaders of some partitions have: at once without latency, else
    /// by their next fetch.
    pub(crate) fn replicate(&mut self, keys: &[PartitionKey]) {
        let mut links = Vec::new();
        for &key in keys {
            let Some(leader) = self.partitions[key].replicas.leader() else {
                continue;
            };
            for nth in 0..self.partitions[key].replicas.replicas().len() {
                let partition = &mut self.partitions[key];
                let end = partition.log.end();
                let replica = &partition.replicas.replicas()[nth];
                let follower = replica.broker;
                let has_all = replica.in_sync && replica.end == end;
                let can_fetch = self.brokers.is_running(leader) && self.brokers.is_running(follower);
                if follower == leader || has_all || !can_fetch {
                    continue;
                }
                if self.config.latency_of(follower).is_zero() {
                    let fetch = FollowerFetch {
                        began: self.now,
                        leader_end: end,
                    };
                    partition.replicas.replicated(follower, end, fetch, self.now);
                } else {
                    let link = self.state.fetchers.link(leader, follower);
                    self.state.fetchers.add_pending(link, key);
                    links.push(link);
                }
            }
        }
        // The fetches begin only now, so that one fetch takes what is new in all of these
        // partitions.
        links.into_iter().for_each(|link| self.begin_fetch(link));
    }

    fn begin_fetch(&mut self, link: LinkId) {
        let Some(pending) = self.state.fetchers.take_pending(link) else {
            return;
        };
        let (leader, follower) = self.state.fetchers.ends(link);
        let mut room = Room::of(self.config);
        let mut taken = Vec::with_capacity(pending.len());
        for key in pending {
            let partition = &self.partitions[key];
            let replicas = &partition.replicas;
            let (true, Some(from)) = (partition.is_led_by(leader), replicas.end_of(follower)) else {
                // The partition was noted before an election, and another broker may lead it now.
                continue;
            };
            let slice = room.take(&partition.log, from);
            taken.push(Taken {
                partition: key,
                bytes: slice.bytes(),
                // A follower that is behind the log start goes on from there.
                end: slice.end().unwrap_or_else(|| from.max(partition.log.start())),
                leader_end: partition.log.end(),
                leader_epoch: replicas.leader_epoch(),
            });
        }
        if taken.is_empty() {
            return;
        }
        let latency = self.config.latency_of(follower);
        let arrives = self.now + latency.sample(self.clock.elapsed(self.now), self.rng);
        let fetch = Fetch {
            began: self.now,
            arrives,
            taken,
        };
        self.state.fetchers.begin(link, fetch);
        self.deadlines.set(arrives, Due::Fetched(link));
    }

    /// A fetch that was to arrive at `due` has arrived: its leader learns what the follower has.
    pub(crate) fn finish_fetch(&mut self, link: LinkId, due: Instant) {
        let Some(fetch) = self.state.fetchers.end(link, due) else {
            return;
        };
        let (_, follower) = self.state.fetchers.ends(link);
        for taken in fetch.taken {
            let replicas = &mut self.partitions[taken.partition].replicas;
            if replicas.leader_epoch() == taken.leader_epoch {
                let fetch = FollowerFetch {
                    began: fetch.began,
                    leader_end: taken.leader_end,
                };
                replicas.replicated(follower, taken.end, fetch, self.now);
                self.settle(taken.partition);
                if self.partitions[taken.partition].log.end() > taken.end {
                    self.state.fetchers.add_pending(link, taken.partition);
                }
            }
        }
        self.begin_fetch(link);
    }

    /// Moves the high watermark as far as it may go, and wakes the requests that waited for that.
    pub(crate) fn settle(&mut self, key: PartitionKey) {
        let lag_max = self.config.replica_lag_time_max;
        let brokers = self.brokers;
        let partition = &mut self.partitions[key];
        let is_live = |broker: i32| brokers.is_live(broker);
        if partition.replicas.advance(lag_max, is_live, self.now) {
            self.history.note(|| Observation::HighWatermark {
                topic: partition.topic.clone(),
                partition: partition.index,
                offset: partition.replicas.high_watermark(),
            });
            partition.wake_for_high_watermark(self.wakeups);
        }
        if self.state.lag_check.is_none() && partition.replicas.is_lagging() {
            self.state.lag_check = Some(self.deadlines.set(self.now + lag_max / 2, Due::LagCheck));
        }
    }

    /// Looks for followers that have lagged too long; again as long as there is one that lags.
    pub(crate) fn check_lag(&mut self) {
        self.state.lag_check = None;
        for key in self.partitions.keys() {
            let lag_max = self.config.replica_lag_time_max;
            self.partitions[key].replicas.shrink(lag_max, self.now);
            self.settle(key);
        }
    }

    /// Carries out an election: the new leader's log counts, and the requests that waited at the
    /// old leader are told.
    pub(crate) fn leader_changed(&mut self, key: PartitionKey) {
        let partition = &mut self.partitions[key];
        let lost = partition.truncate_to_leader();
        self.history.note(|| Observation::LeaderChanged {
            topic: partition.topic.clone(),
            partition: partition.index,
            leader: partition.replicas.leader(),
            leader_epoch: partition.replicas.leader_epoch(),
        });
        if let Some((from, until)) = lost {
            self.history.note(|| Observation::Truncated {
                topic: partition.topic.clone(),
                partition: partition.index,
                from,
                until,
            });
        }
        partition.wake_all(self.wakeups);
        self.replicate(&[key]);
    }
}
