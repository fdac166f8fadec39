//! Settings by Kafka's names, and the start of a producer.

use std::time::Duration;

use linger_core::address::{Address, AddressError};
use linger_core::append::partitioner::PartitionerKind;
use linger_core::config::{Acks, Config, ConfigError};
use linger_protocol::records::{Compression, CompressionError};

use crate::producer::Producer;

/// Why a producer could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting is out of its range, or two settings contradict each other.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `compression.type` names a codec that is left out of this build, or `compression.*.level` is out of range.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// `bootstrap.servers` is not a list of addresses.
    #[error("bootstrap.servers: {0}")]
    Address(#[from] AddressError),
    /// There is no Tokio runtime here to run the producer's task on.
    #[error(
        "no Tokio runtime is running on this thread: build the producer inside one, for example in #[tokio::main]"
    )]
    NoRuntime,
    /// No broker answered in time ([`ProducerBuilder::connect`] only).
    #[error(
        "no broker of {bootstrap} answered within {timeout:?} (max.block.ms): check the address, and that the brokers run"
    )]
    Unreachable {
        /// The addresses that were tried.
        bootstrap: String,
        /// The limit that has passed.
        timeout: Duration,
    },
}

/// Collects a producer's settings. Made by [`Producer::builder`].
///
/// Names, units and defaults are those of Apache Kafka's producer, with durations as [`Duration`].
/// Nothing is checked until [`build`](Self::build), which names the first setting that cannot work.
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
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct ProducerBuilder {
    config: Config,
    bootstrap_servers: Option<String>,
}

impl ProducerBuilder {
    pub(crate) fn new() -> Self {
        Self {
            config: Config::default(),
            bootstrap_servers: None,
        }
    }

    /// Brokers to learn the cluster from, as `host:port,host:port` (`bootstrap.servers`). Required.
    pub fn bootstrap_servers(mut self, addresses: impl Into<String>) -> Self {
        self.bootstrap_servers = Some(addresses.into());
        self
    }

    /// The name that brokers log and meter this producer by (`client.id`). Default `linger`.
    pub fn client_id(mut self, client_id: &str) -> Self {
        self.config.client_id = client_id.into();
        self
    }

    /// How many bytes of records make a batch ready to leave (`batch.size`). Default 16,384 bytes.
    ///
    /// A batch that is ready but cannot leave yet, because the broker's window is full, keeps growing, to
    /// [`batch_size_max`](Self::batch_size_max) at most: larger batches are how a producer catches up.
    pub fn batch_size(mut self, bytes: usize) -> Self {
        self.config.batch_size = bytes;
        self
    }

    /// How large a batch may grow while it is ready and cannot leave. Default: what
    /// [`max_request_size`](Self::max_request_size) allows where one partition is sent to; where a broker takes 1 ms and more
    /// to acknowledge, the partitions' shares of [`buffer_memory`](Self::buffer_memory), but no more than that; and 64 KiB
    /// where batches of several partitions fill a request together. At `batch.size` a batch never outgrows it, as in the Java
    /// client; this is Linger's own setting.
    pub fn batch_size_max(mut self, bytes: usize) -> Self {
        self.config.batch_size_max = Some(bytes);
        self
    }

