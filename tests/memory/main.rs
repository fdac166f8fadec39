//! What the producer's process allocates and holds, counted by its allocator, with the brokers in
//! another process.

mod broker;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use broker::Broker;
use linger::{Delivery, Producer, Record, SendError};
use linger_testkit::allocator::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// What the producer may hold beyond `buffer.memory`: its tasks, its queues, sockets, and the
/// runtime.
const BEYOND_BUFFER_MEMORY: usize = 16 * 1024 * 1024;

const VALUE: [u8; 100] = [b'v'; 100];

/// The counters belong to the process, so the tests that read them run one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts")
}

/// What happens to a delivery in the allocation test.
#[derive(Clone, Copy)]
enum Deliveries {
    Awaited,
    Dropped,
}

async fn produce(
    producer: &Producer,
    topic: &str,
    count: usize,
    deliveries: Deliveries,
    window: &mut Vec<Delivery>,
) {
    for _ in 0..count {
        let delivery = producer
            .send(Record::to(topic).value(&VALUE))
            .await
            .expect("the record is accepted");
        if matches!(deliveries, Deliveries::Awaited) {
            window.push(delivery);
            if window.len() == window.capacity() {
                for delivery in window.drain(..) {
                    delivery.await.expect("the record is delivered");
                }
            }
        }
    }
    for delivery in window.drain(..) {
        delivery.await.expect("the record is delivered");
    }
    let flushed = producer.flush().await;
    assert_eq!(flushed.failed, 0);
}

/// Allocations and batches that `count` records cost.
async fn cost(
    broker: &mut Broker,
    producer: &Producer,
    count: usize,
    deliveries: Deliveries,
    window: &mut Vec<Delivery>,
) -> (usize, u64) {
    let (allocations, batches) = (allocator::allocations(), broker.batches());
    produce(producer, "records", count, deliveries, window).await;
    (allocator::allocations() - allocations, broker.batches() - batches)
}

fn twice_the_records_cost_only_their_batches(partitions: i32, deliveries: Deliveries) {
    const RECORDS: usize = 200_000;
    const ALLOCATIONS_PER_BATCH: u64 = 4;
    let _alone = alone();
    let mut broker = Broker::start(partitions, false);
    runtime().block_on(async {
        let producer =
            Producer::builder().bootstrap_servers(broker.bootstrap()).connect().await.expect("the broker answers");
        let mut window = Vec::with_capacity(10_000);
        // Twice: what grows to its working size has grown.
        produce(&producer, "records", 2 * RECORDS, deliveries, &mut window).await;
        let (once, once_batches) = cost(&mut broker, &producer, RECORDS, deliveries, &mut window).await;
        let (twice, twice_batches) = cost(&mut broker, &producer, 2 * RECORDS, deliveries, &mut window).await;
        let more = twice.saturating_sub(once) as u64;
        let more_batches = twice_batches.saturating_sub(once_batches);
        assert!(
            more <= ALLOCATIONS_PER_BATCH * more_batches,
            "{RECORDS} more records in {more_batches} more batches cost {more} more allocations ({once} for {once_batches}, \
             {twice} for {twice_batches})"
        );
        producer.close(Duration::from_secs(10)).await;
    });
}

#[test]
fn awaited_records_cost_no_allocation_of_their_own() {
    twice_the_records_cost_only_their_batches(8, Deliveries::Awaited);
}

#[test]
fn dropped_deliveries_cost_no_allocation_of_their_own() {
    twice_the_records_cost_only_their_batches(8, Deliveries::Dropped);
}

#[test]
fn one_partition_costs_no_more_allocations_per_batch_than_many() {
    twice_the_records_cost_only_their_batches(1, Deliveries::Awaited);
}

fn record(i: usize, partitions: i32) -> Record<'static> {
    let partition = (i % partitions as usize) as i32;
    Record::to("records").partition(partition).value(&VALUE)
}

fn check_heap(i: usize, limit: usize) {
    let live = allocator::live();
    assert!(
        live <= limit,
        "record {i}: {live} B live where {limit} B are allowed"
    );
}

/// Sends `count` records to a broker that answers, looking at the heap as it goes.
async fn pass(producer: &Producer, partitions: i32, count: usize, limit: usize) {
    for i in 0..count {
        let sent = producer.send(record(i, partitions)).await;
        drop(sent.expect("a broker that answers makes room"));
        check_heap(i, limit);
    }
}

/// Sends to a broker that takes nothing until memory refuses, before `count` is reached; looks at
/// the heap as it goes.
async fn fill(producer: &Producer, partitions: i32, count: usize, limit: usize) {
    for i in 0..count {
        let sent = producer.try_send(record(i, partitions));
        check_heap(i, limit);
        if let Err(error) = sent {
            assert!(matches!(error, SendError::BufferFull { .. }), "{error}");
            // One that waits for memory holds none; it waits in vain, so that any time will do.
            let waiting = producer.send(record(i, partitions));
            drop(tokio::time::timeout(Duration::from_millis(200), waiting).await);
            check_heap(i, limit);
            return;
        }
        // The producer's task lives in this thread.
        tokio::task::yield_now().await;
    }
    panic!("{count} records were taken");
}

fn the_heap_keeps_its_bound(partitions: i32, frozen: bool, records: usize) {
    const BUFFER_MEMORY: usize = 32 * 1024 * 1024;
    let _alone = alone();
    let mut broker = Broker::start(partitions, frozen);
    runtime().block_on(async {
        let base = allocator::live();
        let limit = base + BUFFER_MEMORY + BEYOND_BUFFER_MEMORY;
        let producer = Producer::builder()
            .bootstrap_servers(broker.bootstrap())
            .buffer_memory(BUFFER_MEMORY)
            .connect()
            .await
            .expect("the broker answers");
        // The first record brings the metadata; a broker freezes only after that.
        let first = Record::to("records").partition(0).value(&VALUE);
        producer.deliver(first).await.expect("delivered");
        producer.flush().await;
        if frozen {
            broker.freeze();
            fill(&producer, partitions, records, limit).await;
        } else {
            pass(&producer, partitions, records, limit).await;
        }
        producer.close(Duration::ZERO).await;
        let left = allocator::live().saturating_sub(base);
        assert!(
            left <= BEYOND_BUFFER_MEMORY,
            "{left} B are still held after the close"
        );
    });
}

#[test]
fn ten_thousand_partitions_of_one_record_each_stay_within_buffer_memory() {
    the_heap_keeps_its_bound(10_000, false, 10_000);
}

#[test]
fn a_frozen_broker_does_not_let_the_heap_grow() {
    the_heap_keeps_its_bound(8, true, 2_000_000);
}

#[test]
fn a_busy_producer_stays_within_buffer_memory() {
    the_heap_keeps_its_bound(8, false, 500_000);
}
