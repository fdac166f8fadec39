//! What a cluster is made of, as plain data that [`ClusterModel::new`](crate::ClusterModel::new)
//! checks once.

use std::time::Duration;

use linger_protocol::records::TimestampType;
use linger_protocol::{ApiKey, Str};
use thiserror::Error;

use crate::latency::Latency;
use crate::settings::TopicConfigs;
use crate::topic_name;

/// Kafka's default for `message.max.bytes`: a batch of 1 MiB with the overhead of an old log entry.
pub const MESSAGE_BYTES_MAX: usize = 1_048_588;

/// Kafka's default for `replica.fetch.max.bytes`.
pub const REPLICA_FETCH_MAX_BYTES: usize = 1 << 20;

/// Kafka's default for `replica.fetch.response.max.bytes`.
pub const REPLICA_FETCH_RESPONSE_MAX_BYTES: usize = 10 << 20;

/// The most partitions a topic may have. Kafka has no such limit; a simulator in one process needs
/// one.
pub const PARTITIONS_MAX: i32 = 100_000;

/// Where clients reach a broker. A broker's id is its place in [`ModelConfig::brokers`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerAddress {
    /// Host name or address, as it is advertised.
    pub host: Str,
    /// Port, as it is advertised.
    pub port: u16,
}

/// Describes a cluster.
#[derive(Debug, Clone)]
pub struct ModelConfig {
    /// The brokers; at least one.
    pub brokers: Vec<BrokerAddress>,
    /// Topics that exist from the start. Default: none.
    pub topics: Vec<TopicSpec>,
    /// Whether Metadata creates what does not exist, if the request allows it
    /// (`auto.create.topics.enable`). Default: true.
    pub auto_create_topics: bool,
    /// Partitions of a topic that does not say (`num.partitions`). Default: 1.
    pub default_partitions: i32,
    /// Replicas of a topic that does not say (`default.replication.factor`). Default: 3, or all
    /// brokers if there are fewer.
    pub default_replication_factor: i16,
    /// In-sync replicas that acks=all needs, for a topic that does not say (`min.insync.replicas`).
    /// Default: 1.
    pub min_insync_replicas: i16,
    /// How long one fetch of a follower takes: from its leader's append until the leader knows that
    /// the follower has it. Drawn per fetch. Default: zero, then followers have everything at once.
    pub ack_latency: Latency,
    /// The same for single followers, by broker, where it differs. Default: none.
    pub follower_latencies: Vec<(i32, Latency)>,
    /// Bytes of one partition that one fetch of a follower takes at most
    /// (`replica.fetch.max.bytes`), in whole batches. At least one batch of the first partition
    /// with records always goes, however large (KIP-74); with 0 nothing else does. At most
    /// `i32::MAX`. Default: [`REPLICA_FETCH_MAX_BYTES`], as in Kafka. Without latency a follower
    /// has everything at once.
    pub replica_fetch_max_bytes: usize,
    /// Bytes of all partitions together that one fetch of a follower takes at most
    /// (`replica.fetch.response.max.bytes`), but for that one batch. At most `i32::MAX`. Default:
    /// [`REPLICA_FETCH_RESPONSE_MAX_BYTES`], as in Kafka.
    pub replica_fetch_response_max_bytes: usize,
    /// How long a follower may lag before it leaves the in-sync set (`replica.lag.time.max.ms`).
    /// Default: 30 s.
    pub replica_lag_time_max: Duration,
    /// After what time a frozen broker is taken for dead (`broker.session.timeout.ms`). Default: 9
    /// s.
    pub session_timeout: Duration,
    /// How long a stopped broker goes unnoticed. Default: zero, as with a controlled shutdown.
    pub failover: Duration,
    /// Bytes of batches kept per partition; the oldest are dropped (`retention.bytes`). Default:
    /// 256 MiB.
    pub retention_bytes: u64,
    /// Largest batch in bytes, for a topic that does not say (`message.max.bytes`). Default:
    /// [`MESSAGE_BYTES_MAX`].
    pub message_bytes_max: usize,
    /// Largest size that a compressed batch may unpack to. Apache Kafka 4.3 has no limit. Default:
    /// 128 MiB.
    pub decompressed_bytes_max: usize,
    /// Seed of everything random in the model. Default: 0.
    pub seed: u64,
    /// The brokers' clock at the start, in milliseconds since the epoch. Default: 0; a shell sets
    /// the real time.
    pub wall_clock_ms: i64,
    /// Whether to record what really happens, for
    /// [`ClusterModel::take_observations`](crate::ClusterModel::take_observations). Default: false.
    pub history: bool,
    /// Highest versions to advertise, where that is less than we speak: so that clients take older
    /// paths. Default: none.
    pub version_caps: Vec<(ApiKey, i16)>,
}

