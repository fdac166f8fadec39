//! What can go wrong with a record, and the two answers a caller needs: may I send it again, and
//! may it have been written?

use std::fmt;
use std::sync::Arc;

use linger_protocol::ErrorCode;

use crate::record::OwnedRecord;
use crate::undelivered::Undelivered;

/// Whether a record that failed may be in the log all the same. Over the attempts of a batch it
/// only ever rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Certainty {
    /// No broker has it, nor will have: sending it again cannot duplicate it.
    #[default]
    NotWritten,
    /// A broker may have it: sending it again may duplicate it.
    PossiblyWritten,
}

impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotWritten => "not written",
            Self::PossiblyWritten => "possibly written",
        })
    }
}

/// Why a record was refused. It is still the caller's, and was never written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The record alone is larger than a request may be.
    #[error(
        "the record takes {size} bytes, more than max.request.size allows ({limit}); send less at a time or raise it"
    )]
    TooLarge {
        /// Bytes of a batch with this record alone.
        size: usize,
        /// Most bytes it may take.
        limit: usize,
    },
    /// `buffer.memory` is spent; with `send`, it stayed so for `max.block.ms`.
    #[error(
        "no memory for {bytes} bytes: buffer.memory ({limit}) is spent; await deliveries, slow down or raise it"
    )]
    BufferFull {
        /// Bytes of the buffer that was wanted.
        bytes: usize,
        /// `buffer.memory`.
        limit: usize,
    },
    /// The topic's metadata is not known; with `send`, it stayed so for `max.block.ms`.
    #[error("the metadata of topic {topic:?} is not known; are the brokers reachable?")]
    MetadataMissing {
        /// Topic.
        topic: Arc<str>,
    },
    /// The cluster does not let this producer have the topic.
    #[error("topic {topic:?}: {code}")]
    Topic {
        /// Topic.
        topic: Arc<str>,
        /// What the cluster says.
        code: ErrorCode,
    },
    /// The record names a partition that the topic does not have.
    #[error("topic {topic:?} has partitions 0 to {count} exclusive, not {partition}")]
    NoSuchPartition {
        /// Topic.
        topic: Arc<str>,
        /// The partition asked for.
        partition: i32,
        /// How many the topic has.
        count: usize,
    },
    /// The producer is closed, or failed in a way that ends it.
    #[error("the producer is closed")]
    Closed,
}

impl SendError {
    /// Whether the same record may be accepted later.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::BufferFull { .. } | Self::MetadataMissing { .. } => true,
            Self::TooLarge { .. } | Self::NoSuchPartition { .. } | Self::Closed => false,
            Self::Topic { .. } => false,
        }
    }
}

/// What ended a record's delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeliveryErrorKind {
    /// `delivery.timeout.ms` passed.
    Timeout,
    /// A broker refused it and trying again would not help; see the code.
    Refused,
    /// A broker found this very record invalid (KIP-467).
    InvalidRecord,
    /// Others of its batch were invalid, it was not; it may be sent again.
    OthersInvalid,
    /// The topic is gone, or not allowed.
    Topic,
    /// Too large for the broker, and the only record of its batch.
    TooLarge,
    /// The producer was closed before it was delivered.
    Closed,
    /// The producer failed in a way that ends it.
    Fatal,
    /// The application withdrew it.
    Cancelled,
    /// The task or thread that had it ended without resolving it: a panic, or the end of its
    /// runtime.
    Abandoned,
}

impl DeliveryErrorKind {
    fn text(self) -> &'static str {
        match self {
            Self::Timeout => "delivery.timeout.ms passed",
            Self::Refused => "refused by the broker",
            Self::InvalidRecord => "the broker found the record invalid",
            Self::OthersInvalid => "the broker found other records of the batch invalid",
            Self::Topic => "the topic cannot be written to",
            Self::TooLarge => "too large for the broker",
            Self::Closed => "the producer was closed",
            Self::Fatal => "the producer has failed",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "the producer's task ended",
        }
    }

    /// Whether sending the record again, by a producer that works, may succeed.
    pub fn is_retriable(self) -> bool {
        match self {
            Self::Timeout
            | Self::OthersInvalid
            | Self::Closed
            | Self::Fatal
            | Self::Cancelled
            | Self::Abandoned => true,
            Self::Refused | Self::InvalidRecord | Self::Topic | Self::TooLarge => false,
        }
    }
}

