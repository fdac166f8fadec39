//! `sim serve`: a cluster for any Kafka client, until Ctrl-C.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Instant;

use linger_sim::{Cluster, ClusterBuilder, ClusterError, Latency, Rule, Stats};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::output::{EXIT_FAILURE, EXIT_USAGE, fail, print_line};

const EXAMPLES: &str = "\
Examples:
  Three brokers on ports 19092 to 19094, and a topic of six partitions:
    sim serve --brokers 3 --topic orders:6 --port 19092
    echo hello | kcat -b 127.0.0.1:19092 -t orders -P
    kcat -b 127.0.0.1:19092 -t orders -C -e
  Acks that take as long as replication across data centres, with a tail and a pause each second:
    sim serve --brokers 3 --topic orders:6 --ack-latency lognormal:p50=5ms,p99=80ms+stall:every=1s,for=50ms
  Lose the answer to every hundredth produce after the append (does the client store it twice?):
    sim serve --topic orders:6 --fault produce:every=100:appended:lose
  Find a client's own limit: acknowledge everything, keep nothing:
    sim serve --topic orders:8 --blackhole
  In a container or on another machine: listen everywhere, tell clients a name they can reach:
    sim serve --topic orders:6 --host 0.0.0.0 --advertise broker.example

Latencies (--ack-latency):
  5ms                                     always the same
  uniform:1ms..9ms                        each value between equally likely
  lognormal:p50=2ms,p99=40ms              a typical service time with its tail (max=1s caps it)
  pareto:min=1ms,p99=40ms                 a heavier tail (max=1s caps it)
  percentiles:p50=2ms,p90=5ms,p99=40ms    a measured table (min= and max= bound it)
  LATENCY+stall:every=1s,for=50ms         and each second everything stops for 50 ms

Faults (--fault, as often as needed; the first that matches and fires wins):
  [API][:MATCH...][:TRIGGER][:POINT]:EFFECT
  API      produce, fetch, list-offsets, metadata, api-versions, create-topics, delete-topics,
           init-producer-id, find-coordinator, offset-for-leader-epoch, describe-configs;
           every API if left out
  MATCH    topic=T partition=N broker=N client=ID connection=N version=N window=10s..20s
  TRIGGER  nth=N, times=N, every=N, probability=P; always if left out
  POINT    accepted, parsed, before-append, appended, replicated, replying
  EFFECT   answer=CODE, delay=5ms, throttle=1s, lose, close, reset, truncate=N, corrupt,
           hold=NAME (here for ever: only a test that embeds the cluster can release it)

Exit codes: 0 stopped by Ctrl-C or SIGTERM, 1 could not serve, 2 the command line makes no sense.";

/// Serves a cluster of simulated Kafka brokers on TCP until Ctrl-C.
///
/// Broker i listens on PORT + i. Producers and consumers of any language connect to it as to Apache
/// Kafka, in plain text. Records are kept in memory, and gone when it stops. One line is printed
/// once it is ready, and one when it stops; warnings go to stderr.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// How many brokers, 1 to 100
    #[arg(long, value_name = "N", default_value_t = 1)]
    brokers: usize,

    /// A topic to create at the start, with how many partitions; may be given more than once
    #[arg(long = "topic", value_name = "NAME[:PARTITIONS]")]
    topics: Vec<TopicArg>,

    /// The port of broker 0; 0 takes free ports
    #[arg(long, value_name = "PORT", default_value_t = 9092)]
    port: u16,

    /// The address to listen on; 0.0.0.0 for every interface
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    host: String,

    /// The host that clients are told to connect to, if it is not the one listened on
    #[arg(long, value_name = "HOST")]
    advertise: Option<String>,

    /// How long a follower takes to fetch, which acks=all waits for: needs more than one broker
    /// (see --help)
    #[arg(long, value_name = "LATENCY", default_value = "0")]
    ack_latency: Latency,

    /// Bytes of one partition that a follower's fetch takes at most, but one batch at least
    #[arg(long, value_name = "SIZE", default_value = "1MiB")]
    replica_fetch_max_bytes: Size,

    /// Bytes of all partitions together that a follower's fetch takes at most
    #[arg(long, value_name = "SIZE", default_value = "10MiB")]
    replica_fetch_response_max_bytes: Size,

    /// Replicas of each partition; 3, or as many as there are brokers, if not given
    #[arg(long, value_name = "N")]
    replication_factor: Option<usize>,

    /// Replicas that must be in sync for acks=all
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_insync_replicas: usize,

    /// Create a topic when a client asks for an unknown one (the default)
    #[arg(long, overrides_with = "no_auto_create")]
    auto_create: bool,

    /// Answer that an unknown topic is unknown
    #[arg(long)]
    no_auto_create: bool,

    /// Partitions of a topic that is created without a number
    #[arg(long, value_name = "N", default_value_t = 1)]
    default_partitions: i32,

    /// Bytes of batches kept per partition; older ones are dropped
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    retention_bytes: Size,

    /// The largest batch a partition takes
    #[arg(long, value_name = "SIZE", default_value = "1048588")]
    max_message_bytes: Size,

    /// Acknowledge produce requests unchecked and keep nothing: for measuring clients
    #[arg(long, conflicts_with = "faults")]
    blackhole: bool,

    /// A fault: what goes wrong, and when (see --help); may be given more than once
    #[arg(long = "fault", value_name = "RULE")]
    faults: Vec<Rule>,

    /// What every random choice is drawn from
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// Print the lines at the start and the end as JSON
    #[arg(long)]
    json: bool,
}

