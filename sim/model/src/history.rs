//! What really happened in the brokers: the side of the story that no client can influence, for
//! checkers to compare with what a producer believes.

use linger_protocol::{ApiKey, ErrorCode, Str};

use crate::ids::ConnectionId;
use crate::stored_batch::StoredBatch;

/// Which batch of which request an entry is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchOrigin {
    /// The connection that brought it.
    pub connection: ConnectionId,
    /// The correlation id of its request.
    pub correlation_id: i32,
    /// The broker that got it.
    pub broker: i32,
    /// Topic.
    pub topic: Str,
    /// Partition.
    pub partition: i32,
    /// Producer id, -1 for none.
    pub producer_id: i64,
    /// Producer epoch, -1 for none.
    pub epoch: i16,
    /// Sequence of its first record, -1 for none.
    pub base_sequence: i32,
    /// Number of its records, as its header says.
    pub count: i32,
}

/// One thing that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Observation {
    /// A client connected.
    Opened {
        /// The connection.
        connection: ConnectionId,
        /// The broker.
        broker: i32,
    },
    /// A connection ended, by either side.
    Closed {
        /// The connection.
        connection: ConnectionId,
    },
    /// A whole request arrived and could be decoded.
    FrameReceived {
        /// The connection.
        connection: ConnectionId,
        /// The broker.
        broker: i32,
        /// Its correlation id.
        correlation_id: i32,
        /// Its API.
        api: ApiKey,
        /// The API's version.
        version: i16,
    },
    /// A leader appended a batch.
    Appended {
        /// The batch's origin.
        origin: BatchOrigin,
        /// The batch as it lies in the log; shares its memory.
        batch: StoredBatch,
    },
    /// A batch was refused, and nothing of it appended.
    Rejected {
        /// The batch's origin; producer id, epoch, sequence and count are -1 if it could not be
        /// read.
        origin: BatchOrigin,
        /// Why.
        code: ErrorCode,
    },
    /// A batch was in the log already, and nothing was appended.
    Duplicate {
        /// The batch's origin.
        origin: BatchOrigin,
        /// Where the original lies.
        original_offset: i64,
    },
    /// An answer was handed to the connection.
    Replied {
        /// The connection.
        connection: ConnectionId,
        /// The correlation id.
        correlation_id: i32,
        /// Whether a fault cut it or flipped a bit in it.
        damaged: bool,
    },
    /// An answer was due but is never sent: by a fault, or because the connection is gone.
    ReplyLost {
        /// The connection.
        connection: ConnectionId,
        /// The correlation id.
        correlation_id: i32,
    },
    /// Every replica in sync has the records below this offset.
    HighWatermark {
        /// Topic.
        topic: Str,
        /// Partition.
        partition: i32,
        /// The offset.
        offset: i64,
    },
    /// Another broker leads, or none.
    LeaderChanged {
        /// Topic.
        topic: Str,
        /// Partition.
        partition: i32,
        /// The leader.
        leader: Option<i32>,
        /// Its epoch.
        leader_epoch: i32,
    },
    /// A new leader lacked the end of its predecessor's log; those records are gone.
    Truncated {
        /// Topic.
        topic: Str,
        /// Partition.
        partition: i32,
        /// First offset lost.
        from: i64,
        /// Offset behind the last one lost.
        until: i64,
    },
    /// Old records were dropped on purpose: retention, or DeleteRecords.
    LogStartMoved {
        /// Topic.
        topic: Str,
        /// Partition.
        partition: i32,
        /// First offset that remains.
        log_start: i64,
    },
    /// A partition forgot a producer.
    ProducerForgotten {
        /// Topic.
        topic: Str,
        /// Partition.
        partition: i32,
        /// Producer id.
        producer_id: i64,
    },
}

/// Collects what happens, if anybody wants to know.
#[derive(Debug, Default)]
pub(crate) struct History {
    wanted: bool,
    observations: Vec<Observation>,
}

impl History {
    pub(crate) fn new(wanted: bool) -> Self {
        Self {
            wanted,
            observations: Vec::new(),
        }
    }

    pub(crate) fn note(&mut self, observation: impl FnOnce() -> Observation) {
        if self.wanted {
            self.observations.push(observation());
        }
    }

    pub(crate) fn take(&mut self) -> Vec<Observation> {
        std::mem::take(&mut self.observations)
    }
}
