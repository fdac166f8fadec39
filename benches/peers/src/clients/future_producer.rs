//! librdkafka through rust-rdkafka's `FutureProducer`: each record has a future of its own.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};

use super::futures::{self, FutureClient};
use super::librdkafka;
use crate::outcome::Outcome;
use crate::task::{Task, runtime};

pub(crate) fn run(task: Task) -> Result<Outcome, String> {
    let producer: FutureProducer = librdkafka::config(&task)
        .create()
        .map_err(|error| error.to_string())?;
    let workload = task.workload.clone();
    let measured = futures::run(&runtime(&workload)?, Futures { producer, task }, &workload)?;
    let settings = format!(
        "FutureProducer::send_result, {}, 1 ms of sleep when its queue is full, {}; {}",
        futures::describe::<Futures>(&workload),
        workload.workers(),
        librdkafka::SETTINGS
    );
    Ok(Outcome::of(
        "future-producer",
        librdkafka::version(),
        settings,
        measured,
    ))
}

struct Futures {
    producer: FutureProducer,
    task: Task,
}

impl FutureClient for Futures {
    type Delivery = Delivery;

    fn try_send(&self, index: u64) -> Option<Delivery> {
        let Task { topic, records, .. } = &self.task;
        let key = records.key(index);
        let record = FutureRecord::<[u8], [u8]>::to(topic).payload(records.value(index));
        let record = match &key {
            Some(key) => record.key(key),
            None => record,
        };
        self.producer.send_result(record).ok().map(Delivery)
    }

    async fn send(&self, index: u64) -> Result<Delivery, String> {
        let Task { topic, records, .. } = &self.task;
        let key = records.key(index);
        let mut record = FutureRecord::<[u8], [u8]>::to(topic).payload(records.value(index));
        if let Some(key) = &key {
            record = record.key(key);
        }
        loop {
            match self.producer.send_result(record) {
                Ok(delivery) => return Ok(Delivery(delivery)),
                // The `send` of rust-rdkafka would sleep for 100 ms.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                    record = refused;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Err((error, _)) => return Err(error.to_string()),
            }
        }
    }

    async fn flush(&self) -> Result<(), String> {
        let producer = self.producer.clone();
        // flush blocks its thread.
        let flush = tokio::task::spawn_blocking(move || producer.flush(Duration::from_secs(60)));
        flush
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())
    }
}

struct Delivery(DeliveryFuture);

impl Future for Delivery {
    type Output = Result<(), String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|delivered| match delivered {
            Ok(Ok(_)) => Ok(()),
            Ok(Err((error, _))) => Err(error.to_string()),
            Err(_) => Err("the producer ended before the delivery".into()),
        })
    }
}
