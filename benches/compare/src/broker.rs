//! The simulator in a process of its own, acknowledging and keeping nothing.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::Settings;

/// A child process that runs [`run`]; ends with this value.
pub(crate) struct Process {
    child: Child,
    pub(crate) bootstrap: String,
}

impl Process {
    pub(crate) fn start() -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
        let mut child = Command::new(own)
            .arg("broker")
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start the broker's process: {error}"))?;
        let stdout = child.stdout.take().ok_or("the broker's output is not piped")?;
        let mut bootstrap = String::new();
        BufReader::new(stdout).read_line(&mut bootstrap).map_err(|error| format!("the broker says nothing: {error}"))?;
        match bootstrap.trim() {
            "" => Err("the broker ended before it served".into()),
            address => Ok(Self { bootstrap: address.into(), child }),
        }
    }

    /// User and system time that the broker has used, in seconds; 0 where /proc does not tell.
    pub(crate) fn cpu_s(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let ticks = |field: usize| after_name.split_whitespace().nth(field).and_then(|text| text.parse::<f64>().ok());
        // Fields 14 and 15 of the line, in ticks of which Linux has 100 a second.
        (ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / 100.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until it is killed.
pub(crate) fn run(settings: &Settings) -> Result<(), String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let cluster = linger_sim::Cluster::builder()
            .brokers(1)
            .topic(&settings.topic, settings.partitions)
            .blackhole(true)
            .start()
            .await
            .map_err(|error| error.to_string())?;
        println!("{}", cluster.bootstrap());
        std::future::pending().await
    })
}
