//! The settings of a producer by Kafka's names, and the start of a producer.
//!
//! [`Config`] holds what the core decides by, and prints all of it. A setting that only connections
//! use, above all a secret such as a password or a private key, belongs into [`ProducerBuilder`]
//! beside `config`; from there it goes to the dials and never to the core.

use std::fmt;
use std::time::Duration;

use linger_core::address::{Address, AddressError};
use linger_core::config::{Acks, Config, ConfigError};
use linger_core::partitioner::PartitionerKind;
use linger_protocol::records::{Compression, CompressionError};

use crate::producer::Producer;

/// Why a producer could not be built or connected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting is out of its range, or two settings contradict each other.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `compression.type` names a codec that is left out of this build, or `compression.*.level` is
    /// out of range.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// `bootstrap.servers` is not a list of addresses.
    #[error("bootstrap.servers: {0}")]
    Address(#[from] AddressError),
    /// No Tokio runtime runs on this thread, so that the producer's task cannot be started.
    #[error(
        "no Tokio runtime is running on this thread: build the producer inside one, for example in #[tokio::main]"
    )]
    NoRuntime,
    /// No broker answered in time. Only [`ProducerBuilder::connect`] returns this error.
    #[error(
        "no broker of {bootstrap} answered within {timeout:?} (max.block.ms): check the address, and that the brokers run"
    )]
    Unreachable {
        /// The addresses that were tried, as in `bootstrap.servers`.
        bootstrap: String,
        /// The time limit, `max.block.ms`.
        timeout: Duration,
    },
}

/// Collects a producer's settings. Made by [`Producer::builder`].
///
/// Names and defaults are those of Apache Kafka's producer. Sizes are in bytes; times are
/// [`Duration`]s, of which Kafka's settings have the milliseconds. [`build`](Self::build) checks
/// the settings and names the first one that is invalid.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use linger::{Codec, Producer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), linger::BuildError> {
/// let producer = Producer::builder()
///     .bootstrap_servers("127.0.0.1:9092")
///     .linger(Duration::from_millis(20))
///     .batch_size(64 * 1024)
///     .compression(Codec::Lz4)
///     .build()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct ProducerBuilder {
    config: Config,
    bootstrap_servers: Option<String>,
}

impl fmt::Debug for ProducerBuilder {
    /// Prints the fields that are listed here, so that a secret among later fields is not printed
    /// by accident.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerBuilder")
            .field("config", &self.config)
            .field("bootstrap_servers", &self.bootstrap_servers)
            .finish_non_exhaustive()
    }
}

impl Producer {
    /// Starts collecting the settings of a producer.
    pub fn builder() -> ProducerBuilder {
        ProducerBuilder::new()
    }
}

impl ProducerBuilder {
    fn new() -> Self {
        Self {
            config: Config::default(),
            bootstrap_servers: None,
        }
    }

    /// The bootstrap servers, as `host:port,host:port` (`bootstrap.servers`). Required.
    ///
    /// The producer asks one of them for the brokers of the cluster.
    pub fn bootstrap_servers(mut self, addresses: impl Into<String>) -> Self {
        self.bootstrap_servers = Some(addresses.into());
        self
    }

    /// The name of this producer in the brokers' logs, metrics and quotas (`client.id`). Default
    /// `linger`.
    pub fn client_id(mut self, client_id: &str) -> Self {
        self.config.client_id = client_id.into();
        self
    }

    /// The size in bytes at which a batch is sent without waiting for its linger (`batch.size`).
    /// Default 16,384 bytes.
    ///
    /// A batch of this size cannot leave while its broker has
    /// [`max_in_flight`](Self::max_in_flight) unanswered requests. Meanwhile the batch grows,
    /// up to [`batch_size_max`](Self::batch_size_max).
    pub fn batch_size(mut self, bytes: usize) -> Self {
        self.config.batch_size = bytes;
        self
    }

    /// The size in bytes up to which a batch may grow while it cannot leave. Kafka has no such
    /// setting.
    ///
    /// By default the limit depends on the broker:
    /// - one partition is sent to: [`max_request_size`](Self::max_request_size);
    /// - the broker takes 1 ms or longer to acknowledge: the partitions' shares of
    ///   [`buffer_memory`](Self::buffer_memory), at most `max_request_size`;
    /// - otherwise, when batches of several partitions share a request: 64 KiB.
    ///
    /// With the value of [`batch_size`](Self::batch_size) batches do not grow beyond `batch.size`,
    /// as in the Java client.
    pub fn batch_size_max(mut self, bytes: usize) -> Self {
        self.config.batch_size_max = Some(bytes);
        self
    }

