//! The cluster as a whole: takes events in, and gives out actions and deadlines.

use std::time::Instant;

use linger_protocol::{Str, Uuid};

use crate::action::Action;
use crate::cluster::Cluster;
use crate::config::{ConfigError, ModelConfig};
use crate::control::{Control, ControlError};
use crate::deadlines::Due;
use crate::event::Event;
use crate::fault::{Faults, Rule, RuleError, RuleId};
use crate::history::Observation;
use crate::log::PartitionLog;
use crate::membership;
use crate::requests::Requests;
use crate::stored_batch::{StoredBatch, StoredRecord};

/// The cluster.
#[derive(Debug)]
pub struct ClusterModel {
    cluster: Cluster,
    requests: Requests,
}

impl ClusterModel {
    /// Brings a cluster up.
    ///
    /// # Errors
    /// If the configuration asks for something impossible, such as more replicas than brokers.
    pub fn new(config: ModelConfig, now: Instant) -> Result<Self, ConfigError> {
        Ok(Self {
            cluster: Cluster::new(config, now)?,
            requests: Requests::default(),
        })
    }

    /// Takes an event in. Deadlines before `now` come first.
    pub fn handle(&mut self, event: Event, now: Instant) {
        self.handle_timeout(now);
        let Self { cluster, requests } = self;
        match event {
            Event::Opened { connection, broker } => requests.open(connection, broker, cluster),
            Event::Request { connection, examined } => requests.arrive(connection, examined, cluster, now),
            Event::Closed { connection } => requests.forget_connection(connection, cluster, now),
            Event::Control(control) => {
                // A caller that wants to know of a refusal calls `ClusterModel::control`.
                let _ = self.apply(control, now);
            }
        }
        self.go_on(now);
    }

    /// Does something to the cluster on purpose.
    ///
    /// # Errors
    /// If it cannot be done. Nothing was changed then.
    pub fn control(&mut self, control: Control, now: Instant) -> Result<(), ControlError> {
        self.handle_timeout(now);
        let result = self.apply(control, now);
        self.go_on(now);
        result
    }

    /// Does what has become due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, due)) = self.cluster.deadlines.take_due(now) {
            let Self { cluster, requests } = self;
            match due {
                Due::Request(id) => requests.time_is_up(id, cluster),
                Due::Fetched(link) => cluster.replicator(now).finish_fetch(link, at),
                Due::LagCheck => cluster.replicator(now).check_lag(),
                Due::Fence(broker) => membership::fence(cluster, broker, now),
                Due::Unmute(connection) => requests.unmute(connection, cluster, now),
            }
            self.go_on(now);
        }
    }

    /// Returns the next thing for the shell to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.requests.outbox.pop_front()
    }

    /// Returns when [`ClusterModel::handle_timeout`] must be called at the latest; `None` if
    /// nothing waits.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.cluster.deadlines.first()
    }

    /// Adds a fault rule behind the others.
    ///
    /// # Errors
    /// If there are too many.
    pub fn add_fault(&mut self, rule: Rule) -> Result<RuleId, RuleError> {
        self.requests.faults.add(rule)
    }

    /// Removes a fault rule. Returns whether there was such an active rule.
    pub fn remove_fault(&mut self, id: RuleId) -> bool {
        self.requests.faults.remove(id)
    }

    /// Returns the fault rules, and how often each has fired.
    pub fn faults(&self) -> &Faults {
        &self.requests.faults
    }

    /// Returns the topics in the order of their names, and how many partitions each has.
    pub fn topics(&self) -> Vec<(Str, i32)> {
        self.cluster
            .topics
            .iter()
            .map(|topic| (topic.name.clone(), topic.partitions.len() as i32))
            .collect()
    }

    /// Returns a topic's id.
    pub fn topic_id(&self, topic: &str) -> Option<Uuid> {
        self.cluster.topics.by_name(topic).map(|topic| topic.id)
    }

    /// Returns the broker that leads a partition; `None` also if there is no such partition.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        self.cluster.find(topic, partition)?.replicas.leader()
    }

    /// Returns the epoch of a partition's leader.
    pub fn leader_epoch(&self, topic: &str, partition: i32) -> Option<i32> {
        Some(self.cluster.find(topic, partition)?.replicas.leader_epoch())
    }

    /// Returns the offset below which every in-sync replica has every record.
    pub fn high_watermark(&self, topic: &str, partition: i32) -> Option<i64> {
        Some(self.cluster.find(topic, partition)?.replicas.high_watermark())
    }

    /// Returns a partition's in-sync set, in the order of its assignment.
    pub fn in_sync(&self, topic: &str, partition: i32) -> Option<Vec<i32>> {
        Some(self.cluster.find(topic, partition)?.replicas.in_sync().collect())
    }

    /// Returns the brokers that hold a partition, the preferred leader first.
    pub fn replicas(&self, topic: &str, partition: i32) -> Option<Vec<i32>> {
        let replicas = self.cluster.find(topic, partition)?.replicas.replicas();
        Some(replicas.iter().map(|replica| replica.broker).collect())
    }

    /// Returns a partition's log, as its leader has it.
    pub fn log(&self, topic: &str, partition: i32) -> Option<&PartitionLog> {
        Some(&self.cluster.find(topic, partition)?.log)
    }

    /// Returns every record of a partition's log, decoded.
    pub fn records(&self, topic: &str, partition: i32) -> Option<Vec<StoredRecord>> {
        let batches = self.log(topic, partition)?.batches();
        Some(batches.flat_map(StoredBatch::decode).collect())
    }

    /// Returns what has happened since the last call, if [`ModelConfig::history`] asks for it. What
    /// is not taken is kept, so call it now and then.
    pub fn take_observations(&mut self) -> Vec<Observation> {
        self.cluster.history.take()
    }

    fn apply(&mut self, control: Control, now: Instant) -> Result<(), ControlError> {
        let Self { cluster, requests } = self;
        match control {
            Control::MoveLeader { topic, partition, to } => {
                membership::move_leader(cluster, &topic, partition, to, now)?;
            }
            Control::Stop(broker) => {
                if membership::stop(cluster, broker)? {
                    requests.drop_broker(broker, cluster, now);
                    membership::take_for_dead(cluster, broker, now);
                }
            }
            Control::Start(broker) => membership::start(cluster, broker, now)?,
            Control::Freeze(broker) => membership::freeze(cluster, broker, now)?,
            Control::Thaw(broker) => {
                if membership::thaw(cluster, broker, now)? {
                    requests.thaw_broker(broker, cluster);
                }
            }
            Control::ForgetProducer { producer_id } => cluster.forget_producer(producer_id),
            Control::Truncate {
                topic,
                partition,
                before_offset,
            } => cluster.delete_records(&topic, partition, before_offset)?,
            Control::CreateTopic(spec) => {
                cluster.create_topic(spec.resolve(&cluster.config), now)?;
            }
            Control::DeleteTopic(topic) => cluster.delete_topic(&topic)?,
            Control::AddFault(rule) => {
                self.add_fault(rule)?;
            }
            Control::RemoveFault(id) => {
                self.remove_fault(id);
            }
            Control::Release(barrier) => requests.release(&barrier, cluster),
        }
        Ok(())
    }

    fn go_on(&mut self, now: Instant) {
        self.requests.go_on(&mut self.cluster, now);
    }
}
