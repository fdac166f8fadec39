//! CreateTopics: Kafka's checks in its order; what is created exists at once.

use std::collections::BTreeMap;
use std::time::Instant;

use linger_protocol::messages::{
    CreatableTopic, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use linger_protocol::records::TimestampType;
use linger_protocol::{ErrorCode, Str};

use crate::broker::config::{PARTITIONS_MAX, ResolvedTopic};
use crate::broker::topics;
use crate::broker::{ClusterModel, TopicSpec};

/// The smallest segment that Kafka 4 accepts.
const SEGMENT_BYTES_MIN: i64 = 1 << 20;

/// Settings of a topic that change nothing here but are Kafka's, so that clients may give them.
const SETTINGS_WITHOUT_EFFECT: [&str; 14] = [
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "index.interval.bytes",
    "max.compaction.lag.ms",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "min.compaction.lag.ms",
    "retention.bytes",
    "retention.ms",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
];

/// Which brokers hold each partition.
type Assignment = Vec<Vec<i32>>;

/// Why a topic is not created.
type Refusal = (ErrorCode, String);

impl ClusterModel {
    pub(super) fn create_topics(
        &mut self,
        request: &CreateTopicsRequest,
        now: Instant,
    ) -> CreateTopicsResponse {
        let mut times_named = BTreeMap::new();
        request
            .topics
            .iter()
            .for_each(|topic| *times_named.entry(&topic.name).or_insert(0) += 1);
        let mut results = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            match times_named.get_mut(&topic.name) {
                Some(1) => results.push(self.create_one(topic, request.validate_only, now)),
                // Named more than once: refused, and answered once.
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

    fn create_one(
        &mut self,
        topic: &CreatableTopic,
        validate_only: bool,
        now: Instant,
    ) -> CreatableTopicResult {
        let created = self.check_topic(topic).and_then(|(resolved, assignment)| {
            let (partitions, factor) = (resolved.partitions, resolved.replication_factor);
            if !validate_only {
                let created = match assignment {
                    Some(assignment) => self.create_assigned(resolved, assignment, now),
                    None => self.create_topic(resolved, now),
                };
                created.map_err(|error| (ErrorCode::INVALID_REQUEST, error.to_string()))?;
            }
            Ok((partitions, factor))
        });
        match created {
            Err(refusal) => refused(&topic.name, refusal),
            Ok((num_partitions, replication_factor)) => CreatableTopicResult {
                name: topic.name.clone(),
                topic_id: self
                    .topics
                    .by_name(&topic.name)
                    .map_or_else(Default::default, |topic| topic.id),
                error_message: None,
                num_partitions,
                replication_factor,
                ..CreatableTopicResult::default()
            },
        }
    }

    fn check_topic(&self, topic: &CreatableTopic) -> Result<(ResolvedTopic, Option<Assignment>), Refusal> {
        topics::validate_name(&topic.name).map_err(|why| {
            (
                ErrorCode::INVALID_TOPIC_EXCEPTION,
                format!("topic name is invalid: {why}"),
            )
        })?;
        if self.topics.by_name(&topic.name).is_some() {
            let why = format!("topic '{}' already exists", topic.name);
            return Err((ErrorCode::TOPIC_ALREADY_EXISTS, why));
        }
        if let Some(other) = self.topics.colliding_with(&topic.name) {
            let why = format!(
                "topic '{}' collides with existing topic '{}'",
                topic.name, other.name
            );
            return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, why));
        }
        let mut spec = TopicSpec::new(&topic.name, topic.num_partitions);
        for config in &topic.configs {
            configure(&mut spec, &config.name, config.value.as_deref())
                .map_err(|why| (ErrorCode::INVALID_CONFIG, why))?;
        }
        if !topic.assignments.is_empty() {
            let assignment = self.check_assignment(topic)?;
            spec.partitions = assignment.len() as i32;
            spec.replication_factor = Some(assignment[0].len() as i16);
            return Ok((spec.resolve(&self.config), Some(assignment)));
        }
        let brokers = self.nodes.len();
        spec.replication_factor = match topic.replication_factor {
            -1 => None,
            factor if (1..=brokers as i64).contains(&i64::from(factor)) => Some(factor),
            factor => {
                let why = format!("replication factor {factor} with {brokers} brokers");
                return Err((ErrorCode::INVALID_REPLICATION_FACTOR, why));
            }
        };
        spec.partitions = match topic.num_partitions {
            -1 => self.config.default_partitions,
            count if (1..=PARTITIONS_MAX).contains(&count) => count,
            count => return Err((ErrorCode::INVALID_PARTITIONS, format!("{count} partitions"))),
        };
        Ok((spec.resolve(&self.config), None))
    }

    /// Which brokers hold which partition, as the client wants it: partitions from 0 without a gap, each with as many replicas,
    /// of brokers that exist, none twice.
    fn check_assignment(&self, topic: &CreatableTopic) -> Result<Assignment, Refusal> {
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
                .all(|broker| (0..self.nodes.len() as i32).contains(broker));
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
}

fn refused(name: &Str, (error_code, why): Refusal) -> CreatableTopicResult {
    CreatableTopicResult {
        name: name.clone(),
        error_code,
        error_message: Some(why.into()),
        ..CreatableTopicResult::default()
    }
}

/// Takes one setting of a topic; says what is wrong with it.
fn configure(spec: &mut TopicSpec, name: &str, value: Option<&str>) -> Result<(), String> {
    let Some(value) = value else {
        return Err(format!("null value for configuration {name}"));
    };
    let invalid = || format!("invalid value {value} for configuration {name}");
    let number = || value.parse::<i64>().map_err(|_| invalid());
    let at_least =
        |min: i64| number().and_then(|number| (number >= min).then_some(number).ok_or_else(invalid));
    match name {
        "min.insync.replicas" => {
            spec.min_insync_replicas = Some(i16::try_from(at_least(1)?).unwrap_or(i16::MAX));
        }
        "max.message.bytes" => spec.message_bytes_max = Some(at_least(0)? as usize),
        "message.timestamp.type" => {
            spec.timestamp_type = match value {
                "CreateTime" => TimestampType::CreateTime,
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => return Err(invalid()),
            }
        }
        "cleanup.policy" => {
            let mut policies = value.split(',').map(str::trim);
            if !policies
                .clone()
                .all(|policy| matches!(policy, "compact" | "delete"))
            {
                return Err(invalid());
            }
            spec.compacted = policies.any(|policy| policy == "compact");
        }
        "segment.bytes" => drop(at_least(SEGMENT_BYTES_MIN)?),
        // Another codec would have to be applied to every batch, which is not done here.
        "compression.type" if value == "producer" => {}
        "compression.type" => return Err(format!("{}: only 'producer' is supported here", invalid())),
        "min.cleanable.dirty.ratio" => drop(value.parse::<f64>().map_err(|_| invalid())?),
        "preallocate" | "unclean.leader.election.enable" if matches!(value, "true" | "false") => {}
        name if SETTINGS_WITHOUT_EFFECT.contains(&name) => drop(number()?),
        "preallocate" | "unclean.leader.election.enable" => return Err(invalid()),
        name => return Err(format!("unknown topic config name: {name}")),
    }
    Ok(())
}
