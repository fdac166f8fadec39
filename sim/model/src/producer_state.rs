//! What a partition remembers of idempotent producers: per producer id its epoch and its last five
//! batches.
//!
//! The rules are ProducerStateManager's and ProducerAppendInfo's of Apache Kafka: a batch whose
//! first and last sequence equal one of the remembered five is a duplicate and is answered with the
//! original offset; otherwise it must follow its predecessor. A producer that the partition does
//! not know may start at any sequence. Sequences live modulo 2^31.

use std::collections::{BTreeMap, VecDeque};

use linger_protocol::ErrorCode;
use linger_protocol::records::BatchHeader;

/// Batches remembered per producer (ProducerStateEntry.NUM_BATCHES_TO_RETAIN).
pub(crate) const BATCHES_REMEMBERED: usize = 5;

/// How long a producer is remembered after its last batch's timestamp
/// (`producer.id.expiration.ms`), in milliseconds.
pub(crate) const EXPIRATION_MS: i64 = 86_400_000;

/// How often expired producers are looked for (`producer.id.expiration.check.interval.ms`), in
/// milliseconds.
pub(crate) const EXPIRATION_CHECK_MS: i64 = 600_000;

const NO_EPOCH: i16 = -1;
const NO_SEQUENCE: i32 = -1;

/// Who sent a batch, and where it stands in that producer's sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProducerStamp {
    /// Producer id, not negative.
    pub(crate) producer_id: i64,
    /// Producer epoch.
    pub(crate) epoch: i16,
    /// Sequence of the batch's first record, not negative.
    pub(crate) base_sequence: i32,
    /// Number of records minus one.
    pub(crate) last_offset_delta: i32,
}

impl ProducerStamp {
    /// The stamp of a batch; `None` if the batch names no producer.
    pub(crate) fn of(header: &BatchHeader) -> Option<Self> {
        (header.producer_id >= 0).then_some(Self {
            producer_id: header.producer_id,
            epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            last_offset_delta: header.last_offset_delta,
        })
    }

    /// Sequence of the batch's last record; the sequence may wrap inside the batch.
    pub(crate) fn last_sequence(&self) -> i32 {
        advance(self.base_sequence, self.last_offset_delta)
    }
}

/// What the partition's memory says of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It follows what is known: append it.
    Append,
    /// It is in the log already.
    Duplicate {
        /// Offset of its first record there.
        base_offset: i64,
        /// Offset of its last record there.
        last_offset: i64,
        /// The batch's largest timestamp.
        timestamp: i64,
    },
    /// It must not be appended: OUT_OF_ORDER_SEQUENCE_NUMBER or INVALID_PRODUCER_EPOCH.
    Refuse(ErrorCode),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Remembered {
    last_sequence: i32,
    last_offset: i64,
    offset_delta: i32,
    timestamp: i64,
}

impl Remembered {
    fn first_sequence(&self) -> i32 {
        go_back(self.last_sequence, self.offset_delta)
    }
}

#[derive(Clone, Debug)]
struct Producer {
    epoch: i16,
    last_timestamp: i64,
    batches: VecDeque<Remembered>,
}

/// The producers that one partition knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProducerStates {
    producers: BTreeMap<i64, Producer>,
    checked_ms: i64,
}