/// `NAME` or `NAME:PARTITIONS`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TopicArg {
    name: String,
    /// `None`: as many as `--default-partitions`.
    partitions: Option<i32>,
}

impl FromStr for TopicArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, partitions) = match text.split_once(':') {
            None => (text, None),
            Some((name, count)) => {
                let count = count.parse().map_err(|_| {
                    format!("{count:?} is no number of partitions: write NAME:PARTITIONS, as in orders:6")
                })?;
                (name, Some(count))
            }
        };
        if name.is_empty() {
            return Err("a topic needs a name: write NAME:PARTITIONS, as in orders:6".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            partitions,
        })
    }
}

/// A number of bytes, with an optional unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size(usize);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(unit_at);
        let unit: Option<usize> = match unit.trim() {
            "" | "B" => Some(1),
            "KiB" => Some(1 << 10),
            "MiB" => Some(1 << 20),
            "GiB" => Some(1 << 30),
            "kB" => Some(1_000),
            "MB" => Some(1_000_000),
            "GB" => Some(1_000_000_000),
            _ => None,
        };
        let size = number
            .parse()
            .ok()
            .zip(unit)
            .and_then(|(number, unit): (usize, _)| number.checked_mul(unit));
        let size = size.filter(|&size| size > 0);
        size.map(Self).ok_or_else(|| {
            format!(
                "{text:?} is no size: write a number of bytes above 0, or with a unit, as in 64MiB or 500kB"
            )
        })
    }
}

/// Serves until a signal says to stop.
pub(crate) fn run(args: Args) -> ExitCode {
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            return fail(
                EXIT_FAILURE,
                &format_args!("cannot start the runtime's threads: {error}"),
            );
        }
    };
    runtime.block_on(async {
        match serve(args).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) if error.is_usage() => fail(EXIT_USAGE, &error),
            Err(error) => fail(EXIT_FAILURE, &error),
        }
    })
}

async fn serve(args: Args) -> Result<(), ClusterError> {
    // Watch signals before the ready line is printed: a reader of that line may send one at once.
    let stop = stop_signal().map_err(ClusterError::System)?;
    let cluster = args.cluster().start().await?;
    if args.has_no_followers() {
        tracing::warn!(
            "--ack-latency {} changes nothing: acks=all waits for followers, and with one replica there is none; \
             give --brokers 3",
            args.ack_latency
        );
    }
    let started = Instant::now();
    print_line(&if args.json {
        args.ready_json(&cluster)
    } else {
        args.ready_line(&cluster)
    });
    stop.await;
    let stats = cluster.stats();
    let reports = cluster.fault_reports();
    let seconds = started.elapsed().as_secs_f64();
    cluster.shutdown().await;
    if args.json {
        let fired: Vec<_> = reports
            .iter()
            .map(|report| json!({"rule": report.rule.to_string(), "fired": report.fired}))
            .collect();
        print_line(&stopped_json(&stats, seconds, &fired));
        return Ok(());
    }
    print_line(&format!("Stopped after {seconds:.1} s: {stats}."));
    for report in reports {
        let never = if report.fired == 0 {
            " Nothing was tested by it."
        } else {
            ""
        };
        print_line(&format!(
            "Fault {}: matched {}, fired {}.{never}",
            report.rule, report.matched, report.fired
        ));
    }
    Ok(())
}

