//! ApiVersions: which APIs are spoken, in which versions.

use linger_protocol::messages::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use linger_protocol::{ApiKey, ErrorCode};

use crate::ClusterModel;

/// The first version in which a client names its software (KIP-511).
const NAMES_SOFTWARE_FROM: i16 = 3;

impl ClusterModel {
    pub(super) fn api_versions(&self, request: &ApiVersionsRequest, version: i16) -> ApiVersionsResponse {
        let names = [&request.client_software_name, &request.client_software_version];
        if version >= NAMES_SOFTWARE_FROM && !names.into_iter().all(|name| is_software_name(name)) {
            return ApiVersionsResponse {
                error_code: ErrorCode::INVALID_REQUEST,
                ..ApiVersionsResponse::default()
            };
        }
        let mut keys = ApiKey::ALL;
        keys.sort_by_key(|key| *key as i16);
        let api_keys = keys.into_iter().map(|key| {
            let versions = key.advertised_versions();
            let caps = self.config.version_caps.iter();
            let cap = caps
                .filter(|(capped, _)| *capped == key)
                .map(|(_, max)| *max)
                .min();
            ApiVersion {
                api_key: key as i16,
                min_version: *versions.start(),
                max_version: cap.into_iter().fold(*versions.end(), i16::min),
            }
        });
        ApiVersionsResponse {
            api_keys: api_keys.collect(),
            finalized_features_epoch: -1,
            ..ApiVersionsResponse::default()
        }
    }
}

/// Letters, digits, `-` and `.`, beginning and ending with a letter or digit.
fn is_software_name(name: &str) -> bool {
    let is_plain = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    is_plain(name.chars().next())
        && is_plain(name.chars().next_back())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
}
