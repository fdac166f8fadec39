//! What goes wrong, and when: rules of match × trigger × point × effect, with a text form. Pure, seeded, counted.
//!
//! The broker model asks [`Faults::decide`] at each [`Point`] a request passes; the first rule that matches and
//! triggers there wins. Every rule counts how often it fired, because a test whose fault never fired proves
//! nothing.
//!
//! The text form is a list of words separated by colons, the effect last; what is left out matches everything:
//!
//! ```text
//! [API] [:topic=T] [:partition=N] [:broker=N] [:client=ID] [:connection=N] [:version=N] [:window=FROM..TO]
//!       [:nth=N | :times=N | :every=N | :probability=P] [:POINT] :EFFECT
//! ```
//!
//! | text | meaning |
//! |---|---|
//! | `produce:nth=3:appended:lose` | the third produce is appended, and its answer is lost |
//! | `produce:topic=orders:times=2:answer=NOT_LEADER_OR_FOLLOWER` | the first two appends to `orders` are refused |
//! | `broker=1:every=100:close` | broker 1 closes the connection instead of every hundredth answer |
//! | `fetch:probability=0.1:delay=250ms` | a tenth of the fetches wait 250 ms |
//! | `window=10s..20s:produce:throttle=1s` | a quota that bites for ten seconds |

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use linger_protocol::{ApiKey, ErrorCode};
use thiserror::Error;

use crate::latency::{DELAY_MAX, DurationError, parse_duration};
use crate::rng::Rng;

/// The most rules a cluster keeps.
pub const RULES_MAX: usize = 1024;

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
    const ALL: [Self; 6] = [
        Self::Accepted,
        Self::Parsed,
        Self::BeforeAppend,
        Self::Appended,
        Self::Replicated,
        Self::Replying,
    ];

    fn name(self) -> &'static str {
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

    fn bit(self) -> u8 {
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
    fn matches(&self, context: &Context<'_>) -> bool {
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

/// A request at a point, as the rules see it.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The API.
    pub api: ApiKey,
    /// The API's version.
    pub version: i16,
    /// The broker that got the request.
    pub broker: i32,
    /// The client's id, if it gave one.
    pub client_id: Option<&'a str>,
    /// Which connection of that broker it is, counted from 1.
    pub connection: u64,
    /// The topic, at points of a partition.
    pub topic: Option<&'a str>,
    /// The partition, at points of a partition.
    pub partition: Option<i32>,
    /// The time since the cluster's start.
    pub elapsed: Duration,
}

/// One fault: what it matches, when it fires, where, and what then happens.
///
/// ```
/// use linger_sim::{Effect, Point, Rule};
///
/// let rule = Rule::produce().topic("orders").nth(3).at(Point::Appended).effect(Effect::Lose)?;
/// assert_eq!(rule, "produce:topic=orders:nth=3:appended:lose".parse()?);
/// # Ok::<(), linger_sim::RuleError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    matcher: Matcher,
    trigger: Trigger,
    point: Point,
    effect: Effect,
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
    matcher: Matcher,
    trigger: Trigger,
    point: Option<Point>,
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

/// Names a rule of a [`Faults`]; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u64);

/// What a rule has done so far.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleReport {
    /// Which rule.
    pub id: RuleId,
    /// The rule itself.
    pub rule: Rule,
    /// How many requests (or their partitions) came to its point and matched.
    pub matched: u64,
    /// How often it fired.
    pub fired: u64,
}

/// An ordered list of rules and what each has done.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<Armed>,
    /// The points at which any rule waits, as bits, so that a request without faults costs one comparison.
    points: u8,
    next_id: u64,
}

#[derive(Debug)]
struct Armed {
    report: RuleReport,
    removed: bool,
}

impl Faults {
    /// No faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule behind the others. Past [`RULES_MAX`] the oldest removed rules are forgotten first.
    ///
    /// # Errors
    /// If [`RULES_MAX`] rules are active.
    pub fn add(&mut self, rule: Rule) -> Result<RuleId, RuleError> {
        if self.rules.len() >= RULES_MAX {
            self.rules.retain(|armed| !armed.removed);
        }
        if self.rules.len() >= RULES_MAX {
            return Err(RuleError::TooMany);
        }
        let id = RuleId(self.next_id);
        self.next_id += 1;
        self.points |= rule.point.bit();
        self.rules.push(Armed {
            report: RuleReport {
                id,
                rule,
                matched: 0,
                fired: 0,
            },
            removed: false,
        });
        Ok(id)
    }

