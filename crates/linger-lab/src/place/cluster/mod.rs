//! A real cluster to compare on: found by its bootstrap addresses, with a topic that takes the records of every run.
//!
//! ```text
//! find -> Found (brokers, perhaps the topic) -> prepare -> Remote (a topic with leaders)
//!                                                          ends, read: what a run wrote
//! ```
//!
//! The topic is somebody's, or made for this comparison and removed after it; other topics are not touched. Every run
//! reads from where the topic ended when it began, so that what was there before does not matter.

mod connection;
mod error;
mod log;
mod place;
mod removal;

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use linger_protocol::messages::{
    CreatableTopic, CreateTopicsRequest, MetadataRequest, MetadataRequestTopic, MetadataResponse,
    MetadataResponseTopic,
};
use linger_protocol::{ApiKey, ErrorCode};

use crate::experiments::compare::options::{RemoteOptions, TopicChoice};
use crate::experiments::compare::report::RealCluster;
use connection::Connection;
pub(crate) use error::RemoteError;
use removal::Removal;

/// How long leaders and brokers that are missing are waited for.
const LEADER_WAIT: Duration = Duration::from_secs(30);

/// How long until a broker is asked again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// How long the cluster may take to create the topic.
const CREATE_TIMEOUT: Duration = Duration::from_secs(15);

/// Replicas of a topic that is created, where there are brokers enough.
const REPLICAS_USUAL: u32 = 3;

/// The address of each partition's leader, by partition.
type Leaders = Vec<String>;

/// A cluster that answers, before anything is changed in it.
pub(crate) struct Found {
    options: RemoteOptions,
    bootstrap: Vec<String>,
    brokers: u32,
    cluster_id: Option<String>,
    version: Option<String>,
    /// The topic, if it exists.
    existing: Option<Existing>,
}

/// A topic that is somebody's.
struct Existing {
    partitions: u32,
    replicas: u32,
}

/// A cluster with a topic to write to. The topic that was created is removed when this is dropped.
pub(crate) struct Remote {
    bootstrap: Vec<String>,
    topic: String,
    partitions: u32,
    brokers: u32,
    replicas: u32,
    about: RealCluster,
    _removal: Option<Removal>,
}

/// Finds a cluster, and the topic if it must exist. Changes nothing.
pub(crate) fn find(options: &RemoteOptions) -> Result<Found, RemoteError> {
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
    let (metadata, _) = metadata(&mut connection, name)?;
    let existing = match &options.topic {
        TopicChoice::Created { .. } => None,
        TopicChoice::Existing { name, partitions } => {
            let topic = metadata.topics.first();
            let topic = topic.ok_or_else(|| connection.mismatch(ApiKey::Metadata))?;
            Some(existing(topic, name, *partitions, options)?)
        }
    };
    Ok(Found {
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

impl Found {
    /// How many partitions the records go to; `None` if that is for whoever creates the topic to say.
    pub(crate) fn partitions(&self) -> Option<u32> {
        self.existing.as_ref().map(|existing| existing.partitions)
    }

    /// Creates the topic if that was asked for, and waits until each partition has a leader.
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
                topic: topic.clone(),
                topic_created: removal.is_some(),
            },
            bootstrap: self.bootstrap,
            topic,
            partitions,
            brokers: self.brokers,
            replicas,
            _removal: removal,
        };
        patiently(|| remote.leaders())?;
        Ok(remote)
    }

    fn create(&self, partitions: u32, replicas: u32) -> Result<(String, Removal), RemoteError> {
        if replicas > self.brokers {
            return Err(RemoteError::Replicas {
                asked: replicas,
                brokers: self.brokers,
            });
        }
        let mut connection = connect_to_any(&self.bootstrap)?;
        // Brokers pass it on to the controller where there is one (KIP-500); before, the controller itself is asked.
        let (_, controller) = metadata(&mut connection, None)?;
        if let Some(controller) = controller.filter(|_| self.version.is_none()) {
            connection = Connection::open(&controller)?;
        }
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
        // The answer may be lost and the topic created all the same: from here on it is removed.
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

impl Remote {
    pub(crate) fn brokers(&self) -> u32 {
        self.brokers
    }

    pub(crate) fn replicas(&self) -> u32 {
        self.replicas
    }

    pub(crate) fn about(&self) -> &RealCluster {
        &self.about
    }

    /// Where each partition's leader is now.
    fn leaders(&self) -> Result<Leaders, RemoteError> {
        let mut connection = connect_to_any(&self.bootstrap)?;
        let (metadata, _) = metadata(&mut connection, Some(&self.topic))?;
        let brokers = addresses(&metadata);
        let topic = metadata.topics.first();
        let topic = topic.ok_or_else(|| connection.mismatch(ApiKey::Metadata))?;
        if topic.error_code != ErrorCode::NONE {
            return Err(RemoteError::Topic {
                topic: self.topic.clone(),
                code: topic.error_code,
            });
        }
        let leader = |partition: usize| {
            let found = topic
                .partitions
                .iter()
                .find(|found| found.partition_index == partition as i32);
            let address = found.and_then(|found| brokers.get(&found.leader_id));
            address.cloned().ok_or_else(|| RemoteError::NoLeader {
                topic: self.topic.clone(),
                partition,
            })
        };
        (0..self.partitions as usize).map(leader).collect()
    }
}

/// A connection to the first broker that can be used.
fn connect_to_any(bootstrap: &[String]) -> Result<Connection, RemoteError> {
    let mut reasons = Vec::new();
    for address in bootstrap {
        match Connection::open(address) {
            Ok(connection) => return Ok(connection),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    if reasons.is_empty() {
        reasons.push("it names no address".to_owned());
    }
    Err(RemoteError::Unreachable {
        bootstrap: bootstrap.join(","),
        reasons: reasons.join("; "),
    })
}

/// The cluster and one topic, or none, as a broker sees them; and where the controller is.
fn metadata(
    connection: &mut Connection,
    topic: Option<&str>,
) -> Result<(MetadataResponse, Option<String>), RemoteError> {
    let topics = topic.iter().map(|name| MetadataRequestTopic {
        name: Some((*name).into()),
        ..MetadataRequestTopic::default()
    });
    let answer = connection.ask(&MetadataRequest {
        topics: Some(topics.collect()),
        // Asking for it must not make it.
        allow_auto_topic_creation: false,
        ..MetadataRequest::default()
    })?;
    let controller = addresses(&answer).remove(&answer.controller_id);
    Ok((answer, controller))
}

/// Where each broker listens.
fn addresses(metadata: &MetadataResponse) -> BTreeMap<i32, String> {
    let address = |host: &str, port: i32| match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    let brokers = metadata.brokers.iter();
    brokers
        .map(|broker| (broker.node_id, address(&broker.host, broker.port)))
        .collect()
}

/// Tries again what may pass, such as a leader that moves, for [`LEADER_WAIT`].
fn patiently<T>(mut attempt: impl FnMut() -> Result<T, RemoteError>) -> Result<T, RemoteError> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(error) if error.is_passing() && start.elapsed() < LEADER_WAIT => {
                std::thread::sleep(RETRY_PAUSE);
            }
            result => return result,
        }
    }
}

/// A name that no topic has: the time in ms and this process.
fn unique_name() -> String {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("linger-compare-{}-{}", time.as_millis(), std::process::id())
}
