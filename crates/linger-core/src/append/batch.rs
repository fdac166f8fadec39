//! The life of a batch, one type per state: open -> [`EncodeJob`] (sealed) -> [`EncodedBatch`] -> [`StampedBatch`].
//!
//! A batch is two buffers: its records, final from the moment they are encoded, and a 61-byte header, made when producer
//! id, epoch and sequence are known. Sealing costs nothing, encoding (compression and checksum) runs wherever the shell
//! likes, stamping touches only the header. The records' memory returns when the last clone of their bytes is dropped.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use linger_protocol::RecordSet;
use linger_protocol::records::{
    BATCH_OVERHEAD, BatchBuilder, BatchHeader, Codec, Compression, HEADER_SIZE, Header, MAGIC, RawBatch,
    Record, RecordIter, RecordView, Scratch, ShiftOperator, Stamp, decompress, sequence_after,
};

use crate::append::delivery::Completer;
use crate::append::memory::{Buffer, Charge, MemoryBudget};
use crate::append::queue::{OpenStatus, Place};
use crate::append::undelivered::{BatchFacts, Undelivered};
use crate::error::{Certainty, DeliveryError, DeliveryErrorKind};
use crate::ids::PartitionId;

/// A batch that takes records; behind its queue's lock.
#[derive(Debug)]
pub(crate) struct OpenBatch {
    pub(crate) builder: BatchBuilder,
    /// Bytes of records that fit without asking: the buffer's capacity or the largest batch, whichever is less.
    pub(crate) room_end: usize,
    pub(crate) charge: Charge,
    pub(crate) completer: Completer,
    pub(crate) opened_at: Instant,
    /// Bytes of records at which it is full; the greatest number once it was.
    pub(crate) full_end: usize,
}

impl OpenBatch {
    /// Bytes with the header.
    pub(crate) fn size(&self) -> usize {
        HEADER_SIZE + self.builder.len()
    }

    /// It reached `batch.size`.
    pub(crate) fn is_full(&self) -> bool {
        self.full_end == usize::MAX
    }

    /// Fails its records.
    pub(crate) fn fail(mut self, error: DeliveryError) {
        let raw = self.builder.close();
        self.completer.seal(raw.count);
        let facts = BatchFacts {
            codec: Codec::None,
            raw_len: raw.records.len(),
            count: raw.count,
            base_timestamp: raw.base_timestamp,
        };
        fail(self.completer, self.charge.into_buffer(raw.records), facts, error);
    }

    pub(crate) fn status(&self) -> OpenStatus {
        OpenStatus {
            bytes: self.size(),
            count: self.builder.count(),
            since: self.opened_at,
            full: self.is_full(),
        }
    }

    /// Ends and encodes it, after it has left its queue for good.
    pub(crate) fn encode(mut self, compression: Compression, scratch: &mut Scratch) -> EncodedBatch {
        self.completer.seal(self.builder.count());
        self.completer.depart();
        let (body, facts) = encode(self.builder.close(), self.charge, compression, scratch);
        EncodedBatch {
            body,
            facts,
            completer: self.completer,
            opened_at: self.opened_at,
            place: None,
            compression,
        }
    }

    /// Ends it. Its records are at `place` in the queue from now on.
    pub(crate) fn into_job(mut self, place: Place, compression: Compression) -> EncodeJob {
        self.completer.seal(self.builder.count());
        EncodeJob {
            raw: self.builder.close(),
            charge: self.charge,
            completer: self.completer,
            opened_at: self.opened_at,
            compression,
            place,
        }
    }
}

/// A sealed batch: to be compressed and summed, anywhere but under a lock. Dropped, it fails its records as not written.
#[derive(Debug)]
pub struct EncodeJob {
    raw: RawBatch,
    charge: Charge,
    completer: Completer,
    opened_at: Instant,
    compression: Compression,
    place: Place,
}

impl EncodeJob {
    /// Whose batch.
    pub fn partition(&self) -> PartitionId {
        self.place.partition()
    }

    /// Number of records.
    pub fn count(&self) -> u32 {
        self.raw.count
    }

    /// Bytes of the records, uncompressed.
    pub fn raw_size(&self) -> usize {
        self.raw.records.len()
    }

    /// Compresses, keeps the records raw if that made them no smaller, and sums: work in proportion to the bytes.
    pub fn run(self, scratch: &mut Scratch) -> EncodedBatch {
        let Self {
            raw,
            charge,
            completer,
            opened_at,
            compression,
            place,
        } = self;
        let (body, facts) = encode(raw, charge, compression, scratch);
        EncodedBatch {
            body,
            facts,
            completer,
            opened_at,
            place: Some(place),
            compression,
        }
    }
}

