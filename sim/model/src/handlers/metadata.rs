//! Metadata: brokers, topics, leaders; and the automatic creation of topics.

use std::collections::BTreeSet;

use linger_protocol::messages::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use linger_protocol::{ErrorCode, Str, Uuid};

use super::handler::{Answer, Handler, Never, Outcome};
use crate::config::{ConfigError, TopicSpec};
use crate::cx::Cx;
use crate::ids::PartitionKey;
use crate::topic_name;
use crate::topics::Topic;

/// What the cluster calls itself.
const CLUSTER_ID: &str = "linger-sim";

/// Every operation on a topic, as a bit set (AclOperation): read, write, create, delete, alter,
/// describe, describe and alter configs. Nothing is forbidden here.
const TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;

/// Every operation on the cluster: create, alter, describe, cluster action, configs, idempotent
/// write.
const CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;

/// From this version on one may ask by topic id; before, the field is there and refused.
const BY_ID_FROM: i16 = 12;

pub(crate) struct Metadata;

impl Handler for Metadata {
    type Request = MetadataRequest;
    type Response = MetadataResponse;
    type Task = Never;

    fn start(cx: &mut Cx<'_>, request: MetadataRequest) -> Outcome<Self> {
        Outcome::Answer(metadata(cx, &request))
    }

    fn refuse(request: MetadataRequest, code: ErrorCode) -> Answer<MetadataResponse> {
        Answer::Response(refused(&request, code))
    }

    fn overwrite(response: &mut MetadataResponse, code: ErrorCode) {
        response
            .topics
            .iter_mut()
            .for_each(|topic| topic.error_code = code);
    }

    fn throttle_time_ms(response: &mut MetadataResponse) -> &mut i32 {
        &mut response.throttle_time_ms
    }
}

fn metadata(cx: &mut Cx<'_>, request: &MetadataRequest) -> MetadataResponse {
    let version = cx.request.version;
    if let Some(code) = refusal(request, version) {
        return refused(request, code);
    }
    let mut topics = match topics_asked_for(request, version) {
        None => cx.topics.iter().map(|topic| describe(cx, topic)).collect(),
        Some(asked) => describe_asked(cx, asked, request),
    };
    if request.include_topic_authorized_operations {
        // Also of those that are not there: who may do what goes by name.
        let named = topics.iter_mut().filter(|topic| topic.name.is_some());
        named.for_each(|topic| topic.topic_authorized_operations = TOPIC_OPERATIONS);
    }
    let mut response = MetadataResponse {
        brokers: live_brokers(cx),
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
fn topics_asked_for(request: &MetadataRequest, version: i16) -> Option<&[MetadataRequestTopic]> {
    let topics = request.topics.as_deref()?;
    (version > 0 || !topics.is_empty()).then_some(topics)
}

fn describe_asked(
    cx: &mut Cx<'_>,
    asked: &[MetadataRequestTopic],
    request: &MetadataRequest,
) -> Vec<MetadataResponseTopic> {
    let mut described = Vec::with_capacity(asked.len());
    // If one is asked for by its id, those asked for by name are not looked at.
    if asks_by_id(asked) {
        let asked: BTreeSet<Uuid> = asked.iter().map(|topic| topic.topic_id).collect();
        let ids = asked.into_iter().filter(|id| *id != Uuid::default());
        described.extend(ids.map(|id| describe_by_id(cx, id)));
        return described;
    }
    let mut names = BTreeSet::new();
    for name in asked.iter().filter_map(|topic| topic.name.as_ref()) {
        if names.insert(name) {
            described.push(describe_by_name(cx, name, request));
        }
    }
    described
}

fn describe_by_name(cx: &mut Cx<'_>, name: &Str, request: &MetadataRequest) -> MetadataResponseTopic {
    let failed = |error_code| MetadataResponseTopic {
        error_code,
        name: Some(name.clone()),
        ..MetadataResponseTopic::default()
    };
    if topic_name::validate(name).is_err() {
        return failed(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    if cx.topics.by_name(name).is_none() {
        if !(cx.config.auto_create_topics && request.allow_auto_topic_creation) {
            return failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        }
        // A name that collides with another is not told from one that is not there yet.
        if create_automatically(cx, name).is_err() {
            return failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        }
    }
    match cx.topics.by_name(name) {
        Some(topic) => describe(cx, topic),
        None => failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
    }
}

fn create_automatically(cx: &mut Cx<'_>, name: &str) -> Result<Uuid, ConfigError> {
    let spec = TopicSpec::new(name, cx.config.default_partitions).resolve(cx.config);
    cx.create_topic(spec)
}

fn describe_by_id(cx: &Cx<'_>, id: Uuid) -> MetadataResponseTopic {
    match cx.topics.by_id(&id) {
        Some(topic) => describe(cx, topic),
        None => MetadataResponseTopic {
            error_code: ErrorCode::UNKNOWN_TOPIC_ID,
            name: None,
            topic_id: id,
            ..MetadataResponseTopic::default()
        },
    }
}

fn describe(cx: &Cx<'_>, topic: &Topic) -> MetadataResponseTopic {
    let partitions = topic.partitions.iter().map(|&key| describe_partition(cx, key));
    MetadataResponseTopic {
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        partitions: partitions.collect(),
        ..MetadataResponseTopic::default()
    }
}

fn describe_partition(cx: &Cx<'_>, key: PartitionKey) -> MetadataResponsePartition {
    let partition = &cx.partitions[key];
    let replicas = &partition.replicas;
    let replica_nodes: Vec<i32> = replicas.replicas().iter().map(|replica| replica.broker).collect();
    let offline_replicas: Vec<i32> = replica_nodes
        .iter()
        .copied()
        .filter(|&broker| !cx.brokers.is_live(broker))
        .collect();
    let error_code = match replicas.leader() {
        None => ErrorCode::LEADER_NOT_AVAILABLE,
        // Only the oldest clients are told of missing followers as if it were an error.
        Some(_) if cx.request.version == 0 && !offline_replicas.is_empty() => {
            ErrorCode::REPLICA_NOT_AVAILABLE
        }
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

fn live_brokers(cx: &Cx<'_>) -> Vec<MetadataResponseBroker> {
    let brokers = cx.config.brokers.iter().enumerate();
    let live = brokers.filter(|(id, _)| cx.brokers.is_live(*id as i32));
    live.map(|(id, address)| MetadataResponseBroker {
        node_id: id as i32,
        host: address.host.clone(),
        port: i32::from(address.port),
        rack: None,
    })
    .collect()
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

/// An answer that names no broker, and of topics only those that were asked for.
fn refused(request: &MetadataRequest, code: ErrorCode) -> MetadataResponse {
    let topics = request.topics.iter().flatten();
    let refused = topics.map(|topic| MetadataResponseTopic {
        error_code: code,
        name: Some(topic.name.clone().unwrap_or_default()),
        topic_id: topic.topic_id,
        ..MetadataResponseTopic::default()
    });
    MetadataResponse {
        topics: refused.collect(),
        ..MetadataResponse::default()
    }
}
