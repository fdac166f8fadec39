//! What is known of the cluster: its brokers, the topics that are wanted, who leads their
//! partitions, and when to ask again.
//!
//! Leadership only moves to a higher leader epoch, because a broker that lags behind may answer
//! with the past. Only a new topic id (the topic was deleted and created again) starts the epochs
//! over. Whom to ask is decided by `questions.rs`, and what a move does to the batches
//! of a partition by [`crate::send::partition`].

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use linger_protocol::Str;
use linger_protocol::messages::{MetadataRequest, MetadataRequestTopic, MetadataResponse};

use crate::address::Address;
use crate::append::cluster_view::ClusterView;
use crate::append::queue::PartitionQueue;
use crate::config::Config;
use crate::ids::{BrokerId, PartitionId};
use crate::send::backoff::{Backoff, Rng};
use crate::send::topic::{Cause, Merged, Move, Topic, is_final};

/// When to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refresh {
    /// Nobody has asked for anything yet.
    Idle,
    /// What is known is used until then.
    Fresh { until: Instant },
    /// A question is to be asked, not before that time.
    Wanted { not_before: Instant },
    /// A question is unanswered. `again`: something came up that the question did not cover.
    Asked { again: Again },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    No,
    Soon,
    AtOnce,
}

/// The cluster as this producer knows it.
#[derive(Debug)]
pub struct Discovery {
    /// Every topic that is wanted, by name.
    topics: BTreeMap<Str, Topic>,
    /// The brokers that the last answer listed.
    brokers: BTreeMap<BrokerId, Address>,
    leaders: Leaders,
    refresh: Refresh,
    /// Questions in a row that were not answered in full.
    failures: u32,
    /// Answers taken.
    answers: u64,
    /// How many cluster views were made.
    generation: u64,
    retry: Backoff,
    max_age: Duration,
    max_block: Duration,
    allow_auto_create: bool,
}

/// The brokers that lead partitions of known topics.
#[derive(Debug, Default)]
pub struct Leaders {
    ids: BTreeSet<BrokerId>,
    is_one_missing: bool,
}

impl Leaders {
    /// How many brokers lead a partition.
    pub fn count(&self) -> usize {
        self.ids.len()
    }

    /// The brokers that lead a partition.
    pub fn iter(&self) -> impl Iterator<Item = BrokerId> {
        self.ids.iter().copied()
    }

    /// Returns true if a partition has no leader.
    pub fn is_one_missing(&self) -> bool {
        self.is_one_missing
    }
}

impl Discovery {
    /// Knows nothing, asks nothing.
    pub fn new(config: &Config) -> Self {
        Self {
            topics: BTreeMap::new(),
            brokers: BTreeMap::new(),
            leaders: Leaders::default(),
            refresh: Refresh::Idle,
            failures: 0,
            answers: 0,
            generation: 0,
            retry: Backoff::new(config.retry_backoff, config.retry_backoff_max),
            max_age: config.metadata_max_age,
            max_block: config.max_block,
            allow_auto_create: config.allow_auto_create_topics,
        }
    }

    /// The brokers that the last answer listed.
    pub fn brokers(&self) -> &BTreeMap<BrokerId, Address> {
        &self.brokers
    }

    /// The brokers that lead partitions of known topics.
    pub fn leaders(&self) -> &Leaders {
        &self.leaders
    }

    /// The partition that was named last: all others have lower numbers.
    pub fn last_partition(&self) -> Option<PartitionId> {
        let partitions = self.topics.values().flat_map(|topic| &topic.partitions);
        partitions.map(|known| known.partition).max()
    }

    /// One topic.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    /// How many answers have been taken: 0 means that no broker has ever answered.
    pub fn answers(&self) -> u64 {
        self.answers
    }

    /// Wants `name` to be known. Asks at once, unless it is known.
    pub fn want_topic(&mut self, name: &Str, now: Instant) {
        let wanted_until = now + self.max_block;
        match self.topics.get_mut(name) {
            Some(topic) => {
                topic.wanted_until = topic.wanted_until.max(wanted_until);
                if topic.partitions.is_empty() {
                    self.want(now);
                }
            }
            None => {
                self.topics.insert(name.clone(), Topic::wanted(wanted_until));
                self.want_now(now);
            }
        }
    }

    /// Asks as soon as a connection allows.
    pub fn want_now(&mut self, now: Instant) {
        self.refresh = match self.refresh {
            Refresh::Idle | Refresh::Fresh { .. } | Refresh::Wanted { .. } => {
                Refresh::Wanted { not_before: now }
            }
            Refresh::Asked { .. } => Refresh::Asked { again: Again::AtOnce },
        };
    }

    /// Asks because something known has turned out to be old: soon, but at least the backoff after
    /// the last answer.
    pub fn want(&mut self, now: Instant) {
        self.refresh = match self.refresh {
            Refresh::Idle => Refresh::Wanted { not_before: now },
            Refresh::Fresh { until } => {
                let answered = until.checked_sub(self.max_age).unwrap_or(now);
                Refresh::Wanted {
                    not_before: now.max(answered + self.retry_initial()),
                }
            }
            wanted @ Refresh::Wanted { .. } => wanted,
            Refresh::Asked { again: Again::No } => Refresh::Asked { again: Again::Soon },
            asked @ Refresh::Asked {
                again: Again::Soon | Again::AtOnce,
            } => asked,
        };
    }

