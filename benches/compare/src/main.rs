//! The same workload on Linger and on librdkafka, in turns, against one broker process.
//!
//! ```text
//! cargo run --release --manifest-path benches/compare/Cargo.toml
//! ROUNDS=5 SECONDS=2 VALUE=100 BATCH=16384 PARTITIONS=8 LINGER_MS=5 cargo run --release --manifest-path ...
//! BOOTSTRAP=127.0.0.1:9092 TOPIC=bench ...      # your own cluster instead of the simulator
//! ```
//!
//! Each client runs alone in a process of its own, for a stated time, then waits for every acknowledgement; the clock
//! stops at the last of them. CPU is that process's user and system time. The broker is the simulator with its checks
//! and its storage off (`blackhole`), so that it is not what is measured; its CPU is printed to show that.
//! Everything that a client was asked to send must have been acknowledged, or the program fails.

mod broker;
mod clients;
mod report;
mod settings;

use std::process::{Command, ExitCode};

use settings::Settings;

/// What one client did in one round.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Outcome {
    records: u64,
    acknowledged: u64,
    wall_s: f64,
    cpu_s: f64,
}

fn main() -> ExitCode {
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("linger-compare: {error}");
            return ExitCode::from(2);
        }
    };
    let role = std::env::args().nth(1);
    let result = match role.as_deref() {
        Some("broker") => broker::run(&settings),
        Some(client) => clients::run(client, &settings).map(|outcome| {
            println!("{}", serde_json::to_string(&outcome).expect("an outcome is plain numbers"));
        }),
        None => compare(settings),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("linger-compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(mut settings: Settings) -> Result<(), String> {
    let own_broker = match &settings.bootstrap {
        Some(_) => None,
        None => Some(broker::Process::start()?),
    };
    if let Some(broker) = &own_broker {
        settings.bootstrap = Some(broker.bootstrap.clone());
    }
    settings.print();
    let mut rounds: Vec<Vec<Outcome>> = vec![Vec::new(); clients::NAMES.len()];
    for round in 1..=settings.rounds {
        for (client, outcomes) in clients::NAMES.iter().zip(&mut rounds) {
            let outcome = run_alone(client, &settings)?;
            report::print_round(round, client, &outcome);
            outcomes.push(outcome);
        }
    }
    report::print_medians(&clients::NAMES, &rounds);
    if let Some(broker) = own_broker {
        println!("broker: {:.2} s of CPU in all rounds together", broker.cpu_s());
    }
    Ok(())
}

/// Runs one client in a process of its own, so that its CPU and its memory are its own.
fn run_alone(client: &str, settings: &Settings) -> Result<Outcome, String> {
    let own = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let output = Command::new(own)
        .arg(client)
        .env("BOOTSTRAP", settings.bootstrap.as_deref().unwrap_or_default())
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start {client}: {error}"))?;
    let outcome: Outcome = serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("{client} ended with {} and no result", output.status))?;
    if outcome.acknowledged != outcome.records {
        return Err(format!("{client} had {} of {} records acknowledged", outcome.acknowledged, outcome.records));
    }
    Ok(outcome)
}
