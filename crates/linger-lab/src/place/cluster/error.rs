//! What can be wrong with a real cluster, or with what was asked of it.

use std::io;

use linger_protocol::frame::FrameError;
use linger_protocol::{ApiKey, DecodeError, ErrorCode};

use super::LEADER_WAIT;
use crate::report::format::{count, duration};

/// What brokers answer while leaders move, or before they have heard of a topic.
const PASSING: [ErrorCode; 8] = [
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
pub enum RemoteError {
    /// No address of `--bootstrap` leads to a broker.
    #[error(
        "no broker of --bootstrap {bootstrap} can be used: {reasons}; check the addresses, that the brokers run, and that \
         the listener is PLAINTEXT (neither TLS nor SASL is spoken here)"
    )]
    Unreachable {
        /// The addresses.
        bootstrap: String,
        /// What was wrong with each.
        reasons: String,
    },
    /// No connection came about.
    #[error("{address}: {error}")]
    Connect {
        /// Which broker.
        address: String,
        /// What the system said.
        error: io::Error,
    },
    /// The connection broke, or no answer came in time.
    #[error("{address} did not answer {api}: {error}")]
    Lost {
        /// Which broker.
        address: String,
        /// What it was asked.
        api: ApiKey,
        /// What the system said.
        error: io::Error,
    },
    /// What came is no frame.
    #[error("{address} does not answer as a Kafka broker: {error}")]
    Frame {
        /// Which broker.
        address: String,
        /// What is wrong.
        error: FrameError,
    },
    /// What came is not the answer.
    #[error("the answer of {address} to {api} cannot be read: {error}")]
    Answer {
        /// Which broker.
        address: String,
        /// What it was asked.
        api: ApiKey,
        /// What is wrong.
        error: DecodeError,
    },
    /// An answer to another request, or without what was asked for.
    #[error("the answer of {address} to {api} does not answer it")]
    Mismatch {
        /// Which broker.
        address: String,
        /// What it was asked.
        api: ApiKey,
    },
    /// No version in common.
    #[error(
        "{address} speaks no version of {api} that is spoken here ({least} to {most}); Apache Kafka 1.0 and newer do"
    )]
    Version {
        /// Which broker.
        address: String,
        /// The API.
        api: ApiKey,
        /// The oldest version spoken here.
        least: i16,
        /// The newest.
        most: i16,
    },
    /// The topic is not there.
    #[error(
        "--topic {topic}: there is no such topic at {bootstrap}; create it first (kafka-topics --create), or take \
         --create-topic instead, which makes one and removes it afterwards"
    )]
    NoTopic {
        /// Its name.
        topic: String,
        /// The cluster.
        bootstrap: String,
    },
    /// The cluster does not let this client see the topic.
    #[error("topic {topic}: {code}")]
    Topic {
        /// Its name.
        topic: String,
        /// What the cluster said.
        code: ErrorCode,
    },
    /// More partitions were asked for than the topic has.
    #[error("--partitions {asked} is more than topic {topic} has: take at most {has}, or leave it out for all", asked = count(*asked as u64), has = count(*has as u64))]
    Partitions {
        /// Its name.
        topic: String,
        /// What was asked for.
        asked: u32,
        /// What there is.
        has: u32,
    },
    /// More replicas than brokers.
    #[error("--replication-factor {asked} is more than the cluster has brokers: take at most {brokers}")]
    Replicas {
        /// What was asked for.
        asked: u32,
        /// What there is.
        brokers: u32,
    },
    /// The topic was not created.
    #[error("topic {topic} was not created: {code}: {message}")]
    NotCreated {
        /// Its name.
        topic: String,
        /// What the cluster said.
        code: ErrorCode,
        /// The same in words.
        message: String,
    },
    /// A partition has no leader.
    #[error(
        "partition {partition} of topic {topic} has had no leader for {waited}: are enough brokers alive?",
        waited = duration(LEADER_WAIT)
    )]
    NoLeader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: usize,
    },
    /// A partition cannot be read.
    #[error("partition {partition} of topic {topic} cannot be read at offset {offset}: {code}")]
    Partition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: usize,
        /// Where.
        offset: i64,
        /// What the broker said.
        code: ErrorCode,
    },
}

impl RemoteError {
    /// Whether asking again, after a while and perhaps another broker, may help.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Lost { .. } => true,
            Self::Partition { code, .. } | Self::Topic { code, .. } => PASSING.contains(code),
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
