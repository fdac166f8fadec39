//! The field of each answer that says for how long its client is muted (KIP-219).

use linger_protocol::messages::ResponseBody;

/// Announces a throttle in an answer.
pub(crate) fn announce_throttle(response: &mut ResponseBody, time_ms: i32) {
    let field = match response {
        ResponseBody::Produce(response) => &mut response.throttle_time_ms,
        ResponseBody::Fetch(response) => &mut response.throttle_time_ms,
        ResponseBody::ListOffsets(response) => &mut response.throttle_time_ms,
        ResponseBody::Metadata(response) => &mut response.throttle_time_ms,
        ResponseBody::FindCoordinator(response) => &mut response.throttle_time_ms,
        ResponseBody::ApiVersions(response) => &mut response.throttle_time_ms,
        ResponseBody::CreateTopics(response) => &mut response.throttle_time_ms,
        ResponseBody::DeleteTopics(response) => &mut response.throttle_time_ms,
        ResponseBody::InitProducerId(response) => &mut response.throttle_time_ms,
    };
    *field = time_ms;
}
