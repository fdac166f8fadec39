//! Linger: `send`, with every delivery awaited in order, or dropped.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use linger::{Delivery, Producer, Record};

use super::{RECORDS_PER_LOOK, cpu_s};
use crate::{Outcome, Settings};

/// How many deliveries wait before the oldest is awaited.
const WINDOW: usize = 1_000_000;

pub(crate) fn run(settings: &Settings) -> Result<Outcome, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        // A task, so that sending runs on a worker of the runtime as an application's would.
        let settings = (settings.bootstrap.clone().unwrap_or_default(), settings.topic.clone(), settings.value_bytes,
            settings.batch_bytes, settings.linger, settings.in_flight, settings.time, settings.awaited);
        tokio::spawn(produce(settings)).await.map_err(|error| error.to_string())?
    })
}

type Workload = (String, String, usize, usize, Duration, usize, Duration, bool);

async fn produce((bootstrap, topic, value, batch, linger, in_flight, time, awaited): Workload) -> Result<Outcome, String> {
    let producer = Producer::builder()
        .bootstrap_servers(bootstrap)
        .batch_size(batch)
        .linger(linger)
        .max_in_flight(in_flight)
        .connect()
        .await
        .map_err(|error| error.to_string())?;
    let value = vec![b'x'; value];
    producer.deliver(Record::to(&topic).value(&value)).await.map_err(|error| error.to_string())?;

    let (started, cpu_before) = (Instant::now(), cpu_s());
    let mut records = 0;
    let mut acknowledged = 0;
    let mut window: VecDeque<Delivery> = VecDeque::with_capacity(if awaited { WINDOW } else { 0 });
    while started.elapsed() < time {
        for _ in 0..RECORDS_PER_LOOK {
            let delivery = producer.send(Record::to(&topic).value(&value)).await.map_err(|error| error.to_string())?;
            records += 1;
            if awaited {
                if window.len() == WINDOW {
                    if let Some(oldest) = window.pop_front() {
                        oldest.await.map_err(|error| error.to_string())?;
                        acknowledged += 1;
                    }
                }
                window.push_back(delivery);
            }
        }
    }
    for delivery in window {
        delivery.await.map_err(|error| error.to_string())?;
        acknowledged += 1;
    }
    producer.flush().await;
    let (wall, cpu) = (started.elapsed(), cpu_s() - cpu_before);
    let closed = producer.close(Duration::from_secs(10)).await;
    if !awaited {
        acknowledged = closed.ledger.acknowledged - 1;
    }
    Ok(Outcome { records, acknowledged, wall_s: wall.as_secs_f64(), cpu_s: cpu })
}
