//! A real cluster with a topic to write to.

use linger_protocol::{ApiKey, ErrorCode};
use serde::Serialize;

use super::error::RemoteError;
use super::metadata::{addresses, connect_to_any, metadata};
use super::removal::Removal;

/// A real cluster, as reports describe it.
#[derive(Clone, Debug, Serialize)]
pub struct RealCluster {
    /// The bootstrap servers.
    pub bootstrap: String,
    /// The cluster's id, if it has one.
    pub cluster_id: Option<String>,
    /// What is known of its version.
    pub version: Option<String>,
    /// The topic of the records.
    pub topic: String,
    /// Whether the topic was created for the comparison and removed afterwards.
    pub topic_created: bool,
}

impl RealCluster {
    /// A sentence about the cluster, without its full stop.
    pub(crate) fn in_words(&self) -> String {
        let id = self.cluster_id.as_deref().unwrap_or("without an id");
        let version = self
            .version
            .as_ref()
            .map_or(String::new(), |version| format!(", {version}"));
        format!(
            "Cluster {id} at {}{version}, topic {}: bytes are counted at the producer's sockets",
            self.bootstrap,
            self.topic_in_words()
        )
    }

    /// The topic, and whether it was created and removed.
    pub(crate) fn topic_in_words(&self) -> String {
        let created = if self.topic_created {
            " (created and removed)"
        } else {
            ""
        };
        format!("{}{created}", self.topic)
    }
}

/// A cluster with a topic. If the topic was created for it, dropping this value removes the topic.
pub(crate) struct Remote {
    pub(super) bootstrap: Vec<String>,
    pub(super) partitions: u32,
    pub(super) brokers: u32,
    pub(super) replicas: u32,
    pub(super) about: RealCluster,
    pub(super) _removal: Option<Removal>,
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

    pub(super) fn topic_name(&self) -> &str {
        &self.about.topic
    }

    /// The current leader's address of each partition, by partition.
    pub(super) fn leaders(&self) -> Result<Vec<String>, RemoteError> {
        let mut connection = connect_to_any(&self.bootstrap)?;
        let metadata = metadata(&mut connection, Some(self.topic_name()))?;
        let brokers = addresses(&metadata);
        let topic = metadata.topics.first();
        let topic = topic.ok_or_else(|| connection.mismatch(ApiKey::Metadata))?;
        if topic.error_code != ErrorCode::NONE {
            return Err(RemoteError::Topic {
                topic: self.about.topic.clone(),
                code: topic.error_code,
            });
        }
        let leader = |partition: usize| {
            let mut found = topic.partitions.iter();
            let found = found.find(|found| found.partition_index == partition as i32);
            let address = found.and_then(|found| brokers.get(&found.leader_id));
            address.cloned().ok_or_else(|| RemoteError::NoLeader {
                topic: self.about.topic.clone(),
                partition,
            })
        };
        (0..self.partitions as usize).map(leader).collect()
    }
}
