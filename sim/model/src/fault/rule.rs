//! What a rule says: what it matches, when it fires, where, and what then happens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use linger_protocol::{ApiKey, ErrorCode};

use super::error::RuleError;
use super::faults::Context;
use crate::latency::DELAY_MAX;

/// A place on a request's way through a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// The frame has arrived and nothing was looked at but its header.
    Accepted,
    /// The request is decoded; nothing was done.
    Parsed,
    /// Produce only, once per partition: the batch is about to be checked and appended.
    BeforeAppend,
    /// Produce only, once per partition: the leader has appended the batch, no follower has it.
    Appended,
    /// Produce only, once per partition: as many replicas have the batch as the request's acks ask for.
    Replicated,
    /// The answer is complete and about to be sent.
    Replying,
}

impl Point {
    pub(super) const ALL: [Self; 6] = [
        Self::Accepted,
        Self::Parsed,
        Self::BeforeAppend,
        Self::Appended,
        Self::Replicated,
        Self::Replying,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Parsed => "parsed",
            Self::BeforeAppend => "before-append",
            Self::Appended => "appended",
            Self::Replicated => "replicated",
            Self::Replying => "replying",
        }
    }

    /// Does a request pass here once per partition, so that its topic and partition are known?
    fn is_of_a_partition(self) -> bool {
        matches!(self, Self::BeforeAppend | Self::Appended | Self::Replicated)
    }

    pub(super) fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What happens to a request at its point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// It waits this long here, then goes on. What it did before stays done, and the connection waits with it.
    Delay(Duration),
    /// It waits here until the barrier of this name is released.
    Hold(Arc<str>),
    /// It goes no further and is answered with this code: at a point of a partition that partition, else all
    /// of the request. From [`Point::Appended`] on the batch stays in the log.
    Answer(ErrorCode),
    /// The answer says so, and the connection is muted for that time (KIP-219).
    Throttle(Duration),
    /// It goes on to its end, and no answer is sent; the connection stays open. The next request is read.
    Lose,
    /// It goes no further, and the connection is closed (FIN) without an answer.
    Close,
    /// It goes no further, and the connection is reset (RST) without an answer.
    Reset,
    /// Only this many bytes of the answer are sent, then the connection is closed.
    Truncate(usize),
    /// One bit of the answer is flipped, never in its length.
    Corrupt,
}

impl Effect {
    /// Where it takes place if a rule names no point.
    fn default_point(&self) -> Point {
        match self {
            Self::Delay(_) => Point::Parsed,
            Self::Answer(_) => Point::BeforeAppend,
            Self::Hold(_) | Self::Throttle(_) | Self::Lose | Self::Close | Self::Reset => Point::Replying,
            Self::Truncate(_) | Self::Corrupt => Point::Replying,
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(delay) => write!(f, "delay={delay:?}"),
            Self::Hold(name) => write!(f, "hold={name}"),
            Self::Answer(code) => write!(f, "answer={}", code.name()),
            Self::Throttle(time) => write!(f, "throttle={time:?}"),
            Self::Lose => f.write_str("lose"),
            Self::Close => f.write_str("close"),
            Self::Reset => f.write_str("reset"),
            Self::Truncate(bytes) => write!(f, "truncate={bytes}"),
            Self::Corrupt => f.write_str("corrupt"),
        }
    }
}

/// Which of the occasions that match a rule make it fire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trigger {
    /// Each of them.
    Always,
    /// Only the n-th, counted from 1.
    Nth(u64),
    /// The first n.
    Times(u64),
    /// The n-th, the 2n-th and so on.
    Every(u64),
    /// Each with this probability, drawn from the cluster's seed.
    Probability(f64),
}

/// What a rule asks of a request. A field that is `None` asks nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matcher {
    /// The API.
    pub api: Option<ApiKey>,
    /// The API's version.
    pub version: Option<i16>,
    /// The topic. Only at points of a partition.
    pub topic: Option<Arc<str>>,
    /// The partition. Only at points of a partition.
    pub partition: Option<i32>,
    /// The broker that got the request.
    pub broker: Option<i32>,
    /// The client's id.
    pub client_id: Option<Arc<str>>,
    /// The n-th connection that the broker accepted, counted from 1.
    pub connection: Option<u64>,
    /// From when, and until before when, since the cluster's start.
    pub window: Option<(Duration, Duration)>,
}

