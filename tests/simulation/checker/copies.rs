//! S4: no record is doubled.

use super::{Facts, Verdict, Violation, is_success};

/// S4: an idempotent producer's record is appended at most once, whatever became of it; without
/// idempotence at most once more per attempt whose outcome was unknown. An append that was lost
/// with its leader is no copy.
pub(super) fn no_record_is_doubled(facts: &Facts<'_>) -> Verdict {
    let rules = &facts.history.rules;
    let mut judged = 0;
    for (sid, send) in &facts.sends {
        if send.copies.is_empty() {
            continue;
        }
        judged += 1;
        let limit = if rules.idempotent {
            1
        } else {
            let unknown = send.attempts.iter().filter(|attempt| {
                let frame = &facts.frames[&attempt.frame];
                let tp = &frame.batches[attempt.batch].tp;
                match frame.code(tp) {
                    Some((_, code)) => !is_success(code) && super::leaves_doubt(code, rules.acks),
                    None => frame.written.is_some(),
                }
            });
            1 + unknown.count()
        };
        if send.copies.len() > limit {
            let places: Vec<_> = send.copies.iter().map(|(_, tp, offset)| (tp, offset)).collect();
            let sent = send
                .attempts
                .iter()
                .map(|attempt| facts.frames[&attempt.frame].sent);
            return Err(Violation::new(
                format!(
                    "record {sid} is {} times in the log ({places:?}), at most {limit} allowed",
                    places.len()
                ),
                sent.chain(send.copies.iter().map(|(at, ..)| *at)),
            ));
        }
    }
    Ok(judged)
}
