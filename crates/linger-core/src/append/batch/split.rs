//! A batch that is encoded anew: in two parts because it was too large, or without the records that
//! a broker refused.

use std::ops::Range;
use std::sync::Arc;

use linger_protocol::records::{
    BatchBuilder, Codec, Header, RawBatch, Record, RecordIter, RecordView, Scratch, Stamp, decompress,
    sequence_after,
};

use crate::append::batch::encoded::{EncodedBatch, Payload, undelivered};
use crate::append::batch::stamped::StampedBatch;
use crate::append::memory::{Charge, MemoryBudget};
use crate::error::DeliveryError;
use crate::undelivered::BatchFacts;

impl StampedBatch {
    /// A job that makes two batches of this one, for a broker that found it too large
    /// (MESSAGE_TOO_LARGE). The parts inherit its sequences, certainty, age and deliveries.
    ///
    /// # Errors
    /// The batch itself, if it has only one record.
    #[expect(
        clippy::result_large_err,
        reason = "the error is the batch, and the path is rare"
    )]
    pub fn split_job(self) -> Result<SplitJob, Self> {
        if self.count() < 2 {
            return Err(self);
        }
        Ok(SplitJob::halve(self))
    }

    /// Fails the records at `culprits` (positions in this batch; those beyond its end are ignored),
    /// and makes a job for the other records, if there are any. They must be stamped anew,
    /// because their old sequences are spent.
    pub fn without_culprits(mut self, culprits: &[u32], error: DeliveryError) -> Option<SplitJob> {
        let count = self.count();
        let mut culprits: Vec<u32> = culprits
            .iter()
            .copied()
            .filter(|position| *position < count)
            .collect();
        culprits.sort_unstable();
        culprits.dedup();
        if culprits.len() == count as usize {
            self.fail(error);
            return None;
        }
        if !culprits.is_empty() {
            let undelivered = undelivered(&self.completer, &self.body, self.facts.batch, error.kind());
            let undelivered = undelivered.map(|all| Arc::new(all.only(culprits.clone())));
            self.completer.take_out(&culprits).fail(error, undelivered);
        }
        Some(SplitJob::without(self, culprits))
    }
}

/// A batch to be encoded anew, in two parts or without some records; not on an I/O task. Dropped,
/// it fails its records with the certainty that follows from their attempts.
#[derive(Debug)]
pub struct SplitJob {
    batch: StampedBatch,
    plan: Plan,
}

#[derive(Debug)]
enum Plan {
    Halve,
    Without(Vec<u32>),
}

/// What a [`SplitJob`] made.
#[derive(Debug)]
pub struct SplitDone {
    /// The parts in order: two of a halved batch, one of a batch without its culprits.
    pub parts: Vec<StampedBatch>,
}

impl SplitJob {
    fn halve(batch: StampedBatch) -> Self {
        Self {
            batch,
            plan: Plan::Halve,
        }
    }

    fn without(batch: StampedBatch, culprits: Vec<u32>) -> Self {
        Self {
            batch,
            plan: Plan::Without(culprits),
        }
    }

    /// Number of records to be encoded anew.
    pub fn count(&self) -> u32 {
        self.batch.completer.count()
    }

    /// Decodes the batch and encodes its parts. Until the batch's own memory returns, theirs may
    /// pass `buffer.memory`.
    pub fn run(self, scratch: &mut Scratch) -> SplitDone {
        let Self { batch, plan } = self;
        let StampedBatch {
            stamp,
            body,
            facts,
            mut completer,
            opened_at,
            compression,
            ..
        } = batch;
        let memory = completer.account().memory().clone();
        let decompressed = match facts.batch.codec {
            Codec::None => None,
            codec => decompress(codec, &body, facts.batch.raw_len).ok(),
        };
        let raw = decompressed.as_deref().unwrap_or(&body);
        let mut parts = Vec::new();
        for positions in plan.parts(facts.batch.count) {
            let wanted = |position: u32| positions.contains(&position) && !plan.omits(position);
            // The bytes are this producer's own, so reading them fails only by a bug. The records are
            // abandoned then.
            let Some((part, charge)) = rebuild(raw, facts.batch, &memory, wanted) else {
                break;
            };
            let payload = Payload::encode(part, charge, compression, scratch);
            let others = completer.split_off(payload.facts.batch.count);
            let own = std::mem::replace(&mut completer, others);
            let base_sequence = sequence_after(stamp.base_sequence, positions.start);
            let encoded = EncodedBatch {
                payload,
                completer: own,
                opened_at,
                compression,
            };
            parts.push(encoded.stamp(Stamp {
                base_sequence,
                ..stamp
            }));
        }
        completer.discard_if_empty();
        SplitDone { parts }
    }
}

impl Plan {
    /// Positions of the parts, before what is omitted.
    #[expect(
        clippy::single_range_in_vec_init,
        reason = "a list of ranges, which may be one"
    )]
    fn parts(&self, count: u32) -> Vec<Range<u32>> {
        match self {
            Self::Halve => vec![0..count / 2, count / 2..count],
            Self::Without(_) => vec![0..count],
        }
    }

    fn omits(&self, position: u32) -> bool {
        match self {
            Self::Halve => false,
            Self::Without(culprits) => culprits.binary_search(&position).is_ok(),
        }
    }
}

/// Encodes the `wanted` records of a batch anew. `None` if it cannot be read.
fn rebuild(
    raw: &[u8],
    facts: BatchFacts,
    memory: &Arc<MemoryBudget>,
    wanted: impl Fn(u32) -> bool,
) -> Option<(RawBatch, Charge)> {
    let records = || {
        let all = RecordIter::new(raw, facts.count as i32).enumerate();
        all.filter(|(position, _)| wanted(*position as u32))
            .map(|(_, record)| record)
    };
    let mut size = 0;
    for record in records() {
        size += size_at_most(&record.ok()?);
    }
    let (bytes, charge) = memory.overdraw(size).into_parts();
    let mut builder = BatchBuilder::new(bytes);
    let mut headers = Vec::new();
    for record in records() {
        let record = record.ok()?;
        headers.clear();
        for header in record.headers() {
            headers.push(Header {
                key: std::str::from_utf8(header.key).ok()?,
                value: header.value,
            });
        }
        let timestamp = facts.base_timestamp.wrapping_add(record.timestamp_delta);
        builder.append(
            &Record {
                key: record.key,
                value: record.value,
                headers: &headers,
            },
            timestamp,
        );
    }
    Some((builder.close(), charge))
}

/// Bytes that a record takes in a part of its batch. If timestamps are more than half a year apart,
/// the buffer grows by a few bytes per record that are not charged.
fn size_at_most(record: &RecordView<'_>) -> usize {
    const TIMESTAMP_DELTA: usize = 5;
    const ATTRIBUTES: usize = 1;
    let field = |bytes: Option<&[u8]>| bytes.map_or(1, |bytes| length_size(bytes.len()) + bytes.len());
    let headers: usize = record
        .headers()
        .map(|header| field(Some(header.key)) + field(header.value))
        .sum();
    let lengths = length_size(record.offset_delta as usize) + length_size(record.header_count as usize);
    let body = ATTRIBUTES + TIMESTAMP_DELTA + lengths + field(record.key) + field(record.value) + headers;
    length_size(body) + body
}

/// Bytes of a length as a zigzag varint.
fn length_size(length: usize) -> usize {
    let bits = usize::BITS - (length << 1 | 1).leading_zeros();
    bits.div_ceil(7) as usize
}
