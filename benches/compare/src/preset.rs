//! The named comparisons.

use crate::workload::{Kind, Values, Workload};

/// Who takes the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Brokers {
    /// The simulator's blackhole: it acknowledges and counts, and neither checks nor keeps.
    Blackhole,
    /// Three of the simulator's brokers with all their checks, each partition replicated to all of them by followers
    /// whose fetches take so long.
    Replicated { ack_latency_ms: u64 },
    /// One broker of Apache Kafka.
    ApacheKafka,
}

/// One comparison: a workload, and the brokers that it is sent to.
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) brokers: Brokers,
    pub(crate) workload: Workload,
}

/// All of them, in the order in which they are shown.
pub(crate) fn all() -> Vec<Preset> {
    let blackhole = |name, title, workload| Preset {
        name,
        title,
        brokers: Brokers::Blackhole,
        workload,
    };
    let codec = |codec| Workload {
        codec,
        values: Values::Json,
        value_bytes: 1_024,
        batch_bytes: Some(65_536),
        ..Workload::default()
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
        ),
        blackhole(
            "big",
            "100 B records, 1 MB batches",
            Workload {
                batch_bytes: Some(1_000_000),
                ..Workload::default()
            },
        ),
        blackhole(
            "keyed",
            "100,000 keys over 1,000 partitions",
            Workload {
                partitions: 1_000,
                keys: 100_000,
                ..Workload::default()
            },
        ),
        Preset {
            name: "hot",
            title: "One partition, acks after 5 ms, every client's own defaults",
            brokers: Brokers::Replicated { ack_latency_ms: 5 },
            workload: Workload {
                partitions: 1,
                batch_bytes: None,
                linger_ms: None,
                in_flight: None,
                ..Workload::default()
            },
        },
        blackhole(
            "tasks",
            "64 tasks, each awaiting its own record",
            Workload {
                kind: Kind::Tasks,
                ..Workload::default()
            },
        ),
        blackhole(
            "tasks0",
            "64 tasks, each awaiting its own record, linger 0",
            Workload {
                kind: Kind::Tasks,
                linger_ms: Some(0),
                ..Workload::default()
            },
        ),
        blackhole("lz4", "lz4, 1 KiB of JSON, 64 KiB batches", codec("lz4")),
        blackhole("zstd", "zstd, 1 KiB of JSON, 64 KiB batches", codec("zstd")),
        blackhole("paced0", "10,000 records/s, linger 0", paced(0)),
        blackhole("paced5", "10,000 records/s, linger 5 ms", paced(5)),
        blackhole(
            "idle",
            "An awaited record on an idle wire, linger 0",
            Workload {
                kind: Kind::Idle,
                linger_ms: Some(0),
                seconds: 3,
                ..Workload::default()
            },
        ),
        Preset {
            name: "kafka",
            title: "Apache Kafka: 100 B records, 16 KiB batches, 8 partitions",
            brokers: Brokers::ApacheKafka,
            workload: Workload::default(),
        },
    ]
}
