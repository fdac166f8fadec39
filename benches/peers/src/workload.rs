//! The workload of a client: environment variables that the harness sets for the client's process.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `BOOTSTRAP`, `TOPIC`, `PARTITIONS` | the cluster, a topic that exists, how many partitions it has | required, bench, 8 |
//! | `WORKLOAD` | `throughput`, `tasks`, `paced`, `idle`: see [`Kind`] | throughput |
//! | `SECONDS` | the measured time | 2 |
//! | `VALUE` | bytes per value | 100 |
//! | `VALUES`, `VALUES_FILE` | `constant`, or `json`: the lines of that file in turn | constant |
//! | `KEYS` | 0: no key. N: record i has the 10 digits of (i * 2654435761 mod 2^32) mod N for its key | 0 |
//! | `BATCH`, `LINGER_MS`, `IN_FLIGHT` | `batch.size`, `linger.ms`, requests in flight; `default` means the client's own | 16384, 5, 5 |
//! | `BATCH_MAX` | Linger only: the size up to which batches grow beyond `BATCH` while they cannot leave | Linger's own |
//! | `CODEC` | none, gzip, snappy, lz4, zstd | none |
//! | `TASKS`, `RATE` | of the workloads `tasks` and `paced` | 64, 10000 |
//! | `WORKERS` | Tokio's worker threads, in the clients that run on Tokio | 2 |
//!
//! Always acks=all, and idempotent if the client can be. One record is delivered before the clock
//! starts. A client that needs more (a virtual machine that compiles at run time) reports how many.

use std::fmt;
use std::time::Duration;

use crate::environment::{number, number_or_default, positive, word};

/// How records are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// One task sends as fast as the client accepts records, and learns of every delivery.
    Throughput,
    /// Many tasks. Each awaits its record before it sends the next.
    Tasks,
    /// Records at even spacing. Latency is from the time when a record was due to its
    /// acknowledgement.
    Paced,
    /// One awaited record, then a pause of 10 ms. Latency is from the call to the acknowledgement.
    Idle,
}

const KINDS: [(&str, Kind); 4] = [
    ("throughput", Kind::Throughput),
    ("tasks", Kind::Tasks),
    ("paced", Kind::Paced),
    ("idle", Kind::Idle),
];

/// The values of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    /// The same value for every record.
    Constant,
    /// 4,096 different log lines.
    Json,
}

const VALUES: [(&str, Values); 2] = [("constant", Values::Constant), ("json", Values::Json)];

pub(crate) const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// The work of a client in one turn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Workload {
    pub(crate) kind: Kind,
    pub(crate) seconds: u64,
    pub(crate) partitions: i32,
    pub(crate) value_bytes: usize,
    pub(crate) values: Values,
    pub(crate) keys: u32,
    /// `None`, here and below: the client's default.
    pub(crate) batch_bytes: Option<u64>,
    pub(crate) linger_ms: Option<u64>,
    pub(crate) in_flight: Option<u64>,
    pub(crate) codec: &'static str,
    pub(crate) tasks: usize,
    pub(crate) rate: u64,
    pub(crate) workers: usize,
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            kind: Kind::Throughput,
            seconds: 2,
            partitions: 8,
            value_bytes: 100,
            values: Values::Constant,
            keys: 0,
            batch_bytes: Some(16_384),
            linger_ms: Some(5),
            in_flight: Some(5),
            codec: "none",
            tasks: 64,
            rate: 10_000,
            workers: 2,
        }
    }
}

impl Workload {
    /// This workload, changed by the environment.
    pub(crate) fn or_from_env(self) -> Result<Self, String> {
        Ok(Self {
            kind: word("WORKLOAD", &KINDS, self.kind)?,
            seconds: positive("SECONDS", self.seconds)?,
            partitions: i32::try_from(positive("PARTITIONS", self.partitions as u64)?)
                .map_err(|error| format!("PARTITIONS: {error}"))?,
            value_bytes: number("VALUE", self.value_bytes)?,
            values: word("VALUES", &VALUES, self.values)?,
            keys: number("KEYS", self.keys)?,
            batch_bytes: number_or_default("BATCH", self.batch_bytes)?,
            linger_ms: number_or_default("LINGER_MS", self.linger_ms)?,
            in_flight: number_or_default("IN_FLIGHT", self.in_flight)?,
            codec: word("CODEC", &CODECS.map(|name| (name, name)), self.codec)?,
            tasks: positive("TASKS", self.tasks as u64)? as usize,
            rate: positive("RATE", self.rate)?,
            workers: positive("WORKERS", self.workers as u64)? as usize,
        })
    }

    /// The variables that describe this workload to a client's process.
    pub(crate) fn to_env(&self) -> Vec<(&'static str, String)> {
        let or_default =
            |number: Option<u64>| number.map_or_else(|| "default".into(), |number| number.to_string());
        vec![
            ("WORKLOAD", name_in(&KINDS, self.kind)),
            ("SECONDS", self.seconds.to_string()),
            ("PARTITIONS", self.partitions.to_string()),
            ("VALUE", self.value_bytes.to_string()),
            ("VALUES", name_in(&VALUES, self.values)),
            ("KEYS", self.keys.to_string()),
            ("BATCH", or_default(self.batch_bytes)),
            ("LINGER_MS", or_default(self.linger_ms)),
            ("IN_FLIGHT", or_default(self.in_flight)),
            ("CODEC", self.codec.into()),
            ("TASKS", self.tasks.to_string()),
            ("RATE", self.rate.to_string()),
            ("WORKERS", self.workers.to_string()),
        ]
    }

    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// The runtime of asynchronous clients, for their settings.
    pub(crate) fn workers(&self) -> String {
        match self.workers {
            1 => "1 Tokio worker".into(),
            several => format!("{several} Tokio workers"),
        }
    }

    pub(crate) fn linger(&self) -> Option<Duration> {
        self.linger_ms.map(Duration::from_millis)
    }
}

fn name_in<T: PartialEq>(words: &[(&str, T)], value: T) -> String {
    words
        .iter()
        .find(|(_, known)| *known == value)
        .map_or_else(String::new, |(name, _)| (*name).into())
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Throughput => write!(f, "one task sends without pause for {} s", self.seconds)?,
            Kind::Tasks => write!(
                f,
                "{} tasks, each awaiting its own record, for {} s",
                self.tasks, self.seconds
            )?,
            Kind::Paced => write!(
                f,
                "{} records/s at even spacing for {} s",
                self.rate, self.seconds
            )?,
            Kind::Idle => write!(f, "an awaited record every 10 ms for {} s", self.seconds)?,
        }
        match self.values {
            Values::Constant => write!(f, "; values of {} B", self.value_bytes)?,
            Values::Json => write!(f, "; JSON log lines of {} B", self.value_bytes)?,
        }
        match self.keys {
            0 => write!(f, " without a key")?,
            keys => write!(f, " with one of {keys} keys")?,
        }
        let or_own = |number: Option<u64>, unit: &str| {
            number.map_or_else(|| "its own".into(), |n| format!("{n}{unit}"))
        };
        write!(
            f,
            "; {} partition{}; batch.size {}, linger {}, in flight {}, codec {}, acks=all",
            self.partitions,
            if self.partitions == 1 { "" } else { "s" },
            or_own(self.batch_bytes, " B"),
            or_own(self.linger_ms, " ms"),
            or_own(self.in_flight, ""),
            self.codec,
        )
    }
}
