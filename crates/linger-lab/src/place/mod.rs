//! Where a run's records go: brokers that can be reached, what was counted there, and what they hold afterwards.

pub(crate) mod cluster;
pub(crate) mod embedded;

use bytes::Bytes;

use crate::trial::TrialError;
use crate::trial::producer_thread::ProducerThread;
use crate::verify::PartitionLog;

/// What a run put on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Produce requests.
    pub(crate) requests: u64,
    /// Batches in them.
    pub(crate) batches: u64,
    /// Their bytes, framing included.
    pub(crate) bytes: u64,
}

/// Brokers with a topic for a run.
pub(crate) trait Place {
    /// What stands before a run: counters, and where the log ends.
    type Mark;
    /// A batch in the log.
    type Batch;

    /// `bootstrap.servers`.
    fn bootstrap(&self) -> &str;

    /// The topic that takes the records.
    fn topic(&self) -> &str;

    /// The topic that takes one record per partition before anything is measured, perhaps the same.
    fn warm_up_topic(&self) -> &str;

    /// Notes what stands before a run.
    fn mark(&self, producer: &ProducerThread) -> Result<Self::Mark, TrialError>;

    /// What was put on the wire since the mark, all of it acknowledged; `sent` is the number of records.
    fn counted(&self, mark: &Self::Mark, producer: &ProducerThread, sent: u64)
    -> Result<Counted, TrialError>;

    /// What each partition holds since the mark.
    fn logs(&self, mark: &Self::Mark) -> Result<Vec<PartitionLog<Self::Batch>>, TrialError>;

    /// The bytes of a batch.
    fn bytes_of(batch: &Self::Batch) -> Bytes;
}
