//! The open batch of a queue: it takes records.

use std::time::Instant;

use linger_protocol::records::{BatchBuilder, Codec, Compression, HEADER_SIZE, RawBatch, Scratch};

use crate::append::batch::encoded::{EncodedBatch, Payload, fail};
use crate::append::completer::Completer;
use crate::append::memory::Charge;
use crate::error::DeliveryError;
use crate::undelivered::BatchFacts;

/// What is in an open batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenStatus {
    /// Bytes, header included, uncompressed.
    pub bytes: usize,
    /// Number of records.
    pub count: u32,
    /// When its first record came.
    pub since: Instant,
    /// It reached `batch.size`.
    pub full: bool,
}

/// A batch that takes records. Its queue's lock guards it.
#[derive(Debug)]
pub(crate) struct OpenBatch {
    pub(crate) builder: BatchBuilder,
    /// Bytes of records that fit without asking: the buffer's capacity or the largest batch,
    /// whichever is less.
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

    /// Fails the records of the batch.
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

    /// Ends and encodes the batch, after it has left its queue for good.
    pub(crate) fn encode(mut self, compression: Compression, scratch: &mut Scratch) -> EncodedBatch {
        self.completer.depart();
        self.seal().encode(compression, scratch)
    }

    /// Ends the batch: it takes no more records.
    pub(crate) fn seal(mut self) -> SealedBatch {
        self.completer.seal(self.builder.count());
        SealedBatch {
            raw: self.builder.close(),
            charge: self.charge,
            completer: self.completer,
            opened_at: self.opened_at,
        }
    }
}

/// A batch that takes no more records and is not encoded.
#[derive(Debug)]
pub(crate) struct SealedBatch {
    pub(crate) raw: RawBatch,
    charge: Charge,
    completer: Completer,
    opened_at: Instant,
}

impl SealedBatch {
    /// Compresses the records, keeps them raw if that made them no smaller, and computes the
    /// checksum.
    pub(crate) fn encode(self, compression: Compression, scratch: &mut Scratch) -> EncodedBatch {
        EncodedBatch {
            payload: Payload::encode(self.raw, self.charge, compression, scratch),
            completer: self.completer,
            opened_at: self.opened_at,
            compression,
        }
    }
}
