//! The turns of all clients, round after round, and what they come to.

use std::path::PathBuf;

use chrono::Utc;

use crate::broker::Broker;
use crate::clients::Client;
use crate::goal::Goal;
use crate::outcome::Latency;
use crate::preset::{Brokers, Preset};
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
    /// The day, in UTC.
    pub(crate) date: String,
    pub(crate) rounds: usize,
    /// None if the workload or the broker is not the preset's own.
    pub(crate) goal: Option<Goal>,
    pub(crate) clients: Vec<Entry>,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Entry {
    pub(crate) client: Client,
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
    let mut failures = Vec::new();
    for preset in &settings.presets {
        match compare(preset, settings) {
            Ok(comparison) => {
                if let Some(archive) = &settings.archive {
                    archive.keep(&comparison)?;
                }
                report.put(comparison);
            }
            // The other presets' results are worth having all the same.
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
    // Round 0 is nobody's result: a virtual machine compiles as it goes, and the first client would bear the cost.
    let first = match preset.brokers {
        Brokers::ApacheKafka => 0,
        Brokers::Blackhole | Brokers::Replicated { .. } => 1,
    };
    for round in first..=settings.rounds {
        // Each round starts with another client, so that none always follows the same one.
        let count = results.len().max(1);
        for step in 0..results.len() {
            let (client, result) = &mut results[(round - first + step) % count];
            let Ok(turns) = result else { continue };
            match turn::take(*client, workload, &mut broker, values) {
                Ok(turn) => {
                    eprintln!("{}", report::progress(round, *client, &turn));
                    if round > 0 {
                        turns.push(turn);
                    }
                }
                Err(why) => {
                    eprintln!("round {round}  {:<16} FAILED: {why}", client.name());
                    *result = Err(Missing::Failed(why));
                }
            }
        }
    }
    let entry = |(client, result): (Client, Result<Vec<Turn>, Missing>)| Entry {
        client,
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
        date: Utc::now().date_naive().to_string(),
        rounds: settings.rounds,
        goal: preset.goal,
        clients: results.into_iter().map(entry).collect(),
    })
}

impl Comparison {
    /// A client's result, if it has one.
    pub(crate) fn of(&self, client: Client) -> Option<&Measurement> {
        let found = self.clients.iter().find(|entry| entry.client == client);
        found.and_then(|entry| entry.result.as_ref().ok())
    }

    /// The peers that have a result.
    pub(crate) fn peers(&self) -> impl Iterator<Item = (Client, &Measurement)> {
        let peers = self.clients.iter().filter(|entry| entry.client.is_peer());
        peers.filter_map(|entry| Some((entry.client, entry.result.as_ref().ok()?)))
    }

    /// The peers that have none.
    pub(crate) fn missing_peers(&self) -> Vec<&'static str> {
        let peers = Client::ALL.into_iter().filter(|client| client.is_peer());
        peers
            .filter(|peer| self.of(*peer).is_none())
            .map(Client::name)
            .collect()
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

    /// CPU of client and broker together, per record.
    pub(crate) fn both_cpu_ns(&self) -> Option<f64> {
        self.broker_cpu_ns.map(|broker| broker + self.client_cpu_ns)
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

/// Results that nobody measured, for the tests of whatever shows results.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    pub(crate) fn comparison(results: Vec<(Client, Measurement)>) -> Comparison {
        let is_of_latency = results.iter().any(|(_, measured)| measured.latency_us.is_some());
        Comparison {
            preset: "main".into(),
            title: "100 B records".into(),
            kind: if is_of_latency {
                Kind::Paced
            } else {
                Kind::Throughput
            },
            workload: "one task sends".into(),
            broker: "sim --blackhole".into(),
            machine: "2 cores".into(),
            date: "2026-11-27".into(),
            rounds: 3,
            goal: None,
            clients: results
                .into_iter()
                .map(|(client, measured)| Entry {
                    client,
                    result: Ok(measured),
                })
                .collect(),
        }
    }

    pub(crate) fn rate(records_per_s: f64, client_cpu_ns: f64) -> Measurement {
        Measurement {
            version: "1.0".into(),
            settings: "acks=all".into(),
            records_per_s,
            client_cpu_ns,
            broker_cpu_ns: Some(100.0),
            latency_us: None,
            turns: Vec::new(),
        }
    }

    pub(crate) fn latency(p50: f64, p99: f64) -> Measurement {
        let latency = Latency {
            p50,
            p99,
            p999: p99,
            max: p99,
        };
        Measurement {
            latency_us: Some(latency),
            ..rate(10_000.0, 1_000.0)
        }
    }
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
