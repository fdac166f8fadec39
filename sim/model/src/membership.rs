//! Which brokers live, and what follows for the partitions: replication, in-sync sets, elections.

use std::time::Instant;

use linger_protocol::Str;

use super::fetch_sessions::FetchSessions;
use super::fetchers::{Fetch, LinkId, Room, Taken};
use super::history::Observation;
use super::inflight_request::Waits;
use super::purgatory::{DeadlineId, Due};
use super::replica_set::Asked;
use super::topics::PartitionKey;
use super::{Close, ClusterModel, ControlError};

/// One broker.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) state: NodeState,
    /// The controller takes it for dead: it is in no in-sync set (but as the last) and leads nothing.
    pub(crate) is_fenced: bool,
    fence_due: Option<DeadlineId>,
    /// Connections it has accepted.
    pub(crate) accepted: u64,
    pub(crate) fetch_sessions: FetchSessions,
}

/// What a broker's process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeState {
    Running,
    Frozen,
    Stopped,
}

impl Node {
    pub(crate) fn new() -> Self {
        Self {
            state: NodeState::Running,
            is_fenced: false,
            fence_due: None,
            accepted: 0,
            fetch_sessions: FetchSessions::default(),
        }
    }
}

impl ClusterModel {
    pub(super) fn stop(&mut self, broker: i32, now: Instant) -> Result<(), ControlError> {
        if self.node_state(broker)? == NodeState::Stopped {
            return Ok(());
        }
        self.fall_silent(broker, NodeState::Stopped);
        self.nodes[broker as usize].fetch_sessions = FetchSessions::default();
        for deadline in self.purgatory.drop_of_broker(broker) {
            self.deadlines.cancel(deadline);
        }
        let open = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.broker == broker);
        for c in open.map(|(&c, _)| c).collect::<Vec<_>>() {
            self.close(c, Close::Reset);
        }
        if self.config.failover.is_zero() {
            self.fence(broker, now);
        } else {
            self.fence_at(broker, now + self.config.failover);
        }
        Ok(())
    }

    pub(super) fn start(&mut self, broker: i32, now: Instant) -> Result<(), ControlError> {
        if self.node_state(broker)? == NodeState::Stopped {
            self.come_back(broker, now);
        }
        Ok(())
    }

    pub(super) fn freeze(&mut self, broker: i32, now: Instant) -> Result<(), ControlError> {
        if self.node_state(broker)? == NodeState::Running {
            self.fall_silent(broker, NodeState::Frozen);
            self.fence_at(broker, now + self.config.session_timeout);
        }
        Ok(())
    }

    pub(super) fn thaw(&mut self, broker: i32, now: Instant) -> Result<(), ControlError> {
        if self.node_state(broker)? == NodeState::Frozen {
            self.come_back(broker, now);
            let frozen = self.purgatory.of_broker(broker);
            let thawed = |id: &_| {
                self.purgatory
                    .peek(*id)
                    .is_some_and(|work| work.waits == Waits::Thaw)
            };
            self.awake
                .extend(frozen.into_iter().filter(thawed).map(|id| (id, Waits::Thaw)));
        }
        Ok(())
    }

    fn node_state(&self, broker: i32) -> Result<NodeState, ControlError> {
        let node = usize::try_from(broker)
            .ok()
            .and_then(|broker| self.nodes.get(broker));
        let brokers = self.nodes.len();
        node.map(|node| node.state)
            .ok_or(ControlError::UnknownBroker { broker, brokers })
    }

    /// Whether a broker reads, answers and fetches.
    pub(super) fn is_running(&self, broker: i32) -> bool {
        self.nodes[broker as usize].state == NodeState::Running
    }

    /// Whether the controller takes a broker for alive.
    pub(super) fn is_live(&self, broker: i32) -> bool {
        !self.nodes[broker as usize].is_fenced
    }

    fn fall_silent(&mut self, broker: i32, state: NodeState) {
        let node = &mut self.nodes[broker as usize];
        node.state = state;
        if let Some(due) = node.fence_due.take() {
            self.deadlines.cancel(due);
        }
        self.fetchers.break_off(broker);
    }

    fn fence_at(&mut self, broker: i32, at: Instant) {
        if self.is_live(broker) {
            self.nodes[broker as usize].fence_due = Some(self.deadlines.set(at, Due::Fence(broker)));
        }
    }

    /// Takes a silent broker for dead: others take over what it led.
    pub(super) fn fence(&mut self, broker: i32, now: Instant) {
        let node = &mut self.nodes[broker as usize];
        node.fence_due = None;
        if std::mem::replace(&mut node.is_fenced, true) {
            return;
        }
        for key in self.partition_keys() {
            let led_before = self.partition(key).replicas.leader_epoch();
            let nodes = &self.nodes;
            let replicas = &mut self.partitions[key.0 as usize].replicas;
            if !replicas.fence(broker, |broker| !nodes[broker as usize].is_fenced) {
                continue;
            }
            if self.partition(key).replicas.leader_epoch() != led_before {
                self.leader_changed(key, now);
            }
            self.settle(key, now);
        }
    }

    /// A broker that was silent goes on: it catches up, and leads what nobody else could.
    fn come_back(&mut self, broker: i32, now: Instant) {
        let node = &mut self.nodes[broker as usize];
        node.state = NodeState::Running;
        node.is_fenced = false;
        if let Some(due) = node.fence_due.take() {
            self.deadlines.cancel(due);
        }
        for key in self.partition_keys() {
            if !self.partition(key).replicas.holds(broker) {
                continue;
            }
            if self.partition(key).replicas.leader().is_none() {
                let nodes = &self.nodes;
                let replicas = &mut self.partitions[key.0 as usize].replicas;
                replicas.elect(|broker| !nodes[broker as usize].is_fenced);
                self.leader_changed(key, now);
            }
            self.replicate(&[key], now);
            self.settle(key, now);
        }
    }

    pub(super) fn move_leader(
        &mut self,
        topic: &Str,
        partition: i32,
        to: i32,
        now: Instant,
    ) -> Result<(), ControlError> {
        let name = || topic.clone();
        let key = self.topics.partition(topic, partition);
        let key = key.ok_or_else(|| ControlError::UnknownPartition {
            topic: name(),
            partition,
        })?;
        if self.node_state(to)? == NodeState::Stopped || !self.is_live(to) {
            return Err(ControlError::NotAlive { broker: to });
        }
        let replicas = &mut self.partition_mut(key).replicas;
        let leader = replicas.leader().ok_or_else(|| ControlError::NoLeader {
            topic: name(),
            partition,
        })?;
        if leader == to {
            return Ok(());
        }
        if !replicas.holds(to) {
            replicas.reassign_leader(to);
        } else if replicas.in_sync().any(|broker| broker == to) {
            replicas.lead(Some(to));
        } else {
            return Err(ControlError::NotInSync { broker: to });
        }
        self.leader_changed(key, now);
        self.settle(key, now);
        Ok(())
    }

    /// What follows an election: the new leader's log counts, and whoever waited at the old leader is told.
    fn leader_changed(&mut self, key: PartitionKey, now: Instant) {
        let partition = &mut self.partitions[key.0 as usize];
        let lost = partition.truncate_to_leader();
        let (topic, index) = (&partition.topic, partition.index);
        let (leader, leader_epoch) = (partition.replicas.leader(), partition.replicas.leader_epoch());
        self.history.note(|| Observation::LeaderChanged {
            topic: topic.clone(),
            partition: index,
            leader,
            leader_epoch,
        });
        if let Some((from, until)) = lost {
            self.history.note(|| Observation::Truncated {
                topic: topic.clone(),
                partition: index,
                from,
                until,
            });
        }
        self.awake.extend(partition.wake_all());
        self.replicate(&[key], now);
    }

    /// Lets followers have what the leaders of some partitions have: at once without latency, else by their next fetch.
    pub(super) fn replicate(&mut self, keys: &[PartitionKey], now: Instant) {
        let mut links = Vec::new();
        for &key in keys {
            let Some(leader) = self.partition(key).replicas.leader() else {
                continue;
            };
            for nth in 0..self.partition(key).replicas.replicas().len() {
                let partition = &mut self.partitions[key.0 as usize];
                let end = partition.log.end();
                let replica = &partition.replicas.replicas()[nth];
                let follower = replica.broker;
                let has_all = replica.in_sync && replica.end == end;
                if follower == leader || has_all || !self.are_running(leader, follower) {
                    continue;
                }
                if self.config.latency_of(follower).is_zero() {
                    let asked = Asked {
                        at: now,
                        leader_end: end,
                    };
                    self.partition_mut(key)
                        .replicas
                        .replicated(follower, end, asked, now);
                } else {
                    let link = self.fetchers.link(leader, follower);
                    self.fetchers.note_news(link, key);
                    links.push(link);
                }
            }
        }
        // Only now, so that one fetch takes the news of all.
        links.into_iter().for_each(|link| self.begin_fetch(link, now));
    }

    fn are_running(&self, one: i32, other: i32) -> bool {
        self.is_running(one) && self.is_running(other)
    }

    fn begin_fetch(&mut self, link: LinkId, now: Instant) {
        let Some(news) = self.fetchers.take_news(link) else {
            return;
        };
        let (leader, follower) = self.fetchers.ends(link);
        let mut room = Room::of(&self.config);
        let mut taken = Vec::with_capacity(news.len());
        for key in news {
            let partition = self.partition(key);
            let replicas = &partition.replicas;
            let (true, Some(from)) = (partition.is_led_by(leader), replicas.end_of(follower)) else {
                // News may be older than an election: what the link's leader led then, another may lead now.
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
        let elapsed = self.elapsed(now);
        let through = now + self.config.latency_of(follower).sample(elapsed, &mut self.rng);
        self.fetchers.begin(
            link,
            Fetch {
                began: now,
                through,
                taken,
            },
        );
        self.deadlines.set(through, Due::Fetched(link));
    }

    pub(super) fn finish_fetch(&mut self, link: LinkId, due: Instant, now: Instant) {
        let Some(fetch) = self.fetchers.end(link, due) else {
            return;
        };
        let (_, follower) = self.fetchers.ends(link);
        for taken in fetch.taken {
            let replicas = &mut self.partition_mut(taken.partition).replicas;
            if replicas.leader_epoch() == taken.leader_epoch {
                let asked = Asked {
                    at: fetch.began,
                    leader_end: taken.leader_end,
                };
                replicas.replicated(follower, taken.end, asked, now);
                self.settle(taken.partition, now);
                if self.partition(taken.partition).log.end() > taken.end {
                    self.fetchers.note_news(link, taken.partition);
                }
            }
        }
        self.begin_fetch(link, now);
    }

    /// Moves the high watermark as far as it may go, and wakes whoever waited for that.
    pub(super) fn settle(&mut self, key: PartitionKey, now: Instant) {
        let lag_max = self.config.replica_lag_time_max;
        let nodes = &self.nodes;
        let is_live = |broker: i32| !nodes[broker as usize].is_fenced;
        let partition = &mut self.partitions[key.0 as usize];
        if partition.replicas.advance(lag_max, is_live, now) {
            let offset = partition.replicas.high_watermark();
            let (topic, index) = (&partition.topic, partition.index);
            self.history.note(|| Observation::HighWatermark {
                topic: topic.clone(),
                partition: index,
                offset,
            });
            let acknowledged = partition
                .acks_awaited
                .extract_if(.., |(required, _)| *required <= offset);
            self.awake.extend(acknowledged.map(|(_, id)| (id, Waits::Acks)));
            self.awake
                .extend(partition.records_awaited.drain(..).map(|id| (id, Waits::Records)));
        }
        if self.lag_check.is_none() && partition.replicas.is_lagging() {
            self.arm_lag_check(now);
        }
    }

    /// A new partition: nothing to settle, but brokers that are dead already are not in sync.
    pub(super) fn settle_new(&mut self, key: PartitionKey) {
        let nodes = &self.nodes;
        let replicas = &mut self.partitions[key.0 as usize].replicas;
        for (broker, _) in nodes.iter().enumerate().filter(|(_, node)| node.is_fenced) {
            replicas.fence(broker as i32, |broker| !nodes[broker as usize].is_fenced);
        }
    }

    fn arm_lag_check(&mut self, now: Instant) {
        let half = self.config.replica_lag_time_max / 2;
        self.lag_check = Some(self.deadlines.set(now + half, Due::LagCheck));
    }

    /// Looks for followers that have lagged too long; again as long as there is one that lags.
    pub(super) fn check_lag(&mut self, now: Instant) {
        self.lag_check = None;
        for key in self.partition_keys() {
            let lag_max = self.config.replica_lag_time_max;
            self.partition_mut(key).replicas.shrink(lag_max, now);
            self.settle(key, now);
        }
    }

    fn partition_keys(&self) -> impl Iterator<Item = PartitionKey> + use<> {
        (0..self.partitions.len() as u32).map(PartitionKey)
    }

    pub(super) fn forget_producer(&mut self, producer_id: i64) {
        for partition in &mut self.partitions {
            if partition.producers.forget(producer_id) {
                let (topic, index) = (&partition.topic, partition.index);
                self.history.note(|| Observation::ProducerForgotten {
                    topic: topic.clone(),
                    partition: index,
                    producer_id,
                });
            }
        }
    }

    pub(super) fn delete_records(
        &mut self,
        topic: &Str,
        partition: i32,
        before: i64,
    ) -> Result<(), ControlError> {
        let key = self.topics.partition(topic, partition);
        let key = key.ok_or_else(|| ControlError::UnknownPartition {
            topic: topic.clone(),
            partition,
        })?;
        let found = &mut self.partitions[key.0 as usize];
        found
            .log
            .delete_before(before.min(found.replicas.high_watermark()));
        let log_start = found.log.start();
        self.history.note(|| Observation::LogStartMoved {
            topic: topic.clone(),
            partition,
            log_start,
        });
        Ok(())
    }

    pub(super) fn delete_topic(&mut self, topic: &Str) -> Result<(), ControlError> {
        let deleted = self.topics.remove(topic);
        let deleted = deleted.ok_or_else(|| ControlError::UnknownTopic { topic: topic.clone() })?;
        for key in deleted.partitions {
            let partition = &mut self.partitions[key.0 as usize];
            partition.is_deleted = true;
            partition.log.delete_before(i64::MAX);
            self.awake.extend(partition.wake_all());
        }
        Ok(())
    }
}
