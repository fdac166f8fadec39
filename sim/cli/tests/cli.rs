//! The program `sim`: its output, how it stops, and its errors.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

use rstest::rstest;

fn sim(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.args(arguments.split_whitespace()).env_remove("RUST_LOG");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a command line that ends by itself.
fn run(arguments: &str) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = sim(arguments).output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    (status.code(), text(stdout), text(stderr))
}

/// A server, killed when the test is over.
struct Served {
    child: Child,
    ready: String,
}

impl Served {
    fn start(arguments: &str) -> Self {
        let mut child = sim(arguments).spawn().expect("the binary runs");
        let mut ready = String::new();
        let stdout = child.stdout.as_mut().expect("it is piped");
        // Byte by byte, so that no byte after the line is lost in a buffer.
        let mut byte = [0];
        while stdout.read(&mut byte).expect("it prints a line") == 1 && byte != *b"\n" {
            ready.push(byte[0] as char);
        }
        Self { child, ready }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .expect("kill exists");
        assert!(status.success());
    }

    /// Waits for the end. Returns the exit code and the remaining output.
    fn finish(mut self) -> (Option<i32>, String, String) {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let _ = self
            .child
            .stdout
            .take()
            .expect("it is piped")
            .read_to_string(&mut stdout);
        let _ = self
            .child
            .stderr
            .take()
            .expect("it is piped")
            .read_to_string(&mut stderr);
        (self.child.wait().expect("it ends").code(), stdout, stderr)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    /// One request and its response on a new connection. The response shows that the server has
    /// accepted the connection, so that the server counts it.
    fn ask(address: &str) {
        let mut stream = TcpStream::connect(address).expect("it accepts once it has said so");
        // ApiVersions 0, correlation id 7, without a client id.
        let request = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
        stream.write_all(&request).expect("it reads");
        let mut head = [0; 10];
        stream.read_exact(&mut head).expect("it answers");
        assert_eq!(head[4..], [0, 0, 0, 7, 0, 0], "the correlation id, and no error");
    }

    fn bootstrap(&self) -> &str {
        let (_, remainder) = self
            .ready
            .split_once(" at ")
            .expect("the line names the addresses");
        remainder.split_once(": ").expect("and then the topics").0
    }
}

#[rstest]
#[case("INT")]
#[case("TERM")]
fn it_says_what_it_serves_and_stops_cleanly(#[case] signal: &str) {
    let served = Served::start("serve --brokers 3 --topic orders:6 --port 0 --seed 7");
    let expected = ": orders:6, other topics on demand, replication factor 3, min.insync.replicas 1, ack latency 0, seed 7";
    assert!(
        served.ready.starts_with("Serving 3 brokers at 127.0.0.1:"),
        "{}",
        served.ready
    );
    assert!(served.ready.contains(expected), "{}", served.ready);
    for address in served.bootstrap().split(',') {
        Served::ask(address);
    }
    served.signal(signal);
    let (code, stdout, stderr) = served.finish();
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(
        stdout.starts_with("Stopped after ") && stdout.contains("3 connections, 3 requests (0 produce)"),
        "{stdout}"
    );
}

#[test]
fn json_is_for_programs() {
    let served = Served::start("serve --json --topic orders:6 --port 0 --fault produce:nth=3:appended:lose");
    let ready: serde_json::Value = serde_json::from_str(&served.ready).expect("a line of JSON");
    assert_eq!(
        (&ready["event"], &ready["brokers"], &ready["topics"]["orders"]),
        (&"ready".into(), &1.into(), &6.into())
    );
    Served::ask(ready["bootstrap"].as_str().expect("an address"));
    served.signal("TERM");
    let (code, stdout, _) = served.finish();
    let stopped: serde_json::Value = serde_json::from_str(&stdout).expect("a line of JSON");
    assert_eq!((code, &stopped["event"]), (Some(0), &"stopped".into()));
    assert_eq!(
        (&stopped["connections"], &stopped["faults"][0]["fired"]),
        (&1.into(), &0.into())
    );
}

#[test]
fn a_fault_that_never_fired_is_pointed_out() {
    let served = Served::start("serve --port 0 --fault produce:nth=3:appended:lose");
    served.signal("TERM");
    let (_, stdout, _) = served.finish();
    let expected = "Fault produce:nth=3:appended:lose: matched 0, fired 0. Nothing was tested by it.";
    assert!(stdout.contains(expected), "{stdout}");
}

#[test]
fn a_latency_of_followers_without_followers_is_pointed_out() {
    let served = Served::start("serve --port 0 --ack-latency 5ms");
    served.signal("TERM");
    let (code, _, stderr) = served.finish();
    assert_eq!(code, Some(0));
    assert!(
        stderr.contains("--ack-latency 5ms changes nothing: acks=all waits for followers"),
        "{stderr}"
    );
}

#[test]
fn a_stranger_gets_one_line_of_explanation() {
    let served = Served::start("serve --port 0");
    let mut stream = TcpStream::connect(served.bootstrap()).expect("it accepts");
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("it reads");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty(), "{answer:?}");
    served.signal("TERM");
    let (code, _, stderr) = served.finish();
    assert_eq!(code, Some(0));
    let lines: Vec<_> = stderr.lines().collect();
    assert!(
        lines.len() == 1 && lines[0].contains("the beginning of an HTTP request (47 45 54 20"),
        "{stderr}"
    );
    assert!(
        lines[0].contains("Linger speaks Kafka's protocol in plain text"),
        "{stderr}"
    );
}