    /// Takes a rule out; its counts stay. False if there is no such active rule.
    pub fn remove(&mut self, id: RuleId) -> bool {
        let armed = self
            .rules
            .iter_mut()
            .find(|armed| armed.report.id == id && !armed.removed);
        let found = armed.map(|armed| armed.removed = true).is_some();
        let active = self.rules.iter().filter(|armed| !armed.removed);
        self.points = active.fold(0, |points, armed| points | armed.report.rule.point.bit());
        found
    }

    /// True if some rule waits at this point: else [`Faults::decide`] need not be asked.
    #[inline]
    pub fn any_at(&self, point: Point) -> bool {
        self.points & point.bit() != 0
    }

    /// Asks what happens to a request at a point: the effect of the first rule that matches and fires.
    ///
    /// A rule whose turn is not taken (it matched, its trigger did not fire) lets the next one try; a rule
    /// behind one that fired neither matches nor counts.
    #[inline]
    pub fn decide(&mut self, point: Point, context: &Context<'_>, rng: &mut Rng) -> Option<Effect> {
        if self.any_at(point) {
            self.ask_rules(point, context, rng)
        } else {
            None
        }
    }

    fn ask_rules(&mut self, point: Point, context: &Context<'_>, rng: &mut Rng) -> Option<Effect> {
        for armed in self.rules.iter_mut().filter(|armed| !armed.removed) {
            let report = &mut armed.report;
            if report.rule.point != point || !report.rule.matcher.matches(context) {
                continue;
            }
            report.matched += 1;
            let fires = match report.rule.trigger {
                Trigger::Always => true,
                Trigger::Nth(nth) => report.matched == nth,
                Trigger::Times(count) => report.matched <= count,
                Trigger::Every(nth) => report.matched % nth == 0,
                Trigger::Probability(probability) => rng.chance(probability),
            };
            if fires {
                report.fired += 1;
                return Some(report.rule.effect.clone());
            }
        }
        None
    }

    /// How often a rule fired; 0 for one that never was.
    pub fn fired(&self, id: RuleId) -> u64 {
        self.rules
            .iter()
            .find(|armed| armed.report.id == id)
            .map_or(0, |armed| armed.report.fired)
    }

    /// What every rule has done, removed ones included, in the order they were added.
    pub fn reports(&self) -> impl Iterator<Item = &RuleReport> {
        self.rules.iter().map(|armed| &armed.report)
    }
}

/// Why a rule is not one. Each message says what to write instead.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum RuleError {
    /// A word that means nothing.
    #[error(
        "unknown word {word:?}: write [API][:topic=T][:partition=N][:broker=N][:client=ID][:connection=N]\
         [:version=N][:window=10s..20s][:nth=N|times=N|every=N|probability=P][:POINT]:EFFECT, with API one of \
         {apis}, POINT one of {points}, and EFFECT one of delay=5ms, hold=NAME, answer=CODE, throttle=1s, lose, \
         close, reset, truncate=N, corrupt",
        apis = api_names(),
        points = point_names()
    )]
    Unknown {
        /// The word.
        word: String,
    },
    /// No effect at the end.
    #[error(
        "the rule {given:?} has no effect: end it in one of delay=5ms, hold=NAME, answer=CODE, throttle=1s, lose, \
         close, reset, truncate=N, corrupt"
    )]
    NoEffect {
        /// The rule.
        given: String,
    },
    /// Something behind the effect.
    #[error("{word:?} comes after the effect: the effect is the last word of a rule")]
    AfterEffect {
        /// The word.
        word: String,
    },
    /// A word of a kind that was already there.
    #[error("{word:?} is the second {kind} of the rule: give one")]
    Twice {
        /// The word.
        word: String,
        /// What kind of word.
        kind: &'static str,
    },
    /// A number that is none, or out of range.
    #[error("{word:?}: the value must be a whole number from {min} to {max}")]
    Number {
        /// The word.
        word: String,
        /// The smallest value.
        min: i64,
        /// The largest value.
        max: i64,
    },
    /// A probability that is none.
    #[error("the probability {given} must be above 0 and at most 1, as in probability=0.1")]
    Probability {
        /// What was given.
        given: String,
    },
    /// A duration that is none.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// A delay that is too long.
    #[error("{effect} is too long: at most {DELAY_MAX:?}")]
    TooLong {
        /// The effect.
        effect: String,
    },
    /// An error code that Kafka does not have.
    #[error("{given:?} is no error code of Kafka: write its number (6) or its name (NOT_LEADER_OR_FOLLOWER)")]
    Code {
        /// What was given.
        given: String,
    },
    /// A window without an end, or without anything in it.
    #[error("{word:?}: a window is two times since the start, as in window=10s..20s")]
    Window {
        /// The word.
        word: String,
    },
    /// A window that is empty.
    #[error("the window {from:?}..{to:?} is empty: it must end after it begins")]
    EmptyWindow {
        /// Its beginning.
        from: Duration,
        /// Its end.
        to: Duration,
    },
    /// A point that only produce requests pass.
    #[error("only produce requests pass {point}: use accepted, parsed or replying")]
    PointOfProduce {
        /// The point.
        point: Point,
    },
    /// A topic or partition asked for where none is known.
    #[error(
        "at {point} a request is not yet, or no longer, of one topic or partition: use before-append, appended or replicated"
    )]
    NoPartitionHere {
        /// The point.
        point: Point,
    },
    /// An effect that the point cannot have.
    #[error(
        "{effect} cannot happen at {point}: throttle, truncate and corrupt change the answer (replying), and answer needs a decoded request (parsed or later)"
    )]
    NotHere {
        /// The effect.
        effect: String,
        /// The point.
        point: Point,
    },
    /// A trigger that cannot fire.
    #[error("nth, times, every and connection count from 1: with 0 the rule would never fire")]
    Never,
    /// Too many rules.
    #[error("there are {RULES_MAX} rules already, which is the limit: remove some first")]
    TooMany,
}

