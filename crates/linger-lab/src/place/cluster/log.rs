//! Reading a topic: the end of each partition, and the batches between two offsets.

use std::collections::BTreeMap;

use linger_protocol::messages::{
    FetchPartition, FetchRequest, FetchTopic, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use linger_protocol::records::batches;
use linger_protocol::{ApiKey, Bytes, ErrorCode};

use super::connection::Connection;
use super::error::RemoteError;
use super::metadata::retry;
use super::remote::Remote;

/// The timestamp that asks for the offset after the last record.
const LATEST: i64 = -1;

/// `fetch.max.wait.ms`; the records exist already.
const FETCH_WAIT_MS: i32 = 500;

/// Bytes asked for at once. A larger batch comes whole.
const FETCH_BYTES: i32 = 8 << 20;

impl Remote {
    /// The offset after the last record of each partition.
    pub(crate) fn ends(&self) -> Result<Vec<i64>, RemoteError> {
        retry(|| {
            let leaders = self.leaders()?;
            let mut ends = vec![0; self.partitions as usize];
            for (address, partitions) in by_broker(&leaders) {
                let mut connection = Connection::open(address)?;
                for partition in partitions {
                    ends[partition] = self.end(&mut connection, partition)?;
                }
            }
            Ok(ends)
        })
    }

    /// The batches of each partition from `starts` to `ends`, in order.
    pub(crate) fn read(&self, starts: &[i64], ends: &[i64]) -> Result<Vec<Vec<Bytes>>, RemoteError> {
        let mut logs = vec![Vec::new(); starts.len()];
        let mut next = starts.to_vec();
        // A retry continues after the last batch that was read.
        retry(|| {
            let leaders = self.leaders()?;
            for (address, partitions) in by_broker(&leaders) {
                let mut connection = Connection::open(address)?;
                for partition in partitions {
                    while next[partition] < ends[partition] {
                        let found = self.fetch(&mut connection, partition, next[partition])?;
                        let Some((last, _)) = found.last() else {
                            // A new leader may not know the high watermark yet.
                            let code = ErrorCode::OFFSET_NOT_AVAILABLE;
                            return Err(self.unreadable(partition, next[partition], code));
                        };
                        next[partition] = last + 1;
                        logs[partition].extend(found.into_iter().map(|(_, batch)| batch));
                    }
                }
            }
            Ok(())
        })?;
        Ok(logs)
    }

    fn end(&self, connection: &mut Connection, partition: usize) -> Result<i64, RemoteError> {
        let request = ListOffsetsRequest {
            topics: vec![ListOffsetsTopic {
                name: self.topic_name().into(),
                partitions: vec![ListOffsetsPartition {
                    partition_index: partition as i32,
                    timestamp: LATEST,
                    ..ListOffsetsPartition::default()
                }],
            }],
            ..ListOffsetsRequest::default()
        };
        let answer = connection.ask(&request)?;
        let found = answer.topics.first().and_then(|topic| topic.partitions.first());
        let found = found.ok_or_else(|| connection.mismatch(ApiKey::ListOffsets))?;
        self.check(partition, LATEST, found.error_code)?;
        Ok(found.offset)
    }

    /// Complete batches from `offset` on, each with the offset of its last record.
    fn fetch(
        &self,
        connection: &mut Connection,
        partition: usize,
        offset: i64,
    ) -> Result<Vec<(i64, Bytes)>, RemoteError> {
        let request = FetchRequest {
            max_wait_ms: FETCH_WAIT_MS,
            min_bytes: 1,
            topics: vec![FetchTopic {
                topic: self.topic_name().into(),
                partitions: vec![FetchPartition {
                    partition: partition as i32,
                    fetch_offset: offset,
                    partition_max_bytes: FETCH_BYTES,
                    ..FetchPartition::default()
                }],
            }],
            ..FetchRequest::default()
        };
        let answer = connection.ask(&request)?;
        self.check(partition, offset, answer.error_code)?;
        let found = answer
            .responses
            .first()
            .and_then(|topic| topic.partitions.first());
        let found = found.ok_or_else(|| connection.mismatch(ApiKey::Fetch))?;
        self.check(partition, offset, found.error_code)?;
        let Some(records) = &found.records else {
            return Ok(Vec::new());
        };
        let bytes = records.to_bytes();
        // The last batch may be incomplete. The first batch may start before the offset asked for.
        let whole = batches(&bytes).map_while(Result::ok);
        let whole = whole.filter(|batch| batch.last_offset() >= offset);
        Ok(whole
            .map(|batch| (batch.last_offset(), bytes.slice_ref(batch.bytes())))
            .collect())
    }

    fn check(&self, partition: usize, offset: i64, code: ErrorCode) -> Result<(), RemoteError> {
        if code == ErrorCode::NONE {
            return Ok(());
        }
        Err(self.unreadable(partition, offset, code))
    }

    fn unreadable(&self, partition: usize, offset: i64, code: ErrorCode) -> RemoteError {
        RemoteError::Partition {
            topic: self.topic_name().to_owned(),
            partition,
            offset,
            code,
        }
    }
}

/// The partitions that each broker leads.
fn by_broker(leaders: &[String]) -> BTreeMap<&str, Vec<usize>> {
    let mut brokers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (partition, address) in leaders.iter().enumerate() {
        brokers.entry(address).or_default().push(partition);
    }
    brokers
}
