//! A batch that is read in place, without a copy.

use thiserror::Error;

use super::compression::{Codec, DecompressError, Decompressor, decompress_cow};
use super::crc::{crc32c, crc32c_combine};
use super::layout::{
    ATTRIBUTES, BASE_OFFSET, BASE_SEQUENCE, BASE_TIMESTAMP, BATCH_OVERHEAD, BatchHeader, CONTROL_BIT, COUNT,
    CRC, DELETE_HORIZON_BIT, HEADER_SIZE, LAST_OFFSET_DELTA, LEADER_EPOCH, LENGTH, LOG_APPEND_TIME_BIT,
    MAGIC, MAGIC_AT, MAX_TIMESTAMP, PRODUCER_EPOCH, PRODUCER_ID, TRANSACTIONAL_BIT, TimestampType, codec_of,
    i16_at, i32_at, i64_at, sequence_after,
};
use super::walk::{RecordView, Records};

/// Why bytes are not a batch of format 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BatchError {
    /// The bytes end before the batch does.
    #[error("batch of {needed} bytes is cut after {available}")]
    Cut {
        /// Bytes the batch takes, or those of a header if that is cut.
        needed: usize,
        /// Bytes there are.
        available: usize,
    },
    /// The format version is not 2.
    #[error("record format {magic} instead of 2")]
    Magic {
        /// The version found.
        magic: i8,
    },
    /// The length does not even cover the header.
    #[error("batch length {length} is less than the {} bytes of a header", HEADER_SIZE - BATCH_OVERHEAD)]
    Length {
        /// The length field.
        length: i32,
    },
}

/// The checksum does not match the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("batch checksum is {stored:#010x}, its bytes give {computed:#010x}")]
pub struct CrcMismatch {
    /// The checksum in the header.
    pub stored: u32,
    /// The checksum of the bytes.
    pub computed: u32,
}

/// One whole batch of format 2, borrowed.
///
/// Parsing checks only that the batch is complete. Every field may have any value. A method decodes
/// its field when it is called.
#[derive(Debug, Clone, Copy)]
pub struct BatchView<'a> {
    header: &'a [u8; HEADER_SIZE],
    bytes: &'a [u8],
}

