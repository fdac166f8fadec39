//! Describes a cluster and brings it up.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use linger_sim_model::fault::Rule;
use linger_sim_model::latency::Latency;
use linger_sim_model::rng::Rng;
use linger_sim_model::{
    BrokerAddress, ClusterModel, ExamineConfig, MESSAGE_BYTES_MAX, ModelConfig, REPLICA_FETCH_MAX_BYTES,
    REPLICA_FETCH_RESPONSE_MAX_BYTES, TopicSpec,
};

use crate::cluster::Cluster;
use crate::error::{BROKERS_MAX, ClusterError};
use crate::server::{BindError, Blackhole, Broker, ModelHandle, Timer, listen};

/// Describes a cluster; [`ClusterBuilder::start`] brings it up. Made by [`Cluster::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct ClusterBuilder {
    brokers: usize,
    topics: Vec<TopicSpec>,
    replication_factor: Option<usize>,
    min_insync_replicas: usize,
    ack_latency: Latency,
    replica_fetch_max_bytes: usize,
    replica_fetch_response_max_bytes: usize,
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
            replica_fetch_max_bytes: REPLICA_FETCH_MAX_BYTES,
            replica_fetch_response_max_bytes: REPLICA_FETCH_RESPONSE_MAX_BYTES,
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

impl Cluster {
    /// Begins to describe a cluster.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::default()
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

    /// How many replicas a partition has (`default.replication.factor`); 3, or as many as there are
    /// brokers.
    pub fn replication_factor(mut self, count: usize) -> Self {
        self.replication_factor = Some(count);
        self
    }

    /// How many replicas must be in sync for `acks=all` (`min.insync.replicas`); 1 by default.
    pub fn min_insync_replicas(mut self, count: usize) -> Self {
        self.min_insync_replicas = count;
        self
    }

    /// How long a follower's fetch takes; none by default. An `acks=all` produce is acknowledged
    /// once the followers in sync have fetched what it appended, so with one replica there is
    /// nothing to wait for.
    pub fn ack_latency(mut self, latency: impl Into<Latency>) -> Self {
        self.ack_latency = latency.into();
        self
    }

    /// How many bytes of one partition a follower's fetch takes at most
    /// (`replica.fetch.max.bytes`); 1 MiB, as in Kafka, and at most `i32::MAX`.
    ///
    /// Whole batches go, and at least one, however large, of the first partition that has any. What
    /// is left goes with the next fetch, so with an `ack_latency` a partition passes this much per
    /// fetch and no more.
    pub fn replica_fetch_max_bytes(mut self, bytes: usize) -> Self {
        self.replica_fetch_max_bytes = bytes;
        self
    }

    /// How many bytes of all partitions together a follower's fetch takes at most
    /// (`replica.fetch.response.max.bytes`), but for that one batch; 10 MiB, as in Kafka, and at
    /// most `i32::MAX`. There is one fetch at a time per pair of leader and follower, and
    /// partitions take turns.
    pub fn replica_fetch_response_max_bytes(mut self, bytes: usize) -> Self {
        self.replica_fetch_response_max_bytes = bytes;
        self
    }

    /// How long a follower may lag before it leaves the in-sync set (`replica.lag.time.max.ms`); 30
    /// s.
    pub fn replica_lag_time_max(mut self, time: Duration) -> Self {
        self.replica_lag_time_max = time;
        self
    }

    /// Whether asking for an unknown topic creates it (`auto.create.topics.enable`); yes by
    /// default.
    pub fn auto_create_topics(mut self, create: bool) -> Self {
        self.auto_create_topics = create;
        self
    }

    /// How many partitions a topic gets that is created without a number (`num.partitions`); 1 by
    /// default.
    pub fn default_partitions(mut self, count: i32) -> Self {
        self.default_partitions = count;
        self
    }

    /// How many bytes of batches a partition keeps (`retention.bytes`); 256 MiB. Older batches are
    /// dropped.
    pub fn retention_bytes(mut self, bytes: u64) -> Self {
        self.retention_bytes = bytes;
        self
    }

    /// The largest batch a partition takes (`message.max.bytes`); 1,048,588 by default, as in
    /// Kafka.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// Whether produce requests are acknowledged without checks and nothing is kept: for measuring
    /// clients. Everything is still counted; fault rules are not asked, and `ack_latency` holds
    /// back each answer.
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

    /// The host that clients are told to connect to (`advertised.listeners`); by default the one
    /// listened on, or 127.0.0.1 if that is every interface.
    pub fn advertised_host(mut self, host: &str) -> Self {
        self.advertised_host = Some(host.to_owned());
        self
    }

    /// The port of broker 0; broker i has `port` + i. 0, the default, gives each a free port.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Starts the cluster on the caller's Tokio runtime; it accepts connections once this has
    /// returned.
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
        let model = Arc::new(ModelHandle::new(model, examine, blackhole));
        let timer = Timer::start(&model).map_err(ClusterError::System)?;
        let mut cluster = Cluster::new(bootstrap.join(","), Arc::clone(&model), timer);
        for (id, listener) in (0..).zip(listeners) {
            let broker = Broker::start(id, listener, &model).map_err(ClusterError::System)?;
            cluster.add_broker(broker);
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
            replica_fetch_max_bytes: self.replica_fetch_max_bytes,
            replica_fetch_response_max_bytes: self.replica_fetch_response_max_bytes,
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

fn display_address(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
