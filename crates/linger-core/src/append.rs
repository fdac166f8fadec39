//! The wing of the application threads: from a record to an open batch in its partition's queue.

pub mod accumulator;
pub mod batch;
pub mod cluster_view;
pub mod delivery;
pub mod doorbell;
pub mod flush;
pub mod growth;
pub(crate) mod hash;
pub mod ledger;
pub(crate) mod lock;
pub mod memory;
pub mod partitioner;
pub mod queue;
pub(crate) mod share;
pub mod undelivered;

pub use flush::Flushed;
pub use ledger::Ledger;
pub use undelivered::Undelivered;
