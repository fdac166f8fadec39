//! What follows from the records and the options before the first record is sent.

use std::time::Duration;

use linger_protocol::records::HEADER_SIZE;

use super::options::{LINGER_MAX, Options};
use crate::units::{bytes, count, duration};
use crate::workload::pace::due;
use crate::workload::records::Records;

/// About what a record without a key adds to its value: lengths and deltas of two bytes each.
const RECORD_OVERHEAD_USUAL: usize = 9;

/// The least number of records that a full batch must have room for, on average: twice what a batch
/// of the run with `linger=0` may have.
const RECORDS_PER_BATCH_MIN: usize = 4;

/// The default `linger`, as a multiple of the time that a batch takes to fill. Records differ in
/// size and arrive unevenly. A longer `linger` costs nothing, since a full batch leaves at once.
const FILL_TIMES_WAITED: u32 = 4;

/// Time added to the default `linger`, for delays of the scheduler.
const LINGER_SLACK: Duration = Duration::from_millis(100);

/// The plan of the runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// `linger` of the full run.
    pub(crate) linger: Duration,
    /// The time that a batch takes to fill.
    pub(crate) fill_time: Duration,
    /// The time that the records of one run take to arrive.
    pub(crate) run_time: Duration,
}

/// Why the experiment would have no result.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum PlanError {
    #[error(
        "the input is too small to fill a batch: {records} records with {size} over {partitions} partitions \
         give each {per_partition}, and a batch holds {batch_size}; at least {needed} of such records are \
         needed (raise --limit, or take fewer --partitions or a smaller --batch-size)",
        records = count(*.records as u64), size = bytes(*.size as u64), per_partition = bytes(*.per_partition as u64),
        batch_size = bytes(*.batch_size as u64), needed = count(*.needed as u64)
    )]
    TooSmall {
        records: usize,
        size: usize,
        partitions: usize,
        per_partition: usize,
        batch_size: usize,
        needed: usize,
    },
    #[error(
        "the records have {record_size} on average, so that a full batch of {batch_size} holds about \
         {per_batch}, hardly more than with linger=0: take a --batch-size of at least {needed}",
        batch_size = bytes(*.batch_size as u64), record_size = bytes(*.record_size as u64),
        needed = bytes((*.record_size * RECORDS_PER_BATCH_MIN) as u64)
    )]
    BatchTooSmall {
        batch_size: usize,
        per_batch: usize,
        record_size: usize,
    },
    #[error(
        "at {rate} records/s a batch of {batch_size} takes {fill_time} to fill in each of {partitions} \
         partitions, and --linger may be at most {linger_max}: raise --rate, or take fewer --partitions or \
         a smaller --batch-size",
        rate = count(*.rate), batch_size = bytes(*.batch_size as u64), fill_time = duration(*.fill_time),
        linger_max = duration(LINGER_MAX)
    )]
    TooSlow {
        rate: u64,
        batch_size: usize,
        fill_time: Duration,
        partitions: usize,
    },
}

/// Computes the plan.
pub(crate) fn plan(records: &Records, options: &Options) -> Result<Plan, PlanError> {
    let (partitions, batch_size) = (options.partitions as usize, options.batch_size);
    let mut sizes = vec![0; partitions];
    for (index, record) in records.iter().enumerate() {
        sizes[index % partitions] += record.len() + RECORD_OVERHEAD_USUAL;
    }
    // One batch must be full and another one must follow it: the last batch of a partition does not
    // count.
    let per_partition = sizes.into_iter().max().unwrap_or(0);
    let record_size_mean = records.size() / records.len() + RECORD_OVERHEAD_USUAL;
    if per_partition <= batch_size - HEADER_SIZE.min(batch_size) {
        return Err(PlanError::TooSmall {
            records: records.len(),
            size: records.size(),
            partitions,
            per_partition,
            batch_size,
            needed: (batch_size / record_size_mean + 2) * partitions,
        });
    }
    if batch_size < record_size_mean * RECORDS_PER_BATCH_MIN {
        let per_batch = (batch_size / record_size_mean).max(1);
        return Err(PlanError::BatchTooSmall {
            batch_size,
            per_batch,
            record_size: record_size_mean,
        });
    }
    let fill_time = fill_time(record_size_mean, options);
    let linger = match options.linger {
        Some(linger) => linger,
        None if fill_time > LINGER_MAX => {
            return Err(PlanError::TooSlow {
                rate: options.rate,
                batch_size,
                fill_time,
                partitions,
            });
        }
        None => (fill_time * FILL_TIMES_WAITED + LINGER_SLACK).min(LINGER_MAX),
    };
    let run_time = due(records.len() as u64, options.rate);
    Ok(Plan {
        linger,
        fill_time,
        run_time,
    })
}

fn fill_time(record_size_mean: usize, options: &Options) -> Duration {
    let records_needed = options.batch_size.div_ceil(record_size_mean);
    due(
        records_needed as u64 * u64::from(options.partitions),
        options.rate,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(count: usize, size: usize) -> Records {
        let mut records = Records::default();
        (0..count).for_each(|_| records.push(&vec![b'x'; size]));
        records
    }

    fn options() -> Options {
        Options {
            partitions: 4,
            batch_size: 16_384,
            rate: 1000,
            linger: None,
            ..Options::default()
        }
    }

    #[test]
    fn an_input_that_fills_no_batch_is_refused_with_what_is_needed() {
        let error = plan(&records(40, 391), &options()).expect_err("too small");
        let PlanError::TooSmall { needed, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(needed, (16_384 / 400 + 2) * 4);
        assert!(
            plan(&records(needed, 391), &options()).is_ok(),
            "what is said to be needed is enough"
        );
        assert!(error.to_string().contains("too small to fill a batch"), "{error}");
    }

    #[test]
    fn the_full_run_waits_longer_than_a_batch_takes_to_fill() {
        let plan = plan(&records(4000, 391), &options()).expect("large enough");
        assert_eq!(plan.fill_time, Duration::from_millis(41 * 4));
        assert_eq!(plan.linger, plan.fill_time * 4 + Duration::from_millis(100));
        assert_eq!(plan.run_time, Duration::from_secs(4));
    }

    #[test]
    fn a_given_linger_is_kept() {
        let options = Options {
            linger: Some(Duration::from_millis(7)),
            ..options()
        };
        assert_eq!(
            plan(&records(4000, 391), &options).expect("ok").linger,
            Duration::from_millis(7)
        );
    }

    #[test]
    fn a_batch_that_holds_no_more_than_linger_0_sends_is_refused() {
        let error = plan(
            &records(4000, 391),
            &Options {
                batch_size: 1599,
                ..options()
            },
        )
        .expect_err("too small");
        assert!(
            error.to_string().contains("--batch-size of at least 1,600 bytes"),
            "{error}"
        );
        assert!(
            plan(
                &records(4000, 391),
                &Options {
                    batch_size: 1600,
                    ..options()
                }
            )
            .is_ok()
        );
    }

    #[test]
    fn a_rate_that_cannot_fill_a_batch_in_time_is_refused() {
        let error = plan(&records(4000, 391), &Options { rate: 1, ..options() }).expect_err("too slow");
        assert!(error.to_string().contains("raise --rate"), "{error}");
    }
}