    fn retry_initial(&self) -> Duration {
        self.retry.initial()
    }

    /// Returns true if a question is to be sent at `now`.
    pub fn is_due(&self, now: Instant) -> bool {
        match self.refresh {
            Refresh::Fresh { until } => until <= now,
            Refresh::Wanted { not_before } => not_before <= now,
            Refresh::Idle | Refresh::Asked { .. } => false,
        }
    }

    /// When a question will be due.
    pub fn deadline(&self) -> Option<Instant> {
        match self.refresh {
            Refresh::Fresh { until } => Some(until),
            Refresh::Wanted { not_before } => Some(not_before),
            Refresh::Idle | Refresh::Asked { .. } => None,
        }
    }

    /// The question, about every topic that is known or wanted. The caller sends it.
    pub fn ask(&mut self, now: Instant) -> MetadataRequest {
        self.topics
            .retain(|_, topic| !topic.partitions.is_empty() || topic.wanted_until > now);
        self.refresh = Refresh::Asked { again: Again::No };
        let topic = |name: &Str| MetadataRequestTopic {
            name: Some(name.clone()),
            ..Default::default()
        };
        MetadataRequest {
            topics: Some(self.topics.keys().map(topic).collect()),
            allow_auto_topic_creation: self.allow_auto_create,
            ..Default::default()
        }
    }

    /// Notes that the question was lost.
    pub fn missed(&mut self, rng: &mut Rng, now: Instant) {
        if let Refresh::Asked { .. } = self.refresh {
            let not_before = now + self.retry.delay(self.failures, rng);
            self.failures = self.failures.saturating_add(1);
            self.refresh = Refresh::Wanted { not_before };
        }
    }

    /// Takes an answer. `name_partition` gives our name for a partition of a topic.
    pub fn answered(
        &mut self,
        answer: &MetadataResponse,
        mut name_partition: impl FnMut(&Str, i32) -> PartitionId,
        rng: &mut Rng,
        now: Instant,
    ) -> Merged {
        self.answers += 1;
        let mut merged = Merged::default();
        let listed: BTreeMap<_, _> = answer
            .brokers
            .iter()
            .filter_map(|broker| {
                let port = u16::try_from(broker.port).ok()?;
                Some((BrokerId(broker.node_id), Address::new(broker.host.clone(), port)))
            })
            .collect();
        merged.lists_brokers = !listed.is_empty();
        if merged.lists_brokers {
            self.brokers = listed;
        }
        for found in &answer.topics {
            let Some((name, topic)) = found.name.as_ref().and_then(|name| {
                let topic = self.topics.get_mut(name)?;
                Some((name, topic))
            }) else {
                continue;
            };
            topic.merge(name, found, &mut name_partition, &mut merged);
        }
        self.refresh = self.after_answer(merged.lists_brokers, rng, now);
        self.count_leaders();
        merged
    }

    fn count_leaders(&mut self) {
        let partitions = || self.topics.values().flat_map(|topic| &topic.partitions);
        self.leaders = Leaders {
            ids: partitions().filter_map(|known| known.leader).collect(),
            is_one_missing: partitions().any(|known| known.leader.is_none()),
        };
    }

    fn after_answer(&mut self, lists_brokers: bool, rng: &mut Rng, now: Instant) -> Refresh {
        let again = match self.refresh {
            Refresh::Asked { again } => again,
            Refresh::Idle | Refresh::Fresh { .. } | Refresh::Wanted { .. } => Again::No,
        };
        // A topic that nobody waits for any more can wait for the next regular question.
        let is_given_up = |topic: &Topic| topic.wanted_until <= now || topic.error.is_some_and(is_final);
        let missing = self
            .topics
            .values()
            .any(|topic| !is_given_up(topic) && !topic.is_complete());
        if again == Again::AtOnce {
            return Refresh::Wanted { not_before: now };
        }
        if again == Again::Soon || missing || !lists_brokers {
            let not_before = now + self.retry.delay(self.failures, rng);
            self.failures = self.failures.saturating_add(1);
            return Refresh::Wanted { not_before };
        }
        self.failures = 0;
        Refresh::Fresh {
            until: now + self.max_age,
        }
    }

    /// Takes the leader that a produce answer names (KIP-951), if its epoch is higher than what is
    /// known.
    pub fn hinted(&mut self, name: &str, index: i32, leader: BrokerId, epoch: i32) -> Option<Move> {
        let known = self
            .topics
            .get_mut(name)?
            .partitions
            .get_mut(usize::try_from(index).ok()?)?;
        if leader.0 < 0 || epoch <= known.epoch {
            return None;
        }
        let moved = known.leader != Some(leader);
        known.leader = Some(leader);
        known.epoch = epoch;
        self.leaders.ids.insert(leader);
        moved.then_some(Move {
            partition: known.partition,
            leader: Some(leader),
            cause: Cause::Election,
        })
    }

    /// What applications see: the brokers, and the topics that are known, or known to be refused.
    /// `queue` gives the queue of a partition.
    pub fn view<'a>(&mut self, queue: impl Fn(PartitionId) -> &'a Arc<PartitionQueue>) -> ClusterView {
        self.generation += 1;
        let topics = self
            .topics
            .iter()
            .filter_map(|(name, topic)| topic.view(name, &queue).map(Arc::new));
        ClusterView::new(self.generation, self.brokers.clone(), topics.collect())
    }
}
