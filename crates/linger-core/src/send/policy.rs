//! The settings that decide what becomes of a partition's batches.

use std::time::Duration;

use linger_protocol::Str;

use crate::config::{Acks, Config};
use crate::send::backoff::Backoff;
use crate::send::sequence::Idempotence;

/// Kafka's brokers remember this many batches per producer and partition to recognise duplicates.
const UNRESOLVED_MAX: usize = 5;

/// Who owns the epoch under which the batches of a partition are numbered, and so who may begin a
/// new one.
///
/// This is decided once, in [`Policy::new`]. There is one owner as long as the producer has no
/// transactions: with them, a transaction's coordinator owns the epoch of all partitions together
/// (KIP-360), and a second variant joins this one. Every place that depends on the owner matches on
/// this type, so that the compiler lists these places then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochOwner {
    /// Each partition: a new epoch of one partition touches no other.
    Partition,
}

/// The settings that decide what becomes of a partition's batches.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Whose acknowledgement counts.
    pub acks: Acks,
    /// Whether batches carry sequences.
    pub idempotence: Idempotence,
    /// Who may begin a new epoch.
    pub epoch_owner: EpochOwner,
    /// Attempts after the first.
    pub retries: u32,
    /// How many batches may be sent and unresolved.
    pub unresolved_max: usize,
    /// How long a batch may take from its first record.
    pub delivery_timeout: Duration,
    /// How long to wait between attempts.
    pub backoff: Backoff,
}

impl Policy {
    /// The policy of `config`.
    pub fn new(config: &Config) -> Self {
        let (idempotence, unresolved_max) = if config.enable_idempotence {
            (Idempotence::On, config.max_in_flight.min(UNRESOLVED_MAX))
        } else {
            (Idempotence::Off, config.max_in_flight)
        };
        Self {
            acks: config.acks,
            idempotence,
            epoch_owner: EpochOwner::Partition,
            retries: config.retries,
            unresolved_max,
            delivery_timeout: config.delivery_timeout,
            backoff: Backoff::new(config.retry_backoff, config.retry_backoff_max),
        }
    }

    /// The `transactional.id` of every request that carries one. `None` as long as no transaction
    /// owns the epoch.
    pub fn transactional_id(&self) -> Option<Str> {
        match self.epoch_owner {
            EpochOwner::Partition => None,
        }
    }
}
