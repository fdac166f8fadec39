//! ApiVersions: which APIs the cluster speaks, in which versions.

use linger_protocol::messages::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use linger_protocol::{ApiKey, ErrorCode};

use super::handler::{Answer, Handler, Never, Outcome};
use crate::config::ModelConfig;
use crate::cx::Cx;

/// The first version in which a client names its software (KIP-511).
const NAMES_SOFTWARE_FROM: i16 = 3;

pub(crate) struct ApiVersions;

impl Handler for ApiVersions {
    type Request = ApiVersionsRequest;
    type Response = ApiVersionsResponse;
    type Task = Never;

    fn start(cx: &mut Cx<'_>, request: ApiVersionsRequest) -> Outcome<Self> {
        let names = [&request.client_software_name, &request.client_software_version];
        let are_valid = names.into_iter().all(|name| is_software_name(name));
        if cx.request.version >= NAMES_SOFTWARE_FROM && !are_valid {
            return Outcome::Answer(refused(ErrorCode::INVALID_REQUEST));
        }
        let mut keys = ApiKey::ALL;
        keys.sort_by_key(|key| *key as i16);
        Outcome::Answer(ApiVersionsResponse {
            api_keys: keys.into_iter().map(|key| versions_of(key, cx.config)).collect(),
            finalized_features_epoch: -1,
            ..ApiVersionsResponse::default()
        })
    }

    fn refuse(_: ApiVersionsRequest, code: ErrorCode) -> Answer<ApiVersionsResponse> {
        Answer::Response(refused(code))
    }

    fn overwrite(response: &mut ApiVersionsResponse, code: ErrorCode) {
        response.error_code = code;
        response.api_keys.clear();
    }

    fn throttle_time_ms(response: &mut ApiVersionsResponse) -> &mut i32 {
        &mut response.throttle_time_ms
    }
}

fn refused(error_code: ErrorCode) -> ApiVersionsResponse {
    ApiVersionsResponse {
        error_code,
        ..ApiVersionsResponse::default()
    }
}

fn versions_of(key: ApiKey, config: &ModelConfig) -> ApiVersion {
    let versions = key.advertised_versions();
    let caps = config.version_caps.iter();
    let cap = caps
        .filter(|(capped, _)| *capped == key)
        .map(|(_, max)| *max)
        .min();
    ApiVersion {
        api_key: key as i16,
        min_version: *versions.start(),
        max_version: cap.into_iter().fold(*versions.end(), i16::min),
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
