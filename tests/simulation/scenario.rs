//! A scenario: a cluster, a configuration, a workload and the faults to go with them.

use std::time::Duration;

use linger_core::address::Address;
use linger_core::config::Config;
use linger_protocol::records::Compression;
use linger_sim::Rule;

use crate::history::{Rules, Tp};
use crate::network::Weather;
use crate::workload::Workload;
use linger_sim_model::{BrokerAddress, Control, ModelConfig, TopicSpec};

/// Broker i listens on this port + i.
pub(crate) const FIRST_PORT: i32 = 9092;
/// The wall clock at the origin, in milliseconds since 1970: some day in 2026.
pub(crate) const WALL_CLOCK: i64 = 1_790_000_000_000;

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) brokers: i32,
    pub(crate) min_insync_replicas: i16,
    pub(crate) max_message_bytes: Option<usize>,
    /// One fetch of a follower, in the simulator's words.
    pub(crate) ack_latency: &'static str,
    /// Bytes that one fetch of a follower takes, but one batch at least; as in Kafka if not given.
    pub(crate) fetch_max_bytes: Option<usize>,
    pub(crate) config: Config,
    pub(crate) workload: Workload,
    pub(crate) weather: Weather,
    /// Faults in the simulator's own words; each is confined to the time before `faults_until`.
    pub(crate) faults: Vec<String>,
    pub(crate) controls: Vec<(Duration, Control)>,
    pub(crate) lingers: Vec<LingerChange>,
    pub(crate) faults_until: Duration,
    pub(crate) closing: Closing,
    pub(crate) close_within: Duration,
    /// How long after the close whatever is still on its way may take to arrive.
    pub(crate) drain: Duration,
    pub(crate) new_epochs_max: Option<usize>,
    pub(crate) recovery: Option<Duration>,
}

/// A linger that changes during the run.
#[derive(Clone, Debug)]
pub(crate) struct LingerChange {
    pub(crate) at: Duration,
    pub(crate) whose: Whose,
    pub(crate) linger: Duration,
}

/// Whose linger changes.
#[derive(Clone, Debug)]
pub(crate) enum Whose {
    Partition(Tp),
    /// That of all partitions which this broker leads and which have none of their own.
    Broker(i32),
}

/// When the application closes its producer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Closing {
    /// After every task has been told of all its records.
    WhenDone,
    At {
        at: Duration,
        within: Duration,
    },
}

impl Scenario {
    /// A healthy cluster of three brokers, an idempotent producer with short timeouts, and no
    /// fault.
    pub(crate) fn calm() -> Self {
        let ms = Duration::from_millis;
        let bootstrap = (0..3)
            .map(|broker| Address {
                host: HOST.into(),
                port: port(broker),
            })
            .collect();
        let config = Config {
            bootstrap,
            batch_size: 1_000,
            buffer_memory: 256 * 1024,
            max_request_size: 16 * 1024,
            delivery_timeout: ms(10_000),
            request_timeout: ms(300),
            max_block: ms(6_000),
            retry_backoff: ms(20),
            retry_backoff_max: ms(200),
            reconnect_backoff: ms(10),
            reconnect_backoff_max: ms(100),
            metadata_max_age: ms(2_000),
            socket_connection_setup_timeout: ms(500),
            ..Config::default()
        };
        Self {
            brokers: 3,
            min_insync_replicas: 2,
            max_message_bytes: None,
            ack_latency: "uniform:200us..3ms",
            fetch_max_bytes: None,
            config,
            workload: Workload::default(),
            weather: Weather::calm(),
            faults: Vec::new(),
            controls: Vec::new(),
            lingers: Vec::new(),
            faults_until: ms(1_000),
            closing: Closing::WhenDone,
            close_within: ms(5_000),
            drain: ms(2_000),
            new_epochs_max: Some(0),
            recovery: Some(ms(4_000)),
        }
    }

    /// The same, changed.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The same, but partitions may begin as many new epochs as they like.
    pub(crate) fn with_new_epochs(self) -> Self {
        self.with(|scenario| scenario.new_epochs_max = None)
    }

    /// Adds a fault for the time before `faults_until`.
    pub(crate) fn fault(mut self, rule: impl Into<String>) -> Self {
        self.faults.push(rule.into());
        self
    }

    pub(crate) fn control(mut self, at_ms: u64, control: Control) -> Self {
        self.controls.push((Duration::from_millis(at_ms), control));
        self
    }

    pub(crate) fn rules(&self, config: &Config) -> Rules {
        let idempotent = config.enable_idempotence;
        let is_undisturbed =
            self.faults.is_empty() && self.controls.is_empty() && config.compression == Compression::None;
        Rules {
            idempotent,
            acks: config.acks.code(),
            ordered: idempotent || config.max_in_flight == 1,
            max_in_flight: config.max_in_flight,
            delivery_timeout: config.delivery_timeout,
            retry_backoff: config.retry_backoff,
            linger: is_undisturbed.then_some(config.linger),
            grace: Duration::from_millis(5),
            new_epochs_max: self.new_epochs_max,
            recovery: self.recovery,
        }
    }

    pub(crate) fn model_config(&self, seed: u64) -> ModelConfig {
        let broker = |broker| BrokerAddress {
            host: HOST.into(),
            port: port(broker),
        };
        let mut config = ModelConfig::new((0..self.brokers).map(broker).collect());
        for &(topic, partitions) in &self.workload.topics {
            config.topics.push(TopicSpec {
                message_bytes_max: self.max_message_bytes,
                ..TopicSpec::new(topic, partitions)
            });
        }
        config.min_insync_replicas = self.min_insync_replicas;
        config.ack_latency = self.ack_latency.parse().expect("the scenario's latency reads");
        if let Some(bytes) = self.fetch_max_bytes {
            config.replica_fetch_max_bytes = bytes;
            config.replica_fetch_response_max_bytes = bytes;
        }
        config.replica_lag_time_max = Duration::from_millis(400);
        config.session_timeout = Duration::from_millis(250);
        config.seed = seed;
        config.wall_clock_ms = WALL_CLOCK;
        config.history = true;
        config
    }

    /// The faults, each confined to the time before the cluster heals.
    pub(crate) fn fault_rules(&self) -> Vec<Rule> {
        let until = self.faults_until.as_millis();
        let rule = |text: &String| format!("window=0ms..{until}ms:{text}").parse();
        let rules: Result<_, _> = self.faults.iter().map(rule).collect();
        rules.unwrap_or_else(|error| panic!("{error}"))
    }

    /// What the operator does when the faults end: every broker runs, nothing is held.
    pub(crate) fn healing(&self) -> Vec<Control> {
        (0..self.brokers)
            .flat_map(|broker| [Control::Start(broker), Control::Thaw(broker)])
            .collect()
    }
}

const HOST: &str = "broker";

fn port(broker: i32) -> u16 {
    u16::try_from(FIRST_PORT + broker).expect("few brokers")
}
