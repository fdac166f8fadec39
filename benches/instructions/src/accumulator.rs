//! A record's way through the accumulator without a sender: append, seal, checksum, stamp,
//! acknowledge.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use linger_core::address::Address;
use linger_core::append::accumulator::Accumulator;
use linger_core::append::appended::Filled;
use linger_core::append::delivery::Delivery;
use linger_core::append::doorbell::Ready;
use linger_core::append::queue::PartitionQueue;
use linger_core::append::queue::head::Head;
use linger_core::config::Config;
use linger_core::partitioner::PartitionerKind;
use linger_protocol::records::{Record, Scratch, Stamp};

use crate::{BATCH_SIZE, PARTITIONS, TIMESTAMP, TOPIC, value};

const STAMP: Stamp = Stamp {
    producer_id: 1,
    producer_epoch: 0,
    base_sequence: 0,
};

const KEYED_PARTITIONS: i32 = 1_000;
/// Enough that each of the partitions gets some.
const KEYS: u64 = 16 * 1024;

/// Deliveries are dropped.
pub(crate) fn append(records: u64) -> u64 {
    let mut path = Path::new(PARTITIONS);
    let value = value();
    let record = Record {
        value: Some(&value),
        ..Record::default()
    };
    let mut partition = 0;
    for _ in 0..records {
        let (delivery, filled) = path.append(partition, &record);
        drop(delivery);
        if filled == Filled::Yes {
            path.send(partition);
            partition = (partition + 1) % PARTITIONS as usize;
        }
    }
    path.finish(records)
}

/// Deliveries are dropped; keys of 10 bytes decide the partition.
pub(crate) fn append_keyed(records: u64) -> u64 {
    let mut path = Path::new(KEYED_PARTITIONS);
    let value = value();
    let keys: Vec<String> = (0..KEYS).map(|key| format!("{key:010}")).collect();
    for key in keys.iter().cycle().take(records as usize) {
        let record = Record {
            key: Some(black_box(key.as_bytes())),
            value: Some(&value),
            ..Record::default()
        };
        let partition = PartitionerKind::Murmur2.for_key(record.key, KEYED_PARTITIONS as u32);
        let partition = partition.expect("a key decides") as usize;
        let (delivery, filled) = path.append(partition, &record);
        drop(delivery);
        if filled == Filled::Yes {
            path.send(partition);
        }
    }
    path.finish(records)
}

/// As `append`, but every delivery is kept, and awaited in order once its batch is acknowledged.
pub(crate) fn awaited(records: u64) -> u64 {
    let mut path = Path::new(PARTITIONS);
    let value = value();
    let record = Record {
        value: Some(&value),
        ..Record::default()
    };
    let (mut kept, mut awaited) = (Vec::new(), 0);
    let mut partition = 0;
    for index in 1..=records {
        let (delivery, filled) = path.append(partition, &record);
        kept.push(delivery);
        if filled == Filled::Yes || index == records {
            path.send(partition);
            awaited += await_all(&mut kept);
            partition = (partition + 1) % PARTITIONS as usize;
        }
    }
    assert_eq!(awaited, records);
    path.finish(records)
}

fn await_all(kept: &mut Vec<Delivery>) -> u64 {
    let mut cx = Context::from_waker(Waker::noop());
    let mut offset = 0;
    for mut delivery in kept.drain(..) {
        let Poll::Ready(Ok(metadata)) = Pin::new(&mut delivery).poll(&mut cx) else {
            panic!("its batch is acknowledged");
        };
        assert_eq!(metadata.offset, Some(offset));
        offset += 1;
    }
    offset as u64
}

struct Path {
    accumulator: Arc<Accumulator>,
    queues: Vec<Arc<PartitionQueue>>,
    scratch: Scratch,
    events: Vec<Ready>,
    now: Instant,
}

impl Path {
    fn new(partitions: i32) -> Self {
        let config = Config {
            bootstrap: vec![Address::new("localhost", 9092)],
            batch_size: BATCH_SIZE,
            buffer_memory: 64 << 20,
            ..Config::default()
        };
        let accumulator = Accumulator::new(Arc::new(config.validate().expect("a valid configuration")));
        let topic = TOPIC.into();
        let queues = (0..partitions).map(|partition| accumulator.queue(&topic, partition));
        Self {
            queues: queues.collect(),
            accumulator,
            scratch: Scratch::new(),
            events: Vec::new(),
            now: Instant::now(),
        }
    }

    fn append(&self, partition: usize, record: &Record<'_>) -> (Delivery, Filled) {
        let queue = &self.queues[partition];
        let appended = self
            .accumulator
            .append(queue, black_box(record), TIMESTAMP, || self.now)
            .expect("there is memory");
        (appended.delivery, appended.filled)
    }

    /// What the sender does with a full batch, and an acknowledgement at once.
    fn send(&mut self, partition: usize) {
        let queue = &self.queues[partition];
        self.accumulator.doorbell().drain(&mut self.events);
        let Head::Batch(batch) = queue.take_head(usize::MAX, |_| true, &mut self.scratch).head else {
            panic!("a batch is open")
        };
        let batch = batch.stamp(STAMP);
        black_box(batch.record_set());
        batch.acknowledge(Some(0), None);
    }

    fn finish(&mut self, records: u64) -> u64 {
        for partition in 0..self.queues.len() {
            if self.queues[partition].status().open.is_some() {
                self.send(partition);
            }
        }
        let ledger = self.accumulator.ledger();
        assert_eq!((ledger.accepted, ledger.acknowledged), (records, records));
        records
    }
}
