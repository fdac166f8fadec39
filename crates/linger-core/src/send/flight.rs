//! A request on its way: the name by which partitions and connections speak of it.

use crate::ids::{ConnectionId, RequestId};

/// One request on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flight {
    /// The connection.
    pub c: ConnectionId,
    /// The request.
    pub id: RequestId,
}

/// How much of a request was handed to the transport when its connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Not to its last byte: no broker can have understood it.
    Not,
    /// All of it.
    Whole,
}
