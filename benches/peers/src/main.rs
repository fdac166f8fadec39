//! The same workload on Linger and on its peers, in turns, against one broker process.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- [--json] [PRESET...]
//! ```
//!
//! Without a preset it is `main`; `all` is every one that needs no Apache Kafka; `list` names them; `show` measures nothing
//! and shows what `OUT` has. The environment:
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `CLIENTS` | which, in the order of their turns, separated by commas | all but linger-dropped |
//! | `ROUNDS` | how many turns each has; medians are shown | 3 |
//! | `OUT` | a directory for results.json, table.md and chart.svg; what is there of other presets stays | |
//! | `PAGE` | a Markdown page that shows what `OUT` has between its two marks, and the chart in img/compare.svg beside it | |
//! | `BOOTSTRAP`, `TOPIC`, `BROKER_PIDS` | a cluster of your own instead of the simulator | |
//! | `KAFKA_PORT` | where preset `kafka` starts Apache Kafka; also the port after it | 19392 |
//!
//! Those of `workload.rs` change a preset.
//!
//! Each client runs alone in a process of its own, for a stated time, then waits for every acknowledgement; the clock
//! stops at the last of them. CPU is user and system time of its process. Everything that it was asked to send must have
//! been acknowledged, and must have been counted by the broker, or the program fails. Goals that are not met are told, and
//! are no failure.

mod archive;
mod broker;
mod chart;
mod clients;
mod comparison;
mod environment;
mod goal;
mod outcome;
mod page;
mod preset;
mod records;
mod report;
mod settings;
mod table;
mod turn;
mod workload;

use std::process::ExitCode;

use archive::Archive;
use settings::{Format, Settings};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["broker"] => broker::serve(),
        ["client", name] => clients::Client::by_name(name)
            .and_then(clients::Client::run)
            .map(|outcome| {
                println!(
                    "{}",
                    serde_json::to_string(&outcome).expect("an outcome is text and numbers")
                );
            }),
        ["list"] => {
            preset::all()
                .iter()
                .for_each(|preset| println!("{:<8} {}", preset.name, preset.title));
            Ok(())
        }
        ["show"] => show(),
        _ => Settings::of(&arguments).and_then(|settings| comparison::run(&settings)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("linger-compare: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Shows what is kept, and writes it anew.
fn show() -> Result<(), String> {
    let archive = Archive::from_env()?.ok_or("OUT names no directory: there is nothing to show")?;
    let report = archive.read()?;
    archive.show(&report)?;
    println!("{}", report.text(Format::Table));
    Ok(())
}
