//! `sim compare --bootstrap`, on a cluster in the test's process.

mod verdict;

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use linger_protocol::messages::MetadataRequest;
use linger_sim::{Cluster, ClusterBuilder};
use linger_testkit::blocking::Client;
use tokio::runtime::Runtime;

/// Longer than any wait in these tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Few records of one codec, at a modest rate: 0.8 s.
const SMALL: [&str; 6] = ["--codecs", "none", "--limit", "400", "--rate", "1000"];

/// A cluster with its own threads, since a test blocks while it waits for a process.
struct World {
    cluster: Cluster,
    _runtime: Runtime,
}

impl World {
    fn start(builder: ClusterBuilder) -> Self {
        let runtime = Runtime::new().expect("threads");
        let cluster = runtime.block_on(builder.start()).expect("it starts");
        Self {
            cluster,
            _runtime: runtime,
        }
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_sim"))
            .args(["compare", "--bootstrap", self.cluster.bootstrap()])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sim starts")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.spawn(&[&SMALL[..], arguments].concat())
            .wait_with_output()
            .expect("sim ends")
    }

    /// The names of all topics, from a broker.
    fn topics(&self) -> Vec<String> {
        let address = self.cluster.bootstrap().split(',').next().expect("a broker");
        let all = MetadataRequest {
            topics: None,
            ..MetadataRequest::default()
        };
        let answer = Client::connect(address, PATIENCE).call(9, &all);
        let names = answer.topics.iter().filter_map(|topic| topic.name.as_deref());
        names.map(str::to_owned).collect()
    }
}

fn three() -> ClusterBuilder {
    Cluster::builder()
        .brokers(3)
        .replication_factor(3)
        .min_insync_replicas(2)
}

