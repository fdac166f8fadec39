//! The values that a setting has: of the topic, of the brokers, and Kafka's default.

use linger_protocol::Str;

use super::broker::broker_values;
use super::given::TopicConfigs;
use super::topic::{OfBrokers, TopicSetting};
use crate::config::ModelConfig;

/// Where a value comes from (`ConfigSource` of DescribeConfigs): the topic.
pub(crate) const FROM_TOPIC: i8 = 1;
/// What was set for all brokers of the cluster.
pub(crate) const FROM_BROKERS: i8 = 3;
/// The broker's file of settings.
pub(crate) const FROM_BROKERS_FILE: i8 = 4;
/// Kafka's default.
pub(crate) const FROM_DEFAULT: i8 = 5;

/// A value that a setting has in one place.
pub(crate) struct SettingValue {
    /// The name of the setting in that place.
    pub(crate) name: &'static str,
    pub(crate) value: Str,
    pub(crate) source: i8,
}

/// The values of a topic's setting. The first one is in force; if there is none, the setting's default is.
pub(crate) fn topic_values(
    setting: &TopicSetting,
    given: &TopicConfigs,
    config: &ModelConfig,
) -> Vec<SettingValue> {
    let own = given.get(setting.name).map(|value| SettingValue {
        name: setting.name,
        value: setting.rule.normal_form(value).into(),
        source: FROM_TOPIC,
    });
    let of_brokers = match setting.of_brokers {
        OfBrokers::Same(name) => broker_values(name, Some(setting.default), config),
        OfBrokers::Unset(_) | OfBrokers::Nothing => Vec::new(),
    };
    own.into_iter().chain(of_brokers).collect()
}
