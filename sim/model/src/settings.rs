//! The settings of topics and brokers, as CreateTopics takes them and DescribeConfigs describes
//! them.

mod broker;
mod given;
mod rule;
mod topic;
mod topic_values;
mod value;

pub(crate) use self::broker::{BrokerSetting, broker_settings, settings_of_all_brokers};
pub(crate) use self::given::TopicConfigs;
pub(crate) use self::topic::{TOPIC_SETTINGS, TopicSetting};
pub(crate) use self::topic_values::topic_values;
pub(crate) use self::value::{FROM_DEFAULT, SettingValue};
