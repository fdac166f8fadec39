//! Produces the records of a file with linger.

use std::error::Error;
use std::time::Duration;

use linger::{Acks, Header, PartitionerKind, Producer, Record};

use crate::contract::{Job, Line, Place};

const CLOSE: Duration = Duration::from_secs(30);

/// Sends all, and tells in their order where they went.
pub(crate) async fn produce(job: &Job) -> Result<Vec<Place>, Box<dyn Error>> {
    let producer = Producer::builder()
        .bootstrap_servers(&job.bootstrap)
        .compression(job.codec.parse::<linger::Compression>()?)
        .acks(acks(&job.acks)?)
        .enable_idempotence(job.idempotent)
        .partitioner(partitioner(job.partitioner.as_deref())?)
        .linger(Duration::from_millis(20))
        .connect()
        .await?;
    let mut sent = Vec::new();
    for text in std::fs::read_to_string(&job.file)?.lines() {
        let line: Line = serde_json::from_str(text)?;
        let decoded = line.decode()?;
        let headers = decoded.headers.iter();
        let headers: Vec<Header<'_>> = headers
            .map(|(key, value)| Header {
                key,
                value: value.as_deref(),
            })
            .collect();
        let mut record = Record::to(&job.topic).headers(&headers).timestamp(line.timestamp);
        record.partition = line.partition;
        record.key = decoded.key.as_deref();
        record.value = decoded.value.as_deref();
        sent.push(producer.send(record).await?);
    }
    producer.close(CLOSE).await;
    let mut places = Vec::new();
    for delivery in sent {
        let at = delivery.await?;
        places.push(Place {
            partition: at.partition,
            offset: at.offset,
        });
    }
    Ok(places)
}

fn acks(text: &str) -> Result<Acks, String> {
    match text {
        "all" => Ok(Acks::All),
        "1" => Ok(Acks::Leader),
        "0" => Ok(Acks::None),
        other => Err(format!("acks {other}: it is all, 1 or 0")),
    }
}

fn partitioner(text: Option<&str>) -> Result<PartitionerKind, String> {
    match text {
        None | Some("murmur2") => Ok(PartitionerKind::Murmur2),
        Some("crc32") => Ok(PartitionerKind::Crc32),
        Some(other) => Err(format!("partitioner {other}: it is murmur2 or crc32")),
    }
}
