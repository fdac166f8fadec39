//! One request on its way through a broker.

use linger_protocol::messages::ResponseBody;

use crate::fault_effects::ReplyFaults;
use crate::handlers::{Answer, Body, Task};
use crate::request_context::RequestContext;

/// A request, where it stands, and what fault rules ask for its answer. A request outlives its
/// connection.
#[derive(Debug)]
pub(crate) struct InflightRequest {
    pub(crate) context: RequestContext,
    pub(crate) stage: Stage,
    pub(crate) state: RequestState,
    pub(crate) reply_faults: ReplyFaults,
}

/// What is done next.
///
/// ```text
/// Accepted -> Parsed -> Handle -> Replying -> Send
///                       ^____|  a task steps until the request is answered
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The request passes the point `accepted`.
    Accepted,
    /// The request passes the point `parsed`.
    Parsed,
    /// The handler starts, or the task steps.
    Handle,
    /// The request passes the point `replying`.
    Replying,
    /// The answer is sent.
    Send,
}

impl Stage {
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Accepted => Self::Parsed,
            Self::Parsed => Self::Handle,
            Self::Handle => Self::Replying,
            Self::Replying | Self::Send => Self::Send,
        }
    }
}

/// What is left of the request.
#[derive(Debug)]
pub(crate) enum RequestState {
    /// Nothing was done yet.
    New(Body),
    /// The request waits, or will be stepped.
    Started(Task),
    Answered(Answer<ResponseBody>),
}