/// Fails a batch. Its memory returns first: who is woken by the failure may want it.
fn fail(completer: Completer, body: impl AsRef<[u8]>, facts: BatchFacts, error: DeliveryError) {
    let undelivered = undelivered(&completer, body.as_ref(), facts, error.kind()).map(Arc::new);
    drop(body);
    completer.fail(error, undelivered);
}

/// The records of a batch that fails as `kind`, if somebody may ask for them.
fn undelivered(
    completer: &Completer,
    body: &[u8],
    facts: BatchFacts,
    kind: DeliveryErrorKind,
) -> Option<Undelivered> {
    let copy = || {
        Undelivered::new(
            completer.topic().clone(),
            completer.partition(),
            body.to_vec(),
            facts,
        )
    };
    completer.records_wanted(kind).then(copy)
}

/// What a header says besides the stamp, and what decoding takes.
#[derive(Debug, Clone, Copy)]
struct Facts {
    batch: BatchFacts,
    max_timestamp: i64,
    body_crc: u32,
    body_shift: ShiftOperator,
}

fn encode(raw: RawBatch, charge: Charge, compression: Compression, scratch: &mut Scratch) -> (Buffer, Facts) {
    let encoded = raw.encode(compression, scratch);
    let facts = Facts {
        batch: BatchFacts {
            codec: encoded.codec,
            raw_len: encoded.raw_len,
            count: encoded.count,
            base_timestamp: encoded.base_timestamp,
        },
        max_timestamp: encoded.max_timestamp,
        body_crc: encoded.body_crc,
        body_shift: encoded.body_shift,
    };
    let body = match encoded.codec {
        Codec::None => charge.into_buffer(encoded.body),
        _ => charge.exchange(encoded.body, encoded.raw),
    };
    (body, facts)
}

impl Facts {
    fn header(&self, body_len: usize, stamp: Stamp) -> [u8; HEADER_SIZE] {
        BatchHeader {
            base_offset: 0,
            batch_length: (HEADER_SIZE + body_len - BATCH_OVERHEAD) as i32,
            partition_leader_epoch: -1,
            magic: MAGIC,
            crc: 0,
            attributes: i16::from(self.batch.codec.id()),
            last_offset_delta: self.batch.count as i32 - 1,
            base_timestamp: self.batch.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: stamp.producer_id,
            producer_epoch: stamp.producer_epoch,
            base_sequence: stamp.base_sequence,
            count: self.batch.count as i32,
        }
        .to_bytes_summed(self.body_crc, self.body_shift)
    }
}

/// A batch ready but for its stamp. Dropped, it fails its records as not written.
#[derive(Debug)]
pub struct EncodedBatch {
    body: Buffer,
    facts: Facts,
    completer: Completer,
    opened_at: Instant,
    /// Its place in the queue, while it is not there.
    pub(crate) place: Option<Place>,
    compression: Compression,
}

impl EncodedBatch {
    /// Whose batch; `None` once it has left its queue.
    pub fn partition(&self) -> Option<PartitionId> {
        self.place.as_ref().map(Place::partition)
    }

    /// Bytes on the wire: header and records.
    pub fn size(&self) -> usize {
        HEADER_SIZE + self.body.as_ref().len()
    }

    /// Number of records.
    pub fn count(&self) -> u32 {
        self.facts.batch.count
    }

    /// When its first record came: where linger and delivery timeout count from.
    pub fn opened_at(&self) -> Instant {
        self.opened_at
    }

    /// The batch has left its queue for good.
    pub(crate) fn depart(&mut self) {
        self.completer.depart();
    }

    pub(crate) fn fail(self, error: DeliveryError) {
        fail(self.completer, self.body, self.facts.batch, error);
    }

    /// Gives it its place in the partition's sequence.
    pub fn stamp(self, stamp: Stamp) -> StampedBatch {
        let header = self.facts.header(self.body.as_ref().len(), stamp);
        StampedBatch {
            header,
            stamp,
            body: Bytes::from_owner(self.body),
            facts: self.facts,
            completer: self.completer,
            opened_at: self.opened_at,
            compression: self.compression,
        }
    }
}

/// A batch with a place in its partition's sequence. Every attempt sends the same bytes. Dropped, it fails its records with
/// the certainty that its attempts so far make.
#[derive(Debug)]
pub struct StampedBatch {
    header: [u8; HEADER_SIZE],
    stamp: Stamp,
    body: Bytes,
    facts: Facts,
    completer: Completer,
    opened_at: Instant,
    compression: Compression,
}

impl StampedBatch {
    /// What a produce request carries: a copy of the header, and the records by reference.
    pub fn record_set(&self) -> RecordSet {
        RecordSet {
            header: Some(self.header),
            body: self.body.clone(),
        }
    }

