//! One batch in a log, and its records.
//!
//! A stored batch is its 61-byte header and, by reference, the producer's own bytes behind the
//! header. Base offset and leader epoch are patched into the header; the checksum does not cover
//! them. So storing and reading copy no record.

use bytes::{Bytes, BytesMut};
use linger_protocol::Str;
use linger_protocol::records::{BatchHeader, BatchView, HEADER_SIZE, RecordView, sequence_after};

const BASE_OFFSET: std::ops::Range<usize> = 0..8;
const LEADER_EPOCH: std::ops::Range<usize> = 12..16;

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
    /// The batch as it lies in the log of a leader.
    pub(crate) fn new(batch: NewBatch, base_offset: i64, leader_epoch: i32) -> Self {
        let mut header = batch.header;
        header[BASE_OFFSET].copy_from_slice(&base_offset.to_be_bytes());
        header[LEADER_EPOCH].copy_from_slice(&leader_epoch.to_be_bytes());
        Self {
            header,
            records: batch.records,
            base_offset,
            count: batch.count,
            leader_epoch,
            max_timestamp: batch.max_timestamp,
        }
    }

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

    /// What follows the header: the records, or the compressed records. Shares memory with the
    /// frame they came in.
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

    pub(crate) fn write(&self, into: &mut BytesMut) {
        into.extend_from_slice(&self.header);
        into.extend_from_slice(&self.records);
    }
}

/// One record as it lies in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its offset.
    pub offset: i64,
    /// Its time in milliseconds since the epoch: the producer's or, if the topic says so, the
    /// broker's.
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
