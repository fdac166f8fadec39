//! A request's way through its broker, stage by stage, and the faults between the stages.

use std::time::{Duration, Instant};

use linger_protocol::frame::{LENGTH_SIZE, encode_frame};
use linger_protocol::header::ResponseHeader;
use linger_protocol::messages::ResponseBody;
use linger_protocol::{ApiKey, Scatter, Sink, Str};

use super::connections::{ConnectionId, Phase};
use super::history::Observation;
use super::inflight_request::{Fate, ProduceTask, SlotState, Stage, Task, Waits, Work};
use super::parsed_frame::{Body, Request};
use super::purgatory::Due;
use super::{Action, Close, ClusterModel, Reply, handlers};
use crate::fault::{Context, Effect, Point};

/// What to do after a stage.
pub(super) enum Next {
    /// Take the next stage.
    Go,
    /// The request waits; somebody wakes it, at this time at the latest.
    Wait { until: Option<Instant>, waits: Waits },
}

/// What the faults at one point ask for, all partitions of a request together.
#[derive(Default)]
pub(super) struct Interference {
    delay: Duration,
    barrier: Option<Str>,
    close: Option<Close>,
}

impl ClusterModel {
    /// Begins to work on a request.
    pub(super) fn accept(&mut self, c: ConnectionId, request: Request, now: Instant) {
        let Some(connection) = self.connections.get_mut(&c) else {
            return;
        };
        let id = self.purgatory.name_work();
        connection.phase = Phase::Busy(id);
        let (broker, nth) = (connection.broker, connection.nth);
        let Request {
            api,
            version,
            correlation_id,
            client_id,
            body,
        } = request;
        self.history.note(|| Observation::FrameReceived {
            c,
            broker,
            correlation_id,
            api,
            version,
        });
        let task = match body {
            Body::Produce(produce) => Task::Produce(ProduceTask::new(produce)),
            Body::Other(body) => Task::Other(body),
        };
        let work = Work {
            id,
            c,
            nth,
            broker,
            api,
            version,
            correlation_id,
            client_id,
            stage: Stage::Accepted,
            task,
            fate: Fate::default(),
            deadline: None,
            waits: Waits::Nothing,
            poll: None,
        };
        self.run(Box::new(work), now);
    }

    /// Goes on with every waiting request whose time has come.
    pub(super) fn go_on(&mut self, now: Instant) {
        while let Some((id, waits)) = self.awake.pop_first() {
            // It may have gone on for another reason, and wait for something else by now.
            if self.purgatory.peek(id).is_none_or(|work| work.waits != waits) {
                continue;
            }
            let Some(mut work) = self.purgatory.take(id) else {
                continue;
            };
            if let Some(deadline) = work.deadline.take() {
                self.deadlines.cancel(deadline);
            }
            work.waits = Waits::Nothing;
            self.run(work, now);
        }
    }

    /// Takes stages until the request waits or is done.
    fn run(&mut self, mut work: Box<Work>, now: Instant) {
        loop {
            if !self.is_running(work.broker) {
                work.waits = Waits::Thaw;
                return self.purgatory.park(work);
            }
            let next = match work.stage {
                Stage::Accepted => self.pass(&mut work, Point::Accepted, Stage::Parsed, now),
                Stage::Parsed => {
                    let after = match work.task {
                        Task::Produce(_) => Stage::BeforeAppend,
                        Task::Other(_) | Task::Answer(_) => Stage::Handle,
                    };
                    self.pass(&mut work, Point::Parsed, after, now)
                }
                Stage::BeforeAppend => self.pass_slots(&mut work, Point::BeforeAppend, Stage::Append, now),
                Stage::Append => {
                    self.append_slots(&mut work, now);
                    work.stage = Stage::Appended;
                    Some(Next::Go)
                }
                Stage::Appended => {
                    let next = self.pass_slots(&mut work, Point::Appended, Stage::Await, now);
                    self.replicate_slots(&work, now);
                    next
                }
                Stage::Await => Some(self.await_slots(&mut work, now)),
                Stage::Replicated => {
                    let next = self.pass_slots(&mut work, Point::Replicated, Stage::Replying, now);
                    self.answer_produce(&mut work);
                    next
                }
                Stage::Handle => Some(self.handle_other(&mut work, now)),
                Stage::Replying => self.pass(&mut work, Point::Replying, Stage::Send, now),
                Stage::Send => {
                    self.send(&mut work, now);
                    None
                }
            };
            match next {
                None => return,
                Some(Next::Go) => {}
                Some(Next::Wait { until, waits }) => {
                    work.waits = waits;
                    work.deadline = until.map(|at| self.deadlines.set(at, Due::Work(work.id)));
                    return self.purgatory.park(work);
                }
            }
        }
    }

    /// A point that the request as a whole passes. `None` means that it ends here.
    fn pass(&mut self, work: &mut Box<Work>, point: Point, after: Stage, now: Instant) -> Option<Next> {
        work.stage = after;
        if !self.faults.any_at(point) {
            return Some(Next::Go);
        }
        let mut asked = Interference::default();
        match self.decide(work, point, None, now) {
            Some(Effect::Answer(code)) => {
                handlers::refuse(work, code);
            }
            Some(effect) => self.interfere(work, effect, &mut asked),
            None => {}
        }
        self.settle_interference(work, asked, now)
    }

