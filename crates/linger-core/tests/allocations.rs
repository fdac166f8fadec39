//! The hot path allocates nothing per record, and at most twice per batch: its completion, and the
//! owner of its bytes.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Instant;

use linger_core::address::Address;
use linger_core::append::accumulator::Accumulator;
use linger_core::append::appended::Filled;
use linger_core::append::queue::head::Head;
use linger_core::config::Config;
use linger_protocol::records::{Record, Scratch, Stamp};
use linger_testkit::allocator::{CountingAllocator, allocations_of_this_thread};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Whether the deliveries of a batch are dropped or awaited by one task.
#[derive(Clone, Copy, PartialEq)]
enum Handles {
    Dropped,
    Awaited,
}

/// Sends `batches` full batches over four partitions and returns how many records that were.
fn send(accumulator: &Accumulator, batches: usize, handles: Handles, now: Instant) -> u64 {
    let topic: Arc<str> = "t".into();
    let queues: Vec<_> = (0..4)
        .map(|partition| accumulator.queue(&topic, partition))
        .collect();
    let mut scratch = Scratch::new();
    let (mut events, mut deliveries) = (Vec::with_capacity(8), Vec::with_capacity(1000));
    let mut cx = Context::from_waker(Waker::noop());
    let mut records = 0;
    for n in 0..batches {
        let queue = &queues[n % queues.len()];
        loop {
            let record = Record {
                value: Some(&[b'x'; 100]),
                ..Record::default()
            };
            let appended = accumulator
                .append(queue, &record, 0, || now)
                .expect("there is memory");
            records += 1;
            if handles == Handles::Awaited {
                let mut delivery = appended.delivery;
                assert!(pin!(&mut delivery).poll(&mut cx).is_pending());
                deliveries.push(delivery);
            }
            if appended.filled == Filled::Yes {
                break;
            }
        }
        accumulator.doorbell().drain(&mut events);
        let Head::Batch(batch) = queue.take_head(usize::MAX, |_| true, &mut scratch).head else {
            panic!("a batch is open")
        };
        let batch = batch.stamp(Stamp::NONE);
        let on_the_way = batch.record_set();
        batch.acknowledge(Some(0), None);
        drop(on_the_way);
        for delivery in deliveries.drain(..) {
            assert!(pin!(delivery).poll(&mut cx).is_ready());
        }
    }
    records
}

fn check(handles: Handles) {
    let config = Config {
        bootstrap: vec![Address::new("localhost", 9092)],
        ..Config::default()
    };
    let accumulator = Accumulator::new(Arc::new(config.validate().unwrap()));
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can be had in no other way; nothing depends on which"
    )]
    let now = Instant::now();
    let counted = |batches| {
        let before = allocations_of_this_thread();
        let records = send(&accumulator, batches, handles, now);
        (allocations_of_this_thread() - before, records)
    };
    // Until buffers have grown and lists have their size.
    counted(100);
    let (once, records_once) = counted(200);
    let (twice, records_twice) = counted(400);
    assert!(records_twice - records_once > 200 * 100);
    assert!(
        twice - once <= 2 * 200,
        "{} allocations for 200 batches",
        twice - once
    );
}

#[test]
fn a_batch_takes_two_allocations_and_a_record_none() {
    check(Handles::Dropped);
}

#[test]
fn awaiting_every_delivery_takes_no_more() {
    check(Handles::Awaited);
}
