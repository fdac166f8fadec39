//! The settings of brokers that the simulator knows: those that it goes by, and those that topics
//! have their defaults from. Apache Kafka has about 340.

use super::rule::Rule::{self, Bool, Int, Long};
use super::topic::{OfBrokers, TOPIC_SETTINGS};
use super::value::{FROM_BROKERS, FROM_BROKERS_FILE, FROM_DEFAULT, SettingValue};
use crate::config::ModelConfig;

/// A setting that a broker has.
pub(crate) struct BrokerSetting {
    pub(crate) name: &'static str,
    pub(crate) config_type: i8,
    /// Whether a running broker cannot change the value.
    pub(crate) read_only: bool,
    /// The values. The first one is in force; if there is none, the setting has no value.
    pub(crate) values: Vec<SettingValue>,
    /// What the setting does. The words are ours, not Kafka's.
    pub(crate) text: String,
}

struct OwnSetting {
    name: &'static str,
    default: Option<&'static str>,
    rule: Rule,
    text: &'static str,
}

macro_rules! settings {
    ($($name:literal = $default:expr, $rule:expr; $text:literal)*) => {
        /// Settings that are no topic's.
        const OWN_SETTINGS: [OwnSetting; [$($name),*].len()] = [$(OwnSetting {
            name: $name,
            default: $default,
            rule: $rule,
            text: $text,
        }),*];
    };
}

settings! {
    "auto.create.topics.enable" = Some("true"), Bool;
        "Whether a topic that a client asks for is created."
    "broker.id" = Some("-1"), Int(-1);
        "The older name of node.id."
    "broker.session.timeout.ms" = Some("9000"), Int(1);
        "After how long without a sign of life a broker is fenced, in ms."
    "default.replication.factor" = Some("1"), Int(1);
        "Replicas of a topic that names no number."
    "delete.topic.enable" = Some("true"), Bool;
        "Whether topics can be deleted."
    "log.retention.hours" = Some("168"), Int(-1);
        "How long records are kept, in hours, without log.retention.minutes and log.retention.ms."
    "log.retention.minutes" = None, Int(-1);
        "How long records are kept, in minutes, without log.retention.ms."
    "log.roll.hours" = Some("168"), Int(1);
        "After how long a segment ends, in hours, without log.roll.ms."
    "log.roll.jitter.hours" = Some("0"), Int(0);
        "The largest random time by which a segment ends earlier, in hours, without log.roll.jitter.ms."
    "max.incremental.fetch.session.cache.slots" = Some("1000"), Int(0);
        "The most fetch sessions that a broker keeps."
    "node.id" = None, Int(0);
        "The id of the broker."
    "num.partitions" = Some("1"), Int(1);
        "Partitions of a topic that names no number."
    "producer.id.expiration.ms" = Some("86400000"), Int(1);
        "How long a producer is remembered after its last batch, in ms."
    "replica.fetch.max.bytes" = Some("1048576"), Int(0);
        "Bytes of one partition that one fetch of a follower takes."
    "replica.fetch.response.max.bytes" = Some("10485760"), Int(0);
        "Bytes that one fetch of a follower takes."
    "replica.lag.time.max.ms" = Some("30000"), Long(0);
        "How long a follower may lag before it leaves the in-sync replicas, in ms."
    "socket.request.max.bytes" = Some("104857600"), Int(1);
        "The largest request, in bytes."
}

/// The only setting of these that a running broker can change.
const CHANGEABLE: &str = "producer.id.expiration.ms";

/// All settings of a broker.
pub(crate) fn broker_settings(broker: i32, config: &ModelConfig) -> Vec<BrokerSetting> {
    let own = OWN_SETTINGS.iter().map(|setting| BrokerSetting {
        name: setting.name,
        config_type: setting.rule.config_type(),
        read_only: setting.name != CHANGEABLE,
        values: match setting.name {
            "broker.id" | "node.id" => values_of_id(setting, broker),
            name => broker_values(name, setting.default, config),
        },
        text: setting.text.to_owned(),
    });
    let of_topics = TOPIC_SETTINGS.iter().filter_map(|setting| {
        let (name, default) = match setting.of_brokers {
            OfBrokers::Same(name) => (name, Some(setting.default)),
            OfBrokers::Unset(name) => (name, None),
            OfBrokers::Nothing => return None,
        };
        Some(BrokerSetting {
            name,
            config_type: setting.rule.config_type(),
            read_only: false,
            values: broker_values(name, default, config),
            text: format!("{} For topics that do not set {}.", setting.text, setting.name),
        })
    });
    own.chain(of_topics).collect()
}

/// The settings that were made for all brokers together.
pub(crate) fn settings_of_all_brokers(config: &ModelConfig) -> Vec<BrokerSetting> {
    let mut settings = broker_settings(0, config);
    for setting in &mut settings {
        setting.values.retain(|value| value.source == FROM_BROKERS);
    }
    settings.retain(|setting| !setting.values.is_empty());
    settings
}

/// The values of a setting that is the same for every broker.
pub(crate) fn broker_values(
    name: &'static str,
    default: Option<&str>,
    config: &ModelConfig,
) -> Vec<SettingValue> {
    let configured = configured(name, default, config);
    let default = default.map(|value| (value.to_owned(), FROM_DEFAULT));
    let values = configured.into_iter().chain(default);
    let values = values.map(|(value, source)| SettingValue {
        name,
        value: value.into(),
        source,
    });
    values.collect()
}

/// What the cluster sets. The file of a broker names the first two settings always, others only if
/// they differ from the default.
fn configured(name: &str, default: Option<&str>, config: &ModelConfig) -> Option<(String, i8)> {
    let value = match name {
        "num.partitions" => return Some((config.default_partitions.to_string(), FROM_BROKERS_FILE)),
        "default.replication.factor" => {
            return Some((config.default_replication_factor.to_string(), FROM_BROKERS_FILE));
        }
        // Kafka 4 sets it for all brokers when the cluster is made (KIP-966).
        "min.insync.replicas" => return Some((config.min_insync_replicas.to_string(), FROM_BROKERS)),
        "auto.create.topics.enable" => config.auto_create_topics.to_string(),
        "broker.session.timeout.ms" => config.session_timeout.as_millis().to_string(),
        "message.max.bytes" => config.message_bytes_max.to_string(),
        "replica.fetch.max.bytes" => config.replica_fetch_max_bytes.to_string(),
        "replica.fetch.response.max.bytes" => config.replica_fetch_response_max_bytes.to_string(),
        "replica.lag.time.max.ms" => config.replica_lag_time_max.as_millis().to_string(),
        _ => return None,
    };
    (default != Some(&value)).then_some((value, FROM_BROKERS_FILE))
}

fn values_of_id(setting: &OwnSetting, broker: i32) -> Vec<SettingValue> {
    let value = |value: String, source| SettingValue {
        name: setting.name,
        value: value.into(),
        source,
    };
    let own = value(broker.to_string(), FROM_BROKERS_FILE);
    let default = setting
        .default
        .map(|default| value(default.to_owned(), FROM_DEFAULT));
    [own].into_iter().chain(default).collect()
}