impl Matcher {
    pub(super) fn matches(&self, context: &Context<'_>) -> bool {
        fn asks<T: PartialEq>(wanted: Option<T>, found: T) -> bool {
            wanted.is_none_or(|wanted| wanted == found)
        }
        fn asks_text(wanted: Option<&Arc<str>>, found: Option<&str>) -> bool {
            wanted.is_none_or(|wanted| found == Some(wanted))
        }
        asks(self.api, context.api)
            && asks(self.version, context.version)
            && asks(self.broker, context.broker)
            && asks(self.connection, context.connection)
            && asks(self.partition.map(Some), context.partition)
            && asks_text(self.topic.as_ref(), context.topic)
            && asks_text(self.client_id.as_ref(), context.client_id)
            && self
                .window
                .is_none_or(|(from, to)| (from..to).contains(&context.elapsed))
    }
}

/// One fault: what it matches, when it fires, where, and what then happens.
///
/// ```
/// use linger_sim_model::fault::{Effect, Point, Rule, RuleError};
///
/// let rule = Rule::produce().topic("orders").nth(3).at(Point::Appended).effect(Effect::Lose)?;
/// assert_eq!(rule, "produce:topic=orders:nth=3:appended:lose".parse()?);
/// # Ok::<(), RuleError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub(super) matcher: Matcher,
    pub(super) trigger: Trigger,
    pub(super) point: Point,
    pub(super) effect: Effect,
}

impl Rule {
    /// Begins a rule that matches requests of every API.
    pub fn any() -> RuleBuilder {
        RuleBuilder {
            matcher: Matcher::default(),
            trigger: Trigger::Always,
            point: None,
        }
    }

    /// Begins a rule that matches requests of one API.
    pub fn on(api: ApiKey) -> RuleBuilder {
        let mut builder = Self::any();
        builder.matcher.api = Some(api);
        builder
    }

    /// Begins a rule that matches Produce requests.
    pub fn produce() -> RuleBuilder {
        Self::on(ApiKey::Produce)
    }

    /// What it matches.
    pub fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    /// When it fires.
    pub fn trigger(&self) -> Trigger {
        self.trigger
    }

    /// Where it fires.
    pub fn point(&self) -> Point {
        self.point
    }

    /// What it does.
    pub fn what(&self) -> &Effect {
        &self.effect
    }
}

/// A rule without its effect, which completes it.
#[derive(Debug, Clone)]
#[must_use = "a rule is complete with its effect"]
pub struct RuleBuilder {
    pub(super) matcher: Matcher,
    pub(super) trigger: Trigger,
    pub(super) point: Option<Point>,
}

impl RuleBuilder {
    /// Matches one version of the API only.
    pub fn version(mut self, version: i16) -> Self {
        self.matcher.version = Some(version);
        self
    }

    /// Matches one topic only; for points of a partition.
    pub fn topic(mut self, topic: &str) -> Self {
        self.matcher.topic = Some(topic.into());
        self
    }

    /// Matches one partition only; for points of a partition.
    pub fn partition(mut self, partition: i32) -> Self {
        self.matcher.partition = Some(partition);
        self
    }

    /// Matches requests to one broker only.
    pub fn broker(mut self, broker: i32) -> Self {
        self.matcher.broker = Some(broker);
        self
    }

    /// Matches one client id only.
    pub fn client_id(mut self, client_id: &str) -> Self {
        self.matcher.client_id = Some(client_id.into());
        self
    }

    /// Matches the n-th connection of a broker only, counted from 1.
    pub fn connection(mut self, nth: u64) -> Self {
        self.matcher.connection = Some(nth);
        self
    }

    /// Matches from this time after the cluster's start until before that one.
    pub fn window(mut self, from: Duration, to: Duration) -> Self {
        self.matcher.window = Some((from, to));
        self
    }

    /// Fires on the n-th match only, counted from 1.
    pub fn nth(self, nth: u64) -> Self {
        self.trigger(Trigger::Nth(nth))
    }

