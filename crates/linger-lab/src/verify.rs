//! The proof that a log contains exactly the records that were sent.
//!
//! Record `i` was sent to partition `i % partitions`. So the log of a partition must have exactly
//! those records, byte for byte and in that order, at consecutive offsets from where the log ended
//! before the run. Each record must have been acknowledged with the offset that it has in the log.

use bytes::Bytes;
use linger_protocol::records::{
    BatchError, BatchView, CrcMismatch, DecompressError, Decompressor, HEADER_SIZE, RecordError,
};

use crate::workload::records::Records;

/// What was compared.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Compared records.
    pub(crate) records: usize,
    /// Bytes of their values.
    pub(crate) bytes: usize,
    /// Per partition, the sizes of its batches before compression, in log order.
    pub(crate) batch_sizes: Vec<Vec<usize>>,
}

/// The first difference between the records that were sent and the log. Records are numbered from
/// 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Difference {
    #[error("partition {partition}, offset {offset}: record {number} should be here, but {found}")]
    Other {
        partition: usize,
        offset: i64,
        number: usize,
        found: &'static str,
    },
    #[error("partition {partition} ends at offset {end}: record {number} and {more} after it are missing")]
    Missing {
        partition: usize,
        end: i64,
        number: usize,
        more: usize,
    },
    #[error(
        "partition {partition}, offset {offset}: a record that was never sent, or lies here a second time"
    )]
    Extra { partition: usize, offset: i64 },
    #[error(
        "record {number} lies at offset {offset} of partition {partition}, but was acknowledged as {acknowledged}"
    )]
    Acknowledged {
        number: usize,
        partition: usize,
        offset: i64,
        acknowledged: i64,
    },
    #[error("partition {partition}: a batch begins at offset {found}, after offset {expected} was next")]
    Offset {
        partition: usize,
        expected: i64,
        found: i64,
    },
    #[error("partition {partition}, offset {offset}: the batch cannot be read: {error}")]
    Unreadable {
        partition: usize,
        offset: i64,
        error: Unreadable,
    },
}

