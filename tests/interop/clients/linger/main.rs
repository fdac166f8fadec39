//! The two halves as `tests/interop/run` drives them: brokers of `linger_sim` that say what their logs hold, and linger.
//!
//! ```text
//! interop_linger PORT TOPIC...     three brokers from PORT on, whose topics have three partitions
//! ```
//!
//! Reads commands and writes answers, a line of JSON each: the contract that tests/interop/clients/contract.py
//! describes. Besides `produce` it knows `holds`, which answers with every record of a topic in the brokers' logs.

mod contract;
mod produce;

use std::error::Error;
use std::io::{BufRead, Write};

use linger_sim::Cluster;

use crate::contract::{Answer, Command, PARTITIONS, Stored};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let port = words.next().ok_or("the first PORT is missing")?.parse()?;
    let mut builder = Cluster::builder().brokers(3).host("127.0.0.1").port(port);
    for topic in words {
        builder = builder.topic(&topic, PARTITIONS);
    }
    let cluster = builder.start().await?;
    say(&Answer::Hello {
        client: "linger",
        bootstrap: cluster.bootstrap(),
    })?;
    for line in std::io::stdin().lock().lines() {
        let done = match serde_json::from_str(&line?) {
            Ok(command) => carry_out(command, &cluster).await,
            Err(error) => Err(error.into()),
        };
        match done {
            Ok(()) => say(&Answer::Done { done: true })?,
            Err(error) => say(&Answer::Failed {
                failed: error.to_string(),
            })?,
        }
    }
    Ok(())
}

async fn carry_out(command: Command, cluster: &Cluster) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Produce(job) => {
            for place in produce::produce(&job).await? {
                say(&Answer::Placed(place))?;
            }
        }
        Command::Holds { topic } => {
            for partition in 0..PARTITIONS {
                for batch in cluster.batches(&topic, partition)? {
                    let codec = batch.header_view().codec();
                    let codec =
                        codec.map_err(|code| format!("a stored batch is of the unknown codec {code}"))?;
                    for record in batch.decode() {
                        say(&Answer::Holds(Stored::new(partition, codec, &record)))?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn say(answer: &Answer<'_>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, answer)?;
    writeln!(out)?;
    out.flush()
}
