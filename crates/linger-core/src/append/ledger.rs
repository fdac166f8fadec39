//! Where all accepted records are, in counts.

use std::ops::AddAssign;

/// Counts of records. **`accepted = acknowledged + failed + returned + queued + in_flight`, at every moment and for every
/// partition**: the counts of a partition change together, under its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
    /// Stamped and unresolved: on the way, or waiting to be sent again.
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

impl Ledger {
    /// Whether every accepted record is accounted for.
    pub fn is_balanced(&self) -> bool {
        self.accepted == self.acknowledged + self.failed + self.returned + self.unresolved()
    }

    /// Records of which the outcome is open.
    pub fn unresolved(&self) -> u64 {
        self.queued + self.in_flight
    }

    pub(crate) fn accept(&mut self, count: u32) {
        self.accepted += u64::from(count);
        self.queued += u64::from(count);
    }

    pub(crate) fn take(&mut self, count: u32) {
        self.queued -= u64::from(count);
        self.in_flight += u64::from(count);
    }

    pub(crate) fn settle(&mut self, stage: Stage, count: u32, settled: Settled) {
        let count = u64::from(count);
        match stage {
            Stage::Queued => self.queued -= count,
            Stage::InFlight => self.in_flight -= count,
        }
        match settled {
            Settled::Acknowledged => self.acknowledged += count,
            Settled::Failed => self.failed += count,
            Settled::Returned => self.returned += count,
        }
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
