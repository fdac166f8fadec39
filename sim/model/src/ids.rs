//! The names that the model gives to connections, requests and partitions. A name is never used
//! twice.

/// Names a connection to one of the brokers. The shell chooses the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Names a request for as long as the request is worked on. A later request has a larger number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestId(pub(crate) u64);

/// The place of a partition in [`Partitions`](crate::partitions::Partitions).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartitionKey(pub(crate) u32);
