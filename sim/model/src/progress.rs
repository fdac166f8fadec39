//! How far a request gets: stage by stage, with the points of the fault rules between the stages.

use std::time::{Duration, Instant};

use linger_protocol::{ErrorCode, Str};

use crate::action::Close;
use crate::cluster::Cluster;
use crate::cx::Cx;
use crate::fault::{Faults, Point};
use crate::fault_effects::{FaultGate, Interrupted, Interruption};
use crate::handlers::{Answer, Next, Started, overwrite};
use crate::inflight_request::{InflightRequest, RequestState, Stage};

/// Where a request stopped.
pub(crate) enum Progress {
    /// The answer is to be sent.
    Answered,
    /// The request ends without an answer, and its connection is closed.
    Close(Close),
    /// The request's task waits, at the latest until this time.
    Wait { until: Option<Instant> },
    /// A fault delays the request.
    Delay(Duration),
    /// A fault holds the request at a barrier.
    Hold(Str),
    /// The broker does nothing now.
    Frozen,
}

/// Takes stages until the request stops.
pub(crate) fn advance(
    request: &mut InflightRequest,
    rules: &mut Faults,
    cluster: &mut Cluster,
    now: Instant,
) -> Progress {
    loop {
        if !cluster.brokers.is_running(request.context.broker) {
            return Progress::Frozen;
        }
        let mut interruption = Interruption::default();
        let gate = FaultGate {
            rules,
            interruption: &mut interruption,
            reply: &mut request.reply_faults,
        };
        let mut cx = Cx::new(cluster, &request.context, gate, now);
        let state = &mut request.state;
        let handled = match request.stage {
            Stage::Accepted => pass(&mut cx, state, Point::Accepted),
            Stage::Parsed => pass(&mut cx, state, Point::Parsed),
            Stage::Handle => handle(&mut cx, state),
            Stage::Replying => pass(&mut cx, state, Point::Replying),
            Stage::Send => return Progress::Answered,
        };
        if let Handled::Done = handled {
            request.stage = request.stage.next();
        }
        match (interruption.outcome(), handled) {
            (Some(Interrupted::Close(how)), _) => return Progress::Close(how),
            (Some(Interrupted::Hold(barrier)), _) => return Progress::Hold(barrier),
            (Some(Interrupted::Delay(delay)), _) => return Progress::Delay(delay),
            (None, Handled::Wait { until }) => return Progress::Wait { until },
            (None, Handled::Done | Handled::Continue) => {}
        }
    }
}

/// What comes of a stage.
enum Handled {
    /// The next stage follows.
    Done,
    /// The same stage follows.
    Continue,
    /// The same stage follows once the task is woken.
    Wait { until: Option<Instant> },
}

/// Takes the request as a whole past a point of the fault rules.
fn pass(cx: &mut Cx<'_>, state: &mut RequestState, point: Point) -> Handled {
    if cx.has_faults_at(point)
        && let Some(code) = cx.pass_request(point)
    {
        refuse(state, code);
    }
    Handled::Done
}

/// Answers a request with a code, wherever the request stands.
fn refuse(state: &mut RequestState, code: ErrorCode) {
    *state = match take(state) {
        RequestState::New(body) => RequestState::Answered(body.refuse(code)),
        RequestState::Answered(Answer::Response(mut response)) => {
            overwrite(&mut response, code);
            RequestState::Answered(Answer::Response(response))
        }
        unchanged @ (RequestState::Started(_) | RequestState::Answered(_)) => unchanged,
    };
}

/// Starts the handler, or steps the task.
fn handle(cx: &mut Cx<'_>, state: &mut RequestState) -> Handled {
    if let RequestState::Started(task) = state {
        return match task.step(cx) {
            Next::Answer(answer) => {
                *state = RequestState::Answered(answer);
                Handled::Done
            }
            Next::Continue => Handled::Continue,
            Next::Wait { until } => Handled::Wait { until },
        };
    }
    let (handled, next) = match take(state) {
        RequestState::New(body) => match body.start(cx) {
            Started::Answer(response) => (Handled::Done, RequestState::Answered(Answer::Response(response))),
            Started::Wait(task) => (Handled::Continue, RequestState::Started(task)),
        },
        // A fault rule has refused the request.
        answered @ (RequestState::Answered(_) | RequestState::Started(_)) => (Handled::Done, answered),
    };
    *state = next;
    handled
}

/// Takes the state out, to be replaced at once.
fn take(state: &mut RequestState) -> RequestState {
    std::mem::replace(state, RequestState::Answered(Answer::Nothing))
}
