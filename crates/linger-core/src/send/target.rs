//! Whom a connection leads to.

use crate::ids::BrokerId;

/// Who is dialled, and owns the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A broker that metadata named.
    Broker(BrokerId),
    /// The n-th of the bootstrap servers.
    Seed(usize),
}
