//! What the handler of a request may read and change.

use std::time::Instant;

use linger_protocol::{ErrorCode, Uuid};

use crate::brokers::Brokers;
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::config::{ConfigError, ModelConfig, ResolvedTopic};
use crate::deadlines::Deadlines;
use crate::fault::Point;
use crate::fault_effects::FaultGate;
use crate::history::History;
use crate::ids::PartitionKey;
use crate::partition::Partition;
use crate::partitions::Partitions;
use crate::producer_ids::ProducerIds;
use crate::replication::{Replication, Replicator};
use crate::request_context::RequestContext;
use crate::rng::Rng;
use crate::topics::{Assignment, NewTopic, Topics, new_topic_id};
use crate::wakeups::Wakeups;

/// A handler's access to the cluster while it works on one request.
///
/// A handler sees neither connections nor other requests. What it does to topics, replication and
/// the wake-ups of other requests goes through the methods below.
pub(crate) struct Cx<'a> {
    /// The request that is handled.
    pub(crate) request: &'a RequestContext,
    pub(crate) config: &'a ModelConfig,
    pub(crate) clock: Clock,
    pub(crate) rng: &'a mut Rng,
    pub(crate) brokers: &'a mut Brokers,
    pub(crate) topics: &'a mut Topics,
    pub(crate) partitions: &'a mut Partitions,
    pub(crate) producer_ids: &'a mut ProducerIds,
    pub(crate) history: &'a mut History,
    pub(crate) now: Instant,
    replication: &'a mut Replication,
    deadlines: &'a mut Deadlines,
    wakeups: &'a mut Wakeups,
    faults: FaultGate<'a>,
}

impl<'a> Cx<'a> {
    pub(crate) fn new(
        cluster: &'a mut Cluster,
        request: &'a RequestContext,
        faults: FaultGate<'a>,
        now: Instant,
    ) -> Self {
        Self {
            request,
            config: &cluster.config,
            clock: cluster.clock,
            rng: &mut cluster.rng,
            brokers: &mut cluster.brokers,
            topics: &mut cluster.topics,
            partitions: &mut cluster.partitions,
            producer_ids: &mut cluster.producer_ids,
            history: &mut cluster.history,
            now,
            replication: &mut cluster.replication,
            deadlines: &mut cluster.deadlines,
            wakeups: &mut cluster.wakeups,
            faults,
        }
    }

    /// The brokers' clock in milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms(self.now)
    }

    /// A partition by topic name and index.
    pub(crate) fn find(&self, topic: &str, partition: i32) -> Option<&Partition> {
        self.topics
            .partition(topic, partition)
            .map(|key| &self.partitions[key])
    }

    /// Creates a topic whose replicas are spread over the brokers, and returns its id.
    ///
    /// # Errors
    /// If the topic is invalid, or its name is taken.
    pub(crate) fn create_topic(&mut self, topic: ResolvedTopic) -> Result<Uuid, ConfigError> {
        self.create(NewTopic::spread(topic, self.brokers.count())?)
    }

    /// Creates a topic whose replicas the client chose, and returns its id.
    ///
    /// # Errors
    /// If the topic's name is taken.
    pub(crate) fn create_assigned_topic(
        &mut self,
        topic: ResolvedTopic,
        assignment: Assignment,
    ) -> Result<Uuid, ConfigError> {
        self.create(NewTopic::assigned(topic, assignment))
    }

    fn create(&mut self, new: NewTopic) -> Result<Uuid, ConfigError> {
        self.topics
            .create(new, self.partitions, self.brokers, self.rng, self.now)
    }

    /// An id for a topic that is not created.
    pub(crate) fn new_topic_id(&mut self) -> Uuid {
        new_topic_id(self.rng)
    }

    /// Deletes a topic. Requests that wait for one of its partitions are told. Returns whether
    /// there was such a topic.
    pub(crate) fn delete_topic(&mut self, name: &str) -> bool {
        let deleted = self.topics.remove(name);
        if let Some(topic) = &deleted {
            self.partitions.delete(&topic.partitions, self.wakeups);
        }
        deleted.is_some()
    }

    /// Lets followers have what was appended to some partitions, and moves the high watermarks as
    /// far as they may go.
    pub(crate) fn replicate(&mut self, keys: &[PartitionKey]) {
        let mut replicator = Replicator {
            state: self.replication,
            partitions: self.partitions,
            brokers: self.brokers,
            config: self.config,
            clock: self.clock,
            rng: self.rng,
            deadlines: self.deadlines,
            wakeups: self.wakeups,
            history: self.history,
            now: self.now,
        };
        replicator.replicate(keys);
        keys.iter().for_each(|&key| replicator.settle(key));
    }

    /// Whether any fault rule waits at this point: if not, the request need not pass it.
    pub(crate) fn has_faults_at(&self, point: Point) -> bool {
        self.faults.any_at(point)
    }

    /// Takes the request as a whole past a point of the fault rules. Returns the code if a rule
    /// refuses the request.
    pub(crate) fn pass_request(&mut self, point: Point) -> Option<ErrorCode> {
        let passing = self.request.at_whole(self.clock.elapsed(self.now));
        self.faults.pass(point, &passing, self.rng)
    }

    /// Takes one partition of the request past a point of the fault rules. Returns the code if a
    /// rule refuses the partition. Other effects concern the request as a whole, and happen once
    /// the handler has returned.
    pub(crate) fn pass_partition(&mut self, point: Point, topic: &str, partition: i32) -> Option<ErrorCode> {
        let elapsed = self.clock.elapsed(self.now);
        let passing = self.request.at_partition(topic, partition, elapsed);
        self.faults.pass(point, &passing, self.rng)
    }
}