/// The names of the APIs in rules.
const APIS: [(&str, ApiKey); 8] = [
    ("produce", ApiKey::Produce),
    ("fetch", ApiKey::Fetch),
    ("list-offsets", ApiKey::ListOffsets),
    ("metadata", ApiKey::Metadata),
    ("api-versions", ApiKey::ApiVersions),
    ("create-topics", ApiKey::CreateTopics),
    ("init-producer-id", ApiKey::InitProducerId),
    ("find-coordinator", ApiKey::FindCoordinator),
];

fn api_names() -> String {
    APIS.map(|(name, _)| name).join(", ")
}

fn point_names() -> String {
    Point::ALL.map(Point::name).join(", ")
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let mut words = Words {
            builder: Self::any(),
            seen: Vec::new(),
        };
        let mut effect = None;
        for word in text.trim().split(':').map(str::trim) {
            if effect.is_some() {
                return Err(RuleError::AfterEffect {
                    word: word.to_owned(),
                });
            }
            effect = words.take(word)?;
        }
        let effect = effect.ok_or_else(|| RuleError::NoEffect {
            given: text.to_owned(),
        })?;
        words.builder.effect(effect)
    }
}

/// A rule that is being read, and the kinds of words it already has.
struct Words {
    builder: RuleBuilder,
    seen: Vec<&'static str>,
}

impl Words {
    /// Takes one word in; gives the effect if it was that.
    fn take(&mut self, word: &str) -> Result<Option<Effect>, RuleError> {
        if let Some(&(_, api)) = APIS.iter().find(|(name, _)| *name == word) {
            self.once("API", word)?;
            self.builder.matcher.api = Some(api);
            return Ok(None);
        }
        if let Some(point) = Point::ALL.into_iter().find(|point| point.name() == word) {
            self.once("point", word)?;
            self.builder.point = Some(point);
            return Ok(None);
        }
        match word {
            "lose" => return Ok(Some(Effect::Lose)),
            "close" => return Ok(Some(Effect::Close)),
            "reset" => return Ok(Some(Effect::Reset)),
            "corrupt" => return Ok(Some(Effect::Corrupt)),
            "always" => return self.trigger(word, Trigger::Always),
            _ => {}
        }
        let Some((name, value)) = word.split_once('=') else {
            return Err(RuleError::Unknown {
                word: word.to_owned(),
            });
        };
        self.take_pair(word, name, value)
    }

