//! The brokers of a comparison, in their own processes. They count what they receive.

mod cluster;
mod simulated;

use crate::preset::Brokers;
use crate::workload::Workload;

pub(crate) use simulated::serve;

/// Running brokers.
pub(crate) enum Broker {
    Simulated(simulated::Process),
    Cluster(cluster::Cluster),
}

impl Broker {
    /// Starts the brokers of a preset, or connects to the cluster that `BOOTSTRAP` names.
    pub(crate) fn start(brokers: Brokers, workload: &Workload) -> Result<Self, String> {
        if let Ok(bootstrap) = std::env::var("BOOTSTRAP") {
            return cluster::Cluster::given(bootstrap, workload).map(Self::Cluster);
        }
        match brokers {
            Brokers::Blackhole | Brokers::Replicated { .. } => {
                simulated::Process::start(brokers, workload).map(Self::Simulated)
            }
            Brokers::ApacheKafka => cluster::Cluster::start(workload).map(Self::Cluster),
        }
    }

    pub(crate) fn bootstrap(&self) -> &str {
        match self {
            Self::Simulated(process) => &process.bootstrap,
            Self::Cluster(cluster) => &cluster.bootstrap,
        }
    }

    /// A description for the report.
    pub(crate) fn description(&self) -> String {
        match self {
            Self::Simulated(process) => process.description.clone(),
            Self::Cluster(cluster) => cluster.description.clone(),
        }
    }

    /// A topic for one client's turn.
    pub(crate) fn begin_turn(&mut self) -> Result<String, String> {
        match self {
            Self::Simulated(_) => Ok(simulated::TOPIC.into()),
            Self::Cluster(cluster) => cluster.begin_turn(),
        }
    }

    /// The number of records that the topic has received so far.
    pub(crate) fn records(&mut self) -> Result<u64, String> {
        match self {
            Self::Simulated(process) => process.records(),
            Self::Cluster(cluster) => cluster.records(),
        }
    }

    pub(crate) fn end_turn(&mut self) -> Result<(), String> {
        match self {
            Self::Simulated(_) => Ok(()),
            Self::Cluster(cluster) => cluster.end_turn(),
        }
    }

    /// User and system time of the brokers, in seconds; `None` if it is not known.
    pub(crate) fn cpu_s(&self) -> Option<f64> {
        match self {
            Self::Simulated(process) => cpu_s_of(process.pid()),
            Self::Cluster(cluster) => cluster.pids.iter().map(|&pid| cpu_s_of(pid)).sum::<Option<f64>>(),
        }
    }
}

/// User and system time of a process, from /proc.
fn cpu_s_of(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may have any character. Fields 14 and 15 are ticks of 10 ms.
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_time_and_one_that_is_not_has_none() {
        assert!(cpu_s_of(std::process::id()).is_some());
        assert_eq!(cpu_s_of(u32::MAX), None);
    }
}
