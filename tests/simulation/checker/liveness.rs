//! T1, T2, T3, T5, R3: in time, not too early, and without haste.

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, Verdict, Violation, is_success};
use crate::history::{Class, Event, Outcome, Sid, Tp, Why};

/// T1: an accepted record is resolved within `delivery.timeout.ms`; T5: close returns within the
/// time it was given.
pub(super) fn nothing_outlives_its_deadline(facts: &Facts<'_>) -> Verdict {
    let rules = &facts.history.rules;
    let mut judged = 0;
    for (sid, send) in &facts.sends {
        let Some((accepted, _)) = send.accepted else {
            continue;
        };
        for (at, _) in &send.resolved {
            judged += 1;
            let took = facts.at(*at) - facts.at(accepted);
            if took > rules.delivery_timeout + rules.grace {
                return Err(Violation::new(
                    format!("record {sid} was resolved after {took:?}"),
                    [accepted, *at],
                ));
            }
        }
    }
    let mut closing = None;
    for (at, entry) in facts.history.entries.iter().enumerate() {
        match (&entry.event, closing) {
            (Event::CloseInvoked { within }, _) => closing = Some((at, *within)),
            (Event::CloseReturned, Some((invoked, within))) => {
                judged += 1;
                let took = entry.at - facts.at(invoked);
                if took > within + rules.grace {
                    return Err(Violation::new(
                        format!("close took {took:?} instead of {within:?}"),
                        [invoked, at],
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(judged)
}

/// T2: no record expires before `delivery.timeout.ms`, counted from the first record of its batch:
/// whenever one expires, a record that was first sent in the same batch has waited that long; if it
/// never was on the wire, some unresolved record of its partition.
pub(super) fn nothing_expires_early(facts: &Facts<'_>) -> Verdict {
    let rules = &facts.history.rules;
    let mut judged = 0;
    for (sid, send) in &facts.sends {
        let Some((accepted, tp)) = send.accepted else {
            continue;
        };
        for (at, outcome) in &send.resolved {
            if !matches!(
                outcome,
                Outcome::Failed {
                    why: Why::Expired,
                    ..
                }
            ) {
                continue;
            }
            judged += 1;
            let now = facts.at(*at);
            let mates = send.attempts.first().map(|attempt| {
                let batch = &facts.frames[&attempt.frame].batches[attempt.batch];
                batch.sids().collect::<BTreeSet<_>>()
            });
            let due = facts.sends.iter().any(|(mate, other)| {
                let may_share = match &mates {
                    Some(mates) => mates.contains(mate),
                    None => other
                        .resolved
                        .first()
                        .is_none_or(|(resolved, _)| facts.at(*resolved) >= now),
                };
                may_share
                    && other.accepted.is_some_and(|(since, bound)| {
                        bound == tp && facts.at(since) + rules.delivery_timeout <= now + rules.grace
                    })
            });
            if !due {
                let waited = now - facts.at(accepted);
                return Err(Violation::new(
                    format!("record {sid} expired after only {waited:?}"),
                    [accepted, *at],
                ));
            }
        }
    }
    Ok(judged)
}

/// T3: once the cluster is well and `recovery` has passed, nothing fails but by the application's
/// own close.
pub(super) fn a_healed_cluster_delivers(facts: &Facts<'_>) -> Verdict {
    let Some(recovery) = facts.history.rules.recovery else {
        return Ok(0);
    };
    let Some(healed) = facts
        .history
        .entries
        .iter()
        .position(|entry| entry.event == Event::Healed)
    else {
        return Ok(0);
    };
    let well = facts.at(healed) + recovery;
    let mut judged = 0;
    for (sid, send) in &facts.sends {
        let Some((accepted, _)) = send.accepted else {
            continue;
        };
        for (at, outcome) in &send.resolved {
            judged += 1;
            let late = facts.at(*at) > well;
            if let Outcome::Failed {
                class: Class::NotWritten | Class::PossiblyWritten,
                why,
                ..
            } = outcome
                && late
                && *why != Why::Closed
            {
                return Err(Violation::new(
                    format!(
                        "record {sid} failed {:?} after the cluster was well again",
                        facts.at(*at) - facts.at(healed)
                    ),
                    [healed, accepted, *at],
                ));
            }
        }
    }
    Ok(judged)
}

/// R3: a batch that a broker refused for now is not sent to that broker again before four fifths of
/// `retry.backoff.ms`, unless the leader has moved or the partition has acknowledged another batch
/// meanwhile.
pub(super) fn a_refused_batch_backs_off(facts: &Facts<'_>) -> Verdict {
    let pause = facts.history.rules.retry_backoff * 4 / 5;
    let mut judged = 0;
    let mut refused: BTreeMap<(&Tp, Sid), (usize, i32)> = BTreeMap::new();
    let mut moved: BTreeMap<&Tp, usize> = BTreeMap::new();
    for (at, entry) in facts.history.entries.iter().enumerate() {
        match &entry.event {
            Event::Answered { frame, codes } => {
                let frame = &facts.frames[frame];
                for batch in frame.batches {
                    let code = codes
                        .iter()
                        .find(|(tp, _)| *tp == batch.tp)
                        .map(|&(_, code)| code);
                    let Some(first) = batch.sids().next() else {
                        continue;
                    };
                    match code {
                        Some(code) if is_success(code) => refused.retain(|(tp, _), _| **tp != batch.tp),
                        Some(code)
                            if is_a_pause(code)
                                && moved.get(&batch.tp).is_none_or(|moved| *moved < frame.sent) =>
                        {
                            refused.insert((&batch.tp, first), (at, frame.broker));
                        }
                        _ => {
                            refused.remove(&(&batch.tp, first));
                        }
                    }
                }
            }
            Event::LeaderMoved { tp, .. } => {
                moved.insert(tp, at);
                refused.retain(|(refused, _), _| *refused != tp);
            }
            Event::Sent { broker, batches, .. } => {
                for batch in batches {
                    let Some(first) = batch.sids().next() else {
                        continue;
                    };
                    let Some((answered, by)) = refused.remove(&(&batch.tp, first)) else {
                        continue;
                    };
                    judged += 1;
                    let waited = entry.at - facts.at(answered);
                    if by == *broker && waited < pause {
                        return Err(Violation::new(
                            format!(
                                "{:?} was sent again to broker {broker} {waited:?} after it was refused",
                                batch.tp
                            ),
                            [answered, at],
                        ));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(judged)
}

/// The codes that say: later, the same.
fn is_a_pause(code: i16) -> bool {
    matches!(code, 3 | 5 | 6 | 7 | 13 | 19 | 20 | 56)
}