/// Why a batch cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    Frame(#[from] BatchError),
    #[error(transparent)]
    Crc(#[from] CrcMismatch),
    #[error(transparent)]
    Compression(#[from] DecompressError),
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// What one partition stored in a run.
pub(crate) struct PartitionLog<B> {
    /// The end of the partition before the run.
    pub(crate) start: i64,
    /// The batches from there on, in order.
    pub(crate) batches: Vec<B>,
}

/// Compares every record with the logs of the partitions. `bytes_of` gives the bytes of a batch,
/// `offsets` has the acknowledged offset of each record.
pub(crate) fn prove<B>(
    records: &Records,
    offsets: &[i64],
    logs: &[PartitionLog<B>],
    bytes_of: impl Fn(&B) -> Bytes,
) -> Result<Proof, Difference> {
    let mut decompressor = Decompressor::new();
    let mut batch_sizes = Vec::with_capacity(logs.len());
    for (partition, log) in logs.iter().enumerate() {
        let mut reader = PartitionReader {
            records,
            offsets,
            partition,
            partitions: logs.len(),
            start: log.start,
            next: 0,
        };
        let mut sizes = Vec::with_capacity(log.batches.len());
        for batch in &log.batches {
            sizes.push(reader.read(&bytes_of(batch), &mut decompressor)?);
        }
        reader.finish()?;
        batch_sizes.push(sizes);
    }
    Ok(Proof {
        records: records.len(),
        bytes: records.size(),
        batch_sizes,
    })
}

/// Compares the log of one partition with the records that were sent to it.
struct PartitionReader<'a> {
    records: &'a Records,
    offsets: &'a [i64],
    partition: usize,
    partitions: usize,
    /// The offset of the run's first record.
    start: i64,
    /// How many records of this partition were compared.
    next: usize,
}

impl PartitionReader<'_> {
    /// Compares a batch. Returns its size before compression.
    fn read(&mut self, batch: &Bytes, decompressor: &mut Decompressor) -> Result<usize, Difference> {
        let (partition, offset) = (self.partition, self.offset());
        let unreadable = |error| Difference::Unreadable {
            partition,
            offset,
            error,
        };
        let view = BatchView::parse(batch).map_err(|error| unreadable(error.into()))?;
        view.verify_crc().map_err(|error| unreadable(error.into()))?;
        if view.base_offset() != offset {
            return Err(Difference::Offset {
                partition,
                expected: offset,
                found: view.base_offset(),
            });
        }
        // An upper bound of what a batch can hold: all records, each with its overhead.
        let limit = self.records.size() + self.records.len() * 32;
        let body = view
            .records_with(decompressor, limit)
            .map_err(|error| unreadable(error.into()))?;
        for record in &body {
            let record = record.map_err(|error| unreadable(error.into()))?;
            if view.base_offset() + i64::from(record.offset_delta) != self.offset() {
                let found = view.base_offset() + i64::from(record.offset_delta);
                return Err(Difference::Offset {
                    partition,
                    expected: self.offset(),
                    found,
                });
            }
            let plain = record.key.is_none() && record.header_count == 0;
            self.compare(record.value.filter(|_| plain))?;
        }
        Ok(HEADER_SIZE + body.bytes().len())
    }

    fn compare(&mut self, value: Option<&[u8]>) -> Result<(), Difference> {
        let (partition, offset) = (self.partition, self.offset());
        let Some(index) = self.index_of(self.next) else {
            return Err(Difference::Extra { partition, offset });
        };
        if value != Some(self.records.get(index)) {
            return Err(Difference::Other {
                partition,
                offset,
                number: index + 1,
                found: self.recognise(value),
            });
        }
        if self.offsets[index] != offset {
            let acknowledged = self.offsets[index];
            return Err(Difference::Acknowledged {
                number: index + 1,
                partition,
                offset,
                acknowledged,
            });
        }
        self.next += 1;
        Ok(())
    }

    fn finish(&self) -> Result<(), Difference> {
        let Some(index) = self.index_of(self.next) else {
            return Ok(());
        };
        let more = (self.records.len() - 1 - index) / self.partitions;
        Err(Difference::Missing {
            partition: self.partition,
            end: self.offset(),
            number: index + 1,
            more,
        })
    }

    /// The next offset.
    fn offset(&self) -> i64 {
        self.start + self.next as i64
    }

    /// The record at a place in this partition.
    fn index_of(&self, place: usize) -> Option<usize> {
        let index = self.partition + place * self.partitions;
        (index < self.records.len()).then_some(index)
    }

    /// Describes a wrong value: an earlier record, a later record, or another value.
    fn recognise(&self, value: Option<&[u8]>) -> &'static str {
        let Some(value) = value else {
            return "it has a key, headers or no value";
        };
        let is_at = |place: usize| {
            self.index_of(place)
                .is_some_and(|index| self.records.get(index) == value)
        };
        if (0..self.next).any(is_at) {
            return "an earlier record lies here a second time";
        }
        let later = self.next + 1..=self.records.len() / self.partitions;
        if later.into_iter().any(is_at) {
            "a later record lies here: this one is lost or out of order"
        } else {
            "its bytes differ"
        }
    }
}

#[cfg(test)]
mod tests {
    use linger_protocol::records::{BatchBuilder, Compression, Record, Scratch, Stamp};

    use super::*;

    fn records(values: &[&str]) -> Records {
        let mut records = Records::default();
        values.iter().for_each(|value| records.push(value.as_bytes()));
        records
    }

    /// A batch as it lies in the log.
    fn batch(base_offset: i64, values: &[&str], compression: Compression) -> Bytes {
        let mut builder = BatchBuilder::new(Vec::new());
        for value in values {
            builder.append(
                &Record {
                    value: Some(value.as_bytes()),
                    ..Record::default()
                },
                1_700_000_000_000,
            );
        }
        let encoded = builder.close().encode(compression, &mut Scratch::new());
        let mut bytes = encoded.header(Stamp::NONE, false).to_vec();
        bytes[..8].copy_from_slice(&base_offset.to_be_bytes());
        bytes.extend_from_slice(&encoded.body);
        Bytes::from(bytes)
    }

    fn log(values: &[&str]) -> Vec<Bytes> {
        vec![batch(0, values, Compression::None)]
    }

    /// Logs that were empty before.
    fn from_0(logs: &[Vec<Bytes>]) -> Vec<PartitionLog<Bytes>> {
        let log = |batches: &Vec<Bytes>| PartitionLog {
            start: 0,
            batches: batches.clone(),
        };
        logs.iter().map(log).collect()
    }

