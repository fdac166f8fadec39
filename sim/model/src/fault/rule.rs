//! A rule: what it matches, when it fires, where, and with which effect.

use std::sync::Arc;
use std::time::Duration;

use linger_protocol::ApiKey;

use super::context::Context;
use super::effect::Effect;
use super::error::RuleError;
use super::point::Point;

/// Which of the matches make a rule fire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trigger {
    /// Each match.
    Always,
    /// Only the n-th match, counted from 1.
    Nth(u64),
    /// The first n matches.
    Times(u64),
    /// The n-th match, the 2n-th and so on.
    Every(u64),
    /// Each match with this probability, drawn from the cluster's seed.
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

/// One fault: what it matches, when it fires, where, and with which effect.
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

    /// Fires at this point. By default an answer replaces the append (`BeforeAppend`; `Parsed` for
    /// other APIs), a delay comes before the work (`Parsed`), and every other effect concerns the
    /// answer (`Replying`). A rule that names a topic or partition fires at a point of a partition
    /// instead (`BeforeAppend`, `Replicated`).
    pub fn at(mut self, point: Point) -> Self {
        self.point = Some(point);
        self
    }

    /// Completes the rule.
    ///
    /// # Errors
    /// If the rule could never fire, or asks for an effect that its point cannot have.
    pub fn effect(self, effect: Effect) -> Result<Rule, RuleError> {
        let default = self.default_point(&effect);
        let rule = Rule {
            point: self.point.unwrap_or(default),
            matcher: self.matcher,
            trigger: self.trigger,
            effect,
        };
        rule.check()?;
        Ok(rule)
    }

    /// An effect that concerns the whole request happens at the next point of a partition, if the
    /// rule names one.
    fn default_point(&self, effect: &Effect) -> Point {
        let is_produce = self.matcher.api.is_none_or(|api| api == ApiKey::Produce);
        match effect.default_point() {
            Point::BeforeAppend if !is_produce => Point::Parsed,
            Point::Parsed if self.asks_for_a_partition() => Point::BeforeAppend,
            Point::Replying if self.asks_for_a_partition() => Point::Replicated,
            point => point,
        }
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
        let allowed = effect.allowed();
        if !allowed.contains(point) {
            return Err(RuleError::NotHere {
                effect: effect.to_string(),
                point,
                advice: allowed.advice(),
            });
        }
        match *trigger {
            Trigger::Nth(0) | Trigger::Times(0) | Trigger::Every(0) => return Err(RuleError::Never),
            Trigger::Probability(p) if !(p > 0.0 && p <= 1.0) => {
                return Err(RuleError::Probability { given: p.to_string() });
            }
            Trigger::Always
            | Trigger::Nth(_)
            | Trigger::Times(_)
            | Trigger::Every(_)
            | Trigger::Probability(_) => {}
        }
        if effect.is_too_long() {
            return Err(RuleError::TooLong {
                effect: effect.to_string(),
            });
        }
        match matcher.window {
            Some((from, to)) if from >= to => Err(RuleError::EmptyWindow { from, to }),
            _ if matcher.connection == Some(0) => Err(RuleError::Never),
            _ => Ok(()),
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
