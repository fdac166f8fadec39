//! The batch of one partition in a produce request, and what its bytes say.
//!
//! Everything here costs time per byte and needs nothing of the cluster. `validate` consults the
//! facts in Kafka's order of checks, so a batch with several faults gets the code that Kafka gives
//! it.

use bytes::Bytes;
use linger_protocol::ErrorCode;
use linger_protocol::records::{
    BatchHeader, BatchView, BatchesError, Codec, DecompressError, HEADER_SIZE, NO_TIMESTAMP, RecordProblem,
    batches,
};

use crate::config::ExamineConfig;

/// The first Produce version that may carry zstd (KIP-110).
const ZSTD_PRODUCE_VERSION: i16 = 7;

/// Batches smaller than this size in bytes are copied out of their frame. A stored slice keeps all
/// of the buffer alive that it lies in, so one small batch of a quiet partition would hold a
/// megabyte for as long as the batch is kept.
const COPIED_BELOW: usize = 4096;

/// A code, and why in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Defect {
    pub(crate) code: ErrorCode,
    pub(crate) why: String,
    /// Whether Kafka tells the producer, too, from Produce v8 on.
    pub(crate) is_told: bool,
}

impl Defect {
    pub(crate) fn new(code: ErrorCode, why: impl ToString) -> Self {
        Self {
            code,
            why: why.to_string(),
            is_told: false,
        }
    }
}

/// One whole batch and what its bytes say.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) bytes: Bytes,
    pub(crate) header: BatchHeader,
    pub(crate) crc_is_right: bool,
    pub(crate) content: Result<Content, Defect>,
}

/// What a walk over a batch's records found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    /// At least -1, as Kafka counts.
    pub(crate) max_timestamp: i64,
    pub(crate) min_timestamp: i64,
    pub(crate) has_null_key: bool,
    /// Offset deltas are 0, 1, 2 and so on.
    pub(crate) is_numbered: bool,
}

/// Finds the one batch that a partition's records must be, and examines it.
pub(crate) fn examine_records(
    records: &Bytes,
    version: i16,
    config: &ExamineConfig,
) -> Result<Batch, Defect> {
    the_batch(records, version).map(|batch| examine_batch(batch, records, config))
}

/// The one batch that a partition's records must be (ProduceRequest.validateRecords).
fn the_batch(records: &Bytes, version: i16) -> Result<BatchView<'_>, Defect> {
    let mut found = batches(records);
    let invalid = |why: &str| Defect::new(ErrorCode::INVALID_RECORD, why);
    let batch = match found.next() {
        None => return Err(invalid("the request has no record batch for the partition")),
        Some(Err(error)) => return Err(defect_of(error)),
        Some(Ok(batch)) => batch,
    };
    if batch.codec() == Ok(Codec::Zstd) && version < ZSTD_PRODUCE_VERSION {
        let why = format!("Produce version {version} may not carry zstd");
        return Err(Defect::new(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, why));
    }
    match found.next() {
        None => Ok(batch),
        Some(Ok(_) | Err(BatchesError::Legacy { .. } | BatchesError::HeaderCut { .. })) => Err(invalid(
            "the request has more than one record batch for the partition",
        )),
        Some(Err(error)) => Err(defect_of(error)),
    }
}

fn defect_of(error: BatchesError) -> Defect {
    let code = match error {
        BatchesError::Legacy { .. } => ErrorCode::INVALID_RECORD,
        BatchesError::LengthOverflow { .. } => ErrorCode::UNKNOWN_SERVER_ERROR,
        BatchesError::LengthTooSmall { .. }
        | BatchesError::UnknownMagic { .. }
        | BatchesError::HeaderCut { .. } => ErrorCode::CORRUPT_MESSAGE,
    };
    Defect {
        is_told: matches!(
            error,
            BatchesError::LengthTooSmall { position: 0, .. } | BatchesError::UnknownMagic { position: 0, .. }
        ),
        ..Defect::new(code, error)
    }
}

fn examine_batch(batch: BatchView<'_>, records: &Bytes, config: &ExamineConfig) -> Batch {
    let crc_is_right = batch.verify_crc().is_ok();
    let content = match crc_is_right {
        true => walk(&batch, config.decompressed_bytes_max),
        false => Err(Defect::new(
            ErrorCode::CORRUPT_MESSAGE,
            "the batch's checksum is wrong",
        )),
    };
    let bytes = match batch.total_len() < COPIED_BELOW {
        true => Bytes::copy_from_slice(batch.bytes()),
        false => records.slice_ref(batch.bytes()),
    };
    Batch {
        bytes,
        header: batch.header(),
        crc_is_right,
        content,
    }
}

/// Walks the records as LogValidator does.
fn walk(batch: &BatchView<'_>, decompressed_bytes_max: usize) -> Result<Content, Defect> {
    let records = batch
        .records(decompressed_bytes_max)
        .map_err(|error| undecodable(&error, batch))?;
    let mut content = Content {
        max_timestamp: NO_TIMESTAMP,
        min_timestamp: i64::MAX,
        has_null_key: false,
        is_numbered: true,
    };
    for (index, record) in records.iter().enumerate() {
        let record = record.map_err(|error| {
            let code = match error.problem {
                // Kafka expects this only where it decompresses.
                RecordProblem::LengthTooLong if batch.codec() == Ok(Codec::None) => {
                    ErrorCode::UNKNOWN_SERVER_ERROR
                }
                _ => ErrorCode::INVALID_RECORD,
            };
            Defect::new(code, error)
        })?;
        let timestamp = batch.timestamp_of(&record);
        content.max_timestamp = content.max_timestamp.max(timestamp);
        content.min_timestamp = content.min_timestamp.min(timestamp);
        content.has_null_key |= record.key.is_none();
        content.is_numbered &= record.offset_delta as usize == index;
    }
    Ok(content)
}

/// Kafka answers -1 when a codec throws, and counts the records of an empty zstd payload (none).
fn undecodable(error: &DecompressError, batch: &BatchView<'_>) -> Defect {
    let is_empty_zstd = batch.codec() == Ok(Codec::Zstd) && batch.total_len() == HEADER_SIZE;
    let code = match error {
        _ if is_empty_zstd => ErrorCode::INVALID_RECORD,
        DecompressError::TooLarge { .. } => ErrorCode::MESSAGE_TOO_LARGE,
        DecompressError::NotBuilt { .. } => ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
        DecompressError::UnknownCodec { .. } | DecompressError::Invalid { .. } => {
            ErrorCode::UNKNOWN_SERVER_ERROR
        }
    };
    Defect::new(code, error)
}
