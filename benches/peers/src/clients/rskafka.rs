//! rskafka: one `BatchProducer` per partition, filled in turn. rskafka has no idempotence and no
//! partitioner.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use chrono::Utc;
use rskafka::client::ClientBuilder;
use rskafka::client::partition::{Compression, UnknownTopicHandling};
use rskafka::client::producer::aggregator::RecordAggregator;
use rskafka::client::producer::{BatchProducer, BatchProducerBuilder};
use rskafka::record::Record;

use super::futures::{self, FutureClient};
use crate::outcome::Outcome;
use crate::task::{Task, locked_version, runtime};

/// rskafka has no default. It does not count the overhead of a record, and a broker accepts 1 MiB.
const BATCH_BYTES: u64 = 800_000;

pub(crate) fn run(task: Task) -> Result<Outcome, String> {
    let runtime = runtime(&task.workload)?;
    let client = runtime.block_on(connect(task))?;
    let workload = client.task.workload.clone();
    let settings = format!(
        "not idempotent (it cannot be), a BatchProducer per partition, a batch of {} B to each in turn, requests in flight \
         unbounded (it has no limit), no limit of memory but the records outstanding, {}, {}",
        client.batch_bytes,
        futures::describe::<Rskafka>(&workload),
        workload.workers(),
    );
    let measured = futures::run(&runtime, client, &workload)?;
    Ok(Outcome::of(
        "rskafka",
        locked_version("rskafka"),
        settings,
        measured,
    ))
}

async fn connect(task: Task) -> Result<Rskafka, String> {
    let workload = &task.workload;
    let bootstrap = task.bootstrap.split(',').map(Into::into).collect();
    let client = ClientBuilder::new(bootstrap)
        .build()
        .await
        .map_err(|error| error.to_string())?;
    let batch_bytes = workload.batch_bytes.unwrap_or(BATCH_BYTES);
    let mut producers = Vec::new();
    for partition in 0..workload.partitions {
        let client = client
            .partition_client(&task.topic, partition, UnknownTopicHandling::Retry)
            .await;
        let client = client.map_err(|error| format!("{}-{partition}: {error}", task.topic))?;
        let mut builder =
            BatchProducerBuilder::new(Arc::new(client)).with_compression(match workload.codec {
                "gzip" => Compression::Gzip,
                "snappy" => Compression::Snappy,
                "lz4" => Compression::Lz4,
                "zstd" => Compression::Zstd,
                _ => Compression::NoCompression,
            });
        if let Some(linger) = workload.linger() {
            builder = builder.with_linger(linger);
        }
        producers.push(Arc::new(
            builder.build(RecordAggregator::new(batch_bytes as usize)),
        ));
    }
    let records_per_batch = (batch_bytes / workload.value_bytes.max(1) as u64).max(1);
    Ok(Rskafka {
        producers,
        records_per_batch,
        batch_bytes,
        task,
    })
}

struct Rskafka {
    producers: Vec<Arc<BatchProducer<RecordAggregator>>>,
    records_per_batch: u64,
    batch_bytes: u64,
    task: Task,
}

impl FutureClient for Rskafka {
    type Delivery = Delivery;

    /// Nothing else limits the memory of unacknowledged records.
    const WINDOW: usize = 100_000;

    async fn send(&self, index: u64) -> Result<Delivery, String> {
        let partition = (index / self.records_per_batch) as usize % self.producers.len();
        let record = Record {
            key: None,
            value: Some(self.task.records.value(index).to_vec()),
            headers: BTreeMap::new(),
            timestamp: Utc::now(),
        };
        let producer = Arc::clone(&self.producers[partition]);
        let mut delivery: Delivery = Box::pin(async move {
            producer
                .produce(record)
                .await
                .map(drop)
                .map_err(|error| error.to_string())
        });
        // The first poll of `produce` puts the record into its batch.
        match delivery.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(delivered) => Ok(Box::pin(std::future::ready(delivered))),
            Poll::Pending => Ok(delivery),
        }
    }

    async fn flush(&self) -> Result<(), String> {
        for producer in &self.producers {
            producer.flush().await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

type Delivery = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;