#[test]
fn a_closed_stdout_stops_nothing() {
    // The warning is printed before the first line of stdout. Signals are caught by then.
    let mut child = sim("serve --port 0 --ack-latency 5ms")
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut served = Served {
        child,
        ready: String::new(),
    };
    let (mut warning, mut remainder) = (String::new(), String::new());
    stderr.read_line(&mut warning).expect("it prints text");
    assert!(warning.contains("--ack-latency 5ms changes nothing"), "{warning}");
    served.signal("TERM");
    stderr.read_to_string(&mut remainder).expect("it prints text");
    assert_eq!(
        (served.child.wait().expect("it ends").code(), remainder.as_str()),
        (Some(0), "")
    );
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it is bound").port();
    let (code, stdout, stderr) = run(&format!("serve --port {port}"));
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert_eq!(
        stderr,
        format!(
            "error: cannot listen on 127.0.0.1:{port} for broker 0 of 1: the port is in use; choose another \
             (broker i listens on port + i), or 0 for free ones\n"
        )
    );
}

#[rstest]
#[case("serve --brokers 0", "0 brokers: a cluster has 1 to 100")]
#[case("serve --brokers 101", "101 brokers: a cluster has 1 to 100")]
#[case("serve --brokers many", "invalid value 'many' for '--brokers <N>'")]
#[case("serve --port 65535 --brokers 2", "port 65535 with 2 brokers")]
#[case("serve --port 99999", "99999 is not in 0..=65535")]
#[case(
    "serve --port 0 --topic orders:six",
    "\"six\" is no number of partitions: write NAME:PARTITIONS"
)]
#[case(
    "serve --port 0 --topic orders:0",
    "topic \"orders\" has 0 partitions: give 1 to"
)]
#[case("serve --port 0 --topic :6", "a topic needs a name")]
#[case("serve --port 0 --topic or/ders", "topic name \"or/ders\" is invalid")]
#[case("serve --port 0 --topic a --topic a", "topic \"a\" exists already")]
#[case(
    "serve --port 0 --ack-latency 5",
    "\"5\" is not a duration: write a number and a unit"
)]
#[case(
    "serve --port 0 --ack-latency gauss:5ms",
    "unknown latency \"gauss:5ms\": write a duration (5ms), or uniform"
)]
#[case(
    "serve --port 0 --ack-latency uniform:9ms..1ms",
    "min (9ms) is above max (1ms)"
)]
#[case("serve --port 0 --fault produce:explode", "unknown word \"explode\"")]
#[case(
    "serve --port 0 --fault produce:answer=NOPE",
    "\"NOPE\" is no error code of Kafka"
)]
#[case("serve --port 0 --fault lose --blackhole", "cannot be used with")]
#[case(
    "serve --port 0 --replication-factor 2",
    "replication factor 2: it must be from 1 to the number of brokers, 1"
)]
#[case(
    "serve --port 0 --min-insync-replicas 2",
    "min.insync.replicas 2 with replication factor 1"
)]
#[case("serve --port 0 --retention-bytes lots", "\"lots\" is no size")]
#[case(
    "serve --port 0 --max-message-bytes 0",
    "\"0\" is no size: write a number of bytes above 0"
)]
#[case(
    "serve --port 0 --replica-fetch-max-bytes 0",
    "\"0\" is no size: write a number of bytes above 0"
)]
#[case(
    "serve --port 0 --replica-fetch-max-bytes 2GiB",
    "replica.fetch.max.bytes is 2147483648: it must be at most 2147483647"
)]
#[case(
    "serve --port 0 --replica-fetch-response-max-bytes 2GiB",
    "replica.fetch.response.max.bytes is 2147483648: it must be at most 2147483647"
)]
#[case("serve --port 0 --default-partitions 0", "0 partitions")]
#[case("conquer", "unrecognized subcommand 'conquer'")]
fn a_command_line_that_makes_no_sense_is_one_clear_error(#[case] arguments: &str, #[case] message: &str) {
    let (code, stdout, stderr) = run(arguments);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(
        stderr.starts_with("error: ") && stderr.contains(message),
        "{stderr}"
    );
}

#[rstest]
#[case(
    "serve --port 0 --host nowhere.invalid",
    "cannot find the host \"nowhere.invalid\""
)]
#[case("serve --port 0 --host 192.0.2.1", "the address is not one of this machine")]
fn what_this_machine_cannot_do_exits_with_1(#[case] arguments: &str, #[case] message: &str) {
    let (code, _, stderr) = run(arguments);
    assert_eq!(code, Some(1));
    assert!(
        stderr.starts_with("error: ") && stderr.contains(message),
        "{stderr}"
    );
}

#[test]
fn help_teaches_by_examples() {
    let (code, stdout, _) = run("serve --help");
    assert_eq!(code, Some(0));
    for part in [
        "kcat -b 127.0.0.1:19092",
        "lognormal:p50=2ms,p99=40ms",
        "produce:every=100:appended:lose",
        "Exit codes",
    ] {
        assert!(stdout.contains(part), "{part} is missing");
    }
}
