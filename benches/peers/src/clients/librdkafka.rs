//! librdkafka through rust-rdkafka's `ThreadedProducer`: a delivery callback on its own polling
//! thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use linger_lab::measure::latency::Latencies;
use linger_lab::workload::pace::{due, sleep_until, wake_on_time};
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use tokio::sync::Notify;

use crate::outcome::{Measured, Outcome, Stopwatch};
use crate::task::{RECORDS_PER_CHECK, Task, locked_version, runtime};
use crate::workload::{Kind, Workload};

/// Results of deliveries, shared between librdkafka's thread and the sender.
struct Deliveries {
    delivered: AtomicU64,
    failed: OnceLock<String>,
    notification: Notification,
}

/// What to do with a delivery. The opaque of a record is a number, so that it needs no allocation.
enum Notification {
    None,
    /// The opaque is the index of a task, which awaits one record at a time.
    Tasks(Vec<Notify>),
    /// The opaque is the time when the record was due, in nanoseconds from the start.
    Latency {
        started: Instant,
        latencies: Mutex<Latencies>,
    },
}

struct Context(Arc<Deliveries>);

impl ClientContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: usize) {
        let deliveries = &*self.0;
        match result {
            // Release: a reader of the count sees the latencies too.
            Ok(_) => drop(deliveries.delivered.fetch_add(1, Ordering::Release)),
            // The first error is reported.
            Err((error, _)) => drop(deliveries.failed.set(error.to_string())),
        }
        match &deliveries.notification {
            Notification::None => {}
            Notification::Tasks(tasks) => tasks[opaque].notify_one(),
            Notification::Latency { started, latencies } => {
                let took = started
                    .elapsed()
                    .saturating_sub(Duration::from_nanos(opaque as u64));
                latencies
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .record(took);
            }
        }
    }
}

/// The settings of both clients of librdkafka.
pub(crate) fn config(task: &Task) -> ClientConfig {
    let Workload {
        batch_bytes,
        linger_ms,
        in_flight,
        codec,
        ..
    } = &task.workload;
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &task.bootstrap)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.type", *codec)
        // The partitioner of the other clients.
        .set("partitioner", "murmur2_random")
        // Large enough that the queue never limits the client.
        .set("queue.buffering.max.messages", "1000000");
    let optional = [
        ("batch.size", batch_bytes),
        ("linger.ms", linger_ms),
        ("max.in.flight.requests.per.connection", in_flight),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            config.set(name, value.to_string());
        }
    }
    config
}

pub(crate) const SETTINGS: &str = "enable.idempotence=true, acks=all, partitioner=murmur2_random, \
    queue.buffering.max.messages=1000000 (kbytes: default, 1 GiB)";

pub(crate) fn version() -> String {
    format!(
        "{} (rust-rdkafka {})",
        rdkafka::util::get_rdkafka_version().1,
        locked_version("rdkafka")
    )
}

pub(crate) fn run(task: Task) -> Result<Outcome, String> {
    let workload = &task.workload;
    let kind = workload.kind;
    let notification = match workload.kind {
        Kind::Throughput => Notification::None,
        Kind::Tasks => Notification::Tasks((0..workload.tasks).map(|_| Notify::new()).collect()),
        Kind::Idle => Notification::Tasks(vec![Notify::new()]),
        Kind::Paced => Notification::Latency {
            started: Instant::now(),
            latencies: Mutex::new(Latencies::default()),
        },
    };
    let deliveries = Arc::new(Deliveries {
        delivered: AtomicU64::new(0),
        failed: OnceLock::new(),
        notification,
    });
    let producer: ThreadedProducer<Context> = config(&task)
        .create_with_context(Context(Arc::clone(&deliveries)))
        .map_err(|error| error.to_string())?;
    let client = Arc::new(Librdkafka {
        producer,
        deliveries,
        task,
    });
    client.send(0, 0)?;
    client.flush()?;
    let measured = match kind {
        Kind::Throughput => client.throughput(),
        Kind::Tasks => tasks(&client),
        Kind::Paced => client.paced(),
        Kind::Idle => client.idle(),
    }?;
    let how = match kind {
        Kind::Throughput | Kind::Paced => "which counts".into(),
        Kind::Tasks => format!(
            "which wakes the record's task on one of {}",
            client.task.workload.workers()
        ),
        Kind::Idle => "which wakes the sender".into(),
    };
    let settings = format!("ThreadedProducer with a delivery callback, {how}; {SETTINGS}");
    Ok(Outcome::of("librdkafka", version(), settings, measured))
}

struct Librdkafka {
    producer: ThreadedProducer<Context>,
    deliveries: Arc<Deliveries>,
    task: Task,
}

