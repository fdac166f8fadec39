//! One client's turn: a process of its own, watched, and checked against what the broker has counted.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::broker::Broker;
use crate::clients::Client;
use crate::outcome::Outcome;
use crate::workload::Workload;

/// How much longer than its workload a client may take: to start, to warm up, to flush on a machine with other work.
const GRACE: Duration = Duration::from_secs(120);

/// What came of it.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Turn {
    pub(crate) outcome: Outcome,
    /// What the broker has taken meanwhile, records before the clock started included.
    pub(crate) broker_records: u64,
    /// What the broker has used meanwhile.
    pub(crate) broker_cpu_s: Option<f64>,
}

impl Turn {
    pub(crate) fn rate(&self) -> f64 {
        self.outcome.acknowledged as f64 / self.outcome.wall_s
    }

    pub(crate) fn client_cpu_ns(&self) -> f64 {
        self.outcome.cpu_s * 1e9 / self.outcome.records as f64
    }

    /// Of all records, since the broker cannot tell those before the clock started from the others.
    pub(crate) fn broker_cpu_ns(&self) -> Option<f64> {
        self.broker_cpu_s
            .map(|cpu_s| cpu_s * 1e9 / self.broker_records as f64)
    }
}

/// Runs a client once.
pub(crate) fn take(
    client: Client,
    workload: &Workload,
    broker: &mut Broker,
    values: Option<&Path>,
) -> Result<Turn, String> {
    let topic = broker.begin_turn()?;
    let (records_before, cpu_before) = (broker.records()?, broker.cpu_s());
    let mut command = client.command()?;
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
    let turn = Turn {
        outcome,
        broker_records: broker.records()? - records_before,
        broker_cpu_s,
    };
    broker.end_turn()?;
    check(&turn)?;
    Ok(turn)
}

/// Waits for a client to end well, and gives what it has printed.
fn watch(mut child: Child, limit: Duration) -> Result<String, String> {
    let mut stdout = child.stdout.take().ok_or("it has no stdout")?;
    let (said, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        // Whatever is cut or no text is no result, which is found when it is parsed.
        let _ = stdout.read_to_string(&mut text);
        // Nobody listens any more if the client was given up.
        let _ = said.send(text);
    });
    let Ok(text) = heard.recv_timeout(limit) else {
        // It may just have ended.
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

/// Everything that a client was asked to send must have been acknowledged, and must have arrived, once.
fn check(turn: &Turn) -> Result<(), String> {
    let Outcome {
        records,
        acknowledged,
        warmup_records,
        wall_s,
        ..
    } = turn.outcome;
    if records == 0 || wall_s <= 0.0 {
        return Err(format!("it sent {records} records in {wall_s} s"));
    }
    if acknowledged != records {
        return Err(format!("it had {acknowledged} of {records} records acknowledged"));
    }
    let expected = records + warmup_records;
    if turn.broker_records != expected {
        return Err(format!(
            "the broker has taken {} records, and the client has sent {expected} ({warmup_records} of them before the clock \
             started)",
            turn.broker_records
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(records: u64, acknowledged: u64, broker_records: u64) -> Turn {
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
        Turn {
            outcome,
            broker_records,
            broker_cpu_s: Some(0.5),
        }
    }

    #[test]
    fn a_turn_is_good_when_client_and_broker_agree() {
        assert_eq!(check(&turn(10, 10, 11)), Ok(()));
    }

    #[test]
    fn a_record_that_is_lost_doubled_or_not_acknowledged_fails_the_turn() {
        for bad in [turn(10, 9, 11), turn(10, 10, 10), turn(10, 10, 12), turn(0, 0, 1)] {
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