impl ModelConfig {
    /// A cluster of these brokers, with every other setting at its default.
    pub fn new(brokers: Vec<BrokerAddress>) -> Self {
        let default_replication_factor = brokers.len().min(3) as i16;
        Self {
            brokers,
            topics: Vec::new(),
            auto_create_topics: true,
            default_partitions: 1,
            default_replication_factor,
            min_insync_replicas: 1,
            ack_latency: Latency::fixed(Duration::ZERO),
            follower_latencies: Vec::new(),
            replica_fetch_max_bytes: REPLICA_FETCH_MAX_BYTES,
            replica_fetch_response_max_bytes: REPLICA_FETCH_RESPONSE_MAX_BYTES,
            replica_lag_time_max: Duration::from_secs(30),
            session_timeout: Duration::from_secs(9),
            failover: Duration::ZERO,
            retention_bytes: 256 << 20,
            message_bytes_max: MESSAGE_BYTES_MAX,
            decompressed_bytes_max: 128 << 20,
            seed: 0,
            wall_clock_ms: 0,
            history: false,
            version_caps: Vec::new(),
        }
    }

    /// How long a follower's fetches take.
    pub(crate) fn latency_of(&self, follower: i32) -> &Latency {
        let own = self
            .follower_latencies
            .iter()
            .find(|(broker, _)| *broker == follower);
        own.map_or(&self.ack_latency, |(_, latency)| latency)
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let brokers = self.brokers.len();
        if brokers == 0 || i16::try_from(brokers).is_err() {
            return Err(ConfigError::Brokers { brokers });
        }
        for (setting, bytes) in [
            ("replica.fetch.max.bytes", self.replica_fetch_max_bytes),
            (
                "replica.fetch.response.max.bytes",
                self.replica_fetch_response_max_bytes,
            ),
        ] {
            if i32::try_from(bytes).is_err() {
                return Err(ConfigError::FetchBytes { setting, bytes });
            }
        }
        self.topics
            .iter()
            .try_for_each(|topic| topic.resolve(self).validate(brokers))?;
        let defaults = TopicSpec::new("defaults", self.default_partitions).resolve(self);
        defaults.validate(brokers)
    }
}

/// What [`examine`](crate::examine) must know of the cluster.
#[derive(Debug, Clone)]
pub struct ExamineConfig {
    version_caps: Vec<(ApiKey, i16)>,
    pub(crate) decompressed_bytes_max: usize,
}

impl ExamineConfig {
    /// Takes the settings from those of the cluster.
    pub fn new(config: &ModelConfig) -> Self {
        Self {
            version_caps: config.version_caps.clone(),
            decompressed_bytes_max: config.decompressed_bytes_max,
        }
    }

    /// Whether requests of this API and version are handled.
    pub(crate) fn speaks(&self, key: ApiKey, version: i16) -> bool {
        let is_capped = self
            .version_caps
            .iter()
            .any(|&(capped, max)| capped == key && version > max);
        key.versions().contains(&version) && !is_capped
    }
}

/// A topic to create; what is `None` is as the cluster has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Name, valid by Kafka's rules.
    pub name: Str,
    /// Number of partitions, at least 1.
    pub partitions: i32,
    /// Replicas per partition, at most the number of brokers.
    pub replication_factor: Option<i16>,
    /// In-sync replicas that acks=all needs (`min.insync.replicas`).
    pub min_insync_replicas: Option<i16>,
    /// Whose clock stamps the records (`message.timestamp.type`). Default: the producer's.
    pub timestamp_type: TimestampType,
    /// Largest batch in bytes (`max.message.bytes`).
    pub message_bytes_max: Option<usize>,
    /// Whether records need a key (`cleanup.policy=compact`). Nothing is ever compacted. Default:
    /// false.
    pub compacted: bool,
}

impl TopicSpec {
    /// A topic with the cluster's settings.
    pub fn new(name: &str, partitions: i32) -> Self {
        Self {
            name: name.into(),
            partitions,
            replication_factor: None,
            min_insync_replicas: None,
            timestamp_type: TimestampType::CreateTime,
            message_bytes_max: None,
            compacted: false,
        }
    }

