//! Finding the cluster that `--bootstrap` names, and creating the topic if asked to.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use linger_protocol::messages::{CreatableTopic, CreateTopicsRequest, MetadataResponseTopic};
use linger_protocol::{ApiKey, ErrorCode};

use super::error::RemoteError;
use super::metadata::{connect_to_any, connect_to_controller, metadata, retry};
use super::options::{RemoteOptions, TopicChoice};
use super::remote::{RealCluster, Remote};
use super::removal::Removal;

/// How long the cluster may take to create the topic.
const CREATE_TIMEOUT: Duration = Duration::from_secs(15);

/// Replicas of a created topic, if there are enough brokers.
const REPLICAS_USUAL: u32 = 3;

/// A cluster that answers. Nothing in it was changed yet.
pub(crate) struct Target {
    options: RemoteOptions,
    bootstrap: Vec<String>,
    brokers: u32,
    cluster_id: Option<String>,
    version: Option<String>,
    /// The user's topic; `None` if the topic is to be created.
    existing: Option<Existing>,
}

/// A topic of the user's.
struct Existing {
    partitions: u32,
    replicas: u32,
}

/// Finds the cluster, and the topic if it must exist. Changes nothing.
pub(crate) fn find(options: &RemoteOptions) -> Result<Target, RemoteError> {
    let bootstrap: Vec<String> = options
        .bootstrap
        .split(',')
        .map(|address| address.trim().to_owned())
        .filter(|address| !address.is_empty())
        .collect();
    let mut connection = connect_to_any(&bootstrap)?;
    let name = match &options.topic {
        TopicChoice::Existing { name, .. } => Some(name.as_str()),
        TopicChoice::Created { .. } => None,
    };
    let metadata = metadata(&mut connection, name)?;
    let existing = match &options.topic {
        TopicChoice::Created { .. } => None,
        TopicChoice::Existing { name, partitions } => {
            let topic = metadata.topics.first();
            let topic = topic.ok_or_else(|| connection.mismatch(ApiKey::Metadata))?;
            Some(existing(topic, name, *partitions, options)?)
        }
    };
    Ok(Target {
        options: options.clone(),
        bootstrap,
        brokers: metadata.brokers.len() as u32,
        cluster_id: metadata.cluster_id.as_deref().map(str::to_owned),
        version: connection
            .metadata_version()
            .map(|level| format!("metadata.version {level}")),
        existing,
    })
}

fn existing(
    topic: &MetadataResponseTopic,
    name: &str,
    partitions: Option<u32>,
    options: &RemoteOptions,
) -> Result<Existing, RemoteError> {
    match topic.error_code {
        ErrorCode::NONE | ErrorCode::LEADER_NOT_AVAILABLE => {}
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
            return Err(RemoteError::NoTopic {
                topic: name.to_owned(),
                bootstrap: options.bootstrap.clone(),
            });
        }
        code => {
            return Err(RemoteError::Topic {
                topic: name.to_owned(),
                code,
            });
        }
    }
    let has = topic.partitions.len() as u32;
    let replicas = topic
        .partitions
        .iter()
        .map(|partition| partition.replica_nodes.len() as u32);
    match partitions {
        Some(asked) if asked > has => Err(RemoteError::Partitions {
            topic: name.to_owned(),
            asked,
            has,
        }),
        partitions => Ok(Existing {
            partitions: partitions.unwrap_or(has),
            replicas: replicas.min().unwrap_or(0),
        }),
    }
}

impl Target {
    /// How many partitions of the existing topic to use; `None` if the topic is to be created.
    pub(crate) fn partitions(&self) -> Option<u32> {
        self.existing.as_ref().map(|existing| existing.partitions)
    }

    /// Creates the topic if asked to, and waits until each partition has a leader.
    pub(crate) fn prepare(self, partitions: u32) -> Result<Remote, RemoteError> {
        let (topic, replicas, removal) = match (&self.options.topic, &self.existing) {
            (TopicChoice::Existing { name, .. }, existing) => {
                let replicas = existing.as_ref().map_or(0, |existing| existing.replicas);
                (name.clone(), replicas, None)
            }
            (TopicChoice::Created { replication_factor }, _) => {
                let replicas = replication_factor.unwrap_or_else(|| self.brokers.min(REPLICAS_USUAL));
                let (topic, removal) = self.create(partitions, replicas)?;
                (topic, replicas, Some(removal))
            }
        };
        let remote = Remote {
            about: RealCluster {
                bootstrap: self.options.bootstrap.clone(),
                cluster_id: self.cluster_id,
                version: self.version,
                topic,
                topic_created: removal.is_some(),
            },
            bootstrap: self.bootstrap,
            partitions,
            brokers: self.brokers,
            replicas,
            _removal: removal,
        };
        retry(|| remote.leaders())?;
        Ok(remote)
    }

    fn create(&self, partitions: u32, replicas: u32) -> Result<(String, Removal), RemoteError> {
        if replicas > self.brokers {
            return Err(RemoteError::Replicas {
                asked: replicas,
                brokers: self.brokers,
            });
        }
        let mut connection = connect_to_controller(&self.bootstrap)?;
        let name = unique_name();
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: name.as_str().into(),
                num_partitions: partitions as i32,
                replication_factor: replicas as i16,
                ..CreatableTopic::default()
            }],
            timeout_ms: CREATE_TIMEOUT.as_millis() as i32,
            ..CreateTopicsRequest::default()
        };
        let answer = connection.ask(&request);
        // The topic may exist even if the answer was lost, so it is removed from here on.
        let removal = Removal::of(&name, self.bootstrap.clone());
        let answer = answer?;
        let result = answer
            .topics
            .first()
            .ok_or_else(|| connection.mismatch(ApiKey::CreateTopics))?;
        if result.error_code != ErrorCode::NONE {
            return Err(RemoteError::NotCreated {
                topic: name,
                code: result.error_code,
                message: result
                    .error_message
                    .as_deref()
                    .unwrap_or("without a reason")
                    .to_owned(),
            });
        }
        Ok((name, removal))
    }
}

/// A new topic's name: the time in ms, and the process id.
fn unique_name() -> String {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("linger-compare-{}-{}", time.as_millis(), std::process::id())
}
