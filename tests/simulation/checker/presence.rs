//! S1, S2, S3: the log holds what the application was told.

use super::{Facts, Verdict, Violation};
use crate::history::{Class, Outcome, Why};

/// S1: `Ok` at an offset means that this record, byte for byte, is in the final log there.
pub(super) fn acknowledged_is_present(facts: &Facts<'_>) -> Verdict {
    let mut judged = 0;
    for (sid, send) in &facts.sends {
        for (at, outcome) in &send.resolved {
            let Outcome::Ok { tp, offset, .. } = outcome else {
                continue;
            };
            judged += 1;
            let log = facts.history.logs.get(tp).map_or(&[][..], Vec::as_slice);
            let holds = |stored: &&crate::history::Stored| {
                stored
                    .record
                    .claim
                    .as_ref()
                    .is_ok_and(|claim| claim.sid == *sid && claim.run == facts.history.run)
            };
            let found = match offset {
                Some(offset) => log.iter().find(|stored| stored.offset == *offset).filter(holds),
                None if facts.history.rules.acks == 0 => continue,
                None => log.iter().find(holds),
            };
            match found {
                Some(stored) if stored.record.content == send.content => {}
                Some(_) => {
                    return Err(Violation::new(
                        format!("record {sid} is in the log of {tp:?} at {offset:?} with other bytes"),
                        [send.invoked, *at],
                    ));
                }
                None => {
                    let copies: Vec<_> = send.copies.iter().map(|(_, tp, offset)| (tp, offset)).collect();
                    return Err(Violation::new(
                        format!(
                            "record {sid} was acknowledged at {tp:?} {offset:?} and is not there; copies: {copies:?}"
                        ),
                        [send.invoked, *at],
                    ));
                }
            }
        }
    }
    Ok(judged)
}

/// S2: what was refused or failed as not written is in no log, ever, late appends included.
pub(super) fn not_written_is_absent(facts: &Facts<'_>) -> Verdict {
    let mut judged = 0;
    for (sid, send) in &facts.sends {
        let said = send.resolved.iter().find_map(|(at, outcome)| match outcome {
            Outcome::Failed {
                class: Class::NotWritten,
                ..
            } => Some(*at),
            _ => None,
        });
        let Some(said) = said.or(send.rejected) else {
            continue;
        };
        judged += 1;
        if let Some((append, tp, offset)) = send.copies.iter().chain(&send.truncated).next() {
            let attempts = send
                .attempts
                .iter()
                .map(|attempt| facts.frames[&attempt.frame].sent);
            return Err(Violation::new(
                format!("record {sid} was said not to be written, and is in {tp:?} at {offset}"),
                attempts.chain([said, *append]),
            ));
        }
    }
    Ok(judged)
}

/// S3: `PossiblyWritten` needs an attempt whose whole frame was handed over and that nothing has
/// settled since.
///
/// An answer that came after the batch had been sent again may have been ignored: that attempt
/// stays in doubt. So does one whose leader moved before it was answered: the producer then waits
/// neither for the answer nor to learn how much of the frame has left. Nor does it at the deadline
/// of a close.
pub(super) fn doubt_has_a_reason(facts: &Facts<'_>) -> Verdict {
    let mut judged = 0;
    for (sid, send) in &facts.sends {
        for (at, outcome) in &send.resolved {
            let Outcome::Failed {
                class: Class::PossiblyWritten,
                why,
                ..
            } = outcome
            else {
                continue;
            };
            judged += 1;
            let doubtful = send.attempts.iter().enumerate().any(|(nth, attempt)| {
                let frame = &facts.frames[&attempt.frame];
                let tp = &frame.batches[attempt.batch].tp;
                let sent_again = send
                    .attempts
                    .get(nth + 1)
                    .map(|next| facts.frames[&next.frame].sent);
                let out = frame.written.is_some_and(|written| written < *at);
                let settled = sent_again.map_or(*at, |again| again.min(*at));
                // The producer closes its connections right after it has resolved what is left.
                let closed_on = frame.ended.is_none_or(|ended| facts.at(ended) == facts.at(*at));
                let moves = facts.moves.get(tp).into_iter().flatten();
                let left = moves.into_iter().any(|moved| frame.in_flight(*moved));
                let begun = left || frame.code(tp).is_none() && *why == Why::Closed && closed_on;
                begun || out && frame.in_doubt(tp, facts.history.rules.acks, settled)
            });
            if !doubtful {
                let attempts = send
                    .attempts
                    .iter()
                    .map(|attempt| facts.frames[&attempt.frame].sent);
                return Err(Violation::new(
                    format!("record {sid} failed as possibly written, but no attempt of it is in doubt"),
                    attempts.chain([*at]),
                ));
            }
        }
    }
    Ok(judged)
}
