//! Finding a usable broker, and asking it for the cluster's metadata.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use linger_protocol::messages::{MetadataRequest, MetadataRequestTopic, MetadataResponse};

use super::connection::Connection;
use super::error::{LEADER_WAIT, RemoteError};

/// The time between two attempts.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Connects to the first usable broker.
pub(super) fn connect_to_any(bootstrap: &[String]) -> Result<Connection, RemoteError> {
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

/// Connects to a broker that accepts requests for the controller.
///
/// With KRaft every broker forwards such requests (KIP-590). Before, the controller itself is
/// asked.
pub(super) fn connect_to_controller(bootstrap: &[String]) -> Result<Connection, RemoteError> {
    let mut connection = connect_to_any(bootstrap)?;
    if connection.metadata_version().is_some() {
        return Ok(connection);
    }
    let answer = metadata(&mut connection, None)?;
    match addresses(&answer).remove(&answer.controller_id) {
        Some(controller) => Connection::open(&controller),
        None => Ok(connection),
    }
}

/// Asks for the brokers, and for one topic if `topic` names one.
pub(super) fn metadata(
    connection: &mut Connection,
    topic: Option<&str>,
) -> Result<MetadataResponse, RemoteError> {
    let topics = topic.iter().map(|name| MetadataRequestTopic {
        name: Some((*name).into()),
        ..MetadataRequestTopic::default()
    });
    connection.ask(&MetadataRequest {
        topics: Some(topics.collect()),
        allow_auto_topic_creation: false,
        ..MetadataRequest::default()
    })
}

/// The address of each broker, by its id.
pub(super) fn addresses(metadata: &MetadataResponse) -> BTreeMap<i32, String> {
    let address = |host: &str, port: i32| match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    let brokers = metadata.brokers.iter();
    brokers
        .map(|broker| (broker.node_id, address(&broker.host, broker.port)))
        .collect()
}

/// Repeats an attempt that fails with a retriable error, for [`LEADER_WAIT`].
pub(super) fn retry<T>(mut attempt: impl FnMut() -> Result<T, RemoteError>) -> Result<T, RemoteError> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(error) if error.is_retriable() && start.elapsed() < LEADER_WAIT => {
                std::thread::sleep(RETRY_PAUSE);
            }
            result => return result,
        }
    }
}
