//! The positions of the fields in a batch header.
//!
//! ```text
//!  0 base offset i64        | 8 batch length i32 | 12 leader epoch i32 | 16 magic i8 | 17 crc u32
//! 21 attributes i16         | 23 last offset delta i32
//! 27 base timestamp i64     | 35 max timestamp i64
//! 43 producer id i64        | 51 producer epoch i16 | 53 base sequence i32
//! 57 record count i32       | 61 records
//! ```
//!
//! All fields are big endian. The checksum covers all bytes from the attributes on. A broker can
//! therefore set base offset and leader epoch without a new checksum. The length counts the bytes
//! after itself (`DefaultRecordBatch.java`).

use super::compression::Codec;
use super::crc::{ShiftOperator, crc32c};

/// Bytes of a batch before its records.
pub const HEADER_SIZE: usize = 61;
/// Bytes of a batch that its length field does not count: base offset and the length itself.
pub const BATCH_OVERHEAD: usize = 12;
/// The record format of this crate.
pub const MAGIC: i8 = 2;

/// Producer id of a batch that is not deduplicated.
pub const NO_PRODUCER_ID: i64 = -1;
/// Producer epoch of a batch without producer id.
pub const NO_PRODUCER_EPOCH: i16 = -1;
/// Base sequence of a batch without producer id.
pub const NO_SEQUENCE: i32 = -1;
/// Timestamp that means "none".
pub const NO_TIMESTAMP: i64 = -1;

/// Attribute bits that hold the codec.
pub(crate) const CODEC_MASK: i16 = 0x07;
/// Attribute bit: timestamps are the broker's, not the producer's. A producer leaves it clear.
pub const LOG_APPEND_TIME_BIT: i16 = 0x08;
/// Attribute bit: the batch belongs to a transaction.
pub const TRANSACTIONAL_BIT: i16 = 0x10;
/// Attribute bit: the batch holds a transaction marker. Only brokers write it.
pub const CONTROL_BIT: i16 = 0x20;
/// Attribute bit: the base timestamp is the delete horizon (KIP-534). Only brokers write it.
pub const DELETE_HORIZON_BIT: i16 = 0x40;

pub(crate) const BASE_OFFSET: usize = 0;
pub(crate) const LENGTH: usize = 8;
pub(crate) const LEADER_EPOCH: usize = 12;
pub(crate) const MAGIC_AT: usize = 16;
pub(crate) const CRC: usize = 17;
pub(crate) const ATTRIBUTES: usize = 21;
pub(crate) const LAST_OFFSET_DELTA: usize = 23;
pub(crate) const BASE_TIMESTAMP: usize = 27;
pub(crate) const MAX_TIMESTAMP: usize = 35;
pub(crate) const PRODUCER_ID: usize = 43;
pub(crate) const PRODUCER_EPOCH: usize = 51;
pub(crate) const BASE_SEQUENCE: usize = 53;
pub(crate) const COUNT: usize = 57;

/// Which clock the timestamps of a batch come from (KIP-32).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The clock of the producer, with a timestamp per record.
    CreateTime,
    /// The clock of the broker. All records have the maximum timestamp of the batch.
    LogAppendTime,
}

/// The sequence number `increment` records after `sequence`: after `i32::MAX` comes 0, also inside
/// a batch.
///
/// [`NO_SEQUENCE`] stays [`NO_SEQUENCE`].
///
/// ```
/// use linger_protocol::records::sequence_after;
/// assert_eq!(sequence_after(i32::MAX, 1), 0);
/// assert_eq!(sequence_after(i32::MAX - 1, 3), 1);
/// ```
#[inline]
pub const fn sequence_after(sequence: i32, increment: u32) -> i32 {
    if sequence < 0 {
        return sequence;
    }
    ((sequence as u64 + increment as u64) & i32::MAX as u64) as i32
}

/// The 61 bytes before the records, as values.
///
/// For code that makes or rewrites a header. Use [`BatchView`](super::BatchView) to read a header
/// in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record; 0 from a producer.
    pub base_offset: i64,
    /// Bytes after this field: 49 plus the records.
    pub batch_length: i32,
    /// Epoch of the leader that appended the batch; -1 from a producer.
    pub partition_leader_epoch: i32,
    /// Format version, 2.
    pub magic: i8,
    /// CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// Codec and bits.
    pub attributes: i16,
    /// Count minus one, unless a broker compacted the batch.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas are relative to, in milliseconds since the epoch.
    pub base_timestamp: i64,
    /// Largest timestamp in the batch, in milliseconds since the epoch.
    pub max_timestamp: i64,
    /// Producer id, or [`NO_PRODUCER_ID`].
    pub producer_id: i64,
    /// Producer epoch, or [`NO_PRODUCER_EPOCH`].
    pub producer_epoch: i16,
    /// Sequence number of the first record, or [`NO_SEQUENCE`].
    pub base_sequence: i32,
    /// Number of records.
    pub count: i32,
}

