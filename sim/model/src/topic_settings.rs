//! The settings that a topic can have: Kafka's names, defaults and limits. Few of them have an
//! effect here, but clients may give and expect them all.

use std::collections::BTreeMap;

use linger_protocol::Str;
use linger_protocol::messages::{CreatableTopicConfig, CreatableTopicConfigs};
use linger_protocol::records::{GZIP_LEVELS, LZ4_LEVELS, TimestampType, ZSTD_LEVELS};

use crate::config::{MESSAGE_BYTES_MAX, ModelConfig, TopicSpec};

/// Where a value comes from (DescribeConfigsResponse.ConfigSource).
const FROM_TOPIC: i8 = 1;
const FROM_BROKERS: i8 = 3;
const FROM_BROKERS_FILE: i8 = 4;
const FROM_DEFAULT: i8 = 5;

/// What a value must be.
enum Rule {
    /// A whole number of at least this.
    Long(i64),
    /// Likewise, of 32 bits.
    Int(i32),
    Ratio,
    Bool,
    CleanupPolicy,
    CompressionType,
    TimestampType,
    GzipLevel,
    Lz4Level,
    ZstdLevel,
    Text,
}

struct Setting {
    name: &'static str,
    default: &'static str,
    rule: Rule,
}

const fn setting(name: &'static str, default: &'static str, rule: Rule) -> Setting {
    Setting { name, default, rule }
}

const FOREVER: &str = "9223372036854775807";

/// Ascending by name (LogConfig of Apache Kafka 4.3).
const SETTINGS: [Setting; 33] = [
    setting("cleanup.policy", "delete", Rule::CleanupPolicy),
    setting("compression.gzip.level", "-1", Rule::GzipLevel),
    setting("compression.lz4.level", "9", Rule::Lz4Level),
    setting("compression.type", "producer", Rule::CompressionType),
    setting("compression.zstd.level", "3", Rule::ZstdLevel),
    setting("delete.retention.ms", "86400000", Rule::Long(0)),
    setting("file.delete.delay.ms", "60000", Rule::Long(0)),
    setting("flush.messages", FOREVER, Rule::Long(1)),
    setting("flush.ms", FOREVER, Rule::Long(0)),
    setting("follower.replication.throttled.replicas", "", Rule::Text),
    setting("index.interval.bytes", "4096", Rule::Int(0)),
    setting("leader.replication.throttled.replicas", "", Rule::Text),
    setting("local.retention.bytes", "-2", Rule::Long(-2)),
    setting("local.retention.ms", "-2", Rule::Long(-2)),
    setting("max.compaction.lag.ms", FOREVER, Rule::Long(1)),
    setting("max.message.bytes", "1048588", Rule::Int(0)),
    setting("message.timestamp.after.max.ms", "3600000", Rule::Long(0)),
    setting("message.timestamp.before.max.ms", FOREVER, Rule::Long(0)),
    setting("message.timestamp.type", "CreateTime", Rule::TimestampType),
    setting("min.cleanable.dirty.ratio", "0.5", Rule::Ratio),
    setting("min.compaction.lag.ms", "0", Rule::Long(0)),
    setting("min.insync.replicas", "1", Rule::Int(1)),
    setting("preallocate", "false", Rule::Bool),
    setting("remote.log.copy.disable", "false", Rule::Bool),
    setting("remote.log.delete.on.disable", "false", Rule::Bool),
    setting("remote.storage.enable", "false", Rule::Bool),
    setting("retention.bytes", "-1", Rule::Long(i64::MIN)),
    setting("retention.ms", "604800000", Rule::Long(-1)),
    setting("segment.bytes", "1073741824", Rule::Int(1 << 20)),
    setting("segment.index.bytes", "10485760", Rule::Int(4)),
    setting("segment.jitter.ms", "0", Rule::Long(0)),
    setting("segment.ms", "604800000", Rule::Long(1)),
    setting("unclean.leader.election.enable", "false", Rule::Bool),
];

/// The settings that a client gave a topic, all of them valid.
#[derive(Debug)]
pub(crate) struct TopicConfigs<'r> {
    given: BTreeMap<&'r str, &'r str>,
}

impl<'r> TopicConfigs<'r> {
    /// Checks the settings; of one that is given more than once the last counts. Says what is wrong
    /// with the first bad one.
    pub(crate) fn parse(configs: &'r [CreatableTopicConfig]) -> Result<Self, String> {
        let last: BTreeMap<&str, Option<&str>> = configs
            .iter()
            .map(|config| (&*config.name, config.value.as_deref()))
            .collect();
        let given = last.into_iter().map(|(name, value)| {
            let setting = SETTINGS
                .iter()
                .find(|setting| setting.name == name)
                .ok_or_else(|| format!("unknown topic config name: {name}"))?;
            let value = value.ok_or_else(|| format!("null value for configuration {name}"))?;
            check(&setting.rule, value.trim())
                .map_err(|why| format!("invalid value {value} for configuration {name}: {why}"))?;
            Ok((name, value))
        });
        let given = given.collect::<Result<_, String>>()?;
        Ok(Self { given })
    }

