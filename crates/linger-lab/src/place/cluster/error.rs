//! Why a real cluster cannot be used or read.

use std::io;
use std::time::Duration;

use linger_protocol::frame::FrameError;
use linger_protocol::{ApiKey, DecodeError, ErrorCode};

use crate::units::{count, duration};

/// How long to wait for missing leaders and brokers.
pub(super) const LEADER_WAIT: Duration = Duration::from_secs(30);

/// Codes that brokers answer while leaders move, or before they know a topic.
const RETRIABLE: [ErrorCode; 8] = [
    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode::LEADER_NOT_AVAILABLE,
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::REQUEST_TIMED_OUT,
    ErrorCode::REPLICA_NOT_AVAILABLE,
    ErrorCode::FENCED_LEADER_EPOCH,
    ErrorCode::UNKNOWN_LEADER_EPOCH,
    ErrorCode::OFFSET_NOT_AVAILABLE,
];

/// Why a cluster cannot be used, or could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteError {
    #[error(
        "no broker of --bootstrap {bootstrap} can be used: {reasons}; check the addresses, that the brokers run, and that \
         the listener is PLAINTEXT (neither TLS nor SASL is spoken here)"
    )]
    Unreachable { bootstrap: String, reasons: String },
    #[error("{address}: {error}")]
    Connect { address: String, error: io::Error },
    #[error("{address} did not answer {api}: {error}")]
    Lost {
        address: String,
        api: ApiKey,
        error: io::Error,
    },
    #[error("{address} does not answer as a Kafka broker: {error}")]
    Frame { address: String, error: FrameError },
    #[error("the answer of {address} to {api} cannot be read: {error}")]
    Answer {
        address: String,
        api: ApiKey,
        error: DecodeError,
    },
    #[error("the answer of {address} to {api} does not answer it")]
    Mismatch { address: String, api: ApiKey },
    #[error(
        "{address} speaks no version of {api} that is spoken here ({least} to {most}); Apache Kafka 1.0 and newer do"
    )]
    Version {
        address: String,
        api: ApiKey,
        least: i16,
        most: i16,
    },
    #[error(
        "--topic {topic}: there is no such topic at {bootstrap}; create it first (kafka-topics --create), or take \
         --create-topic instead, which makes one and removes it afterwards"
    )]
    NoTopic { topic: String, bootstrap: String },
    #[error("topic {topic}: {code}")]
    Topic { topic: String, code: ErrorCode },
    #[error("--partitions {asked} is more than topic {topic} has: take at most {has}, or leave it out for all", asked = count(*asked as u64), has = count(*has as u64))]
    Partitions { topic: String, asked: u32, has: u32 },
    #[error("--replication-factor {asked} is more than the cluster has brokers: take at most {brokers}")]
    Replicas { asked: u32, brokers: u32 },
    #[error("topic {topic} was not created: {code}: {message}")]
    NotCreated {
        topic: String,
        code: ErrorCode,
        message: String,
    },
    #[error(
        "partition {partition} of topic {topic} has had no leader for {waited}: are enough brokers alive?",
        waited = duration(LEADER_WAIT)
    )]
    NoLeader { topic: String, partition: usize },
    #[error("partition {partition} of topic {topic} cannot be read at offset {offset}: {code}")]
    Partition {
        topic: String,
        partition: usize,
        offset: i64,
        code: ErrorCode,
    },
}

impl RemoteError {
    /// Whether a later attempt, perhaps at another broker, may succeed.
    pub(crate) fn is_retriable(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Lost { .. } => true,
            Self::Partition { code, .. } | Self::Topic { code, .. } => RETRIABLE.contains(code),
            Self::NoLeader { .. } => true,
            Self::Unreachable { .. }
            | Self::Frame { .. }
            | Self::Answer { .. }
            | Self::Mismatch { .. }
            | Self::Version { .. }
            | Self::NoTopic { .. }
            | Self::Partitions { .. }
            | Self::Replicas { .. }
            | Self::NotCreated { .. } => false,
        }
    }
}
