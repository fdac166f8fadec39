//! What each answer to a produce request means: what to do next, and whether the attempt may have
//! been written.
//!
//! The table follows Kafka's clients (`Sender`, `TransactionManager`) with one difference: with
//! `acks=all` a leader may append, replicate and then lose its leadership while the answer waits
//! for the followers. It then answers `NOT_LEADER_OR_FOLLOWER` (or `UNKNOWN_TOPIC_OR_PARTITION`,
//! `KAFKA_STORAGE_ERROR`) for a batch that stays in the log. Most clients take these codes as proof
//! that nothing was written; here they are not.
//!
//! A verdict is about one attempt. That certainty sticks over attempts is the batch's business, and
//! what a verdict does to the batches around it is [`crate::send::partition`]'s.

use linger_protocol::ErrorCode;

use crate::config::Acks;
use crate::error::Certainty;
use crate::send::sequence::Idempotence;

/// What to do with a batch after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is in the log; the offset of its first record when the broker told it.
    Acknowledge {
        /// The offset of the first record.
        offset: Option<i64>,
    },
    /// The same bytes again, after a backoff.
    Retry,
    /// An earlier batch failed and this one was refused for that alone: again after it, counted as
    /// no attempt.
    AwaitPredecessor,
    /// Too large for the broker: two halves in its place.
    Split,
    /// Some of its records are refused: those fail, and the others are sent anew.
    DropCulprits,
    /// The broker cannot accept this sequence any more: again, under a new epoch.
    NewEpoch,
    /// It fails.
    Fail,
    /// It fails, and so will everything else this producer sends.
    Fatal,
}

/// The meaning of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What to do with the batch.
    pub next: Next,
    /// Whether this attempt may have been written.
    pub certainty: Certainty,
    /// The answer says that the producer's view of the cluster is old.
    pub stale_metadata: bool,
}

/// What the meaning of an answer depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// What the request asked for.
    pub acks: Acks,
    /// Whether the batch carries a sequence.
    pub idempotence: Idempotence,
    /// How many records the batch has.
    pub count: u32,
    /// How many batches before it, in sequence order, are not resolved.
    pub predecessors: usize,
    /// How many of its records the answer names as refused.
    pub culprits: usize,
    /// How many attempts of this batch were refused before.
    pub refusals: u32,
}

/// A refusal for damaged bytes is repeated this often at most: damage on the way passes, ours does
/// not.
const CORRUPT_RETRIES_MAX: u32 = 3;

