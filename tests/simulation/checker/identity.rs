//! S4w: on the wire a record keeps its producer id, epoch and sequence, and its batch its bytes.

use std::collections::BTreeMap;

use super::{Facts, Verdict, Violation};
use crate::history::{Event, Identity, Sid, Tp};

/// S4w: a record is stamped anew only when no attempt under its old stamp is in doubt; the same
/// range of sequences under one identity always carries the same bytes.
pub(super) fn a_record_keeps_its_place(facts: &Facts<'_>) -> Verdict {
    if !facts.history.rules.idempotent {
        return Ok(0);
    }
    let mut judged = 0;
    let mut bytes: BTreeMap<(&Tp, Identity, i32, i32), (usize, u64)> = BTreeMap::new();
    let mut places: BTreeMap<Sid, (usize, Identity, i32)> = BTreeMap::new();
    for (at, entry) in facts.history.entries.iter().enumerate() {
        let Event::Sent { batches, .. } = &entry.event else {
            continue;
        };
        for batch in batches {
            let range = (&batch.tp, batch.identity, batch.base_sequence, batch.count());
            judged += 1;
            if let Some((first, before)) = bytes.insert(range, (at, batch.bytes))
                && before != batch.bytes
            {
                return Err(Violation::new(
                    format!("a retry of {range:?} has other bytes"),
                    [first, at],
                ));
            }
            for (nth, sid) in batch.sids().enumerate() {
                let nth = i32::try_from(nth).expect("a batch's count is an i32");
                let place = (at, batch.identity, advance(batch.base_sequence, nth));
                let Some(old) = places.insert(sid, place) else {
                    continue;
                };
                if (old.1, old.2) == (place.1, place.2) {
                    continue;
                }
                if let Some(doubt) = attempt_in_doubt(facts, sid, at) {
                    return Err(Violation::new(
                        format!(
                            "record {sid} moved from {:?} seq {} to {:?} seq {} with an attempt in doubt",
                            old.1, old.2, place.1, place.2
                        ),
                        [old.0, doubt, at],
                    ));
                }
            }
        }
    }
    Ok(judged)
}

/// An attempt sent before event `at` that may still be, or come to be, in the log.
fn attempt_in_doubt(facts: &Facts<'_>, sid: Sid, at: usize) -> Option<usize> {
    let attempts = facts.sends.get(&sid)?.attempts.iter();
    attempts
        .map(|attempt| (&facts.frames[&attempt.frame], attempt.batch))
        .take_while(|(frame, _)| frame.sent < at)
        .find(|(frame, batch)| frame.in_doubt(&frame.batches[*batch].tp, facts.history.rules.acks, at))
        .map(|(frame, _)| frame.sent)
}

/// The sequence `by` records after `sequence`: modulo 2^31, as Kafka wraps.
pub(crate) fn advance(sequence: i32, by: i32) -> i32 {
    let sum = (i64::from(sequence) + i64::from(by)) % (1 << 31);
    i32::try_from(sum).expect("below 2^31")
}
