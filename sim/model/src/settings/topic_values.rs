//! The values of a topic's setting: of the topic, of the brokers, and Kafka's default.

use super::broker::broker_values;
use super::given::TopicConfigs;
use super::topic::{OfBrokers, TopicSetting};
use super::value::{FROM_TOPIC, SettingValue};
use crate::config::ModelConfig;

/// The values of a topic's setting. The first one is in force; if there is none, the setting's
/// default is.
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
