//! Kafka's wire protocol: bytes to types and back, for both ends of a connection.
//!
//! One definition per message gives its struct, its encoder and its decoder for every version that this crate
//! speaks, so a client and a broker cannot drift apart. There is no I/O and no clock here, and nothing is ever
//! allocated because a length on the wire said so: see [`Reader`]. A string that is no UTF-8 is no error: what is not gets
//! replaced by U+FFFD, as Kafka itself reads it.
//!
//! | start at | for |
//! |---|---|
//! | [`messages`] | the requests and responses, one file per API with its version table at the top |
//! | [`frame`] | length-prefixed framing: bytes in, frames out; whole requests and responses into a [`Sink`] |
//! | [`records`] | record batches: built in one pass, read borrowed, compressed within limits |
//! | [`header`] | request and response headers |
//! | [`apis!`] | the table of APIs: keys, versions and bodies |
//! | [`ApiKey`], [`Request`] | which versions exist and which of them are flexible (KIP-482) |
//!
//! ```
//! use linger_protocol::frame::{FrameDecoder, encode_request};
//! use linger_protocol::header::RequestHeader;
//! use linger_protocol::messages::{InitProducerIdRequest, RequestBody};
//! use linger_protocol::{ApiKey, Reader};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A client asks for a producer id …
//! let request = InitProducerIdRequest { transactional_id: None, ..Default::default() };
//! let mut bytes = Vec::new();
//! encode_request(&mut bytes, 4, 7, Some("me"), &request);
//!
//! // … and a broker reads what arrives.
//! let mut decoder = FrameDecoder::new(1 << 20);
//! decoder.buffer().extend_from_slice(&bytes);
//! let frame = decoder.next_frame()?.expect("it arrived whole");
//! let mut reader = Reader::new(&frame);
//! let header = RequestHeader::decode(&mut reader)?;
//! let body = RequestBody::decode(ApiKey::try_from(header.api_key)?, header.api_version, &mut reader)?;
//! assert_eq!(body, RequestBody::InitProducerId(request));
//! # Ok(())
//! # }
//! ```
//!
//! It deliberately does not negotiate, retry or interpret: what an [`ErrorCode`] means for a producer is the
//! producer's business.

mod api;
mod buffer;
mod error_code;
#[macro_use]
mod message;
pub mod frame;
pub mod header;
pub mod messages;
mod primitives;
mod record_set;
pub mod records;
mod sink;
mod text;

pub use api::{ApiKey, Message, Request, UnknownApiKey};
pub use buffer::{DecodeError, DecodeErrorKind, Reader};
pub use bytes::Bytes;
pub use error_code::ErrorCode;
pub use record_set::RecordSet;
pub use sink::{Scatter, Sink};

/// A string of a message: shared, so that one topic name is allocated once and handed around.
pub type Str = std::sync::Arc<str>;

/// Kafka's 16-byte identifier, in network order. All zeros mean "no id" (KIP-516).
pub type Uuid = [u8; 16];
