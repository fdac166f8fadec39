//! The end of the producer: by a close, which has a deadline, or by an answer after which no broker
//! accepts anything.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use linger_protocol::ErrorCode;

use crate::append::accumulator::Accumulator;
use crate::error::{DeliveryError, DeliveryErrorKind};
use crate::ids::FlushId;
use crate::send::brokers::Brokers;
use crate::send::partition::Partition;

/// After the close deadline, wait this long for running encode jobs and disconnect reports. Only a
/// codec that has died takes longer; the batch it had resolves when it is dropped.
pub const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// Whether the producer is open.
///
/// ```text
///   Open ──close──► Closing ──deadline──► GivenUp
///                      │                     │
///                      └──all is resolved────┴──all is resolved, or patience is over──► Closed
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Records are accepted and sent.
    Open,
    /// Nothing new is accepted. What was accepted is sent until the deadline.
    Closing {
        /// When what is left fails.
        deadline: Instant,
        /// The flush of all that was accepted.
        last_flush: FlushId,
    },
    /// The deadline has passed, and what could be resolved is. Batches that are being encoded come
    /// back soon, and the connections' ends will soon tell what of the last requests was
    /// written.
    GivenUp {
        /// The flush of all that was accepted.
        last_flush: FlushId,
    },
    /// Everything is resolved.
    Closed,
}

/// What becomes of a batch that was sent, while it is not known whether it was written whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecided {
    /// The end of its connection will tell.
    Wait,
    /// It counts as possibly written.
    Fail,
}

/// The end of the producer.
#[derive(Debug)]
pub struct Closing {
    phase: Phase,
    /// The answer after which nothing will be accepted from this producer.
    fatal: Option<ErrorCode>,
}

impl Default for Closing {
    /// The producer is open.
    fn default() -> Self {
        Self {
            phase: Phase::Open,
            fatal: None,
        }
    }
}

impl Closing {
    /// Whether the producer is open.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns true before a close.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Returns true if nothing is sent any more: what is opened now fails at once.
    pub fn is_over(&self) -> bool {
        let is_given_up = match self.phase {
            Phase::Open | Phase::Closing { .. } => false,
            Phase::GivenUp { .. } | Phase::Closed => true,
        };
        is_given_up || self.fatal.is_some()
    }

    /// The answer after which this producer accepts nothing more, if there was one.
    pub fn fatal(&self) -> Option<ErrorCode> {
        self.fatal
    }

    /// Begins to close, or brings the deadline forward. Returns false if nothing changes by that.
    pub fn begin(&mut self, deadline: Instant, accumulator: &Accumulator) -> bool {
        let last_flush = match self.phase {
            Phase::Open => {
                accumulator.close();
                accumulator.begin_flush()
            }
            Phase::Closing {
                deadline: before,
                last_flush,
            } if deadline < before => last_flush,
            Phase::Closing { .. } | Phase::GivenUp { .. } | Phase::Closed => return false,
        };
        self.phase = Phase::Closing { deadline, last_flush };
        true
    }

    /// The deadline of the close has passed.
    pub fn give_up(&mut self, last_flush: FlushId) {
        self.phase = Phase::GivenUp { last_flush };
    }

    /// Returns true if all that was accepted before the close is resolved.
    pub fn is_all_resolved(&self, accumulator: &Accumulator) -> bool {
        match self.phase {
            Phase::Closing { last_flush, .. } | Phase::GivenUp { last_flush } => {
                accumulator.flush_done(last_flush)
            }
            Phase::Open | Phase::Closed => false,
        }
    }

    /// Ends the close.
    pub fn finish(&mut self, accumulator: &Accumulator) {
        if let Phase::Closing { last_flush, .. } | Phase::GivenUp { last_flush } = self.phase {
            let _ = accumulator.end_flush(last_flush);
        }
        self.phase = Phase::Closed;
    }

    /// Notes that no broker will accept anything from this producer any more.
    pub fn fail(&mut self, code: ErrorCode) {
        self.fatal = Some(code);
    }

    /// As what a record fails that is not sent because the producer ends.
    pub fn error_kind(&self) -> DeliveryErrorKind {
        match self.fatal {
            Some(_) => DeliveryErrorKind::Fatal,
            None => DeliveryErrorKind::Closed,
        }
    }

    /// Fails all that `partition` has.
    pub fn abandon(&self, partition: &mut Partition, undecided: Undecided, brokers: &Brokers) {
        let error = |certainty| {
            let error = DeliveryError::new(self.error_kind(), certainty);
            match self.fatal {
                Some(code) => error.with_code(code, None),
                None => error,
            }
        };
        partition.abandon(error, |flight| match undecided {
            Undecided::Wait => !brokers.was_written(flight),
            Undecided::Fail => false,
        });
    }
}
