//! The APIs of Kafka that this crate has: the table, and the key that names one of them.

use std::ops::RangeInclusive;

use crate::{DecodeError, Reader, Sink};

/// Passes the table of APIs to the macro with the given name.
///
/// The table is the only list of APIs. A row states the key, the names of the two bodies and the
/// settings:
///
/// - `versions`: the versions that can be encoded and decoded;
/// - `flexible`: the first version with compact lengths and tagged fields (KIP-482);
/// - `advertised`: the versions that a broker lists, if they are not `versions`;
/// - `response_header`: the version of the response header, if it does not follow from `flexible`.
///
/// The macro must accept rows of this form, in the order of the keys:
///
/// ```
/// macro_rules! keys {
///     ($(
///         $(#[$doc:meta])*
///         $name:ident = $key:literal ($request:ident, $response:ident) $settings:tt
///     )*) => {
///         [$((stringify!($name), $key)),*]
///     };
/// }
/// let keys = linger_protocol::apis!(keys);
/// assert_eq!(keys[0], ("Produce", 0));
/// ```
#[macro_export]
macro_rules! apis {
    ($use:ident) => {
        $use! {
            /// Appends records to partitions.
            ///
            /// Apache Kafka 4 advertises version 0 although it serves only 3 and later. librdkafka
            /// concludes from a higher first version that the broker lacks compression codecs
            /// (KIP-896).
            Produce = 0 (ProduceRequest, ProduceResponse) { versions: 3..=12, flexible: 9, advertised: 0..=12 }
            /// Reads records of partitions.
            Fetch = 1 (FetchRequest, FetchResponse) { versions: 4..=12, flexible: 12 }
            /// Finds offsets by time.
            ListOffsets = 2 (ListOffsetsRequest, ListOffsetsResponse) { versions: 1..=9, flexible: 6 }
            /// Asks for brokers, topics and leaders.
            Metadata = 3 (MetadataRequest, MetadataResponse) { versions: 0..=12, flexible: 9 }
            /// Finds the coordinator of a group or a transactional id.
            FindCoordinator = 10 (FindCoordinatorRequest, FindCoordinatorResponse) { versions: 0..=6, flexible: 3 }
            /// Asks which versions of which APIs a broker has.
            ///
            /// The response header never has tagged fields: the client reads it before it knows the
            /// broker's versions.
            ApiVersions = 18 (ApiVersionsRequest, ApiVersionsResponse) {
                versions: 0..=4, flexible: 3, response_header: 0
            }
            /// Creates topics.
            CreateTopics = 19 (CreateTopicsRequest, CreateTopicsResponse) { versions: 2..=7, flexible: 5 }
            /// Deletes topics.
            DeleteTopics = 20 (DeleteTopicsRequest, DeleteTopicsResponse) { versions: 1..=6, flexible: 4 }
            /// Obtains a producer id and epoch.
            InitProducerId = 22 (InitProducerIdRequest, InitProducerIdResponse) { versions: 0..=5, flexible: 2 }
            /// Finds where the records of a leader epoch end.
            OffsetForLeaderEpoch = 23 (OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse) {
                versions: 2..=4, flexible: 4
            }
            /// Describes the settings of topics and brokers.
            DescribeConfigs = 32 (DescribeConfigsRequest, DescribeConfigsResponse) { versions: 1..=4, flexible: 4 }
        }
    };
}

/// Yields the first expression. The last one is the value of a setting that a row leaves out.
macro_rules! first {
    ($first:expr $(, $rest:expr)*) => {
        $first
    };
}