    fn take_pair(&mut self, word: &str, name: &str, value: &str) -> Result<Option<Effect>, RuleError> {
        let count = |min| number(word, value, min, i64::MAX).map(|count| count as u64);
        match name {
            "delay" => return Ok(Some(Effect::Delay(parse_duration(value)?))),
            "throttle" => return Ok(Some(Effect::Throttle(parse_duration(value)?))),
            "hold" if !value.is_empty() => return Ok(Some(Effect::Hold(value.into()))),
            "answer" => return Ok(Some(Effect::Answer(parse_code(value)?))),
            "truncate" => {
                return Ok(Some(Effect::Truncate(
                    number(word, value, 0, i64::from(u32::MAX))? as usize,
                )));
            }
            "nth" => return self.trigger(word, Trigger::Nth(count(1)?)),
            "times" => return self.trigger(word, Trigger::Times(count(1)?)),
            "every" => return self.trigger(word, Trigger::Every(count(1)?)),
            "probability" => {
                let error = || RuleError::Probability {
                    given: value.to_owned(),
                };
                return self.trigger(word, Trigger::Probability(value.parse().map_err(|_| error())?));
            }
            _ => {}
        }
        let builder = self.builder.clone();
        let (kind, builder) = match name {
            "topic" => ("topic", builder.topic(value)),
            "client" => ("client", builder.client_id(value)),
            "partition" => ("partition", builder.partition(number_i32(word, value)?)),
            "broker" => ("broker", builder.broker(number_i32(word, value)?)),
            "version" => (
                "version",
                builder.version(number(word, value, 0, i64::from(i16::MAX))? as i16),
            ),
            "connection" => ("connection", builder.connection(count(1)?)),
            "window" => {
                let (from, to) = parse_window(word, value)?;
                ("window", builder.window(from, to))
            }
            _ => {
                return Err(RuleError::Unknown {
                    word: word.to_owned(),
                });
            }
        };
        self.builder = builder;
        self.once(kind, word)?;
        Ok(None)
    }

    fn trigger(&mut self, word: &str, trigger: Trigger) -> Result<Option<Effect>, RuleError> {
        self.once("trigger", word)?;
        self.builder.trigger = trigger;
        Ok(None)
    }

    fn once(&mut self, kind: &'static str, word: &str) -> Result<(), RuleError> {
        if self.seen.contains(&kind) {
            return Err(RuleError::Twice {
                word: word.to_owned(),
                kind,
            });
        }
        self.seen.push(kind);
        Ok(())
    }
}

fn number(word: &str, value: &str, min: i64, max: i64) -> Result<i64, RuleError> {
    let parsed = value.parse().ok().filter(|number| (min..=max).contains(number));
    parsed.ok_or_else(|| RuleError::Number {
        word: word.to_owned(),
        min,
        max,
    })
}

fn number_i32(word: &str, value: &str) -> Result<i32, RuleError> {
    number(word, value, 0, i64::from(i32::MAX)).map(|number| number as i32)
}

fn parse_window(word: &str, value: &str) -> Result<(Duration, Duration), RuleError> {
    let error = || RuleError::Window {
        word: word.to_owned(),
    };
    let (from, to) = value.split_once("..").ok_or_else(error)?;
    Ok((parse_duration(from)?, parse_duration(to)?))
}

/// Kafka's codes lie within these; those without a name are refused.
const CODES: std::ops::RangeInclusive<i16> = -1..=255;

fn parse_code(text: &str) -> Result<ErrorCode, RuleError> {
    let known = CODES.map(ErrorCode).filter(|code| code.name() != "UNKNOWN");
    let wanted: Option<i16> = text.parse().ok();
    let found = known
        .into_iter()
        .find(|code| wanted == Some(code.0) || code.name().eq_ignore_ascii_case(text));
    found.ok_or_else(|| RuleError::Code {
        given: text.to_owned(),
    })
}

