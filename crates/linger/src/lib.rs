//! A Kafka producer for Tokio: one growing batch per partition, whole batches compressed,
//! acknowledgements tracked in flight under idempotent sequence numbers.
//!
//! ```no_run
//! use std::time::Duration;
//! use linger::{Producer, Record};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let producer = Producer::builder().bootstrap_servers("127.0.0.1:9092").connect().await?;
//! let delivery = producer.send(Record::to("orders").key(b"42").value(b"paid")).await?;
//! println!("at offset {:?}", delivery.await?.offset);
//! producer.close(Duration::from_secs(10)).await;
//! # Ok(()) }
//! ```
//!
//! Every accepted record resolves exactly once: it is acknowledged, not written, or possibly
//! written ([`DeliveryError::certainty`]). A record that was refused ([`SendError`]) was never
//! written.
//!
//! This crate owns the sockets, the clock and the task. `linger-core` decides what is sent, retried
//! or failed, and has none of them. `driver.rs` connects the two.
//!
//! # Cargo features
//! `gzip`, `snappy`, `lz4` and `zstd`, all on by default: the codecs. Without `zstd` no C compiler
//! is needed. A codec that is left out is refused when a producer is built
//! ([`CompressionError::NotBuilt`]).

mod alarm;
mod builder;
mod clock;
mod cluster_watch;
mod command;
mod connection;
mod dial;
mod driver;
mod driver_waker;
mod encoder;
mod producer;
mod send_future;
mod shared;
mod topic_cache;
mod traffic;
mod transport;

pub use builder::{BuildError, ProducerBuilder};
pub use linger_core::address::AddressError;
pub use linger_core::append::delivery::Delivery;
pub use linger_core::append::record_metadata::{RecordMetadata, TopicName};
pub use linger_core::config::{Acks, ConfigError};
pub use linger_core::error::{Certainty, DeliveryError, DeliveryErrorKind, SendError};
pub use linger_core::partitioner::PartitionerKind;
pub use linger_core::record::{Header, OwnedRecord, Record};
pub use linger_core::{Flushed, Ledger};
pub use linger_protocol::ErrorCode;
pub use linger_protocol::records::{Codec, Compression, CompressionError};
pub use producer::{Closed, Error, Producer};
pub use send_future::SendFuture;
pub use traffic::Traffic;
