//! The two halves as `tests/interop/run` drives them: brokers of `linger_sim` that say what their
//! logs hold, and linger.
//!
//! ```text
//! interop_linger TOPIC...     the topics have three partitions each
//! ```
//!
//! Runs three clusters of three brokers: one as it should be; one where no follower ever has a
//! record, so that what is acknowledged there was not sent with `acks=all`; and one that loses its
//! answers to Produce, so that a producer is content there only with `acks=0`.
//!
//! Reads commands and writes answers, a line of JSON each: the contract that
//! tests/interop/clients/contract.py describes. Besides `produce` it knows `holds`, which answers
//! with every record of a topic in the leaders' logs.

mod contract;
mod produce;

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Duration;

use linger_sim::{Cluster, ClusterBuilder, Effect, Rule};

use crate::contract::{Answer, ClusterName, Command, PARTITIONS, Stored};

/// Longer than a run.
const NEVER: Duration = Duration::from_secs(3600);

struct Clusters {
    replicated: Cluster,
    unreplicated: Cluster,
    silent: Cluster,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let clusters = Clusters {
        replicated: three_brokers().start().await?,
        unreplicated: three_brokers()
            .ack_latency(NEVER)
            .replica_lag_time_max(NEVER)
            .start()
            .await?,
        silent: three_brokers()
            .fault(Rule::produce().effect(Effect::Lose)?)
            .start()
            .await?,
    };
    say(&Answer::Hello {
        client: "linger",
        replicated: clusters.replicated.bootstrap(),
        unreplicated: clusters.unreplicated.bootstrap(),
        silent: clusters.silent.bootstrap(),
    })?;
    for line in std::io::stdin().lock().lines() {
        let done = match serde_json::from_str(&line?) {
            Ok(command) => carry_out(command, &clusters).await,
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

/// Brokers with the topics that the command line names.
fn three_brokers() -> ClusterBuilder {
    let builder = Cluster::builder().brokers(3);
    std::env::args()
        .skip(1)
        .fold(builder, |builder, topic| builder.topic(&topic, PARTITIONS))
}

async fn carry_out(command: Command, clusters: &Clusters) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Produce(job) => {
            for place in produce::produce(&job).await? {
                say(&Answer::Placed(place))?;
            }
        }
        Command::Holds { topic, cluster } => {
            let cluster = match cluster {
                ClusterName::Replicated => &clusters.replicated,
                ClusterName::Unreplicated => &clusters.unreplicated,
                ClusterName::Silent => &clusters.silent,
            };
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
