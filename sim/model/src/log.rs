//! The log of one partition: batches in the order of their offsets.
//!
//! Which batches may enter is decided in `validate` and `producer_state`. Which replica has which
//! of them is in `replica_set`.

use std::collections::VecDeque;

use bytes::BytesMut;
use linger_protocol::RecordSet;
use linger_protocol::records::HEADER_SIZE;

use crate::stored_batch::{NewBatch, StoredBatch};

/// The log of one partition.
#[derive(Clone, Debug, Default)]
pub struct PartitionLog {
    batches: VecDeque<StoredBatch>,
    start: i64,
    end: i64,
    bytes: u64,
}

impl PartitionLog {
    /// First offset that can still be read (log start offset).
    pub fn start(&self) -> i64 {
        self.start
    }

    /// Offset that the next record gets (log end offset).
    pub fn end(&self) -> i64 {
        self.end
    }

    /// Bytes of the batches kept.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The batches kept, in order of their offsets.
    pub fn batches(&self) -> impl DoubleEndedIterator<Item = &StoredBatch> + Clone {
        self.batches.iter()
    }

    /// The newest batch.
    pub fn last_batch(&self) -> Option<&StoredBatch> {
        self.batches.back()
    }

    /// Appends a batch and returns its base offset.
    pub fn append(&mut self, batch: NewBatch, leader_epoch: i32) -> i64 {
        assert!(batch.count > 0, "validation refuses empty batches");
        let base_offset = self.end;
        self.end += i64::from(batch.count);
        let stored = StoredBatch::new(batch, base_offset, leader_epoch);
        self.bytes += stored.size() as u64;
        self.batches.push_back(stored);
        base_offset
    }

    /// Drops the oldest batches until at most `limit` bytes are kept. The newest batch always
    /// stays. Returns whether the log start moved. Kafka's retention.bytes works on segments; here
    /// a segment is a batch.
    pub fn retain(&mut self, limit: u64) -> bool {
        let before = self.start;
        while self.bytes > limit && self.batches.len() > 1 {
            let Some(dropped) = self.batches.pop_front() else {
                break;
            };
            self.bytes -= dropped.size() as u64;
            self.start = dropped.last_offset() + 1;
        }
        self.start != before
    }

    /// Moves the log start to `offset` and drops the batches wholly below it, as DeleteRecords
    /// does.
    pub fn delete_before(&mut self, offset: i64) {
        self.start = offset.clamp(self.start, self.end);
        while let Some(first) = self.batches.front() {
            if first.last_offset() >= self.start {
                break;
            }
            self.bytes -= first.size() as u64;
            self.batches.pop_front();
        }
    }

    /// Drops every record from `offset` on. If `offset` lies inside a batch, the whole batch is
    /// dropped, as followers do: the log never ends inside a batch.
    pub fn truncate(&mut self, offset: i64) {
        while let Some(last) = self.batches.back() {
            if last.last_offset() < offset {
                break;
            }
            self.bytes -= last.size() as u64;
            self.end = last.base_offset();
            self.batches.pop_back();
        }
        self.end = self.end.min(offset.max(0));
        self.start = self.start.min(self.end);
    }

    /// The batches from the one that holds `from`, below the offset `below`, at most `max_bytes`
    /// bytes of them. The first batch always fits if `at_least_one` is set (KIP-74). Behind a whole
    /// batch the next one is cut where the bytes end, as Kafka cuts it.
    pub fn read(&self, from: i64, below: i64, max_bytes: usize, at_least_one: bool) -> LogSlice<'_> {
        let first = self.batches.partition_point(|batch| batch.last_offset() < from);
        let mut last = first;
        let mut bytes = 0;
        for batch in self.batches.range(first..) {
            let fits = bytes + batch.size() <= max_bytes || (at_least_one && last == first);
            if batch.last_offset() >= below || !fits {
                break;
            }
            bytes += batch.size();
            last += 1;
        }
        let next = self.batches.get(last).filter(|next| next.last_offset() < below);
        let cut = match next {
            Some(_) if last > first => max_bytes.saturating_sub(bytes),
            _ => 0,
        };
        LogSlice {
            log: self,
            range: first..last,
            bytes: bytes + cut,
            cut,
        }
    }

    /// The last batch of the leader epoch `epoch` or an earlier one, and the first batch of a later
    /// epoch.
    pub(crate) fn around_epoch(&self, epoch: i32) -> (Option<&StoredBatch>, Option<&StoredBatch>) {
        let later = self
            .batches
            .partition_point(|batch| batch.leader_epoch() <= epoch);
        let last = later.checked_sub(1).and_then(|last| self.batches.get(last));
        (last, self.batches.get(later))
    }

    /// The batch that holds `offset`.
    pub fn batch_at(&self, offset: i64) -> Option<&StoredBatch> {
        let index = self.batches.partition_point(|batch| batch.last_offset() < offset);
        self.batches
            .get(index)
            .filter(|batch| batch.base_offset() <= offset)
    }
}

