//! The wing of the application threads: from a record to an open batch in its partition's queue.

pub(crate) mod account;
pub mod accumulator;
pub mod appended;
pub mod batch;
pub mod cluster_view;
pub(crate) mod completer;
pub(crate) mod completion;
pub mod delivery;
pub mod doorbell;
pub mod encode_job;
pub mod flush;
pub mod growth;
pub(crate) mod hash;
pub mod ledger;
pub(crate) mod lock;
pub mod memory;
pub mod queue;
pub mod record_metadata;
pub(crate) mod share;
pub mod shared;
pub mod sticky;
pub(crate) mod sync;
pub(crate) mod wakers;

pub use flush::Flushed;
pub use ledger::Ledger;
