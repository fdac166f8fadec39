//! InitProducerId (key 22), v0–v5, flexible from v2.
//!
//! | version | adds |
//! |---|---|
//! | 2 | flexible |
//! | 3 | the current id and epoch in the request, to bump the epoch (KIP-360) |
//! | 4 | `PRODUCER_FENCED` may be answered |
//! | 5 | `TRANSACTION_ABORTABLE` may be answered (KIP-890) |

use crate::{ErrorCode, Str};

message! {
    /// Asks for a producer id, or for the next epoch of one.
    pub struct InitProducerIdRequest {
        /// The transactional id; null for a producer that is only idempotent.
        pub transactional_id: Option<Str> => [0..] = Some(Str::default()),
        /// After how long an open transaction is aborted, in ms; only with a transactional id.
        pub transaction_timeout_ms: i32 => [0..],
        /// The id held now, -1 for none.
        pub producer_id: i64 => [3..] = -1,
        /// The epoch held now, -1 for none.
        pub producer_epoch: i16 => [3..] = -1,
    }

    /// Gives a producer id and epoch.
    pub struct InitProducerIdResponse {
        /// How long the client was or will be muted for exceeding a quota, in ms.
        pub throttle_time_ms: i32 => [0..],
        /// Why there is none, or [`ErrorCode::NONE`].
        pub error_code: ErrorCode => [0..],
        /// The producer id, -1 with an error.
        pub producer_id: i64 => [0..] = -1,
        /// The epoch.
        pub producer_epoch: i16 => [0..],
    }
}
