//! From a frame's bytes to a decoded request and the facts of its batches.
//!
//! Everything here costs time per byte and needs nothing of the cluster: connections do it in parallel, before they hand the
//! result to the model. The model consults the facts in Kafka's order of checks (`validate`), so a batch with several faults
//! gets the code that Kafka gives it.

use bytes::Bytes;
use linger_protocol::header::RequestHeader;
use linger_protocol::messages::{ProduceRequest, RequestBody};
use linger_protocol::records::{
    BatchHeader, BatchView, BatchesError, Codec, DecompressError, HEADER_SIZE, NO_TIMESTAMP, RecordProblem,
    batches,
};
use linger_protocol::{ApiKey, ErrorCode, Message, Reader, Str};

use super::config::ModelConfig;

/// The first Produce version that may carry zstd (KIP-110).
const ZSTD_PRODUCE_VERSION: i16 = 7;

/// Batches smaller than this are copied out of their frame. A stored slice keeps all of the buffer alive that it lies in, so one
/// small batch of a quiet partition would hold a megabyte for as long as it is kept.
const COPIED_BELOW: usize = 4096;

/// What [`examine`] must know of the cluster.
#[derive(Debug, Clone)]
pub struct ExamineConfig {
    version_caps: Vec<(ApiKey, i16)>,
    decompressed_bytes_max: usize,
}

impl ExamineConfig {
    /// The settings of a cluster.
    pub fn new(config: &ModelConfig) -> Self {
        Self {
            version_caps: config.version_caps.clone(),
            decompressed_bytes_max: config.decompressed_bytes_max,
        }
    }

    fn speaks(&self, key: ApiKey, version: i16) -> bool {
        let is_capped = self
            .version_caps
            .iter()
            .any(|&(capped, max)| capped == key && version > max);
        key.versions().contains(&version) && !is_capped
    }
}

/// A frame that was looked through.
#[derive(Debug)]
pub struct Examined(pub(crate) Finding);

#[derive(Debug)]
pub(crate) enum Finding {
    Request(Box<Request>),
    /// ApiVersions in a version that is not spoken, which is answered all the same (KIP-511).
    UnsupportedApiVersions {
        correlation_id: i32,
    },
    /// What Kafka closes the connection for, without an answer.
    Hostile {
        why: String,
    },
}

/// What one produce request carries, as its batch headers say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Produced {
    /// Batches, one per partition.
    pub batches: u64,
    /// Records.
    pub records: u64,
    /// Bytes of the batches.
    pub batch_bytes: u64,
}

impl Examined {
    /// What a produce request carries; `None` for any other.
    pub fn produced(&self) -> Option<Produced> {
        let Finding::Request(request) = &self.0 else {
            return None;
        };
        let Body::Produce(produce) = &request.body else {
            return None;
        };
        let mut produced = Produced::default();
        for batch in produce
            .topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .flat_map(|part| &part.batch)
        {
            produced.batches += 1;
            produced.records += batch.header.count.max(0) as u64;
            produced.batch_bytes += batch.bytes.len() as u64;
        }
        Some(produced)
    }

    /// Why the connection will be closed for these bytes; `None` if it will not.
    pub fn refusal(&self) -> Option<&str> {
        match &self.0 {
            Finding::Hostile { why } => Some(why),
            Finding::Request(_) | Finding::UnsupportedApiVersions { .. } => None,
        }
    }
}

/// A decoded request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) client_id: Option<Str>,
    pub(crate) body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    Produce(Produce),
    Other(RequestBody),
}

/// A produce request with its batches examined.
#[derive(Debug)]
pub(crate) struct Produce {
    pub(crate) transactional_id: Option<Str>,
    pub(crate) acks: i16,
    pub(crate) timeout_ms: i32,
    pub(crate) topics: Vec<ProduceTopic>,
}

#[derive(Debug)]
pub(crate) struct ProduceTopic {
    pub(crate) name: Str,
    pub(crate) partitions: Vec<ProducePartition>,
}

#[derive(Debug)]
pub(crate) struct ProducePartition {
    pub(crate) index: i32,
    pub(crate) batch: Result<Batch, Defect>,
}

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

/// Looks through one frame (without its length prefix).
pub fn examine(frame: Bytes, config: &ExamineConfig) -> Examined {
    let finding = decode(&frame, config).unwrap_or_else(|why| Finding::Hostile { why });
    Examined(finding)
}

fn decode(frame: &Bytes, config: &ExamineConfig) -> Result<Finding, String> {
    let mut reader = Reader::new(frame);
    let header = RequestHeader::decode(&mut reader).map_err(|error| error.to_string())?;
    let (version, correlation_id) = (header.api_version, header.correlation_id);
    let api = ApiKey::try_from(header.api_key).map_err(|error| error.to_string())?;
    if !config.speaks(api, version) {
        return match api {
            ApiKey::ApiVersions => Ok(Finding::UnsupportedApiVersions { correlation_id }),
            api => Err(format!("{api} version {version} is not spoken here")),
        };
    }
    let body = match api {
        ApiKey::Produce => {
            let request = ProduceRequest::decode(&mut reader, version).map_err(|error| error.to_string())?;
            Body::Produce(examine_produce(request, version, config))
        }
        api => {
            Body::Other(RequestBody::decode(api, version, &mut reader).map_err(|error| error.to_string())?)
        }
    };
    let request = Request {
        api,
        version,
        correlation_id,
        client_id: header.client_id,
        body,
    };
    Ok(Finding::Request(Box::new(request)))
}

fn examine_produce(request: ProduceRequest, version: i16, config: &ExamineConfig) -> Produce {
    let topics = request.topic_data.into_iter().map(|topic| ProduceTopic {
        name: topic.name,
        partitions: topic
            .partition_data
            .into_iter()
            .map(|partition| {
                let records = partition.records.map(|records| records.body).unwrap_or_default();
                let batch = the_batch(&records, version).map(|batch| examine_batch(batch, &records, config));
                ProducePartition {
                    index: partition.index,
                    batch,
                }
            })
            .collect(),
    });
    Produce {
        transactional_id: request.transactional_id,
        acks: request.acks,
        timeout_ms: request.timeout_ms,
        topics: topics.collect(),
    }
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
                // Where Kafka decompresses it expects this, elsewhere not.
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
