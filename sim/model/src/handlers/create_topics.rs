//! CreateTopics: Kafka's checks in its order; what is created exists at once.

use std::collections::BTreeMap;

use linger_protocol::messages::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use linger_protocol::records::TimestampType;
use linger_protocol::{ErrorCode, Str};

use super::handler::{Answer, Handler, Never, Outcome};
use crate::config::{ModelConfig, PARTITIONS_MAX, ResolvedTopic, TopicSpec};
use crate::cx::Cx;
use crate::settings::{FROM_DEFAULT, TOPIC_SETTINGS, TopicConfigs, topic_values};
use crate::topic_name;
use crate::topics::Assignment;

/// A topic that may be created.
struct Wanted {
    topic: ResolvedTopic,
    assignment: Option<Assignment>,
}

/// Why a topic is not created.
type Refusal = (ErrorCode, String);

pub(crate) struct CreateTopics;

impl Handler for CreateTopics {
    type Request = CreateTopicsRequest;
    type Response = CreateTopicsResponse;
    type Task = Never;

    fn start(cx: &mut Cx<'_>, request: CreateTopicsRequest) -> Outcome<Self> {
        Outcome::Answer(create_topics(cx, &request))
    }

    fn refuse(request: CreateTopicsRequest, code: ErrorCode) -> Answer<CreateTopicsResponse> {
        let refused = |topic: CreatableTopic| CreatableTopicResult {
            name: topic.name,
            error_code: code,
            error_message: None,
            ..CreatableTopicResult::default()
        };
        Answer::Response(CreateTopicsResponse {
            topics: request.topics.into_iter().map(refused).collect(),
            ..CreateTopicsResponse::default()
        })
    }

    fn overwrite(response: &mut CreateTopicsResponse, code: ErrorCode) {
        response
            .topics
            .iter_mut()
            .for_each(|topic| topic.error_code = code);
    }

    fn throttle_time_ms(response: &mut CreateTopicsResponse) -> &mut i32 {
        &mut response.throttle_time_ms
    }
}

fn create_topics(cx: &mut Cx<'_>, request: &CreateTopicsRequest) -> CreateTopicsResponse {
    let mut times_named = BTreeMap::new();
    request
        .topics
        .iter()
        .for_each(|topic| *times_named.entry(&topic.name).or_insert(0) += 1);
    let mut results = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        match times_named.get_mut(&topic.name) {
            Some(1) => results.push(create_one(cx, topic, request.validate_only)),
            // A topic that is named more than once is refused, and answered once.
            Some(count @ 2..) => {
                *count = 0;
                let refusal = (ErrorCode::INVALID_REQUEST, "duplicate topic name".to_owned());
                results.push(refused(&topic.name, refusal));
            }
            _ => {}
        }
    }
    CreateTopicsResponse {
        topics: results,
        ..CreateTopicsResponse::default()
    }
}

fn create_one(cx: &mut Cx<'_>, topic: &CreatableTopic, validate_only: bool) -> CreatableTopicResult {
    let wanted = match check_topic(cx, topic) {
        Err(refusal) => return refused(&topic.name, refusal),
        Ok(wanted) => wanted,
    };
    let answer = CreatableTopicResult {
        name: topic.name.clone(),
        error_message: None,
        num_partitions: wanted.topic.partitions,
        replication_factor: wanted.topic.replication_factor,
        configs: Some(described(&wanted.topic.configs, cx.config)),
        ..CreatableTopicResult::default()
    };
    if validate_only {
        // Kafka, too, answers with the id of a topic that is not created.
        let topic_id = cx.new_topic_id();
        return CreatableTopicResult { topic_id, ..answer };
    }
    let created = match wanted.assignment {
        Some(assignment) => cx.create_assigned_topic(wanted.topic, assignment),
        None => cx.create_topic(wanted.topic),
    };
    match created {
        Err(error) => refused(&topic.name, (ErrorCode::INVALID_REQUEST, error.to_string())),
        Ok(topic_id) => CreatableTopicResult { topic_id, ..answer },
    }
}

fn check_topic(cx: &Cx<'_>, topic: &CreatableTopic) -> Result<Wanted, Refusal> {
    topic_name::validate(&topic.name).map_err(|why| {
        (
            ErrorCode::INVALID_TOPIC_EXCEPTION,
            format!("topic name is invalid: {why}"),
        )
    })?;
    if cx.topics.by_name(&topic.name).is_some() {
        let why = format!("topic '{}' already exists", topic.name);
        return Err((ErrorCode::TOPIC_ALREADY_EXISTS, why));
    }
    if let Some(other) = cx.topics.colliding_with(&topic.name) {
        let why = format!(
            "topic '{}' collides with existing topic '{}'",
            topic.name, other.name
        );
        return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, why));
    }
    let configs = TopicConfigs::parse(&topic.configs).map_err(|why| (ErrorCode::INVALID_CONFIG, why))?;
    let mut spec = TopicSpec::new(&topic.name, topic.num_partitions);
    apply(&configs, &mut spec);
    let assignment = match topic.assignments.is_empty() {
        true => {
            check_counts(cx, topic, &mut spec)?;
            None
        }
        false => {
            let assignment = check_assignment(cx, topic)?;
            spec.partitions = assignment.len() as i32;
            spec.replication_factor = Some(assignment[0].len() as i16);
            Some(assignment)
        }
    };
    let topic = ResolvedTopic {
        configs,
        ..spec.resolve(cx.config)
    };
    Ok(Wanted { topic, assignment })
}

