//! The settings of topics: Kafka's names, defaults and limits. Few of them have an effect in the
//! simulator, but clients may give and read all of them.

use super::rule::Rule::{self, *};

/// A setting that a topic can have.
pub(crate) struct TopicSetting {
    pub(crate) name: &'static str,
    pub(crate) default: &'static str,
    pub(crate) rule: Rule,
    pub(crate) of_brokers: OfBrokers,
    /// What the setting does. The words are ours, not Kafka's.
    pub(crate) text: &'static str,
}

/// The setting of brokers that a topic without a value of its own goes by.
#[derive(Clone, Copy)]
pub(crate) enum OfBrokers {
    /// There is none.
    Nothing,
    /// This one, with the same default.
    Same(&'static str),
    /// This one, which has no value by default.
    Unset(&'static str),
}

use OfBrokers::{Nothing, Same, Unset};

const FOREVER: &str = "9223372036854775807";

macro_rules! settings {
    ($($name:literal = $default:expr, $rule:expr, $of_brokers:expr; $text:literal)*) => {
        /// Ascending by name (LogConfig of Apache Kafka 4.3).
        pub(crate) const TOPIC_SETTINGS: [TopicSetting; [$($name),*].len()] = [$(TopicSetting {
            name: $name,
            default: $default,
            rule: $rule,
            of_brokers: $of_brokers,
            text: $text,
        }),*];
    };
}

settings! {
    "cleanup.policy" = "delete", CleanupPolicy, Same("log.cleanup.policy");
        "What happens to old records: delete drops them, compact keeps the last record of each key."
    "compression.gzip.level" = "-1", GzipLevel, Same("compression.gzip.level");
        "Level of gzip, if the broker compresses."
    "compression.lz4.level" = "9", Lz4Level, Same("compression.lz4.level");
        "Level of lz4, if the broker compresses."
    "compression.type" = "producer", CompressionType, Same("compression.type");
        "Codec of stored batches; producer keeps them as they came."
    "compression.zstd.level" = "3", ZstdLevel, Same("compression.zstd.level");
        "Level of zstd, if the broker compresses."
    "delete.retention.ms" = "86400000", Long(0), Same("log.cleaner.delete.retention.ms");
        "How long a compacted topic keeps a record without a value, in ms."
    "file.delete.delay.ms" = "60000", Long(0), Same("log.segment.delete.delay.ms");
        "How long a dropped segment stays on disk, in ms."
    "flush.messages" = FOREVER, Long(1), Same("log.flush.interval.messages");
        "After how many records the log is flushed to disk."
    "flush.ms" = FOREVER, Long(0), Unset("log.flush.interval.ms");
        "After how long the log is flushed to disk, in ms."
    "follower.replication.throttled.replicas" = "", List, Nothing;
        "Replicas whose followers are throttled, as partition:broker, or * for all."
    "index.interval.bytes" = "4096", Int(0), Same("log.index.interval.bytes");
        "Bytes of records per entry of the offset index."
    "leader.replication.throttled.replicas" = "", List, Nothing;
        "Replicas whose leaders are throttled, as partition:broker, or * for all."
    "local.retention.bytes" = "-2", Long(-2), Same("log.local.retention.bytes");
        "Bytes per partition that stay local with tiered storage; -2 is retention.bytes."
    "local.retention.ms" = "-2", Long(-2), Same("log.local.retention.ms");
        "How long records stay local with tiered storage, in ms; -2 is retention.ms."
    "max.compaction.lag.ms" = FOREVER, Long(1), Same("log.cleaner.max.compaction.lag.ms");
        "How long a record may stay uncompacted, in ms."
    "max.message.bytes" = "1048588", Int(0), Same("message.max.bytes");
        "The largest batch, in bytes, compressed if it is."
    "message.timestamp.after.max.ms" = "3600000", Long(0), Same("log.message.timestamp.after.max.ms");
        "How far a record's time may lie in the future, in ms."
    "message.timestamp.before.max.ms" = FOREVER, Long(0), Same("log.message.timestamp.before.max.ms");
        "How far a record's time may lie in the past, in ms."
    "message.timestamp.type" = "CreateTime", TimestampType, Same("log.message.timestamp.type");
        "Whose clock gives a record its time: the producer's (CreateTime) or the broker's (LogAppendTime)."
    "min.cleanable.dirty.ratio" = "0.5", Ratio, Same("log.cleaner.min.cleanable.ratio");
        "Share of uncompacted bytes at which a log is compacted."
    "min.compaction.lag.ms" = "0", Long(0), Same("log.cleaner.min.compaction.lag.ms");
        "How long a record stays uncompacted at least, in ms."
    "min.insync.replicas" = "1", Int(1), Same("min.insync.replicas");
        "In-sync replicas that a write with acks=all needs."
    "preallocate" = "false", Bool, Same("log.preallocate");
        "Whether a segment's file gets its full size at once."
    "remote.log.copy.disable" = "false", Bool, Nothing;
        "Whether tiered storage takes no new segments."
    "remote.log.delete.on.disable" = "false", Bool, Nothing;
        "Whether the segments in tiered storage are deleted when it is disabled."
    "remote.storage.enable" = "false", Bool, Nothing;
        "Whether segments are moved to tiered storage."
    "retention.bytes" = "-1", Long(i64::MIN), Same("log.retention.bytes");
        "Bytes that a partition keeps; -1 is no limit."
    "retention.ms" = "604800000", Long(-1), Unset("log.retention.ms");
        "How long records are kept, in ms; -1 is no limit."
    "segment.bytes" = "1073741824", Int(1 << 20), Same("log.segment.bytes");
        "The largest segment, in bytes."
    "segment.index.bytes" = "10485760", Int(4), Same("log.index.size.max.bytes");
        "The largest index of a segment, in bytes."
    "segment.jitter.ms" = "0", Long(0), Unset("log.roll.jitter.ms");
        "The largest random time by which a segment ends earlier than segment.ms, in ms."
    "segment.ms" = "604800000", Long(1), Unset("log.roll.ms");
        "After how long a segment ends, in ms."
    "unclean.leader.election.enable" = "false", Bool, Same("unclean.leader.election.enable");
        "Whether a replica that is not in sync may become leader, which loses records."
}

/// The setting of this name.
pub(crate) fn topic_setting(name: &str) -> Option<&'static TopicSetting> {
    const SETTINGS: &[TopicSetting] = &TOPIC_SETTINGS;
    SETTINGS.iter().find(|setting| setting.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_ascending_and_their_defaults_valid() {
        assert!(TOPIC_SETTINGS.is_sorted_by_key(|setting| setting.name));
        for setting in &TOPIC_SETTINGS {
            assert_eq!(setting.rule.check(setting.default), Ok(()), "{}", setting.name);
            assert_eq!(
                setting.rule.normal_form(setting.default),
                setting.default,
                "{}",
                setting.name
            );
        }
    }
}
