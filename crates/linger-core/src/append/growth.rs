//! How far batches grow beyond `batch.size` while they wait for their broker.
//!
//! The sender decides it for each broker with every request, and appending threads read it when a
//! batch needs a larger buffer. The queues of all partitions that a broker leads share one
//! [`Growth`].

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::Config;

/// Bytes, header included, that a batch grows to if several of them make a request: larger ones
/// gain nothing, and the bytes being filled stay in the cache.
const GROUPED_BATCH_MAX: usize = 64 * 1024;

/// How far the batches grow that wait for one broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrowthLimit {
    /// To the size of a request: the batch of one partition alone decides what a request carries.
    Request,
    /// To 64 KiB, or `batch.size` if that is more: the batches of several partitions fill a request
    /// together.
    Grouped,
    /// To their share of `buffer.memory`: the broker acknowledges slowly, so each batch has to hold
    /// what comes meanwhile.
    MemoryShare {
        /// Number of partitions, of all brokers, that share the memory.
        partitions: usize,
    },
}

impl GrowthLimit {
    /// The limit in bytes, header included; `usize::MAX` where only the size of a request limits a
    /// batch. A configured `batch_size_max` takes its place.
    pub fn bytes(self, config: &Config) -> usize {
        if config.batch_size_max.is_some() {
            return usize::MAX;
        }
        let grouped = GROUPED_BATCH_MAX.max(config.batch_size.min(config.batch_limit()));
        match self {
            Self::Request => usize::MAX,
            Self::Grouped => grouped,
            Self::MemoryShare { partitions } => {
                // One batch of each partition is in flight, and one grows. Buffers have powers of two.
                let share = config.buffer_memory / (2 * partitions.max(1));
                let share = 1 << share.max(1).ilog2();
                grouped.max(share)
            }
        }
    }
}

/// The growth limit of one broker, as its queues see it. New ones have no limit.
#[derive(Debug)]
pub struct Growth {
    bytes: AtomicUsize,
}

impl Default for Growth {
    fn default() -> Self {
        Self {
            bytes: AtomicUsize::new(usize::MAX),
        }
    }
}

impl Growth {
    /// Sets the limit in bytes, header included.
    pub fn set(&self, bytes: usize) {
        // Relaxed ordering is enough: a stale limit only makes one batch slightly larger or smaller.
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// The limit in bytes, header included.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const K: usize = 1024;

    #[rstest]
    #[case(GrowthLimit::Request, usize::MAX)]
    #[case(GrowthLimit::Grouped, 64 * K)]
    // 32 MiB for two batches of each of three partitions, down to a power of two.
    #[case(GrowthLimit::MemoryShare { partitions: 3 }, 4096 * K)]
    #[case(GrowthLimit::MemoryShare { partitions: 0 }, 16384 * K)]
    #[case(GrowthLimit::MemoryShare { partitions: 10_000 }, 64 * K)]
    fn a_limit_in_bytes(#[case] limit: GrowthLimit, #[case] expected: usize) {
        assert_eq!(limit.bytes(&Config::default()), expected);
        let configured = Config {
            batch_size_max: Some(100 * K),
            ..Config::default()
        };
        assert_eq!(limit.bytes(&configured), usize::MAX);
    }

    #[test]
    fn no_limit_is_below_batch_size() {
        let config = Config {
            batch_size: 100 * K,
            ..Config::default()
        };
        assert_eq!(GrowthLimit::Grouped.bytes(&config), 100 * K);
        let many = GrowthLimit::MemoryShare { partitions: 10_000 };
        assert_eq!(many.bytes(&config), 100 * K);
    }
}
