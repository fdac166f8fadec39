//! An error for a whole request, in the shape each API has for it: what a fault's answer looks like.

use linger_protocol::messages::{
    ApiVersionsResponse, Coordinator, CreatableTopicResult, CreateTopicsResponse, DeletableTopicResult,
    DeleteTopicsRequest, DeleteTopicsResponse, FetchRequest, FetchResponse, FetchableTopicResponse,
    FindCoordinatorResponse, InitProducerIdResponse, ListOffsetsPartitionResponse, ListOffsetsResponse,
    ListOffsetsTopicResponse, MetadataRequest, MetadataResponse, MetadataResponseTopic, PartitionData,
    RequestBody, ResponseBody,
};
use linger_protocol::{ErrorCode, RecordSet, Str};

use crate::inflight_request::{Stage, Task, Work};

/// Answers a request with a code, wherever it stands.
pub(crate) fn refuse(work: &mut Work, code: ErrorCode) {
    match &mut work.task {
        Task::Produce(produce) => {
            produce.slots.iter_mut().for_each(|slot| slot.refuse(code));
            // Nothing is open any more; this stage only makes the answer.
            work.stage = Stage::Replicated;
        }
        Task::Other(request) => {
            work.task = Task::Answer(Some(refusal_of(request, code)));
            work.stage = Stage::Replying;
        }
        Task::Answer(Some(response)) => spoil(response, code),
        Task::Answer(None) => {}
    }
}

fn refusal_of(request: &RequestBody, code: ErrorCode) -> ResponseBody {
    match request {
        RequestBody::Produce(_) => ResponseBody::Produce(Default::default()),
        RequestBody::Fetch(request) => refused_fetch(request, code).into(),
        RequestBody::ListOffsets(request) => ListOffsetsResponse {
            topics: request
                .topics
                .iter()
                .map(|topic| ListOffsetsTopicResponse {
                    name: topic.name.clone(),
                    partitions: topic
                        .partitions
                        .iter()
                        .map(|partition| ListOffsetsPartitionResponse {
                            partition_index: partition.partition_index,
                            error_code: code,
                            ..ListOffsetsPartitionResponse::default()
                        })
                        .collect(),
                })
                .collect(),
            ..ListOffsetsResponse::default()
        }
        .into(),
        RequestBody::Metadata(request) => metadata_refusal(request, code).into(),
        RequestBody::CreateTopics(request) => CreateTopicsResponse {
            topics: request
                .topics
                .iter()
                .map(|topic| CreatableTopicResult {
                    name: topic.name.clone(),
                    error_code: code,
                    error_message: None,
                    ..CreatableTopicResult::default()
                })
                .collect(),
            ..CreateTopicsResponse::default()
        }
        .into(),
        RequestBody::DeleteTopics(request) => topics_not_deleted(request, code).into(),
        RequestBody::InitProducerId(_) => InitProducerIdResponse {
            error_code: code,
            producer_epoch: -1,
            ..InitProducerIdResponse::default()
        }
        .into(),
        RequestBody::FindCoordinator(request) => no_coordinator(
            request.coordinator_keys.iter().cloned(),
            code,
            code.to_string().into(),
        )
        .into(),
        RequestBody::ApiVersions(_) => ApiVersionsResponse {
            error_code: code,
            ..ApiVersionsResponse::default()
        }
        .into(),
    }
}

fn topics_not_deleted(request: &DeleteTopicsRequest, code: ErrorCode) -> DeleteTopicsResponse {
    let by_name = request
        .topic_names
        .iter()
        .map(|name| (Some(name.clone()), [0; 16]));
    let either = request
        .topics
        .iter()
        .map(|topic| (topic.name.clone(), topic.topic_id));
    let result = |(name, topic_id)| DeletableTopicResult {
        name,
        topic_id,
        error_code: code,
        ..DeletableTopicResult::default()
    };
    DeleteTopicsResponse {
        responses: by_name.chain(either).map(result).collect(),
        ..DeleteTopicsResponse::default()
    }
}

