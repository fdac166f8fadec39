//! The simulator embedded: a cluster of brokers on TCP inside the caller's process.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use thiserror::Error;

use crate::broker::{
    BrokerAddress, ClusterModel, ConfigError, Control, ControlError, ExamineConfig, MESSAGE_BYTES_MAX,
    ModelConfig, StoredBatch, StoredRecord, TopicSpec,
};
use crate::fault::{Rule, RuleError, RuleId, RuleReport};
use crate::latency::Latency;
use crate::rng::Rng;
use crate::server::{BindError, Blackhole, Broker, Hub, Phase, Timer, listen};
use crate::stats::Stats;

/// The most brokers a cluster may have.
pub const BROKERS_MAX: usize = 100;

/// Describes a cluster; [`ClusterBuilder::start`] brings it up. Made by [`Cluster::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct ClusterBuilder {
    brokers: usize,
    topics: Vec<TopicSpec>,
    replication_factor: Option<usize>,
    min_insync_replicas: usize,
    ack_latency: Latency,
    replica_lag_time_max: Duration,
    auto_create_topics: bool,
    default_partitions: i32,
    retention_bytes: u64,
    max_message_bytes: usize,
    blackhole: bool,
    faults: Vec<Rule>,
    seed: u64,
    host: String,
    advertised_host: Option<String>,
    port: u16,
}

impl Default for ClusterBuilder {
    fn default() -> Self {
        Self {
            brokers: 1,
            topics: Vec::new(),
            replication_factor: None,
            min_insync_replicas: 1,
            ack_latency: Latency::default(),
            replica_lag_time_max: Duration::from_secs(30),
            auto_create_topics: true,
            default_partitions: 1,
            retention_bytes: 256 * 1024 * 1024,
            max_message_bytes: MESSAGE_BYTES_MAX,
            blackhole: false,
            faults: Vec::new(),
            seed: 0,
            host: "127.0.0.1".to_owned(),
            advertised_host: None,
            port: 0,
        }
    }
}

impl ClusterBuilder {
    /// How many brokers, 1 to [`BROKERS_MAX`]; 1 by default. Their ids are 0, 1, 2 and so on.
    pub fn brokers(mut self, count: usize) -> Self {
        self.brokers = count;
        self
    }

    /// Creates a topic with this many partitions at the start.
    pub fn topic(self, name: &str, partitions: i32) -> Self {
        self.topic_spec(TopicSpec::new(name, partitions))
    }

    /// Creates a topic with settings of its own at the start.
    pub fn topic_spec(mut self, spec: TopicSpec) -> Self {
        self.topics.push(spec);
        self
    }

    /// How many replicas a partition has (`default.replication.factor`); 3, or as many as there are brokers.
    pub fn replication_factor(mut self, count: usize) -> Self {
        self.replication_factor = Some(count);
        self
    }

    /// How many replicas must be in sync for `acks=all` (`min.insync.replicas`); 1 by default.
    pub fn min_insync_replicas(mut self, count: usize) -> Self {
        self.min_insync_replicas = count;
        self
    }

    /// How long a follower's fetch takes; none by default. An `acks=all` produce is acknowledged once the
    /// followers in sync have fetched what it appended, so with one replica there is nothing to wait for.
    pub fn ack_latency(mut self, latency: impl Into<Latency>) -> Self {
        self.ack_latency = latency.into();
        self
    }

    /// How long a follower may lag before it leaves the in-sync set (`replica.lag.time.max.ms`); 30 s.
    pub fn replica_lag_time_max(mut self, time: Duration) -> Self {
        self.replica_lag_time_max = time;
        self
    }

    /// Whether asking for an unknown topic creates it (`auto.create.topics.enable`); yes by default.
    pub fn auto_create_topics(mut self, create: bool) -> Self {
        self.auto_create_topics = create;
        self
    }

    /// How many partitions a topic gets that is created without a number (`num.partitions`); 1 by default.
    pub fn default_partitions(mut self, count: i32) -> Self {
        self.default_partitions = count;
        self
    }

    /// How many bytes of batches a partition keeps (`retention.bytes`); 256 MiB. Older batches are dropped.
    pub fn retention_bytes(mut self, bytes: u64) -> Self {
        self.retention_bytes = bytes;
        self
    }

