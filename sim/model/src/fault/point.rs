//! The points at which a request meets the fault rules.

use std::fmt;

/// A place on a request's way through a broker, at which fault rules are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// The frame has arrived. Only its header was read.
    Accepted,
    /// The request is decoded, and nothing was done.
    Parsed,
    /// Produce only, once per partition: the batch is about to be checked and appended.
    BeforeAppend,
    /// Produce only, once per partition: the leader has appended the batch, no follower has it.
    Appended,
    /// Produce only, once per partition: as many replicas have the batch as the request's acks ask
    /// for.
    Replicated,
    /// The answer is complete and about to be sent.
    Replying,
}

impl Point {
    pub(super) const ALL: [Self; 6] = [
        Self::Accepted,
        Self::Parsed,
        Self::BeforeAppend,
        Self::Appended,
        Self::Replicated,
        Self::Replying,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Parsed => "parsed",
            Self::BeforeAppend => "before-append",
            Self::Appended => "appended",
            Self::Replicated => "replicated",
            Self::Replying => "replying",
        }
    }

    /// Whether a request passes the point once per partition, so that topic and partition are
    /// known.
    pub(super) fn is_of_a_partition(self) -> bool {
        matches!(self, Self::BeforeAppend | Self::Appended | Self::Replicated)
    }

    pub(super) fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The names of all points, for messages.
pub(super) fn point_names() -> String {
    Point::ALL.map(Point::name).join(", ")
}