    fn refuse(logs: &[Vec<Bytes>], offsets: &[i64], expected: &str) {
        let sent = records(&["a", "b", "c", "d", "e"]);
        let message = prove(&sent, offsets, &from_0(logs), Bytes::clone)
            .expect_err("a difference")
            .to_string();
        assert!(message.contains(expected), "{message}");
    }

    const OFFSETS: [i64; 5] = [0, 0, 1, 1, 2];

    #[test]
    fn a_log_that_holds_every_record_once_is_proven_in_every_codec() {
        let value = "a value that repeats, a value that repeats, a value that repeats";
        let sent = records(&[value; 9]);
        let offsets = [0, 0, 1, 1, 2, 2, 3, 3, 4];
        for codec in Compression::ALL {
            let even = vec![batch(0, &[value; 3], codec), batch(3, &[value; 2], codec)];
            let proof = prove(
                &sent,
                &offsets,
                &from_0(&[even, vec![batch(0, &[value; 4], codec)]]),
                Bytes::clone,
            )
            .expect("equal");
            assert_eq!((proof.records, proof.bytes), (9, sent.size()));
            let one = 61 + 64 + value.len() % 64 + 8;
            let sizes: Vec<usize> = proof.batch_sizes.iter().map(Vec::len).collect();
            assert_eq!(sizes, [2, 1]);
            assert!(
                proof.batch_sizes[0][0] > one,
                "sizes are those before compression: {:?}",
                proof.batch_sizes
            );
        }
    }

    #[test]
    fn a_log_may_have_held_other_records_before() {
        let sent = records(&["a", "b", "c"]);
        let log = |start, values: &[&str]| PartitionLog {
            start,
            batches: vec![batch(start, values, Compression::None)],
        };
        let logs = [log(70, &["a", "c"]), log(9, &["b"])];
        assert!(prove(&sent, &[70, 9, 71], &logs, Bytes::clone).is_ok());
        let error = prove(&sent, &[0, 9, 1], &logs, Bytes::clone).expect_err("acknowledged elsewhere");
        assert!(
            error
                .to_string()
                .contains("record 1 lies at offset 70 of partition 0"),
            "{error}"
        );
    }

    #[test]
    fn a_lost_record_is_named() {
        refuse(
            &[log(&["a", "c"]), log(&["b", "d"])],
            &OFFSETS,
            "partition 0 ends at offset 2: record 5 and 0 after",
        );
        refuse(
            &[log(&["a", "e"]), log(&["b", "d"])],
            &OFFSETS,
            "record 3 should be here, but a later record",
        );
        refuse(
            &[vec![], log(&["b", "d"])],
            &OFFSETS,
            "record 1 and 2 after it are missing",
        );
    }

    #[test]
    fn a_doubled_record_is_named() {
        refuse(
            &[log(&["a", "a", "c", "e"]), log(&["b", "d"])],
            &OFFSETS,
            "record 3 should be here, but an earlier",
        );
        refuse(
            &[log(&["a", "c", "e", "e"]), log(&["b", "d"])],
            &OFFSETS,
            "partition 0, offset 3: a record that was never",
        );
    }

    #[test]
    fn a_changed_record_is_named() {
        refuse(
            &[log(&["a", "x", "e"]), log(&["b", "d"])],
            &OFFSETS,
            "record 3 should be here, but its bytes differ",
        );
    }

    #[test]
    fn a_wrong_acknowledgement_is_named() {
        refuse(
            &[log(&["a", "c", "e"]), log(&["b", "d"])],
            &[0, 0, 1, 7, 2],
            "record 4 lies at offset 1 of partition 1",
        );
    }

    #[test]
    fn a_batch_out_of_place_or_damaged_is_named() {
        let gap = vec![
            batch(0, &["a"], Compression::None),
            batch(2, &["c", "e"], Compression::None),
        ];
        refuse(
            &[gap, log(&["b", "d"])],
            &OFFSETS,
            "a batch begins at offset 2, after offset 1 was next",
        );
        let mut damaged = log(&["a", "c", "e"])[0].to_vec();
        *damaged.last_mut().expect("bytes") ^= 1;
        refuse(
            &[vec![Bytes::from(damaged)], log(&["b", "d"])],
            &OFFSETS,
            "the batch cannot be read",
        );
    }
}
