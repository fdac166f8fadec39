//! Requests and responses, one file per API.
//!
//! Structs and fields have the names of Kafka's message definitions, in Rust's case. Each struct
//! has a [`Default`] with Kafka's defaults, so that code states only the fields that differ.

mod api_versions;
mod create_topics;
mod delete_topics;
mod describe_configs;
mod fetch;
mod find_coordinator;
mod init_producer_id;
mod leader;
mod list_offsets;
mod metadata;
mod offset_for_leader_epoch;
mod produce;

pub use api_versions::*;
pub use create_topics::*;
pub use delete_topics::*;
pub use describe_configs::*;
pub use fetch::*;
pub use find_coordinator::*;
pub use init_producer_id::*;
pub use leader::*;
pub use list_offsets::*;
pub use metadata::*;
pub use offset_for_leader_epoch::*;
pub use produce::*;

use crate::primitives::{Field, Layout, body_layout};
use crate::{ApiKey, DecodeError, Message, Reader, Request, Sink};

macro_rules! define_bodies {
    ($(
        $(#[$doc:meta])*
        $key:ident = $number:literal ($request:ident, $response:ident) $settings:tt
    )*) => {
        define_body!(RequestBody, "request", $($key $request)*);
        define_body!(ResponseBody, "response", $($key $response)*);

        $(
            impl Request for $request {
                const KEY: ApiKey = ApiKey::$key;
                type Response = $response;
            }
        )*
    };
}

macro_rules! define_body {
    ($name:ident, $direction:literal, $($key:ident $body:ident)*) => {
        #[doc = concat!("A ", $direction, " of any API.")]
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            $(#[doc = concat!("A ", $direction, " of [`ApiKey::", stringify!($key), "`].")] $key($body),)*
        }

        impl $name {
            /// Returns the API.
            pub fn key(&self) -> ApiKey {
                match self { $(Self::$key(_) => ApiKey::$key,)* }
            }

            /// Appends the body.
            pub fn encode(&self, sink: &mut impl Sink, version: i16) {
                match self { $(Self::$key(body) => body.encode(sink, version),)* }
            }

            #[doc = concat!("Reads a ", $direction, " of the API `key`.")]
            ///
            /// # Errors
            /// As [`Message::decode`].
            pub fn decode(key: ApiKey, version: i16, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match key { $(ApiKey::$key => $body::decode(reader, version).map(Self::$key),)* }
            }
        }

        $(
            impl Message for $body {
                fn encode(&self, sink: &mut impl Sink, version: i16) {
                    self.write(sink, Layout::new(ApiKey::$key, version));
                }

                fn decode(reader: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
                    let layout = body_layout(reader, ApiKey::$key, version)?;
                    Self::read(reader, layout)
                }

                fn decode_over(&mut self, reader: &mut Reader<'_>, version: i16) -> Result<(), DecodeError> {
                    let layout = body_layout(reader, ApiKey::$key, version)?;
                    self.read_over(reader, layout)
                }
            }

            impl From<$body> for $name {
                fn from(body: $body) -> Self {
                    Self::$key(body)
                }
            }
        )*
    };
}

crate::apis!(define_bodies);
