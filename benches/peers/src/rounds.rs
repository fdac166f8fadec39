//! The runs of all clients, round after round.

use std::path::PathBuf;

use chrono::Utc;
use linger_lab::workload::json_lines::json_lines;

use crate::broker::Broker;
use crate::client::Client;
use crate::client_run::{self, ClientRun};
use crate::clients;
use crate::comparison::{Comparison, Entry, Measurement, Missing};
use crate::preset::{Brokers, Preset};
use crate::report::Report;
use crate::settings::Settings;
use crate::workload::{Values, Workload};

/// Runs all presets, and prints the report.
pub(crate) fn run(settings: &Settings) -> Result<(), String> {
    let mut report = Report::default();
    let mut failures = Vec::new();
    for preset in &settings.presets {
        match compare(preset, settings) {
            Ok(comparison) => {
                if let Some(archive) = &settings.archive {
                    archive.keep(&comparison)?;
                }
                report.put(comparison);
            }
            // The other presets still run.
            Err(why) => failures.push(format!("{}: {why}", preset.name)),
        }
    }
    println!("{}", report.text(settings.format));
    failures.extend(report.failures());
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures.join("\n"))
    }
}

fn compare(preset: &Preset, settings: &Settings) -> Result<Comparison, String> {
    let workload = &preset.workload;
    let mut broker = Broker::start(preset.brokers, workload)?;
    let values_file = ValuesFile::of(workload)?;
    let values = values_file.as_ref().map(|file| file.0.as_path());
    eprintln!(
        "{}: {workload}; {}; {} rounds",
        preset.name,
        broker.description(),
        settings.rounds
    );
    let mut results: Vec<(Client, Result<Vec<ClientRun>, Missing>)> = settings
        .clients
        .iter()
        .map(|&client| {
            (
                client,
                clients::absence(client, workload)
                    .map_or_else(|| Ok(Vec::new()), |why| Err(Missing::Absent(why))),
            )
        })
        .collect();
    for (client, result) in &results {
        if let Err(Missing::Absent(why)) = result {
            eprintln!("{:<16} absent: {why}", client.name());
        }
    }
    // Apache Kafka has a round 0 that does not count: its virtual machine compiles the code
    // meanwhile.
    let first = match preset.brokers {
        Brokers::ApacheKafka => 0,
        Brokers::Blackhole | Brokers::Replicated { .. } => 1,
    };
    for round in first..=settings.rounds {
        // Each round starts with another client, so that the order of the clients varies.
        let count = results.len().max(1);
        for step in 0..results.len() {
            let (client, result) = &mut results[(round - first + step) % count];
            let Ok(runs) = result else { continue };
            match client_run::run(*client, workload, &mut broker, values) {
                Ok(run) => {
                    eprintln!("{}", progress(round, *client, &run));
                    if round > 0 {
                        runs.push(run);
                    }
                }
                Err(why) => {
                    eprintln!("round {round}  {:<16} FAILED: {why}", client.name());
                    *result = Err(Missing::Failed(why));
                }
            }
        }
    }
    let entry = |(client, result): (Client, Result<Vec<ClientRun>, Missing>)| Entry {
        client,
        result: result
            .and_then(|runs| Measurement::of(runs).ok_or_else(|| Missing::Failed("it had no run".into()))),
    };
    Ok(Comparison {
        preset: preset.name.into(),
        title: preset.title.into(),
        kind: workload.kind,
        workload: workload.to_string(),
        broker: broker.description(),
        machine: machine(),
        date: Utc::now().date_naive().to_string(),
        rounds: settings.rounds,
        goal: preset.goal,
        clients: results.into_iter().map(entry).collect(),
    })
}

/// A line about a run that ended.
fn progress(round: usize, client: Client, run: &ClientRun) -> String {
    let result = match run.outcome.latency_us {
        Some(latency) => format!("p50 {:>6.0} us  p99 {:>6.0} us", latency.p50, latency.p99),
        None => format!("{:>7.3} M records/s", run.rate() / 1e6),
    };
    let cpu_ns = run.client_cpu_ns();
    format!(
        "round {round}  {:<16} {result}  {cpu_ns:>7.0} ns of CPU per record",
        client.name()
    )
}

/// A file of JSON values, removed on drop.
struct ValuesFile(PathBuf);

impl ValuesFile {
    fn of(workload: &Workload) -> Result<Option<Self>, String> {
        if workload.values == Values::Constant {
            return Ok(None);
        }
        let path = std::env::temp_dir().join(format!("linger-peers-values-{}", std::process::id()));
        std::fs::write(&path, json_lines(workload.value_bytes))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(Some(Self(path)))
    }
}

impl Drop for ValuesFile {
    fn drop(&mut self) {
        // An error means that the file is gone already.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The machine: cores, processor and kernel.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| {
        line.strip_prefix("model name")?
            .split_once(": ")
            .map(|(_, name)| name)
    });
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{cores} cores ({}), Linux {}, loopback TCP",
        model.unwrap_or("of a kind not told").trim(),
        kernel.trim()
    )
}
