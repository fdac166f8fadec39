//! Produces numbered records until standard input ends, and writes what became of each: what a test
//! of brokers that fail compares with the log.
//!
//! ```text
//! sleep 30 | outcomes BOOTSTRAP TOPIC RECORDS_PER_SECOND [NAME=VALUE ...] > outcomes.txt
//! ```
//!
//! A line per record: its number, then `acked PARTITION OFFSET`, or `not-written`, or
//! `possibly-written`, or `refused`. The last line is the producer's own count. A record's value is
//! its number and a space, over and over. The settings are a producer's, by Kafka's names, and two
//! of the load: `keys`, how many different keys it has (none with 0), and `record.bytes`, the least
//! length of a value.

use std::error::Error;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use linger::{Acks, Certainty, Compression, Delivery, Ledger, Producer, ProducerBuilder, Record, SendError};

/// How often a share of the records is sent.
const TICKS_PER_SECOND: usize = 100;

/// Longer than any delivery timeout that is useful here.
const CLOSE: Duration = Duration::from_secs(60);

struct Load {
    records_per_second: usize,
    keys: usize,
    record_bytes: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [bootstrap, topic, rate, settings @ ..] = args.as_slice() else {
        return Err("usage: outcomes BOOTSTRAP TOPIC RECORDS_PER_SECOND [NAME=VALUE ...]".into());
    };
    let mut load = Load {
        records_per_second: rate.parse()?,
        keys: 0,
        record_bytes: 0,
    };
    let mut builder = Producer::builder().bootstrap_servers(bootstrap);
    for setting in settings {
        let (name, value) = setting.split_once('=').ok_or("a setting is NAME=VALUE")?;
        builder = set(builder, &mut load, name, value).map_err(|error| format!("{setting}: {error}"))?;
    }
    let producer = builder.connect().await?;
    let sent = send(&producer, topic, &load).await;
    let closed = producer.close(CLOSE).await;
    write(sent, closed.ledger).await?;
    Ok(())
}

fn set(
    builder: ProducerBuilder,
    load: &mut Load,
    name: &str,
    value: &str,
) -> Result<ProducerBuilder, Box<dyn Error>> {
    let ms = || value.parse().map(Duration::from_millis);
    Ok(match name {
        "acks" => builder.acks(match value {
            "all" | "-1" => Acks::All,
            "1" => Acks::Leader,
            "0" => Acks::None,
            _ => return Err("is none of all, 1, 0".into()),
        }),
        "batch.size" => builder.batch_size(value.parse()?),
        "buffer.memory" => builder.buffer_memory(value.parse()?),
        "compression.type" => builder.compression(value.parse::<Compression>()?),
        "delivery.timeout.ms" => builder.delivery_timeout(ms()?),
        "enable.idempotence" => builder.enable_idempotence(value.parse()?),
        "linger.ms" => builder.linger(ms()?),
        "max.block.ms" => builder.max_block(ms()?),
        "max.in.flight.requests.per.connection" => builder.max_in_flight(value.parse()?),
        "request.timeout.ms" => builder.request_timeout(ms()?),
        "keys" => {
            load.keys = value.parse()?;
            builder
        }
        "record.bytes" => {
            load.record_bytes = value.parse()?;
            builder
        }
        _ => return Err("is no setting of this program".into()),
    })
}

/// Becomes true when standard input ends.
fn input_ends() -> Arc<AtomicBool> {
    let ended = Arc::new(AtomicBool::new(false));
    let flag = ended.clone();
    std::thread::spawn(move || {
        // However it ends, it ends.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        flag.store(true, Ordering::Relaxed);
    });
    ended
}

async fn send(producer: &Producer, topic: &str, load: &Load) -> Vec<Result<Delivery, SendError>> {
    let mut sent = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_secs(1) / TICKS_PER_SECOND as u32);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let ended = input_ends();
    while !ended.load(Ordering::Relaxed) {
        tick.tick().await;
        for _ in 0..(load.records_per_second / TICKS_PER_SECOND).max(1) {
            let word = format!("{} ", sent.len());
            let value = word.repeat(load.record_bytes.div_ceil(word.len()).max(1));
            let mut record = Record::to(topic).value(&value);
            let key = sent.len().checked_rem(load.keys).map(|key| key.to_string());
            if let Some(key) = &key {
                record = record.key(key);
            }
            sent.push(producer.send(record).await);
        }
    }
    sent
}

async fn write(sent: Vec<Result<Delivery, SendError>>, ledger: Ledger) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for (number, accepted) in sent.into_iter().enumerate() {
        match accepted {
            Err(_) => writeln!(out, "{number} refused")?,
            Ok(delivery) => match delivery.await {
                Ok(at) => writeln!(out, "{number} acked {} {}", at.partition, at.offset.unwrap_or(-1))?,
                Err(error) if error.certainty() == Certainty::NotWritten => {
                    writeln!(out, "{number} not-written")?
                }
                Err(_) => writeln!(out, "{number} possibly-written")?,
            },
        }
    }
    writeln!(
        out,
        "ledger accepted={} acknowledged={} failed={} returned={} queued={} in_flight={}",
        ledger.accepted, ledger.acknowledged, ledger.failed, ledger.returned, ledger.queued, ledger.in_flight
    )?;
    out.flush()
}
