//! The requests that are served: from their connections, past the handlers and the faults, to their
//! answers.

use std::collections::VecDeque;
use std::time::Instant;

use linger_protocol::frame::encode_frame;
use linger_protocol::header::ResponseHeader;
use linger_protocol::messages::{ApiVersionsResponse, ResponseBody};
use linger_protocol::{Scatter, Sink};

use crate::action::{Action, Close, Reply};
use crate::cluster::Cluster;
use crate::connections::{Arrival, Connections, NextRequest, Phase};
use crate::cx::Cx;
use crate::deadlines::Due;
use crate::fault::Faults;
use crate::fault_effects::{Delivery, FaultGate, Interruption, ReplyFaults};
use crate::handlers::{Answer, announce_throttle};
use crate::history::Observation;
use crate::ids::{ConnectionId, RequestId};
use crate::inflight_request::{InflightRequest, RequestState, Stage};
use crate::parsed_frame::{Examined, ParsedFrame, Request};
use crate::progress::{Progress, advance};
use crate::purgatory::Purgatory;
use crate::request_context::RequestContext;
use crate::wakeups::WaitReason;

/// Everything about requests that outlives one event.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    connections: Connections,
    purgatory: Purgatory,
    pub(crate) faults: Faults,
    /// What the shell has yet to do.
    pub(crate) outbox: VecDeque<Action>,
    last_id: u64,
}

impl Requests {
    /// A client connected to a broker.
    pub(crate) fn open(&mut self, connection: ConnectionId, broker: i32, cluster: &mut Cluster) {
        let Some(accepting) = cluster.brokers.get_mut(broker) else {
            return;
        };
        self.connections.open(connection, broker, accepting.accept());
        cluster
            .history
            .note(|| Observation::Opened { connection, broker });
    }

    /// A frame arrived.
    pub(crate) fn arrive(
        &mut self,
        connection: ConnectionId,
        examined: Examined,
        cluster: &mut Cluster,
        now: Instant,
    ) {
        match self.connections.arrive(connection, examined) {
            Arrival::Serve(examined) => self.serve(connection, examined, cluster, now),
            Arrival::Overflow => self.close(connection, Close::Reset, cluster, now),
            Arrival::Queued | Arrival::Gone => {}
        }
    }

    /// A throttled connection may go on.
    pub(crate) fn unmute(&mut self, connection: ConnectionId, cluster: &mut Cluster, now: Instant) {
        let muted = self.connections.get_mut(connection);
        if muted.is_some_and(|connection| connection.phase == Phase::Muted)
            && let Some(next) = self.resume(connection)
        {
            self.serve(connection, next, cluster, now);
        }
    }

    /// A connection is gone, by either side.
    pub(crate) fn forget_connection(
        &mut self,
        connection: ConnectionId,
        cluster: &mut Cluster,
        now: Instant,
    ) {
        let Some(forgotten) = self.connections.remove(connection) else {
            return;
        };
        cluster.history.note(|| Observation::Closed { connection });
        if let Phase::Busy(id) = forgotten.phase
            && let Some(abandoned) = self.purgatory.take_abandoned(id, &mut cluster.deadlines)
        {
            self.cancel(*abandoned, cluster, now);
        }
    }

    /// The process of a broker ended: its requests are forgotten, and its connections are reset.
    pub(crate) fn drop_broker(&mut self, broker: i32, cluster: &mut Cluster, now: Instant) {
        for request in self.purgatory.take_of_broker(broker, &mut cluster.deadlines) {
            self.cancel(request, cluster, now);
        }
        for connection in self.connections.of_broker(broker) {
            self.close(connection, Close::Reset, cluster, now);
        }
    }

    /// A frozen broker goes on, and so do the requests that it had no time for.
    pub(crate) fn thaw_broker(&self, broker: i32, cluster: &mut Cluster) {
        self.purgatory.thaw(broker, &mut cluster.wakeups);
    }

