//! The producer over loopback TCP, with the broker in another process: records/s, CPU and
//! allocations per record.
//!
//! ```text
//! cargo bench --bench end_to_end
//! ROUNDS=5 SECONDS=2 VALUE=100 BATCH=16384 BATCH_MAX=16384 PARTITIONS=8 LINGER_MS=5 cargo bench --bench end_to_end
//! ```
//!
//! The broker is the simulator with its checks and its storage off, so that it is not what is
//! measured. `benches/peers` runs the same workload on other clients.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use linger::{Delivery, Producer, Record};
use linger_testkit::allocator::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// How many deliveries wait before the oldest is awaited.
const WINDOW: usize = 1_000_000;

/// The workload, from the environment.
struct Settings {
    rounds: usize,
    time: Duration,
    value: usize,
    batch: usize,
    batch_max: usize,
    partitions: i32,
    linger: Duration,
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number"))
    })
}

impl Settings {
    fn from_env() -> Self {
        let batch = number("BATCH", 16_384);
        Self {
            rounds: number("ROUNDS", 3),
            time: Duration::from_millis(1_000 * number("SECONDS", 1) as u64),
            value: number("VALUE", 100),
            batch,
            batch_max: number("BATCH_MAX", (1024 * 1024 - 1024).max(batch)),
            partitions: number("PARTITIONS", 8) as i32,
            linger: Duration::from_millis(number("LINGER_MS", 5) as u64),
        }
    }
}

/// What becomes of each delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Deliveries {
    Awaited,
    Dropped,
}

fn main() {
    let settings = Settings::from_env();
    if std::env::var("LINGER_BENCH_BROKER").is_ok() {
        return serve(&settings);
    }
    println!(
        "values of {} B, batch.size {} B (growing to {} B while a batch waits), {} partitions, linger {:?}, 5 in flight, \
         acks=all, idempotent, no codec",
        settings.value, settings.batch, settings.batch_max, settings.partitions, settings.linger
    );
    let broker = Broker::start();
    for round in 1..=settings.rounds {
        for deliveries in [Deliveries::Dropped, Deliveries::Awaited] {
            run(round, &settings, &broker.bootstrap, deliveries);
        }
    }
    cost_of_a_call(&settings, &broker.bootstrap);
    latency_of_send(&settings, &broker.bootstrap);
    println!("live heap at the end: {} KiB", allocator::live() / 1024);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts")
}

async fn connect(settings: &Settings, bootstrap: &str) -> Producer {
    let producer = Producer::builder()
        .bootstrap_servers(bootstrap)
        .batch_size(settings.batch)
        .batch_size_max(settings.batch_max)
        .linger(settings.linger)
        .connect()
        .await
        .expect("the broker answers");
    producer
        .deliver(Record::to("bench").value(b"first"))
        .await
        .expect("delivered");
    producer
}

fn run(round: usize, settings: &Settings, bootstrap: &str, deliveries: Deliveries) {
    let (time, value) = (settings.time, vec![b'v'; settings.value]);
    let runtime = runtime();
    let producer = runtime.block_on(connect(settings, bootstrap));
    let sender = producer.clone();
    let task = async move {
        let (started, cpu, allocations) = (Instant::now(), cpu_s(), allocator::allocations());
        let mut window: VecDeque<Delivery> = VecDeque::new();
        let mut records = 0_u64;
        while started.elapsed() < time {
            for _ in 0..1_000 {
                let delivery = sender
                    .send(Record::to("bench").value(&value))
                    .await
                    .expect("accepted");
                if deliveries == Deliveries::Awaited {
                    if window.len() == WINDOW
                        && let Some(oldest) = window.pop_front()
                    {
                        oldest.await.expect("delivered");
                    }
                    window.push_back(delivery);
                }
            }
            records += 1_000;
        }
        for delivery in window {
            delivery.await.expect("delivered");
        }
        sender.flush().await;
        (
            records,
            started.elapsed(),
            cpu_s() - cpu,
            allocator::allocations() - allocations,
        )
    };
    let (records, wall, cpu, allocations) =
        runtime.block_on(async { tokio::spawn(task).await.expect("the task ends well") });
    let closed = runtime.block_on(producer.close(Duration::from_secs(10)));
    assert_eq!(
        closed.ledger.acknowledged,
        records + 1,
        "every record is acknowledged"
    );
    println!(
        "round {round}  {deliveries:<8?} {:>6.2} M records/s  {:>6.1} ns of CPU per record  {:>8.5} allocations per record",
        records as f64 / wall.as_secs_f64() / 1e6,
        cpu * 1e9 / records as f64,
        allocations as f64 / records as f64,
    );
}