    pub(crate) fn resolve(&self, config: &ModelConfig) -> ResolvedTopic {
        ResolvedTopic {
            name: self.name.clone(),
            partitions: self.partitions,
            replication_factor: self
                .replication_factor
                .unwrap_or(config.default_replication_factor),
            settings: TopicSettings {
                min_insync_replicas: self.min_insync_replicas.unwrap_or(config.min_insync_replicas),
                timestamp_type: self.timestamp_type,
                message_bytes_max: self.message_bytes_max.unwrap_or(config.message_bytes_max),
                compacted: self.compacted,
            },
            configs: self.configs(),
        }
    }

    /// What differs from the brokers' settings.
    fn configs(&self) -> TopicConfigs {
        let mut configs = TopicConfigs::default();
        if let Some(replicas) = self.min_insync_replicas {
            configs.set("min.insync.replicas", replicas.to_string());
        }
        if let Some(bytes) = self.message_bytes_max {
            configs.set("max.message.bytes", bytes.to_string());
        }
        if self.timestamp_type == TimestampType::LogAppendTime {
            configs.set("message.timestamp.type", "LogAppendTime");
        }
        if self.compacted {
            configs.set("cleanup.policy", "compact");
        }
        configs
    }
}

/// A topic to create, with nothing left open.
pub(crate) struct ResolvedTopic {
    pub(crate) name: Str,
    pub(crate) partitions: i32,
    pub(crate) replication_factor: i16,
    pub(crate) settings: TopicSettings,
    /// The settings that the topic was given, by Kafka's names.
    pub(crate) configs: TopicConfigs,
}

impl ResolvedTopic {
    pub(crate) fn validate(&self, brokers: usize) -> Result<(), ConfigError> {
        let topic = || self.name.clone();
        topic_name::validate(&self.name).map_err(|reason| ConfigError::TopicName {
            topic: topic(),
            reason,
        })?;
        if !(1..=PARTITIONS_MAX).contains(&self.partitions) {
            return Err(ConfigError::Partitions {
                topic: topic(),
                partitions: self.partitions,
            });
        }
        if !(1..=brokers as i64).contains(&i64::from(self.replication_factor)) {
            return Err(ConfigError::ReplicationFactor {
                topic: topic(),
                factor: self.replication_factor,
                brokers,
            });
        }
        if self.settings.min_insync_replicas < 1 {
            let replicas = self.settings.min_insync_replicas;
            return Err(ConfigError::MinInsyncReplicas {
                topic: topic(),
                replicas,
            });
        }
        Ok(())
    }
}

/// What a topic asks of its batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TopicSettings {
    pub(crate) min_insync_replicas: i16,
    pub(crate) timestamp_type: TimestampType,
    pub(crate) message_bytes_max: usize,
    pub(crate) compacted: bool,
}

/// Why a cluster cannot be made, or a topic not be created.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No broker, or more than ids allow.
    #[error("{brokers} brokers: a cluster has 1 to {}", i16::MAX)]
    Brokers {
        /// The number given.
        brokers: usize,
    },
    /// More bytes than a fetch can ask for.
    #[error(
        "{setting} is {bytes}: it must be at most {}, the largest size of Kafka's protocol",
        i32::MAX
    )]
    FetchBytes {
        /// The setting, by Kafka's name.
        setting: &'static str,
        /// The number given.
        bytes: usize,
    },
    /// A topic name that Kafka refuses.
    #[error("topic name {topic:?} is invalid: {reason}")]
    TopicName {
        /// The name.
        topic: Str,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// The name is taken, or differs from another only in `.` and `_`.
    #[error("topic {topic:?} exists already, or one whose name differs only in '.' and '_'")]
    TopicExists {
        /// The name.
        topic: Str,
    },
    /// No partition, or too many.
    #[error("topic {topic:?} has {partitions} partitions: give 1 to {PARTITIONS_MAX}")]
    Partitions {
        /// The topic.
        topic: Str,
        /// The number given.
        partitions: i32,
    },
    /// More replicas than brokers, or none.
    #[error("topic {topic:?} has replication factor {factor}: give 1 to {brokers}, the number of brokers")]
    ReplicationFactor {
        /// The topic.
        topic: Str,
        /// The factor given.
        factor: i16,
        /// The number of brokers.
        brokers: usize,
    },
    /// No replica at all would be asked for.
    #[error("topic {topic:?} has min.insync.replicas {replicas}: give at least 1")]
    MinInsyncReplicas {
        /// The topic.
        topic: Str,
        /// The number given.
        replicas: i16,
    },
}
