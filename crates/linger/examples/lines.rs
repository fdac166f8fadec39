//! Produces a file, one record per line, and waits until each is acknowledged.
//!
//! ```text
//! lines --bootstrap HOST:PORT[,...] --topic NAME [--codec none|gzip|snappy|lz4|zstd] [--acks all|1|0] FILE
//! ```
//!
//! Exits with 1 when a record was not delivered, with 2 when the command line is wrong.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use linger::{Acks, Compression, Producer, Record};

struct Args {
    bootstrap: String,
    topic: String,
    codec: Compression,
    acks: Acks,
    file: String,
}

fn parse_args() -> Result<Args, Box<dyn Error>> {
    let (mut bootstrap, mut topic, mut file) = (None, None, None);
    let (mut codec, mut acks) = (Compression::None, Acks::All);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--bootstrap" => bootstrap = Some(value()?),
            "--topic" => topic = Some(value()?),
            "--codec" => codec = value()?.parse()?,
            "--acks" => {
                acks = match value()?.as_str() {
                    "all" | "-1" => Acks::All,
                    "1" => Acks::Leader,
                    "0" => Acks::None,
                    other => return Err(format!("--acks {other}: it is all, 1 or 0").into()),
                }
            }
            flag if flag.starts_with("--") => return Err(format!("unknown option {flag}").into()),
            _ => file = Some(word),
        }
    }
    Ok(Args {
        bootstrap: bootstrap.ok_or("--bootstrap HOST:PORT is missing")?,
        topic: topic.ok_or("--topic NAME is missing")?,
        codec,
        acks,
        file: file.ok_or("the FILE to produce is missing")?,
    })
}

async fn produce(args: &Args) -> Result<u64, Box<dyn Error>> {
    let input = std::fs::read(&args.file).map_err(|error| format!("cannot read {}: {error}", args.file))?;
    let producer = Producer::builder()
        .bootstrap_servers(&args.bootstrap)
        .compression(args.codec)
        .acks(args.acks)
        .enable_idempotence(args.acks == Acks::All)
        .connect()
        .await?;
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        // The ledger at the end tells whether all arrived.
        drop(producer.send(Record::to(&args.topic).value(line)).await?);
    }
    let closed = producer.close(Duration::from_secs(60)).await;
    match closed.ledger.failed + closed.ledger.returned {
        0 => Ok(closed.ledger.acknowledged),
        lost => Err(format!("{lost} of {} records were not delivered", closed.ledger.accepted).into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = match parse_args() {
        Ok(args) => args,
        Err(error) => {
            eprintln!("lines: {error}");
            return ExitCode::from(2);
        }
    };
    match produce(&args).await {
        Ok(count) => {
            println!("{count} records acknowledged");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("lines: {error}");
            ExitCode::FAILURE
        }
    }
}
