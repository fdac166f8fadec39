//! One file per client; each sends the same records by its own best means.

mod linger;
mod rdkafka;

use crate::{Outcome, Settings};

/// The clients, in the order of their turns.
pub(crate) const NAMES: [&str; 2] = ["linger", "rdkafka"];

/// Runs one client and measures it.
pub(crate) fn run(name: &str, settings: &Settings) -> Result<Outcome, String> {
    match name {
        "linger" => linger::run(settings),
        "rdkafka" => rdkafka::run(settings),
        other => Err(format!("unknown client {other}: it is one of {NAMES:?}")),
    }
}

/// User and system time of this process, in seconds.
fn cpu_s() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// How many records are sent between two looks at the clock.
const RECORDS_PER_LOOK: u64 = 1_000;
