//! DeleteTopics: by name or by id; what is deleted is gone at once.

use std::collections::BTreeMap;

use linger_protocol::messages::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use linger_protocol::{ErrorCode, Uuid};

use crate::ClusterModel;

/// The id of a topic that is given by its name.
const NO_ID: Uuid = [0; 16];

impl ClusterModel {
    pub(super) fn delete_topics(&mut self, request: &DeleteTopicsRequest) -> DeleteTopicsResponse {
        let by_name = request.topic_names.iter().map(|name| DeleteTopicState {
            name: Some(name.clone()),
            topic_id: NO_ID,
        });
        let topics: Vec<DeleteTopicState> = request.topics.iter().cloned().chain(by_name).collect();
        let mut times_named = BTreeMap::new();
        for topic in &topics {
            *times_named
                .entry((topic.name.clone(), topic.topic_id))
                .or_insert(0) += 1;
        }
        let mut responses = Vec::with_capacity(topics.len());
        for topic in topics {
            match times_named.get_mut(&(topic.name.clone(), topic.topic_id)) {
                Some(1) => responses.push(self.delete_one(topic)),
                // Named more than once: refused, and answered once.
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

    fn delete_one(&mut self, topic: DeleteTopicState) -> DeletableTopicResult {
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
            (Some(name), _) => self
                .topics
                .by_name(name)
                .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            (None, id) => self.topics.by_id(&id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID),
        };
        let (name, topic_id) = match found {
            Ok(found) => (found.name.clone(), found.id),
            Err(code) => return refused(topic, code, "there is no such topic"),
        };
        match self.delete_topic(&name) {
            Ok(()) => DeletableTopicResult {
                name: Some(name),
                topic_id,
                ..DeletableTopicResult::default()
            },
            Err(error) => refused(topic, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, &error.to_string()),
        }
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
