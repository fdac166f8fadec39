//! The oracle: pure functions from a [`History`] to a verdict, one per promise. Each returns how
//! many things it judged, so that a check that had nothing to judge is seen, or the first violation
//! with a minimal witness.

mod copies;
mod facts;
mod identity;
mod linger;
mod liveness;
mod metadata;
mod order;
mod presence;
mod resolution;
mod sequence;

use std::fmt;

use crate::history::History;
pub(crate) use facts::{Facts, Frame, is_success, leaves_doubt};
#[cfg(test)]
pub(crate) use identity::advance;

/// A broken promise, and the few events that prove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) check: &'static str,
    pub(crate) says: String,
    /// Indexes into the history's entries.
    pub(crate) witness: Vec<usize>,
}

impl Violation {
    fn new(says: impl Into<String>, witness: impl IntoIterator<Item = usize>) -> Self {
        Self {
            check: "",
            says: says.into(),
            witness: witness.into_iter().collect(),
        }
    }

    /// The violation with its witnesses spelled out.
    pub(crate) fn explain(&self, history: &History) -> String {
        let mut text = format!("{}: {}", self.check, self.says);
        let mut witness = self.witness.clone();
        witness.sort_unstable();
        witness.dedup();
        for index in witness {
            let entry = &history.entries[index];
            text += &format!(
                "\n    #{index} {:?} {}",
                entry.at,
                Brief(&format!("{:?}", entry.event))
            );
        }
        text
    }
}

/// A long event, cut where a person stops reading.
struct Brief<'a>(&'a str);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LIMIT: usize = 700;
        match self.0.char_indices().nth(LIMIT) {
            Some((cut, _)) => write!(f, "{} ...", &self.0[..cut]),
            None => f.write_str(self.0),
        }
    }
}

/// How many things a check judged.
type Verdict = Result<usize, Violation>;
type Check = fn(&Facts<'_>) -> Verdict;

/// Every check, by the name it has in reliability terms: S safety, T time, R restraint, M memory.
pub(crate) const CHECKS: [(&str, Check); 17] = [
    (
        "S1 what was acknowledged is in the log, exactly there",
        presence::acknowledged_is_present,
    ),
    (
        "S2 what was not written never appears",
        presence::not_written_is_absent,
    ),
    (
        "S3 possibly written is said only with a reason",
        presence::doubt_has_a_reason,
    ),
    ("S4 no record is doubled", copies::no_record_is_doubled),
    (
        "S4w a record keeps its place in the sequence",
        identity::a_record_keeps_its_place,
    ),
    ("S5 order is kept", order::order_is_kept),
    (
        "S6 sequences have no gap and no second meaning",
        sequence::sequences_are_kept,
    ),
    (
        "S7 every record resolves once",
        resolution::every_record_resolves_once,
    ),
    ("S8 metadata is the log's", metadata::metadata_is_the_logs),
    (
        "S9 records go where they were meant to",
        metadata::records_go_where_meant,
    ),
    ("S11 nothing is invented", metadata::nothing_is_invented),
    (
        "T1 nothing outlives its deadline",
        liveness::nothing_outlives_its_deadline,
    ),
    ("T2 nothing expires early", liveness::nothing_expires_early),
    (
        "T3 a healed cluster delivers",
        liveness::a_healed_cluster_delivers,
    ),
    (
        "T4 no batch outstays its linger",
        linger::no_batch_outstays_its_linger,
    ),
    (
        "R3 a refused batch backs off",
        liveness::a_refused_batch_backs_off,
    ),
    ("M2 nothing is left over", resolution::nothing_is_left_over),
];

/// Judges a whole run: how much each check judged, in the order of [`CHECKS`], and every broken
/// promise.
pub(crate) fn check(history: &History) -> (Vec<usize>, Vec<Violation>) {
    let facts = Facts::of(history);
    let mut judged = Vec::with_capacity(CHECKS.len());
    let mut violations = Vec::new();
    for (name, check) in CHECKS {
        match check(&facts) {
            Ok(count) => judged.push(count),
            Err(violation) => {
                judged.push(1);
                violations.push(Violation {
                    check: name,
                    ..violation
                });
            }
        }
    }
    (judged, violations)
}
