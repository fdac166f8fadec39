//! Reading a topic: where its partitions end, and what lies between two offsets.

use std::collections::BTreeMap;

use linger_protocol::messages::{
    FetchPartition, FetchRequest, FetchTopic, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use linger_protocol::records::batches;
use linger_protocol::{ApiKey, Bytes, ErrorCode};

use super::connection::Connection;
use super::error::RemoteError;
use super::{Leaders, Remote, patiently};

/// The time that means "behind the last record".
const LATEST: i64 = -1;

/// How long a broker may wait for records that are known to be there.
const FETCH_WAIT_MS: i32 = 500;

/// How many bytes are asked for at once; a batch that is larger comes whole.
const FETCH_BYTES: i32 = 8 << 20;

impl Remote {
    /// The offset behind the last record of each partition.
    pub(crate) fn ends(&self) -> Result<Vec<i64>, RemoteError> {
        patiently(|| {
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

    /// The batches of each partition that hold records from `starts` on and before `ends`, in order.
    pub(crate) fn read(&self, starts: &[i64], ends: &[i64]) -> Result<Vec<Vec<Bytes>>, RemoteError> {
        let mut logs = vec![Vec::new(); starts.len()];
        let mut next = starts.to_vec();
        // What was read before a broker failed stays read.
        patiently(|| {
            let leaders = self.leaders()?;
            for (address, partitions) in by_broker(&leaders) {
                let mut connection = Connection::open(address)?;
                for partition in partitions {
                    while next[partition] < ends[partition] {
                        let found = self.fetch(&mut connection, partition, next[partition])?;
                        let Some((last, _)) = found.last() else {
                            // A new leader may not know yet that all replicas have it.
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
                name: self.topic.as_str().into(),
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

    /// Whole batches from `offset` on, each with the offset of its last record.
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
                topic: self.topic.as_str().into(),
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
        // The last batch may be cut; the walk ends before it. A batch may begin before the offset asked for.
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
            topic: self.topic.clone(),
            partition,
            offset,
            code,
        }
    }
}

/// Which partitions each broker leads.
fn by_broker(leaders: &Leaders) -> BTreeMap<&str, Vec<usize>> {
    let mut brokers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (partition, address) in leaders.iter().enumerate() {
        brokers.entry(address).or_default().push(partition);
    }
    brokers
}
