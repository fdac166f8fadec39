//! Fetch (key 1), v4–v12, flexible from v12.
//!
//! | version | adds |
//! |---|---|
//! | 4 | `isolation_level`, `last_stable_offset`, aborted transactions: record batch v2 |
//! | 5 | `log_start_offset` |
//! | 7 | incremental sessions (KIP-227), a top-level `error_code` |
//! | 9 | `current_leader_epoch` (KIP-320) |
//! | 10 | zstd batches may be answered (KIP-110) |
//! | 11 | `rack_id`, `preferred_read_replica` (KIP-392) |
//! | 12 | flexible; last fetched and diverging epochs, `current_leader`, `snapshot_id` (KIP-595) |

use crate::messages::LeaderIdAndEpoch;
use crate::{ErrorCode, RecordSet, Str};

message! {
    /// Reads batches from some partitions, waiting for them if asked to.
    pub struct FetchRequest {
        /// The cluster that the client takes this to be, for replicas.
        pub cluster_id: Option<Str> => [12..] tag 0,
        /// The follower that asks, -1 for a consumer.
        pub replica_id: i32 => [0..] = -1,
        /// How long to wait for `min_bytes`, in ms.
        pub max_wait_ms: i32 => [0..],
        /// How many bytes to wait for.
        pub min_bytes: i32 => [0..],
        /// The most bytes to answer, beyond the first batch (KIP-74).
        pub max_bytes: i32 => [0..] = i32::MAX,
        /// 0 reads everything below the high watermark, 1 only what is committed.
        pub isolation_level: i8 => [0..],
        /// The fetch session, 0 for none.
        pub session_id: i32 => [7..],
        /// The next step of the session, -1 for a full fetch without one.
        pub session_epoch: i32 => [7..] = -1,
        /// What to read by topic.
        pub topics: Vec<FetchTopic> => [0..],
        /// What to drop from the session.
        pub forgotten_topics_data: Vec<ForgottenTopic> => [7..],
        /// The consumer's rack.
        pub rack_id: Str => [11..],
    }

    /// What to read from one topic.
    pub struct FetchTopic {
        /// The topic.
        pub topic: Str => [0..],
        /// What to read by partition.
        pub partitions: Vec<FetchPartition> => [0..],
    }

    /// What to read from one partition.
    pub struct FetchPartition {
        /// The partition.
        pub partition: i32 => [0..],
        /// The leader epoch that the client knows, -1 for none.
        pub current_leader_epoch: i32 => [9..] = -1,
        /// The first offset to read.
        pub fetch_offset: i64 => [0..],
        /// The epoch of the last record read, -1 for none.
        pub last_fetched_epoch: i32 => [12..] = -1,
        /// The first offset of a follower's log, -1 for a consumer.
        pub log_start_offset: i64 => [5..] = -1,
        /// The most bytes to answer for this partition, beyond the first batch.
        pub partition_max_bytes: i32 => [0..],
    }

    /// Partitions of one topic to drop from a session.
    pub struct ForgottenTopic {
        /// The topic.
        pub topic: Str => [0..],
        /// The partitions.
        pub partitions: Vec<i32> => [0..],
    }

    /// Batches of some partitions.
    pub struct FetchResponse {
        /// How long the client was or will be muted for exceeding a quota, in ms.
        pub throttle_time_ms: i32 => [0..],
        /// What is wrong with the request as a whole, or [`ErrorCode::NONE`].
        pub error_code: ErrorCode => [7..],
        /// The fetch session, 0 for none.
        pub session_id: i32 => [7..],
        /// What was read by topic.
        pub responses: Vec<FetchableTopicResponse> => [0..],
    }

    /// What was read from one topic.
    pub struct FetchableTopicResponse {
        /// The topic.
        pub topic: Str => [0..],
        /// What was read by partition.
        pub partitions: Vec<PartitionData> => [0..],
    }

    /// What was read from one partition.
    pub struct PartitionData {
        /// The partition.
        pub partition_index: i32 => [0..],
        /// Why nothing was read, or [`ErrorCode::NONE`].
        pub error_code: ErrorCode => [0..],
        /// The offset behind the last record that every in-sync replica has.
        pub high_watermark: i64 => [0..],
        /// The offset below which every transaction is decided.
        pub last_stable_offset: i64 => [0..] = -1,
        /// The first offset that the log still holds.
        pub log_start_offset: i64 => [5..] = -1,
        /// Where the reader's log diverges from the leader's log, if it does.
        pub diverging_epoch: EpochEndOffset => [12..] tag 0,
        /// Who leads, if the request named another epoch.
        pub current_leader: LeaderIdAndEpoch => [12..] tag 1,
        /// The snapshot to read instead, for metadata replicas.
        pub snapshot_id: SnapshotId => [12..] tag 2,
        /// Transactions among these records that were aborted; null when everything was asked for.
        pub aborted_transactions: Option<Vec<AbortedTransaction>> => [0..] = Some(Vec::new()),
        /// The replica to read from instead, -1 for none.
        pub preferred_read_replica: i32 => [11..] = -1,
        /// The batches, the last of which may be cut.
        pub records: Option<RecordSet> => [0..] = Some(RecordSet::default()),
    }

    /// Where an epoch ended on the leader.
    pub struct EpochEndOffset {
        /// The epoch, -1 for none.
        pub epoch: i32 => [0..] = -1,
        /// The offset behind its last record.
        pub end_offset: i64 => [0..] = -1,
    }

    /// Names a snapshot.
    pub struct SnapshotId {
        /// The offset behind what it holds.
        pub end_offset: i64 => [0..] = -1,
        /// The epoch of the last record that it holds.
        pub epoch: i32 => [0..] = -1,
    }

    /// An aborted transaction.
    pub struct AbortedTransaction {
        /// The producer whose records to skip.
        pub producer_id: i64 => [0..],
        /// The offset of its first record.
        pub first_offset: i64 => [0..],
    }
}
