//! DeleteTopics (key 20), v1–v6, flexible from v4.
//!
//! | version | adds |
//! |---|---|
//! | 3 | `TOPIC_DELETION_DISABLED` may be answered |
//! | 4 | flexible |
//! | 5 | `error_message`; `THROTTLING_QUOTA_EXCEEDED` may be answered (KIP-599) |
//! | 6 | `topics` instead of `topic_names`, by name or by id (KIP-516) |

use crate::{ErrorCode, Str, Uuid};

message! {
    /// Deletes topics with all that they hold.
    pub struct DeleteTopicsRequest {
        /// The topics.
        pub topics: Vec<DeleteTopicState> => [6..],
        /// Their names.
        pub topic_names: Vec<Str> => [0..=5],
        /// How long to wait until they are gone, in ms.
        pub timeout_ms: i32 => [0..],
    }

    /// Names one topic, or gives its id.
    pub struct DeleteTopicState {
        /// The topic's name, null to delete by id.
        pub name: Option<Str> => [6..],
        /// The topic's id, zero to delete by name.
        pub topic_id: Uuid => [6..],
    }

    /// Says which topics are deleted.
    pub struct DeleteTopicsResponse {
        /// How long the client was or will be muted for exceeding a quota, in ms.
        pub throttle_time_ms: i32 => [1..],
        /// The outcomes by topic.
        pub responses: Vec<DeletableTopicResult> => [0..],
    }

    /// The outcome for one topic.
    pub struct DeletableTopicResult {
        /// The topic; null if an unknown id was given.
        pub name: Option<Str> => [0..] nullable [6..] = Some(Str::default()),
        /// Its id, zero if it has none.
        pub topic_id: Uuid => [6..],
        /// Why it was not deleted, or [`ErrorCode::NONE`].
        pub error_code: ErrorCode => [0..],
        /// The same in words.
        pub error_message: Option<Str> => [5..],
    }
}
