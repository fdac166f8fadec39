//! The settings that a topic was given when it was created.

use std::collections::BTreeMap;

use linger_protocol::Str;
use linger_protocol::messages::CreatableTopicConfig;

use super::topic::topic_setting;

/// Settings of one topic, all of them valid. Values are kept as they were given.
#[derive(Debug, Clone, Default)]
pub(crate) struct TopicConfigs {
    given: BTreeMap<&'static str, Str>,
}

impl TopicConfigs {
    /// Checks settings. Of a setting that is given more than once the last value counts.
    ///
    /// # Errors
    /// What is wrong with the first bad setting, in words.
    pub(crate) fn parse(configs: &[CreatableTopicConfig]) -> Result<Self, String> {
        let last: BTreeMap<&str, Option<&Str>> = configs
            .iter()
            .map(|config| (&*config.name, config.value.as_ref()))
            .collect();
        let given = last.into_iter().map(|(name, value)| {
            let setting = topic_setting(name).ok_or_else(|| format!("unknown topic config name: {name}"))?;
            let value = value.ok_or_else(|| format!("null value for configuration {name}"))?;
            setting
                .rule
                .check(value.trim())
                .map_err(|why| format!("invalid value {value} for configuration {name}: {why}"))?;
            Ok((setting.name, value.clone()))
        });
        let given = given.collect::<Result<_, String>>()?;
        Ok(Self { given })
    }

    /// Gives the topic a setting.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<Str>) {
        self.given.insert(name, value.into());
    }

    /// The value that the topic was given, if it was.
    pub(crate) fn get(&self, name: &str) -> Option<&Str> {
        self.given.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(configs: &[(&str, Option<&str>)]) -> Result<TopicConfigs, String> {
        let configs = configs.iter().map(|(name, value)| CreatableTopicConfig {
            name: (*name).into(),
            value: value.map(Str::from),
        });
        TopicConfigs::parse(&configs.collect::<Vec<_>>())
    }

    #[test]
    fn of_a_setting_given_twice_only_the_last_counts() {
        let twice = [("retention.ms", Some("never")), ("retention.ms", Some("5"))];
        let configs = parse(&twice).expect("the last is valid");
        assert_eq!(configs.get("retention.ms").map(|value| &**value), Some("5"));
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