/// Why an accepted record was not delivered, and whether it may be in the log all the same. Cheap
/// to clone.
#[derive(Clone)]
pub struct DeliveryError {
    reason: Arc<Reason>,
    /// At least that of the reason: the batch's history adds to it.
    certainty: Certainty,
    /// Where the record's bytes are, and which of them it is.
    undelivered: Option<(Arc<Undelivered>, u32)>,
}

#[derive(Debug, PartialEq, Eq)]
struct Reason {
    kind: DeliveryErrorKind,
    code: Option<ErrorCode>,
    message: Option<Arc<str>>,
}

impl DeliveryError {
    /// An error for records of which no attempt can have been written.
    pub fn not_written(kind: DeliveryErrorKind) -> Self {
        Self::new(kind, Certainty::NotWritten)
    }

    /// An error for records of which some attempt may have been written.
    pub fn possibly_written(kind: DeliveryErrorKind) -> Self {
        Self::new(kind, Certainty::PossiblyWritten)
    }

    /// An error of this kind and certainty, without code and message.
    pub fn new(kind: DeliveryErrorKind, certainty: Certainty) -> Self {
        Self {
            reason: Arc::new(Reason {
                kind,
                code: None,
                message: None,
            }),
            certainty,
            undelivered: None,
        }
    }

    /// The same with what the broker answered.
    pub fn with_code(self, code: ErrorCode, message: Option<Arc<str>>) -> Self {
        let kind = self.reason.kind;
        Self {
            reason: Arc::new(Reason {
                kind,
                code: Some(code),
                message,
            }),
            ..self
        }
    }

    /// The same, at least as uncertain as `certainty`.
    pub fn at_least(self, certainty: Certainty) -> Self {
        Self {
            certainty: self.certainty.max(certainty),
            ..self
        }
    }

    pub(crate) fn with_undelivered(self, undelivered: Arc<Undelivered>, position: u32) -> Self {
        Self {
            undelivered: Some((undelivered, position)),
            ..self
        }
    }

    /// What ended the delivery.
    pub fn kind(&self) -> DeliveryErrorKind {
        self.reason.kind
    }

    /// Whether the record may be in the log.
    pub fn certainty(&self) -> Certainty {
        self.certainty
    }

    /// What the broker answered, if it was an answer that ended it. Else the last refusal of its
    /// batch, after which it was to be sent again: its time passed
    /// ([`DeliveryErrorKind::Timeout`]), or an earlier batch failed, and under a new epoch
    /// a copy of it could not be told ([`DeliveryErrorKind::Refused`]).
    pub fn code(&self) -> Option<ErrorCode> {
        self.reason.code
    }

    /// The broker's own words.
    pub fn message(&self) -> Option<&str> {
        self.reason.message.as_deref()
    }

    /// Whether sending the record again may succeed. Where the certainty is possibly written, that
    /// may duplicate it.
    pub fn is_retriable(&self) -> bool {
        self.kind().is_retriable()
    }

    /// The record itself, decoded from its batch (once per batch, in the thread that asks first).
    /// `None` if the batch's bytes are gone: its encoder was lost.
    pub fn record(&self) -> Option<&OwnedRecord> {
        let (undelivered, position) = self.undelivered.as_ref()?;
        undelivered.records().get(*position as usize)
    }
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.kind.text())?;
        if let Some(code) = self.reason.code {
            let is_timeout = self.reason.kind == DeliveryErrorKind::Timeout;
            let said = if is_timeout { "; the broker last said" } else { ":" };
            write!(f, "{said} {code}")?;
        }
        if let Some(message) = &self.reason.message {
            write!(f, ": {message}")?;
        }
        write!(f, " ({})", self.certainty)
    }
}

impl fmt::Debug for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveryError")
            .field("kind", &self.reason.kind)
            .field("certainty", &self.certainty)
            .field("code", &self.reason.code)
            .field("message", &self.reason.message)
            .finish()
    }
}

impl std::error::Error for DeliveryError {}

impl PartialEq for DeliveryError {
    fn eq(&self, other: &Self) -> bool {
        self.reason == other.reason && self.certainty == other.certainty
    }
}

impl Eq for DeliveryError {}