    /// How long a batch waits for more records, counted from its first record (`linger.ms`).
    /// Default 5 ms.
    ///
    /// With zero a record leaves as soon as its broker may get another request.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.config.linger = linger;
        self
    }

    /// How many bytes the buffers of all batches may take together (`buffer.memory`). Default 32
    /// MiB.
    ///
    /// When the memory is used up, `send` waits for up to [`max_block`](Self::max_block), and
    /// `try_send` refuses records.
    pub fn buffer_memory(mut self, bytes: usize) -> Self {
        self.config.buffer_memory = bytes;
        self
    }

    /// The size in bytes of the largest request, and of the largest record before compression
    /// (`max.request.size`). Default 1 MiB.
    pub fn max_request_size(mut self, bytes: usize) -> Self {
        self.config.max_request_size = bytes;
        self
    }

    /// Which replicas must have a record before it counts as delivered (`acks`). Default
    /// [`Acks::All`].
    pub fn acks(mut self, acks: Acks) -> Self {
        self.config.acks = acks;
        self
    }

    /// Whether batches carry a producer id and sequence numbers, so that retries neither duplicate
    /// nor reorder records (`enable.idempotence`, KIP-98). Default true. Needs [`Acks::All`].
    pub fn enable_idempotence(mut self, enable: bool) -> Self {
        self.config.enable_idempotence = enable;
        self
    }

    /// How batches are compressed (`compression.type` and, by KIP-390, `compression.*.level`).
    /// Default none.
    ///
    /// The argument is a codec, which is used at its default level, or a [`Compression`] with a
    /// level, such as `"zstd:6".parse()?`. Each codec is a cargo feature, on by default.
    pub fn compression(mut self, compression: impl Into<Compression>) -> Self {
        self.config.compression = compression.into();
        self
    }

    /// The time after which an accepted record is resolved at the latest (`delivery.timeout.ms`,
    /// KIP-91). Default 120 s.
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.config.delivery_timeout = timeout;
        self
    }

    /// The time after which the connection of an unanswered request is closed
    /// (`request.timeout.ms`). Default 30 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.config.request_timeout = timeout;
        self
    }

    /// How long `send` waits for metadata and memory together, and [`connect`](Self::connect) for a
    /// broker (`max.block.ms`). Default 60 s.
    pub fn max_block(mut self, limit: Duration) -> Self {
        self.config.max_block = limit;
        self
    }

    /// How many unanswered requests a connection may have
    /// (`max.in.flight.requests.per.connection`). Default 5; with idempotence 1 to 5.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.config.max_in_flight = requests;
        self
    }

    /// How many connections to one broker there may be, 1 to 16. Default 5. Kafka has no such
    /// setting.
    ///
    /// The producer opens further connections to a broker that takes 1 ms or longer to acknowledge,
    /// the network's round trip not counted. A broker handles one request per connection at a
    /// time, and waits for its followers meanwhile; with five connections it handles five. The
    /// batches of one partition are in flight on one connection at a time, so that their order
    /// does not depend on this setting.
    pub fn connections_per_broker(mut self, connections: usize) -> Self {
        self.config.connections_per_broker = connections;
        self
    }

    /// The time after which an idle connection is closed (`connections.max.idle.ms`). Default 540
    /// s.
    ///
    /// A broker closes an idle connection after 600 s by default. Keep this time shorter: a request
    /// that is written while the broker closes the connection counts as possibly written.
    pub fn connections_max_idle(mut self, time: Duration) -> Self {
        self.config.connections_max_idle = time;
        self
    }

    /// How many times a batch is sent again after a retriable failure (`retries`). Default
    /// 2,147,483,647, which leaves the limit to [`delivery_timeout`](Self::delivery_timeout).
    pub fn retries(mut self, retries: u32) -> Self {
        self.config.retries = retries;
        self
    }

    /// The wait before the first retry of a batch (`retry.backoff.ms`, KIP-580). Default 100 ms.
    /// The wait doubles with each retry, up to [`retry_backoff_max`](Self::retry_backoff_max).
    pub fn retry_backoff(mut self, backoff: Duration) -> Self {
        self.config.retry_backoff = backoff;
        self
    }

    /// The longest wait before a retry (`retry.backoff.max.ms`). Default 1 s.
    pub fn retry_backoff_max(mut self, backoff: Duration) -> Self {
        self.config.retry_backoff_max = backoff;
        self
    }

    /// The wait before the first new dial of a broker (`reconnect.backoff.ms`). Default 50 ms. The
    /// wait doubles with each failed dial, up to
    /// [`reconnect_backoff_max`](Self::reconnect_backoff_max).
    pub fn reconnect_backoff(mut self, backoff: Duration) -> Self {
        self.config.reconnect_backoff = backoff;
        self
    }

    /// The longest wait before a new dial of a broker (`reconnect.backoff.max.ms`). Default 1 s.
    pub fn reconnect_backoff_max(mut self, backoff: Duration) -> Self {
        self.config.reconnect_backoff_max = backoff;
        self
    }

    /// The age at which metadata of the cluster is requested again (`metadata.max.age.ms`). Default
    /// 300 s.
    pub fn metadata_max_age(mut self, age: Duration) -> Self {
        self.config.metadata_max_age = age;
        self
    }

    /// How the partition of a record with a key is chosen (`partitioner.class`). Default
    /// [`PartitionerKind::Murmur2`], which the Java client uses; [`PartitionerKind::Crc32`] is
    /// librdkafka's.
    pub fn partitioner(mut self, partitioner: PartitionerKind) -> Self {
        self.config.partitioner = partitioner;
        self
    }

    /// Whether brokers may create a missing topic when a record is sent to it
    /// (`allow.auto.create.topics`). Default true.
    pub fn allow_auto_create_topics(mut self, allow: bool) -> Self {
        self.config.allow_auto_create_topics = allow;
        self
    }

    /// Starts the producer on the current Tokio runtime, without waiting for a broker.
    ///
    /// # Errors
    /// [`BuildError::Config`] names the first invalid setting, its value and the limit.
    /// [`BuildError::Compression`] names a codec that is not in this build or a level out of
    /// range, [`BuildError::Address`] an address that cannot be parsed.
    /// [`BuildError::NoRuntime`] without a Tokio runtime on this thread.
    ///
    /// # Panics
    /// If the runtime was built without time or without I/O.
    pub fn build(self) -> Result<Producer, BuildError> {
        let mut config = self.config;
        if let Some(addresses) = self.bootstrap_servers {
            config.bootstrap = Address::parse_list(&addresses)?;
        }
        config.compression.validate()?;
        let config = config.validate()?;
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        Ok(Producer::start(config, &runtime))
    }

    /// Starts the producer and waits until a broker has described the cluster, for `max.block.ms`
    /// at most.
    ///
    /// # Errors
    /// Those of [`build`](Self::build); [`BuildError::Unreachable`] if no broker answers in time.
    ///
    /// # Cancel safety
    /// Dropping the future ends the producer that it has started.
    ///
    /// # Panics
    /// As [`build`](Self::build).
    pub async fn connect(self) -> Result<Producer, BuildError> {
        let timeout = self.config.max_block;
        let bootstrap = self.bootstrap_servers.clone().unwrap_or_default();
        let producer = self.build()?;
        match tokio::time::timeout(timeout, producer.connected()).await {
            Ok(()) => Ok(producer),
            Err(_) => Err(BuildError::Unreachable { bootstrap, timeout }),
        }
    }
}

#[cfg(test)]
mod tests {
    use linger_protocol::records::Codec;

    use super::*;

    /// Holds for every set of cargo features; `cargo xtask check features` runs it with several.
    #[tokio::test]
    async fn a_codec_that_is_left_out_is_refused_by_the_name_of_its_feature() {
        for codec in Codec::ALL {
            let builder = ProducerBuilder::new().bootstrap_servers("127.0.0.1:1");
            let built = builder.compression(codec).build();
            if codec.is_built() {
                built.expect("the codec is in this build");
            } else {
                let message = built.expect_err("the codec is left out").to_string();
                assert!(
                    message.contains(&format!("cargo feature \"{codec}\"")),
                    "{message}"
                );
            }
        }
    }

    #[tokio::test]
    async fn a_level_out_of_range_is_refused_with_the_range() {
        let builder = ProducerBuilder::new().bootstrap_servers("127.0.0.1:1");
        let error = builder
            .compression(Compression::Gzip { level: 10 })
            .build()
            .expect_err("gzip's levels are 1 to 9");
        assert!(matches!(error, BuildError::Compression(_)), "{error:?}");
    }
}