/// Neighbouring batches of a log, and perhaps the beginning of the next.
#[derive(Debug)]
pub struct LogSlice<'a> {
    log: &'a PartitionLog,
    range: std::ops::Range<usize>,
    bytes: usize,
    /// How many of the bytes are of a batch that is not whole.
    cut: usize,
}

impl LogSlice<'_> {
    /// Bytes of the batches together, those of a cut one included.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The whole batches.
    pub fn batches(&self) -> impl DoubleEndedIterator<Item = &StoredBatch> {
        self.log.batches.range(self.range.clone())
    }

    /// The offset behind the whole batches; `None` if there is none.
    pub fn end(&self) -> Option<i64> {
        self.batches().next_back().map(|last| last.last_offset() + 1)
    }

    /// The batches as a reader gets them: one by reference, several copied into one piece; empty
    /// when there is none.
    pub fn to_record_set(&self) -> RecordSet {
        let mut batches = self.batches();
        if let (Some(only), None, 0) = (batches.next(), batches.next(), self.cut) {
            return RecordSet {
                header: Some(*only.header()),
                body: only.records().clone(),
            };
        }
        let mut whole = BytesMut::with_capacity(self.bytes);
        self.batches().for_each(|batch| batch.write(&mut whole));
        if let Some(next) = self.log.batches.get(self.range.end) {
            let of_header = self.cut.min(HEADER_SIZE);
            whole.extend_from_slice(&next.header()[..of_header]);
            whole.extend_from_slice(&next.records()[..self.cut - of_header]);
        }
        whole.freeze().into()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn batch(count: u32, size: usize) -> NewBatch {
        NewBatch {
            header: [0xff; HEADER_SIZE],
            records: Bytes::from(vec![7; size - HEADER_SIZE]),
            count,
            max_timestamp: 1_000,
        }
    }

    fn log(counts: &[u32]) -> PartitionLog {
        let mut log = PartitionLog::default();
        for &count in counts {
            log.append(batch(count, 100), 3);
        }
        log
    }

    #[test]
    fn appending_patches_base_offset_and_leader_epoch_and_shares_the_records() {
        let mut log = log(&[5]);
        let new = batch(2, 100);
        let records = new.records.as_ptr();
        assert_eq!(log.append(new, 4), 5);
        let stored = log.batch_at(6).expect("offset 6 is in the second batch");
        assert_eq!(stored.header()[..8], 5i64.to_be_bytes());
        assert_eq!(stored.header()[12..16], 4i32.to_be_bytes());
        assert_eq!(stored.header()[16], 0xff);
        assert_eq!(stored.records().as_ptr(), records);
        assert_eq!((stored.base_offset(), stored.last_offset(), log.end()), (5, 6, 7));
    }

    #[test]
    fn a_read_gives_whole_batches_from_the_one_that_holds_the_offset() {
        let log = log(&[5, 5, 5]);
        let check = |from, below, max_bytes, at_least_one, expected: &[i64]| {
            let slice = log.read(from, below, max_bytes, at_least_one);
            let bases: Vec<i64> = slice.batches().map(StoredBatch::base_offset).collect();
            assert_eq!(bases, expected, "from {from} below {below} max {max_bytes}");
            assert_eq!(slice.to_record_set().len(), slice.bytes());
        };
        check(0, 15, 1_000, true, &[0, 5, 10]);
        check(7, 15, 1_000, true, &[5, 10]);
        check(7, 10, 1_000, true, &[5]);
        check(0, 15, 250, true, &[0, 5]);
        check(0, 15, 0, true, &[0]);
        check(0, 15, 0, false, &[]);
        check(15, 15, 1_000, true, &[]);
        check(0, 4, 1_000, true, &[]);
    }

    #[test]
    fn retention_drops_the_oldest_batches_and_moves_the_log_start() {
        let mut log = log(&[5, 5, 5]);
        assert!(!log.retain(300));
        assert!(log.retain(299));
        assert_eq!((log.start(), log.end(), log.bytes()), (5, 15, 200));
        assert!(log.retain(0));
        assert_eq!((log.start(), log.bytes()), (10, 100));
        assert!(log.batch_at(9).is_none());
    }

    #[test]
    fn truncation_drops_whole_batches() {
        let mut log = log(&[5, 5, 5]);
        log.truncate(15);
        assert_eq!(log.end(), 15);
        log.truncate(10);
        assert_eq!((log.end(), log.bytes()), (10, 200));
        log.truncate(7);
        assert_eq!(log.end(), 5);
        assert_eq!(log.append(batch(1, 100), 4), 5);
    }

    #[test]
    fn deleting_before_an_offset_inside_a_batch_keeps_the_batch() {
        let mut log = log(&[5, 5]);
        log.delete_before(7);
        assert_eq!((log.start(), log.bytes()), (7, 100));
        log.delete_before(100);
        assert_eq!((log.start(), log.bytes()), (10, 0));
    }
}
