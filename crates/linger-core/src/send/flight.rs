//! A request on its way: the name by which partitions and connections speak of it.

use crate::ids::{ConnectionId, RequestId};

/// One request on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flight {
    /// The connection that carries the request.
    pub connection: ConnectionId,
    /// The number of the request on this connection.
    pub request: RequestId,
}

/// How much of a request was handed to the transport when its connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Not to its last byte: no broker can have understood the request.
    Not,
    /// All of it.
    Whole,
}
