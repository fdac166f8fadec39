//! The named comparisons.

use crate::goal::{Against, Goal};
use crate::workload::{Kind, Values, Workload};

/// The brokers that receive the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Brokers {
    /// The simulator's blackhole: it acknowledges and counts records, and neither checks nor keeps
    /// them.
    Blackhole,
    /// Three of the simulator's brokers with all checks and three replicas. A follower's fetch
    /// takes `ack_latency_ms`.
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
    let groups = [throughput(), replicated(), tasks(), codecs(), latency()];
    let kafka = Preset {
        name: "kafka",
        title: "Apache Kafka: 100 B records, 16 KiB batches, 8 partitions",
        brokers: Brokers::ApacheKafka,
        workload: Workload::default(),
        goal: Some(Goal::Best),
    };
    groups.into_iter().flatten().chain([kafka]).collect()
}

fn blackhole(name: &'static str, title: &'static str, workload: Workload, goal: Goal) -> Preset {
    Preset {
        name,
        title,
        brokers: Brokers::Blackhole,
        workload,
        goal: Some(goal),
    }
}

fn rate(against: Against, rate_min: f64, cpu_max: Option<f64>) -> Goal {
    Goal::Rate {
        against,
        rate_min,
        cpu_max,
    }
}

/// One task that sends without pause.
fn throughput() -> Vec<Preset> {
    let goal = |cpu_max| rate(Against::BestPeer, 2.5, cpu_max);
    let main_title = "100 B records, 16 KiB batches, 8 partitions";
    let big = Workload {
        batch_bytes: Some(1_000_000),
        ..Workload::default()
    };
    let keyed = Workload {
        partitions: 1_000,
        keys: 100_000,
        ..Workload::default()
    };
    vec![
        blackhole("main", main_title, Workload::default(), goal(Some(0.4))),
        blackhole("big", "100 B records, 1 MB batches", big, goal(Some(0.4))),
        blackhole("keyed", "100,000 keys over 1,000 partitions", keyed, goal(None)),
    ]
}

/// Brokers with replicas that acknowledge after 5 ms.
fn replicated() -> Vec<Preset> {
    let preset = |name, title, workload, goal| Preset {
        brokers: Brokers::Replicated { ack_latency_ms: 5 },
        ..blackhole(name, title, workload, goal)
    };
    let own_defaults = |partitions| Workload {
        partitions,
        batch_bytes: None,
        linger_ms: None,
        in_flight: None,
        ..Workload::default()
    };
    vec![
        preset(
            "hot",
            "One partition, acks after 5 ms, each client's own defaults",
            own_defaults(1),
            rate(Against::BestPeerInOrder, 5.0, None),
        ),
        preset(
            "replicated",
            "24 partitions, acks after 5 ms, each client's own defaults",
            own_defaults(24),
            rate(Against::BestPeer, 2.0, None),
        ),
        preset(
            "paced0r",
            "10,000 records/s, linger 0, acks after 5 ms",
            timed(Kind::Paced, 0),
            Goal::Latency { ratio_max: 1.05 },
        ),
    ]
}

/// 64 tasks that await their records.
fn tasks() -> Vec<Preset> {
    let goal = rate(Against::FutureProducer, 3.0, None);
    let workload = |linger_ms| Workload {
        kind: Kind::Tasks,
        linger_ms: Some(linger_ms),
        ..Workload::default()
    };
    let linger_5 = "64 tasks, each awaiting its own record, linger 5 ms";
    let linger_0 = "64 tasks, each awaiting its own record, linger 0";
    vec![
        blackhole("tasks", linger_5, workload(5), goal),
        blackhole("tasks0", linger_0, workload(0), goal),
    ]
}

/// Compressed batches.
fn codecs() -> Vec<Preset> {
    let goal = rate(Against::BestPeer, 1.2, None);
    let workload = |codec| Workload {
        codec,
        values: Values::Json,
        value_bytes: 1_024,
        batch_bytes: Some(65_536),
        ..Workload::default()
    };
    vec![
        blackhole("lz4", "lz4, 1 KiB of JSON, 64 KiB batches", workload("lz4"), goal),
        blackhole(
            "zstd",
            "zstd, 1 KiB of JSON, 64 KiB batches",
            workload("zstd"),
            goal,
        ),
    ]
}

/// Latencies at a modest rate, and on an idle connection.
fn latency() -> Vec<Preset> {
    let goal = Goal::Latency { ratio_max: 1.05 };
    vec![
        blackhole(
            "paced0",
            "10,000 records/s, linger 0",
            timed(Kind::Paced, 0),
            goal,
        ),
        blackhole(
            "paced5",
            "10,000 records/s, linger 5 ms",
            timed(Kind::Paced, 5),
            goal,
        ),
        blackhole(
            "idle",
            "An awaited record on an idle wire, linger 0",
            timed(Kind::Idle, 0),
            Goal::AboveFloor { us_max: 100.0 },
        ),
    ]
}

fn timed(kind: Kind, linger_ms: u64) -> Workload {
    Workload {
        kind,
        linger_ms: Some(linger_ms),
        seconds: 3,
        ..Workload::default()
    }
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
