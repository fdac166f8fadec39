//! What appending a record comes to: an accepted record, or why it was not accepted.

use crate::append::delivery::Delivery;

/// An accepted record.
#[derive(Debug)]
#[must_use]
pub struct Appended {
    /// Its outcome.
    pub delivery: Delivery,
    /// Bytes that it takes in its batch.
    pub bytes: usize,
    /// Whether it filled its batch: tell the [`Sticky`](crate::append::sticky::Sticky) partition.
    pub filled: Filled,
    /// The sender sleeps and must be woken.
    pub wake: bool,
}

/// Whether a record completed its batch: one more like it would pass `batch.size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// The batch is full.
    Yes,
    /// The batch has room, or was full before.
    No,
}

/// Why a record was not accepted. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendError {
    /// There is no memory for the record now. Await
    /// [`MemoryBudget::wait`](crate::append::memory::MemoryBudget::wait), and append again with
    /// the permit.
    NeedMemory {
        /// Bytes to wait for.
        bytes: usize,
        /// The sender sleeps and must be woken: what could leave should leave now.
        wake: bool,
    },
    /// The record alone takes more than a request, or all memory, allows.
    TooLarge {
        /// Bytes of a batch with this record alone.
        size: usize,
        /// Most bytes it may take.
        limit: usize,
    },
    /// The producer is closed.
    Closed,
}
