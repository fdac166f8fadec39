//! A batch that is being filled. Each record is encoded once, at its final place.

use super::record::Record;
use super::varint;

/// Encodes records one after the other into one buffer.
///
/// ```text
/// record: varint length | i8 attributes = 0 | varlong timestamp delta | varint offset delta
///       | varint key length (-1 null) key | varint value length (-1 null) value
///       | varint header count | (varint key length, key, varint value length (-1 null), value)*
/// ```
///
/// The builder holds only records. [`EncodedRecords::header`](super::EncodedRecords::header) makes
/// the 61 bytes before the records later. Deltas count from the first record's timestamp, as in
/// Java's producer.
#[derive(Debug)]
pub struct BatchBuilder {
    records: Vec<u8>,
    count: u32,
    base_timestamp: i64,
    max_timestamp: i64,
}

/// The records of a closed batch, before compression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawBatch {
    /// The encoded records.
    pub records: Vec<u8>,
    /// How many there are.
    pub count: u32,
    /// Timestamp of the first record, in milliseconds since the epoch.
    pub base_timestamp: i64,
    /// Largest timestamp of any record, in milliseconds since the epoch.
    pub max_timestamp: i64,
}

/// Largest number of bytes before a record's key: length 5, attributes 1, timestamp delta 10,
/// offset delta 5, key length 5. Without a key, the value's length (5) is included.
const PREFIX_MAX: usize = 32;
/// Nearly every record has at most this many bytes before its key or value.
const PREFIX_USUAL: usize = 16;
/// Largest number of bytes of two lengths.
const LENGTHS_MAX: usize = 16;

impl BatchBuilder {
    /// Starts a batch in `buffer`, which is cleared but keeps its capacity.
    pub fn new(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self {
            records: buffer,
            count: 0,
            base_timestamp: 0,
            max_timestamp: 0,
        }
    }

    /// The exact number of bytes that [`append`](Self::append) would add for this record.
    #[inline]
    pub fn next_size(&self, record: &Record<'_>, timestamp: i64) -> usize {
        let body = self.body_size(record, timestamp);
        varint::size(body as i64) + body
    }

    /// Adds a record and returns its index in the batch, from 0.
    ///
    /// The buffer grows if the record does not fit; [`reserve`](Self::reserve) avoids that.
    ///
    /// # Panics
    /// If the record takes more than 2 GiB, which Kafka's format cannot express. A producer refuses
    /// records at a much lower limit.
    #[inline]
    pub fn append(&mut self, record: &Record<'_>, timestamp: i64) -> u32 {
        let body = self.body_size(record, timestamp);
        self.push(record, timestamp, body, varint::size(body as i64) + body)
    }

    /// Like [`append`](Self::append), for callers that already called
    /// [`next_size`](Self::next_size) for the same record, timestamp and state of the batch. A
    /// wrong size makes the batch unreadable.
    #[inline]
    pub fn append_sized(&mut self, record: &Record<'_>, timestamp: i64, size: usize) -> u32 {
        // The size of the length field follows from the total: two bytes from 64 on, three from
        // 8,192 on.
        let body = match size {
            0..=64 => size - 1,
            65..=8_193 => size - 2,
            _ => size - varint::size((size - varint::size(size as i64)) as i64),
        };
        debug_assert_eq!(
            body,
            self.body_size(record, timestamp),
            "the size is this record's"
        );
        self.push(record, timestamp, body, size)
    }