    /// Fires on the first n matches.
    pub fn times(self, count: u64) -> Self {
        self.trigger(Trigger::Times(count))
    }

    /// Fires on every n-th match.
    pub fn every(self, nth: u64) -> Self {
        self.trigger(Trigger::Every(nth))
    }

    /// Fires on each match with this probability.
    pub fn probability(self, probability: f64) -> Self {
        self.trigger(Trigger::Probability(probability))
    }

    /// Fires by this trigger; the last one given counts.
    pub fn trigger(mut self, trigger: Trigger) -> Self {
        self.trigger = trigger;
        self
    }

    /// Fires at this point. By default an answer replaces the append (`BeforeAppend`; `Parsed` for other
    /// APIs), a delay comes before the work (`Parsed`), and everything else befalls the answer (`Replying`).
    pub fn at(mut self, point: Point) -> Self {
        self.point = Some(point);
        self
    }

    /// Completes the rule.
    ///
    /// # Errors
    /// If the rule could never fire, or asks for an effect that its point cannot have.
    pub fn effect(self, effect: Effect) -> Result<Rule, RuleError> {
        let produces = self.matcher.api.is_none_or(|api| api == ApiKey::Produce);
        let default = match effect.default_point() {
            Point::BeforeAppend if self.matcher.api.is_some() && !produces => Point::Parsed,
            point if self.asks_for_a_partition() && !point.is_of_a_partition() => match effect {
                Effect::Delay(_) | Effect::Answer(_) => Point::BeforeAppend,
                _ => Point::Replicated,
            },
            point => point,
        };
        let rule = Rule {
            point: self.point.unwrap_or(default),
            matcher: self.matcher,
            trigger: self.trigger,
            effect,
        };
        rule.check()?;
        Ok(rule)
    }

    fn asks_for_a_partition(&self) -> bool {
        self.matcher.topic.is_some() || self.matcher.partition.is_some()
    }
}

impl Rule {
    fn check(&self) -> Result<(), RuleError> {
        let Self {
            matcher,
            trigger,
            point,
            effect,
        } = self;
        let (point, effect) = (*point, effect);
        if point.is_of_a_partition() && matcher.api.is_some_and(|api| api != ApiKey::Produce) {
            return Err(RuleError::PointOfProduce { point });
        }
        if !point.is_of_a_partition() && (matcher.topic.is_some() || matcher.partition.is_some()) {
            return Err(RuleError::NoPartitionHere { point });
        }
        let fits = match effect {
            Effect::Throttle(_) | Effect::Truncate(_) | Effect::Corrupt => point == Point::Replying,
            Effect::Answer(_) => point != Point::Accepted,
            Effect::Delay(_) | Effect::Hold(_) | Effect::Lose | Effect::Close | Effect::Reset => true,
        };
        if !fits {
            return Err(RuleError::NotHere {
                effect: effect.to_string(),
                point,
            });
        }
        match *trigger {
            Trigger::Nth(0) | Trigger::Times(0) | Trigger::Every(0) => return Err(RuleError::Never),
            Trigger::Probability(p) if !(p > 0.0 && p <= 1.0) => {
                return Err(RuleError::Probability { given: p.to_string() });
            }
            _ => {}
        }
        match *effect {
            Effect::Delay(time) | Effect::Throttle(time) if time > DELAY_MAX => Err(RuleError::TooLong {
                effect: effect.to_string(),
            }),
            _ => match matcher.window {
                Some((from, to)) if from >= to => Err(RuleError::EmptyWindow { from, to }),
                _ if matcher.connection == Some(0) => Err(RuleError::Never),
                _ => Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("lose", Point::Replying)]
    #[case("produce:answer=6", Point::BeforeAppend)]
    #[case("metadata:answer=6", Point::Parsed)]
    #[case("produce:delay=1ms", Point::Parsed)]
    #[case("produce:topic=orders:delay=1ms", Point::BeforeAppend)]
    #[case("produce:topic=orders:lose", Point::Replicated)]
    #[case("produce:corrupt", Point::Replying)]
    fn an_effect_has_a_point_of_its_own(#[case] rule: &str, #[case] expected: Point) {
        assert_eq!(rule.parse::<Rule>().unwrap().point(), expected);
    }
}
