//! The settings of a producer, with Kafka's names and defaults. A [`Config`] is checked once.
//!
//! Secrets (SASL passwords, TLS keys) belong in the configuration of the shell, which opens
//! connections. No field of [`Config`] is a secret, so the output of its `Debug` never shows one.

use std::time::Duration;

use linger_protocol::records::Compression;

use crate::address::Address;
use crate::partitioner::PartitionerKind;

/// Whose acknowledgement makes a record delivered (`acks`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acks {
    /// Nobody's (`acks=0`): a record counts as delivered once its request is written, and has no
    /// offset.
    None,
    /// The leader's alone (`acks=1`): lost if the leader fails before a follower has fetched it.
    Leader,
    /// All in-sync replicas' (`acks=all`).
    #[default]
    All,
}

impl Acks {
    /// The value on the wire: 0, 1 or -1.
    pub fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// Bytes that a produce request needs besides one batch: header, topic name, counts. Leaving them
/// free lets the largest batch travel in a request of `max.request.size`.
const REQUEST_OVERHEAD: usize = 1024;

/// The least `max.request.size` that leaves room for a batch header, a request header and a record.
const REQUEST_SIZE_MIN: usize = 4 * 1024;

/// The least `buffer.memory`: a few small batches.
const BUFFER_MEMORY_MIN: usize = 4 * 1024;

/// A Kafka request's length is a signed 32-bit integer.
const SIZE_MAX: usize = i32::MAX as usize;

/// Kafka remembers five batches per producer and partition, so an idempotent producer has at most
/// five in flight.
const IN_FLIGHT_MAX_IDEMPOTENT: usize = 5;

/// More connections to one broker than this help nobody.
const CONNECTIONS_PER_BROKER_MAX: usize = 16;

/// A producer's configuration: plain data. [`Config::validate`] checks it before anything uses it.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `client.id`: names this producer in the brokers' logs and quotas. Default `linger`.
    pub client_id: String,
    /// `bootstrap.servers`: where to ask for the cluster's metadata first. No default.
    pub bootstrap: Vec<Address>,
    /// `batch.size`, bytes, its 61-byte header included: a batch that reaches it need not wait for
    /// `linger`. Also what the sticky partitioner sends to one partition in a row. Default
    /// 16,384.
    pub batch_size: usize,
    /// Bytes that a batch may grow to while it cannot leave (its broker's window is full). `None`,
    /// the default: as large as fits into one request of `max_request_size`. Not a setting of
    /// Kafka's.
    pub batch_size_max: Option<usize>,
    /// `linger.ms`: how long a batch waits for more records, counted from its first record. Default
    /// 5 ms.
    pub linger: Duration,
    /// `buffer.memory`, bytes: what the buffers of all batches may take together, idle ones
    /// included. Default 32 MiB.
    pub buffer_memory: usize,
    /// `max.request.size`, bytes: limit of a request, and of a record before compression. Default 1
    /// MiB.
    pub max_request_size: usize,
    /// `acks`. Default [`Acks::All`].
    pub acks: Acks,
    /// `enable.idempotence`: retries neither duplicate nor reorder. Default true; needs
    /// [`Acks::All`].
    pub enable_idempotence: bool,
    /// `compression.type` and its level. Default none.
    pub compression: Compression,
    /// `delivery.timeout.ms`: how long an accepted record may take until it is delivered or failed.
    /// Default 120 s.
    pub delivery_timeout: Duration,
    /// `request.timeout.ms`: how long a request may stay unanswered. Default 30 s.
    pub request_timeout: Duration,
    /// `max.block.ms`: how long `send` waits for metadata and memory together. Default 60 s.
    pub max_block: Duration,
    /// `max.in.flight.requests.per.connection`. Default 5.
    pub max_in_flight: usize,
    /// Connections to a broker, at most: one, and further ones once it takes 1 ms and more to
    /// acknowledge. 1 to 16. Default
    /// 5. Not a setting of Kafka's.
    pub connections_per_broker: usize,
    /// `connections.max.idle.ms`: how long a connection may carry nothing before it is closed.
    /// Default 540 s, less than the 600 s after which a broker closes it.
    pub connections_max_idle: Duration,
    /// `retries`: attempts after the first of one batch; `delivery_timeout` is the limit to reach
    /// for instead. Default `i32::MAX`.
    pub retries: u32,
    /// `retry.backoff.ms`: the first pause before a batch or a metadata request is tried again.
    /// Default 100 ms.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`: the longest such pause. Default 1 s.
    pub retry_backoff_max: Duration,
    /// `reconnect.backoff.ms`: the first pause before a broker is dialled again. Default 50 ms.
    pub reconnect_backoff: Duration,
    /// `reconnect.backoff.max.ms`: the longest such pause. Default 1 s.
    pub reconnect_backoff_max: Duration,
    /// `metadata.max.age.ms`: how long metadata is used before it is asked for again. Default 300
    /// s.
    pub metadata_max_age: Duration,
    /// `partitioner`: whose mapping of keys. Default [`PartitionerKind::Murmur2`].
    pub partitioner: PartitionerKind,
    /// `allow.auto.create.topics`: whether asking for an unknown topic may create it. Default true.
    pub allow_auto_create_topics: bool,
    /// `socket.connection.setup.timeout.ms`: how long a dial may take. Default 10 s.
    pub socket_connection_setup_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            client_id: "linger".to_owned(),
            bootstrap: Vec::new(),
            batch_size: 16 * 1024,
            batch_size_max: None,
            linger: Duration::from_millis(5),
            buffer_memory: 32 * 1024 * 1024,
            max_request_size: 1024 * 1024,
            acks: Acks::All,
            enable_idempotence: true,
            compression: Compression::None,
            delivery_timeout: Duration::from_secs(120),
            request_timeout: Duration::from_secs(30),
            max_block: Duration::from_secs(60),
            max_in_flight: 5,
            connections_per_broker: 5,
            connections_max_idle: Duration::from_secs(540),
            retries: i32::MAX as u32,
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            reconnect_backoff: Duration::from_millis(50),
            reconnect_backoff_max: Duration::from_secs(1),
            metadata_max_age: Duration::from_secs(300),
            partitioner: PartitionerKind::Murmur2,
            allow_auto_create_topics: true,
            socket_connection_setup_timeout: Duration::from_secs(10),
        }
    }
}

