//! The turns of all clients, round after round, and what they come to.

use std::path::PathBuf;

use crate::broker::Broker;
use crate::clients::Client;
use crate::outcome::Latency;
use crate::preset::Preset;
use crate::records;
use crate::report::{self, Report};
use crate::settings::Settings;
use crate::turn::{self, Turn};
use crate::workload::{Kind, Values, Workload};

/// One preset's results.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Comparison {
    pub(crate) preset: String,
    pub(crate) title: String,
    pub(crate) kind: Kind,
    pub(crate) workload: String,
    pub(crate) broker: String,
    pub(crate) machine: String,
    pub(crate) rounds: usize,
    pub(crate) clients: Vec<Entry>,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Entry {
    pub(crate) client: String,
    pub(crate) result: Result<Measurement, Missing>,
}

/// Why there is nothing to show of a client.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) enum Missing {
    /// It cannot do this, or is not here.
    Absent(String),
    /// It tried.
    Failed(String),
}

/// Medians over the rounds, and the rounds.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Measurement {
    pub(crate) version: String,
    pub(crate) settings: String,
    pub(crate) records_per_s: f64,
    pub(crate) client_cpu_ns: f64,
    pub(crate) broker_cpu_ns: Option<f64>,
    pub(crate) latency_us: Option<Latency>,
    pub(crate) turns: Vec<Turn>,
}

pub(crate) fn run(settings: &Settings) -> Result<(), String> {
    let mut report = Report::default();
    for preset in &settings.presets {
        let comparison = compare(preset, settings)?;
        if let Some(directory) = &settings.out {
            report::keep(directory, &comparison)?;
        }
        report.put(comparison);
    }
    println!("{}", report.text(settings.format));
    match report.failures() {
        failures if failures.is_empty() => Ok(()),
        failures => Err(failures.join("\n")),
    }
}

fn compare(preset: &Preset, settings: &Settings) -> Result<Comparison, String> {
    let workload = &preset.workload;
    let mut broker = Broker::start(preset.brokers, workload)?;
    let values = ValuesFile::of(workload)?;
    eprintln!(
        "{}: {workload}; {}; {} rounds",
        preset.name,
        broker.description(),
        settings.rounds
    );
    let mut results: Vec<(Client, Result<Vec<Turn>, Missing>)> = settings
        .clients
        .iter()
        .map(|&client| {
            (
                client,
                client
                    .absence(workload)
                    .map_or_else(|| Ok(Vec::new()), |why| Err(Missing::Absent(why))),
            )
        })
        .collect();
    for (client, result) in &results {
        if let Err(Missing::Absent(why)) = result {
            eprintln!("{:<16} absent: {why}", client.name());
        }
    }
    for round in 1..=settings.rounds {
        for (client, result) in &mut results {
            let Ok(turns) = result else { continue };
            match turn::take(
                *client,
                workload,
                &mut broker,
                values.as_ref().map(|file| file.0.as_path()),
            ) {
                Ok(turn) => {
                    eprintln!("{}", report::progress(round, *client, &turn));
                    turns.push(turn);
                }
                Err(why) => {
                    eprintln!("round {round}  {:<16} FAILED: {why}", client.name());
                    *result = Err(Missing::Failed(why));
                }
            }
        }
    }
    let entry = |(client, result): (Client, Result<Vec<Turn>, Missing>)| Entry {
        client: client.name().into(),
        result: result
            .and_then(|turns| Measurement::of(turns).ok_or_else(|| Missing::Failed("it had no turn".into()))),
    };
    Ok(Comparison {
        preset: preset.name.into(),
        title: preset.title.into(),
        kind: workload.kind,
        workload: workload.to_string(),
        broker: broker.description(),
        machine: machine(),
        rounds: settings.rounds,
        clients: results.into_iter().map(entry).collect(),
    })
}

impl Comparison {
    /// What the others are set against.
    pub(crate) fn linger(&self) -> Option<&Measurement> {
        let linger = self
            .clients
            .iter()
            .find(|entry| entry.client == Client::Linger.name());
        linger.and_then(|entry| entry.result.as_ref().ok())
    }

    pub(crate) fn is_of_latency(&self) -> bool {
        matches!(self.kind, Kind::Paced | Kind::Idle)
    }
}

impl Measurement {
    fn of(turns: Vec<Turn>) -> Option<Self> {
        let first = turns.first()?.outcome.clone();
        let latency = |value: fn(&Latency) -> f64| {
            median(
                turns
                    .iter()
                    .filter_map(|turn| turn.outcome.latency_us.as_ref().map(value)),
            )
        };
        let latency_us = match (
            latency(|l| l.p50),
            latency(|l| l.p99),
            latency(|l| l.p999),
            latency(|l| l.max),
        ) {
            (Some(p50), Some(p99), Some(p999), Some(max)) => Some(Latency { p50, p99, p999, max }),
            _ => None,
        };
        Some(Self {
            version: first.version,
            settings: first.settings,
            records_per_s: median(turns.iter().map(Turn::rate))?,
            client_cpu_ns: median(turns.iter().map(Turn::client_cpu_ns))?,
            broker_cpu_ns: median(turns.iter().filter_map(Turn::broker_cpu_ns)),
            latency_us,
            turns,
        })
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (below, above) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some((values[below] + values[above]) / 2.0)
}

/// A file of JSON values, removed at the end.
struct ValuesFile(PathBuf);

impl ValuesFile {
    fn of(workload: &Workload) -> Result<Option<Self>, String> {
        if workload.values == Values::Constant {
            return Ok(None);
        }
        let path = std::env::temp_dir().join(format!("linger-compare-values-{}", std::process::id()));
        std::fs::write(&path, records::json_lines(workload.value_bytes))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(Some(Self(path)))
    }
}

impl Drop for ValuesFile {
    fn drop(&mut self) {
        // Who has removed it meanwhile wanted it gone too.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What this runs on, as far as it tells.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_or_between_the_two_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), Some(2.5));
        assert_eq!(median(std::iter::empty()), None);
    }
}
