//! Linger: `send`, with every delivery awaited in order, or dropped.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use linger::{Compression, Producer, Record};
use tokio::runtime::Runtime;

use super::futures::{self, FutureClient};
use crate::environment::number_or_default;
use crate::outcome::{Measured, Outcome, Stopwatch};
use crate::task::{RECORDS_PER_CHECK, Task, WINDOW, locked_version, runtime};
use crate::workload::{Kind, Workload};

pub(crate) fn run(task: Task) -> Result<Outcome, String> {
    let runtime = runtime(&task.workload)?;
    let producer = runtime.block_on(connect(&task))?;
    let workload = task.workload.clone();
    let measured = match workload.kind {
        Kind::Throughput => {
            let sending = runtime.spawn(throughput(producer, task));
            runtime.block_on(sending).map_err(|error| error.to_string())??
        }
        Kind::Tasks | Kind::Paced | Kind::Idle => {
            futures::run(&runtime, Linger { producer, task }, &workload)?
        }
    };
    let deliveries = futures::describe::<Linger>(&workload);
    outcome("linger", &deliveries, &workload, measured)
}

/// The workload of [`futures`], written as an application writes it. The generic form costs 15 ns
/// per record, which is much for Linger and little for the others.
async fn throughput(producer: Producer, task: Task) -> Result<Measured, String> {
    let Task { topic, records, .. } = &task;
    let time = task.workload.time();
    let delivered = producer.deliver(Record::to(topic).value(records.value(0)));
    delivered.await.map_err(|error| error.to_string())?;
    let mut window = VecDeque::new();
    let watch = Stopwatch::start();
    let (mut count, mut acknowledged) = (0, 0);
    while watch.started.elapsed() < time {
        for _ in 0..RECORDS_PER_CHECK {
            if window.len() == WINDOW
                && let Some(oldest) = window.pop_front()
            {
                oldest.await?;
                acknowledged += 1;
            }
            let key = records.key(count);
            let record = with_key(Record::to(topic).value(records.value(count)), key.as_ref());
            let sent = producer.send(record).await;
            window.push_back(Delivery(sent.map_err(|error| error.to_string())?));
            count += 1;
        }
        acknowledged += futures::take_arrived(&mut window)?;
    }
    let drain = async {
        for delivery in window {
            delivery.await?;
            acknowledged += 1;
        }
        Ok(watch.stop(count, acknowledged, None))
    };
    let (measured, _) = tokio::join!(drain, producer.flush());
    measured
}

/// The cheapest way: deliveries are dropped, and the ledger counts them after a flush.
pub(crate) fn run_dropped(task: Task) -> Result<Outcome, String> {
    let runtime: Runtime = runtime(&task.workload)?;
    let producer = runtime.block_on(connect(&task))?;
    let Task {
        topic,
        records,
        workload,
        ..
    } = task;
    let time = workload.time();
    let sending = runtime.spawn(async move {
        producer
            .deliver(Record::to(&topic).value(records.value(0)))
            .await
            .map_err(|error| error.to_string())?;
        let watch = Stopwatch::start();
        let mut count = 0;
        while watch.started.elapsed() < time {
            for _ in 0..RECORDS_PER_CHECK {
                let key = records.key(count);
                let record = with_key(Record::to(&topic).value(records.value(count)), key.as_ref());
                drop(producer.send(record).await.map_err(|error| error.to_string())?);
                count += 1;
            }
        }
        producer.flush().await;
        let acknowledged = producer.ledger().acknowledged - 1;
        Ok::<Measured, String>(watch.stop(count, acknowledged, None))
    });
    let measured = runtime.block_on(sending).map_err(|error| error.to_string())??;
    outcome(
        "linger-dropped",
        "deliveries dropped, flush and the ledger tell",
        &workload,
        measured,
    )
}

fn outcome(
    client: &str,
    deliveries: &str,
    workload: &Workload,
    measured: Measured,
) -> Result<Outcome, String> {
    let growth = match batch_size_max()? {
        Some(bytes) => format!("batches grow to {bytes} B while they cannot leave"),
        None => "batches grow by default while they cannot leave".into(),
    };
    let settings = format!(
        "idempotent, acks=all, send, {deliveries}, {}, {growth}, other settings default (buffer.memory 32 MiB)",
        workload.workers()
    );
    Ok(Outcome::of(client, locked_version("linger"), settings, measured))
}

/// `BATCH_MAX`: the size up to which Linger's batches may grow beyond `batch.size`.
fn batch_size_max() -> Result<Option<u64>, String> {
    number_or_default("BATCH_MAX", None)
}

async fn connect(task: &Task) -> Result<Producer, String> {
    let workload = &task.workload;
    let codec: Compression = workload.codec.parse().map_err(|error| format!("{error}"))?;
    let mut builder = Producer::builder()
        .bootstrap_servers(&task.bootstrap)
        .compression(codec);
    if let Some(bytes) = workload.batch_bytes {
        builder = builder.batch_size(bytes as usize);
    }
    if let Some(linger) = workload.linger() {
        builder = builder.linger(linger);
    }
    if let Some(requests) = workload.in_flight {
        builder = builder.max_in_flight(requests as usize);
    }
    if let Some(bytes) = batch_size_max()? {
        builder = builder.batch_size_max(bytes as usize);
    }
    builder.connect().await.map_err(|error| error.to_string())
}

struct Linger {
    producer: Producer,
    task: Task,
}

impl FutureClient for Linger {
    type Delivery = Delivery;

    #[inline]
    async fn send(&self, index: u64) -> Result<Delivery, String> {
        let Task { topic, records, .. } = &self.task;
        let key = records.key(index);
        let record = with_key(Record::to(topic).value(records.value(index)), key.as_ref());
        self.producer
            .send(record)
            .await
            .map(Delivery)
            .map_err(|error| error.to_string())
    }

    fn try_send(&self, index: u64) -> Option<Delivery> {
        let Task { topic, records, .. } = &self.task;
        let key = records.key(index);
        let record = with_key(Record::to(topic).value(records.value(index)), key.as_ref());
        self.producer.try_send(record).ok().map(Delivery)
    }

    async fn flush(&self) -> Result<(), String> {
        self.producer.flush().await;
        Ok(())
    }
}

fn with_key<'a>(record: Record<'a>, key: Option<&'a crate::records::Key>) -> Record<'a> {
    match key {
        Some(key) => record.key(key),
        None => record,
    }
}

/// Linger's delivery, with a printable error.
struct Delivery(linger::Delivery);

impl Future for Delivery {
    type Output = Result<(), String>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|delivered| match delivered {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        })
    }
}