    /// The largest batch a partition takes (`message.max.bytes`); 1,048,588 by default, as in Kafka.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// Whether produce requests are acknowledged without checks and nothing is kept: for measuring clients.
    /// Everything is still counted; fault rules are not asked, and `ack_latency` holds back each answer.
    pub fn blackhole(mut self, blackhole: bool) -> Self {
        self.blackhole = blackhole;
        self
    }

    /// Adds a fault from the start, behind those added before.
    pub fn fault(mut self, rule: Rule) -> Self {
        self.faults.push(rule);
        self
    }

    /// What every random choice is drawn from; 0 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The address or name to listen on; 127.0.0.1 by default.
    pub fn host(mut self, host: &str) -> Self {
        self.host = host.to_owned();
        self
    }

    /// The host that clients are told to connect to (`advertised.listeners`); by default the one listened on,
    /// or 127.0.0.1 if that is every interface.
    pub fn advertised_host(mut self, host: &str) -> Self {
        self.advertised_host = Some(host.to_owned());
        self
    }

    /// The port of broker 0; broker i has `port` + i. 0, the default, gives each a free port.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Starts the cluster on the caller's Tokio runtime; it accepts connections once this has returned.
    ///
    /// # Errors
    /// If the description makes no sense or a port cannot be had; nothing is left running then.
    ///
    /// # Cancel safety
    /// If the future is dropped, nothing is left running.
    pub async fn start(self) -> Result<Cluster, ClusterError> {
        self.check()?;
        let host = self.resolve().await?;
        let mut listeners = Vec::with_capacity(self.brokers);
        for index in 0..self.brokers {
            let port = if self.port == 0 {
                0
            } else {
                self.port + index as u16
            };
            let listener = listen(SocketAddr::new(host, port));
            listeners.push(listener.map_err(|error| self.bind_error(index, error))?);
        }
        let ports = listeners
            .iter()
            .map(|listener| listener.local_addr().map(|address| address.port()));
        let ports = ports
            .collect::<io::Result<Vec<u16>>>()
            .map_err(ClusterError::System)?;
        let advertised = self.advertised(host);
        let addresses: Vec<_> = ports.iter().map(|&port| (advertised.clone(), port)).collect();
        let bootstrap: Vec<_> = addresses
            .iter()
            .map(|(host, port)| display_address(host, *port))
            .collect();

        let now = Instant::now();
        let mut rng = Rng::new(self.seed);
        let blackhole = self
            .blackhole
            .then(|| Blackhole::new(self.ack_latency.clone(), rng.fork(), now));
        let config = self.model_config(&addresses);
        let examine = ExamineConfig::new(&config);
        let mut model = ClusterModel::new(config, now).map_err(ClusterError::Config)?;
        for rule in &self.faults {
            model.add_fault(rule.clone()).map_err(ClusterError::Rule)?;
        }
        let hub = Arc::new(Hub::new(model, examine, blackhole));
        let timer = Timer::start(&hub).map_err(ClusterError::System)?;
        let mut cluster = Cluster {
            brokers: Vec::new(),
            bootstrap: bootstrap.join(","),
            hub,
            _timer: timer,
        };
        for (id, listener) in (0..).zip(listeners) {
            cluster
                .brokers
                .push(Broker::start(id, listener, &cluster.hub).map_err(ClusterError::System)?);
        }
        Ok(cluster)
    }

    fn check(&self) -> Result<(), ClusterError> {
        if !(1..=BROKERS_MAX).contains(&self.brokers) {
            return Err(ClusterError::Brokers { count: self.brokers });
        }
        let last_port = usize::from(self.port) + self.brokers - 1;
        if self.port != 0 && last_port > usize::from(u16::MAX) {
            return Err(ClusterError::PortRange {
                port: self.port,
                brokers: self.brokers,
            });
        }
        let replicas = self.replicas();
        if !(1..=self.brokers).contains(&replicas) {
            return Err(ClusterError::ReplicationFactor {
                factor: replicas,
                brokers: self.brokers,
            });
        }
        if !(1..=replicas).contains(&self.min_insync_replicas) {
            return Err(ClusterError::MinInsync {
                count: self.min_insync_replicas,
                factor: replicas,
            });
        }
        if self.max_message_bytes == 0 {
            return Err(ClusterError::Zero {
                what: "max_message_bytes",
            });
        }
        Ok(())
    }

