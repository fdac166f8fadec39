//! Metadata (key 3), v0–v12, flexible from v9.
//!
//! | version | adds |
//! |---|---|
//! | 1 | null asks for all topics, an empty list for none; `controller_id`, `rack`, `is_internal` |
//! | 2 | `cluster_id` |
//! | 3 | `throttle_time_ms` |
//! | 4 | `allow_auto_topic_creation` |
//! | 5 | `offline_replicas` |
//! | 7 | `leader_epoch` |
//! | 8 | authorised operations (KIP-430); those of the cluster only until v10 |
//! | 9 | flexible |
//! | 10 | `topic_id`, and a null name in the request (KIP-516) |
//! | 12 | asking by topic id works; a null name in the answer |

use crate::{ErrorCode, Str, Uuid};

/// The value of the authorised operations when nobody asked for them.
const NOT_ASKED_FOR: i32 = i32::MIN;

message! {
    /// Asks for the cluster's brokers and the leaders of topics.
    pub struct MetadataRequest {
        /// The topics; null means all. In v0 there is no null and an empty list means all.
        pub topics: Option<Vec<MetadataRequestTopic>> => [0..] nullable [1..] = Some(Vec::new()),
        /// Whether the broker may create what does not exist.
        pub allow_auto_topic_creation: bool => [4..] = true,
        /// Whether to list what the client may do to the cluster.
        pub include_cluster_authorized_operations: bool => [8..=10],
        /// Whether to list what the client may do to each topic.
        pub include_topic_authorized_operations: bool => [8..],
    }

    /// Names one topic, or gives its id.
    pub struct MetadataRequestTopic {
        /// The topic's id, zero to ask by name.
        pub topic_id: Uuid => [10..],
        /// The topic's name, null to ask by id.
        pub name: Option<Str> => [0..] nullable [10..] = Some(Str::default()),
    }

    /// Describes the cluster as one broker sees it.
    pub struct MetadataResponse {
        /// How long the client was or will be muted for exceeding a quota, in ms.
        pub throttle_time_ms: i32 => [3..],
        /// The brokers that are alive.
        pub brokers: Vec<MetadataResponseBroker> => [0..],
        /// The cluster's id.
        pub cluster_id: Option<Str> => [2..],
        /// The controller, or a broker that passes requests on to it; -1 if unknown.
        pub controller_id: i32 => [1..] = -1,
        /// The topics asked for.
        pub topics: Vec<MetadataResponseTopic> => [0..],
        /// A bit per operation that the client may perform on the cluster.
        pub cluster_authorized_operations: i32 => [8..=10] = NOT_ASKED_FOR,
    }

    /// One broker.
    pub struct MetadataResponseBroker {
        /// Its id.
        pub node_id: i32 => [0..],
        /// Its host name or address.
        pub host: Str => [0..],
        /// Its port.
        pub port: i32 => [0..],
        /// Its rack, if it has one.
        pub rack: Option<Str> => [1..],
    }

    /// One topic.
    pub struct MetadataResponseTopic {
        /// Why the topic cannot be described, or [`ErrorCode::NONE`].
        pub error_code: ErrorCode => [0..],
        /// Its name; null if an unknown id was asked for.
        pub name: Option<Str> => [0..] nullable [12..] = Some(Str::default()),
        /// Its id, zero if it has none.
        pub topic_id: Uuid => [10..],
        /// Whether it is one of Kafka's own.
        pub is_internal: bool => [1..],
        /// Its partitions, in no particular order.
        pub partitions: Vec<MetadataResponsePartition> => [0..],
        /// A bit per operation that the client may perform on it.
        pub topic_authorized_operations: i32 => [8..] = NOT_ASKED_FOR,
    }

    /// One partition.
    pub struct MetadataResponsePartition {
        /// What is wrong with it, such as `LEADER_NOT_AVAILABLE`, or [`ErrorCode::NONE`].
        pub error_code: ErrorCode => [0..],
        /// The partition.
        pub partition_index: i32 => [0..],
        /// The broker that leads it, -1 if none does.
        pub leader_id: i32 => [0..],
        /// The epoch in which it leads, -1 if unknown.
        pub leader_epoch: i32 => [7..] = -1,
        /// The brokers that hold it.
        pub replica_nodes: Vec<i32> => [0..],
        /// Those of them that are in sync.
        pub isr_nodes: Vec<i32> => [0..],
        /// Those of them that are offline.
        pub offline_replicas: Vec<i32> => [5..],
    }
}
