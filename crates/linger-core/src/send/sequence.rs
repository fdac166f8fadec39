//! Sequence numbers, and the identity they are counted under.
//!
//! A broker keeps the last sequence per partition, producer id and epoch, so both live in the partition here too:
//! a new epoch is a local decision of one partition and touches no other (KIP-360 needs a coordinator only for
//! transactions). What asks for a producer id is [`ProducerIds`].

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
    /// The same id with the next epoch, or `None` when the epochs of this id are used up: then a new id is needed.
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

/// Whether a producer id is known, asked for, or has to be asked for.
///
/// ```text
///  Unneeded            (idempotence is off)
///  Wanted ──request──► Asked ──answer──► Known
///     ▲                  │                 │
///     └──refused, lost───┘◄──epochs used up┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Unneeded,
    Wanted,
    Asked,
    Known(ProducerIdentity),
}

/// Where identities come from: at most one `InitProducerId` is under way, and partitions whose epochs are used up
/// share the answer.
#[derive(Debug)]
pub struct ProducerIds {
    phase: Phase,
}

impl ProducerIds {
    /// Starts without an id; one is wanted at once when the producer is idempotent.
    pub fn new(idempotent: Idempotence) -> Self {
        let phase = match idempotent {
            Idempotence::On => Phase::Wanted,
            Idempotence::Off => Phase::Unneeded,
        };
        Self { phase }
    }

    /// True when an `InitProducerId` request should be sent.
    pub fn is_wanted(&self) -> bool {
        self.phase == Phase::Wanted
    }

    /// Notes that the request was sent.
    pub fn asked(&mut self) {
        self.phase = Phase::Asked;
    }

    /// Notes that the request was refused or lost; it is wanted again. An id that is already known stays.
    pub fn missed(&mut self) {
        if self.phase == Phase::Asked {
            self.phase = Phase::Wanted;
        }
    }

    /// Takes the answer.
    pub fn learned(&mut self, identity: ProducerIdentity) {
        self.phase = Phase::Known(identity);
    }

    /// The identity for a partition that has none yet.
    pub fn current(&self) -> Option<ProducerIdentity> {
        match self.phase {
            Phase::Known(identity) => Some(identity),
            Phase::Unneeded | Phase::Wanted | Phase::Asked => None,
        }
    }

    /// The identity that follows `spent` on a partition: its next epoch, or a newer id when the epochs are used up.
    /// `None` means that the newer id has yet to be asked for, and now is wanted.
    pub fn successor(&mut self, spent: ProducerIdentity) -> Option<ProducerIdentity> {
        if let Some(next) = spent.next_epoch() {
            return Some(next);
        }
        match self.phase {
            Phase::Known(identity) if identity.producer_id != spent.producer_id => Some(identity),
            Phase::Known(_) => {
                self.phase = Phase::Wanted;
                None
            }
            Phase::Unneeded | Phase::Wanted | Phase::Asked => None,
        }
    }
}

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

    #[test]
    fn epochs_end_at_32767_and_then_a_new_id_is_asked_for_once() {
        let mut ids = ProducerIds::new(Idempotence::On);
        assert!(ids.is_wanted());
        ids.asked();
        assert!(!ids.is_wanted());
        let first = ProducerIdentity {
            producer_id: 9,
            epoch: i16::MAX - 1,
        };
        ids.learned(first);
        let last = ids.successor(first).expect("one epoch is left");
        assert_eq!(last.epoch, i16::MAX);
        assert_eq!(ids.successor(last), None);
        assert!(ids.is_wanted());
        ids.asked();
        assert_eq!(
            ids.successor(last),
            None,
            "a second partition waits for the same answer"
        );
        assert!(!ids.is_wanted());
        let fresh = ProducerIdentity {
            producer_id: 10,
            epoch: 0,
        };
        ids.learned(fresh);
        assert_eq!(ids.successor(last), Some(fresh));
    }

    #[test]
    fn a_lost_request_is_wanted_again() {
        let mut ids = ProducerIds::new(Idempotence::On);
        ids.asked();
        ids.missed();
        assert!(ids.is_wanted());
    }

    #[test]
    fn a_plain_producer_never_asks() {
        let ids = ProducerIds::new(Idempotence::Off);
        assert!(!ids.is_wanted());
        assert_eq!(ids.current(), None);
    }
}
