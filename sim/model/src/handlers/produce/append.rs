//! The append of one batch to its partition.

use linger_protocol::ErrorCode;
use linger_protocol::records::{BatchHeader, NO_TIMESTAMP, TimestampType};

use super::examined::{ACKS_ALL, ACKS_LEADER, ACKS_NONE};
use super::slot::{Slot, SlotState};
use crate::cx::Cx;
use crate::examined_batch::Batch;
use crate::history::{BatchOrigin, Observation};
use crate::ids::PartitionKey;
use crate::partition::Partition;
use crate::producer_state::{Judgement, ProducerStamp};
use crate::request_context::RequestContext;
use crate::validate::{Refusal, validate};

/// Checks the batch of a slot and appends it, unless the slot is decided already.
pub(super) fn append_slot(cx: &mut Cx<'_>, slot: &mut Slot, acks: i16) {
    let header = match &slot.batch {
        Some(Ok(batch)) => Some(batch.header),
        Some(Err(_)) | None => None,
    };
    if slot.state == SlotState::Open {
        check_and_append(cx, slot, acks);
    }
    slot.batch = None;
    if slot.has_failed() {
        let request = cx.request;
        cx.history.note(|| Observation::Rejected {
            origin: origin_of_slot(request, slot, header.as_ref()),
            code: slot.response.error_code,
        });
    }
}

fn check_and_append(cx: &mut Cx<'_>, slot: &mut Slot, acks: i16) {
    let Some(key) = cx.topics.partition(&slot.topic, slot.response.index) else {
        return slot.decide(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    };
    slot.key = Some(key);
    let batch = match slot.batch.take() {
        Some(Ok(batch)) => batch,
        Some(Err(defect)) => {
            slot.response.error_message = defect.is_told.then(|| defect.why.into());
            return slot.decide(defect.code);
        }
        None => return slot.decide(ErrorCode::INVALID_RECORD),
    };
    if !matches!(acks, ACKS_ALL | ACKS_NONE | ACKS_LEADER) {
        return slot.decide(ErrorCode::INVALID_REQUIRED_ACKS);
    }
    if let Err(refusal) = append(cx, key, slot, &batch, acks) {
        slot.refuse_append(refusal, cx.partitions[key].log.start());
    }
}

fn append(
    cx: &mut Cx<'_>,
    key: PartitionKey,
    slot: &mut Slot,
    batch: &Batch,
    acks: i16,
) -> Result<(), Refusal> {
    let now_ms = cx.now_ms();
    let partition = &mut cx.partitions[key];
    if !partition.is_led_by(cx.request.broker) {
        return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER.into());
    }
    if acks == ACKS_ALL && !partition.replicas.has_min_in_sync() {
        return Err(ErrorCode::NOT_ENOUGH_REPLICAS.into());
    }
    let new = validate(batch, &partition.settings, now_ms)?;
    let stamp = ProducerStamp::of(&batch.header);
    let leader_epoch = partition.replicas.leader_epoch();
    let judgement = stamp.map_or(Judgement::Append, |stamp| {
        partition.producers.expire(now_ms);
        partition.producers.judge(&stamp)
    });
    slot.response.log_start_offset = partition.log.start();
    match judgement {
        Judgement::Refuse(code) => Err(code.into()),
        Judgement::Duplicate {
            base_offset,
            last_offset,
            timestamp,
        } => {
            cx.history.note(|| Observation::Duplicate {
                origin: origin_of(cx.request, partition, &batch.header),
                original_offset: base_offset,
            });
            slot.response.base_offset = base_offset;
            slot.response.log_append_time_ms = timestamp;
            slot.wait_for(last_offset + 1, leader_epoch);
            Ok(())
        }
        Judgement::Append => {
            let is_stamped_here = partition.settings.timestamp_type == TimestampType::LogAppendTime;
            let max_timestamp = new.max_timestamp;
            let base_offset = partition.log.append(new, leader_epoch);
            if let Some(stamp) = &stamp {
                partition.producers.remember(stamp, base_offset, max_timestamp);
            }
            let end = partition.log.end();
            let is_running = |broker: i32| cx.brokers.is_running(broker);
            partition.replicas.appended(base_offset, end, is_running, cx.now);
            if let Some(stored) = partition.log.last_batch() {
                cx.history.note(|| Observation::Appended {
                    origin: origin_of(cx.request, partition, &batch.header),
                    batch: stored.clone(),
                });
            }
            if partition.log.retain(cx.config.retention_bytes) {
                cx.history.note(|| Observation::LogStartMoved {
                    topic: partition.topic.clone(),
                    partition: partition.index,
                    log_start: partition.log.start(),
                });
            }
            slot.response.base_offset = base_offset;
            slot.response.log_append_time_ms = match is_stamped_here {
                true => max_timestamp,
                false => NO_TIMESTAMP,
            };
            slot.response.log_start_offset = partition.log.start();
            slot.wait_for(end, leader_epoch);
            Ok(())
        }
    }
}

fn origin_of(request: &RequestContext, partition: &Partition, header: &BatchHeader) -> BatchOrigin {
    BatchOrigin {
        connection: request.connection,
        correlation_id: request.correlation_id,
        broker: request.broker,
        topic: partition.topic.clone(),
        partition: partition.index,
        producer_id: header.producer_id,
        epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        count: header.count,
    }
}

fn origin_of_slot(request: &RequestContext, slot: &Slot, header: Option<&BatchHeader>) -> BatchOrigin {
    BatchOrigin {
        connection: request.connection,
        correlation_id: request.correlation_id,
        broker: request.broker,
        topic: slot.topic.clone(),
        partition: slot.response.index,
        producer_id: header.map_or(-1, |header| header.producer_id),
        epoch: header.map_or(-1, |header| header.producer_epoch),
        base_sequence: header.map_or(-1, |header| header.base_sequence),
        count: header.map_or(-1, |header| header.count),
    }
}
