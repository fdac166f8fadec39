//! The same bytes to the simulator and to Apache Kafka: the answers must be the same.
//!
//! Each case is a short script over raw TCP, without a client library. `recorded.txt` holds the
//! answers of Apache Kafka. The test runs every case against an embedded cluster and compares, so
//! it needs no Java. `tests/interop/wire/record` records the answers of a real broker again.
//!
//! Environment, for the script and for looking at one case:
//! - `WIRE_BOOTSTRAP=host:port` asks the broker there instead, which must be alone in its cluster;
//! - `WIRE_RECORD=1` writes its answers to `recorded.txt`;
//! - `WIRE_CASE=text` runs only cases whose name contains the text, and prints what they got.

mod answer;
mod batch;
mod cases;
mod recording;
mod request;
mod script;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{SocketAddr, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use linger_sim::Cluster;

use cases::Case;
use script::Script;

/// Number of scripts that run at the same time. A script waits most of its time.
const THREADS: usize = 8;

/// As `tests/interop/apache-kafka` configures its broker.
const DEFAULT_PARTITIONS: i32 = 3;

#[test]
fn the_simulator_answers_as_apache_kafka_does() {
    let cases = chosen(cases::all());
    let recording = env("WIRE_RECORD").is_some();
    let got = match env("WIRE_BOOTSTRAP") {
        Some(bootstrap) => run(&cases, resolve(&bootstrap)),
        None => with_simulator(|address| run(&cases, address)),
    };
    if env("WIRE_CASE").is_some() {
        print!("{}", recording::write(&got));
    }
    if recording {
        return recording::save(&got);
    }
    let problems = differences(&got, &recording::load());
    let text: String = problems.iter().map(|problem| format!("\n{problem}\n")).collect();
    assert!(
        problems.is_empty(),
        "{} of {} cases differ:\n{text}",
        problems.len(),
        got.len()
    );
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn chosen(cases: Vec<Case>) -> Vec<Case> {
    let mut names = BTreeMap::new();
    for case in &cases {
        match names.entry(script::slug(&case.name)) {
            Entry::Vacant(entry) => drop(entry.insert(())),
            Entry::Occupied(_) => panic!("two cases would share the topics of {:?}", case.name),
        }
    }
    let Some(wanted) = env("WIRE_CASE") else {
        return cases;
    };
    cases
        .into_iter()
        .filter(|case| case.name.contains(&wanted))
        .collect()
}

fn resolve(bootstrap: &str) -> SocketAddr {
    let mut addresses = bootstrap.to_socket_addrs().expect("WIRE_BOOTSTRAP is host:port");
    addresses.next().expect("WIRE_BOOTSTRAP has an address")
}

fn with_simulator<R>(use_it: impl FnOnce(SocketAddr) -> R) -> R {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let builder = Cluster::builder()
        .brokers(1)
        .default_partitions(DEFAULT_PARTITIONS);
    let cluster = runtime.block_on(builder.start()).expect("a free port");
    let result = use_it(resolve(cluster.bootstrap()));
    runtime.block_on(cluster.shutdown());
    result
}

/// Runs all cases; what each got, in the cases' order.
fn run(cases: &[Case], address: SocketAddr) -> Vec<(String, Vec<String>)> {
    let broker_id = script::make_ready(address);
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..THREADS.min(cases.len()) {
            scope.spawn(|| {
                while let Some((index, case)) = take(cases, &next) {
                    let mut script = Script::new(&case.name, address, broker_id);
                    if catch_unwind(AssertUnwindSafe(|| (case.run)(&mut script))).is_err() {
                        script.note("the script panicked");
                    }
                    let lines = script.finish();
                    results
                        .lock()
                        .expect("no script panics holding it")
                        .insert(index, lines);
                }
            });
        }
    });
    let results = results.into_inner().expect("no script panics holding it");
    let lines = results
        .into_iter()
        .map(|(index, lines)| (cases[index].name.clone(), lines));
    lines.collect()
}

fn take<'c>(cases: &'c [Case], next: &AtomicUsize) -> Option<(usize, &'c Case)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    cases.get(index).map(|case| (index, case))
}

fn differences(got: &[(String, Vec<String>)], recorded: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, lines) in got {
        match recorded.get(name) {
            None => problems.push(format!(
                "{name}\n  was never recorded: run tests/interop/wire/record"
            )),
            Some(expected) if expected != lines => problems.push(recording::compare(name, lines, expected)),
            Some(_) => {}
        }
    }
    let names: Vec<&String> = got.iter().map(|(name, _)| name).collect();
    let gone = recorded
        .keys()
        .filter(|name| env("WIRE_CASE").is_none() && !names.contains(name));
    problems.extend(gone.map(|name| format!("{name}\n  is recorded, but there is no such case")));
    problems
}
