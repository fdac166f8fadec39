//! Produce (key 0), v3–v12, flexible from v9.
//!
//! | version | adds |
//! |---|---|
//! | 3 | record batch v2 only, `transactional_id` |
//! | 4 | `KAFKA_STORAGE_ERROR` may be answered |
//! | 5 | `log_start_offset` in the answer |
//! | 7 | zstd batches are allowed (KIP-110) |
//! | 8 | `record_errors`, `error_message` (KIP-467) |
//! | 9 | flexible |
//! | 10 | `current_leader`, `node_endpoints` (KIP-951) |
//! | 11 | `TRANSACTION_ABORTABLE` may be answered (KIP-890) |
//! | 12 | partitions join a transaction by being produced to (KIP-890) |

use crate::messages::{LeaderIdAndEpoch, NodeEndpoint};
use crate::{ErrorCode, RecordSet, Str};

message! {
    /// Appends one batch to each of some partitions.
    pub struct ProduceRequest {
        /// The transactional id, if the batches belong to a transaction.
        pub transactional_id: Option<Str> => [0..],
        /// Which replicas must have a batch before it is acknowledged: 0 none, 1 the leader, -1 all
        /// in-sync replicas.
        pub acks: i16 => [0..],
        /// How long the broker may wait for followers, in ms.
        pub timeout_ms: i32 => [0..],
        /// The batches by topic.
        pub topic_data: Vec<TopicProduceData> => [0..],
    }

    /// The batches for one topic.
    pub struct TopicProduceData {
        /// The topic.
        pub name: Str => [0..],
        /// The batches by partition.
        pub partition_data: Vec<PartitionProduceData> => [0..],
    }

    /// The batch for one partition.
    pub struct PartitionProduceData {
        /// The partition.
        pub index: i32 => [0..],
        /// Exactly one batch of format v2.
        pub records: Option<RecordSet> => [0..] = Some(RecordSet::default()),
    }

    /// The outcome of each batch. A broker sends no response for `acks` 0.
    pub struct ProduceResponse {
        /// The outcomes by topic, in no particular order.
        pub responses: Vec<TopicProduceResponse> => [0..],
        /// How long the client was or will be muted for exceeding a quota, in ms (KIP-219).
        pub throttle_time_ms: i32 => [0..],
        /// Where the brokers named as `current_leader` are.
        pub node_endpoints: Vec<NodeEndpoint> => [10..] tag 0,
    }

    /// The outcomes for one topic.
    pub struct TopicProduceResponse {
        /// The topic.
        pub name: Str => [0..],
        /// The outcomes by partition.
        pub partition_responses: Vec<PartitionProduceResponse> => [0..],
    }

    /// The outcome for one partition.
    pub struct PartitionProduceResponse {
        /// The partition.
        pub index: i32 => [0..],
        /// Why the batch was refused, or [`ErrorCode::NONE`].
        pub error_code: ErrorCode => [0..],
        /// Offset of the batch's first record, -1 if refused.
        pub base_offset: i64 => [0..],
        /// When the broker appended it, in ms since the epoch; -1 if the topic keeps the producer's
        /// time.
        pub log_append_time_ms: i64 => [0..] = -1,
        /// The first offset that the log still holds.
        pub log_start_offset: i64 => [5..] = -1,
        /// The records that caused the refusal of the whole batch.
        pub record_errors: Vec<BatchIndexAndErrorMessage> => [8..],
        /// The reason of the refusal, for all of these records.
        pub error_message: Option<Str> => [8..],
        /// The current leader, with `NOT_LEADER_OR_FOLLOWER`.
        pub current_leader: LeaderIdAndEpoch => [10..] tag 0,
    }

    /// A record that caused the refusal of its batch.
    pub struct BatchIndexAndErrorMessage {
        /// Its index within the batch.
        pub batch_index: i32 => [0..],
        /// What is wrong with it.
        pub batch_index_error_message: Option<Str> => [0..],
    }
}
