//! What the runs will look like, worked out before the first record is sent.

use std::time::Duration;

use crate::experiments::compare::options::Options;
use crate::report::format::{bytes, count, duration};
use crate::workload::input::Records;

/// Bytes of a record batch before its records.
pub(crate) const BATCH_HEADER_SIZE: usize = 61;

/// Most bytes that a batch of one record with neither key nor headers adds to the record's value: the batch's
/// header; the record's length (5), attributes (1), timestamp delta (10), offset delta (5), length of the key
/// (1), length of the value (5), count of headers (1).
pub(crate) const LONE_RECORD_OVERHEAD: usize = BATCH_HEADER_SIZE + 28;

/// What a record without a key adds to its value in the middle of a batch, about: lengths of two bytes,
/// deltas of two.
const RECORD_OVERHEAD_USUAL: usize = 9;

/// Longest `linger` of the full run, set or worked out.
pub(crate) const LINGER_MAX: Duration = Duration::from_secs(60);

/// Records that a full batch must have room for, on average: twice what the run with `linger=0` may have.
const RECORDS_PER_BATCH_MIN: usize = 4;

/// How many times the time that a batch takes to fill is waited for it, since records differ in size and
/// arrivals in time. Waiting longer costs nothing: a full batch leaves at once.
const FILL_TIMES_WAITED: u32 = 4;

/// What is waited on top of that, for a scheduler that is late.
const LINGER_SLACK: Duration = Duration::from_millis(100);

/// What follows from the records and the options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// `linger` of the full run.
    pub linger: Duration,
    /// How long a partition's batch takes to fill at the arrival rate.
    pub fill_time: Duration,
    /// How long the records of one run take to arrive.
    pub run_time: Duration,
}

/// Why the experiment would show nothing.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// No partition gets as much as one batch holds.
    #[error(
        "the input is too small to fill a batch: {records} records with {size} over {partitions} partitions \
         give each {per_partition}, and a batch holds {batch_size}; at least {needed} of such records are \
         needed (raise --limit, or take fewer --partitions or a smaller --batch-size)",
        records = count(*.records as u64), size = bytes(*.size as u64), per_partition = bytes(*.per_partition as u64),
        batch_size = bytes(*.batch_size as u64), needed = count(*.needed as u64)
    )]
    TooSmall {
        /// Records of the input.
        records: usize,
        /// Their bytes.
        size: usize,
        /// Partitions that share them.
        partitions: usize,
        /// Bytes that the fullest partition gets, as batches count them.
        per_partition: usize,
        /// `batch.size`.
        batch_size: usize,
        /// Records needed.
        needed: usize,
    },
    /// A full batch would be no larger than the batches of the run with `linger=0` may be.
    #[error(
        "the records have {record_size} on average, so that a full batch of {batch_size} holds about \
         {per_batch}, hardly more than with linger=0: take a --batch-size of at least {needed}",
        batch_size = bytes(*.batch_size as u64), record_size = bytes(*.record_size as u64),
        needed = bytes((*.record_size * RECORDS_PER_BATCH_MIN) as u64)
    )]
    BatchTooSmall {
        /// `batch.size`.
        batch_size: usize,
        /// Records in a batch of it.
        per_batch: usize,
        /// Their mean size, as batches count them.
        record_size: usize,
    },
    /// The records come so slowly that a batch would wait beyond [`LINGER_MAX`].
    #[error(
        "at {rate} records/s a batch of {batch_size} takes {fill_time} to fill in each of {partitions} \
         partitions, and --linger may be at most {linger_max}: raise --rate, or take fewer --partitions or \
         a smaller --batch-size",
        rate = count(*.rate), batch_size = bytes(*.batch_size as u64), fill_time = duration(*.fill_time),
        linger_max = duration(LINGER_MAX)
    )]
    TooSlow {
        /// Records per second over all partitions.
        rate: u64,
        /// `batch.size`.
        batch_size: usize,
        /// Time to fill one.
        fill_time: Duration,
        /// Partitions that share the records.
        partitions: usize,
    },
}

/// Works out the plan, or why there is none.
pub(crate) fn plan(records: &Records, options: &Options) -> Result<Plan, PlanError> {
    let (partitions, batch_size) = (options.partitions as usize, options.batch_size);
    let mut sizes = vec![0; partitions];
    for (index, record) in records.iter().enumerate() {
        sizes[index % partitions] += record.len() + RECORD_OVERHEAD_USUAL;
    }
    // One batch must fill, and the one after it must begin: a partition's last batch does not count.
    let per_partition = sizes.into_iter().max().unwrap_or(0);
    let record_size_mean = records.size() / records.len() + RECORD_OVERHEAD_USUAL;
    if per_partition <= batch_size - BATCH_HEADER_SIZE.min(batch_size) {
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
    let run_time = due(records.len(), options.rate);
    Ok(Plan {
        linger,
        fill_time,
        run_time,
    })
}

fn fill_time(record_size_mean: usize, options: &Options) -> Duration {
    let records_needed = options.batch_size.div_ceil(record_size_mean);
    due(records_needed * options.partitions as usize, options.rate)
}

/// When the record at `index` is due, counted from the first, if `rate` of them come per second, evenly.
pub(crate) fn due(index: usize, rate: u64) -> Duration {
    let nanos = index as u128 * 1_000_000_000 / u128::from(rate);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
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

    #[test]
    fn arrivals_do_not_drift() {
        assert_eq!(due(0, 3000), Duration::ZERO);
        assert_eq!(due(1, 3000), Duration::from_nanos(333_333));
        assert_eq!(due(3_000_000, 3000), Duration::from_secs(1000));
    }
}