impl Librdkafka {
    /// Sends a record, and waits while the queue is full.
    fn send(&self, index: u64, opaque: usize) -> Result<(), String> {
        let records = &self.task.records;
        let key = records.key(index);
        let mut record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(&self.task.topic, opaque)
            .payload(records.value(index));
        if let Some(key) = &key {
            record = record.key(key);
        }
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                    record = refused;
                    std::thread::sleep(Duration::from_micros(100));
                }
                Err((error, _)) => return Err(error.to_string()),
            }
        }
    }

    fn flush(&self) -> Result<(), String> {
        self.producer
            .flush(Duration::from_secs(60))
            .map_err(|error| error.to_string())
    }

    fn delivered(&self) -> Result<u64, String> {
        match self.deliveries.failed.get() {
            Some(error) => Err(format!("a delivery failed: {error}")),
            None => Ok(self.deliveries.delivered.load(Ordering::Acquire)),
        }
    }

    /// Flushes, and stops the clock at the last delivery. `flush` returns up to 100 ms later.
    fn drain(&self, watch: Stopwatch, before: u64, records: u64) -> Result<Measured, String> {
        std::thread::scope(|scope| {
            let flush = scope.spawn(|| self.flush());
            while self.delivered()? - before < records && !flush.is_finished() {
                std::thread::sleep(Duration::from_micros(100));
            }
            let measured = watch.stop(records, self.delivered()? - before, None);
            flush.join().map_err(|_| "flush has panicked")??;
            Ok(measured)
        })
    }

    fn throughput(&self) -> Result<Measured, String> {
        let before = self.delivered()?;
        let watch = Stopwatch::start();
        let mut records = 0;
        while watch.started.elapsed() < self.task.workload.time() {
            for _ in 0..RECORDS_PER_CHECK {
                self.send(records, 0)?;
                records += 1;
            }
        }
        self.drain(watch, before, records)
    }

    fn paced(&self) -> Result<Measured, String> {
        let Notification::Latency { started, latencies } = &self.deliveries.notification else {
            return Err("a paced workload times its deliveries".into());
        };
        let latencies = || latencies.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.delivered()?;
        wake_on_time().map_err(|error| format!("cannot set the timer slack: {error}"))?;
        // The latency of the warm-up does not count.
        *latencies() = Latencies::default();
        let watch = Stopwatch::start();
        let mut records = 0;
        let workload = &self.task.workload;
        for index in 0..workload.rate * workload.seconds {
            let due = watch.started + due(index, workload.rate);
            sleep_until(due);
            self.send(index, due.duration_since(*started).as_nanos() as usize)?;
            records += 1;
        }
        let mut measured = self.drain(watch, before, records)?;
        measured.latencies = Some(latencies().clone());
        Ok(measured)
    }

    fn idle(&self) -> Result<Measured, String> {
        let runtime = runtime(&self.task.workload)?;
        runtime.block_on(self.notified(0))?;
        let mut latencies = Latencies::default();
        let watch = Stopwatch::start();
        let mut records = 0;
        while watch.started.elapsed() < self.task.workload.time() {
            let called = Instant::now();
            self.send(records, 0)?;
            runtime.block_on(self.notified(0))?;
            latencies.record(called.elapsed());
            records += 1;
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(watch.stop(records, records, Some(latencies)))
    }

    /// Waits until the callback has notified task `index`.
    async fn notified(&self, index: usize) -> Result<(), String> {
        if let Notification::Tasks(tasks) = &self.deliveries.notification {
            tasks[index].notified().await;
        }
        self.delivered().map(drop)
    }
}

/// Tasks that the callback wakes.
fn tasks(client: &Arc<Librdkafka>) -> Result<Measured, String> {
    let runtime = runtime(&client.task.workload)?;
    // The warm-up has notified task 0.
    runtime.block_on(client.notified(0))?;
    let Workload { seconds, tasks, .. } = client.task.workload;
    let before = client.delivered()?;
    let watch = Stopwatch::start();
    let end = watch.started + Duration::from_secs(seconds);
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let client = Arc::clone(client);
            runtime.spawn(async move {
                let mut sent = 0;
                while Instant::now() < end {
                    client.send(task as u64 + sent * tasks as u64, task)?;
                    client.notified(task).await?;
                    sent += 1;
                }
                Ok::<u64, String>(sent)
            })
        })
        .collect();
    let mut records = 0;
    for task in running {
        records += runtime.block_on(task).map_err(|error| error.to_string())??;
    }
    let acknowledged = client.delivered()? - before;
    Ok(watch.stop(records, acknowledged, None))
}