    /// Gives a topic those that have an effect here.
    pub(crate) fn apply(&self, spec: &mut TopicSpec) {
        let value = |name| self.given.get(name).map(|value| value.trim());
        let number = |name| value(name).and_then(|value| value.parse::<i32>().ok());
        if let Some(replicas) = number("min.insync.replicas") {
            spec.min_insync_replicas = Some(i16::try_from(replicas).unwrap_or(i16::MAX));
        }
        if let Some(bytes) = number("max.message.bytes") {
            spec.message_bytes_max = usize::try_from(bytes).ok();
        }
        if value("message.timestamp.type") == Some("LogAppendTime") {
            spec.timestamp_type = TimestampType::LogAppendTime;
        }
        if let Some(policies) = value("cleanup.policy") {
            spec.compacted = policies.split(',').any(|policy| policy.trim() == "compact");
        }
    }

    /// All settings of a topic with these, as an answer lists them.
    pub(crate) fn describe(&self, config: &ModelConfig) -> Vec<CreatableTopicConfigs> {
        let described = SETTINGS.iter().map(|setting| {
            let (value, config_source) = match self.given.get(setting.name) {
                Some(value) => (Str::from(*value), FROM_TOPIC),
                None => inherited(setting, config),
            };
            CreatableTopicConfigs {
                name: setting.name.into(),
                value: Some(value),
                config_source,
                ..CreatableTopicConfigs::default()
            }
        });
        described.collect()
    }
}

/// What a topic has from the brokers.
fn inherited(setting: &Setting, config: &ModelConfig) -> (Str, i8) {
    match setting.name {
        // Kafka 4 sets it for all brokers when the cluster is made (KIP-966).
        "min.insync.replicas" => (config.min_insync_replicas.to_string().into(), FROM_BROKERS),
        "max.message.bytes" if config.message_bytes_max != MESSAGE_BYTES_MAX => {
            (config.message_bytes_max.to_string().into(), FROM_BROKERS_FILE)
        }
        _ => (setting.default.into(), FROM_DEFAULT),
    }
}

fn check(rule: &Rule, value: &str) -> Result<(), String> {
    let at_least = |min: i64, max: i64| match value.parse::<i64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(()),
        Ok(_) => Err(format!("it must be from {min} to {max}")),
        Err(_) => Err("it is not a number".to_owned()),
    };
    let level =
        |levels: &std::ops::RangeInclusive<i32>| at_least((*levels.start()).into(), (*levels.end()).into());
    let one_of = |allowed: &[&str]| {
        let list = || format!("it must be one of {}", allowed.join(", "));
        allowed.contains(&value).then_some(()).ok_or_else(list)
    };
    match rule {
        Rule::Long(min) => at_least(*min, i64::MAX),
        Rule::Int(min) => at_least((*min).into(), i32::MAX.into()),
        Rule::Ratio => match value.parse::<f64>() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(()),
            _ => Err("it must be from 0 to 1".to_owned()),
        },
        Rule::Bool if value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false") => Ok(()),
        Rule::Bool => Err("it must be true or false".to_owned()),
        Rule::CleanupPolicy if value.is_empty() => Ok(()),
        Rule::CleanupPolicy => {
            let mut policies = value.split(',').map(str::trim);
            let are_known = policies.all(|policy| matches!(policy, "compact" | "delete"));
            are_known
                .then_some(())
                .ok_or_else(|| "it may have compact and delete".to_owned())
        }
        // Another codec would have to be applied to every batch, which is not done here.
        Rule::CompressionType if value == "producer" => Ok(()),
        Rule::CompressionType => Err("only producer is supported here".to_owned()),
        Rule::TimestampType => one_of(&["CreateTime", "LogAppendTime"]),
        Rule::GzipLevel if value == "-1" => Ok(()),
        Rule::GzipLevel => level(&GZIP_LEVELS),
        Rule::Lz4Level => level(&LZ4_LEVELS),
        Rule::ZstdLevel => level(&ZSTD_LEVELS),
        Rule::Text => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(configs: &[(&str, Option<&str>)]) -> Result<TopicSpec, String> {
        let configs: Vec<CreatableTopicConfig> = configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig {
                name: (*name).into(),
                value: value.map(Str::from),
            })
            .collect();
        let mut spec = TopicSpec::new("t", 1);
        TopicConfigs::parse(&configs)?.apply(&mut spec);
        Ok(spec)
    }

    #[test]
    fn settings_are_ascending_and_their_defaults_valid() {
        assert!(SETTINGS.is_sorted_by_key(|setting| setting.name));
        for setting in &SETTINGS {
            assert_eq!(check(&setting.rule, setting.default), Ok(()), "{}", setting.name);
        }
    }

    #[test]
    fn settings_with_an_effect_reach_the_topic() {
        let spec = parse(&[
            ("cleanup.policy", Some("delete, compact")),
            ("min.insync.replicas", Some(" 2 ")),
            ("max.message.bytes", Some("77")),
            ("message.timestamp.type", Some("LogAppendTime")),
        ])
        .expect("valid");
        assert!(spec.compacted);
        assert_eq!(
            (spec.min_insync_replicas, spec.message_bytes_max),
            (Some(2), Some(77))
        );
        assert_eq!(spec.timestamp_type, TimestampType::LogAppendTime);
    }

    #[test]
    fn of_a_setting_given_twice_only_the_last_counts() {
        let twice = [("retention.ms", Some("never")), ("retention.ms", Some("5"))];
        assert!(parse(&twice).is_ok());
        assert!(parse(&[twice[1], twice[0]]).is_err());
    }

    #[test]
    fn a_bad_setting_is_named() {
        for (name, value) in [
            ("no.such", Some("1")),
            ("retention.ms", None),
            ("segment.bytes", Some("5")),
        ] {
            let error = parse(&[(name, value)]).expect_err("bad");
            assert!(error.contains(name), "{error}");
        }
    }
}