/// Why a configuration cannot be used: the setting by Kafka's name, its value, the limit, and what
/// to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No broker to ask first.
    #[error("bootstrap.servers is empty; name at least one broker as host:port")]
    NoBootstrap,
    /// A number is outside its range.
    #[error("{setting} is {value}, outside {min} to {max}; choose a value in that range")]
    OutOfRange {
        /// Kafka's name of the setting.
        setting: &'static str,
        /// What was configured.
        value: u64,
        /// Least allowed value.
        min: u64,
        /// Greatest allowed value.
        max: u64,
    },
    /// A setting needs another to be larger.
    #[error(
        "{small} is {small_value:?}, which must not exceed {large} ({large_value:?}); raise {large} or lower {small}"
    )]
    Exceeds {
        /// Kafka's name of what is too large.
        small: &'static str,
        /// Its value, with a unit where it is a time.
        small_value: String,
        /// Kafka's name of its limit.
        large: &'static str,
        /// The limit's value.
        large_value: String,
    },
    /// Idempotence with an acknowledgement other than `all`.
    #[error("enable.idempotence needs acks=all, but acks is {acks}; set acks=all or turn idempotence off")]
    IdempotenceNeedsAllAcks {
        /// The configured acknowledgement, as on the wire.
        acks: i16,
    },
}

impl Config {
    /// Checks every setting and the relations between them; the result needs no further check.
    ///
    /// # Errors
    /// The first setting that cannot work, with its limit.
    pub fn validate(self) -> Result<Self, ConfigError> {
        if self.bootstrap.is_empty() {
            return Err(ConfigError::NoBootstrap);
        }
        in_range(
            "max.request.size",
            self.max_request_size,
            REQUEST_SIZE_MIN,
            SIZE_MAX,
        )?;
        in_range("batch.size", self.batch_size, 0, SIZE_MAX)?;
        in_range("buffer.memory", self.buffer_memory, BUFFER_MEMORY_MIN, usize::MAX)?;
        let in_flight_max = if self.enable_idempotence {
            IN_FLIGHT_MAX_IDEMPOTENT
        } else {
            SIZE_MAX
        };
        in_range(
            "max.in.flight.requests.per.connection",
            self.max_in_flight,
            1,
            in_flight_max,
        )?;
        in_range(
            "connections.per.broker",
            self.connections_per_broker,
            1,
            CONNECTIONS_PER_BROKER_MAX,
        )?;
        in_range("retries", self.retries as usize, 0, SIZE_MAX)?;
        if let Some(max) = self.batch_size_max {
            in_range(
                "batch.size.max",
                max,
                self.batch_size,
                self.max_request_size - REQUEST_OVERHEAD,
            )?;
        }
        if self.enable_idempotence && self.acks != Acks::All {
            return Err(ConfigError::IdempotenceNeedsAllAcks {
                acks: self.acks.code(),
            });
        }
        let attempt = self.linger.saturating_add(self.request_timeout);
        not_above(
            "linger.ms + request.timeout.ms",
            attempt,
            "delivery.timeout.ms",
            self.delivery_timeout,
        )?;
        not_above(
            "retry.backoff.ms",
            self.retry_backoff,
            "retry.backoff.max.ms",
            self.retry_backoff_max,
        )?;
        not_above(
            "reconnect.backoff.ms",
            self.reconnect_backoff,
            "reconnect.backoff.max.ms",
            self.reconnect_backoff_max,
        )?;
        for (setting, value) in [
            ("request.timeout.ms", self.request_timeout),
            ("metadata.max.age.ms", self.metadata_max_age),
            ("connections.max.idle.ms", self.connections_max_idle),
            (
                "socket.connection.setup.timeout.ms",
                self.socket_connection_setup_timeout,
            ),
        ] {
            let millis = value.as_millis().min(u128::from(u64::MAX)) as u64;
            if millis == 0 {
                return Err(ConfigError::OutOfRange {
                    setting,
                    value: millis,
                    min: 1,
                    max: SIZE_MAX as u64,
                });
            }
        }
        Ok(self)
    }