/// Completes on Ctrl-C or SIGTERM. The signals are caught from the moment this function returns.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    {
        Ok(async {
            // Without a handler no signal arrives, so serving goes on.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

impl Args {
    fn cluster(&self) -> ClusterBuilder {
        let mut builder = Cluster::builder()
            .brokers(self.brokers)
            .min_insync_replicas(self.min_insync_replicas)
            .ack_latency(self.ack_latency.clone())
            .replica_fetch_max_bytes(self.replica_fetch_max_bytes.0)
            .replica_fetch_response_max_bytes(self.replica_fetch_response_max_bytes.0)
            .auto_create_topics(!self.no_auto_create)
            .default_partitions(self.default_partitions)
            .retention_bytes(self.retention_bytes.0 as u64)
            .max_message_bytes(self.max_message_bytes.0)
            .blackhole(self.blackhole)
            .seed(self.seed)
            .host(&self.host)
            .port(self.port);
        if let Some(factor) = self.replication_factor {
            builder = builder.replication_factor(factor);
        }
        if let Some(host) = &self.advertise {
            builder = builder.advertised_host(host);
        }
        for topic in &self.topics {
            builder = builder.topic(&topic.name, topic.partitions.unwrap_or(self.default_partitions));
        }
        self.faults
            .iter()
            .fold(builder, |builder, rule| builder.fault(rule.clone()))
    }

    /// Whether a latency of followers was given, and there are no followers. A blackhole delays its
    /// responses itself.
    fn has_no_followers(&self) -> bool {
        let factor = self.replication_factor.unwrap_or(self.brokers);
        factor == 1 && !self.ack_latency.is_zero() && !self.blackhole
    }

    fn ready_line(&self, cluster: &Cluster) -> String {
        let count = cluster.broker_count();
        let plural = if count == 1 { "broker" } else { "brokers" };
        let mut line = format!("Serving {count} {plural} at {}: ", cluster.bootstrap());
        for topic in &self.topics {
            let _ = write!(
                line,
                "{}:{}, ",
                topic.name,
                topic.partitions.unwrap_or(self.default_partitions)
            );
        }
        if !self.no_auto_create {
            let _ = write!(line, "other topics on demand, ");
        }
        if self.blackhole {
            let _ = write!(line, "a blackhole, ");
        } else {
            let factor = self.replication_factor.unwrap_or_else(|| count.min(3));
            let _ = write!(
                line,
                "replication factor {factor}, min.insync.replicas {}, ",
                self.min_insync_replicas
            );
        }
        let _ = write!(line, "ack latency {}, ", self.ack_latency);
        if !self.faults.is_empty() {
            let _ = write!(line, "{} faults, ", self.faults.len());
        }
        let _ = write!(line, "seed {}. Ctrl-C stops.", self.seed);
        line
    }

    fn ready_json(&self, cluster: &Cluster) -> String {
        let topics: serde_json::Map<_, _> = self
            .topics
            .iter()
            .map(|topic| {
                (
                    topic.name.clone(),
                    topic.partitions.unwrap_or(self.default_partitions).into(),
                )
            })
            .collect();
        json!({
            "event": "ready",
            "bootstrap": cluster.bootstrap(),
            "brokers": cluster.broker_count(),
            "topics": topics,
            "blackhole": self.blackhole,
            "ack_latency": self.ack_latency.to_string(),
            "seed": self.seed,
        })
        .to_string()
    }
}

fn stopped_json(stats: &Stats, seconds: f64, faults: &[serde_json::Value]) -> String {
    json!({
        "event": "stopped",
        "seconds": seconds,
        "connections": stats.connections,
        "non_kafka_connections": stats.non_kafka_connections,
        "requests": stats.requests,
        "produce_requests": stats.produce_requests,
        "batches": stats.batches,
        "records": stats.records,
        "produce_bytes": stats.produce_bytes,
        "batch_bytes": stats.batch_bytes,
        "bytes_in": stats.bytes_in,
        "bytes_out": stats.bytes_out,
        "faults": faults,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("orders", "orders", None)]
    #[case("orders:6", "orders", Some(6))]
    #[case("a.b-c_1:1", "a.b-c_1", Some(1))]
    fn a_topic_is_a_name_and_perhaps_a_number(
        #[case] text: &str,
        #[case] name: &str,
        #[case] count: Option<i32>,
    ) {
        assert_eq!(
            text.parse(),
            Ok(TopicArg {
                name: name.to_owned(),
                partitions: count
            })
        );
    }

    #[rstest]
    #[case("", "a topic needs a name")]
    #[case(":6", "a topic needs a name")]
    #[case("orders:", "\"\" is no number of partitions")]
    #[case("orders:six", "\"six\" is no number of partitions: write NAME:PARTITIONS")]
    #[case("orders:6:3", "\"6:3\" is no number of partitions")]
    #[case("orders:99999999999", "is no number of partitions")]
    fn what_is_no_topic_is_refused(#[case] text: &str, #[case] message: &str) {
        let error = text.parse::<TopicArg>().unwrap_err();
        assert!(error.contains(message), "{error}");
    }

    #[rstest]
    #[case("1048588", 1_048_588)]
    #[case("64KiB", 65_536)]
    #[case("2MB", 2_000_000)]
    fn sizes_are_read(#[case] text: &str, #[case] bytes: usize) {
        assert_eq!(text.parse(), Ok(Size(bytes)));
    }

    #[rstest]
    #[case("")]
    #[case("0")]
    #[case("MiB")]
    #[case("-1")]
    #[case("1.5MiB")]
    #[case("5 parsecs")]
    #[case("99999999999GiB")]
    fn what_is_no_size_is_refused(#[case] text: &str) {
        assert!(
            text.parse::<Size>()
                .unwrap_err()
                .contains("is no size: write a number of bytes above 0")
        );
    }
}