/// A metadata answer that knows of no broker, only of what was asked.
pub(super) fn metadata_refusal(request: &MetadataRequest, code: ErrorCode) -> MetadataResponse {
    let topics = request.topics.iter().flatten();
    MetadataResponse {
        topics: topics
            .map(|topic| MetadataResponseTopic {
                error_code: code,
                name: Some(topic.name.clone().unwrap_or_default()),
                topic_id: topic.topic_id,
                ..MetadataResponseTopic::default()
            })
            .collect(),
        ..MetadataResponse::default()
    }
}

/// A fetch whose every partition failed, and that moved its session on.
pub(super) fn refused_fetch(request: &FetchRequest, code: ErrorCode) -> FetchResponse {
    let topics = request.topics.iter().map(|topic| FetchableTopicResponse {
        topic: topic.topic.clone(),
        partitions: topic
            .partitions
            .iter()
            .map(|part| fetch_refusal(part.partition, code))
            .collect(),
    });
    FetchResponse {
        error_code: code,
        session_id: request.session_id,
        responses: topics.collect(),
        ..FetchResponse::default()
    }
}

/// A partition that could not be fetched: every offset is -1, and records are empty but never null.
pub(super) fn fetch_refusal(partition: i32, code: ErrorCode) -> PartitionData {
    PartitionData {
        partition_index: partition,
        error_code: code,
        high_watermark: -1,
        records: Some(RecordSet::default()),
        ..PartitionData::default()
    }
}

/// A FindCoordinator answer that names nobody, for one key or for several: these are told `why`, one always the code's name.
pub(super) fn no_coordinator(
    keys: impl Iterator<Item = Str>,
    code: ErrorCode,
    why: Str,
) -> FindCoordinatorResponse {
    let coordinators = keys.map(|key| Coordinator {
        key,
        node_id: -1,
        port: -1,
        error_code: code,
        error_message: Some(why.clone()),
        ..Coordinator::default()
    });
    FindCoordinatorResponse {
        error_code: code,
        error_message: Some(code.to_string().into()),
        node_id: -1,
        port: -1,
        coordinators: coordinators.collect(),
        ..FindCoordinatorResponse::default()
    }
}

/// Puts a code over an answer that is complete already.
fn spoil(response: &mut ResponseBody, code: ErrorCode) {
    match response {
        ResponseBody::Produce(response) => {
            let partitions = response
                .responses
                .iter_mut()
                .flat_map(|topic| &mut topic.partition_responses);
            partitions.for_each(|partition| partition.error_code = code);
        }
        ResponseBody::Fetch(response) => {
            response.error_code = code;
            let partitions = response
                .responses
                .iter_mut()
                .flat_map(|topic| &mut topic.partitions);
            partitions.for_each(|partition| *partition = fetch_refusal(partition.partition_index, code));
        }
        ResponseBody::ListOffsets(response) => {
            let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
            partitions.for_each(|partition| partition.error_code = code);
        }
        ResponseBody::Metadata(response) => {
            response
                .topics
                .iter_mut()
                .for_each(|topic| topic.error_code = code);
        }
        ResponseBody::CreateTopics(response) => {
            response
                .topics
                .iter_mut()
                .for_each(|topic| topic.error_code = code);
        }
        ResponseBody::DeleteTopics(response) => {
            response
                .responses
                .iter_mut()
                .for_each(|topic| topic.error_code = code);
        }
        ResponseBody::InitProducerId(response) => {
            response.error_code = code;
            response.producer_id = -1;
            response.producer_epoch = -1;
        }
        ResponseBody::FindCoordinator(response) => {
            response.error_code = code;
            response
                .coordinators
                .iter_mut()
                .for_each(|coordinator| coordinator.error_code = code);
        }
        ResponseBody::ApiVersions(response) => {
            response.error_code = code;
            response.api_keys.clear();
        }
    }
}