    /// Releases a barrier once.
    pub(crate) fn release(&mut self, barrier: &str, cluster: &mut Cluster) {
        self.purgatory.release(barrier, &mut cluster.wakeups);
    }

    /// A request's time is up.
    pub(crate) fn time_is_up(&self, id: RequestId, cluster: &mut Cluster) {
        self.purgatory.time_is_up(id, &mut cluster.wakeups);
    }

    /// Goes on with every request that was woken.
    pub(crate) fn go_on(&mut self, cluster: &mut Cluster, now: Instant) {
        while let Some((id, reason)) = cluster.wakeups.pop() {
            if let Some(request) = self.purgatory.take(id, reason, &mut cluster.deadlines) {
                let connection = request.context.connection;
                if let Some(next) = self.run(request, cluster, now) {
                    self.serve(connection, next, cluster, now);
                }
            }
        }
    }

    /// Serves a connection's requests until one waits, or none is there.
    fn serve(&mut self, connection: ConnectionId, examined: Examined, cluster: &mut Cluster, now: Instant) {
        let mut next = Some(examined);
        while let Some(examined) = next {
            next = match examined.0 {
                ParsedFrame::Request(request) => self
                    .accept(connection, *request, cluster)
                    .and_then(|accepted| self.run(accepted, cluster, now)),
                ParsedFrame::UnsupportedApiVersions { correlation_id } => {
                    let mut frame = Scatter::new();
                    frame.put_slice(&ApiVersionsResponse::unsupported_version_frame(correlation_id));
                    self.outbox.push_back(Action::Reply {
                        connection,
                        frame: Reply(frame),
                        cut: None,
                    });
                    self.resume(connection)
                }
                ParsedFrame::Invalid { .. } => {
                    self.close(connection, Close::Fin, cluster, now);
                    None
                }
            };
        }
    }

    fn accept(
        &mut self,
        connection: ConnectionId,
        request: Request,
        cluster: &mut Cluster,
    ) -> Option<Box<InflightRequest>> {
        let from = self.connections.get_mut(connection)?;
        self.last_id += 1;
        let id = RequestId(self.last_id);
        from.phase = Phase::Busy(id);
        let context = RequestContext {
            id,
            connection,
            nth_connection: from.nth,
            broker: from.broker,
            api: request.api,
            version: request.version,
            correlation_id: request.correlation_id,
            client_id: request.client_id,
        };
        cluster.history.note(|| Observation::FrameReceived {
            connection,
            broker: context.broker,
            correlation_id: context.correlation_id,
            api: context.api,
            version: context.version,
        });
        Some(Box::new(InflightRequest {
            context,
            stage: Stage::Accepted,
            state: RequestState::New(request.body),
            reply_faults: ReplyFaults::default(),
        }))
    }

    /// Goes on with a request. Returns the next request of its connection, if the first one is done
    /// and the next is there.
    fn run(
        &mut self,
        mut request: Box<InflightRequest>,
        cluster: &mut Cluster,
        now: Instant,
    ) -> Option<Examined> {
        let id = request.context.id;
        match advance(&mut request, &mut self.faults, cluster, now) {
            Progress::Answered => return self.answer(*request, cluster, now),
            Progress::Close(how) => {
                self.note_lost(&request.context, cluster);
                self.close(request.context.connection, how, cluster, now);
            }
            Progress::Wait { until } => {
                let deadline = until.map(|at| cluster.deadlines.set(at, Due::Request(id)));
                self.purgatory.park(request, WaitReason::Task, deadline);
            }
            Progress::Delay(delay) => {
                let deadline = cluster.deadlines.set(now + delay, Due::Request(id));
                self.purgatory.park(request, WaitReason::Fault, Some(deadline));
            }
            Progress::Hold(barrier) => self.purgatory.hold(request, barrier),
            Progress::Frozen => self.purgatory.park(request, WaitReason::Thaw, None),
        }
        None
    }

