//! librdkafka through rust-rdkafka: `BaseProducer`-style sends with a delivery callback on its own polling thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};

use super::{RECORDS_PER_LOOK, cpu_s};
use crate::{Outcome, Settings};

struct Counting(Arc<AtomicU64>);

impl ClientContext for Counting {}

impl ProducerContext for Counting {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_ok() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub(crate) fn run(settings: &Settings) -> Result<Outcome, String> {
    let delivered = Arc::new(AtomicU64::new(0));
    let producer: ThreadedProducer<Counting> = ClientConfig::new()
        .set("bootstrap.servers", settings.bootstrap.as_deref().unwrap_or_default())
        .set("batch.size", settings.batch_bytes.to_string())
        .set("linger.ms", settings.linger.as_millis().to_string())
        .set("max.in.flight.requests.per.connection", settings.in_flight.to_string())
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.type", "none")
        // As many as its queue takes, so that it is never the queue that limits it.
        .set("queue.buffering.max.messages", "1000000")
        .create_with_context(Counting(Arc::clone(&delivered)))
        .map_err(|error| error.to_string())?;
    let value = vec![b'x'; settings.value_bytes];
    let send_one = || loop {
        match producer.send(BaseRecord::<(), _>::to(&settings.topic).payload(&value)) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                std::thread::sleep(Duration::from_micros(100));
            }
            Err((error, _)) => return Err(error.to_string()),
        }
    };
    send_one()?;
    producer.flush(Duration::from_secs(10)).map_err(|error| error.to_string())?;
    let before = delivered.load(Ordering::Relaxed);

    let (started, cpu_before) = (Instant::now(), cpu_s());
    let mut records = 0;
    while started.elapsed() < settings.time {
        for _ in 0..RECORDS_PER_LOOK {
            send_one()?;
        }
        records += RECORDS_PER_LOOK;
    }
    producer.flush(Duration::from_secs(60)).map_err(|error| error.to_string())?;
    let (wall, cpu) = (started.elapsed(), cpu_s() - cpu_before);
    let acknowledged = delivered.load(Ordering::Relaxed) - before;
    Ok(Outcome { records, acknowledged, wall_s: wall.as_secs_f64(), cpu_s: cpu })
}
