//! The APIs that are spoken here, their versions, and what a message is.

use std::ops::RangeInclusive;

use crate::{DecodeError, Reader, Sink};

/// Which request a frame holds: the first two bytes of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum ApiKey {
    /// Appends records to partitions.
    Produce = 0,
    /// Reads records of partitions.
    Fetch = 1,
    /// Finds offsets by time.
    ListOffsets = 2,
    /// Asks for brokers, topics and leaders.
    Metadata = 3,
    /// Finds the coordinator of a group or a transactional id.
    FindCoordinator = 10,
    /// Asks which versions of which APIs a broker speaks.
    ApiVersions = 18,
    /// Creates topics.
    CreateTopics = 19,
    /// Deletes topics.
    DeleteTopics = 20,
    /// Obtains a producer id and epoch.
    InitProducerId = 22,
}

impl ApiKey {
    /// All of them, ascending by key: the order in which a broker lists them.
    pub const ALL: [Self; 9] = [
        Self::Produce,
        Self::Fetch,
        Self::ListOffsets,
        Self::Metadata,
        Self::FindCoordinator,
        Self::ApiVersions,
        Self::CreateTopics,
        Self::DeleteTopics,
        Self::InitProducerId,
    ];

    /// Returns the versions that can be encoded and decoded.
    pub const fn versions(self) -> RangeInclusive<i16> {
        match self {
            Self::Produce => 3..=12,
            Self::Fetch => 4..=12,
            Self::ListOffsets => 1..=9,
            Self::Metadata => 0..=12,
            Self::FindCoordinator => 0..=6,
            Self::ApiVersions => 0..=4,
            Self::CreateTopics => 2..=7,
            Self::DeleteTopics => 1..=6,
            Self::InitProducerId => 0..=5,
        }
    }

    /// Returns the versions that a broker should list. Produce is listed from 0 as Apache Kafka 4 does, because
    /// librdkafka takes a broker that does not contain its feature ranges for one without codecs (KIP-896).
    pub const fn advertised_versions(self) -> RangeInclusive<i16> {
        match self {
            Self::Produce => 0..=12,
            key => key.versions(),
        }
    }

    /// Returns the first flexible version (KIP-482), `i16::MAX` if there is none.
    pub const fn flexible_from(self) -> i16 {
        match self {
            Self::Produce => 9,
            Self::Fetch => 12,
            Self::ListOffsets => 6,
            Self::Metadata => 9,
            Self::FindCoordinator => 3,
            Self::ApiVersions => 3,
            Self::CreateTopics => 5,
            Self::DeleteTopics => 4,
            Self::InitProducerId => 2,
        }
    }

    /// Tells whether `version` has compact lengths and tagged fields.
    pub const fn is_flexible(self, version: i16) -> bool {
        version >= self.flexible_from()
    }

    /// Returns Kafka's name of the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Produce => "Produce",
            Self::Fetch => "Fetch",
            Self::ListOffsets => "ListOffsets",
            Self::Metadata => "Metadata",
            Self::FindCoordinator => "FindCoordinator",
            Self::ApiVersions => "ApiVersions",
            Self::CreateTopics => "CreateTopics",
            Self::DeleteTopics => "DeleteTopics",
            Self::InitProducerId => "InitProducerId",
        }
    }
}

impl std::fmt::Display for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The number is the key of no API that is spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("API key {0} is not spoken here")]
pub struct UnknownApiKey(pub i16);

impl TryFrom<i16> for ApiKey {
    type Error = UnknownApiKey;

    fn try_from(key: i16) -> Result<Self, UnknownApiKey> {
        Self::ALL
            .into_iter()
            .find(|known| *known as i16 == key)
            .ok_or(UnknownApiKey(key))
    }
}

/// A request or response body, in every version of its API.
pub trait Message: Sized {
    /// Appends the body. Fields that `version` lacks are left out.
    ///
    /// `version` must be one of the API's: what is written for another has no meaning. A string above 32,767 bytes is
    /// cut where the version is not flexible, because its length cannot be written.
    fn encode(&self, sink: &mut impl Sink, version: i16);

    /// Reads the body; fields that `version` lacks get their defaults and unknown tagged fields are skipped.
    ///
    /// # Errors
    /// [`DecodeError`] for a version that the API lacks and for bytes that are no such body. Bytes after the body
    /// are none of its business: see [`Reader::remaining`].
    fn decode(reader: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError>;

    /// Reads the body over an older message, whose memory serves again: answers of the same shape cost no allocation.
    ///
    /// # Errors
    /// As [`decode`](Self::decode); what is left in `self` then is a mixture of both.
    fn decode_over(&mut self, reader: &mut Reader<'_>, version: i16) -> Result<(), DecodeError>;
}

/// A request body: what it asks, and of which type the answer is.
pub trait Request: Message {
    /// The API.
    const KEY: ApiKey;
    /// The versions that can be encoded and decoded.
    const VERSIONS: RangeInclusive<i16> = Self::KEY.versions();
    /// The first flexible version (KIP-482), `i16::MAX` if there is none.
    const FLEXIBLE_FROM: i16 = Self::KEY.flexible_from();
    /// The body of its answer.
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
}
