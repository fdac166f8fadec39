//! One file per client. Each client sends the same records by its own best means.

mod external;
mod floor;
mod future_producer;
mod futures;
mod krafka;
mod librdkafka;
mod linger;
mod rskafka;

use std::process::Command;

use crate::client::Client;
use crate::outcome::Outcome;
use crate::task::Task;
use crate::workload::{Kind, Workload};

/// Why a client has no turn at a workload: it cannot do it, or it is not built. `None` if it has
/// one.
pub(crate) fn absence(client: Client, workload: &Workload) -> Option<String> {
    let cannot = match client {
        Client::LingerDropped if workload.kind != Kind::Throughput => Some("each record is awaited here"),
        Client::Rskafka if workload.keys > 0 => {
            Some("it has no partitioner: its caller chooses each partition")
        }
        Client::Floor if workload.keys > 0 => Some("it has no partitioner"),
        Client::Floor if matches!(workload.kind, Kind::Tasks | Kind::Paced) => {
            Some("it is one blocking thread")
        }
        Client::Linger
        | Client::LingerDropped
        | Client::Librdkafka
        | Client::FutureProducer
        | Client::Krafka
        | Client::Rskafka
        | Client::Floor => None,
        Client::Java | Client::FranzGo => return external::absence(client.name()),
    };
    cannot.map(Into::into)
}

/// The process that does one workload: this program, or the program of a peer.
pub(crate) fn command(client: Client) -> Result<Command, String> {
    if matches!(client, Client::Java | Client::FranzGo) {
        return Ok(external::command(client.name()));
    }
    let own = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let mut command = Command::new(own);
    command.args(["client", client.name()]);
    Ok(command)
}

/// Does the workload of the environment in this process.
pub(crate) fn run(client: Client) -> Result<Outcome, String> {
    let task = Task::from_env()?;
    if let Some(why) = absence(client, &task.workload) {
        return Err(format!("{} does not do this: {why}", client.name()));
    }
    match client {
        Client::Linger => linger::run(task),
        Client::LingerDropped => linger::run_dropped(task),
        Client::Librdkafka => librdkafka::run(task),
        Client::FutureProducer => future_producer::run(task),
        Client::Krafka => krafka::run(task),
        Client::Rskafka => rskafka::run(task),
        Client::Floor => floor::run(&task),
        Client::Java | Client::FranzGo => Err(format!("{} is a program of its own", client.name())),
    }
}
