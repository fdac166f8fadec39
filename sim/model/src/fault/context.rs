//! What fault rules know of a request.

use std::time::Duration;

use linger_protocol::ApiKey;

/// A request at a point, as the rules see it.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The API.
    pub api: ApiKey,
    /// The API's version.
    pub version: i16,
    /// The broker that got the request.
    pub broker: i32,
    /// The client's id, if it gave one.
    pub client_id: Option<&'a str>,
    /// Which connection of that broker it is, counted from 1.
    pub connection: u64,
    /// The topic, at points of a partition.
    pub topic: Option<&'a str>,
    /// The partition, at points of a partition.
    pub partition: Option<i32>,
    /// The time since the cluster's start.
    pub elapsed: Duration,
}
