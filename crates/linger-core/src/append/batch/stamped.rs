//! A batch that was sent or is about to be.

use std::time::Instant;

use bytes::Bytes;
use linger_protocol::RecordSet;
use linger_protocol::records::{Compression, HEADER_SIZE, Stamp};

use crate::append::batch::encoded::{EncodedBatch, Facts, Payload, fail};
use crate::append::completer::Completer;
use crate::error::{Certainty, DeliveryError};

impl EncodedBatch {
    /// Gives the batch its place in the partition's sequence.
    pub fn stamp(self, stamp: Stamp) -> StampedBatch {
        StampedBatch::new(self, stamp)
    }
}

/// A batch with a place in its partition's sequence. Every attempt sends the same bytes. Dropped,
/// it fails its records with the certainty that follows from its attempts.
#[derive(Debug)]
pub struct StampedBatch {
    header: [u8; HEADER_SIZE],
    pub(super) stamp: Stamp,
    pub(super) body: Bytes,
    pub(super) facts: Facts,
    pub(super) completer: Completer,
    pub(super) opened_at: Instant,
    pub(super) compression: Compression,
}

impl StampedBatch {
    fn new(batch: EncodedBatch, stamp: Stamp) -> Self {
        let EncodedBatch {
            payload: Payload { body, facts },
            completer,
            opened_at,
            compression,
        } = batch;
        Self {
            header: facts.header(body.as_ref().len(), stamp),
            stamp,
            body: Bytes::from_owner(body),
            facts,
            completer,
            opened_at,
            compression,
        }
    }

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

    /// Notes that an attempt may have been written. The batch stays possibly written from then on.
    pub fn note_possibly_written(&mut self) {
        self.completer.note_possibly_written();
    }

    /// Gives the batch another place, under a new epoch. Only for a batch whose attempts were all
    /// refused for certain or never written whole: else a broker could append a late copy of
    /// the batch beside this one.
    pub fn restamp(&mut self, stamp: Stamp) {
        self.stamp = stamp;
        self.header = self.facts.header(self.body.len(), stamp);
    }

    /// Resolves its records as delivered from `base_offset` on (`None`: the broker did not say),
    /// with the broker's timestamp if the topic takes that.
    ///
    /// A broker answers a duplicate with the batch's largest timestamp, even on a topic that keeps
    /// producers' times. That timestamp is the latest record's own, so it does not replace the
    /// others.
    pub fn acknowledge(self, base_offset: Option<i64>, log_append_time: Option<i64>) {
        let log_append_time = log_append_time.filter(|time| *time != self.facts.max_timestamp);
        let Self { body, completer, .. } = self;
        // The memory returns first: a task that the acknowledgement wakes may want it.
        drop(body);
        completer.acknowledge(base_offset, log_append_time);
    }

    /// Resolves its records as failed, at least as uncertainly as its attempts make them.
    pub fn fail(self, error: DeliveryError) {
        fail(self.completer, self.body, self.facts.batch, error);
    }
}