impl fmt::Display for Rule {
    /// The text form: parsing it gives the same rule.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let matcher = &self.matcher;
        if let Some((name, _)) = APIS.iter().find(|(_, api)| Some(*api) == matcher.api) {
            write!(f, "{name}:")?;
        }
        if let Some(topic) = &matcher.topic {
            write!(f, "topic={topic}:")?;
        }
        if let Some(partition) = matcher.partition {
            write!(f, "partition={partition}:")?;
        }
        if let Some(broker) = matcher.broker {
            write!(f, "broker={broker}:")?;
        }
        if let Some(client_id) = &matcher.client_id {
            write!(f, "client={client_id}:")?;
        }
        if let Some(connection) = matcher.connection {
            write!(f, "connection={connection}:")?;
        }
        if let Some(version) = matcher.version {
            write!(f, "version={version}:")?;
        }
        if let Some((from, to)) = matcher.window {
            write!(f, "window={from:?}..{to:?}:")?;
        }
        match self.trigger {
            Trigger::Always => {}
            Trigger::Nth(nth) => write!(f, "nth={nth}:")?,
            Trigger::Times(count) => write!(f, "times={count}:")?,
            Trigger::Every(nth) => write!(f, "every={nth}:")?,
            Trigger::Probability(probability) => write!(f, "probability={probability}:")?,
        }
        write!(f, "{}:{}", self.point, self.effect)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn produce_to(topic: &'static str, partition: i32) -> Context<'static> {
        Context {
            api: ApiKey::Produce,
            version: 9,
            broker: 1,
            client_id: Some("shop"),
            connection: 2,
            topic: Some(topic),
            partition: Some(partition),
            elapsed: Duration::from_secs(5),
        }
    }

    /// Shows a rule the same request this many times, at the rule's point; gives which of them (from 1) it hit.
    fn hits(rule: &str, times: u64, context: &Context<'_>) -> Vec<u64> {
        let rule: Rule = rule.parse().unwrap();
        let point = rule.point();
        let mut faults = Faults::new();
        let id = faults.add(rule).unwrap();
        let mut rng = Rng::new(1);
        let hit: Vec<u64> = (1..=times)
            .filter(|_| faults.decide(point, context, &mut rng).is_some())
            .collect();
        assert_eq!(faults.fired(id), hit.len() as u64);
        hit
    }

    #[rstest]
    #[case("produce:appended:lose", &[1, 2, 3, 4, 5, 6])]
    #[case("produce:nth=3:appended:lose", &[3])]
    #[case("produce:times=2:appended:lose", &[1, 2])]
    #[case("produce:every=3:appended:lose", &[3, 6])]
    #[case("produce:probability=1:appended:lose", &[1, 2, 3, 4, 5, 6])]
    fn a_trigger_chooses_among_the_matches(#[case] rule: &str, #[case] expected: &[u64]) {
        assert_eq!(hits(rule, 6, &produce_to("orders", 0)), expected);
    }

    #[rstest]
    #[case("produce:appended:lose", true)]
    #[case("appended:lose", true)]
    #[case("produce:topic=orders:appended:lose", true)]
    #[case("produce:topic=other:appended:lose", false)]
    #[case("produce:partition=3:appended:lose", true)]
    #[case("produce:partition=4:appended:lose", false)]
    #[case("broker=1:lose", true)]
    #[case("broker=2:lose", false)]
    #[case("client=shop:lose", true)]
    #[case("client=other:lose", false)]
    #[case("connection=2:lose", true)]
    #[case("connection=1:lose", false)]
    #[case("version=9:lose", true)]
    #[case("version=8:lose", false)]
    #[case("window=5s..6s:lose", true)]
    #[case("window=4s..5s:lose", false)]
    #[case("fetch:lose", false)]
    fn a_rule_matches_what_it_names(#[case] rule: &str, #[case] expected: bool) {
        assert_eq!(!hits(rule, 1, &produce_to("orders", 3)).is_empty(), expected);
    }

    #[test]
    fn probability_is_drawn_from_the_seed() {
        let count = hits(
            "produce:probability=0.25:appended:lose",
            4000,
            &produce_to("orders", 0),
        )
        .len();
        assert!((900..1100).contains(&count), "{count}");
    }

    #[test]
    fn the_first_rule_that_fires_wins_and_a_later_one_does_not_count() {
        let mut faults = Faults::new();
        let first = faults
            .add("produce:nth=2:appended:close".parse().unwrap())
            .unwrap();
        let second = faults.add("produce:appended:lose".parse().unwrap()).unwrap();
        let mut rng = Rng::new(1);
        let context = produce_to("orders", 0);
        let got: Vec<_> = (0..3)
            .map(|_| faults.decide(Point::Appended, &context, &mut rng))
            .collect();
        assert_eq!(got, [Some(Effect::Lose), Some(Effect::Close), Some(Effect::Lose)]);
        assert_eq!((faults.fired(first), faults.fired(second)), (1, 2));
        assert_eq!(
            faults.reports().map(|report| report.matched).collect::<Vec<_>>(),
            [3, 2]
        );
    }

    #[test]
    fn a_rule_fires_at_its_point_only() {
        let mut faults = Faults::new();
        faults.add("produce:appended:lose".parse().unwrap()).unwrap();
        let context = produce_to("orders", 0);
        for point in Point::ALL {
            let expected = point == Point::Appended;
            assert_eq!(faults.any_at(point), expected);
            assert_eq!(
                faults.decide(point, &context, &mut Rng::new(1)).is_some(),
                expected
            );
        }
    }

    #[test]
    fn a_removed_rule_keeps_its_count_and_fires_no_more() {
        let mut faults = Faults::new();
        let id = faults.add("produce:appended:lose".parse().unwrap()).unwrap();
        let context = produce_to("orders", 0);
        assert!(
            faults
                .decide(Point::Appended, &context, &mut Rng::new(1))
                .is_some()
        );
        assert!(faults.remove(id) && !faults.remove(id));
        assert!(!faults.any_at(Point::Appended));
        assert!(
            faults
                .decide(Point::Appended, &context, &mut Rng::new(1))
                .is_none()
        );
        assert_eq!(faults.fired(id), 1);
    }

    #[test]
    fn rules_are_limited_but_removed_ones_make_room() {
        let mut faults = Faults::new();
        let rule: Rule = "lose".parse().unwrap();
        let first = faults.add(rule.clone()).unwrap();
        (1..RULES_MAX).for_each(|_| assert!(faults.add(rule.clone()).is_ok()));
        assert_eq!(faults.add(rule.clone()), Err(RuleError::TooMany));
        assert!(faults.remove(first));
        assert_eq!(faults.add(rule), Ok(RuleId(RULES_MAX as u64)));
    }

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

    #[rstest]
    #[case(
        "produce:topic=orders:partition=3:broker=1:client=shop:connection=2:version=9:window=5s..6s:nth=3:appended:lose"
    )]
    #[case("every=2:replying:throttle=1.5s")]
    #[case("probability=0.25:parsed:delay=250µs")]
    #[case("fetch:times=2:parsed:answer=NOT_LEADER_OR_FOLLOWER")]
    #[case("produce:replicated:hold=gate")]
    #[case("produce:replying:truncate=7")]
    #[case("init-producer-id:accepted:reset")]
    #[case("replying:corrupt")]
    fn the_text_form_survives_a_round_trip(#[case] text: &str) {
        let rule: Rule = text.parse().unwrap();
        assert_eq!(rule.to_string(), text);
    }

    #[test]
    fn a_code_is_a_number_or_a_name_in_any_case() {
        let rule = |text: &str| text.parse::<Rule>().unwrap();
        assert_eq!(
            rule("produce:answer=6"),
            rule("produce:answer=not_leader_or_follower")
        );
        assert_eq!(rule("produce:answer=-1").what(), &Effect::Answer(ErrorCode(-1)));
    }

    #[rstest]
    #[case("", "unknown word \"\"")]
    #[case("produce", "has no effect: end it in one of delay=5ms")]
    #[case("produce:explode", "unknown word \"explode\"")]
    #[case("produce:explode", "with API one of produce, fetch, list-offsets")]
    #[case("produce:lose:nth=3", "\"nth=3\" comes after the effect")]
    #[case("produce:fetch:lose", "\"fetch\" is the second API")]
    #[case("produce:nth=1:every=2:lose", "\"every=2\" is the second trigger")]
    #[case("topic=a:topic=b:answer=6", "\"topic=b\" is the second topic")]
    #[case("produce:nth=0:lose", "\"nth=0\": the value must be a whole number from 1")]
    #[case("produce:nth=x:lose", "\"nth=x\": the value must be a whole number from 1")]
    #[case("partition=-1:appended:lose", "from 0 to 2147483647")]
    #[case(
        "produce:probability=0:lose",
        "the probability 0 must be above 0 and at most 1"
    )]
    #[case("produce:probability=2:lose", "the probability 2 must be above 0")]
    #[case("produce:probability=x:lose", "the probability x must be above 0")]
    #[case("produce:delay=5", "\"5\" is not a duration")]
    #[case("produce:delay=2h", "delay=7200s is too long")]
    #[case("produce:answer=NOPE", "\"NOPE\" is no error code of Kafka")]
    #[case("produce:answer=200", "\"200\" is no error code of Kafka")]
    #[case("produce:window=5s:lose", "a window is two times")]
    #[case("produce:window=5s..5s:lose", "the window 5s..5s is empty")]
    #[case("fetch:appended:lose", "only produce requests pass appended")]
    #[case("topic=orders:parsed:lose", "at parsed a request is not yet")]
    #[case("produce:appended:corrupt", "corrupt cannot happen at appended")]
    #[case(
        "produce:accepted:answer=6",
        "answer=NOT_LEADER_OR_FOLLOWER cannot happen at accepted"
    )]
    #[case("produce:hold=", "unknown word \"hold=\"")]
    fn what_is_no_rule_is_refused_with_a_reason(#[case] text: &str, #[case] message: &str) {
        let error = text.parse::<Rule>().unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}
