//! A value that a setting has, and where the value comes from.

use linger_protocol::Str;

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
