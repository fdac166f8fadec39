//! What the environment says, with defaults, and printed before anything runs.

use std::time::Duration;

/// The workload, the same for every client.
pub(crate) struct Settings {
    pub(crate) rounds: usize,
    pub(crate) time: Duration,
    pub(crate) value_bytes: usize,
    pub(crate) batch_bytes: usize,
    pub(crate) partitions: i32,
    pub(crate) linger: Duration,
    pub(crate) in_flight: usize,
    pub(crate) bootstrap: Option<String>,
    pub(crate) topic: String,
    /// Whether Linger's deliveries are awaited one by one, as librdkafka's callback sees each.
    pub(crate) awaited: bool,
}

fn number(name: &str, default: u64) -> Result<u64, String> {
    match std::env::var(name) {
        Err(_) => Ok(default),
        Ok(text) => match text.parse() {
            Ok(0) | Err(_) => Err(format!("{name}={text}: it is a whole number from 1")),
            Ok(number) => Ok(number),
        },
    }
}

impl Settings {
    pub(crate) fn from_env() -> Result<Self, String> {
        Ok(Self {
            rounds: number("ROUNDS", 3)? as usize,
            time: Duration::from_secs(number("SECONDS", 2)?),
            value_bytes: number("VALUE", 100)? as usize,
            batch_bytes: number("BATCH", 16_384)? as usize,
            partitions: i32::try_from(number("PARTITIONS", 8)?).map_err(|error| format!("PARTITIONS: {error}"))?,
            linger: Duration::from_millis(number("LINGER_MS", 5)?),
            in_flight: number("IN_FLIGHT", 5)? as usize,
            bootstrap: std::env::var("BOOTSTRAP").ok(),
            topic: std::env::var("TOPIC").unwrap_or_else(|_| "bench".into()),
            awaited: std::env::var("AWAITED").map_or(true, |text| text != "no"),
        })
    }

    pub(crate) fn print(&self) {
        println!(
            "{} rounds of {:?}; values of {} B without a key, batch.size {} B, {} partitions, linger {:?}, \
             {} in flight, acks=all, idempotent, no codec; deliveries {}; broker {}",
            self.rounds,
            self.time,
            self.value_bytes,
            self.batch_bytes,
            self.partitions,
            self.linger,
            self.in_flight,
            if self.awaited { "awaited" } else { "dropped (flush counts them)" },
            self.bootstrap.as_deref().unwrap_or("none"),
        );
    }
}
