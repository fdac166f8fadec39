//! Record batches of format version 2. Kafka stores, replicates, compresses and deduplicates
//! batches.
//!
//! Writing takes one pass. [`BatchBuilder`] encodes each record at its final place.
//! [`RawBatch::encode`] compresses all records together. [`EncodedRecords::header`] makes the 61
//! bytes before the records once producer id, epoch and sequence are known. Header and records are
//! two buffers, so a new epoch changes only 61 bytes.
//!
//! Reading borrows the bytes. [`batches`] iterates over a record set as a broker does.
//! [`BatchView`] reads a header in place, and [`Records`] the records. The errors name every case
//! that a broker answers differently. Every decompression takes a limit.
//!
//! This module does not read message sets of magic 0 and 1, which it recognises and refuses. It
//! does not read control records. `linger-core` makes the decisions about batches.

mod batches;
mod builder;
mod compression;
mod crc;
mod encode;
mod layout;
mod record;
mod varint;
mod view;
mod walk;

pub use batches::{Batches, BatchesError, batches};
pub use builder::{BatchBuilder, RawBatch};
pub use compression::{
    Codec, Compression, CompressionError, DecompressError, Decompressor, GZIP_LEVELS, LZ4_LEVELS, Scratch,
    ZSTD_LEVELS, decompress,
};
pub use crc::{ShiftOperator, crc32c, crc32c_combine};
pub use encode::{EncodedRecords, Stamp};
pub use layout::{
    BATCH_OVERHEAD, BatchHeader, CONTROL_BIT, DELETE_HORIZON_BIT, HEADER_SIZE, LOG_APPEND_TIME_BIT, MAGIC,
    NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, TRANSACTIONAL_BIT, TimestampType,
    sequence_after,
};
pub use record::{Header, Record};
pub use view::{BatchError, BatchView, CrcMismatch};
pub use walk::{HeaderIter, HeaderView, RecordError, RecordIter, RecordProblem, RecordView, Records};
