//! A batch that is encoded, and how any batch fails.

use std::sync::Arc;
use std::time::Instant;

use linger_protocol::records::{
    BATCH_OVERHEAD, BatchHeader, Codec, Compression, HEADER_SIZE, MAGIC, RawBatch, Scratch, ShiftOperator,
    Stamp,
};

use crate::append::completer::Completer;
use crate::append::memory::{Buffer, Charge};
use crate::error::{DeliveryError, DeliveryErrorKind};
use crate::undelivered::{BatchFacts, Undelivered};

/// A batch that is ready except for its stamp. Dropped, it fails its records as not written.
#[derive(Debug)]
pub struct EncodedBatch {
    pub(crate) payload: Payload,
    pub(crate) completer: Completer,
    pub(crate) opened_at: Instant,
    pub(crate) compression: Compression,
}

impl EncodedBatch {
    /// Bytes on the wire: header and records.
    pub fn size(&self) -> usize {
        HEADER_SIZE + self.payload.body.as_ref().len()
    }

    /// Number of records.
    pub fn count(&self) -> u32 {
        self.payload.facts.batch.count
    }

    /// When its first record came: linger and delivery timeout count from then.
    pub fn opened_at(&self) -> Instant {
        self.opened_at
    }

    /// The batch has left its queue for good.
    pub(crate) fn depart(&mut self) {
        self.completer.depart();
    }

    pub(crate) fn fail(self, error: DeliveryError) {
        let Payload { body, facts } = self.payload;
        fail(self.completer, body, facts.batch, error);
    }
}

/// What the header of a batch says besides the stamp, and what decoding the batch takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) batch: BatchFacts,
    pub(crate) max_timestamp: i64,
    body_crc: u32,
    body_shift: ShiftOperator,
}

/// The encoded records of a batch, and the facts of its header.
#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) body: Buffer,
    pub(crate) facts: Facts,
}

impl Payload {
    /// Compresses the records, keeps them raw if that made them no smaller, and computes the
    /// checksum. The work grows with the bytes.
    pub(crate) fn encode(
        raw: RawBatch,
        charge: Charge,
        compression: Compression,
        scratch: &mut Scratch,
    ) -> Self {
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
        Self { body, facts }
    }
}

impl Facts {
    pub(crate) fn header(&self, body_len: usize, stamp: Stamp) -> [u8; HEADER_SIZE] {
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

/// Fails a batch. Its memory returns first: a task that the failure wakes may want it.
pub(crate) fn fail(completer: Completer, body: impl AsRef<[u8]>, facts: BatchFacts, error: DeliveryError) {
    let undelivered = undelivered(&completer, body.as_ref(), facts, error.kind()).map(Arc::new);
    drop(body);
    completer.fail(error, undelivered);
}

/// The records of a batch that fails as `kind`, if the application may ask for them.
pub(crate) fn undelivered(
    completer: &Completer,
    body: &[u8],
    facts: BatchFacts,
    kind: DeliveryErrorKind,
) -> Option<Undelivered> {
    let copy = || {
        Undelivered::new(
            completer.account().topic().clone(),
            completer.account().partition(),
            body.to_vec(),
            facts,
        )
    };
    completer.records_wanted(kind).then(copy)
}
