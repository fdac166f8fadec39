//! Metadata: brokers, topics, leaders; and the automatic creation of topics.

use std::collections::BTreeSet;
use std::time::Instant;

use linger_protocol::messages::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use linger_protocol::{ErrorCode, Str, Uuid};

use super::refusal::metadata_refusal;
use crate::topics::{self, PartitionKey, Topic};
use crate::{ClusterModel, ConfigError, TopicSpec};

/// What the cluster calls itself.
const CLUSTER_ID: &str = "linger-sim";

/// Every operation on a topic, as a bit set (AclOperation): read, write, create, delete, alter, describe, describe and alter
/// configs. Nothing is forbidden here.
const TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;

/// Every operation on the cluster: create, alter, describe, cluster action, configs, idempotent write.
const CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;

/// From this version on one may ask by topic id; before, the field is there and refused.
const BY_ID_FROM: i16 = 12;

impl ClusterModel {
    pub(super) fn metadata(
        &mut self,
        request: &MetadataRequest,
        version: i16,
        now: Instant,
    ) -> MetadataResponse {
        if let Some(code) = refusal(request, version) {
            return metadata_refusal(request, code);
        }
        let mut topics = match self.topics_asked_for(request, version) {
            None => self
                .topics
                .iter()
                .map(|topic| self.describe(topic, version))
                .collect(),
            Some(asked) => self.describe_asked(asked, request, version, now),
        };
        if request.include_topic_authorized_operations {
            // Also of those that are not there: who may do what goes by name.
            let named = topics.iter_mut().filter(|topic| topic.name.is_some());
            named.for_each(|topic| topic.topic_authorized_operations = TOPIC_OPERATIONS);
        }
        let mut response = MetadataResponse {
            brokers: self.living_brokers(),
            cluster_id: Some(CLUSTER_ID.into()),
            topics,
            ..MetadataResponse::default()
        };
        // Any broker passes requests on to the controller, so the first that lives may be named.
        response.controller_id = response.brokers.first().map_or(-1, |broker| broker.node_id);
        if request.include_cluster_authorized_operations {
            response.cluster_authorized_operations = CLUSTER_OPERATIONS;
        }
        response
    }

    /// `None` stands for all topics.
    fn topics_asked_for<'r>(
        &self,
        request: &'r MetadataRequest,
        version: i16,
    ) -> Option<&'r [MetadataRequestTopic]> {
        let topics = request.topics.as_deref()?;
        (version > 0 || !topics.is_empty()).then_some(topics)
    }

    fn describe_asked(
        &mut self,
        asked: &[MetadataRequestTopic],
        request: &MetadataRequest,
        version: i16,
        now: Instant,
    ) -> Vec<MetadataResponseTopic> {
        let mut described = Vec::with_capacity(asked.len());
        // If one is asked for by its id, those asked for by name are not looked at.
        if asks_by_id(asked) {
            let asked: BTreeSet<Uuid> = asked.iter().map(|topic| topic.topic_id).collect();
            let ids = asked.into_iter().filter(|id| *id != Uuid::default());
            described.extend(ids.map(|id| self.describe_by_id(id)));
            return described;
        }
        let mut names = BTreeSet::new();
        for name in asked.iter().filter_map(|topic| topic.name.as_ref()) {
            if names.insert(name) {
                described.push(self.describe_by_name(name, request, version, now));
            }
        }
        described
    }

    fn describe_by_name(
        &mut self,
        name: &Str,
        request: &MetadataRequest,
        version: i16,
        now: Instant,
    ) -> MetadataResponseTopic {
        let failed = |error_code| MetadataResponseTopic {
            error_code,
            name: Some(name.clone()),
            ..MetadataResponseTopic::default()
        };
        if topics::validate_name(name).is_err() {
            return failed(ErrorCode::INVALID_TOPIC_EXCEPTION);
        }
        if self.topics.by_name(name).is_none() {
            if !(self.config.auto_create_topics && request.allow_auto_topic_creation) {
                return failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            }
            // A name that collides with another is not told from one that is not there yet.
            if self.create_automatically(name, now).is_err() {
                return failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            }
        }
        match self.topics.by_name(name) {
            Some(topic) => self.describe(topic, version),
            None => failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        }
    }

    fn create_automatically(&mut self, name: &str, now: Instant) -> Result<Uuid, ConfigError> {
        let spec = TopicSpec::new(name, self.config.default_partitions).resolve(&self.config);
        self.create_topic(spec, now)
    }

    fn describe_by_id(&self, id: Uuid) -> MetadataResponseTopic {
        match self.topics.by_id(&id) {
            Some(topic) => self.describe(topic, BY_ID_FROM),
            None => MetadataResponseTopic {
                error_code: ErrorCode::UNKNOWN_TOPIC_ID,
                name: None,
                topic_id: id,
                ..MetadataResponseTopic::default()
            },
        }
    }

    fn describe(&self, topic: &Topic, version: i16) -> MetadataResponseTopic {
        let partitions = topic
            .partitions
            .iter()
            .map(|&key| self.describe_partition(key, version));
        MetadataResponseTopic {
            name: Some(topic.name.clone()),
            topic_id: topic.id,
            partitions: partitions.collect(),
            ..MetadataResponseTopic::default()
        }
    }

    fn describe_partition(&self, key: PartitionKey, version: i16) -> MetadataResponsePartition {
        let partition = self.partition(key);
        let replicas = &partition.replicas;
        let replica_nodes: Vec<i32> = replicas.replicas().iter().map(|replica| replica.broker).collect();
        let offline_replicas: Vec<i32> = replica_nodes
            .iter()
            .copied()
            .filter(|&broker| !self.is_live(broker))
            .collect();
        let error_code = match replicas.leader() {
            None => ErrorCode::LEADER_NOT_AVAILABLE,
            // Only the oldest clients are told of missing followers as if it were an error.
            Some(_) if version == 0 && !offline_replicas.is_empty() => ErrorCode::REPLICA_NOT_AVAILABLE,
            Some(_) => ErrorCode::NONE,
        };
        MetadataResponsePartition {
            error_code,
            partition_index: partition.index,
            leader_id: replicas.leader().unwrap_or(-1),
            leader_epoch: replicas.leader_epoch(),
            replica_nodes,
            isr_nodes: replicas.in_sync().collect(),
            offline_replicas,
        }
    }

    fn living_brokers(&self) -> Vec<MetadataResponseBroker> {
        let brokers = self.config.brokers.iter().enumerate();
        let living = brokers.filter(|(id, _)| self.is_live(*id as i32));
        living
            .map(|(id, address)| MetadataResponseBroker {
                node_id: id as i32,
                host: address.host.clone(),
                port: i32::from(address.port),
                rack: None,
            })
            .collect()
    }
}

/// What Kafka refuses a whole request for, whatever else it asks.
fn refusal(request: &MetadataRequest, version: i16) -> Option<ErrorCode> {
    let topics = request.topics.as_deref().unwrap_or_default();
    let has_nameless = topics.iter().any(|topic| topic.name.is_none());
    if version < BY_ID_FROM {
        return (has_nameless || asks_by_id(topics)).then_some(ErrorCode::INVALID_REQUEST);
    }
    (has_nameless && !asks_by_id(topics)).then_some(ErrorCode::UNKNOWN_SERVER_ERROR)
}

fn asks_by_id(topics: &[MetadataRequestTopic]) -> bool {
    topics.iter().any(|topic| topic.topic_id != Uuid::default())
}