/// Classifies the answer `code` with `base_offset`.
pub fn classify(code: ErrorCode, base_offset: i64, context: &Context) -> Verdict {
    use Certainty::{NotWritten, PossiblyWritten};

    let idempotent = context.idempotence == Idempotence::On;
    // An answer that came after the followers were awaited is no proof that nothing was appended.
    let after_append = match context.acks {
        Acks::All => PossiblyWritten,
        Acks::None | Acks::Leader => NotWritten,
    };
    let verdict = |next, certainty| Verdict {
        next,
        certainty,
        stale_metadata: false,
    };
    let stale = |certainty| Verdict {
        next: Next::Retry,
        certainty,
        stale_metadata: true,
    };
    let fatal_if_idempotent = if idempotent { Next::Fatal } else { Next::Fail };

    match code {
        ErrorCode::NONE => {
            let offset = (base_offset >= 0).then_some(base_offset);
            verdict(Next::Acknowledge { offset }, PossiblyWritten)
        }
        // The batch is in the log already, older than the five whose offsets the broker remembers.
        ErrorCode::DUPLICATE_SEQUENCE_NUMBER if idempotent => {
            verdict(Next::Acknowledge { offset: None }, PossiblyWritten)
        }

        ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => stale(after_append),
        ErrorCode::KAFKA_STORAGE_ERROR | ErrorCode::NETWORK_EXCEPTION => stale(PossiblyWritten),
        ErrorCode::LEADER_NOT_AVAILABLE
        | ErrorCode::REPLICA_NOT_AVAILABLE
        | ErrorCode::FENCED_LEADER_EPOCH
        | ErrorCode::UNKNOWN_LEADER_EPOCH
        | ErrorCode::UNKNOWN_TOPIC_ID
        | ErrorCode::INCONSISTENT_TOPIC_ID => stale(NotWritten),

        // Appended by the leader, not known to be replicated.
        ErrorCode::REQUEST_TIMED_OUT | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND => {
            verdict(Next::Retry, PossiblyWritten)
        }
        ErrorCode::NOT_ENOUGH_REPLICAS
        | ErrorCode::THROTTLING_QUOTA_EXCEEDED
        | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
        | ErrorCode::COORDINATOR_NOT_AVAILABLE
        | ErrorCode::NOT_COORDINATOR
        | ErrorCode::CONCURRENT_TRANSACTIONS => verdict(Next::Retry, NotWritten),
        ErrorCode::CORRUPT_MESSAGE if context.refusals < CORRUPT_RETRIES_MAX => {
            verdict(Next::Retry, NotWritten)
        }

        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE if context.count > 1 => {
            verdict(Next::Split, NotWritten)
        }
        ErrorCode::INVALID_RECORD | ErrorCode::INVALID_TIMESTAMP
            if (1..context.count as usize).contains(&context.culprits) =>
        {
            verdict(Next::DropCulprits, NotWritten)
        }

        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER if idempotent && context.predecessors > 0 => {
            verdict(Next::AwaitPredecessor, NotWritten)
        }
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
        | ErrorCode::UNKNOWN_PRODUCER_ID
        | ErrorCode::INVALID_PRODUCER_EPOCH
            if idempotent =>
        {
            verdict(Next::NewEpoch, NotWritten)
        }

        ErrorCode::CLUSTER_AUTHORIZATION_FAILED
        | ErrorCode::UNSUPPORTED_VERSION
        | ErrorCode::PRODUCER_FENCED => verdict(fatal_if_idempotent, NotWritten),
        ErrorCode::CORRUPT_MESSAGE
        | ErrorCode::MESSAGE_TOO_LARGE
        | ErrorCode::RECORD_LIST_TOO_LARGE
        | ErrorCode::INVALID_RECORD
        | ErrorCode::INVALID_TIMESTAMP
        | ErrorCode::INVALID_TOPIC_EXCEPTION
        | ErrorCode::TOPIC_AUTHORIZATION_FAILED
        | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        | ErrorCode::INVALID_REQUIRED_ACKS
        | ErrorCode::INVALID_REQUEST
        | ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT
        | ErrorCode::UNSUPPORTED_COMPRESSION_TYPE
        | ErrorCode::POLICY_VIOLATION
        | ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
        | ErrorCode::UNKNOWN_PRODUCER_ID
        | ErrorCode::INVALID_PRODUCER_EPOCH
        | ErrorCode::INVALID_PRODUCER_ID_MAPPING
        | ErrorCode::INVALID_TXN_STATE
        | ErrorCode::TRANSACTION_ABORTABLE => verdict(Next::Fail, NotWritten),

        // UNKNOWN_SERVER_ERROR, and codes newer than this list: no retry, and no promise.
        _ => verdict(Next::Fail, PossiblyWritten),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const IDEMPOTENT: Context = Context {
        acks: Acks::All,
        idempotence: Idempotence::On,
        count: 10,
        predecessors: 0,
        culprits: 0,
        refusals: 0,
    };
    const PLAIN: Context = Context {
        idempotence: Idempotence::Off,
        ..IDEMPOTENT
    };
    const LEADER: Context = Context {
        acks: Acks::Leader,
        ..PLAIN
    };
    const SUCCESSOR: Context = Context {
        predecessors: 1,
        ..IDEMPOTENT
    };

    const NOT: Certainty = Certainty::NotWritten;
    const POSSIBLY: Certainty = Certainty::PossiblyWritten;

    #[rstest]
    // Kafka's table: the code, for whom, what next, whether it may be written, whether metadata is old.
    #[case(-1, IDEMPOTENT, Next::Fail, POSSIBLY, false)]
    #[case(2, IDEMPOTENT, Next::Retry, NOT, false)]
    #[case(2, Context { refusals: 3, ..IDEMPOTENT }, Next::Fail, NOT, false)]
    #[case(3, IDEMPOTENT, Next::Retry, POSSIBLY, true)]
    #[case(3, LEADER, Next::Retry, NOT, true)]
    #[case(5, IDEMPOTENT, Next::Retry, NOT, true)]
    #[case(6, IDEMPOTENT, Next::Retry, POSSIBLY, true)]
    #[case(6, PLAIN, Next::Retry, POSSIBLY, true)]
    #[case(6, LEADER, Next::Retry, NOT, true)]
    #[case(7, IDEMPOTENT, Next::Retry, POSSIBLY, false)]
    #[case(7, LEADER, Next::Retry, POSSIBLY, false)]
    #[case(9, IDEMPOTENT, Next::Retry, NOT, true)]
    #[case(10, IDEMPOTENT, Next::Split, NOT, false)]
    #[case(10, Context { count: 1, ..IDEMPOTENT }, Next::Fail, NOT, false)]
    #[case(13, IDEMPOTENT, Next::Retry, POSSIBLY, true)]
    #[case(14, IDEMPOTENT, Next::Retry, NOT, false)]
    #[case(15, IDEMPOTENT, Next::Retry, NOT, false)]
    #[case(16, IDEMPOTENT, Next::Retry, NOT, false)]
    #[case(17, IDEMPOTENT, Next::Fail, NOT, false)]
    #[case(18, PLAIN, Next::Split, NOT, false)]
    #[case(18, Context { count: 1, ..PLAIN }, Next::Fail, NOT, false)]
    #[case(19, IDEMPOTENT, Next::Retry, NOT, false)]
    #[case(20, IDEMPOTENT, Next::Retry, POSSIBLY, false)]
    #[case(21, IDEMPOTENT, Next::Fail, NOT, false)]
    #[case(29, IDEMPOTENT, Next::Fail, NOT, false)]
    #[case(31, IDEMPOTENT, Next::Fatal, NOT, false)]
    #[case(31, PLAIN, Next::Fail, NOT, false)]
    #[case(32, IDEMPOTENT, Next::Fail, NOT, false)]
    #[case(32, Context { culprits: 3, ..IDEMPOTENT }, Next::DropCulprits, NOT, false)]
    #[case(35, IDEMPOTENT, Next::Fatal, NOT, false)]
    #[case(35, PLAIN, Next::Fail, NOT, false)]
    #[case(42, IDEMPOTENT, Next::Fail, NOT, false)]
    #[case(43, IDEMPOTENT, Next::Fail, NOT, false)]
    #[case(44, IDEMPOTENT, Next::Fail, NOT, false)]
    #[case(45, IDEMPOTENT, Next::NewEpoch, NOT, false)]
    #[case(45, SUCCESSOR, Next::AwaitPredecessor, NOT, false)]
    #[case(45, PLAIN, Next::Fail, NOT, false)]
    #[case(46, IDEMPOTENT, Next::Acknowledge { offset: None }, POSSIBLY, false)]
    #[case(46, PLAIN, Next::Fail, POSSIBLY, false)]
    #[case(47, IDEMPOTENT, Next::NewEpoch, NOT, false)]
    #[case(47, SUCCESSOR, Next::NewEpoch, NOT, false)]
    #[case(47, PLAIN, Next::Fail, NOT, false)]
    #[case(48, IDEMPOTENT, Next::Fail, NOT, false)]
    #[case(49, IDEMPOTENT, Next::Fail, NOT, false)]
    #[case(51, IDEMPOTENT, Next::Retry, NOT, false)]
    #[case(53, IDEMPOTENT, Next::Fail, NOT, false)]
    #[case(56, IDEMPOTENT, Next::Retry, POSSIBLY, true)]
    #[case(56, LEADER, Next::Retry, POSSIBLY, true)]
    #[case(59, IDEMPOTENT, Next::NewEpoch, NOT, false)]
    #[case(59, PLAIN, Next::Fail, NOT, false)]
    #[case(74, IDEMPOTENT, Next::Retry, NOT, true)]
    #[case(75, IDEMPOTENT, Next::Retry, NOT, true)]
    #[case(76, IDEMPOTENT, Next::Fail, NOT, false)]
    #[case(87, IDEMPOTENT, Next::Fail, NOT, false)]
    #[case(87, Context { culprits: 1, ..IDEMPOTENT }, Next::DropCulprits, NOT, false)]
    #[case(87, Context { culprits: 1, ..PLAIN }, Next::DropCulprits, NOT, false)]
    #[case(87, Context { culprits: 10, ..IDEMPOTENT }, Next::Fail, NOT, false)]
    #[case(89, IDEMPOTENT, Next::Retry, NOT, false)]
    #[case(90, IDEMPOTENT, Next::Fatal, NOT, false)]
    #[case(100, IDEMPOTENT, Next::Retry, NOT, true)]
    #[case(103, IDEMPOTENT, Next::Retry, NOT, true)]
    #[case(120, IDEMPOTENT, Next::Fail, NOT, false)]
    #[case(999, IDEMPOTENT, Next::Fail, POSSIBLY, false)]
    #[case(-2, PLAIN, Next::Fail, POSSIBLY, false)]
    fn every_produce_error_code_has_a_meaning(
        #[case] code: i16,
        #[case] context: Context,
        #[case] next: Next,
        #[case] certainty: Certainty,
        #[case] stale_metadata: bool,
    ) {
        assert_eq!(
            classify(ErrorCode(code), -1, &context),
            Verdict {
                next,
                certainty,
                stale_metadata
            }
        );
    }

    #[rstest]
    #[case(0, Some(0))]
    #[case(17, Some(17))]
    #[case(-1, None)]
    fn a_negative_base_offset_is_no_offset(#[case] base_offset: i64, #[case] offset: Option<i64>) {
        let verdict = classify(ErrorCode::NONE, base_offset, &IDEMPOTENT);
        assert_eq!(verdict.next, Next::Acknowledge { offset });
    }
}
