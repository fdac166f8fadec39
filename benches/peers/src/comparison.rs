//! The results of one preset.

use crate::client::Client;
use crate::client_run::ClientRun;
use crate::goal::Goal;
use crate::outcome::Latency;
use crate::workload::Kind;

/// The results of one preset.
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
    /// `None` if the environment changed the workload or the broker.
    pub(crate) goal: Option<Goal>,
    pub(crate) clients: Vec<Entry>,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Entry {
    pub(crate) client: Client,
    pub(crate) result: Result<Measurement, Missing>,
}

/// Why a client has no result.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) enum Missing {
    /// The client cannot do this workload, or is not built.
    Absent(String),
    /// A run failed.
    Failed(String),
}

/// The medians of the runs, and the runs.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Measurement {
    pub(crate) version: String,
    pub(crate) settings: String,
    pub(crate) records_per_s: f64,
    pub(crate) client_cpu_ns: f64,
    pub(crate) broker_cpu_ns: Option<f64>,
    pub(crate) latency_us: Option<Latency>,
    pub(crate) runs: Vec<ClientRun>,
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
    pub(crate) fn of(runs: Vec<ClientRun>) -> Option<Self> {
        let first = runs.first()?.outcome.clone();
        let latency = |value: fn(&Latency) -> f64| {
            median(
                runs.iter()
                    .filter_map(|run| run.outcome.latency_us.as_ref().map(value)),
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
            records_per_s: median(runs.iter().map(ClientRun::rate))?,
            client_cpu_ns: median(runs.iter().map(ClientRun::client_cpu_ns))?,
            broker_cpu_ns: median(runs.iter().filter_map(ClientRun::broker_cpu_ns)),
            latency_us,
            runs,
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

/// Results with made-up figures, for tests.
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
            runs: Vec::new(),
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
