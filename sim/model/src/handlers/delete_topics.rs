//! DeleteTopics: by name or by id; what is deleted is gone at once.

use std::collections::BTreeMap;

use linger_protocol::messages::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use linger_protocol::{ErrorCode, Uuid};

use super::handler::{Answer, Handler, Never, Outcome};
use crate::cx::Cx;

/// The id of a topic that is given by its name.
const NO_ID: Uuid = [0; 16];

pub(crate) struct DeleteTopics;

impl Handler for DeleteTopics {
    type Request = DeleteTopicsRequest;
    type Response = DeleteTopicsResponse;
    type Task = Never;

    fn start(cx: &mut Cx<'_>, request: DeleteTopicsRequest) -> Outcome<Self> {
        Outcome::Answer(delete_topics(cx, request))
    }

    fn refuse(request: DeleteTopicsRequest, code: ErrorCode) -> Answer<DeleteTopicsResponse> {
        let by_name = request.topic_names.into_iter().map(|name| (Some(name), NO_ID));
        let either = request
            .topics
            .into_iter()
            .map(|topic| (topic.name, topic.topic_id));
        let refused = |(name, topic_id)| DeletableTopicResult {
            name,
            topic_id,
            error_code: code,
            ..DeletableTopicResult::default()
        };
        Answer::Response(DeleteTopicsResponse {
            responses: by_name.chain(either).map(refused).collect(),
            ..DeleteTopicsResponse::default()
        })
    }

    fn overwrite(response: &mut DeleteTopicsResponse, code: ErrorCode) {
        response
            .responses
            .iter_mut()
            .for_each(|topic| topic.error_code = code);
    }

    fn throttle_time_ms(response: &mut DeleteTopicsResponse) -> &mut i32 {
        &mut response.throttle_time_ms
    }
}

fn delete_topics(cx: &mut Cx<'_>, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name = request.topic_names.into_iter().map(|name| DeleteTopicState {
        name: Some(name),
        topic_id: NO_ID,
    });
    let topics: Vec<DeleteTopicState> = request.topics.into_iter().chain(by_name).collect();
    let mut times_named = BTreeMap::new();
    for topic in &topics {
        *times_named
            .entry((topic.name.clone(), topic.topic_id))
            .or_insert(0) += 1;
    }
    let mut responses = Vec::with_capacity(topics.len());
    for topic in topics {
        match times_named.get_mut(&(topic.name.clone(), topic.topic_id)) {
            Some(1) => responses.push(delete_one(cx, topic)),
            // A topic that is named more than once is refused, and answered once.
            Some(count @ 2..) => {
                *count = 0;
                responses.push(refused(topic, ErrorCode::INVALID_REQUEST, "duplicate topic name"));
            }
            _ => {}
        }
    }
    DeleteTopicsResponse {
        responses,
        ..DeleteTopicsResponse::default()
    }
}

fn delete_one(cx: &mut Cx<'_>, topic: DeleteTopicState) -> DeletableTopicResult {
    let found = match (&topic.name, topic.topic_id) {
        (Some(_), id) if id != NO_ID => {
            let why = "a topic is given by its name or by its id, not by both";
            return refused(topic, ErrorCode::INVALID_REQUEST, why);
        }
        (None, NO_ID) => {
            return refused(
                topic,
                ErrorCode::INVALID_REQUEST,
                "neither a name nor an id is given",
            );
        }
        (Some(name), _) => cx
            .topics
            .by_name(name)
            .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        (None, id) => cx.topics.by_id(&id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID),
    };
    let (name, topic_id) = match found {
        Ok(found) => (found.name.clone(), found.id),
        Err(code) => return refused(topic, code, "there is no such topic"),
    };
    cx.delete_topic(&name);
    DeletableTopicResult {
        name: Some(name),
        topic_id,
        ..DeletableTopicResult::default()
    }
}

fn refused(topic: DeleteTopicState, error_code: ErrorCode, why: &str) -> DeletableTopicResult {
    DeletableTopicResult {
        name: topic.name,
        topic_id: topic.topic_id,
        error_code,
        error_message: Some(why.into()),
    }
}
