//! A Kafka producer for Tokio: one growing batch per partition, whole batches compressed, acknowledgements tracked in
//! flight under idempotent sequence numbers.
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
//! Every accepted record resolves exactly once, and truthfully: acknowledged, not written, or possibly written
//! ([`DeliveryError::certainty`]). A record that was refused ([`SendError`]) was never written.
//!
//! This crate is the shell: it owns the socket, the clock and the task. What may be sent, retried or failed is decided
//! by `linger-core`, which has none of these. Read `driver.rs` to see the two meet.

mod alarm;
mod builder;
mod clock;
mod cluster_watch;
mod connection;
mod dial;
mod driver;
mod encoder;
mod producer;
mod send_future;
mod topic_cache;
mod traffic;
mod transport;

pub use builder::{BuildError, ProducerBuilder};
pub use linger_core::address::AddressError;
pub use linger_core::append::delivery::{Delivery, TopicName};
pub use linger_core::append::partitioner::PartitionerKind;
pub use linger_core::config::{Acks, ConfigError};
pub use linger_core::error::{Certainty, DeliveryError, DeliveryErrorKind, SendError};
pub use linger_core::record::{Header, OwnedRecord, Record, RecordMetadata};
pub use linger_core::{Flushed, Ledger};
pub use linger_protocol::ErrorCode;
pub use linger_protocol::records::{Codec, Compression, CompressionError};
pub use producer::{Closed, Error, Producer};
pub use send_future::SendFuture;
pub use traffic::Traffic;
