//! Whether a comparison was fair.
//!
//! The comparison is between one record per batch and full batches. If records arrive faster than
//! brokers respond, the run with `linger=0` batches too. If the batches of the full run leave
//! before they are full, the comparison shows nothing.

use std::fmt;

use serde::Serialize;

use crate::units::{count, digits};

/// The largest number of records per batch, on average, of a run with `linger=0`.
const RECORDS_PER_BATCH_MAX: f64 = 2.0;

/// The least fill of the batches of a full run, on average, as a share of `batch.size`.
const FILL_MIN: f64 = 0.8;

/// How full the batches of a run were before compression.
///
/// The last batch of each partition does not count, since the input ended before it was full. A
/// batch larger than `batch.size` counts as full, so that it does not compensate for one that left
/// early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Fill {
    /// Counted batches.
    pub batches: u64,
    /// The mean fill, 0 to 1; 0 without a batch.
    pub mean: f64,
    /// The fill of the least full batch, 0 to 1.
    pub least: f64,
}

/// Computes the fill from the uncompressed sizes of the batches of each partition, in log order.
pub(crate) fn fill<'a>(partitions: impl IntoIterator<Item = &'a [usize]>, batch_size: usize) -> Fill {
    let (mut batches, mut sum, mut least) = (0, 0.0, 1.0_f64);
    for sizes in partitions {
        for &size in sizes.split_last().map_or(&[][..], |(_, before)| before) {
            let filled = (size as f64 / batch_size as f64).min(1.0);
            batches += 1;
            sum += filled;
            least = least.min(filled);
        }
    }
    if batches == 0 {
        Fill::default()
    } else {
        Fill {
            batches,
            mean: sum / batches as f64,
            least,
        }
    }
}

/// Why a comparison was not fair, and what to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Unfair {
    /// The run with `linger=0` batched, because records waited for responses.
    Batched {
        /// The codec of the run.
        codec: String,
        /// Records per batch, on average.
        records_per_batch: f64,
        /// The rate, in records per second.
        rate: u64,
    },
    /// The batches of the full run left before they were full.
    NotFilled {
        /// The codec of the run.
        codec: String,
        /// How full the batches were.
        fill: Fill,
    },
}

impl fmt::Display for Unfair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batched {
                codec,
                records_per_batch,
                rate,
            } => {
                // A third below the rate of one record per response, since responses are uneven.
                let slower = ((*rate as f64 / records_per_batch / 1.5) as u64).max(1);
                write!(
                    f,
                    "{codec}, linger=0: {} records per batch on average, more than {RECORDS_PER_BATCH_MAX}: \
                     records came faster than the brokers answered; try --rate {slower}, a lower \
                     --ack-latency, or more --partitions",
                    digits(*records_per_batch)
                )
            }
            Self::NotFilled { codec, fill } if fill.batches == 0 => write!(
                f,
                "{codec}, full: no partition had a batch before its last one, so that none is known to have \
                 been filled; take more records (--limit) or a smaller --batch-size"
            ),
            Self::NotFilled { codec, fill } => write!(
                f,
                "{codec}, full: {} batches were {:.0} % full on average, less than {:.0} %: they left before \
                 they were full; try a longer --linger, a higher --rate, fewer --partitions, or a smaller \
                 --batch-size",
                count(fill.batches),
                (fill.mean * 100.0).floor(),
                FILL_MIN * 100.0
            ),
        }
    }
}

impl Unfair {
    fn codec(&self) -> &str {
        match self {
            Self::Batched { codec, .. } | Self::NotFilled { codec, .. } => codec,
        }
    }

    /// The distance from a fair run; comparable within one variant.
    fn severity(&self) -> f64 {
        match self {
            Self::Batched {
                records_per_batch, ..
            } => *records_per_batch,
            Self::NotFilled { fill, .. } => -fill.mean,
        }
    }
}

/// One sentence per variant of `Unfair`: the worst case, and the other codecs that it applies to.
pub fn summary(unfair: &[Unfair]) -> Vec<String> {
    let (batched, not_filled): (Vec<&Unfair>, Vec<&Unfair>) = unfair
        .iter()
        .partition(|reason| matches!(reason, Unfair::Batched { .. }));
    [batched, not_filled]
        .iter()
        .filter_map(|reasons| summary_of(reasons))
        .collect()
}

