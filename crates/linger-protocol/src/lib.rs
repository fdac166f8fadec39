//! Kafka's wire protocol: bytes to types and back, for both ends of a connection.
//!
//! Each message has one definition, from which its struct, its encoder and its decoder follow for
//! every version. A client and a broker therefore agree. The crate has no I/O and no clock. A
//! length on the wire never decides how much is allocated: see [`Reader`]. A string that is not
//! UTF-8 is accepted: U+FFFD replaces the invalid bytes, as in Kafka.
//!
//! | start at | for |
//! |---|---|
//! | [`messages`] | requests and responses, one file per API, with its versions at the top |
//! | [`frame`] | splits bytes into frames, and appends whole requests and responses to a [`Sink`] |
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
//! let key = ApiKey::try_from(header.api_key)?;
//! let body = RequestBody::decode(key, header.api_version, &mut reader)?;
//! assert_eq!(body, RequestBody::InitProducerId(request));
//! # Ok(())
//! # }
//! ```
//!
//! The crate does not negotiate versions, retry, or interpret error codes. The producer decides
//! what an [`ErrorCode`] means.

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

/// A string of a message. It is shared, so that a topic's name is allocated only once.
pub type Str = std::sync::Arc<str>;

/// Kafka's 16-byte identifier, in network order. All zeros mean "no id" (KIP-516).
pub type Uuid = [u8; 16];
