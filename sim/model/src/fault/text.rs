//! The text form of rules, both ways.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use linger_protocol::{ApiKey, ErrorCode};

use super::error::RuleError;
use super::rule::{Effect, Point, Rule, RuleBuilder, Trigger};
use crate::latency::parse_duration;

/// The names of the APIs in rules.
const APIS: [(&str, ApiKey); 9] = [
    ("produce", ApiKey::Produce),
    ("fetch", ApiKey::Fetch),
    ("list-offsets", ApiKey::ListOffsets),
    ("metadata", ApiKey::Metadata),
    ("api-versions", ApiKey::ApiVersions),
    ("create-topics", ApiKey::CreateTopics),
    ("delete-topics", ApiKey::DeleteTopics),
    ("init-producer-id", ApiKey::InitProducerId),
    ("find-coordinator", ApiKey::FindCoordinator),
];

pub(super) fn api_names() -> String {
    APIS.map(|(name, _)| name).join(", ")
}

pub(super) fn point_names() -> String {
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
