//! Record batches, format version 2: the unit in which Kafka stores, replicates, compresses and deduplicates records.
//!
//! Writing is one pass: [`BatchBuilder`] encodes each record where it will stay, [`RawBatch::encode`] compresses the
//! records as a whole, and [`EncodedRecords::header`] makes the 61 bytes before them once producer id, epoch and
//! sequence are known, without touching the records again. Header and records stay two buffers, so a new epoch costs 61
//! bytes.
//!
//! Reading borrows: [`batches`] walks a record set as a broker does, [`BatchView`] reads a header in place and
//! [`Records`] its records, with errors that say what a broker must tell apart. Every decompression takes a limit.
//!
//! Not here: message sets of magic 0 and 1, which are recognised and refused, control records, and any decision about
//! batches; those are `linger-core`'s.

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