    fn replicas(&self) -> usize {
        self.replication_factor.unwrap_or_else(|| self.brokers.min(3))
    }

    fn model_config(&self, addresses: &[(String, u16)]) -> ModelConfig {
        let brokers = addresses.iter().map(|(host, port)| BrokerAddress {
            host: host.as_str().into(),
            port: *port,
        });
        let since_epoch = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        ModelConfig {
            topics: self.topics.clone(),
            auto_create_topics: self.auto_create_topics,
            default_partitions: self.default_partitions,
            // Both are at most the number of brokers, which is at most `BROKERS_MAX`.
            default_replication_factor: self.replicas() as i16,
            min_insync_replicas: self.min_insync_replicas as i16,
            ack_latency: self.ack_latency.clone(),
            replica_lag_time_max: self.replica_lag_time_max,
            retention_bytes: self.retention_bytes,
            message_bytes_max: self.max_message_bytes,
            seed: self.seed,
            wall_clock_ms: since_epoch.as_millis() as i64,
            ..ModelConfig::new(brokers.collect())
        }
    }

    async fn resolve(&self) -> Result<IpAddr, ClusterError> {
        let error = |source| ClusterError::Host {
            host: self.host.clone(),
            source,
        };
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let mut found = tokio::net::lookup_host((host, 0)).await.map_err(error)?;
        let first = found
            .next()
            .ok_or_else(|| error(io::ErrorKind::NotFound.into()))?;
        Ok(first.ip())
    }

    fn advertised(&self, host: IpAddr) -> String {
        match &self.advertised_host {
            Some(advertised) => advertised.clone(),
            None if host.is_unspecified() => "127.0.0.1".to_owned(),
            None => host.to_string(),
        }
    }

    fn bind_error(&self, index: usize, error: BindError) -> ClusterError {
        let BindError { address, source } = error;
        ClusterError::Bind {
            address,
            broker: index,
            brokers: self.brokers,
            source,
        }
    }
}

/// A running cluster. It is `Send` and `Sync`; dropping it stops everything.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), linger_sim::ClusterError> {
/// use linger_sim::Cluster;
///
/// let cluster = Cluster::builder().brokers(3).topic("orders", 6).start().await?;
/// println!("connect a client to {}", cluster.bootstrap());
/// cluster.stop_broker(0).await?;
/// # Ok(())
/// # }
/// ```
pub struct Cluster {
    brokers: Vec<Broker>,
    bootstrap: String,
    hub: Arc<Hub>,
    _timer: Timer,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("bootstrap", &self.bootstrap)
            .finish_non_exhaustive()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.brokers.iter().for_each(Broker::end);
    }
}

