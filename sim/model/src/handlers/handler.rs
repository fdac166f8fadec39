//! What the file of an API provides, and what a handler may answer.

use std::time::Instant;

use linger_protocol::messages::ResponseBody;
use linger_protocol::{DecodeError, ErrorCode, Reader};

use crate::config::ExamineConfig;
use crate::cx::Cx;

/// One API: how its requests are handled, refused and throttled.
///
/// Each file of this folder implements the trait for one API. `handlers/mod.rs` lists the
/// implementations.
pub(crate) trait Handler: Sized {
    /// The decoded request.
    type Request: Examine;
    /// The body of the answer.
    type Response: Into<ResponseBody>;
    /// What is left of a request that waits; [`Never`] if no request of the API waits.
    type Task: Step<Self::Response>;

    /// Handles a request. If the request waits, the task is stepped at once.
    fn start(cx: &mut Cx<'_>, request: Self::Request) -> Outcome<Self>;

    /// Refuses a request as a whole with a code, before anything was done: what Kafka's
    /// `getErrorResponse` answers.
    fn refuse(request: Self::Request, code: ErrorCode) -> Answer<Self::Response>;

    /// Replaces every code of a complete answer, and the results that a client must not see
    /// together with an error.
    fn overwrite(response: &mut Self::Response, code: ErrorCode);

    /// The field that announces for how long the client is muted (KIP-219).
    fn throttle_time_ms(response: &mut Self::Response) -> &mut i32;
}

/// What comes of the start of a request.
pub(crate) enum Outcome<H: Handler> {
    /// The request is answered.
    Answer(H::Response),
    /// The request goes on as a task.
    Wait(H::Task),
}

/// A request that does not answer at once.
///
/// A task says in `step` what it waits for, and enters itself where it will be woken. It may be
/// stepped at other times too, and then waits again. What it has entered elsewhere it removes in
/// `cancel`.
pub(crate) trait Step<R> {
    /// Whether the task ends when its connection is closed. Other tasks go on: what was asked for
    /// is done.
    const ENDS_WITH_CONNECTION: bool = false;

    /// Goes on with the request.
    fn step(&mut self, cx: &mut Cx<'_>) -> Next<R>;

    /// Ends the request without an answer.
    fn cancel(self, cx: &mut Cx<'_>);
}

/// What comes of a step.
pub(crate) enum Next<R> {
    /// The request is answered.
    Answer(Answer<R>),
    /// Step again, as soon as the faults of the points that were passed have happened.
    Continue,
    /// The request waits until its task is woken, at the latest at this time.
    Wait { until: Option<Instant> },
}

/// How a request is answered.
#[derive(Debug)]
pub(crate) enum Answer<R> {
    Response(R),
    /// The client expects no answer (acks=0).
    Nothing,
    /// The connection is closed: there is no answer that could report the error (acks=0).
    Close,
}

impl<R: Into<ResponseBody>> Answer<R> {
    pub(crate) fn into_body(self) -> Answer<ResponseBody> {
        match self {
            Self::Response(response) => Answer::Response(response.into()),
            Self::Nothing => Answer::Nothing,
            Self::Close => Answer::Close,
        }
    }
}

/// The task of an API whose requests never wait.
#[derive(Debug)]
pub(crate) enum Never {}

impl<R> Step<R> for Never {
    fn step(&mut self, _: &mut Cx<'_>) -> Next<R> {
        match *self {}
    }

    fn cancel(self, _: &mut Cx<'_>) {
        match self {}
    }
}

/// A request that can be read from a frame. It is read outside the model's lock, so what costs time
/// per byte belongs here.
pub(crate) trait Examine: Sized {
    fn examine(reader: &mut Reader<'_>, version: i16, config: &ExamineConfig) -> Result<Self, DecodeError>;
}

impl<R: linger_protocol::Request> Examine for R {
    fn examine(reader: &mut Reader<'_>, version: i16, _: &ExamineConfig) -> Result<Self, DecodeError> {
        R::decode(reader, version)
    }
}
