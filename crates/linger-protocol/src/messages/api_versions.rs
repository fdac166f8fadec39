//! ApiVersions (key 18), v0–v4, flexible from v3.
//!
//! | version | adds |
//! |---|---|
//! | 1 | `throttle_time_ms` |
//! | 3 | flexible; the client names its software (KIP-511), features (KIP-584) |
//! | 4 | features whose lowest version is 0 are listed too (KAFKA-17011) |
//!
//! A client calls this API before it knows the versions of the broker. The response header
//! therefore never has tagged fields. A broker answers a version that it lacks as v0 (KIP-511).

use bytes::Bytes;

use crate::frame::encode_response;
use crate::{ApiKey, ErrorCode, Str};

message! {
    /// Asks which versions of which APIs the broker has.
    pub struct ApiVersionsRequest {
        /// The client's software, such as `linger`: letters, digits, `-` and `.`.
        pub client_software_name: Str => [3..],
        /// Its version.
        pub client_software_version: Str => [3..],
    }

    /// Lists the versions of the APIs.
    pub struct ApiVersionsResponse {
        /// What is wrong with the request, or [`ErrorCode::NONE`].
        pub error_code: ErrorCode => [0..],
        /// The APIs, ascending by key.
        pub api_keys: Vec<ApiVersion> => [0..],
        /// How long the client was or will be muted for exceeding a quota, in ms.
        pub throttle_time_ms: i32 => [1..],
        /// The versions of features that the broker could run with.
        pub supported_features: Vec<SupportedFeatureKey> => [3..] tag 0,
        /// The epoch of the finalized features, -1 if there are none.
        pub finalized_features_epoch: i64 => [3..] tag 1 = -1,
        /// The versions of features that the cluster runs with.
        pub finalized_features: Vec<FinalizedFeatureKey> => [3..] tag 2,
        /// Whether a migration from ZooKeeper could begin.
        pub zk_migration_ready: bool => [3..] tag 3,
    }

    /// The versions of one API.
    pub struct ApiVersion {
        /// The API key, which may be unknown to [`ApiKey`].
        pub api_key: i16 => [0..],
        /// The lowest version.
        pub min_version: i16 => [0..],
        /// The highest version.
        pub max_version: i16 => [0..],
    }

    /// A feature that a broker could run with.
    pub struct SupportedFeatureKey {
        /// Its name.
        pub name: Str => [0..],
        /// The lowest level.
        pub min_version: i16 => [0..],
        /// The highest level.
        pub max_version: i16 => [0..],
    }

    /// A feature that the cluster runs with.
    pub struct FinalizedFeatureKey {
        /// Its name.
        pub name: Str => [0..],
        /// The highest level, which Kafka puts before the lowest.
        pub max_version_level: i16 => [0..],
        /// The lowest level.
        pub min_version_level: i16 => [0..],
    }
}

impl ApiVersionsResponse {
    /// Returns the whole response frame for an ApiVersions request of a version that the broker
    /// lacks. The body is of v0, with `UNSUPPORTED_VERSION` and the versions of ApiVersions itself.
    /// The client picks one of these versions (KIP-511).
    pub fn unsupported_version_frame(correlation_id: i32) -> Bytes {
        let (min_version, max_version) = ApiKey::ApiVersions.versions().into_inner();
        let response = Self {
            error_code: ErrorCode::UNSUPPORTED_VERSION,
            api_keys: vec![ApiVersion {
                api_key: ApiKey::ApiVersions as i16,
                min_version,
                max_version,
            }],
            ..Self::default()
        };
        let mut frame = Vec::new();
        encode_response(&mut frame, ApiKey::ApiVersions, 0, correlation_id, &response);
        frame.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_version_is_answered_byte_for_byte_as_apache_kafka_does() {
        let frame = ApiVersionsResponse::unsupported_version_frame(0x0102_0304);
        let expected = [
            0, 0, 0, 16, // length
            1, 2, 3, 4, // correlation id
            0, 35, // UNSUPPORTED_VERSION
            0, 0, 0, 1, // one API
            0, 18, 0, 0, 0, 4, // ApiVersions, 0 to 4
        ];
        assert_eq!(frame[..], expected);
    }
}