impl ProducerStates {
    /// Judges a batch without changing anything.
    pub(crate) fn judge(&self, stamp: &ProducerStamp) -> Judgement {
        let Some(producer) = self.producers.get(&stamp.producer_id) else {
            return match stamp.epoch < NO_EPOCH {
                true => Judgement::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH),
                false => Judgement::Append,
            };
        };
        producer.judge(stamp)
    }

    /// Remembers a batch that was appended at `base_offset`.
    pub(crate) fn remember(&mut self, stamp: &ProducerStamp, base_offset: i64, timestamp: i64) {
        let producer = self
            .producers
            .entry(stamp.producer_id)
            .or_insert_with(|| Producer {
                epoch: NO_EPOCH,
                last_timestamp: timestamp,
                batches: VecDeque::with_capacity(BATCHES_REMEMBERED),
            });
        if producer.epoch != stamp.epoch {
            producer.epoch = stamp.epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == BATCHES_REMEMBERED {
            producer.batches.pop_front();
        }
        producer.last_timestamp = timestamp;
        producer.batches.push_back(Remembered {
            last_sequence: stamp.last_sequence(),
            last_offset: base_offset + i64::from(stamp.last_offset_delta),
            offset_delta: stamp.last_offset_delta,
            timestamp,
        });
    }

    /// Forgets one producer; answers whether it was known.
    pub(crate) fn forget(&mut self, producer_id: i64) -> bool {
        self.producers.remove(&producer_id).is_some()
    }

    /// Forgets producers whose last batch's timestamp is a day old, at most every ten minutes.
    /// Records with old timestamps make their producer expire at once, as in Kafka.
    pub(crate) fn expire(&mut self, now_ms: i64) {
        if now_ms - self.checked_ms < EXPIRATION_CHECK_MS {
            return;
        }
        self.checked_ms = now_ms;
        self.producers
            .retain(|_, producer| now_ms.saturating_sub(producer.last_timestamp) < EXPIRATION_MS);
    }

    /// Forgets every batch at or after `log_start`: what remains when a log is read anew. The
    /// batches still in the log are then remembered again in order, as a broker does after a
    /// truncation.
    pub(crate) fn reset_to(&mut self, log_start: i64) {
        self.producers.retain(|_, producer| {
            producer.batches.retain(|batch| batch.last_offset < log_start);
            !producer.batches.is_empty()
        });
    }
}

impl Producer {
    fn judge(&self, stamp: &ProducerStamp) -> Judgement {
        if let Some(original) = self.duplicate_of(stamp) {
            return Judgement::Duplicate {
                base_offset: original.last_offset - i64::from(original.offset_delta),
                last_offset: original.last_offset,
                timestamp: original.timestamp,
            };
        }
        if stamp.epoch < self.epoch {
            return Judgement::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        let expected = match self.batches.back() {
            // Nothing is expected of a producer without an epoch, nor of the first that it gets.
            _ if self.epoch == NO_EPOCH => return Judgement::Append,
            _ if stamp.epoch > self.epoch => 0,
            None => advance(NO_SEQUENCE, 1),
            Some(last) => advance(last.last_sequence, 1),
        };
        match stamp.base_sequence == expected {
            true => Judgement::Append,
            false => Judgement::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
        }
    }

    fn duplicate_of(&self, stamp: &ProducerStamp) -> Option<&Remembered> {
        if stamp.epoch != self.epoch {
            return None;
        }
        let last = stamp.last_sequence();
        self.batches
            .iter()
            .find(|batch| batch.last_sequence == last && batch.first_sequence() == stamp.base_sequence)
    }
}

/// The sequence `by` records after `sequence`; i32::MAX is followed by 0.
fn advance(sequence: i32, by: i32) -> i32 {
    sequence.wrapping_add(by) & i32::MAX
}

/// The sequence `by` records before `sequence`.
fn go_back(sequence: i32, by: i32) -> i32 {
    sequence.wrapping_sub(by) & i32::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUT_OF_ORDER: Judgement = Judgement::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    const FENCED: Judgement = Judgement::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH);

    fn stamp(epoch: i16, first: i32, count: i32) -> ProducerStamp {
        ProducerStamp {
            producer_id: 9,
            epoch,
            base_sequence: first,
            last_offset_delta: count - 1,
        }
    }

    /// Appends each batch (epoch, first sequence, records) one after the other.
    fn states(batches: &[(i16, i32, i32)]) -> ProducerStates {
        let mut states = ProducerStates::default();
        let mut offset = 0;
        for &(epoch, first, count) in batches {
            let stamp = stamp(epoch, first, count);
            assert_eq!(states.judge(&stamp), Judgement::Append, "{stamp:?}");
            states.remember(&stamp, offset, 1_000 + offset);
            offset += i64::from(count);
        }
        states
    }

    fn check(known: &[(i16, i32, i32)], batch: (i16, i32, i32), expected: Judgement) {
        assert_eq!(
            states(known).judge(&stamp(batch.0, batch.1, batch.2)),
            expected,
            "{known:?} then {batch:?}"
        );
    }

    fn duplicate(base_offset: i64, count: i64, timestamp: i64) -> Judgement {
        Judgement::Duplicate {
            base_offset,
            last_offset: base_offset + count - 1,
            timestamp,
        }
    }

    #[test]
    fn an_unknown_producer_starts_anywhere() {
        check(&[], (0, 0, 10), Judgement::Append);
        check(&[], (7, 1_234, 10), Judgement::Append);
        check(&[], (-1, 5, 1), Judgement::Append);
        check(&[], (-2, 0, 1), FENCED);
    }

