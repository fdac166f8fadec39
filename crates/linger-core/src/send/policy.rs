//! What of the configuration decides over a partition's batches.

use std::time::Duration;

use crate::config::{Acks, Config};
use crate::send::backoff::Backoff;
use crate::send::sequence::Idempotence;

/// Kafka's brokers remember this many batches per producer and partition to recognise duplicates.
const UNRESOLVED_MAX: usize = 5;

/// What of the configuration decides over a partition.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Whose acknowledgement counts.
    pub acks: Acks,
    /// Whether batches carry sequences.
    pub idempotence: Idempotence,
    /// Attempts after the first.
    pub retries: u32,
    /// How many batches may be sent and unresolved.
    pub unresolved_max: usize,
    /// How long a batch may take from its first record.
    pub delivery_timeout: Duration,
    /// Between attempts.
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
            retries: config.retries,
            unresolved_max,
            delivery_timeout: config.delivery_timeout,
            backoff: Backoff::new(config.retry_backoff, config.retry_backoff_max),
        }
    }
}
