//! The bytes of a failed batch, from which its records are handed back.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use linger_protocol::records::{Codec, RecordIter, decompress};

use crate::record::OwnedRecord;

/// A failed batch. Its records are not charged to `buffer.memory` any more: the memory belongs to
/// the application until it drops the error.
#[derive(Debug)]
pub struct Undelivered {
    topic: Arc<str>,
    partition: i32,
    body: Vec<u8>,
    codec: Codec,
    raw_len: usize,
    count: u32,
    base_timestamp: i64,
    /// Positions of the failed records, ascending; `None` if all failed.
    only: Option<Vec<u32>>,
    records: OnceLock<Vec<OwnedRecord>>,
}

/// What [`Undelivered`] needs to know of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchFacts {
    pub(crate) codec: Codec,
    pub(crate) raw_len: usize,
    pub(crate) count: u32,
    pub(crate) base_timestamp: i64,
}

impl Undelivered {
    pub(crate) fn new(topic: Arc<str>, partition: i32, body: Vec<u8>, facts: BatchFacts) -> Self {
        let BatchFacts {
            codec,
            raw_len,
            count,
            base_timestamp,
        } = facts;
        Self {
            topic,
            partition,
            body,
            codec,
            raw_len,
            count,
            base_timestamp,
            only: None,
            records: OnceLock::new(),
        }
    }

    /// Keeps only the records at `positions`, ascending.
    pub(crate) fn only(self, positions: Vec<u32>) -> Self {
        Self {
            only: Some(positions),
            ..self
        }
    }

    /// Number of records.
    pub fn count(&self) -> u32 {
        self.only.as_ref().map_or(self.count, |only| only.len() as u32)
    }

    /// The records, in the order in which they were accepted; decoded by the first caller.
    pub fn records(&self) -> &[OwnedRecord] {
        self.records.get_or_init(|| self.decode())
    }

    fn decode(&self) -> Vec<OwnedRecord> {
        let raw = match self.codec {
            Codec::None => Cow::Borrowed(&self.body[..]),
            codec => match decompress(codec, &self.body, self.raw_len) {
                Ok(raw) => Cow::Owned(raw),
                // The producer compressed these bytes itself. If they are damaged, there is nothing to hand
                // back.
                Err(_) => return Vec::new(),
            },
        };
        RecordIter::new(&raw, self.count as i32)
            .map_while(Result::ok)
            .enumerate()
            .filter(|(position, _)| {
                self.only
                    .as_ref()
                    .is_none_or(|only| only.binary_search(&(*position as u32)).is_ok())
            })
            .map(|(_, record)| OwnedRecord {
                topic: self.topic.clone(),
                partition: self.partition,
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                headers: record
                    .headers()
                    .map(|header| {
                        (
                            Bytes::copy_from_slice(header.key),
                            header.value.map(<[u8]>::to_vec),
                        )
                    })
                    .collect(),
                timestamp: self.base_timestamp.wrapping_add(record.timestamp_delta),
            })
            .collect()
    }
}