    #[test]
    fn a_known_producer_continues_without_a_gap() {
        check(&[(0, 0, 10)], (0, 10, 5), Judgement::Append);
        check(&[(0, 0, 10)], (0, 11, 5), OUT_OF_ORDER);
        check(&[(0, 0, 10)], (0, 9, 5), OUT_OF_ORDER);
    }

    #[test]
    fn a_duplicate_is_answered_with_the_original_offset() {
        let five = [(0, 0, 10), (0, 10, 1), (0, 11, 1), (0, 12, 1), (0, 13, 7)];
        check(&five, (0, 0, 10), duplicate(0, 10, 1_000));
        check(&five, (0, 10, 1), duplicate(10, 1, 1_010));
        check(&five, (0, 13, 7), duplicate(13, 7, 1_013));
    }

    #[test]
    fn only_five_batches_are_remembered_and_older_duplicates_are_out_of_order() {
        let six = [
            (0, 0, 10),
            (0, 10, 1),
            (0, 11, 1),
            (0, 12, 1),
            (0, 13, 7),
            (0, 20, 1),
        ];
        check(&six, (0, 0, 10), OUT_OF_ORDER);
        check(&six, (0, 10, 1), duplicate(10, 1, 1_010));
    }

    #[test]
    fn an_overlap_is_not_a_duplicate() {
        check(&[(0, 0, 10)], (0, 0, 9), OUT_OF_ORDER);
        check(&[(0, 0, 10)], (0, 5, 5), OUT_OF_ORDER);
        check(&[(0, 0, 10), (0, 10, 10)], (0, 0, 20), OUT_OF_ORDER);
    }

    #[test]
    fn a_new_epoch_starts_at_zero_and_an_old_one_is_fenced() {
        check(&[(3, 0, 10)], (4, 0, 1), Judgement::Append);
        check(&[(3, 0, 10)], (4, 10, 1), OUT_OF_ORDER);
        check(&[(3, 0, 10)], (2, 10, 1), FENCED);
        check(&[(3, 0, 10), (4, 0, 1)], (3, 0, 10), FENCED);
    }

    #[test]
    fn without_an_epoch_nothing_is_in_order_but_duplicates_are_known() {
        check(&[(-1, 5, 1)], (0, 77, 1), Judgement::Append);
        check(&[(-1, 5, 1)], (-1, 6, 1), Judgement::Append);
        check(&[(-1, 5, 1)], (-1, 8, 1), Judgement::Append);
        check(&[(-1, 5, 1)], (-1, 5, 1), duplicate(0, 1, 1_000));
    }

    #[test]
    fn the_sequence_wraps_from_the_largest_to_zero() {
        check(&[(0, i32::MAX, 1)], (0, 0, 1), Judgement::Append);
        check(&[(0, i32::MAX - 1, 3)], (0, 1, 1), Judgement::Append);
        check(
            &[(0, i32::MAX - 1, 3)],
            (0, i32::MAX - 1, 3),
            duplicate(0, 3, 1_000),
        );
        check(&[(0, i32::MAX - 1, 2)], (0, 1, 1), OUT_OF_ORDER);
        assert_eq!(advance(i32::MAX, 1), 0);
        assert_eq!(advance(NO_SEQUENCE, 1), 0);
        assert_eq!(go_back(1, 2), i32::MAX);
    }

    #[test]
    fn a_forgotten_or_expired_producer_is_unknown() {
        let mut forgotten = states(&[(0, 0, 10)]);
        assert!(forgotten.forget(9));
        assert!(!forgotten.forget(9));
        assert_eq!(forgotten.judge(&stamp(0, 50, 1)), Judgement::Append);

        let mut expired = states(&[(0, 0, 10)]);
        expired.expire(1_000 + EXPIRATION_MS - 1);
        assert_eq!(expired.producers.len(), 1);
        expired.expire(1_000 + EXPIRATION_MS + EXPIRATION_CHECK_MS);
        assert!(expired.producers.is_empty());
    }

    #[test]
    fn a_reset_keeps_only_what_lies_below_the_log() {
        let mut states = states(&[(0, 0, 10), (0, 10, 10)]);
        states.reset_to(10);
        assert_eq!(states.judge(&stamp(0, 10, 10)), Judgement::Append);
        assert_eq!(states.judge(&stamp(0, 20, 1)), OUT_OF_ORDER);
        states.reset_to(0);
        assert!(states.producers.is_empty());
    }
}
