//! A sealed batch on its way through the codec, and back to its queue.

use std::fmt;
use std::sync::Arc;

use linger_protocol::records::{Compression, Scratch};

use crate::append::batch::{EncodedBatch, SealedBatch};
use crate::append::queue::PartitionQueue;
use crate::ids::PartitionId;

/// A sealed batch, to be compressed anywhere but under a lock. Dropped, it fails its records as not
/// written.
#[derive(Debug)]
pub struct EncodeJob {
    // Dropped before the place, so that the records have failed when the next batch becomes the head.
    batch: SealedBatch,
    place: Place,
    compression: Compression,
}

/// What an [`EncodeJob`] made: a batch that goes back to its queue. Dropped, it fails its records
/// as not written.
#[derive(Debug)]
pub struct EncodeDone {
    pub(crate) batch: EncodedBatch,
    pub(crate) place: Place,
}

/// A batch's place in its queue while the batch is elsewhere. Dropped, it leaves the place: the
/// batch will not come back.
pub(crate) struct Place {
    queue: Option<Arc<PartitionQueue>>,
    id: PartitionId,
    number: u64,
}

impl EncodeJob {
    pub(crate) fn new(batch: SealedBatch, place: Place, compression: Compression) -> Self {
        Self {
            batch,
            place,
            compression,
        }
    }

    /// Whose batch.
    pub fn partition(&self) -> PartitionId {
        self.place.id
    }

    /// Number of records.
    pub fn count(&self) -> u32 {
        self.batch.raw.count
    }

    /// Bytes of the records, uncompressed.
    pub fn raw_size(&self) -> usize {
        self.batch.raw.records.len()
    }

    /// Compresses the records, keeps them raw if that made them no smaller, and computes the
    /// checksum. The work grows with the bytes.
    pub fn run(self, scratch: &mut Scratch) -> EncodeDone {
        let batch = self.batch.encode(self.compression, scratch);
        EncodeDone {
            batch,
            place: self.place,
        }
    }
}

impl EncodeDone {
    /// Whose batch.
    pub fn partition(&self) -> PartitionId {
        self.place.id
    }
}

impl Place {
    pub(crate) fn new(queue: Arc<PartitionQueue>, number: u64) -> Self {
        Self {
            id: queue.id(),
            queue: Some(queue),
            number,
        }
    }

    /// The batch is back: it stays at this number.
    pub(crate) fn keep(mut self) -> u64 {
        self.queue = None;
        self.number
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            queue.vacate(self.number);
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({} of {:?})", self.number, self.id)
    }
}
