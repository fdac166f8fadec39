//! The text form of rules, both ways.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::api_name::{api_name, api_of};
use super::effect::Effect;
use super::error::RuleError;
use super::point::Point;
use super::rule::{Rule, RuleBuilder, Trigger};
use super::value::{ValueError, parse_number};
use crate::latency::parse_duration;

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
    /// Takes one word in, and returns the effect if the word is one.
    fn take(&mut self, word: &str) -> Result<Option<Effect>, RuleError> {
        if let Some(api) = api_of(word) {
            self.once("API", word)?;
            self.builder.matcher.api = Some(api);
            return Ok(None);
        }
        if let Some(point) = Point::ALL.into_iter().find(|point| point.name() == word) {
            self.once("point", word)?;
            self.builder.point = Some(point);
            return Ok(None);
        }
        if let Some(effect) = Effect::parse(word) {
            return effect.map(Some).map_err(|error| invalid(word, error));
        }
        if word == "always" {
            self.trigger(word, Trigger::Always)?;
            return Ok(None);
        }
        let Some((name, value)) = word.split_once('=') else {
            return Err(RuleError::Unknown {
                word: word.to_owned(),
            });
        };
        self.take_pair(word, name, value)?;
        Ok(None)
    }

    fn take_pair(&mut self, word: &str, name: &str, value: &str) -> Result<(), RuleError> {
        let count = |min| number(word, value, min, i64::MAX).map(|count| count as u64);
        match name {
            "nth" => return self.trigger(word, Trigger::Nth(count(1)?)),
            "times" => return self.trigger(word, Trigger::Times(count(1)?)),
            "every" => return self.trigger(word, Trigger::Every(count(1)?)),
            "probability" => {
                let probability = value.parse().map_err(|_| RuleError::Probability {
                    given: value.to_owned(),
                })?;
                return self.trigger(word, Trigger::Probability(probability));
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
        self.once(kind, word)
    }

    fn trigger(&mut self, word: &str, trigger: Trigger) -> Result<(), RuleError> {
        self.once("trigger", word)?;
        self.builder.trigger = trigger;
        Ok(())
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

/// A word whose value is invalid.
fn invalid(word: &str, error: ValueError) -> RuleError {
    match error {
        ValueError::Number { min, max } => RuleError::Number {
            word: word.to_owned(),
            min,
            max,
        },
        ValueError::Code => RuleError::Code {
            given: word.split_once('=').map_or(word, |(_, value)| value).to_owned(),
        },
        ValueError::Duration(error) => error.into(),
    }
}

fn number(word: &str, value: &str, min: i64, max: i64) -> Result<i64, RuleError> {
    parse_number(value, min, max).map_err(|error| invalid(word, error))
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

impl fmt::Display for Rule {
    /// The text form: parsing it gives the same rule.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let matcher = &self.matcher;
        if let Some(api) = matcher.api {
            write!(f, "{}:", api_name(api))?;
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
    use linger_protocol::ErrorCode;
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
