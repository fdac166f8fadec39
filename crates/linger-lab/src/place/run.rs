//! What a trial needs of its brokers.

use bytes::Bytes;
use linger::Traffic;

use super::error::PlaceError;
use crate::verify::PartitionLog;

/// What a run put on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Produce requests.
    pub(crate) requests: u64,
    /// Batches in those requests.
    pub(crate) batches: u64,
    /// Bytes of those requests, framing included.
    pub(crate) bytes: u64,
}

/// Brokers with a topic for a run.
pub(crate) trait Place {
    /// The state before a run: counters, and the end of each partition.
    type Mark;
    /// A batch of the log.
    type Batch;

    /// `bootstrap.servers`.
    fn bootstrap(&self) -> &str;

    /// The topic that the records go to.
    fn topic(&self) -> &str;

    /// The topic of the warm-up, which may be the same.
    fn warm_up_topic(&self) -> &str;

    /// The state before a run; `traffic` is the producer's.
    fn mark(&self, traffic: Traffic) -> Result<Self::Mark, PlaceError>;

    /// What was put on the wire since the mark. All of the `sent` records are acknowledged.
    fn counted(&self, mark: &Self::Mark, traffic: Traffic, sent: u64) -> Result<Counted, PlaceError>;

    /// What each partition stored since the mark.
    fn logs(&self, mark: &Self::Mark) -> Result<Vec<PartitionLog<Self::Batch>>, PlaceError>;

    /// The bytes of a batch.
    fn bytes_of(batch: &Self::Batch) -> Bytes;
}
