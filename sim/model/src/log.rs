//! The log of one partition: batches in order of their offsets, shared with the frames they came in.
//!
//! A stored batch is its 61-byte header, already patched with base offset and leader epoch (both outside the checksum), and
//! the producer's own bytes after it by reference: storing and reading copy no record. What may enter is decided in
//! `validate` and `producer_state`; who has replicated what, in `replication`.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use linger_protocol::records::{BatchHeader, BatchView, HEADER_SIZE, RecordView, sequence_after};
use linger_protocol::{RecordSet, Str};

const BASE_OFFSET: std::ops::Range<usize> = 0..8;
const LEADER_EPOCH: std::ops::Range<usize> = 12..16;

/// One batch as it lies in the log.
#[derive(Clone, Debug)]
pub struct StoredBatch {
    header: [u8; HEADER_SIZE],
    records: Bytes,
    base_offset: i64,
    count: u32,
    leader_epoch: i32,
    max_timestamp: i64,
}

impl StoredBatch {
    /// Offset of the batch's first record.
    pub fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// Offset of the batch's last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.count) - 1
    }

    /// Number of records, by the (checked) header.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Epoch of the leader that appended the batch.
    pub fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    /// Largest timestamp of its records, in milliseconds since the epoch.
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// Size of the whole batch in bytes.
    pub fn size(&self) -> usize {
        HEADER_SIZE + self.records.len()
    }

    /// The header as a reader sees it.
    pub fn header(&self) -> &[u8; HEADER_SIZE] {
        &self.header
    }

    /// What follows the header: the records, or the compressed records. Shares memory with the frame they came in.
    pub fn records(&self) -> &Bytes {
        &self.records
    }

    /// The whole batch as a reader sees it, copied into one piece.
    pub fn to_bytes(&self) -> Bytes {
        let mut whole = BytesMut::with_capacity(self.size());
        self.write(&mut whole);
        whole.freeze()
    }

    /// The header's fields.
    pub fn header_view(&self) -> BatchHeader {
        BatchHeader::from_bytes(&self.header)
    }

    /// Its records, decoded. Records are checked before they are stored, so none is missing.
    pub fn decode(&self) -> Vec<StoredRecord> {
        let whole = self.to_bytes();
        let Ok(view) = BatchView::parse(&whole) else {
            return Vec::new();
        };
        let Ok(records) = view.records(usize::MAX) else {
            return Vec::new();
        };
        let (has_producer, first) = (view.producer_id() >= 0, view.base_sequence());
        let decode = |(index, record): (usize, RecordView<'_>)| StoredRecord {
            offset: self.base_offset + index as i64,
            timestamp: view.timestamp_of(&record),
            key: record.key.map(Bytes::copy_from_slice),
            value: record.value.map(Bytes::copy_from_slice),
            headers: record
                .headers()
                .map(|header| {
                    (
                        header.key_lossy().into(),
                        header.value.map(Bytes::copy_from_slice),
                    )
                })
                .collect(),
            producer_id: view.producer_id(),
            producer_epoch: view.producer_epoch(),
            sequence: has_producer.then(|| sequence_after(first, index as u32)),
        };
        records.iter().flatten().enumerate().map(decode).collect()
    }

    /// Offset and time of each record.
    pub(crate) fn timestamps(&self) -> Vec<(i64, i64)> {
        let whole = self.to_bytes();
        let Ok(view) = BatchView::parse(&whole) else {
            return Vec::new();
        };
        let Ok(records) = view.records(usize::MAX) else {
            return Vec::new();
        };
        let records = records.iter().flatten().zip(self.base_offset..);
        records
            .map(|(record, offset)| (offset, view.timestamp_of(&record)))
            .collect()
    }

    fn write(&self, into: &mut BytesMut) {
        into.extend_from_slice(&self.header);
        into.extend_from_slice(&self.records);
    }
}

/// One record as it lies in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its offset.
    pub offset: i64,
    /// Its time in milliseconds since the epoch: the producer's or, if the topic says so, the broker's.
    pub timestamp: i64,
    /// Key.
    pub key: Option<Bytes>,
    /// Value.
    pub value: Option<Bytes>,
    /// Headers in order.
    pub headers: Vec<(Str, Option<Bytes>)>,
    /// The producer's id, -1 for none.
    pub producer_id: i64,
    /// The producer's epoch, -1 for none.
    pub producer_epoch: i16,
    /// Its place in the producer's sequence.
    pub sequence: Option<i32>,
}

/// A batch that passed every check and may enter the log.
#[derive(Clone, Debug)]
pub struct NewBatch {
    /// The header as it is to be stored, but for base offset and leader epoch.
    pub header: [u8; HEADER_SIZE],
    /// What follows the header.
    pub records: Bytes,
    /// Number of records, at least 1.
    pub count: u32,
    /// Largest timestamp of its records.
    pub max_timestamp: i64,
}

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

    /// Appends a batch and answers its base offset.
    pub fn append(&mut self, batch: NewBatch, leader_epoch: i32) -> i64 {
        assert!(batch.count > 0, "validation refuses empty batches");
        let base_offset = self.end;
        let mut header = batch.header;
        header[BASE_OFFSET].copy_from_slice(&base_offset.to_be_bytes());
        header[LEADER_EPOCH].copy_from_slice(&leader_epoch.to_be_bytes());
        let stored = StoredBatch {
            header,
            records: batch.records,
            base_offset,
            count: batch.count,
            leader_epoch,
            max_timestamp: batch.max_timestamp,
        };
        self.end += i64::from(batch.count);
        self.bytes += stored.size() as u64;
        self.batches.push_back(stored);
        base_offset
    }

    /// Drops the oldest batches until at most `limit` bytes are kept; the newest batch always stays. Answers whether the log
    /// start moved. Kafka's retention.bytes works on segments; here a segment is a batch.
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

    /// Moves the log start to `offset` and drops the batches wholly below it, as DeleteRecords does.
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

    /// Drops every record from `offset` on. Offsets inside a batch drop the whole batch, as followers do: the end never lies
    /// inside one.
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

    /// The batches from the one that holds `from`, below the offset `below`, at most `max_bytes` of them; the first always fits
    /// when `at_least_one` (KIP-74). Behind a whole batch the next one is cut where the bytes end, as Kafka cuts it.
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

    /// The batches as a reader gets them: one by reference, several copied into one piece; empty when there is none.
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
            whole.extend_from_slice(&next.header[..of_header]);
            whole.extend_from_slice(&next.records[..self.cut - of_header]);
        }
        whole.freeze().into()
    }
}

#[cfg(test)]
mod tests {
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
