//! CreateTopics (key 19), v2–v7, flexible from v5.
//!
//! | version | adds |
//! |---|---|
//! | 4 | -1 partitions or replicas means the broker's default (KIP-464) |
//! | 5 | flexible; the answer describes what was created (KIP-525) |
//! | 6 | `THROTTLING_QUOTA_EXCEEDED` may be answered (KIP-599) |
//! | 7 | `topic_id` in the answer (KIP-516) |

use crate::{ErrorCode, Str, Uuid};

message! {
    /// Creates topics.
    pub struct CreateTopicsRequest {
        /// The topics.
        pub topics: Vec<CreatableTopic> => [0..],
        /// How long to wait until they exist, in ms.
        pub timeout_ms: i32 => [0..] = 60_000,
        /// Whether only to check that they could be created.
        pub validate_only: bool => [1..],
    }

    /// One topic to create.
    pub struct CreatableTopic {
        /// Its name.
        pub name: Str => [0..],
        /// How many partitions, -1 for the broker's default or with `assignments`.
        pub num_partitions: i32 => [0..],
        /// How many replicas of each, -1 for the broker's default or with `assignments`.
        pub replication_factor: i16 => [0..],
        /// Which brokers hold which partition, if not for the broker to choose.
        pub assignments: Vec<CreatableReplicaAssignment> => [0..],
        /// Settings that differ from the broker's.
        pub configs: Vec<CreatableTopicConfig> => [0..],
    }

    /// Which brokers hold one partition.
    pub struct CreatableReplicaAssignment {
        /// The partition.
        pub partition_index: i32 => [0..],
        /// The brokers, the preferred leader first.
        pub broker_ids: Vec<i32> => [0..],
    }

    /// A setting of a topic to create.
    pub struct CreatableTopicConfig {
        /// Its name.
        pub name: Str => [0..],
        /// Its value.
        pub value: Option<Str> => [0..] = Some(Str::default()),
    }

    /// Says which topics were created.
    pub struct CreateTopicsResponse {
        /// How long the client was or will be muted for exceeding a quota, in ms.
        pub throttle_time_ms: i32 => [2..],
        /// The outcomes by topic.
        pub topics: Vec<CreatableTopicResult> => [0..],
    }

    /// The outcome for one topic.
    pub struct CreatableTopicResult {
        /// The topic.
        pub name: Str => [0..],
        /// Its new id, zero if it was not created.
        pub topic_id: Uuid => [7..],
        /// Why it was not created, or [`ErrorCode::NONE`].
        pub error_code: ErrorCode => [0..],
        /// The same in words.
        pub error_message: Option<Str> => [1..] = Some(Str::default()),
        /// Why `configs` is missing although the topic was created.
        pub topic_config_error_code: ErrorCode => [5..] tag 0,
        /// How many partitions it has, -1 if it was not created.
        pub num_partitions: i32 => [5..] = -1,
        /// How many replicas each has, -1 if it was not created.
        pub replication_factor: i16 => [5..] = -1,
        /// Its settings.
        pub configs: Option<Vec<CreatableTopicConfigs>> => [5..] = Some(Vec::new()),
    }

    /// A setting of a created topic.
    pub struct CreatableTopicConfigs {
        /// Its name.
        pub name: Str => [0..],
        /// Its value; null if it must not be shown.
        pub value: Option<Str> => [0..] = Some(Str::default()),
        /// Whether it cannot be changed.
        pub read_only: bool => [0..],
        /// Where the value comes from, -1 if unknown.
        pub config_source: i8 => [0..] = -1,
        /// Whether it must not be shown.
        pub is_sensitive: bool => [0..],
    }
}
