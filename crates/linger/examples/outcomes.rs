//! Produces numbered records for a while and writes what became of each: what a test of brokers that die compares with
//! the log.
//!
//! ```text
//! outcomes BOOTSTRAP TOPIC SECONDS RECORDS_PER_SECOND > outcomes.txt
//! ```
//!
//! A line per record: its number, then `acked PARTITION OFFSET`, or `not-written`, or `possibly-written`, or `refused`.

use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

use linger::{Certainty, Delivery, Producer, Record, SendError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [bootstrap, topic, seconds, rate] = args.as_slice() else {
        return Err("usage: outcomes BOOTSTRAP TOPIC SECONDS RECORDS_PER_SECOND".into());
    };
    let (seconds, rate): (u64, u64) = (seconds.parse()?, rate.parse()?);
    let producer = Producer::builder()
        .bootstrap_servers(bootstrap)
        .request_timeout(Duration::from_secs(3))
        .delivery_timeout(Duration::from_secs(30))
        .connect()
        .await?;

    let started = Instant::now();
    let mut sent: Vec<Result<Delivery, SendError>> = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    while started.elapsed() < Duration::from_secs(seconds) {
        tick.tick().await;
        for _ in 0..(rate / 100).max(1) {
            let number = sent.len().to_string();
            sent.push(producer.send(Record::to(topic).value(&number)).await);
        }
    }
    let closed = producer.close(Duration::from_secs(40)).await;

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
    out.flush()?;
    eprintln!("{:?}", closed.ledger);
    Ok(())
}
