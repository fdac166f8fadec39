//! The decisions of the Linger Kafka producer, without runtime, sockets, clock or entropy.
//!
//! Two halves meet in the queues. **Application threads** find a partition in a
//! [`append::cluster_view::ClusterView`] (by key or by [`append::sticky::Sticky`]) and
//! [append](append::accumulator::Accumulator::append) to its [`append::queue::PartitionQueue`]; the
//! record is encoded in place under one short lock, and its [`append::delivery::Delivery`] shares
//! the batch's completion. The [`append::doorbell::Doorbell`] says when that needs the **sender**
//! ([`send::sender`]), which one task owns: it seals batches, has them encoded, stamps them with a
//! place in their partition's sequence, and decides what every answer means ([`send::verdict`]).
//!
//! A batch is a type per state ([`append::batch`]); its memory is charged to
//! [`append::memory::MemoryBudget`] by the capacity of its buffer; every failure says whether the
//! record may have been written ([`error::Certainty`]).
//!
//! Invariants of this half, each with the test that proves it: the [`Ledger`] balances at every
//! moment (`the_ledger_balances_at_every_moment_under_concurrent_senders`); every delivery
//! resolves, whatever is dropped (`all_resolves_when_everything_is_dropped`,
//! `a_lost_job_fails_its_records_as_not_written_and_frees_its_place`); no wake-up is lost
//! (`no_wake_up_is_lost`); memory is served in order and handed on
//! (`a_dropped_waiter_hands_its_turn_on`); a record allocates nothing
//! (`a_batch_takes_two_allocations_and_a_record_none`).

pub mod address;
pub mod append;
pub mod config;
pub mod error;
pub mod ids;
pub mod partitioner;
pub mod record;
pub mod send;
#[cfg(test)]
mod testing;
pub mod undelivered;

pub use append::{Flushed, Ledger};
pub use undelivered::Undelivered;