impl<'a> BatchView<'a> {
    /// Reads the batch at the front of `bytes`. Bytes after the batch are ignored.
    ///
    /// # Errors
    /// [`BatchError`] if the bytes are cut, of another format, or say they are shorter than a
    /// header.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BatchError> {
        let available = bytes.len();
        // The magic byte is checked first, because other formats have another layout after it.
        if let Some(&magic) = bytes.get(MAGIC_AT).filter(|magic| **magic as i8 != MAGIC) {
            return Err(BatchError::Magic { magic: magic as i8 });
        }
        let header = bytes.first_chunk().ok_or(BatchError::Cut {
            needed: HEADER_SIZE,
            available,
        })?;
        let length = i32_at(header, LENGTH);
        if length < (HEADER_SIZE - BATCH_OVERHEAD) as i32 {
            return Err(BatchError::Length { length });
        }
        let needed = BATCH_OVERHEAD + length as usize;
        let bytes = bytes.get(..needed).ok_or(BatchError::Cut { needed, available })?;
        Ok(Self { header, bytes })
    }

    /// The whole batch.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The 61 bytes before the records.
    pub fn header_bytes(&self) -> &'a [u8; HEADER_SIZE] {
        self.header
    }

    /// The bytes of the records as received, which may be compressed.
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[HEADER_SIZE..]
    }

    /// The header as values, for code that changes some values and writes the header again.
    pub fn header(&self) -> BatchHeader {
        BatchHeader::from_bytes(self.header)
    }

    /// Bytes of the whole batch.
    pub fn total_len(&self) -> usize {
        self.bytes.len()
    }

    /// Offset of the first record; 0 from a producer.
    pub fn base_offset(&self) -> i64 {
        i64_at(self.header, BASE_OFFSET)
    }

    /// Offset of the last record, kept also when compaction removed that record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset()
            .wrapping_add(i64::from(self.last_offset_delta()))
    }

    /// Bytes after the length field.
    pub fn batch_length(&self) -> i32 {
        i32_at(self.header, LENGTH)
    }

    /// Epoch of the leader that appended the batch; -1 from a producer.
    pub fn partition_leader_epoch(&self) -> i32 {
        i32_at(self.header, LEADER_EPOCH)
    }

    /// Format version: 2.
    pub fn magic(&self) -> i8 {
        self.header[MAGIC_AT] as i8
    }

    /// The checksum that the header states.
    pub fn crc(&self) -> u32 {
        i32_at(self.header, CRC) as u32
    }

    /// Codec and bits.
    pub fn attributes(&self) -> i16 {
        i16_at(self.header, ATTRIBUTES)
    }

    /// The codec of the records.
    ///
    /// # Errors
    /// The codec's id, if it is one from 5 to 7, which Kafka does not know.
    pub fn codec(&self) -> Result<Codec, u8> {
        codec_of(self.attributes())
    }

    /// Whose clock the timestamps come from.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes() & LOG_APPEND_TIME_BIT == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes() & TRANSACTIONAL_BIT != 0
    }

    /// Whether the batch holds a transaction marker.
    pub fn is_control(&self) -> bool {
        self.attributes() & CONTROL_BIT != 0
    }

    /// Whether the base timestamp is a delete horizon (KIP-534).
    pub fn has_delete_horizon(&self) -> bool {
        self.attributes() & DELETE_HORIZON_BIT != 0
    }

    /// Last offset minus base offset.
    pub fn last_offset_delta(&self) -> i32 {
        i32_at(self.header, LAST_OFFSET_DELTA)
    }

    /// What the records' timestamp deltas are relative to.
    pub fn base_timestamp(&self) -> i64 {
        i64_at(self.header, BASE_TIMESTAMP)
    }

    /// The largest timestamp, as the header states it.
    pub fn max_timestamp(&self) -> i64 {
        i64_at(self.header, MAX_TIMESTAMP)
    }

    /// Producer id, -1 for none.
    pub fn producer_id(&self) -> i64 {
        i64_at(self.header, PRODUCER_ID)
    }

    /// Producer epoch, -1 for none.
    pub fn producer_epoch(&self) -> i16 {
        i16_at(self.header, PRODUCER_EPOCH)
    }

    /// Sequence number of the first record, -1 for none.
    pub fn base_sequence(&self) -> i32 {
        i32_at(self.header, BASE_SEQUENCE)
    }

    /// Sequence number of the last record, by the header's last offset delta; -1 for none.
    pub fn last_sequence(&self) -> i32 {
        sequence_after(self.base_sequence(), self.last_offset_delta().max(0) as u32)
    }

    /// Number of records, as the header states it; may be anything.
    pub fn count(&self) -> i32 {
        i32_at(self.header, COUNT)
    }

    /// Timestamp of one of the batch's records.
    pub fn timestamp_of(&self, record: &RecordView<'_>) -> i64 {
        match self.timestamp_type() {
            TimestampType::CreateTime => self.base_timestamp().wrapping_add(record.timestamp_delta),
            TimestampType::LogAppendTime => self.max_timestamp(),
        }
    }

    /// Computes the checksum of the batch and compares it with the stated one.
    ///
    /// # Errors
    /// [`CrcMismatch`] with both checksums.
    pub fn verify_crc(&self) -> Result<(), CrcMismatch> {
        let (stored, computed) = (self.crc(), crc32c(&self.bytes[ATTRIBUTES..]));
        if stored == computed {
            Ok(())
        } else {
            Err(CrcMismatch { stored, computed })
        }
    }

    /// CRC-32C of the records alone, computed from the stated checksum without reading the records.
    /// The result is correct only if the stated checksum is.
    pub fn body_crc(&self) -> u32 {
        crc32c_combine(crc32c(&self.header[ATTRIBUTES..]), self.crc(), self.body().len())
    }

    /// The records. Compressed records are decompressed to at most `limit` bytes. Uncompressed
    /// records are borrowed, whatever the limit.
    ///
    /// # Errors
    /// [`DecompressError`] if the codec is unknown, the bytes are not what the codec makes, or
    /// there are too many.
    pub fn records(&self, limit: usize) -> Result<Records<'a>, DecompressError> {
        let codec = self.codec().map_err(|id| DecompressError::UnknownCodec { id })?;
        Ok(Records::new(
            decompress_cow(codec, self.body(), limit)?,
            self.count(),
        ))
    }

    /// Like [`records`](Self::records), with the memory of `decompressor`, which is reused.
    ///
    /// # Errors
    /// As [`records`](Self::records).
    pub fn records_with<'d>(
        &self,
        decompressor: &'d mut Decompressor,
        limit: usize,
    ) -> Result<Records<'d>, DecompressError>
    where
        'a: 'd,
    {
        let codec = self.codec().map_err(|id| DecompressError::UnknownCodec { id })?;
        let bytes: &'d [u8] = match codec {
            Codec::None => self.body(),
            codec => decompressor.decompress(codec, self.body(), limit)?,
        };
        Ok(Records::new(bytes.into(), self.count()))
    }
}