    /// Bytes of records so far.
    #[inline]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether no record was added yet.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Number of records so far.
    #[inline]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Bytes that the buffer holds without growing.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.records.capacity()
    }

    /// Makes room for `additional` bytes more, rounding up as a `Vec` does.
    #[inline]
    pub fn reserve(&mut self, additional: usize) {
        self.records.reserve(additional);
    }

    /// Makes room for `additional` bytes more and no further, for callers that account for memory
    /// themselves.
    #[inline]
    pub fn reserve_exact(&mut self, additional: usize) {
        self.records.reserve_exact(additional);
    }

    /// Moves the records into `buffer`, whose contents are lost. Returns the old buffer, cleared.
    /// For callers that own their buffers and have a larger one.
    pub fn move_to(&mut self, mut buffer: Vec<u8>) -> Vec<u8> {
        buffer.clear();
        buffer.extend_from_slice(&self.records);
        let mut left = std::mem::replace(&mut self.records, buffer);
        left.clear();
        left
    }

    /// Ends the batch.
    #[inline]
    pub fn close(self) -> RawBatch {
        RawBatch {
            records: self.records,
            count: self.count,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
        }
    }

    #[inline(always)]
    fn timestamp_delta(&self, timestamp: i64) -> i64 {
        if self.count == 0 {
            0
        } else {
            timestamp.wrapping_sub(self.base_timestamp)
        }
    }

    /// Bytes after the record's length field.
    #[inline(always)]
    fn body_size(&self, record: &Record<'_>, timestamp: i64) -> usize {
        let mut size = 1
            + varint::size(self.timestamp_delta(timestamp))
            + varint::size(i64::from(self.count))
            + nullable_size(record.key)
            + nullable_size(record.value)
            + varint::size(record.headers.len() as i64);
        for header in record.headers {
            size += nullable_size(Some(header.key.as_bytes())) + nullable_size(header.value);
        }
        size
    }

    #[inline(always)]
    fn push(&mut self, record: &Record<'_>, timestamp: i64, body: usize, size: usize) -> u32 {
        assert!(body <= i32::MAX as usize, "a record's length is a 32-bit integer");
        let index = self.count;
        let delta = self.timestamp_delta(timestamp);
        if index == 0 {
            self.base_timestamp = timestamp;
            self.max_timestamp = timestamp;
        } else {
            self.max_timestamp = self.max_timestamp.max(timestamp);
        }
        self.count = index + 1;

        let records = &mut self.records;
        records.reserve(size);
        let mut prefix = [0; PREFIX_MAX];
        let mut end = varint::put(&mut prefix, 0, body as i64);
        prefix[end] = 0;
        end = varint::put(&mut prefix, end + 1, delta);
        end = varint::put(&mut prefix, end, i64::from(index));
        end = varint::put(&mut prefix, end, nullable_len(record.key));
        if let Some(key) = record.key {
            push_prefix(records, &prefix, end);
            records.extend_from_slice(key);
            end = 0;
        }
        end = varint::put(&mut prefix, end, nullable_len(record.value));
        push_prefix(records, &prefix, end);
        records.extend_from_slice(record.value.unwrap_or_default());
        if record.headers.is_empty() {
            records.push(0);
        } else {
            push_headers(records, record);
        }
        index
    }
}

/// Adds the first `end` bytes of `prefix`. If the buffer has the capacity, `PREFIX_USUAL` bytes are
/// written and the excess is truncated. A copy of a fixed size takes two instructions; a copy of
/// any other size is a call.
#[inline(always)]
fn push_prefix(records: &mut Vec<u8>, prefix: &[u8; PREFIX_MAX], end: usize) {
    let start = records.len();
    if end <= PREFIX_USUAL && records.capacity() - start >= PREFIX_USUAL {
        records.extend_from_slice(&prefix[..PREFIX_USUAL]);
        records.truncate(start + end);
    } else {
        push_long_prefix(records, &prefix[..end]);
    }
}

/// A function of its own: else the compiler merges both copies into one of unknown size.
#[cold]
#[inline(never)]
fn push_long_prefix(records: &mut Vec<u8>, prefix: &[u8]) {
    records.extend_from_slice(prefix);
}

#[inline(never)]
fn push_headers(records: &mut Vec<u8>, record: &Record<'_>) {
    let mut lengths = [0; LENGTHS_MAX];
    let mut end = varint::put(&mut lengths, 0, record.headers.len() as i64);
    for header in record.headers {
        end = varint::put(&mut lengths, end, header.key.len() as i64);
        records.extend_from_slice(&lengths[..end]);
        records.extend_from_slice(header.key.as_bytes());
        end = varint::put(&mut lengths, 0, nullable_len(header.value));
        records.extend_from_slice(&lengths[..end]);
        records.extend_from_slice(header.value.unwrap_or_default());
        end = 0;
    }
}

#[inline(always)]
fn nullable_len(bytes: Option<&[u8]>) -> i64 {
    bytes.map_or(-1, |bytes| bytes.len() as i64)
}

#[inline(always)]
fn nullable_size(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint::size(bytes.len() as i64) + bytes.len())
}