fn summary_of(reasons: &[&Unfair]) -> Option<String> {
    let worst = reasons
        .iter()
        .max_by(|a, b| a.severity().total_cmp(&b.severity()))?;
    let others = reasons
        .iter()
        .map(|reason| reason.codec())
        .filter(|codec| *codec != worst.codec());
    let others: Vec<&str> = others.collect();
    let likewise = if others.is_empty() {
        String::new()
    } else {
        format!(" (likewise {})", others.join(", "))
    };
    Some(format!("{worst}{likewise}"))
}

/// Judges the run with `linger=0`.
pub(crate) fn judge_unbatched(codec: &str, records_per_batch: f64, rate: u64) -> Option<Unfair> {
    (records_per_batch > RECORDS_PER_BATCH_MAX).then(|| Unfair::Batched {
        codec: codec.to_owned(),
        records_per_batch,
        rate,
    })
}

/// Judges the full run.
pub(crate) fn judge_full(codec: &str, fill: Fill) -> Option<Unfair> {
    (fill.mean < FILL_MIN).then(|| Unfair::NotFilled {
        codec: codec.to_owned(),
        fill,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_fill(partitions: &[&[usize]], batches: u64, mean: f64, least: f64) {
        let fill = fill(partitions.iter().copied(), 1000);
        assert_eq!(fill.batches, batches);
        assert!(
            (fill.mean - mean).abs() < 1e-9 && (fill.least - least).abs() < 1e-9,
            "{fill:?}"
        );
    }

    #[test]
    fn the_last_batch_of_each_partition_does_not_count() {
        check_fill(&[&[1000, 900, 10], &[800, 20]], 3, 0.9, 0.8);
        check_fill(&[&[1000], &[]], 0, 0.0, 0.0);
        check_fill(&[], 0, 0.0, 0.0);
    }

    #[test]
    fn an_overgrown_batch_does_not_make_up_for_an_early_one() {
        check_fill(&[&[9000, 500, 10]], 2, 0.75, 0.5);
    }

    #[test]
    fn linger_0_may_average_two_records_per_batch_and_no_more() {
        assert_eq!(judge_unbatched("lz4", 2.0, 5000), None);
        let unfair = judge_unbatched("lz4", 4.0, 6000).expect("unfair").to_string();
        assert!(
            unfair.starts_with("lz4, linger=0: 4.00 records per batch"),
            "{unfair}"
        );
        assert!(unfair.contains("--rate 1000"), "{unfair}");
    }

    #[test]
    fn the_summary_names_the_worst_and_the_others() {
        let unfair: Vec<Unfair> = [("none", 3.0), ("gzip", 6.0), ("lz4", 2.5)]
            .iter()
            .filter_map(|(codec, records)| judge_unbatched(codec, *records, 6000))
            .chain(judge_full(
                "zstd",
                Fill {
                    batches: 3,
                    mean: 0.5,
                    least: 0.4,
                },
            ))
            .collect();
        let [batched, not_filled] = &summary(&unfair)[..] else {
            panic!("two ways")
        };
        assert!(
            batched.starts_with("gzip, linger=0: 6.00") && batched.ends_with("(likewise none, lz4)"),
            "{batched}"
        );
        assert!(
            not_filled.starts_with("zstd, full") && !not_filled.contains("likewise"),
            "{not_filled}"
        );
        assert!(summary(&[]).is_empty());
    }

    #[test]
    fn full_batches_are_filled_to_four_fifths_at_least() {
        assert_eq!(
            judge_full(
                "none",
                Fill {
                    batches: 10,
                    mean: 0.8,
                    least: 0.1
                }
            ),
            None
        );
        let unfair = judge_full(
            "none",
            Fill {
                batches: 10,
                mean: 0.7999,
                least: 0.1,
            },
        )
        .expect("unfair")
        .to_string();
        assert!(
            unfair.contains("79 % full") && unfair.contains("--linger"),
            "{unfair}"
        );
        let none = judge_full("none", Fill::default()).expect("unfair").to_string();
        assert!(none.contains("--limit"), "{none}");
    }
}
