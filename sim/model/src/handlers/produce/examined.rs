//! A produce request whose batches were examined, outside the model's lock.

use linger_protocol::messages::ProduceRequest;
use linger_protocol::{DecodeError, Message, Reader, Str};

use crate::config::ExamineConfig;
use crate::examined_batch::{Batch, Defect, examine_records};
use crate::handlers::handler::Examine;

/// The three values of `acks` that are valid.
pub(super) const ACKS_ALL: i16 = -1;
pub(super) const ACKS_NONE: i16 = 0;
pub(super) const ACKS_LEADER: i16 = 1;

/// A produce request with its batches examined.
#[derive(Debug)]
pub(crate) struct ExaminedProduce {
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

/// What one produce request carries, as its batch headers say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchCounts {
    /// Batches, one per partition.
    pub batches: u64,
    /// Records.
    pub records: u64,
    /// Bytes of the batches.
    pub batch_bytes: u64,
}

impl ExaminedProduce {
    pub(crate) fn batch_counts(&self) -> BatchCounts {
        let mut counts = BatchCounts::default();
        let partitions = self.topics.iter().flat_map(|topic| &topic.partitions);
        for batch in partitions.flat_map(|partition| &partition.batch) {
            counts.batches += 1;
            counts.records += batch.header.count.max(0) as u64;
            counts.batch_bytes += batch.bytes.len() as u64;
        }
        counts
    }
}

impl Examine for ExaminedProduce {
    fn examine(reader: &mut Reader<'_>, version: i16, config: &ExamineConfig) -> Result<Self, DecodeError> {
        let request = ProduceRequest::decode(reader, version)?;
        let topics = request.topic_data.into_iter().map(|topic| ProduceTopic {
            name: topic.name,
            partitions: topic
                .partition_data
                .into_iter()
                .map(|partition| {
                    let records = partition.records.map(|records| records.body).unwrap_or_default();
                    ProducePartition {
                        index: partition.index,
                        batch: examine_records(&records, version, config),
                    }
                })
                .collect(),
        });
        Ok(Self {
            transactional_id: request.transactional_id,
            acks: request.acks,
            timeout_ms: request.timeout_ms,
            topics: topics.collect(),
        })
    }
}
