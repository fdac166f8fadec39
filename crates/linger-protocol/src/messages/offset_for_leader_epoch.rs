//! OffsetForLeaderEpoch (key 23), v2–v4, flexible from v4.
//!
//! | version | adds |
//! |---|---|
//! | 2 | `current_leader_epoch`, `throttle_time_ms` (KIP-320); v0 and v1 are gone (KIP-896) |
//! | 3 | `replica_id` |
//! | 4 | flexible |

use crate::{ErrorCode, Str};

message! {
    /// Asks where leader epochs end, to find out whether a log has been truncated since.
    pub struct OffsetForLeaderEpochRequest {
        /// The follower that asks, -1 for a consumer. -2, the default, is a client that does not
        /// say.
        pub replica_id: i32 => [3..] = -2,
        /// The partitions by topic.
        pub topics: Vec<OffsetForLeaderTopic> => [0..],
    }

    /// Partitions of one topic.
    pub struct OffsetForLeaderTopic {
        /// The topic.
        pub topic: Str => [0..],
        /// The partitions.
        pub partitions: Vec<OffsetForLeaderPartition> => [0..],
    }

    /// Asks about one partition.
    pub struct OffsetForLeaderPartition {
        /// The partition.
        pub partition: i32 => [0..],
        /// The leader epoch that the client knows, -1 for none.
        pub current_leader_epoch: i32 => [2..] = -1,
        /// The epoch whose end is asked for.
        pub leader_epoch: i32 => [0..],
    }

    /// Answers with the ends of epochs.
    pub struct OffsetForLeaderEpochResponse {
        /// How long the client was or will be muted for exceeding a quota, in ms.
        pub throttle_time_ms: i32 => [2..],
        /// The ends by topic.
        pub topics: Vec<OffsetForLeaderTopicResult> => [0..],
    }

    /// Ends of epochs in one topic.
    pub struct OffsetForLeaderTopicResult {
        /// The topic.
        pub topic: Str => [0..],
        /// The ends by partition.
        pub partitions: Vec<OffsetForLeaderPartitionResult> => [0..],
    }

    /// The end of an epoch in one partition. Kafka calls it `EpochEndOffset`, as another struct of
    /// Fetch.
    pub struct OffsetForLeaderPartitionResult {
        /// Why there is no answer, or [`ErrorCode::NONE`].
        pub error_code: ErrorCode => [0..],
        /// The partition.
        pub partition: i32 => [0..],
        /// The largest epoch of the log that is not above the requested one, -1 if there is none.
        pub leader_epoch: i32 => [1..] = -1,
        /// The offset behind the last record of that epoch, -1 if there is none.
        pub end_offset: i64 => [0..] = -1,
    }
}
