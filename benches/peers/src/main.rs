//! The same workload on Linger and on clients of other makers, in turns, with one broker process.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- [--json] [PRESET...]
//! ```
//!
//! Without a preset it runs `main`. `all` means every preset that needs no Apache Kafka. `list`
//! prints the presets. `show` measures nothing and shows the results of `OUT`. The environment:
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `CLIENTS` | the clients in the order of their turns, separated by commas | all but linger-dropped |
//! | `ROUNDS` | the number of turns of each client; the report has the medians | 3 |
//! | `OUT` | a folder for results.json, table.md and chart.svg; results of other presets stay in it | |
//! | `PAGE` | a Markdown page that gets the results of `OUT` between its two marks, and the chart as img/compare.svg | |
//! | `BOOTSTRAP`, `TOPIC`, `BROKER_PIDS` | a cluster of your own instead of the simulator | |
//! | `KAFKA_PORT` | the port of Apache Kafka in preset `kafka`; the next port is used too | 19392 |
//!
//! The variables of `workload.rs` change a preset.
//!
//! Each client runs alone in its own process for a fixed time, and then waits for every
//! acknowledgement. The clock stops at the last acknowledgement. CPU is user and system time of the
//! process. The program fails if a record was not acknowledged, or if the broker counted other
//! records than were sent. A goal that is not met is reported and is no failure.

mod archive;
mod broker;
mod chart;
mod client;
mod client_run;
mod clients;
mod comparison;
mod environment;
mod goal;
mod outcome;
mod page;
mod preset;
mod records;
mod report;
mod rounds;
mod settings;
mod table;
mod task;
mod verdict;
mod workload;

use std::process::ExitCode;

use archive::Archive;
use client::Client;
use report::Format;
use settings::Settings;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["broker"] => broker::serve(),
        ["client", name] => Client::by_name(name).and_then(clients::run).map(|outcome| {
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
        _ => Settings::of(&arguments).and_then(|settings| rounds::run(&settings)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("linger-peers: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Shows the results of `OUT`, and writes them again.
fn show() -> Result<(), String> {
    let archive = Archive::from_env()?.ok_or("OUT names no directory: there is nothing to show")?;
    let report = archive.read()?;
    archive.show(&report)?;
    println!("{}", report.text(Format::Table));
    Ok(())
}
