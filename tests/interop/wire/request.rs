//! Requests in few words.

use linger_protocol::messages::{
    ApiVersionsRequest, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, FetchPartition,
    FetchRequest, FetchTopic, InitProducerIdRequest, ListOffsetsPartition, ListOffsetsRequest,
    ListOffsetsTopic, MetadataRequest, MetadataRequestTopic, PartitionProduceData, ProduceRequest,
    TopicProduceData,
};
use linger_protocol::{Bytes, Str};

pub(crate) const ALL: i16 = -1;
pub(crate) const TIMEOUT_MS: i32 = 10_000;

/// One partition's batch, acknowledged by all in sync.
pub(crate) fn produce(topic: &str, batch: impl Into<Bytes>) -> ProduceRequest {
    produce_to(ALL, [(topic, 0, batch.into())])
}

pub(crate) fn produce_to<'t>(
    acks: i16,
    parts: impl IntoIterator<Item = (&'t str, i32, Bytes)>,
) -> ProduceRequest {
    let topics = parts.into_iter().map(|(topic, index, batch)| TopicProduceData {
        name: topic.into(),
        partition_data: vec![partition(index, batch)],
    });
    ProduceRequest {
        acks,
        timeout_ms: TIMEOUT_MS,
        topic_data: merge(topics.collect()),
        ..ProduceRequest::default()
    }
}

pub(crate) fn partition(index: i32, batch: impl Into<Bytes>) -> PartitionProduceData {
    PartitionProduceData {
        index,
        records: Some(batch.into().into()),
    }
}

/// Neighbours of the same name become one, as clients send them.
fn merge(topics: Vec<TopicProduceData>) -> Vec<TopicProduceData> {
    let mut merged: Vec<TopicProduceData> = Vec::new();
    for topic in topics {
        match merged.last_mut() {
            Some(last) if last.name == topic.name => last.partition_data.extend(topic.partition_data),
            _ => merged.push(topic),
        }
    }
    merged
}

/// Everything from `offset` on, at once.
pub(crate) fn fetch(topic: &str, offset: i64) -> FetchRequest {
    fetch_from(topic, [fetch_partition(0, offset)])
}

pub(crate) fn fetch_from(topic: &str, partitions: impl IntoIterator<Item = FetchPartition>) -> FetchRequest {
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 1 << 20,
        topics: vec![FetchTopic {
            topic: topic.into(),
            partitions: partitions.into_iter().collect(),
        }],
        ..FetchRequest::default()
    }
}

pub(crate) fn fetch_partition(partition: i32, fetch_offset: i64) -> FetchPartition {
    FetchPartition {
        partition,
        fetch_offset,
        partition_max_bytes: 1 << 20,
        ..FetchPartition::default()
    }
}

pub(crate) fn list_offsets(topic: &str, partition: i32, timestamp: i64) -> ListOffsetsRequest {
    list_all(topic, [list_partition(partition, timestamp)])
}

pub(crate) fn list_all(
    topic: &str,
    partitions: impl IntoIterator<Item = ListOffsetsPartition>,
) -> ListOffsetsRequest {
    ListOffsetsRequest {
        topics: vec![ListOffsetsTopic {
            name: topic.into(),
            partitions: partitions.into_iter().collect(),
        }],
        ..ListOffsetsRequest::default()
    }
}

pub(crate) fn list_partition(partition_index: i32, timestamp: i64) -> ListOffsetsPartition {
    ListOffsetsPartition {
        partition_index,
        timestamp,
        ..ListOffsetsPartition::default()
    }
}

/// These topics, which the broker may create; none gives only the brokers.
pub(crate) fn metadata(topics: &[&str]) -> MetadataRequest {
    let topics = topics.iter().map(|name| MetadataRequestTopic {
        name: Some((*name).into()),
        ..MetadataRequestTopic::default()
    });
    MetadataRequest {
        topics: Some(topics.collect()),
        ..MetadataRequest::default()
    }
}

pub(crate) fn metadata_without_creating(topics: &[&str]) -> MetadataRequest {
    MetadataRequest {
        allow_auto_topic_creation: false,
        ..metadata(topics)
    }
}

pub(crate) fn metadata_by_id(topic_id: [u8; 16]) -> MetadataRequest {
    let topics = vec![MetadataRequestTopic { topic_id, name: None }];
    MetadataRequest {
        topics: Some(topics),
        ..MetadataRequest::default()
    }
}

pub(crate) fn create(topics: &[CreatableTopic], validate_only: bool) -> CreateTopicsRequest {
    CreateTopicsRequest {
        topics: topics.to_vec(),
        timeout_ms: TIMEOUT_MS,
        validate_only,
    }
}

pub(crate) fn topic(name: &str, partitions: i32, replicas: i16, configs: &[(&str, &str)]) -> CreatableTopic {
    let configs = configs.iter().map(|(name, value)| config(name, Some(value)));
    CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: replicas,
        configs: configs.collect(),
        ..CreatableTopic::default()
    }
}

pub(crate) fn config(name: &str, value: Option<&str>) -> CreatableTopicConfig {
    CreatableTopicConfig {
        name: name.into(),
        value: value.map(Str::from),
    }
}

pub(crate) fn init_producer_id() -> InitProducerIdRequest {
    InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        ..InitProducerIdRequest::default()
    }
}

pub(crate) fn api_versions(name: &str, version: &str) -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: name.into(),
        client_software_version: version.into(),
    }
}
