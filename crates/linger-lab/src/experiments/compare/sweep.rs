//! The compression ratio at other batch sizes, without a broker.
//!
//! The two runs show two batch sizes. Other sizes need no sending: the producer's batch builder
//! puts the records of each partition into batches of that size, and the producer's codecs encode
//! them.

use linger_protocol::records::{BatchBuilder, Compression, HEADER_SIZE, Record, Scratch};
use serde::Serialize;

use crate::workload::pace::due;
use crate::workload::records::Records;

/// The largest number of encoded bytes, from the start of the input. The slowest levels take a
/// second per megabyte at each size.
const SAMPLE_BYTES_MAX: usize = 4 << 20;

/// The smallest `batch.size` after one record per batch.
const BATCH_SIZE_MIN: usize = 1 << 10;

/// The largest `batch.size`.
const BATCH_SIZE_MAX: usize = 1 << 20;

/// The timestamp of the first record, in ms since 1970.
const START: i64 = 1_700_000_000_000;

/// The encoded size of the records at each batch size, in each codec.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sweep {
    /// Encoded records: all, or the first 4 MiB of them.
    pub records: u64,
    /// Bytes of those records, without separators.
    pub bytes: u64,
    /// Whether some of the sent records were not encoded.
    pub is_sample: bool,
    /// The batch sizes, ascending. 0 means one record per batch.
    pub batch_sizes: Vec<usize>,
    /// One curve per codec, in the order of the runs.
    pub codecs: Vec<Curve>,
}

/// One codec at each batch size.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// The codec's name, with the level if it is not the default.
    pub codec: String,
    /// One point per batch size.
    pub points: Vec<Point>,
}

/// One codec at one batch size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Number of batches.
    pub batches: u64,
    /// Bytes of the batches: headers and encoded records, without requests.
    pub batch_bytes: u64,
    /// Bytes of the records, divided by bytes of the batches.
    pub ratio_to_input: f64,
}

/// Encodes the records in every codec, at every batch size that a partition can fill. The records
/// have the timestamps of `rate` records per second.
pub(crate) fn sweep(records: &Records, partitions: usize, rate: u64, codecs: &[Compression]) -> Sweep {
    let count = sample(records);
    let bytes: usize = records.iter().take(count).map(<[u8]>::len).sum();
    let batch_sizes = batch_sizes(bytes / partitions);
    let mut scratch = Scratch::new();
    let mut curve = |&codec: &Compression| {
        let point = |&batch_size: &usize| {
            let (mut batches, mut batch_bytes) = (0, 0);
            for partition in 0..partitions {
                let own = (partition..count).step_by(partitions).map(|index| {
                    (
                        START + due(index as u64, rate).as_millis() as i64,
                        records.get(index),
                    )
                });
                encode(own, batch_size, codec, &mut scratch, |size| {
                    batches += 1;
                    batch_bytes += size as u64;
                });
            }
            Point {
                batches,
                batch_bytes,
                ratio_to_input: bytes as f64 / batch_bytes as f64,
            }
        };
        Curve {
            codec: codec.to_string(),
            points: batch_sizes.iter().map(point).collect(),
        }
    };
    Sweep {
        records: count as u64,
        bytes: bytes as u64,
        is_sample: count < records.len(),
        codecs: codecs.iter().map(&mut curve).collect(),
        batch_sizes,
    }
}

/// How many of the first records have at most [`SAMPLE_BYTES_MAX`]; at least one.
fn sample(records: &Records) -> usize {
    let mut bytes = 0;
    let fits = |record: &&[u8]| {
        bytes += record.len();
        bytes <= SAMPLE_BYTES_MAX
    };
    records.iter().take_while(fits).count().max(1)
}

/// One record per batch, then doubling sizes up to the bytes of a partition.
fn batch_sizes(bytes_of_partition: usize) -> Vec<usize> {
    let doubling = std::iter::successors(Some(BATCH_SIZE_MIN), |size| Some(size * 2));
    let last = BATCH_SIZE_MAX.min(bytes_of_partition);
    std::iter::once(0)
        .chain(doubling.take_while(|size| *size <= last))
        .collect()
}

/// Puts records into batches of at most `batch_size` bytes before compression, header included,
/// with at least one record each. Passes the encoded size of each batch to `encoded`.
fn encode<'a>(
    records: impl Iterator<Item = (i64, &'a [u8])>,
    batch_size: usize,
    codec: Compression,
    scratch: &mut Scratch,
    mut encoded: impl FnMut(usize),
) {
    let mut close = |builder: BatchBuilder| {
        let batch = builder.close().encode(codec, scratch);
        encoded(batch.size());
    };
    let mut open = BatchBuilder::new(Vec::new());
    for (timestamp, value) in records {
        let record = Record {
            value: Some(value),
            ..Record::default()
        };
        if !open.is_empty() && HEADER_SIZE + open.len() + open.next_size(&record, timestamp) > batch_size {
            close(std::mem::replace(&mut open, BatchBuilder::new(Vec::new())));
        }
        open.append(&record, timestamp);
    }
    if !open.is_empty() {
        close(open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::generator::generate;

    #[test]
    fn one_record_per_batch_costs_a_header_each_and_larger_batches_cost_less() {
        let records = generate(600, 1);
        let sweep = sweep(&records, 2, 3000, &Compression::ALL);
        assert_eq!((sweep.records, sweep.bytes), (600, records.size() as u64));
        assert_eq!(sweep.batch_sizes[..3], [0, 1024, 2048]);
        assert!(*sweep.batch_sizes.last().expect("some") <= records.size() / 2);
        for curve in &sweep.codecs {
            assert_eq!(curve.points.len(), sweep.batch_sizes.len());
            assert_eq!(curve.points[0].batches, 600, "{}", curve.codec);
            let batches = curve.points.iter().map(|point| point.batches);
            assert!(batches.is_sorted_by(|small, large| small > large), "{curve:?}");
            // Half a header and more is saved for each record, whatever the codec.
            let saved = curve.points[0].batch_bytes - curve.points.last().expect("some").batch_bytes;
            assert!(saved > 600 * HEADER_SIZE as u64 / 2, "{curve:?}");
        }
        let none = &sweep.codecs[0].points[0];
        assert!(none.batch_bytes > records.size() as u64 + 600 * HEADER_SIZE as u64);
    }

    #[test]
    fn batches_keep_to_their_size_header_and_all() {
        let (values, mut sizes) = (vec![[b'x'; 100]; 50], Vec::new());
        let records = values.iter().map(|value| (START, &value[..]));
        encode(records, 1000, Compression::None, &mut Scratch::new(), |size| {
            sizes.push(size)
        });
        let (last, full) = sizes.split_last().expect("batches");
        // A record of 100 bytes takes 108 or 109: eight of them and a header stay below 1,000, nine
        // do not.
        assert!(
            full.iter().all(|size| (892..=1000).contains(size)) && *last <= 1000,
            "{sizes:?}"
        );
        assert_eq!(sizes.len(), 50_usize.div_ceil(8));
    }

    #[test]
    fn a_large_input_is_sampled_and_a_tiny_one_is_not_cut_to_nothing() {
        let mut records = Records::default();
        (0..9).for_each(|_| records.push(&vec![b'x'; 1 << 19]));
        let large = sweep(&records, 1, 1000, &[Compression::None]);
        assert_eq!((large.records, large.is_sample), (8, true));
        let mut records = Records::default();
        records.push(&vec![b'x'; SAMPLE_BYTES_MAX + 1]);
        assert_eq!(sweep(&records, 1, 1000, &[Compression::None]).records, 1);
    }
}
