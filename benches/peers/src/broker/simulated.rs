//! The simulator in its own process. It reports on request how many records it has received.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use linger_sim::{Cluster, ClusterBuilder};

use crate::environment::number;
use crate::preset::Brokers;
use crate::workload::Workload;

pub(crate) const TOPIC: &str = "bench";

/// Bytes of batches that the replicated brokers keep per partition.
const RETENTION_BYTES: u64 = 64 << 20;

/// The variable with the time of a follower's fetch. Without it, the process is a blackhole.
const ACK_LATENCY_MS: &str = "ACK_LATENCY_MS";

/// A child process that runs [`serve`]. It ends on drop.
pub(crate) struct Process {
    child: Child,
    requests: ChildStdin,
    responses: BufReader<ChildStdout>,
    pub(crate) bootstrap: String,
    pub(crate) description: String,
}

impl Process {
    pub(crate) fn start(brokers: Brokers, workload: &Workload) -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
        let mut command = Command::new(own);
        command
            .arg("broker")
            .env("PARTITIONS", workload.partitions.to_string());
        let description = match brokers {
            Brokers::Replicated { ack_latency_ms } => {
                command.env(ACK_LATENCY_MS, ack_latency_ms.to_string());
                format!(
                    "sim: 3 brokers in one process, 3 replicas, all checks, acks after {ack_latency_ms} ms, {} MiB kept",
                    RETENTION_BYTES >> 20
                )
            }
            Brokers::Blackhole | Brokers::ApacheKafka => "sim --blackhole, 1 broker".into(),
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start the broker's process: {error}"))?;
        let (Some(requests), Some(responses)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the broker's process has no pipes".into());
        };
        let mut process = Self {
            child,
            requests,
            responses: BufReader::new(responses),
            bootstrap: String::new(),
            description,
        };
        process.bootstrap = process.read_line()?;
        Ok(process)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn records(&mut self) -> Result<u64, String> {
        writeln!(self.requests, "records").map_err(|error| format!("the broker does not listen: {error}"))?;
        let answer = self.read_line()?;
        answer
            .parse()
            .map_err(|_| format!("the broker responses {answer:?} and not a number"))
    }

    fn read_line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.responses
            .read_line(&mut line)
            .map_err(|error| format!("the broker says nothing: {error}"))?;
        match line.trim() {
            "" => Err("the broker's process has ended".into()),
            line => Ok(line.into()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if the process has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until stdin ends, which happens when the parent process ends. Prints the number of
/// records for each line `records`.
pub(crate) fn serve() -> Result<(), String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let cluster = runtime
        .block_on(builder()?.start())
        .map_err(|error| error.to_string())?;
    println!("{}", cluster.bootstrap());
    for line in std::io::stdin().lines() {
        match line.as_deref() {
            Ok("records") => println!("{}", cluster.stats().records),
            Ok(other) => return Err(format!("the broker is asked {other:?} and knows only `records`")),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

fn builder() -> Result<ClusterBuilder, String> {
    let partitions =
        i32::try_from(number("PARTITIONS", 8_u64)?).map_err(|error| format!("PARTITIONS: {error}"))?;
    let builder = Cluster::builder().topic(TOPIC, partitions);
    if std::env::var(ACK_LATENCY_MS).is_err() {
        return Ok(builder.blackhole(true));
    }
    let latency = Duration::from_millis(number(ACK_LATENCY_MS, 0_u64)?);
    Ok(builder
        .brokers(3)
        .replication_factor(3)
        .ack_latency(latency)
        .retention_bytes(RETENTION_BYTES))
}
