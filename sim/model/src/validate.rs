//! Whether a batch may enter a topic's log: LogValidator's rules, in Kafka's order.
//!
//! The order decides which code a batch with several faults gets: base offset, size, checksum,
//! header, records, and only then (`producer_state`) its sequence, so that a refused batch uses up
//! no sequence numbers.

use linger_protocol::messages::BatchIndexAndErrorMessage;
use linger_protocol::records::{
    BatchHeader, BatchView, CONTROL_BIT, Codec, HEADER_SIZE, LOG_APPEND_TIME_BIT, NO_TIMESTAMP,
    ShiftOperator, TimestampType,
};
use linger_protocol::{ErrorCode, Str};

use crate::config::TopicSettings;
use crate::examined_batch::{Batch, Content, Defect};
use crate::stored_batch::NewBatch;

/// How far ahead of the broker's clock a record's time may be (`message.timestamp.after.max.ms`).
/// How far behind is unlimited.
const TIMESTAMP_AFTER_MAX_MS: i64 = 3_600_000;

/// Why a batch was refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    /// The records to blame, if it is single ones.
    pub(crate) record_errors: Vec<BatchIndexAndErrorMessage>,
    /// Set only along with `record_errors`.
    pub(crate) message: Option<Str>,
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self {
            code,
            record_errors: Vec::new(),
            message: None,
        }
    }
}

impl From<&Defect> for Refusal {
    fn from(defect: &Defect) -> Self {
        defect.code.into()
    }
}

/// Checks a batch against its topic and makes it ready to be stored.
pub(crate) fn validate(batch: &Batch, topic: &TopicSettings, now_ms: i64) -> Result<NewBatch, Refusal> {
    let header = &batch.header;
    if header.base_offset != 0 {
        return Err(ErrorCode::INVALID_RECORD.into());
    }
    if batch.bytes.len() > topic.message_bytes_max {
        return Err(ErrorCode::MESSAGE_TOO_LARGE.into());
    }
    if !batch.crc_is_right {
        return Err(ErrorCode::CORRUPT_MESSAGE.into());
    }
    validate_header(header)?;
    let content = batch.content.as_ref()?;
    validate_records(batch, content, topic, now_ms)?;
    if header.codec() != Ok(Codec::None) && !content.is_numbered {
        // Kafka would have to write the batch anew, and fails in doing so.
        return Err(ErrorCode::UNKNOWN_SERVER_ERROR.into());
    }
    Ok(prepare(batch, content, topic, now_ms))
}

fn validate_header(header: &BatchHeader) -> Result<(), Refusal> {
    let records = i64::from(header.last_offset_delta) + 1;
    let is_sound = header.count > 0
        && records == i64::from(header.count)
        && header.attributes & CONTROL_BIT == 0
        && (header.producer_id < 0 || header.base_sequence >= 0);
    if is_sound {
        Ok(())
    } else {
        Err(ErrorCode::INVALID_RECORD.into())
    }
}

fn validate_records(
    batch: &Batch,
    content: &Content,
    topic: &TopicSettings,
    now_ms: i64,
) -> Result<(), Refusal> {
    let needs_key = topic.compacted && content.has_null_key;
    let is_marked = batch.header.attributes & LOG_APPEND_TIME_BIT != 0;
    let is_limited = topic.timestamp_type == TimestampType::CreateTime;
    let may_be_out = is_limited
        && !(times_within(now_ms, content.min_timestamp) && times_within(now_ms, content.max_timestamp));
    if !(is_marked || may_be_out || needs_key) {
        return Ok(());
    }
    match blame(batch, topic, now_ms) {
        Some(refusal) => Err(refusal),
        None => Ok(()),
    }
}

fn times_within(now_ms: i64, timestamp: i64) -> bool {
    timestamp == NO_TIMESTAMP
        || (now_ms.saturating_sub(i64::MAX)..=now_ms.saturating_add(TIMESTAMP_AFTER_MAX_MS))
            .contains(&timestamp)
}

/// Lists the records that break a rule; the first of them gives the code.
#[cold]
fn blame(batch: &Batch, topic: &TopicSettings, now_ms: i64) -> Option<Refusal> {
    let view = BatchView::parse(&batch.bytes).ok()?;
    let records = view.records(usize::MAX).ok()?;
    let is_marked = batch.header.attributes & LOG_APPEND_TIME_BIT != 0;
    let mut record_errors = Vec::new();
    let mut code = None;
    for (index, record) in records.iter().flatten().enumerate() {
        let timestamp = view.timestamp_of(&record);
        let mut note = |why_code: ErrorCode, why: String| {
            code.get_or_insert(why_code);
            record_errors.push(BatchIndexAndErrorMessage {
                batch_index: index as i32,
                batch_index_error_message: Some(why.into()),
            });
        };
        if topic.compacted && record.key.is_none() {
            let why = "a compacted topic needs a key in every record";
            note(ErrorCode::INVALID_RECORD, why.to_owned());
            continue;
        }
        let limited = topic.timestamp_type == TimestampType::CreateTime && timestamp != NO_TIMESTAMP;
        if limited && !times_within(now_ms, timestamp) {
            let why =
                format!("timestamp {timestamp} is more than an hour ahead of the broker's clock, {now_ms}");
            note(ErrorCode::INVALID_TIMESTAMP, why);
        } else if !limited && is_marked {
            let why = "a producer may not mark its batch as log append time";
            note(ErrorCode::INVALID_TIMESTAMP, why.to_owned());
        }
    }
    code.map(|code| Refusal {
        code,
        record_errors,
        message: Some("one or more records have been rejected".into()),
    })
}

/// The batch as it is stored: type bit and largest timestamp are the broker's to set, and the
/// checksum follows them.
fn prepare(batch: &Batch, content: &Content, topic: &TopicSettings, now_ms: i64) -> NewBatch {
    let sent = &batch.header;
    let (bit, max_timestamp) = match topic.timestamp_type {
        TimestampType::CreateTime => (0, content.max_timestamp),
        TimestampType::LogAppendTime => (LOG_APPEND_TIME_BIT, now_ms),
    };
    let attributes = sent.attributes & !LOG_APPEND_TIME_BIT | bit;
    let mut header = [0; HEADER_SIZE];
    if attributes == sent.attributes && max_timestamp == sent.max_timestamp {
        header.copy_from_slice(&batch.bytes[..HEADER_SIZE]);
    } else if let Ok(view) = BatchView::parse(&batch.bytes) {
        let changed = BatchHeader {
            attributes,
            max_timestamp,
            ..view.header()
        };
        let shift = ShiftOperator::over(batch.bytes.len() - HEADER_SIZE);
        header = changed.to_bytes_summed(view.body_crc(), shift);
    }
    NewBatch {
        header,
        records: batch.bytes.slice(HEADER_SIZE..),
        count: sent.count as u32,
        max_timestamp,
    }
}