    /// How long a batch waits for more records, counted from its first (`linger.ms`). Default 5 ms.
    ///
    /// With zero a record leaves as soon as the broker's window has room.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.config.linger = linger;
        self
    }

    /// How many bytes of batches the producer holds in all (`buffer.memory`). Default 32 MiB.
    ///
    /// When they are used up, `send` waits for up to [`max_block`](Self::max_block), and `try_send` refuses.
    pub fn buffer_memory(mut self, bytes: usize) -> Self {
        self.config.buffer_memory = bytes;
        self
    }

    /// The largest request, and so the largest record, in bytes before compression (`max.request.size`). Default 1 MiB.
    pub fn max_request_size(mut self, bytes: usize) -> Self {
        self.config.max_request_size = bytes;
        self
    }

    /// Whose acknowledgement counts (`acks`). Default [`Acks::All`].
    pub fn acks(mut self, acks: Acks) -> Self {
        self.config.acks = acks;
        self
    }

    /// Whether batches carry a producer id and sequence numbers, so that a retry is never a duplicate and order is kept
    /// (`enable.idempotence`, KIP-98). Default true; needs [`Acks::All`].
    pub fn enable_idempotence(mut self, enable: bool) -> Self {
        self.config.enable_idempotence = enable;
        self
    }

    /// How whole batches are compressed (`compression.type`, KIP-390 for levels). Default none.
    ///
    /// Takes a codec, at its default level, or a [`Compression`] with a level: `"zstd:6".parse()?`.
    pub fn compression(mut self, compression: impl Into<Compression>) -> Self {
        self.config.compression = compression.into();
        self
    }

    /// How long after its acceptance a record is resolved at the latest (`delivery.timeout.ms`, KIP-91). Default 120 s.
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.config.delivery_timeout = timeout;
        self
    }

    /// How long a request may stay unanswered before its connection is given up (`request.timeout.ms`). Default 30 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.config.request_timeout = timeout;
        self
    }

    /// How long `send` waits for metadata and memory together (`max.block.ms`). Default 60 s.
    pub fn max_block(mut self, limit: Duration) -> Self {
        self.config.max_block = limit;
        self
    }

    /// How many unanswered requests a connection carries (`max.in.flight.requests.per.connection`). Default 5.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.config.max_in_flight = requests;
        self
    }

    /// Connections to a broker, at most: one, and further ones once it takes 1 ms and more to acknowledge, the way there and
    /// back not counted. 1 to 16; default 5. Not a setting of Kafka's.
    ///
    /// A broker works on one request per connection at a time, its wait for the followers included. So one connection
    /// carries one request per wait, and five carry five. The batches of one partition are in flight on one connection at
    /// a time, whatever this is: their order does not depend on it.
    pub fn connections_per_broker(mut self, connections: usize) -> Self {
        self.config.connections_per_broker = connections;
        self
    }

    /// How long a connection may carry nothing before it is closed (`connections.max.idle.ms`). Default 540 s: a broker
    /// closes it after 600 s by its own default, and a request that it does not read any more may count as written.
    pub fn connections_max_idle(mut self, time: Duration) -> Self {
        self.config.connections_max_idle = time;
        self
    }

    /// How often a batch is sent again after a retriable failure (`retries`). Default 2,147,483,647: until the
    /// delivery timeout.
    pub fn retries(mut self, retries: u32) -> Self {
        self.config.retries = retries;
        self
    }

    /// How long to wait before the first retry of a batch (`retry.backoff.ms`, KIP-580). Default 100 ms; doubles with
    /// each retry up to [`retry_backoff_max`](Self::retry_backoff_max).
    pub fn retry_backoff(mut self, backoff: Duration) -> Self {
        self.config.retry_backoff = backoff;
        self
    }

    /// The longest wait before a retry (`retry.backoff.max.ms`). Default 1 s.
    pub fn retry_backoff_max(mut self, backoff: Duration) -> Self {
        self.config.retry_backoff_max = backoff;
        self
    }

    /// How long to wait before dialling a broker again (`reconnect.backoff.ms`). Default 50 ms, doubling.
    pub fn reconnect_backoff(mut self, backoff: Duration) -> Self {
        self.config.reconnect_backoff = backoff;
        self
    }

    /// The longest wait before dialling a broker again (`reconnect.backoff.max.ms`). Default 1 s.
    pub fn reconnect_backoff_max(mut self, backoff: Duration) -> Self {
        self.config.reconnect_backoff_max = backoff;
        self
    }

    /// How old the view of the cluster may grow (`metadata.max.age.ms`). Default 300 s.
    pub fn metadata_max_age(mut self, age: Duration) -> Self {
        self.config.metadata_max_age = age;
        self
    }

    /// How a key becomes a partition. Default murmur2, as the Java client; CRC-32 is librdkafka's.
    pub fn partitioner(mut self, partitioner: PartitionerKind) -> Self {
        self.config.partitioner = partitioner;
        self
    }

    /// Whether brokers may create a topic that is missing when it is first sent to (`allow.auto.create.topics` of
    /// Kafka's Metadata request). Default true.
    pub fn allow_auto_create_topics(mut self, allow: bool) -> Self {
        self.config.allow_auto_create_topics = allow;
        self
    }

    /// Starts the producer on the current Tokio runtime, without waiting for a broker.
    ///
    /// # Errors
    /// [`BuildError::Config`] names the setting, its value, the limit and what to do; [`BuildError::NoRuntime`].
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

    /// Starts the producer and waits until a broker has described the cluster, for `max.block.ms` at most.
    ///
    /// # Errors
    /// Those of [`build`](Self::build), and [`BuildError::Unreachable`].
    ///
    /// # Cancel safety
    /// Dropping the future ends the producer again.
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
