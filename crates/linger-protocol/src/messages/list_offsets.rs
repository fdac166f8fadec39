//! ListOffsets (key 2), v1–v9, flexible from v6.
//!
//! | version | adds |
//! |---|---|
//! | 1 | one offset per partition |
//! | 2 | `isolation_level`, `throttle_time_ms` |
//! | 4 | leader epochs (KIP-320) |
//! | 6 | flexible |
//! | 7 | timestamp -3: the record with the largest timestamp (KIP-734) |
//! | 8 | timestamp -4: the first offset on the leader itself (KIP-405) |
//! | 9 | timestamp -5: the last offset in tiered storage (KIP-1005) |

use crate::{ErrorCode, Str};

message! {
    /// Asks for offsets by time.
    pub struct ListOffsetsRequest {
        /// The follower that asks; -1 is a client, which is the default here although Kafka states
        /// none.
        pub replica_id: i32 => [0..] = -1,
        /// 0 asks for the high watermark as the end, 1 for the last stable offset.
        pub isolation_level: i8 => [2..],
        /// The partitions by topic.
        pub topics: Vec<ListOffsetsTopic> => [0..],
    }

    /// Partitions of one topic.
    pub struct ListOffsetsTopic {
        /// The topic.
        pub name: Str => [0..],
        /// The partitions.
        pub partitions: Vec<ListOffsetsPartition> => [0..],
    }

    /// Asks about one partition.
    pub struct ListOffsetsPartition {
        /// The partition.
        pub partition_index: i32 => [0..],
        /// The leader epoch that the client knows, -1 for none.
        pub current_leader_epoch: i32 => [4..] = -1,
        /// Milliseconds since the epoch, or -1 for the end, -2 for the beginning, and so on.
        pub timestamp: i64 => [0..],
    }

    /// Answers with offsets.
    pub struct ListOffsetsResponse {
        /// How long the client was or will be muted for exceeding a quota, in ms.
        pub throttle_time_ms: i32 => [2..],
        /// The offsets by topic.
        pub topics: Vec<ListOffsetsTopicResponse> => [0..],
    }

    /// Offsets of one topic.
    pub struct ListOffsetsTopicResponse {
        /// The topic.
        pub name: Str => [0..],
        /// The offsets by partition.
        pub partitions: Vec<ListOffsetsPartitionResponse> => [0..],
    }

    /// The offset of one partition.
    pub struct ListOffsetsPartitionResponse {
        /// The partition.
        pub partition_index: i32 => [0..],
        /// Why there is no answer, or [`ErrorCode::NONE`].
        pub error_code: ErrorCode => [0..],
        /// The time of the record found, -1 for none.
        pub timestamp: i64 => [0..] = -1,
        /// Its offset, -1 for none.
        pub offset: i64 => [0..] = -1,
        /// Its leader epoch, -1 for none.
        pub leader_epoch: i32 => [4..] = -1,
    }
}
