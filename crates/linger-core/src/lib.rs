//! The decisions of the Linger Kafka producer, without runtime, sockets, clock or entropy.

pub mod accumulator;
pub mod address;
pub mod batch;
pub mod cluster;
pub mod config;
pub mod delivery;
pub mod doorbell;
pub mod error;
mod flush;
mod hash;
pub mod ids;
mod ledger;
mod lock;
pub mod memory;
pub mod partitioner;
pub mod queue;
pub mod record;
#[cfg(test)]
mod testing;
mod undelivered;

pub use flush::Flushed;
pub use ledger::Ledger;
pub use undelivered::Undelivered;