/// What `try_send` and `send` themselves cost their task: bursts into free memory, with metadata
/// known, of which each is flushed before the next. The best burst counts, since whatever else the
/// machine does only adds. The driver runs on the runtime's other thread.
fn cost_of_a_call(settings: &Settings, bootstrap: &str) {
    const BURST: u32 = 50_000;
    const BURSTS: usize = 40;
    let runtime = runtime();
    let producer = runtime.block_on(connect(settings, bootstrap));
    let value = vec![b'v'; settings.value];
    let task = async move {
        let (mut try_send, mut send) = (Duration::MAX, Duration::MAX);
        for _ in 0..BURSTS {
            let started = Instant::now();
            for _ in 0..BURST {
                drop(
                    producer
                        .try_send(Record::to("bench").value(&value))
                        .expect("there is memory"),
                );
            }
            try_send = try_send.min(started.elapsed());
            producer.flush().await;
            let started = Instant::now();
            for _ in 0..BURST {
                drop(
                    producer
                        .send(Record::to("bench").value(&value))
                        .await
                        .expect("accepted"),
                );
            }
            send = send.min(started.elapsed());
            producer.flush().await;
        }
        producer.close(Duration::from_secs(10)).await;
        let ns = |time: Duration| time.as_nanos() as f64 / f64::from(BURST);
        println!(
            "one task, memory free: try_send {:.1} ns, send {:.1} ns",
            ns(try_send),
            ns(send)
        );
    };
    runtime.block_on(async { tokio::spawn(task).await.expect("the task ends well") });
}

/// Sixteen threads on one partition: how long one `try_send` takes. Full memory is not what is
/// asked about.
fn latency_of_send(settings: &Settings, bootstrap: &str) {
    const THREADS: usize = 16;
    const SENDS: usize = 100_000;
    let runtime = runtime();
    let producer = runtime.block_on(connect(settings, bootstrap));
    let value = vec![b'v'; settings.value];
    let histograms: Vec<hdrhistogram::Histogram<u64>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let mut histogram = hdrhistogram::Histogram::new(3).expect("three digits");
                    let mut sent = 0;
                    while sent < SENDS {
                        let started = Instant::now();
                        let accepted = producer
                            .try_send(Record::to("bench").partition(0).value(&value))
                            .is_ok();
                        let took = started.elapsed().as_nanos() as u64;
                        if accepted {
                            histogram.saturating_record(took);
                            sent += 1;
                        } else {
                            std::thread::sleep(Duration::from_micros(200));
                        }
                    }
                    histogram
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("the thread ends well"))
            .collect()
    });
    let mut all = hdrhistogram::Histogram::<u64>::new(3).expect("three digits");
    for histogram in histograms {
        all.add(histogram).expect("of one kind");
    }
    runtime.block_on(producer.close(Duration::from_secs(30)));
    println!(
        "{THREADS} threads, one partition: try_send takes p50 {} ns, p99 {} ns, p99.9 {} ns",
        all.value_at_quantile(0.5),
        all.value_at_quantile(0.99),
        all.value_at_quantile(0.999)
    );
}

/// User and system time of this process, in seconds.
fn cpu_s() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// This program once more, as a broker.
struct Broker {
    child: Child,
    bootstrap: String,
}

impl Broker {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program has a path"))
            .env("LINGER_BENCH_BROKER", "yes")
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts");
        let mut bootstrap = String::new();
        BufReader::new(child.stdout.take().expect("stdout is piped"))
            .read_line(&mut bootstrap)
            .expect("a line of text");
        Self {
            child,
            bootstrap: bootstrap.trim().into(),
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(settings: &Settings) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let cluster = linger_sim::Cluster::builder()
            .brokers(1)
            .topic("bench", settings.partitions)
            .blackhole(true)
            .start()
            .await
            .expect("the simulator starts");
        println!("{}", cluster.bootstrap());
        std::future::pending::<()>().await;
    });
}
