//! Sequence numbers, and the identity under which they are counted.
//!
//! A broker keeps the last sequence per partition, producer id and epoch. So both belong to the
//! partition here too: a new epoch is a local decision of one partition and touches no other
//! (KIP-360 needs a coordinator only for transactions). Where identities come from is
//! [`crate::send::identity`]'s.

use linger_protocol::records::Stamp;

/// A sequence number: 31 bits, 2³¹−1 is followed by 0 (`DefaultRecordBatch.incrementSequence`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sequence(i32);

impl Sequence {
    /// The first sequence number under a new producer id or epoch.
    pub const ZERO: Self = Self(0);

    /// Takes the low 31 bits of `value`, so that no sequence is negative.
    pub fn new(value: i32) -> Self {
        Self(value & i32::MAX)
    }

    /// The sequence number that follows `count` records which start at this one.
    pub fn after(self, count: u32) -> Self {
        Self((self.0 as u32).wrapping_add(count) as i32 & i32::MAX)
    }

    /// The number as Kafka writes it.
    pub fn get(self) -> i32 {
        self.0
    }
}

/// A producer id with one of its epochs (KIP-98).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerIdentity {
    /// The id given out by `InitProducerId`; never negative.
    pub producer_id: i64,
    /// The epoch; a broker refuses lower ones of the same id on a partition.
    pub epoch: i16,
}

impl ProducerIdentity {
    /// The same id with the next epoch, or `None` when the epochs of this id are used up: then a
    /// new id is needed.
    pub fn next_epoch(self) -> Option<Self> {
        let epoch = self.epoch.checked_add(1)?;
        Some(Self { epoch, ..self })
    }

    /// The stamp of a batch that starts at `sequence`.
    pub fn stamp(self, sequence: Sequence) -> Stamp {
        Stamp {
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
            base_sequence: sequence.get(),
        }
    }
}

/// The stamp of a batch of a producer without idempotence.
pub const UNSTAMPED: Stamp = Stamp {
    producer_id: -1,
    producer_epoch: -1,
    base_sequence: -1,
};

/// Whether the producer stamps sequences (`enable.idempotence`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotence {
    /// Batches carry a producer id, an epoch and sequences; the broker removes duplicates.
    On,
    /// Batches carry −1; a retry may write twice.
    Off,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_wraps_after_two_to_the_31_minus_one() {
        assert_eq!(Sequence::new(i32::MAX).after(1).get(), 0);
        assert_eq!(Sequence::new(i32::MAX - 2).after(7).get(), 4);
        assert_eq!(Sequence::ZERO.after(7).get(), 7);
    }
}