    /// A point that each partition of a produce request passes.
    fn pass_slots(&mut self, work: &mut Box<Work>, point: Point, after: Stage, now: Instant) -> Option<Next> {
        work.stage = after;
        if !self.faults.any_at(point) {
            return Some(Next::Go);
        }
        let mut asked = Interference::default();
        let slots = match &work.task {
            Task::Produce(produce) => produce.slots.len(),
            Task::Other(_) | Task::Answer(_) => 0,
        };
        for nth in 0..slots {
            let Task::Produce(produce) = &work.task else { break };
            let slot = &produce.slots[nth];
            let is_concerned = match point {
                Point::BeforeAppend => true,
                _ => slot.is_in_log,
            };
            let name = (slot.topic.clone(), slot.response.index);
            if !is_concerned {
                continue;
            }
            match self.decide(work, point, Some(&name), now) {
                Some(Effect::Answer(code)) => {
                    if let Task::Produce(produce) = &mut work.task {
                        produce.slots[nth].response.error_code = code;
                        produce.slots[nth].state = SlotState::Decided;
                    }
                }
                Some(effect) => self.interfere(work, effect, &mut asked),
                None => {}
            }
        }
        self.settle_interference(work, asked, now)
    }

    fn decide(
        &mut self,
        work: &Work,
        point: Point,
        partition: Option<&(Str, i32)>,
        now: Instant,
    ) -> Option<Effect> {
        let context = Context {
            api: work.api,
            version: work.version,
            broker: work.broker,
            client_id: work.client_id.as_deref(),
            connection: work.nth,
            topic: partition.map(|(topic, _)| &**topic),
            partition: partition.map(|(_, index)| *index),
            elapsed: self.elapsed(now),
        };
        self.faults.decide(point, &context, &mut self.rng)
    }

    /// Notes an effect other than an answer.
    fn interfere(&self, work: &mut Work, effect: Effect, asked: &mut Interference) {
        match effect {
            Effect::Delay(delay) => asked.delay = asked.delay.max(delay),
            Effect::Hold(barrier) => asked.barrier = Some(barrier),
            Effect::Throttle(time) => work.fate.throttle = work.fate.throttle.max(time),
            Effect::Lose => work.fate.lose = true,
            Effect::Close => asked.close = Some(Close::Fin),
            Effect::Reset => asked.close = Some(Close::Reset),
            Effect::Truncate(size) => work.fate.cut = Some(size),
            Effect::Corrupt => work.fate.corrupt = true,
            // Answers are the caller's: they depend on the point.
            Effect::Answer(_) => {}
        }
    }

    fn settle_interference(&mut self, work: &Work, asked: Interference, now: Instant) -> Option<Next> {
        if let Some(how) = asked.close {
            let (c, correlation_id) = (work.c, work.correlation_id);
            self.history.note(|| Observation::ReplyLost { c, correlation_id });
            self.close(work.c, how);
            return None;
        }
        if let Some(barrier) = asked.barrier {
            self.purgatory.hold(&barrier, work.id);
            return Some(Next::Wait {
                until: None,
                waits: Waits::Fault,
            });
        }
        if !asked.delay.is_zero() {
            return Some(Next::Wait {
                until: Some(now + asked.delay),
                waits: Waits::Fault,
            });
        }
        Some(Next::Go)
    }

    /// Sends the answer, as far as faults let it through, and lets the connection go on.
    fn send(&mut self, work: &mut Work, now: Instant) {
        let (c, correlation_id) = (work.c, work.correlation_id);
        if !self.connections.contains_key(&c) {
            self.history.note(|| Observation::ReplyLost { c, correlation_id });
            return;
        }
        if let Some(how) = work.fate.close {
            return self.close(c, how);
        }
        let Task::Answer(answer) = std::mem::replace(&mut work.task, Task::Answer(None)) else {
            return;
        };
        if let Some(mut response) = answer {
            if !work.fate.throttle.is_zero() {
                handlers::announce_throttle(&mut response, work.fate.throttle.as_millis() as i32);
            }
            if work.fate.lose {
                self.history.note(|| Observation::ReplyLost { c, correlation_id });
            } else {
                self.reply(work, &response);
                if work.fate.cut.is_some() {
                    return self.forget_connection(c);
                }
            }
        }
        if work.fate.throttle.is_zero() {
            return self.resume(c, now);
        }
        if let Some(connection) = self.connections.get_mut(&c) {
            connection.phase = Phase::Muted;
            self.deadlines.set(now + work.fate.throttle, Due::Unmute(c));
        }
    }

    fn reply(&mut self, work: &Work, response: &ResponseBody) {
        let (c, correlation_id, fate) = (work.c, work.correlation_id, work.fate);
        let mut frame = encode(work.api, work.version, correlation_id, response);
        if fate.corrupt {
            frame = self.corrupt(&frame);
        }
        let damaged = fate.corrupt || fate.cut.is_some();
        self.history.note(|| Observation::Replied {
            c,
            correlation_id,
            damaged,
        });
        self.actions.push_back(Action::Reply {
            c,
            frame: Reply(frame),
            cut: fate.cut,
        });
    }

    /// Flips one bit behind the length prefix.
    fn corrupt(&mut self, frame: &Scatter) -> Scatter {
        let mut bytes = frame.to_vec();
        let bits = (bytes.len() - LENGTH_SIZE) as u64 * 8;
        let bit = self.rng.below(bits) as usize;
        bytes[LENGTH_SIZE + bit / 8] ^= 1 << (bit % 8);
        let mut damaged = Scatter::new();
        damaged.put_slice(&bytes);
        damaged
    }
}

fn encode(api: ApiKey, version: i16, correlation_id: i32, response: &ResponseBody) -> Scatter {
    let mut frame = Scatter::new();
    encode_frame(&mut frame, |sink| {
        ResponseHeader { correlation_id }.encode(sink, api, version);
        response.encode(sink, version);
    });
    frame
}
