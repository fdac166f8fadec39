//! What the effects of fault rules do to a request: interruptions on its way, and changes of its
//! answer.
//!
//! A new effect is a variant in `fault::effect`, and its consequence here.

use std::collections::VecDeque;
use std::time::Duration;

use linger_protocol::frame::LENGTH_SIZE;
use linger_protocol::{ErrorCode, Scatter, Sink, Str};

use crate::action::{Action, Close, Reply};
use crate::fault::{Context, Effect, Faults, Point};
use crate::ids::ConnectionId;
use crate::rng::Rng;

/// What fault rules ask for at one point, all partitions of the request together.
#[derive(Debug, Default)]
pub(crate) struct Interruption {
    delay: Duration,
    barrier: Option<Str>,
    close: Option<Close>,
}

/// What the request does because of an [`Interruption`].
pub(crate) enum Interrupted {
    /// The request ends without an answer, and its connection is closed.
    Close(Close),
    /// The request waits until the barrier is released.
    Hold(Str),
    /// The request waits.
    Delay(Duration),
}

impl Interruption {
    /// Says what comes of it: closing outweighs a barrier, and a barrier outweighs a delay.
    pub(crate) fn outcome(self) -> Option<Interrupted> {
        match self {
            Self { close: Some(how), .. } => Some(Interrupted::Close(how)),
            Self {
                barrier: Some(barrier),
                ..
            } => Some(Interrupted::Hold(barrier)),
            Self { delay, .. } if !delay.is_zero() => Some(Interrupted::Delay(delay)),
            Self { .. } => None,
        }
    }
}

/// What fault rules have asked for so far of a request's answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReplyFaults {
    lose: bool,
    cut: Option<usize>,
    corrupt: bool,
    throttle: Duration,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Nothing was sent.
    Lost,
    /// The answer was sent.
    Sent {
        /// The client cannot trust what it gets.
        damaged: bool,
        /// The shell closes the connection behind the answer.
        closes: bool,
    },
}

impl ReplyFaults {
    /// For how long the answer's connection is muted.
    pub(crate) fn throttle(&self) -> Duration {
        self.throttle
    }

    /// Sends an answer, as far as the effects let it through.
    pub(crate) fn deliver(
        &self,
        connection: ConnectionId,
        encode: impl FnOnce() -> Scatter,
        actions: &mut VecDeque<Action>,
        rng: &mut Rng,
    ) -> Delivery {
        if self.lose {
            return Delivery::Lost;
        }
        let mut frame = encode();
        if self.corrupt {
            frame = flip_one_bit(&frame, rng);
        }
        actions.push_back(Action::Reply {
            connection,
            frame: Reply(frame),
            cut: self.cut,
        });
        Delivery::Sent {
            damaged: self.corrupt || self.cut.is_some(),
            closes: self.cut.is_some(),
        }
    }
}

/// Damages a frame behind its length prefix.
fn flip_one_bit(frame: &Scatter, rng: &mut Rng) -> Scatter {
    let mut bytes = frame.to_vec();
    let bits = (bytes.len() - LENGTH_SIZE) as u64 * 8;
    let bit = rng.below(bits) as usize;
    bytes[LENGTH_SIZE + bit / 8] ^= 1 << (bit % 8);
    let mut damaged = Scatter::new();
    damaged.put_slice(&bytes);
    damaged
}

/// Where a request meets the fault rules.
pub(crate) struct FaultGate<'a> {
    pub(crate) rules: &'a mut Faults,
    pub(crate) interruption: &'a mut Interruption,
    pub(crate) reply: &'a mut ReplyFaults,
}

impl FaultGate<'_> {
    pub(crate) fn any_at(&self, point: Point) -> bool {
        self.rules.any_at(point)
    }

    /// Asks the rules at a point, and notes the effect. Returns the code if the request, or its
    /// partition, is refused: what that means depends on the point, so the caller does it.
    pub(crate) fn pass(&mut self, point: Point, passing: &Context<'_>, rng: &mut Rng) -> Option<ErrorCode> {
        let Self {
            interruption, reply, ..
        } = self;
        match self.rules.decide(point, passing, rng)? {
            Effect::Answer(code) => return Some(code),
            Effect::Delay(delay) => interruption.delay = interruption.delay.max(delay),
            Effect::Hold(barrier) => interruption.barrier = Some(barrier),
            Effect::Close => interruption.close = Some(Close::Fin),
            Effect::Reset => interruption.close = Some(Close::Reset),
            Effect::Throttle(time) => reply.throttle = reply.throttle.max(time),
            Effect::Lose => reply.lose = true,
            Effect::Truncate(size) => reply.cut = Some(size),
            Effect::Corrupt => reply.corrupt = true,
        }
        None
    }
}
