//! What each API does, one file per API.

mod api_versions;
mod create_topics;
mod delete_topics;
mod fetch;
mod find_coordinator;
mod init_producer_id;
mod list_offsets;
mod metadata;
mod produce;
mod refusal;
mod throttle;
mod topic_settings;

use std::time::Instant;

use linger_protocol::messages::RequestBody;

pub(super) use self::refusal::refuse;
pub(super) use self::throttle::announce_throttle;
use super::ClusterModel;
use super::inflight_request::{Stage, Task, Work};
use super::progress::Next;

impl ClusterModel {
    /// Answers any request but Produce.
    pub(super) fn handle_other(&mut self, work: &mut Work, now: Instant) -> Next {
        let Task::Other(request) = &work.task else {
            work.stage = Stage::Replying;
            return Next::Go;
        };
        let response = match request {
            RequestBody::Fetch(request) => {
                let begun = match work.poll.take() {
                    Some(poll) => Ok(poll),
                    None => self.begin_poll(request, work.broker, now),
                };
                return self.fetch(begun, work, now);
            }
            RequestBody::ListOffsets(request) => self.list_offsets(request, work).into(),
            RequestBody::Metadata(request) => self.metadata(request, work.version, now).into(),
            RequestBody::CreateTopics(request) => self.create_topics(request, now).into(),
            RequestBody::DeleteTopics(request) => self.delete_topics(request).into(),
            RequestBody::InitProducerId(request) => self.init_producer_id(request).into(),
            RequestBody::FindCoordinator(request) => self.find_coordinator(request, work.version).into(),
            RequestBody::ApiVersions(request) => self.api_versions(request, work.version).into(),
            // Produce requests are examined apart and never come this way.
            RequestBody::Produce(_) => return Next::Go,
        };
        work.task = Task::Answer(Some(response));
        work.stage = Stage::Replying;
        Next::Go
    }
}
