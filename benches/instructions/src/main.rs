//! Work on a given number of records and nothing else, for counting its instructions: `instructions
//! WORKLOAD COUNT`.
//!
//! `benches/instructions/run` runs each workload under valgrind with two counts and takes the
//! difference, so what a workload sets up and tears down is not counted. A workload must therefore
//! do the same for every record, on one thread, whatever the time is; it checks that the work was
//! done, and says how many units it did, which may be a few more than asked for. `VALUE` in the
//! environment changes the bytes of a value (100).

mod accumulator;
mod batch;
mod broker;
mod producer;
mod sender;

use std::process::ExitCode;

/// A way to do so many units of work, and how many it did.
type Workload = fn(u64) -> u64;

/// With the unit of each.
const WORKLOADS: [(&str, Workload, &str); 9] = [
    ("append", accumulator::append, "record"),
    ("append_keyed", accumulator::append_keyed, "record"),
    ("awaited", accumulator::awaited, "record"),
    ("sender", sender::send, "record"),
    ("send", producer::send, "record"),
    ("sim_produce", broker::produce, "record"),
    ("decode", batch::decode, "record"),
    ("lz4", batch::lz4, "KiB"),
    ("zstd", batch::zstd, "KiB"),
];

const TOPIC: &str = "orders";
const PARTITIONS: i32 = 8;
const BATCH_SIZE: usize = 16 << 10;
const TIMESTAMP: i64 = 1_790_000_000_000;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let workload = words.next().unwrap_or_default();
    let count = words.next().and_then(|count| count.parse().ok());
    let known = WORKLOADS.into_iter().find(|(name, ..)| *name == workload);
    let (Some((_, work, unit)), Some(count)) = (known, count) else {
        let names = WORKLOADS.map(|(name, ..)| name).join(" ");
        eprintln!("usage: instructions WORKLOAD COUNT, with a workload of: {names}");
        return ExitCode::FAILURE;
    };
    println!("{} {unit}", work(count));
    ExitCode::SUCCESS
}

/// The bytes of a value.
fn value() -> Vec<u8> {
    let size = std::env::var("VALUE").map_or(Ok(100), |size| size.parse());
    vec![b'v'; size.expect("VALUE is a number")]
}
