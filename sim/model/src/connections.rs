//! A connection as the model sees it: one request at a time, as Kafka mutes a channel until its answer is sent.

use std::collections::VecDeque;

use super::parsed_frame::Examined;
use super::purgatory::WorkId;

/// How many requests may come before they are asked for. A shell that waits for Resume sends none.
pub(crate) const INBOX_MAX: usize = 16;

/// Names a connection to any of the brokers; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) broker: i32,
    /// Which connection of its broker it is, counted from 1.
    pub(crate) nth: u64,
    pub(crate) phase: Phase,
    /// Requests that a shell handed over too early.
    pub(crate) inbox: VecDeque<Examined>,
}

/// ```text
/// Idle -- request --> Busy -- answered --> Idle      (with a throttle: Muted in between)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The next request may come.
    Idle,
    /// A request is being worked on.
    Busy(WorkId),
    /// Answered, but throttled (KIP-219).
    Muted,
}

impl Connection {
    pub(crate) fn new(broker: i32, nth: u64) -> Self {
        Self {
            broker,
            nth,
            phase: Phase::Idle,
            inbox: VecDeque::new(),
        }
    }
}
