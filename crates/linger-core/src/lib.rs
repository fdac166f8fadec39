//! The decisions of the Linger Kafka producer, without runtime, sockets, clock or entropy.

pub mod accumulator;
pub mod action;
pub mod address;
pub mod backoff;
pub mod batch;
pub mod broker;
pub mod cluster;
pub mod config;
pub mod deadlines;
pub mod delivery;
pub mod doorbell;
pub mod error;
pub mod flight;
mod flush;
mod hash;
pub mod ids;
mod ledger;
mod lock;
pub mod memory;
pub mod metadata;
pub mod partition;
pub mod partitioner;
pub mod queue;
pub mod record;
pub mod sender;
pub mod sequence;
#[cfg(test)]
mod testing;
mod undelivered;
pub mod verdict;

pub use flush::Flushed;
pub use ledger::Ledger;
pub use undelivered::Undelivered;