impl Cluster {
    /// Begins to describe a cluster.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::default()
    }

    /// Where clients connect: `host:port` of every broker, separated by commas.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// How many brokers there are, stopped ones included.
    pub fn broker_count(&self) -> usize {
        self.brokers.len()
    }

    /// Kills a broker: its listener and connections are closed, and its partitions elect other leaders.
    ///
    /// # Errors
    /// If there is no such broker.
    pub async fn stop_broker(&self, id: i32) -> Result<(), ClusterError> {
        let broker = self.broker(id)?;
        self.control(Control::Stop(id))?;
        broker.stop().await;
        Ok(())
    }

    /// Starts a stopped broker again, on its old port; nothing happens to one that is not stopped.
    ///
    /// # Errors
    /// If there is no such broker, or its port was taken meanwhile.
    pub async fn start_broker(&self, id: i32) -> Result<(), ClusterError> {
        let broker = self.broker(id)?;
        if broker.phase() != Phase::Stopped {
            return Ok(());
        }
        let started = broker.restart().await;
        let brokers = self.brokers.len();
        started.map_err(|BindError { address, source }| ClusterError::Bind {
            address,
            broker: id as usize,
            brokers,
            source,
        })?;
        self.control(Control::Start(id))
    }

    /// Freezes a broker: it reads nothing more and answers nothing, while its connections stay open.
    ///
    /// # Errors
    /// If there is no such broker.
    pub async fn freeze_broker(&self, id: i32) -> Result<(), ClusterError> {
        let broker = self.broker(id)?;
        if broker.phase() == Phase::Running {
            broker.set_phase(Phase::Frozen);
            self.control(Control::Freeze(id))?;
        }
        Ok(())
    }

    /// Lets a frozen broker go on where it stood.
    ///
    /// # Errors
    /// If there is no such broker.
    pub async fn thaw_broker(&self, id: i32) -> Result<(), ClusterError> {
        let broker = self.broker(id)?;
        if broker.phase() == Phase::Frozen {
            self.control(Control::Thaw(id))?;
            broker.set_phase(Phase::Running);
        }
        Ok(())
    }

    /// Makes another replica the leader of a partition.
    ///
    /// # Errors
    /// If there is no such partition or broker, or the broker has no replica of it.
    pub async fn move_leader(&self, topic: &str, partition: i32, to: i32) -> Result<(), ClusterError> {
        self.control(Control::MoveLeader {
            topic: topic.into(),
            partition,
            to,
        })
    }

    /// Does something to the cluster's model that has no method of its own, such as creating a topic, forgetting
    /// a producer or releasing a barrier. Brokers are stopped, started, frozen and thawed by their own methods,
    /// which do it to their sockets too.
    ///
    /// # Errors
    /// If it cannot be done; nothing has changed then.
    pub fn control(&self, control: Control) -> Result<(), ClusterError> {
        self.hub.control(control).map_err(ClusterError::Control)
    }

    /// Releases what is held at a barrier by the effect [`Hold`](crate::Effect::Hold).
    pub fn release(&self, barrier: &str) {
        // A barrier that nobody waits at is no error.
        let _ = self.control(Control::Release(barrier.into()));
    }

    /// The broker that leads a partition now; `None` if there is none.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        self.hub.with_model(|model| model.leader(topic, partition))
    }

    /// The offset below which consumers may read.
    pub fn high_watermark(&self, topic: &str, partition: i32) -> Option<i64> {
        self.hub
            .with_model(|model| model.high_watermark(topic, partition))
    }

    /// The batches of a partition's log as its leader has them, those not yet replicated included. No record is
    /// copied.
    ///
    /// # Errors
    /// If there is no such partition.
    pub fn batches(&self, topic: &str, partition: i32) -> Result<Vec<StoredBatch>, ClusterError> {
        let batches = self.hub.with_model(|model| {
            let log = model.log(topic, partition)?;
            Some(log.batches().cloned().collect())
        });
        batches.ok_or_else(|| ClusterError::NoPartition {
            topic: topic.to_owned(),
            partition,
        })
    }

    /// The records of a partition's log, as [`Cluster::batches`] has them, decoded.
    ///
    /// # Errors
    /// If there is no such partition.
    pub fn records(&self, topic: &str, partition: i32) -> Result<Vec<StoredRecord>, ClusterError> {
        Ok(self
            .batches(topic, partition)?
            .iter()
            .flat_map(StoredBatch::decode)
            .collect())
    }

    /// Adds a fault behind the others.
    ///
    /// # Errors
    /// If there are too many.
    pub fn add_fault(&self, rule: Rule) -> Result<RuleId, ClusterError> {
        self.hub
            .with_model(|model| model.add_fault(rule))
            .map_err(ClusterError::Rule)
    }

    /// Takes a fault out; its count stays. False if it is not active.
    pub fn remove_fault(&self, id: RuleId) -> bool {
        self.hub.with_model(|model| model.remove_fault(id))
    }

    /// How often a fault has fired.
    pub fn fault_fired(&self, id: RuleId) -> u64 {
        self.hub.with_model(|model| model.faults().fired(id))
    }

    /// What every fault has done.
    pub fn fault_reports(&self) -> Vec<RuleReport> {
        self.hub
            .with_model(|model| model.faults().reports().cloned().collect())
    }

    /// What every broker's sockets have seen, summed.
    pub fn stats(&self) -> Stats {
        let mut total = Stats::default();
        for broker in &self.brokers {
            total += &broker.shared.counters.snapshot();
        }
        total
    }

    /// What one broker's sockets have seen.
    ///
    /// # Errors
    /// If there is no such broker.
    pub fn broker_stats(&self, id: i32) -> Result<Stats, ClusterError> {
        Ok(self.broker(id)?.shared.counters.snapshot())
    }

    /// Sets the counters to zero, those of connections excepted.
    pub fn reset_stats(&self) {
        self.brokers
            .iter()
            .for_each(|broker| broker.shared.counters.reset());
    }

    /// Stops everything and returns once every connection is closed.
    ///
    /// # Cancel safety
    /// If the future is dropped, everything still stops.
    pub async fn shutdown(self) {
        for broker in &self.brokers {
            broker.end();
        }
        for broker in &self.brokers {
            broker.ended().await;
        }
    }

    fn broker(&self, id: i32) -> Result<&Broker, ClusterError> {
        let found = usize::try_from(id).ok().and_then(|index| self.brokers.get(index));
        found.ok_or(ClusterError::NoBroker {
            id,
            count: self.brokers.len(),
        })
    }
}

