//! One partition of a produce request, from its batch to its part of the answer.

use linger_protocol::messages::PartitionProduceResponse;
use linger_protocol::{ErrorCode, Str};

use super::examined::ProducePartition;
use crate::examined_batch::{Batch, Defect};
use crate::ids::PartitionKey;
use crate::validate::Refusal;

/// One partition of a produce request.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) topic: Str,
    pub(super) key: Option<PartitionKey>,
    pub(super) batch: Option<Result<Batch, Defect>>,
    pub(super) response: PartitionProduceResponse,
    pub(super) state: SlotState,
    /// The batch, or the earlier one that it repeats, is in the log.
    pub(super) is_in_log: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotState {
    /// Not appended yet.
    Open,
    /// In the log. The answer is due once the high watermark reaches `required` in this leader
    /// epoch.
    Waiting { required: i64, leader_epoch: i32 },
    /// The response is complete.
    Decided,
}

impl Slot {
    pub(super) fn new(topic: &Str, partition: ProducePartition) -> Self {
        let response = PartitionProduceResponse {
            index: partition.index,
            base_offset: -1,
            ..PartitionProduceResponse::default()
        };
        Self {
            topic: topic.clone(),
            key: None,
            batch: Some(partition.batch),
            response,
            state: SlotState::Open,
            is_in_log: false,
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.response.error_code != ErrorCode::NONE
    }

    pub(super) fn decide(&mut self, code: ErrorCode) {
        self.response.error_code = code;
        self.state = SlotState::Decided;
    }

    /// Refuses a batch whose append failed.
    pub(super) fn refuse_append(&mut self, refusal: Refusal, log_start: i64) {
        self.decide(refusal.code);
        self.response.record_errors = refusal.record_errors;
        self.response.error_message = refusal.message;
        // Kafka names the log start for every failure of the append itself but these.
        let is_unknown = matches!(
            refusal.code,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                | ErrorCode::NOT_LEADER_OR_FOLLOWER
                | ErrorCode::MESSAGE_TOO_LARGE
                | ErrorCode::RECORD_LIST_TOO_LARGE
                | ErrorCode::CORRUPT_MESSAGE
                | ErrorCode::KAFKA_STORAGE_ERROR
        );
        self.response.log_start_offset = if is_unknown { -1 } else { log_start };
    }

    /// The batch is in the log, below the offset `required`.
    pub(super) fn wait_for(&mut self, required: i64, leader_epoch: i32) {
        self.is_in_log = true;
        self.state = SlotState::Waiting {
            required,
            leader_epoch,
        };
    }
}
