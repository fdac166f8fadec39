//! One client's run: its own process, with a time limit. The result is compared with the broker's
//! count.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::broker::Broker;
use crate::client::Client;
use crate::clients;
use crate::outcome::Outcome;
use crate::workload::Workload;

/// The time that a client may take beyond its workload: to start, to warm up, to flush.
const GRACE: Duration = Duration::from_secs(120);

/// The result of a run.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct ClientRun {
    pub(crate) outcome: Outcome,
    /// Records that the broker received, those before the clock started included.
    pub(crate) broker_records: u64,
    /// CPU time of the broker.
    pub(crate) broker_cpu_s: Option<f64>,
}

impl ClientRun {
    pub(crate) fn rate(&self) -> f64 {
        self.outcome.acknowledged as f64 / self.outcome.wall_s
    }

    pub(crate) fn client_cpu_ns(&self) -> f64 {
        self.outcome.cpu_s * 1e9 / self.outcome.records as f64
    }

    /// Per received record: the broker does not know when the clock started.
    pub(crate) fn broker_cpu_ns(&self) -> Option<f64> {
        self.broker_cpu_s
            .map(|cpu_s| cpu_s * 1e9 / self.broker_records as f64)
    }
}

/// Runs a client once.
pub(crate) fn run(
    client: Client,
    workload: &Workload,
    broker: &mut Broker,
    values: Option<&Path>,
) -> Result<ClientRun, String> {
    let topic = broker.begin_turn()?;
    let (records_before, cpu_before) = (broker.records()?, broker.cpu_s());
    let mut command = clients::command(client)?;
    command
        .env("BOOTSTRAP", broker.bootstrap())
        .env("TOPIC", &topic)
        .envs(workload.to_env());
    if let Some(values) = values {
        command.env("VALUES_FILE", values);
    }
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let child = child.map_err(|error| format!("cannot start {}: {error}", client.name()))?;
    let line = watch(child, workload.time() + GRACE)?;
    let outcome: Outcome = serde_json::from_str(&line)
        .map_err(|error| format!("its result {:?} is none: {error}", line.trim()))?;
    let broker_cpu_s = broker
        .cpu_s()
        .zip(cpu_before)
        .map(|(after, before)| after - before);
    let run = ClientRun {
        outcome,
        broker_records: broker.records()? - records_before,
        broker_cpu_s,
    };
    broker.end_turn()?;
    check(&run)?;
    Ok(run)
}

/// Waits until a client succeeds. Returns its output.
fn watch(mut child: Child, limit: Duration) -> Result<String, String> {
    let mut stdout = child.stdout.take().ok_or("it has no stdout")?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        // An incomplete output fails when it is parsed.
        let _ = stdout.read_to_string(&mut text);
        // The receiver is gone if the client ran out of time.
        let _ = sender.send(text);
    });
    let Ok(text) = receiver.recv_timeout(limit) else {
        // An error means that the client has ended.
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("it did not end within {limit:?}, and was killed"));
    };
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() {
        Ok(text)
    } else {
        Err(format!("it ended with {status}: see above"))
    }
}

/// Checks that every record was acknowledged, and that the broker received every record once.
fn check(run: &ClientRun) -> Result<(), String> {
    let Outcome {
        records,
        acknowledged,
        warmup_records,
        wall_s,
        ..
    } = run.outcome;
    if records == 0 || wall_s <= 0.0 {
        return Err(format!("it sent {records} records in {wall_s} s"));
    }
    if acknowledged != records {
        return Err(format!("it had {acknowledged} of {records} records acknowledged"));
    }
    let expected = records + warmup_records;
    if run.broker_records != expected {
        return Err(format!(
            "the broker has taken {} records, and the client has sent {expected} ({warmup_records} of them before the clock \
             started)",
            run.broker_records
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(records: u64, acknowledged: u64, broker_records: u64) -> ClientRun {
        let outcome = Outcome {
            client: "client".into(),
            version: "1".into(),
            settings: String::new(),
            warmup_records: 1,
            records,
            acknowledged,
            wall_s: 2.0,
            cpu_s: 1.0,
            latency_us: None,
        };
        ClientRun {
            outcome,
            broker_records,
            broker_cpu_s: Some(0.5),
        }
    }

    #[test]
    fn a_turn_is_good_when_client_and_broker_agree() {
        assert_eq!(check(&run(10, 10, 11)), Ok(()));
    }

    #[test]
    fn a_record_that_is_lost_doubled_or_not_acknowledged_fails_the_turn() {
        for bad in [run(10, 9, 11), run(10, 10, 10), run(10, 10, 12), run(0, 0, 1)] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_a_client_prints_is_given_if_it_ends_well() {
        let run = |script: &str| {
            let child = std::process::Command::new("sh")
                .args(["-c", script])
                .stdout(Stdio::piped())
                .spawn();
            watch(child.expect("sh starts"), Duration::from_secs(30))
        };
        assert_eq!(run("echo result"), Ok("result\n".into()));
        assert!(run("echo result; exit 1").is_err());
    }
}