    /// Bytes, header included, that a batch may grow to while it waits.
    pub fn batch_limit(&self) -> usize {
        self.batch_size_max
            .unwrap_or_else(|| self.max_request_size.saturating_sub(REQUEST_OVERHEAD))
    }
}

fn in_range(setting: &'static str, value: usize, min: usize, max: usize) -> Result<(), ConfigError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::OutOfRange {
        setting,
        value: value as u64,
        min: min as u64,
        max: max as u64,
    })
}

fn not_above(
    small: &'static str,
    small_value: Duration,
    large: &'static str,
    large_value: Duration,
) -> Result<(), ConfigError> {
    if small_value <= large_value {
        return Ok(());
    }
    let (small_value, large_value) = (format!("{small_value:?}"), format!("{large_value:?}"));
    Err(ConfigError::Exceeds {
        small,
        small_value,
        large,
        large_value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn good() -> Config {
        Config {
            bootstrap: vec![Address::new("localhost", 9092)],
            ..Config::default()
        }
    }

    #[test]
    fn the_defaults_are_kafkas_and_valid() {
        let config = good().validate().unwrap();
        assert_eq!(config.batch_size, 16384);
        assert_eq!(config.linger, Duration::from_millis(5));
        assert_eq!(config.buffer_memory, 33_554_432);
        assert_eq!(config.delivery_timeout, Duration::from_secs(120));
        assert!(config.batch_limit() < config.max_request_size);
    }

    #[rstest]
    #[case(|c: &mut Config| c.bootstrap.clear(), "bootstrap.servers")]
    #[case(|c: &mut Config| c.max_in_flight = 6, "max.in.flight.requests.per.connection is 6")]
    #[case(|c: &mut Config| c.max_in_flight = 0, "max.in.flight.requests.per.connection is 0")]
    #[case(|c: &mut Config| c.acks = Acks::Leader, "acks is 1")]
    #[case(|c: &mut Config| c.delivery_timeout = Duration::from_secs(30), "delivery.timeout.ms")]
    #[case(|c: &mut Config| c.max_request_size = 10, "max.request.size is 10")]
    #[case(|c: &mut Config| c.batch_size_max = Some(1), "batch.size.max is 1")]
    #[case(|c: &mut Config| c.connections_per_broker = 0, "connections.per.broker is 0")]
    #[case(|c: &mut Config| c.connections_max_idle = Duration::ZERO, "connections.max.idle.ms is 0")]
    #[case(|c: &mut Config| c.connections_per_broker = 17, "connections.per.broker is 17")]
    #[case(|c: &mut Config| c.retry_backoff = Duration::from_secs(2), "retry.backoff.max.ms")]
    #[case(|c: &mut Config| c.request_timeout = Duration::ZERO, "request.timeout.ms is 0")]
    fn a_setting_that_cannot_work_is_named(#[case] spoil: fn(&mut Config), #[case] expected: &str) {
        let mut config = good();
        spoil(&mut config);
        let message = config.validate().unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn without_idempotence_more_may_be_in_flight() {
        let config = Config {
            enable_idempotence: false,
            acks: Acks::None,
            max_in_flight: 64,
            ..good()
        };
        assert!(config.validate().is_ok());
    }
}