fn message(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// One message with the reason, and no result.
fn check_refused(output: &Output, code: i32, expected: &str) {
    let message = message(output);
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert!(
        message.starts_with("error: ") && message.contains(expected),
        "{message}"
    );
    assert!(
        !message.contains("panicked") && output.stdout.is_empty(),
        "{message}"
    );
}

#[test]
fn a_topic_that_exists_takes_every_run_behind_what_it_held() {
    let world = World::start(three().topic("orders", 2));
    for round in 1..=2 {
        let document = verdict::json(&world.run(&["--topic", "orders", "--json"]));
        assert_eq!(document["bytes_counted_at"], "the producer's sockets");
        assert_eq!(document["cluster"]["topic"], "orders");
        assert_eq!(document["cluster"]["bootstrap"], world.cluster.bootstrap());
        assert!(document["cluster"]["cluster_id"].is_string(), "{document}");
        let settings = &document["settings"];
        assert_eq!(
            (
                &settings["partitions"],
                &settings["brokers"],
                &settings["replication_factor"]
            ),
            (&2.into(), &3.into(), &3.into())
        );
        assert!(settings["ack_latency"].is_null(), "{settings}");
        assert_eq!(document["proof"]["records"], 800);
        // Two runs of 400 records, each after a warm-up of one record per partition.
        assert_eq!(world.cluster.stats().records, round * 2 * (400 + 2));
        assert_eq!(
            world.cluster.high_watermark("orders", 0),
            Some(round as i64 * 2 * 201)
        );
    }
}

#[test]
fn the_producer_counts_what_the_brokers_count() {
    let world = World::start(three().topic("orders", 2));
    let document = verdict::json(&world.run(&["--topic", "orders", "--json"]));
    let sum = |field: &str| {
        let runs =
            ["linger_0", "full"].map(|run| document["codecs"][0][run][field].as_u64().expect("a number"));
        runs.iter().sum::<u64>()
    };
    let stats = world.cluster.stats();
    // The difference is the warm-up: a batch per partition and run, in at most one request each, of
    // less than 300 bytes.
    assert_eq!(stats.batches - sum("batches"), 4);
    assert!(
        (1..=4).contains(&(stats.produce_requests - sum("requests"))),
        "{stats:?}"
    );
    assert!(
        (1..=1200).contains(&(stats.produce_bytes - sum("wire_bytes"))),
        "{stats:?}"
    );
}

#[test]
fn some_of_a_topics_partitions_are_used_if_that_is_asked_for() {
    let world = World::start(three().topic("orders", 4));
    let table = verdict::table(&world.run(&["--topic", "orders", "--partitions", "2"]));
    assert!(
        table.contains("AT THE PRODUCER'S SOCKETS") && table.contains("topic orders"),
        "{table}"
    );
    let ends = [0, 1, 2, 3].map(|partition| world.cluster.high_watermark("orders", partition));
    assert_eq!(ends, [Some(402), Some(402), Some(0), Some(0)]);
    check_refused(
        &world.run(&["--topic", "orders", "--partitions", "5"]),
        2,
        "--partitions 5 is more than topic orders has: take at most 4",
    );
}

#[test]
fn a_topic_that_is_created_is_gone_afterwards() {
    let world = World::start(three());
    let arguments = [
        "--create-topic",
        "--partitions",
        "2",
        "--replication-factor",
        "2",
        "--csv",
    ];
    for line in &verdict::csv(&world.run(&arguments))[1..] {
        assert!(
            line.contains(",producer,") && line.contains(",linger-compare-"),
            "{line}"
        );
    }
    assert_eq!(world.cluster.stats().records, 2 * 402, "two runs on it");
    assert_eq!(world.topics(), [""; 0]);
}

#[test]
fn a_topic_that_is_created_is_gone_after_an_error_too() {
    // A record of 4 KB is larger than the cluster's max.message.bytes.
    let world = World::start(three().max_message_bytes(2000));
    let input = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("large-record.log");
    let large = ["x".repeat(150) + "\n", "y".repeat(4000) + "\n"]
        .concat()
        .repeat(200);
    std::fs::write(&input, large).expect("the build's own directory can be written");
    let input = input.to_str().expect("a readable name");
    let output = world.run(&["--create-topic", "--partitions", "2", "--input", input]);
    check_refused(&output, 1, "record 2 was not delivered: too large for the broker");
    assert!(
        message(&output).contains("max.message.bytes"),
        "{}",
        message(&output)
    );
    assert_eq!(world.topics(), [""; 0]);
}

#[test]
#[cfg(unix)]
fn a_topic_that_is_created_is_gone_after_an_interrupt() {
    let world = World::start(three());
    let endless = ["--codecs", "none", "--limit", "60000", "--rate", "1000"];
    let child = world.spawn(&[&endless[..], &["--create-topic", "--partitions", "2"]].concat());
    let start = Instant::now();
    while world.cluster.stats().records < 10 {
        assert!(start.elapsed() < PATIENCE, "nothing is sent");
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_raw(child.id() as i32).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    let output = child.wait_with_output().expect("sim ends");
    assert_eq!(output.status.code(), Some(130), "{}", message(&output));
    assert!(message(&output).contains("interrupted"), "{}", message(&output));
    assert_eq!(world.topics(), [""; 0]);
}

#[test]
fn what_a_cluster_cannot_do_is_refused_before_anything_is_sent() {
    let world = World::start(three().min_insync_replicas(2).topic("orders", 1));
    let refused = |arguments: &[&str], expected: &str| check_refused(&world.run(arguments), 2, expected);
    refused(
        &["--topic", "nowhere"],
        "--topic nowhere: there is no such topic at 127.0.0.1:",
    );
    refused(&["--topic", "nowhere"], "--create-topic");
    refused(
        &["--create-topic", "--replication-factor", "4"],
        "--replication-factor 4 is more than the cluster has brokers: take at most 3",
    );
    refused(
        &["--create-topic", "--replication-factor", "0"],
        "--replication-factor 0 is out of range",
    );
    refused(
        &["--create-topic", "--ack-latency", "5ms"],
        "--ack-latency is for the simulated cluster",
    );
    refused(
        &["--topic", "orders", "--brokers", "1"],
        "--brokers is for the simulated cluster",
    );
    assert_eq!(world.topics(), ["orders"], "none was created on the way");
    assert_eq!(world.cluster.stats().records, 0);
}

#[test]
fn a_cluster_that_does_not_answer_is_named_with_the_reason() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = unused.local_addr().expect("its address").to_string();
    drop(unused);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
        command.arg("compare").args(arguments).stdin(Stdio::null());
        command.output().expect("sim starts")
    };
    let output = run(&["--bootstrap", &address, "--topic", "orders"]);
    check_refused(
        &output,
        2,
        &format!("no broker of --bootstrap {address} can be used"),
    );
    check_refused(&output, 2, "refused");
    check_refused(
        &run(&["--bootstrap", "not-an-address", "--create-topic"]),
        2,
        "not-an-address",
    );
    check_refused(
        &run(&["--bootstrap", ",", "--create-topic"]),
        2,
        "it names no address",
    );
    check_refused(&run(&["--bootstrap", &address]), 2, "--create-topic");
    check_refused(&run(&["--topic", "orders"]), 2, "--bootstrap");
}
