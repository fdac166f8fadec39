//! A produce request as it was sent, and how it is answered.

use linger_protocol::messages::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicProduceResponse,
};
use linger_protocol::records::BatchView;
use linger_protocol::{ErrorCode, Str};

use super::TOPIC;
use crate::ids::{ConnectionId, RequestId};

/// A batch as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::send) struct Sent {
    pub(in crate::send) partition: i32,
    pub(in crate::send) producer_id: i64,
    pub(in crate::send) epoch: i16,
    pub(in crate::send) sequence: i32,
    pub(in crate::send) count: i32,
    pub(in crate::send) bytes: Vec<u8>,
}

impl Sent {
    /// The batches of a request, each looked at.
    pub(in crate::send) fn all_in(request: &ProduceRequest) -> Vec<Self> {
        let mut batches = Vec::new();
        for topic in &request.topic_data {
            assert_eq!(&*topic.name, TOPIC);
            for data in &topic.partition_data {
                let bytes = data.records.as_ref().expect("a request has records").to_bytes();
                let view = BatchView::parse(&bytes).expect("a batch is well formed");
                view.verify_crc().expect("a batch has its checksum");
                batches.push(Self {
                    partition: data.index,
                    producer_id: view.producer_id(),
                    epoch: view.producer_epoch(),
                    sequence: view.base_sequence(),
                    count: view.count(),
                    bytes: bytes.to_vec(),
                });
            }
        }
        batches
    }
}

/// A produce request that waits for its answer.
#[derive(Debug, Clone)]
pub(in crate::send) struct Produced {
    pub(in crate::send) connection: ConnectionId,
    pub(in crate::send) id: RequestId,
    pub(in crate::send) broker: i32,
    pub(in crate::send) version: i16,
    pub(in crate::send) batches: Vec<Sent>,
}

impl Produced {
    pub(in crate::send) fn partitions(&self) -> Vec<i32> {
        self.batches.iter().map(|batch| batch.partition).collect()
    }

    /// (epoch, sequence, count) of its only batch.
    pub(in crate::send) fn only(&self) -> (i16, i32, i32) {
        assert_eq!(self.batches.len(), 1, "one batch");
        let batch = &self.batches[0];
        (batch.epoch, batch.sequence, batch.count)
    }

    /// Its answer, for each of its partitions.
    pub(in crate::send) fn answered(&self, answer: impl Fn(i32) -> Answer) -> ProduceResponse {
        let partition = |batch: &Sent| {
            let answer = answer(batch.partition);
            let culprit = |index: &i32| BatchIndexAndErrorMessage {
                batch_index: *index,
                ..BatchIndexAndErrorMessage::default()
            };
            let (leader_id, leader_epoch) = answer.leader.unwrap_or((-1, -1));
            PartitionProduceResponse {
                index: batch.partition,
                error_code: ErrorCode(answer.code),
                base_offset: answer.base_offset,
                record_errors: answer.culprits.iter().map(culprit).collect(),
                current_leader: LeaderIdAndEpoch {
                    leader_id,
                    leader_epoch,
                },
                ..PartitionProduceResponse::default()
            }
        };
        let topic = TopicProduceResponse {
            name: Str::from(TOPIC),
            partition_responses: self.batches.iter().map(partition).collect(),
        };
        ProduceResponse {
            responses: vec![topic],
            ..ProduceResponse::default()
        }
    }
}

/// How one partition of a request is answered.
#[derive(Debug, Clone, Default)]
pub(in crate::send) struct Answer {
    pub(in crate::send) code: i16,
    pub(in crate::send) base_offset: i64,
    pub(in crate::send) culprits: Vec<i32>,
    pub(in crate::send) leader: Option<(i32, i32)>,
}

pub(in crate::send) fn ok() -> Answer {
    Answer {
        base_offset: 100,
        ..Answer::default()
    }
}

pub(in crate::send) fn code(code: i16) -> Answer {
    Answer {
        code,
        base_offset: -1,
        ..Answer::default()
    }
}
