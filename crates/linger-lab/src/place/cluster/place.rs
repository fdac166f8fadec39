//! A real cluster as the place of a run: the producer counts what it hands to its sockets, and the log is read back
//! over the wire.

use bytes::Bytes;
use linger::Traffic;

use super::Remote;
use crate::place::{Counted, Place};
use crate::trial::TrialError;
use crate::trial::producer_thread::ProducerThread;
use crate::verify::PartitionLog;

/// What stands before a run.
pub(crate) struct Mark {
    traffic: Traffic,
    ends: Vec<i64>,
}

impl Place for Remote {
    type Mark = Mark;
    type Batch = Bytes;

    fn bootstrap(&self) -> &str {
        &self.about.bootstrap
    }

    fn topic(&self) -> &str {
        &self.topic
    }

    /// The same: no other topic is anyone's to write to.
    fn warm_up_topic(&self) -> &str {
        &self.topic
    }

    fn mark(&self, producer: &ProducerThread) -> Result<Mark, TrialError> {
        let ends = self.ends()?;
        Ok(Mark {
            traffic: producer.traffic(),
            ends,
        })
    }

    fn counted(&self, mark: &Mark, producer: &ProducerThread, _sent: u64) -> Result<Counted, TrialError> {
        let traffic = producer.traffic().since(&mark.traffic);
        Ok(Counted {
            requests: traffic.produce_requests,
            batches: traffic.batches,
            bytes: traffic.produce_bytes,
        })
    }

    fn logs(&self, mark: &Mark) -> Result<Vec<PartitionLog<Bytes>>, TrialError> {
        let ends = self.ends()?;
        let logs = self.read(&mark.ends, &ends)?.into_iter().zip(&mark.ends);
        Ok(logs
            .map(|(batches, &start)| PartitionLog { start, batches })
            .collect())
    }

    fn bytes_of(batch: &Bytes) -> Bytes {
        batch.clone()
    }
}
