//! Why a cluster could not be started or told something.

use std::io;
use std::net::SocketAddr;

use linger_sim_model::fault::RuleError;
use linger_sim_model::{ConfigError, ControlError};
use thiserror::Error;

/// The most brokers a cluster may have.
pub const BROKERS_MAX: usize = 100;

/// Why a cluster could not be started or told something. Each message says what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// Not a number of brokers.
    #[error("{count} brokers: a cluster has 1 to {BROKERS_MAX}")]
    Brokers {
        /// How many were asked for.
        count: usize,
    },
    /// The last broker's port would be too high.
    #[error(
        "port {port} with {brokers} brokers: broker i listens on port + i, and the last port would be above 65535; \
         choose a lower port, or 0 for free ones"
    )]
    PortRange {
        /// The first port.
        port: u16,
        /// How many brokers.
        brokers: usize,
    },
    /// More replicas than brokers, or none.
    #[error("replication factor {factor}: it must be from 1 to the number of brokers, {brokers}")]
    ReplicationFactor {
        /// The factor.
        factor: usize,
        /// How many brokers.
        brokers: usize,
    },
    /// More replicas to be in sync than there are, or none.
    #[error(
        "min.insync.replicas {count} with replication factor {factor}: it must be from 1 to the replication factor"
    )]
    MinInsync {
        /// How many were asked for.
        count: usize,
        /// The replication factor.
        factor: usize,
    },
    /// A setting that must not be zero.
    #[error("{what} is 0: it must be at least 1")]
    Zero {
        /// The setting.
        what: &'static str,
    },
    /// A topic that cannot be, or other settings of the model.
    #[error(transparent)]
    Config(ConfigError),
    /// Something that cannot be done to the cluster now.
    #[error(transparent)]
    Control(ControlError),
    /// The host to listen on is unknown.
    #[error(
        "cannot find the host {host:?} to listen on: {source}; use an address of this machine, such as 127.0.0.1"
    )]
    Host {
        /// The host.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// A port cannot be had.
    #[error("cannot listen on {address} for broker {broker} of {brokers}: {}", advice(.source))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Which broker.
        broker: usize,
        /// How many there are.
        brokers: usize,
        /// What the operating system said.
        source: io::Error,
    },
    /// A fault that cannot be added.
    #[error(transparent)]
    Rule(RuleError),
    /// No such broker.
    #[error("no broker {id}: the {count} brokers are 0 to {}", .count - 1)]
    NoBroker {
        /// The id.
        id: i32,
        /// How many there are.
        count: usize,
    },
    /// No such partition.
    #[error("no partition {partition} of a topic {topic:?} in this cluster")]
    NoPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// The operating system refused something else.
    #[error("the operating system refused: {0}")]
    System(#[source] io::Error),
}

impl ClusterError {
    /// True if what was asked for makes no sense anywhere; false if this machine could not do it
    /// now.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Brokers { .. }
            | Self::PortRange { .. }
            | Self::ReplicationFactor { .. }
            | Self::MinInsync { .. }
            | Self::Zero { .. }
            | Self::Config(_)
            | Self::Control(_)
            | Self::Rule(_)
            | Self::NoBroker { .. }
            | Self::NoPartition { .. } => true,
            Self::Host { .. } | Self::Bind { .. } | Self::System(_) => false,
        }
    }
}

fn advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is in use; choose another (broker i listens on port + i), or 0 for free ones".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "not permitted; ports below 1024 are privileged, choose one from 1024 on, or 0 for free ones"
                .to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "the address is not one of this machine; listen on 127.0.0.1, or on 0.0.0.0 and advertise a name"
                .to_owned()
        }
        _ => error.to_string(),
    }
}
