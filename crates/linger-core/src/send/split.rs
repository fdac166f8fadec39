//! Batches that are encoded anew: halved for a broker that found them too large, or without the
//! records it refused.

use linger_protocol::records::Scratch;

use crate::append::batch::{SplitDone, SplitJob};
use crate::ids::PartitionId;

/// A batch to be encoded anew, in parts or without some records, off the I/O tasks. Dropped, it
/// fails its records with the certainty that their attempts make.
#[derive(Debug)]
pub struct SplitTask {
    pub(crate) partition: PartitionId,
    pub(crate) task: Task,
    pub(crate) job: SplitJob,
}

impl SplitTask {
    /// Number of records to be encoded anew.
    pub fn count(&self) -> u32 {
        self.job.count()
    }

    /// Decodes the batch and encodes its parts.
    pub fn run(self, scratch: &mut Scratch) -> SplitResult {
        SplitResult {
            partition: self.partition,
            task: self.task,
            done: self.job.run(scratch),
        }
    }
}

/// What a [`SplitTask`] made.
#[derive(Debug)]
pub struct SplitResult {
    partition: PartitionId,
    pub(crate) task: Task,
    pub(crate) done: SplitDone,
}

impl SplitResult {
    /// Whose batch it was.
    pub fn partition(&self) -> PartitionId {
        self.partition
    }
}

/// Which of a partition's tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Task(pub(crate) u64);
