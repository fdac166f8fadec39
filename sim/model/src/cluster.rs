//! The state of the cluster: all that brokers, topics and partitions are, without the requests that
//! are being served.

use std::time::Instant;

use linger_protocol::{Str, Uuid};

use crate::brokers::Brokers;
use crate::clock::Clock;
use crate::config::{ConfigError, ModelConfig, ResolvedTopic};
use crate::control::ControlError;
use crate::deadlines::Deadlines;
use crate::history::History;
use crate::ids::PartitionKey;
use crate::partition::Partition;
use crate::partitions::Partitions;
use crate::producer_ids::ProducerIds;
use crate::replication::{Replication, Replicator};
use crate::rng::Rng;
use crate::topics::{NewTopic, Topics};
use crate::wakeups::Wakeups;

/// The parts of the cluster. Each part owns its state and the rules for it.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) config: ModelConfig,
    pub(crate) clock: Clock,
    pub(crate) rng: Rng,
    pub(crate) brokers: Brokers,
    pub(crate) topics: Topics,
    pub(crate) partitions: Partitions,
    pub(crate) replication: Replication,
    pub(crate) producer_ids: ProducerIds,
    pub(crate) deadlines: Deadlines,
    pub(crate) wakeups: Wakeups,
    pub(crate) history: History,
}

impl Cluster {
    /// Brings a cluster up.
    ///
    /// # Errors
    /// If the configuration is invalid.
    pub(crate) fn new(mut config: ModelConfig, now: Instant) -> Result<Self, ConfigError> {
        config.validate()?;
        let topics = std::mem::take(&mut config.topics);
        let mut cluster = Self {
            clock: Clock::new(now, config.wall_clock_ms),
            rng: Rng::new(config.seed),
            brokers: Brokers::new(config.brokers.len()),
            topics: Topics::default(),
            partitions: Partitions::default(),
            replication: Replication::new(config.brokers.len()),
            producer_ids: ProducerIds::default(),
            deadlines: Deadlines::default(),
            wakeups: Wakeups::default(),
            history: History::new(config.history),
            config,
        };
        for spec in topics {
            cluster.create_topic(spec.resolve(&cluster.config), now)?;
        }
        Ok(cluster)
    }

    /// Creates a topic whose replicas are spread over the brokers.
    ///
    /// # Errors
    /// If the topic is invalid, or its name is taken.
    pub(crate) fn create_topic(&mut self, topic: ResolvedTopic, now: Instant) -> Result<Uuid, ConfigError> {
        let new = NewTopic::spread(topic, self.brokers.count())?;
        self.topics
            .create(new, &mut self.partitions, &self.brokers, &mut self.rng, now)
    }

    /// Deletes a topic. Requests that wait for one of its partitions are told.
    ///
    /// # Errors
    /// If there is no such topic.
    pub(crate) fn delete_topic(&mut self, name: &Str) -> Result<(), ControlError> {
        let deleted = self.topics.remove(name);
        let deleted = deleted.ok_or_else(|| ControlError::UnknownTopic { topic: name.clone() })?;
        self.partitions.delete(&deleted.partitions, &mut self.wakeups);
        Ok(())
    }

    /// Drops the records of a partition below an offset, but none at or above the high watermark.
    ///
    /// # Errors
    /// If there is no such partition.
    pub(crate) fn delete_records(
        &mut self,
        topic: &Str,
        partition: i32,
        before_offset: i64,
    ) -> Result<(), ControlError> {
        let key = self.partition_key(topic, partition)?;
        self.partitions
            .delete_records(key, before_offset, &mut self.history);
        Ok(())
    }

    /// Makes every partition forget a producer.
    pub(crate) fn forget_producer(&mut self, producer_id: i64) {
        self.partitions.forget_producer(producer_id, &mut self.history);
    }

    /// The key of a partition.
    ///
    /// # Errors
    /// If there is no such partition.
    pub(crate) fn partition_key(&self, topic: &Str, partition: i32) -> Result<PartitionKey, ControlError> {
        let key = self.topics.partition(topic, partition);
        key.ok_or_else(|| ControlError::UnknownPartition {
            topic: topic.clone(),
            partition,
        })
    }

    pub(crate) fn find(&self, topic: &str, partition: i32) -> Option<&Partition> {
        self.topics
            .partition(topic, partition)
            .map(|key| &self.partitions[key])
    }

    pub(crate) fn replicator(&mut self, now: Instant) -> Replicator<'_> {
        Replicator {
            state: &mut self.replication,
            partitions: &mut self.partitions,
            brokers: &self.brokers,
            config: &self.config,
            clock: self.clock,
            rng: &mut self.rng,
            deadlines: &mut self.deadlines,
            wakeups: &mut self.wakeups,
            history: &mut self.history,
            now,
        }
    }
}