    /// Sends the answer, as far as faults let it through, and lets the connection go on.
    fn answer(&mut self, request: InflightRequest, cluster: &mut Cluster, now: Instant) -> Option<Examined> {
        let InflightRequest {
            context,
            state,
            reply_faults,
            ..
        } = request;
        let connection = context.connection;
        if !self.connections.contains(connection) {
            self.note_lost(&context, cluster);
            return None;
        }
        match state {
            RequestState::Answered(Answer::Close) => {
                self.close(connection, Close::Fin, cluster, now);
                return None;
            }
            RequestState::Answered(Answer::Response(response)) => {
                if self.reply(&context, response, reply_faults, cluster) {
                    self.forget_connection(connection, cluster, now);
                    return None;
                }
            }
            RequestState::Answered(Answer::Nothing) | RequestState::New(_) | RequestState::Started(_) => {}
        }
        let throttle = reply_faults.throttle();
        if throttle.is_zero() {
            return self.resume(connection);
        }
        if let Some(muted) = self.connections.get_mut(connection) {
            muted.phase = Phase::Muted;
            cluster.deadlines.set(now + throttle, Due::Unmute(connection));
        }
        None
    }

    /// Sends a response, and returns whether the connection is closed behind it.
    fn reply(
        &mut self,
        context: &RequestContext,
        mut response: ResponseBody,
        faults: ReplyFaults,
        cluster: &mut Cluster,
    ) -> bool {
        if !faults.throttle().is_zero() {
            announce_throttle(&mut response, faults.throttle().as_millis() as i32);
        }
        let (connection, correlation_id) = (context.connection, context.correlation_id);
        let encode = || encode(context, &response);
        match faults.deliver(connection, encode, &mut self.outbox, &mut cluster.rng) {
            Delivery::Lost => {
                self.note_lost(context, cluster);
                false
            }
            Delivery::Sent { damaged, closes } => {
                cluster.history.note(|| Observation::Replied {
                    connection,
                    correlation_id,
                    damaged,
                });
                closes
            }
        }
    }

    fn note_lost(&self, context: &RequestContext, cluster: &mut Cluster) {
        cluster.history.note(|| Observation::ReplyLost {
            connection: context.connection,
            correlation_id: context.correlation_id,
        });
    }

    /// The connection's request is done. Returns the next one, if it is there.
    fn resume(&mut self, connection: ConnectionId) -> Option<Examined> {
        match self.connections.resume(connection)? {
            NextRequest::Queued(examined) => Some(examined),
            NextRequest::Unread => {
                self.outbox.push_back(Action::Resume { connection });
                None
            }
        }
    }

    fn close(&mut self, connection: ConnectionId, how: Close, cluster: &mut Cluster, now: Instant) {
        if self.connections.contains(connection) {
            self.outbox.push_back(Action::Close { connection, how });
            self.forget_connection(connection, cluster, now);
        }
    }

    /// Ends a request without an answer. What it has entered in lists of those who wait is removed.
    fn cancel(&mut self, request: InflightRequest, cluster: &mut Cluster, now: Instant) {
        let InflightRequest {
            context,
            state,
            mut reply_faults,
            ..
        } = request;
        if let RequestState::Started(task) = state {
            let gate = FaultGate {
                rules: &mut self.faults,
                interruption: &mut Interruption::default(),
                reply: &mut reply_faults,
            };
            task.cancel(&mut Cx::new(cluster, &context, gate, now));
        }
    }
}

fn encode(context: &RequestContext, response: &ResponseBody) -> Scatter {
    let mut frame = Scatter::new();
    encode_frame(&mut frame, |sink| {
        ResponseHeader {
            correlation_id: context.correlation_id,
        }
        .encode(sink, context.api, context.version);
        response.encode(sink, context.version);
    });
    frame
}
