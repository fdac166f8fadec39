//! A real cluster as the place of a run: the producer counts what it hands to its sockets, and the
//! log is read back over the wire.

use bytes::Bytes;
use linger::Traffic;

use super::remote::Remote;
use crate::place::error::PlaceError;
use crate::place::run::{Counted, Place};
use crate::verify::PartitionLog;

/// The state before a run.
pub(crate) struct Mark {
    traffic: Traffic,
    ends: Vec<i64>,
}

impl Place for Remote {
    type Mark = Mark;
    type Batch = Bytes;

    fn bootstrap(&self) -> &str {
        &self.about().bootstrap
    }

    fn topic(&self) -> &str {
        self.topic_name()
    }

    /// The topic itself: no other topic of the cluster may be written to.
    fn warm_up_topic(&self) -> &str {
        self.topic_name()
    }

    fn mark(&self, traffic: Traffic) -> Result<Mark, PlaceError> {
        let ends = self.ends()?;
        Ok(Mark { traffic, ends })
    }

    fn counted(&self, mark: &Mark, traffic: Traffic, _sent: u64) -> Result<Counted, PlaceError> {
        let traffic = traffic.since(&mark.traffic);
        Ok(Counted {
            requests: traffic.produce_requests,
            batches: traffic.batches,
            bytes: traffic.produce_bytes,
        })
    }

    fn logs(&self, mark: &Mark) -> Result<Vec<PartitionLog<Bytes>>, PlaceError> {
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
