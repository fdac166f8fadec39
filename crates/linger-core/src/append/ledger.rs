//! Where all accepted records are, in counts.

use std::ops::AddAssign;

/// Counts of records. **`accepted = acknowledged + failed + returned + queued + in_flight`, at
/// every moment and for every partition.**
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Ledger {
    /// Accepted by `send`.
    pub accepted: u64,
    /// Delivered.
    pub acknowledged: u64,
    /// Failed, with a reason and a certainty.
    pub failed: u64,
    /// Handed back unsent because the producer was closed or the application withdrew them.
    pub returned: u64,
    /// Waiting in a batch that has no place in the partition's sequence yet.
    pub queued: u64,
    /// Stamped and unresolved: sent, or waiting to be sent again.
    pub in_flight: u64,
}

/// How records left the producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    Acknowledged,
    Failed,
    Returned,
}

/// Where records are counted until they are settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Queued,
    InFlight,
}

/// Counts of the records of one partition that are settled, by outcome and by the stage that they
/// left.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SettledCounts {
    acknowledged: u64,
    failed: u64,
    returned: u64,
    from_queue: u64,
    from_flight: u64,
}

impl SettledCounts {
    pub(crate) fn add(&mut self, stage: Stage, count: u32, settled: Settled) {
        let count = u64::from(count);
        match stage {
            Stage::Queued => self.from_queue += count,
            Stage::InFlight => self.from_flight += count,
        }
        match settled {
            Settled::Acknowledged => self.acknowledged += count,
            Settled::Failed => self.failed += count,
            Settled::Returned => self.returned += count,
        }
    }

    /// The ledger of a partition that has accepted and sent so many records. The counts of settled
    /// records must have been read before those of accepted ones: a record is accepted first.
    pub(crate) fn ledger(self, accepted: u64, sent: u64) -> Ledger {
        Ledger {
            accepted,
            acknowledged: self.acknowledged,
            failed: self.failed,
            returned: self.returned,
            queued: accepted - sent - self.from_queue,
            in_flight: sent - self.from_flight,
        }
    }
}

impl Ledger {
    /// Whether every accepted record is accounted for.
    pub fn is_balanced(&self) -> bool {
        self.accepted == self.acknowledged + self.failed + self.returned + self.unresolved()
    }

    /// Number of records whose outcome is not known yet.
    pub fn unresolved(&self) -> u64 {
        self.queued + self.in_flight
    }
}

impl AddAssign for Ledger {
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.acknowledged += other.acknowledged;
        self.failed += other.failed;
        self.returned += other.returned;
        self.queued += other.queued;
        self.in_flight += other.in_flight;
    }
}
