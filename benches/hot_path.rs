//! A record's way through the core, on one thread: append -> seal -> encode (checksum) -> stamp ->
//! acknowledge.
//!
//! Time is CPU time of the thread per record, with all that happens once per batch shared out among
//! its records; buffers come back to the pool, as they do behind a connection. Then the same under
//! contention: 16 threads on one partition, as percentiles of one append.
//!
//! | variable | default | |
//! |---|---|---|
//! | `VALUE` | 100 | bytes of a value |
//! | `BATCH` | 16384 | `batch.size` |
//! | `THREADS` | 16 | of the contention part; 0 leaves it out |
//! | `SECONDS` | 2 | of the contention part |

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use hdrhistogram::Histogram;
use linger_core::address::Address;
use linger_core::append::accumulator::Accumulator;
use linger_core::append::appended::AppendError;
use linger_core::append::appended::Filled;
use linger_core::append::cluster_view::{ClusterView, PartitionView, TopicState, TopicView};
use linger_core::append::queue::PartitionQueue;
use linger_core::append::queue::head::Head;
use linger_core::append::sticky::Sticky;
use linger_core::config::Config;
use linger_core::ids::BrokerId;
use linger_core::partitioner::PartitionerKind;
use linger_protocol::records::{Record, Scratch, Stamp};

const STAMP: Stamp = Stamp {
    producer_id: 1,
    producer_epoch: 0,
    base_sequence: 0,
};
const TIMESTAMP: i64 = 1_700_000_000_000;

fn parameter(name: &str, default: usize) -> usize {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => default,
    }
}

fn accumulator(batch_size: usize, partitions: i32) -> (Arc<Accumulator>, Vec<Arc<PartitionQueue>>) {
    let config = Config {
        bootstrap: vec![Address::new("localhost", 9092)],
        batch_size,
        ..Config::default()
    };
    let accumulator = Accumulator::new(Arc::new(config.validate().expect("a valid configuration")));
    let topic = "orders".into();
    let queues = (0..partitions)
        .map(|partition| accumulator.queue(&topic, partition))
        .collect();
    (accumulator, queues)
}

/// What the driver does with a full batch, without a connection between.
fn send(queue: &Arc<PartitionQueue>, scratch: &mut Scratch) {
    let Head::Batch(batch) = queue.take_head(usize::MAX, |_| true, scratch).head else {
        panic!("a batch is open")
    };
    let batch = batch.stamp(STAMP);
    black_box(batch.record_set());
    batch.acknowledge(Some(0), None);
}

/// Appends `count` records in turn to each queue until it is full, then sends the batch.
fn run(
    accumulator: &Accumulator,
    queues: &[Arc<PartitionQueue>],
    count: u64,
    record: &Record<'_>,
    now: Instant,
    mut keep: impl FnMut(linger_core::append::delivery::Delivery),
) {
    let mut scratch = Scratch::new();
    let mut events = Vec::new();
    let mut at = 0;
    for _ in 0..count {
        let queue = &queues[at];
        let appended = accumulator
            .append(queue, black_box(record), TIMESTAMP, || now)
            .expect("there is memory");
        keep(appended.delivery);
        if appended.filled == Filled::Yes {
            accumulator.doorbell().drain(&mut events);
            send(queue, &mut scratch);
            at = (at + 1) % queues.len();
        }
    }
    for queue in queues.iter().filter(|queue| queue.status().open.is_some()) {
        send(queue, &mut scratch);
    }
}

fn view(queues: &[Arc<PartitionQueue>]) -> ClusterView {
    let partitions = queues.iter().map(|queue| PartitionView {
        queue: queue.clone(),
        leader: Some(BrokerId(0)),
        leader_epoch: 0,
    });
    let topic = TopicView::new(
        queues[0].topic().clone(),
        [0; 16],
        TopicState::Ok,
        partitions.collect(),
    );
    ClusterView::new(1, BTreeMap::new(), vec![Arc::new(topic)])
}

/// What `try_send` does between its clock and its doorbell: the topic by name, the sticky
/// partition, the append.
fn run_sticky(
    accumulator: &Accumulator,
    view: &ClusterView,
    batch_size: usize,
    count: u64,
    record: &Record<'_>,
    now: Instant,
) {
    let (mut scratch, mut events) = (Scratch::new(), Vec::new());
    let mut sticky = Sticky::new(7, &view.topics()[0]);
    for _ in 0..count {
        let topic = view.topic(black_box("orders")).expect("the view has one topic");
        let partition = sticky.partition(topic).expect("it has partitions");
        let queue = &topic.partitions[partition as usize].queue;
        let appended = accumulator
            .append(queue, black_box(record), TIMESTAMP, || now)
            .expect("there is memory");
        sticky.sent(appended.bytes, appended.filled, batch_size);
        drop(appended.delivery);
        if appended.filled == Filled::Yes {
            accumulator.doorbell().drain(&mut events);
            send(queue, &mut scratch);
        }
    }
    for partition in view.topics()[0]
        .partitions
        .iter()
        .filter(|partition| partition.queue.status().open.is_some())
    {
        send(&partition.queue, &mut scratch);
    }
}

