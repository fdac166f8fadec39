//! FindCoordinator (key 10), v0–v6, flexible from v3.
//!
//! | version | adds |
//! |---|---|
//! | 1 | `key_type`: groups or transactional ids; `throttle_time_ms`, `error_message` |
//! | 3 | flexible |
//! | 4 | several keys at once, answered as `coordinators` (KIP-699) |
//! | 5 | `TRANSACTION_ABORTABLE` may be answered (KIP-890) |
//! | 6 | share groups (KIP-932) |

use crate::{ErrorCode, Str};

message! {
    /// Asks which broker coordinates a group or a transactional id.
    pub struct FindCoordinatorRequest {
        /// The group or transactional id, up to v3.
        pub key: Str => [0..=3],
        /// 0 for groups, 1 for transactional ids, 2 for share groups.
        pub key_type: i8 => [1..],
        /// The groups or transactional ids, from v4.
        pub coordinator_keys: Vec<Str> => [4..],
    }

    /// Names the coordinators.
    pub struct FindCoordinatorResponse {
        /// How long the client was or will be muted for exceeding a quota, in ms.
        pub throttle_time_ms: i32 => [1..],
        /// Why there is none, or [`ErrorCode::NONE`]; up to v3.
        pub error_code: ErrorCode => [0..=3],
        /// The same in words.
        pub error_message: Option<Str> => [1..=3] = Some(Str::default()),
        /// The coordinator, -1 with an error; up to v3.
        pub node_id: i32 => [0..=3],
        /// Its host name or address.
        pub host: Str => [0..=3],
        /// Its port, -1 with an error.
        pub port: i32 => [0..=3],
        /// One answer per key, from v4.
        pub coordinators: Vec<Coordinator> => [4..],
    }

    /// The coordinator of one key.
    pub struct Coordinator {
        /// The group or transactional id.
        pub key: Str => [0..],
        /// The coordinator, -1 with an error.
        pub node_id: i32 => [0..],
        /// Its host name or address.
        pub host: Str => [0..],
        /// Its port, -1 with an error.
        pub port: i32 => [0..],
        /// Why there is none, or [`ErrorCode::NONE`].
        pub error_code: ErrorCode => [0..],
        /// The same in words.
        pub error_message: Option<Str> => [0..] = Some(Str::default()),
    }
}
