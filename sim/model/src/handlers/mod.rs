//! What each API does, one file per API.
//!
//! A file holds all that concerns its API: how a request is handled, how it waits, how it is
//! refused with a code at each level, how a throttle is announced. `handler` says what a file
//! provides. The file of a new API is named here by a `mod` line and a `use` line. The table of
//! APIs in `linger_protocol` does the rest: without a handler for each row this module does not
//! compile.

mod api_versions;
mod create_topics;
mod delete_topics;
mod describe_configs;
mod fetch;
mod find_coordinator;
mod handler;
mod init_producer_id;
mod list_offsets;
mod metadata;
mod offset_for_leader_epoch;
mod produce;

use linger_protocol::messages::ResponseBody;
use linger_protocol::{ApiKey, DecodeError, ErrorCode, Reader};

use self::api_versions::ApiVersions;
use self::create_topics::CreateTopics;
use self::delete_topics::DeleteTopics;
use self::describe_configs::DescribeConfigs;
use self::fetch::Fetch;
use self::find_coordinator::FindCoordinator;
pub(crate) use self::handler::{Answer, Next};
use self::handler::{Examine, Handler, Outcome, Step};
use self::init_producer_id::InitProducerId;
use self::list_offsets::ListOffsets;
use self::metadata::Metadata;
use self::offset_for_leader_epoch::OffsetForLeaderEpoch;
pub use self::produce::BatchCounts;
use self::produce::Produce;
use crate::config::ExamineConfig;
use crate::cx::Cx;

/// What comes of the start of a request of any API.
pub(crate) enum Started {
    Answer(ResponseBody),
    Wait(Task),
}

macro_rules! dispatch {
    ($($(#[$doc:meta])* $api:ident = $key:literal ($request:ident, $response:ident) $settings:tt)*) => {
        /// A request of any API, as its handler takes it.
        #[derive(Debug)]
        pub(crate) enum Body {
            $($api(<$api as Handler>::Request),)*
        }

        /// A waiting request of any API.
        #[derive(Debug)]
        pub(crate) enum Task {
            $($api(<$api as Handler>::Task),)*
        }

        impl Body {
            /// Reads the body of a request.
            ///
            /// # Errors
            /// If the bytes are no such request.
            pub(crate) fn examine(
                api: ApiKey,
                reader: &mut Reader<'_>,
                version: i16,
                config: &ExamineConfig,
            ) -> Result<Self, DecodeError> {
                match api {
                    $(ApiKey::$api => Examine::examine(reader, version, config).map(Self::$api),)*
                }
            }

            /// Handles the request.
            pub(crate) fn start(self, cx: &mut Cx<'_>) -> Started {
                match self {
                    $(Self::$api(request) => match $api::start(cx, request) {
                        Outcome::Answer(response) => Started::Answer(response.into()),
                        Outcome::Wait(task) => Started::Wait(Task::$api(task)),
                    },)*
                }
            }

            /// Refuses the request as a whole.
            pub(crate) fn refuse(self, code: ErrorCode) -> Answer<ResponseBody> {
                match self {
                    $(Self::$api(request) => $api::refuse(request, code).into_body(),)*
                }
            }
        }

        impl Task {
            /// Whether the task ends when its connection is closed.
            pub(crate) fn ends_with_connection(&self) -> bool {
                fn of<R, T: Step<R>>(_: &T) -> bool {
                    T::ENDS_WITH_CONNECTION
                }
                match self {
                    $(Self::$api(task) => of::<<$api as Handler>::Response, _>(task),)*
                }
            }

            /// Goes on with the request.
            pub(crate) fn step(&mut self, cx: &mut Cx<'_>) -> Next<ResponseBody> {
                match self {
                    $(Self::$api(task) => match Step::<<$api as Handler>::Response>::step(task, cx) {
                        Next::Answer(answer) => Next::Answer(answer.into_body()),
                        Next::Continue => Next::Continue,
                        Next::Wait { until } => Next::Wait { until },
                    },)*
                }
            }

            /// Ends the request without an answer.
            pub(crate) fn cancel(self, cx: &mut Cx<'_>) {
                match self {
                    $(Self::$api(task) => Step::<<$api as Handler>::Response>::cancel(task, cx),)*
                }
            }
        }

        /// Replaces every code of a complete answer.
        pub(crate) fn overwrite(response: &mut ResponseBody, code: ErrorCode) {
            match response {
                $(ResponseBody::$api(response) => $api::overwrite(response, code),)*
            }
        }

        /// Announces in an answer for how long its client is muted.
        pub(crate) fn announce_throttle(response: &mut ResponseBody, time_ms: i32) {
            match response {
                $(ResponseBody::$api(response) => *$api::throttle_time_ms(response) = time_ms,)*
            }
        }
    };
}

linger_protocol::apis!(dispatch);

impl Body {
    /// What a produce request carries; `None` for any other request.
    pub(crate) fn batch_counts(&self) -> Option<BatchCounts> {
        let Self::Produce(request) = self else {
            return None;
        };
        Some(request.batch_counts())
    }
}