impl BatchHeader {
    /// Reads a header.
    pub fn from_bytes(bytes: &[u8; HEADER_SIZE]) -> Self {
        Self {
            base_offset: i64_at(bytes, BASE_OFFSET),
            batch_length: i32_at(bytes, LENGTH),
            partition_leader_epoch: i32_at(bytes, LEADER_EPOCH),
            magic: bytes[MAGIC_AT] as i8,
            crc: i32_at(bytes, CRC) as u32,
            attributes: i16_at(bytes, ATTRIBUTES),
            last_offset_delta: i32_at(bytes, LAST_OFFSET_DELTA),
            base_timestamp: i64_at(bytes, BASE_TIMESTAMP),
            max_timestamp: i64_at(bytes, MAX_TIMESTAMP),
            producer_id: i64_at(bytes, PRODUCER_ID),
            producer_epoch: i16_at(bytes, PRODUCER_EPOCH),
            base_sequence: i32_at(bytes, BASE_SEQUENCE),
            count: i32_at(bytes, COUNT),
        }
    }

    /// Writes the header as it stands, checksum included.
    #[inline]
    pub fn to_bytes(&self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        put(&mut bytes, BASE_OFFSET, self.base_offset.to_be_bytes());
        put(&mut bytes, LENGTH, self.batch_length.to_be_bytes());
        put(
            &mut bytes,
            LEADER_EPOCH,
            self.partition_leader_epoch.to_be_bytes(),
        );
        put(&mut bytes, MAGIC_AT, self.magic.to_be_bytes());
        put(&mut bytes, CRC, self.crc.to_be_bytes());
        put(&mut bytes, ATTRIBUTES, self.attributes.to_be_bytes());
        put(
            &mut bytes,
            LAST_OFFSET_DELTA,
            self.last_offset_delta.to_be_bytes(),
        );
        put(&mut bytes, BASE_TIMESTAMP, self.base_timestamp.to_be_bytes());
        put(&mut bytes, MAX_TIMESTAMP, self.max_timestamp.to_be_bytes());
        put(&mut bytes, PRODUCER_ID, self.producer_id.to_be_bytes());
        put(&mut bytes, PRODUCER_EPOCH, self.producer_epoch.to_be_bytes());
        put(&mut bytes, BASE_SEQUENCE, self.base_sequence.to_be_bytes());
        put(&mut bytes, COUNT, self.count.to_be_bytes());
        bytes
    }

    /// Writes the header with its checksum, which is computed from the CRC-32C of the records and
    /// the operator of their length. `self.crc` is ignored.
    #[inline]
    pub fn to_bytes_summed(&self, body_crc: u32, body_shift: ShiftOperator) -> [u8; HEADER_SIZE] {
        let mut bytes = self.to_bytes();
        let crc = body_shift.combine(crc32c(&bytes[ATTRIBUTES..]), body_crc);
        put(&mut bytes, CRC, crc.to_be_bytes());
        bytes
    }

    /// The codec of the records, or the unknown id from 5 to 7.
    ///
    /// # Errors
    /// The id, if Kafka knows no such codec.
    pub fn codec(&self) -> Result<Codec, u8> {
        codec_of(self.attributes)
    }
}

#[inline]
pub(crate) fn codec_of(attributes: i16) -> Result<Codec, u8> {
    let id = (attributes & CODEC_MASK) as u8;
    Codec::from_id(id).ok_or(id)
}

#[inline(always)]
fn put<const N: usize>(bytes: &mut [u8; HEADER_SIZE], at: usize, field: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&field);
}

#[inline(always)]
pub(crate) fn i64_at(bytes: &[u8; HEADER_SIZE], at: usize) -> i64 {
    i64::from_be_bytes(field(bytes, at))
}

#[inline(always)]
pub(crate) fn i32_at(bytes: &[u8; HEADER_SIZE], at: usize) -> i32 {
    i32::from_be_bytes(field(bytes, at))
}

#[inline(always)]
pub(crate) fn i16_at(bytes: &[u8; HEADER_SIZE], at: usize) -> i16 {
    i16::from_be_bytes(field(bytes, at))
}

#[inline(always)]
fn field<const N: usize>(bytes: &[u8; HEADER_SIZE], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_from_its_bytes() {
        let header = BatchHeader {
            base_offset: 0x0102_0304_0506_0708,
            batch_length: 0x1112_1314,
            partition_leader_epoch: 0x2122_2324,
            magic: MAGIC,
            crc: 0x3132_3334,
            attributes: 0x4142,
            last_offset_delta: 0x5152_5354,
            base_timestamp: 0x6162_6364_6566_6768,
            max_timestamp: 0x7172_7374_7576_7778,
            producer_id: -0x0102_0304_0506_0708,
            producer_epoch: -0x1112,
            base_sequence: -0x2122_2324,
            count: 0x0a0b_0c0d,
        };
        assert_eq!(BatchHeader::from_bytes(&header.to_bytes()), header);
    }

    #[test]
    fn sequences_wrap_to_zero_and_none_stays_none() {
        assert_eq!(sequence_after(0, 0), 0);
        assert_eq!(sequence_after(i32::MAX, 0), i32::MAX);
        assert_eq!(sequence_after(i32::MAX, i32::MAX as u32), i32::MAX - 1);
        assert_eq!(sequence_after(NO_SEQUENCE, 5), NO_SEQUENCE);
    }
}
