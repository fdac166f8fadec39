//! krafka: `enqueue`, with every delivery handle awaited.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use krafka::producer::{DeliveryHandle, Producer};
use krafka::{Compression, Kafka, Record};

use super::futures::{self, FutureClient};
use crate::outcome::Outcome;
use crate::task::{Task, locked_version, runtime};

/// A larger buffer does not make krafka faster.
const BUFFER_MEMORY: usize = 128 << 20;

pub(crate) fn run(task: Task) -> Result<Outcome, String> {
    let runtime = runtime(&task.workload)?;
    let producer = runtime.block_on(connect(&task))?;
    let workload = task.workload.clone();
    let values = task.records.values().map(Bytes::copy_from_slice).collect();
    let measured = futures::run(
        &runtime,
        Krafka {
            producer,
            values,
            task,
        },
        &workload,
    )?;
    let settings = format!(
        "idempotent, acks=all, max_in_flight_requests of the connection (one batch of a partition in any case), \
         buffer_memory {} MiB, values shared and not copied, enqueue, {}, {}",
        BUFFER_MEMORY >> 20,
        futures::describe::<Krafka>(&workload),
        workload.workers()
    );
    Ok(Outcome::of(
        "krafka",
        locked_version("krafka"),
        settings,
        measured,
    ))
}

async fn connect(task: &Task) -> Result<Producer, String> {
    let workload = &task.workload;
    let mut kafka = Kafka::builder(&task.bootstrap);
    if let Some(requests) = workload.in_flight {
        kafka = kafka.max_in_flight_requests(requests as usize);
    }
    let kafka = kafka.connect().await.map_err(|error| error.to_string())?;
    let mut producer = kafka
        .producer()
        .buffer_memory(BUFFER_MEMORY)
        .compression(match workload.codec {
            "gzip" => Compression::Gzip,
            "snappy" => Compression::Snappy,
            "lz4" => Compression::Lz4,
            "zstd" => Compression::Zstd,
            _ => Compression::None,
        });
    if let Some(bytes) = workload.batch_bytes {
        producer = producer.batch_size(bytes as usize);
    }
    if let Some(linger) = workload.linger() {
        producer = producer.linger(linger);
    }
    producer.build().await.map_err(|error| error.to_string())
}

struct Krafka {
    producer: Producer,
    /// The task's values in the shared form that krafka does not copy.
    values: Vec<Bytes>,
    task: Task,
}

impl FutureClient for Krafka {
    type Delivery = Delivery;

    async fn send(&self, index: u64) -> Result<Delivery, String> {
        let value = self.values[index as usize % self.values.len()].clone();
        let mut record = Record::new(self.task.topic.as_str(), value);
        if let Some(key) = self.task.records.key(index) {
            record = record.key(Bytes::copy_from_slice(&key));
        }
        self.producer
            .enqueue(record)
            .await
            .map(Delivery)
            .map_err(|error| error.to_string())
    }

    async fn flush(&self) -> Result<(), String> {
        self.producer.flush().await.map_err(|error| error.to_string())
    }
}

struct Delivery(DeliveryHandle);

impl Future for Delivery {
    type Output = Result<(), String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|delivered| match delivered {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        })
    }
}