fn display_address(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Why a cluster could not be started or told something. Each message says what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// Not a number of brokers.
    #[error("{count} brokers: a cluster has 1 to {BROKERS_MAX}")]
    Brokers {
        /// How many were asked for.
        count: usize,
    },
    /// The last broker's port would be too high.
    #[error(
        "port {port} with {brokers} brokers: broker i listens on port + i, and the last port would be above 65535; \
         choose a lower port, or 0 for free ones"
    )]
    PortRange {
        /// The first port.
        port: u16,
        /// How many brokers.
        brokers: usize,
    },
    /// More replicas than brokers, or none.
    #[error("replication factor {factor}: it must be from 1 to the number of brokers, {brokers}")]
    ReplicationFactor {
        /// The factor.
        factor: usize,
        /// How many brokers.
        brokers: usize,
    },
    /// More replicas to be in sync than there are, or none.
    #[error(
        "min.insync.replicas {count} with replication factor {factor}: it must be from 1 to the replication factor"
    )]
    MinInsync {
        /// How many were asked for.
        count: usize,
        /// The replication factor.
        factor: usize,
    },
    /// A setting that must not be zero.
    #[error("{what} is 0: it must be at least 1")]
    Zero {
        /// The setting.
        what: &'static str,
    },
    /// A topic that cannot be, or other settings of the model.
    #[error(transparent)]
    Config(ConfigError),
    /// Something that cannot be done to the cluster now.
    #[error(transparent)]
    Control(ControlError),
    /// The host to listen on is unknown.
    #[error(
        "cannot find the host {host:?} to listen on: {source}; use an address of this machine, such as 127.0.0.1"
    )]
    Host {
        /// The host.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// A port cannot be had.
    #[error("cannot listen on {address} for broker {broker} of {brokers}: {}", advice(.source))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Which broker.
        broker: usize,
        /// How many there are.
        brokers: usize,
        /// What the operating system said.
        source: io::Error,
    },
    /// A fault that cannot be added.
    #[error(transparent)]
    Rule(RuleError),
    /// No such broker.
    #[error("no broker {id}: the {count} brokers are 0 to {}", .count - 1)]
    NoBroker {
        /// The id.
        id: i32,
        /// How many there are.
        count: usize,
    },
    /// No such partition.
    #[error("no partition {partition} of a topic {topic:?} in this cluster")]
    NoPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// The operating system refused something else.
    #[error("the operating system refused: {0}")]
    System(#[source] io::Error),
}

impl ClusterError {
    /// True if what was asked for makes no sense anywhere; false if this machine could not do it now.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Brokers { .. }
            | Self::PortRange { .. }
            | Self::ReplicationFactor { .. }
            | Self::MinInsync { .. }
            | Self::Zero { .. }
            | Self::Config(_)
            | Self::Control(_)
            | Self::Rule(_)
            | Self::NoBroker { .. }
            | Self::NoPartition { .. } => true,
            Self::Host { .. } | Self::Bind { .. } | Self::System(_) => false,
        }
    }
}

fn advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is in use; choose another (broker i listens on port + i), or 0 for free ones".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "not permitted; ports below 1024 are privileged, choose one from 1024 on, or 0 for free ones"
                .to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "the address is not one of this machine; listen on 127.0.0.1, or on 0.0.0.0 and advertise a name"
                .to_owned()
        }
        _ => error.to_string(),
    }
}
