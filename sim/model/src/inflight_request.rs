//! One request on its way through a broker.

use std::time::{Duration, Instant};

use linger_protocol::messages::{PartitionProduceResponse, RequestBody, ResponseBody};
use linger_protocol::{ApiKey, Str};

use super::Close;
use super::connections::ConnectionId;
use super::fetch_sessions::{FetchContext, Member};
use super::parsed_frame::{Batch, Defect};
use super::purgatory::{DeadlineId, WorkId};
use super::topics::PartitionKey;

/// A request, where it stands, and what faults have done to it. It outlives its connection.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) id: WorkId,
    pub(crate) c: ConnectionId,
    /// Which connection of the broker it came by.
    pub(crate) nth: u64,
    pub(crate) broker: i32,
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) client_id: Option<Str>,
    pub(crate) stage: Stage,
    pub(crate) task: Task,
    pub(crate) fate: Fate,
    /// When it goes on or gives up, while it waits.
    pub(crate) deadline: Option<DeadlineId>,
    /// What it waits for.
    pub(crate) waits: Waits,
    /// A fetch's long poll; set once it began.
    pub(crate) poll: Option<Poll>,
}

/// What is to be done next.
///
/// ```text
/// Accepted -> Parsed -> BeforeAppend -> Append -> Appended -> Await -> Replicated -> Replying -> Send     Produce
///                   \-> Handle ---------------------------------------------------/                       all others
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Accepted,
    Parsed,
    BeforeAppend,
    Append,
    Appended,
    Await,
    Replicated,
    Handle,
    Replying,
    Send,
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Waits {
    Nothing,
    /// A fault's delay or barrier.
    Fault,
    /// Followers.
    Acks,
    /// Something to fetch.
    Records,
    /// Its broker to thaw; whatever it waited for before may have come meanwhile.
    Thaw,
}

#[derive(Debug)]
pub(crate) enum Task {
    Produce(ProduceTask),
    Other(RequestBody),
    /// Done; `None` is for acks=0, which has no answer.
    Answer(Option<ResponseBody>),
}

/// A fetch underway: what is read until there is enough, or the time is up.
#[derive(Debug)]
pub(crate) struct Poll {
    pub(crate) until: Instant,
    pub(crate) min_bytes: i32,
    pub(crate) max_bytes: i32,
    pub(crate) isolation_level: i8,
    pub(crate) context: FetchContext,
    pub(crate) members: Vec<Member>,
    /// Which partitions these were when the fetch came; `None` if there was no such one.
    pub(crate) keys: Vec<Option<PartitionKey>>,
}

/// What faults have done to an answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fate {
    pub(crate) lose: bool,
    pub(crate) cut: Option<usize>,
    pub(crate) corrupt: bool,
    pub(crate) throttle: Duration,
    /// Close instead of answering (acks=0 with an error).
    pub(crate) close: Option<Close>,
}

/// A produce request underway.
#[derive(Debug)]
pub(crate) struct ProduceTask {
    pub(crate) acks: i16,
    pub(crate) timeout: Duration,
    pub(crate) slots: Vec<Slot>,
    /// When the wait for followers ends; set once it began.
    pub(crate) wait_until: Option<Instant>,
}

/// One partition of a produce request.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) topic: Str,
    pub(crate) key: Option<PartitionKey>,
    pub(crate) batch: Option<Result<Batch, Defect>>,
    pub(crate) response: PartitionProduceResponse,
    pub(crate) state: SlotState,
    /// The batch, or the one it repeats, is in the log: later points concern it.
    pub(crate) is_in_log: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotState {
    /// Not appended yet.
    Open,
    /// In the log, and answered once the high watermark reaches `required` in this leader epoch.
    Waiting { required: i64, leader_epoch: i32 },
    /// The response stands.
    Decided,
}
