//! One file per client; each sends the same records by its own best means.

mod awaited;
mod external;
mod floor;
mod future_producer;
mod krafka;
mod librdkafka;
mod linger;
mod pace;
mod rskafka;

use std::process::Command;

use crate::outcome::Outcome;
use crate::records::Records;
use crate::workload::{Kind, Workload};

/// How many records are sent between two looks at the clock.
const RECORDS_PER_LOOK: u64 = 1_000;

/// How many deliveries a client of `awaited` may leave unanswered.
const WINDOW: usize = 1_000_000;

/// The clients, in the order of their turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Client {
    Linger,
    /// Linger with its deliveries dropped, which `flush` counts.
    LingerDropped,
    Librdkafka,
    FutureProducer,
    Krafka,
    Rskafka,
    Java,
    FranzGo,
    Floor,
}

impl Client {
    pub(crate) const ALL: [Self; 9] = [
        Self::Linger,
        Self::LingerDropped,
        Self::Librdkafka,
        Self::FutureProducer,
        Self::Krafka,
        Self::Rskafka,
        Self::Java,
        Self::FranzGo,
        Self::Floor,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Linger => "linger",
            Self::LingerDropped => "linger-dropped",
            Self::Librdkafka => "librdkafka",
            Self::FutureProducer => "future-producer",
            Self::Krafka => "krafka",
            Self::Rskafka => "rskafka",
            Self::Java => "java",
            Self::FranzGo => "franz-go",
            Self::Floor => "floor",
        }
    }

    /// Whether Linger is set against it: the floor is no producer.
    pub(crate) fn is_peer(self) -> bool {
        match self {
            Self::Linger | Self::LingerDropped | Self::Floor => false,
            Self::Librdkafka
            | Self::FutureProducer
            | Self::Krafka
            | Self::Rskafka
            | Self::Java
            | Self::FranzGo => true,
        }
    }

    /// Whether a partition has its records in the order in which they were sent. Those of rskafka race for their turn.
    pub(crate) fn keeps_order(self) -> bool {
        self != Self::Rskafka
    }

    pub(crate) fn by_name(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|client| client.name() == name)
            .ok_or_else(|| {
                let known: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
                format!("there is no client {name}: it is one of {}", known.join(", "))
            })
    }

    /// Why this client has no turn at a workload, if it has none: what it cannot do, or that it is not built.
    pub(crate) fn absence(self, workload: &Workload) -> Option<String> {
        let cannot = match self {
            Self::LingerDropped if workload.kind != Kind::Throughput => Some("each record is awaited here"),
            Self::Rskafka if workload.keys > 0 => {
                Some("it has no partitioner: its caller chooses each partition")
            }
            Self::Floor if workload.keys > 0 => Some("it has no partitioner"),
            Self::Floor if matches!(workload.kind, Kind::Tasks | Kind::Paced) => {
                Some("it is one blocking thread")
            }
            Self::Linger
            | Self::LingerDropped
            | Self::Librdkafka
            | Self::FutureProducer
            | Self::Krafka
            | Self::Rskafka
            | Self::Floor => None,
            Self::Java | Self::FranzGo => return external::absence(self.name()),
        };
        cannot.map(Into::into)
    }

    /// The process that does one workload: this program once more, or a peer's.
    pub(crate) fn command(self) -> Result<Command, String> {
        match self {
            Self::Java | Self::FranzGo => Ok(external::command(self.name())),
            _ => {
                let own =
                    std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
                let mut command = Command::new(own);
                command.args(["client", self.name()]);
                Ok(command)
            }
        }
    }

    /// Does the workload of the environment in this process.
    pub(crate) fn run(self) -> Result<Outcome, String> {
        let workload = Workload::default().or_from_env()?;
        let task = Task {
            bootstrap: std::env::var("BOOTSTRAP")
                .map_err(|_| "BOOTSTRAP is missing: it takes host:port,...")?,
            topic: std::env::var("TOPIC").unwrap_or_else(|_| "bench".into()),
            records: Records::of(&workload)?,
            workload,
        };
        if let Some(why) = self.absence(&task.workload) {
            return Err(format!("{} does not do this: {why}", self.name()));
        }
        match self {
            Self::Linger => linger::run(task),
            Self::LingerDropped => linger::run_dropped(&task),
            Self::Librdkafka => librdkafka::run(task),
            Self::FutureProducer => future_producer::run(task),
            Self::Krafka => krafka::run(task),
            Self::Rskafka => rskafka::run(task),
            Self::Floor => floor::run(&task),
            Self::Java | Self::FranzGo => Err(format!("{} is a program of its own", self.name())),
        }
    }
}

/// What a client's process is to do, and where.
pub(crate) struct Task {
    bootstrap: String,
    topic: String,
    workload: Workload,
    records: Records,
}

/// The version of a crate as this package's lock file has it.
fn locked_version(name: &str) -> String {
    let wanted = format!("name = \"{name}\"");
    let mut lines = include_str!("../../Cargo.lock")
        .lines()
        .skip_while(|line| *line != wanted);
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = \""));
    version.map_or_else(
        || "unknown".into(),
        |version| version.trim_end_matches('"').into(),
    )
}

/// What every asynchronous client of this program runs on.
fn runtime(workload: &Workload) -> Result<tokio::runtime::Runtime, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workload.workers)
        .enable_all()
        .build();
    runtime.map_err(|error| format!("cannot start a Tokio runtime: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_written_as_it_is_named() {
        for client in Client::ALL {
            let written = serde_json::to_string(&client).expect("a name is text");
            assert_eq!(written, format!("{:?}", client.name()));
            assert_eq!(Client::by_name(client.name()), Ok(client));
        }
    }

    #[test]
    fn the_lock_file_knows_the_peers() {
        for name in ["linger", "rdkafka", "krafka", "rskafka"] {
            assert_ne!(locked_version(name), "unknown", "{name}");
        }
        assert_eq!(locked_version("no-such-crate"), "unknown");
    }
}