    /// Producer id, epoch and the sequence of its first record.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Number of records.
    pub fn count(&self) -> u32 {
        self.facts.batch.count
    }

    /// Bytes on the wire: header and records.
    pub fn size(&self) -> usize {
        HEADER_SIZE + self.body.len()
    }

    /// When its first record came.
    pub fn opened_at(&self) -> Instant {
        self.opened_at
    }

    /// Whether an attempt so far may have been written.
    pub fn certainty(&self) -> Certainty {
        self.completer.certainty()
    }

    /// Notes that an attempt may have been written; that stays.
    pub fn note_possibly_written(&mut self) {
        self.completer.note_possibly_written();
    }

    /// Gives it another place, under a new epoch. Only for a batch of which every attempt was answered by a definite
    /// refusal or never completely written: else a late copy of it could be appended beside this one.
    pub fn restamp(&mut self, stamp: Stamp) {
        self.stamp = stamp;
        self.header = self.facts.header(self.body.len(), stamp);
    }

    /// Resolves its records as delivered from `base_offset` on (`None`: the broker did not say), with the broker's
    /// timestamp if the topic takes that.
    ///
    /// To a duplicate a broker answers with the batch's largest timestamp, even on a topic that keeps producers' times:
    /// that is our own coming back, and only the latest record's.
    pub fn acknowledge(self, base_offset: Option<i64>, log_append_time: Option<i64>) {
        let log_append_time = log_append_time.filter(|time| *time != self.facts.max_timestamp);
        let Self { body, completer, .. } = self;
        // The memory first: who is woken by the acknowledgement may want it.
        drop(body);
        completer.acknowledge(base_offset, log_append_time);
    }

    /// Resolves its records as failed, at least as uncertainly as its attempts make them.
    pub fn fail(self, error: DeliveryError) {
        fail(self.completer, self.body, self.facts.batch, error);
    }

    /// A job that makes two batches of this one, for a broker that found it too large (KIP-4's MESSAGE_TOO_LARGE). The
    /// parts inherit its sequences, certainty, age and deliveries. `None`, and the batch back, if it has one record.
    ///
    /// # Errors
    /// The batch itself, if it cannot be split.
    #[expect(
        clippy::result_large_err,
        reason = "the error is the batch, and the path is rare"
    )]
    pub fn split_job(self) -> Result<SplitJob, Self> {
        if self.count() < 2 {
            return Err(self);
        }
        Ok(SplitJob {
            batch: self,
            plan: Plan::Halve,
        })
    }

    /// Fails the records at `culprits` (positions in this batch; those beyond its end are ignored), and makes a job for
    /// the rest, if there is one. The rest must be stamped anew: its old range is spent.
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
        Some(SplitJob {
            batch: self,
            plan: Plan::Without(culprits),
        })
    }
}

/// A batch to be encoded anew, in parts or in part; not on an I/O task. Dropped, it fails its records with the certainty
/// that their attempts make.
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
    /// Number of records to be encoded anew.
    pub fn count(&self) -> u32 {
        self.batch.completer.count()
    }

    /// Decodes the batch and encodes its parts. Until the batch's own memory returns, theirs may pass `buffer.memory`.
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
        let memory = completer.queue().map(|queue| queue.memory().clone());
        let decompressed = match facts.batch.codec {
            Codec::None => None,
            codec => decompress(codec, &body, facts.batch.raw_len).ok(),
        };
        let raw = decompressed.as_deref().unwrap_or(&body);
        let mut parts = Vec::new();
        for positions in plan.parts(facts.batch.count) {
            let wanted = |position: u32| positions.contains(&position) && !plan.omits(position);
            // Only bytes that we wrote ourselves and cannot read lead out of here; what is left is then abandoned.
            let Some((part, charge)) = rebuild(raw, facts.batch, memory.as_ref(), wanted) else {
                break;
            };
            let (body, facts) = encode(part, charge, compression, scratch);
            let rest = completer.split_off(facts.batch.count);
            let own = std::mem::replace(&mut completer, rest);
            let base_sequence = sequence_after(stamp.base_sequence, positions.start);
            let encoded = EncodedBatch {
                body,
                facts,
                completer: own,
                opened_at,
                place: None,
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
    memory: Option<&Arc<MemoryBudget>>,
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
    let buffer = memory.map_or_else(|| Buffer::unpaid(size), |memory| memory.overdraw(size));
    let (bytes, charge) = buffer.into_parts();
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

/// Bytes that a record takes in a part of its batch, unless timestamps are more than half a year apart: then the buffer
/// grows by a few bytes per record that nobody pays for.
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