/// Gives a topic the settings that have an effect here.
fn apply(configs: &TopicConfigs, spec: &mut TopicSpec) {
    let value = |name| configs.get(name).map(|value| value.trim());
    let number = |name| value(name).and_then(|value| value.parse::<i32>().ok());
    if let Some(replicas) = number("min.insync.replicas") {
        spec.min_insync_replicas = Some(i16::try_from(replicas).unwrap_or(i16::MAX));
    }
    if let Some(bytes) = number("max.message.bytes") {
        spec.message_bytes_max = usize::try_from(bytes).ok();
    }
    if value("message.timestamp.type") == Some("LogAppendTime") {
        spec.timestamp_type = TimestampType::LogAppendTime;
    }
    if let Some(policies) = value("cleanup.policy") {
        spec.compacted = policies.split(',').any(|policy| policy.trim() == "compact");
    }
}

/// All settings of a topic, each with the value in force.
fn described(configs: &TopicConfigs, config: &ModelConfig) -> Vec<CreatableTopicConfigs> {
    let described = TOPIC_SETTINGS.iter().map(|setting| {
        // Unlike DescribeConfigs, Kafka's controller repeats a value as the client wrote it.
        let given = configs.get(setting.name);
        let in_force = topic_values(setting, configs, config).into_iter().next();
        let in_force = in_force.map(|value| (given.cloned().unwrap_or(value.value), value.source));
        let (value, config_source) = in_force.unwrap_or_else(|| (setting.default.into(), FROM_DEFAULT));
        CreatableTopicConfigs {
            name: setting.name.into(),
            value: Some(value),
            config_source,
            ..CreatableTopicConfigs::default()
        }
    });
    described.collect()
}

/// Checks the numbers of partitions and replicas. Whether there are enough brokers comes last.
fn check_counts(cx: &Cx<'_>, topic: &CreatableTopic, spec: &mut TopicSpec) -> Result<(), Refusal> {
    let (replicas, brokers) = (topic.replication_factor, cx.brokers.count());
    let too_many = i64::from(replicas) > brokers as i64;
    let refuse_replicas = || {
        let why = format!("replication factor {replicas} with {brokers} brokers");
        Err((ErrorCode::INVALID_REPLICATION_FACTOR, why))
    };
    if replicas < -1 || replicas == 0 {
        return refuse_replicas();
    }
    spec.partitions = match topic.num_partitions {
        -1 => cx.config.default_partitions,
        count if (1..=PARTITIONS_MAX).contains(&count) => count,
        count => return Err((ErrorCode::INVALID_PARTITIONS, format!("{count} partitions"))),
    };
    if too_many {
        return refuse_replicas();
    }
    spec.replication_factor = (replicas != -1).then_some(replicas);
    Ok(())
}

/// Which brokers hold which partition, as the client wants it. Partitions must be numbered from 0
/// without a gap, and each needs the same number of replicas, on brokers that exist, none twice.
fn check_assignment(cx: &Cx<'_>, topic: &CreatableTopic) -> Result<Assignment, Refusal> {
    if topic.num_partitions != -1 || topic.replication_factor != -1 {
        let why = "an assignment excludes a number of partitions or replicas".to_owned();
        return Err((ErrorCode::INVALID_REQUEST, why));
    }
    let invalid = |why: &str| (ErrorCode::INVALID_REPLICA_ASSIGNMENT, why.to_owned());
    let mut by_index = BTreeMap::new();
    for assignment in &topic.assignments {
        let mut brokers = assignment.broker_ids.clone();
        brokers.sort_unstable();
        brokers.dedup();
        let exist = brokers
            .iter()
            .all(|broker| (0..cx.brokers.count() as i32).contains(broker));
        if brokers.is_empty() || brokers.len() != assignment.broker_ids.len() || !exist {
            return Err(invalid("a partition needs brokers that exist, each once"));
        }
        if by_index
            .insert(assignment.partition_index, assignment.broker_ids.clone())
            .is_some()
        {
            return Err(invalid("a partition is assigned twice"));
        }
    }
    if !by_index.keys().copied().eq(0..by_index.len() as i32) {
        return Err(invalid("partitions must be numbered from 0 without a gap"));
    }
    let assignment: Assignment = by_index.into_values().collect();
    if assignment
        .iter()
        .any(|brokers| brokers.len() != assignment[0].len())
    {
        return Err(invalid("every partition needs the same number of replicas"));
    }
    Ok(assignment)
}

fn refused(name: &Str, (error_code, why): Refusal) -> CreatableTopicResult {
    CreatableTopicResult {
        name: name.clone(),
        error_code,
        error_message: Some(why.into()),
        ..CreatableTopicResult::default()
    }
}

#[cfg(test)]
mod tests {
    use linger_protocol::messages::CreatableTopicConfig;

    use super::*;

    #[test]
    fn settings_with_an_effect_reach_the_topic() {
        let given = [
            ("cleanup.policy", "delete, compact"),
            ("min.insync.replicas", " 2 "),
            ("max.message.bytes", "77"),
            ("message.timestamp.type", "LogAppendTime"),
        ];
        let given = given.map(|(name, value)| CreatableTopicConfig {
            name: name.into(),
            value: Some(value.into()),
        });
        let mut spec = TopicSpec::new("t", 1);
        apply(&TopicConfigs::parse(&given).expect("valid"), &mut spec);
        assert!(spec.compacted);
        assert_eq!(
            (spec.min_insync_replicas, spec.message_bytes_max),
            (Some(2), Some(77))
        );
        assert_eq!(spec.timestamp_type, TimestampType::LogAppendTime);
    }
}
