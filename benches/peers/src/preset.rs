//! The named comparisons.

use crate::goal::{Against, Goal};
use crate::workload::{Kind, Values, Workload};

/// The brokers that receive the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Brokers {
    /// The simulator's blackhole: it acknowledges and counts records, and neither checks nor keeps them.
    Blackhole,
    /// Three of the simulator's brokers with all checks and three replicas. A follower's fetch takes
    /// `ack_latency_ms`.
    Replicated { ack_latency_ms: u64 },
    /// One broker of Apache Kafka.
    ApacheKafka,
}

/// One comparison: a workload, and its brokers.
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) brokers: Brokers,
    pub(crate) workload: Workload,
    pub(crate) goal: Option<Goal>,
}

/// All presets, in the order of the report.
pub(crate) fn all() -> Vec<Preset> {
    let blackhole = |name, title, workload, goal| Preset {
        name,
        title,
        brokers: Brokers::Blackhole,
        workload,
        goal: Some(goal),
    };
    let rate = |rate_min, cpu_max| Goal::Rate {
        against: Against::BestPeer,
        rate_min,
        cpu_max,
    };
    let codec = |codec| Workload {
        codec,
        values: Values::Json,
        value_bytes: 1_024,
        batch_bytes: Some(65_536),
        ..Workload::default()
    };
    let tasks = |linger_ms| Workload {
        kind: Kind::Tasks,
        linger_ms: Some(linger_ms),
        ..Workload::default()
    };
    let thrice_future_producer = Goal::Rate {
        against: Against::FutureProducer,
        rate_min: 3.0,
        cpu_max: None,
    };
    let paced = |linger_ms| Workload {
        kind: Kind::Paced,
        linger_ms: Some(linger_ms),
        seconds: 3,
        ..Workload::default()
    };
    vec![
        blackhole(
            "main",
            "100 B records, 16 KiB batches, 8 partitions",
            Workload::default(),
            rate(2.5, Some(0.4)),
        ),
        blackhole(
            "big",
            "100 B records, 1 MB batches",
            Workload {
                batch_bytes: Some(1_000_000),
                ..Workload::default()
            },
            rate(2.5, Some(0.4)),
        ),
        blackhole(
            "keyed",
            "100,000 keys over 1,000 partitions",
            Workload {
                partitions: 1_000,
                keys: 100_000,
                ..Workload::default()
            },
            rate(2.5, None),
        ),
        Preset {
            name: "hot",
            title: "One partition, acks after 5 ms, each client's own defaults",
            brokers: Brokers::Replicated { ack_latency_ms: 5 },
            workload: Workload {
                partitions: 1,
                batch_bytes: None,
                linger_ms: None,
                in_flight: None,
                ..Workload::default()
            },
            goal: Some(Goal::Rate {
                against: Against::BestPeerInOrder,
                rate_min: 5.0,
                cpu_max: None,
            }),
        },
        Preset {
            name: "replicated",
            title: "24 partitions, acks after 5 ms, each client's own defaults",
            brokers: Brokers::Replicated { ack_latency_ms: 5 },
            workload: Workload {
                partitions: 24,
                batch_bytes: None,
                linger_ms: None,
                in_flight: None,
                ..Workload::default()
            },
            goal: Some(rate(2.0, None)),
        },
        Preset {
            name: "paced0r",
            title: "10,000 records/s, linger 0, acks after 5 ms",
            brokers: Brokers::Replicated { ack_latency_ms: 5 },
            workload: paced(0),
            goal: Some(Goal::Latency { ratio_max: 1.05 }),
        },
        blackhole(
            "tasks",
            "64 tasks, each awaiting its own record, linger 5 ms",
            tasks(5),
            thrice_future_producer,
        ),
        blackhole(
            "tasks0",
            "64 tasks, each awaiting its own record, linger 0",
            tasks(0),
            thrice_future_producer,
        ),
        blackhole(
            "lz4",
            "lz4, 1 KiB of JSON, 64 KiB batches",
            codec("lz4"),
            rate(1.2, None),
        ),
        blackhole(
            "zstd",
            "zstd, 1 KiB of JSON, 64 KiB batches",
            codec("zstd"),
            rate(1.2, None),
        ),
        blackhole(
            "paced0",
            "10,000 records/s, linger 0",
            paced(0),
            Goal::Latency { ratio_max: 1.05 },
        ),
        blackhole(
            "paced5",
            "10,000 records/s, linger 5 ms",
            paced(5),
            Goal::Latency { ratio_max: 1.05 },
        ),
        blackhole(
            "idle",
            "An awaited record on an idle wire, linger 0",
            Workload {
                kind: Kind::Idle,
                linger_ms: Some(0),
                seconds: 3,
                ..Workload::default()
            },
            Goal::AboveFloor { us_max: 100.0 },
        ),
        Preset {
            name: "kafka",
            title: "Apache Kafka: 100 B records, 16 KiB batches, 8 partitions",
            brokers: Brokers::ApacheKafka,
            workload: Workload::default(),
            goal: Some(Goal::Best),
        },
    ]
}

impl Preset {
    /// Applies the environment. The goal is dropped if the environment changes the workload or the
    /// brokers. The time and the number of Tokio's workers do not count.
    pub(crate) fn or_from_env(self) -> Result<Self, String> {
        let workload = self.workload.clone().or_from_env()?;
        let own = Workload {
            seconds: workload.seconds,
            workers: workload.workers,
            ..self.workload
        };
        let is_unchanged = workload == own && std::env::var_os("BOOTSTRAP").is_none();
        Ok(Self {
            goal: self.goal.filter(|_| is_unchanged),
            workload,
            ..self
        })
    }
}