fn single_thread(c: &mut Criterion) {
    let (value_size, batch_size) = (parameter("VALUE", 100), parameter("BATCH", 16 * 1024));
    println!("VALUE={value_size} BATCH={batch_size}");
    let value = vec![b'x'; value_size];
    let record = Record {
        value: Some(&value),
        ..Record::default()
    };
    let keyed = Record {
        key: Some(b"customer-7"),
        ..record
    };
    let now = Instant::now();
    let mut group = c.benchmark_group("append to encoded batch");
    group
        .throughput(Throughput::Elements(1))
        .measurement_time(Duration::from_secs(3));
    for partitions in [1, 8] {
        let (accumulator, queues) = accumulator(batch_size, partitions);
        group.bench_function(format!("handle dropped, {partitions} partitions"), |b| {
            b.iter_custom(|count| timed(|| run(&accumulator, &queues, count, &record, now, drop)));
        });
    }
    let (accumulator, queues) = accumulator(batch_size, 8);
    group.bench_function("key of 10 bytes, murmur2", |b| {
        b.iter_custom(|count| {
            timed(|| {
                run(&accumulator, &queues, count, &keyed, now, |delivery| {
                    black_box(PartitionerKind::Murmur2.for_key(black_box(keyed.key), 8));
                    drop(delivery);
                });
            })
        });
    });
    let view = view(&queues);
    group.bench_function("with topic look-up and sticky partition", |b| {
        b.iter_custom(|count| timed(|| run_sticky(&accumulator, &view, batch_size, count, &record, now)));
    });
    group.bench_function("handles kept for a batch, then read", |b| {
        let mut kept = Vec::with_capacity(1000);
        b.iter_custom(|count| {
            timed(|| {
                run(&accumulator, &queues, count, &record, now, |delivery| {
                    kept.push(delivery);
                    if kept.len() == 1000 {
                        kept.drain(..).for_each(|delivery| {
                            black_box(delivery.outcome());
                        });
                    }
                });
            })
        });
        kept.clear();
    });
    group.finish();
}

/// CPU time of this thread, which other work on the machine disturbs less than wall time.
fn timed(work: impl FnOnce()) -> Duration {
    let now = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let start = now();
    work();
    now() - start
}

/// Threads that append to one partition while one thread sends: what an append takes, waits for
/// memory apart.
fn contention() {
    let (threads, seconds) = (parameter("THREADS", 16), parameter("SECONDS", 2));
    if threads == 0 {
        return;
    }
    let (accumulator, queues) = accumulator(parameter("BATCH", 16 * 1024), 1);
    let queue = &queues[0];
    let value = vec![b'x'; parameter("VALUE", 100)];
    let stop = AtomicBool::new(false);
    let now = Instant::now();
    let mut all = Histogram::<u64>::new(3).expect("three digits");
    let mut refused = 0;
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let record = Record {
                        value: Some(&value),
                        ..Record::default()
                    };
                    let mut histogram = Histogram::<u64>::new(3).expect("three digits");
                    let mut refused = 0_u64;
                    while !stop.load(Ordering::Relaxed) {
                        let start = Instant::now();
                        match accumulator.append(queue, &record, TIMESTAMP, || now) {
                            Ok(appended) => {
                                drop(appended);
                                let nanos = start.elapsed().as_nanos() as u64;
                                histogram.record(nanos).expect("the histogram grows");
                            }
                            Err(AppendError::NeedMemory { .. }) => {
                                refused += 1;
                                std::thread::sleep(Duration::from_micros(200));
                            }
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                    (histogram, refused)
                })
            })
            .collect();
        scope.spawn(|| {
            let mut scratch = Scratch::new();
            let mut events = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                accumulator.doorbell().drain(&mut events);
                let status = queue.status();
                if status.ended > 0 || status.open.is_some_and(|open| open.full) {
                    send(queue, &mut scratch);
                } else {
                    std::thread::yield_now();
                }
            }
        });
        std::thread::sleep(Duration::from_secs(seconds as u64));
        stop.store(true, Ordering::Relaxed);
        for sender in senders {
            let (histogram, count) = sender.join().expect("no sender panics");
            all.add(histogram).expect("equal digits");
            refused += count;
        }
    });
    let at = |quantile| all.value_at_quantile(quantile) as f64 / 1000.0;
    println!(
        "{threads} threads, one partition: {:.2} M records/s, append p50 {:.2} us, p99 {:.2} us, p99.9 {:.1} us, max {:.0} us, \
         refused for memory {refused}",
        all.len() as f64 / seconds as f64 / 1e6,
        at(0.5),
        at(0.99),
        at(0.999),
        all.max() as f64 / 1000.0,
    );
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    single_thread(&mut criterion);
    criterion.final_summary();
    contention();
}