macro_rules! define_api_key {
    ($(
        $(#[$doc:meta])*
        $name:ident = $key:literal ($request:ident, $response:ident) {
            versions: $versions:expr,
            flexible: $flexible:expr
            $(, advertised: $advertised:expr)?
            $(, response_header: $response_header:expr)?
        }
    )*) => {
        /// Which request a frame holds: the first two bytes of every request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {
            $($(#[$doc])* $name = $key,)*
        }

        impl ApiKey {
            /// All keys, ascending: the order in which a broker lists its APIs.
            pub const ALL: [Self; [$($key),*].len()] = [$(Self::$name),*];

            /// Returns the versions that can be encoded and decoded.
            pub const fn versions(self) -> RangeInclusive<i16> {
                match self { $(Self::$name => $versions,)* }
            }

            /// Returns the versions that a broker lists. Only Produce has listed versions that
            /// cannot be decoded.
            pub const fn advertised_versions(self) -> RangeInclusive<i16> {
                match self { $(Self::$name => first!($($advertised,)? $versions),)* }
            }

            /// Returns the first flexible version (KIP-482), `i16::MAX` if there is none.
            pub const fn flexible_from(self) -> i16 {
                match self { $(Self::$name => $flexible,)* }
            }

            /// Returns the version of the response header in `version`: 1 has tagged fields, 0 has
            /// none.
            pub const fn response_header_version(self, version: i16) -> i16 {
                match self { $(Self::$name => first!($($response_header,)? self.is_flexible(version) as i16),)* }
            }

            /// Returns Kafka's name of the API.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }

        impl TryFrom<i16> for ApiKey {
            type Error = UnknownApiKey;

            fn try_from(key: i16) -> Result<Self, UnknownApiKey> {
                match key {
                    $($key => Ok(Self::$name),)*
                    key => Err(UnknownApiKey(key)),
                }
            }
        }
    };
}

apis!(define_api_key);

impl ApiKey {
    /// Tells whether `version` has compact lengths and tagged fields.
    pub const fn is_flexible(self, version: i16) -> bool {
        version >= self.flexible_from()
    }

    /// Returns the version of the request header in `version`: 2 has tagged fields, 1 has none.
    pub const fn request_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) { 2 } else { 1 }
    }
}

impl std::fmt::Display for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The number is the key of no API in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("API key {0} is not spoken here")]
pub struct UnknownApiKey(pub i16);

/// A request or response body, in every version of its API.
pub trait Message: Sized {
    /// Appends the body. Fields that `version` lacks are left out.
    ///
    /// `version` must be one of the API's versions: the bytes of any other version have no meaning.
    /// A string above 32,767 bytes is cut where the version is not flexible, because its length
    /// cannot be written.
    fn encode(&self, sink: &mut impl Sink, version: i16);

    /// Reads the body. Fields that `version` lacks get their defaults. Unknown tagged fields are
    /// skipped.
    ///
    /// Bytes after the body are left to the caller: see [`Reader::remaining`].
    ///
    /// # Errors
    /// [`DecodeError`] if the API lacks `version`, or if the bytes are not a body of this type.
    fn decode(reader: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError>;

    /// Reads the body over an older message and uses its memory again. A response of the same shape
    /// costs no allocation.
    ///
    /// # Errors
    /// As [`decode`](Self::decode). After an error `self` is a mixture of both messages.
    fn decode_over(&mut self, reader: &mut Reader<'_>, version: i16) -> Result<(), DecodeError>;
}

/// A request body. The type of its response belongs to it.
pub trait Request: Message {
    /// The API.
    const KEY: ApiKey;
    /// The versions that can be encoded and decoded.
    const VERSIONS: RangeInclusive<i16> = Self::KEY.versions();
    /// The first flexible version (KIP-482), `i16::MAX` if there is none.
    const FLEXIBLE_FROM: i16 = Self::KEY.flexible_from();
    /// The body of the response.
    type Response: Message;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_from_their_numbers() {
        for key in ApiKey::ALL {
            assert_eq!(ApiKey::try_from(key as i16), Ok(key));
        }
        assert_eq!(ApiKey::try_from(4), Err(UnknownApiKey(4)));
        assert!(ApiKey::ALL.is_sorted());
    }

    /// The first line of `messages/NAME.rs` is `//! Name (key 0), v3–v12, flexible from v9.`
    #[test]
    fn the_first_line_of_each_message_agrees_with_the_table() {
        for key in ApiKey::ALL {
            let mut path = format!("{}/src/messages/", env!("CARGO_MANIFEST_DIR"));
            for (index, letter) in key.name().char_indices() {
                if index > 0 && letter.is_ascii_uppercase() {
                    path.push('_');
                }
                path.push(letter.to_ascii_lowercase());
            }
            path += ".rs";
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            let (min, max) = key.versions().into_inner();
            let flexible = key.flexible_from();
            let expected = format!(
                "//! {key} (key {}), v{min}–v{max}, flexible from v{flexible}.",
                key as i16
            );
            assert_eq!(text.lines().next(), Some(&*expected), "{path}");
        }
    }

    #[test]
    fn produce_is_advertised_from_version_0() {
        assert_eq!(ApiKey::Produce.advertised_versions(), 0..=12);
        for key in ApiKey::ALL.into_iter().filter(|key| *key != ApiKey::Produce) {
            assert_eq!(key.advertised_versions(), key.versions(), "{key}");
        }
    }
}
