//! S5: order within a partition.

use std::collections::BTreeMap;

use super::{Facts, Verdict, Violation};
use crate::history::Tp;

/// S5: if one record was accepted before another was even sent, it comes first in their partition;
/// and what one task sent to a partition is there in the order it sent it. Only first copies count.
pub(super) fn order_is_kept(facts: &Facts<'_>) -> Verdict {
    if !facts.history.rules.ordered {
        return Ok(0);
    }
    let mut judged = 0;
    for (tp, log) in &facts.history.logs {
        judged += judge(facts, tp, log)?;
    }
    Ok(judged)
}

fn judge(facts: &Facts<'_>, tp: &Tp, log: &[crate::history::Stored]) -> Verdict {
    let mut judged = 0;
    let mut seen = std::collections::BTreeSet::new();
    // Of the records at lower offsets, the one that was sent last: nothing accepted before that may
    // follow.
    let mut latest: Option<(usize, u64, i64)> = None;
    let mut tasks: BTreeMap<u32, (u32, u64, i64)> = BTreeMap::new();
    for stored in log {
        let Ok(claim) = &stored.record.claim else { continue };
        let Some(send) = facts.sends.get(&claim.sid) else {
            continue;
        };
        if !seen.insert(claim.sid) {
            continue;
        }
        let Some((accepted, _)) = send.accepted else {
            continue;
        };
        judged += 1;
        if let Some((invoked, other, offset)) = latest
            && invoked > accepted
        {
            return Err(Violation::new(
                format!(
                    "in {tp:?} record {other} at {offset} precedes record {} at {}, which was accepted before it was sent",
                    claim.sid, stored.offset
                ),
                [send.invoked, accepted, invoked],
            ));
        }
        if let Some((index, other, offset)) =
            tasks.insert(claim.task, (claim.index, claim.sid, stored.offset))
            && index > claim.index
        {
            return Err(Violation::new(
                format!(
                    "in {tp:?} task {} sent record {other} (at {offset}) after record {} (at {})",
                    claim.task, claim.sid, stored.offset
                ),
                [send.invoked, accepted],
            ));
        }
        if latest.is_none_or(|(invoked, ..)| invoked < send.invoked) {
            latest = Some((send.invoked, claim.sid, stored.offset));
        }
    }
    Ok(judged)
}
