//! A queue and the batches that leave it, without a sender.

mod head;
mod jobs;
mod ledger;
mod memory;
mod open_batch;
mod splits;
mod unsent;

use std::sync::Arc;
use std::time::Instant;

use linger_protocol::records::{BatchView, Record, Scratch, Stamp};

use crate::append::accumulator::Accumulator;
use crate::append::appended::{AppendError, Appended};
use crate::append::batch::StampedBatch;
use crate::append::delivery::Delivery;
use crate::append::doorbell::Ready;
use crate::append::queue::PartitionQueue;
use crate::append::queue::head::Head;
use crate::config::Config;
use crate::error::{DeliveryError, DeliveryErrorKind};
use crate::testing::{origin, queue};

const STAMP: Stamp = Stamp {
    producer_id: 9,
    producer_epoch: 1,
    base_sequence: 0,
};

fn try_append(queue: &Arc<PartitionQueue>, value: &[u8], at: Instant) -> Result<Appended, AppendError> {
    queue.append(
        &Record {
            value: Some(value),
            ..Record::default()
        },
        1_000,
        None,
        || at,
    )
}

fn append(queue: &Arc<PartitionQueue>, value: &[u8], at: Instant) -> Delivery {
    try_append(queue, value, at).expect("there is memory").delivery
}

fn encode(queue: &Arc<PartitionQueue>) -> bool {
    let Some(job) = queue.seal() else { return false };
    queue.put_encoded(job.run(&mut Scratch::new()));
    true
}

fn stamp_next(queue: &Arc<PartitionQueue>) -> Option<StampedBatch> {
    let taken = queue.take_head(usize::MAX, |_| false, &mut Scratch::new());
    assert!(taken.job.is_none(), "tests seal batches one by one");
    match taken.head {
        Head::Batch(batch) => Some(batch.stamp(STAMP)),
        Head::TooLarge | Head::Nothing => None,
    }
}

/// Values of the records of a stamped batch, as a broker reads them.
fn values(batch: &StampedBatch) -> Vec<Vec<u8>> {
    let bytes = batch.record_set().to_bytes();
    let view = BatchView::parse(&bytes).expect("a whole batch");
    view.verify_crc().expect("its checksum");
    let records = view.records(1 << 24).expect("readable records");
    records
        .iter()
        .map(|record| record.expect("a whole record").value.unwrap_or_default().to_vec())
        .collect()
}

fn timed_out() -> DeliveryError {
    DeliveryError::not_written(DeliveryErrorKind::Timeout)
}

fn events(accumulator: &Accumulator) -> Vec<Ready> {
    let mut events = Vec::new();
    accumulator.doorbell().drain(&mut events);
    events
}

/// A stamped batch of `count` records, and their deliveries.
fn stamped(change: impl FnOnce(&mut Config), count: u8) -> (Arc<Accumulator>, Vec<Delivery>, StampedBatch) {
    let (accumulator, queue) = queue(change);
    let deliveries = (0..count).map(|n| append(&queue, &[n; 50], origin())).collect();
    assert!(encode(&queue));
    let batch = stamp_next(&queue).unwrap();
    (accumulator, deliveries, batch)
}

/// How a delivery failed.
fn failure(delivery: &Delivery) -> DeliveryError {
    delivery.outcome().unwrap().unwrap_err()
}
