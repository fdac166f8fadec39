//! S7 and M2: everybody is told, once, and nothing is left.

use std::collections::BTreeMap;

use super::{Facts, Verdict, Violation};
use crate::history::Event;

/// S7: after close every accepted record has exactly one outcome, unless the application dropped
/// its delivery, and then none it could see; a rejected one has none. A flush returns after all
/// that was accepted before it.
pub(super) fn every_record_resolves_once(facts: &Facts<'_>) -> Verdict {
    let closed = facts
        .history
        .entries
        .iter()
        .any(|entry| entry.event == Event::CloseReturned);
    let mut judged = 0;
    for (sid, send) in &facts.sends {
        judged += 1;
        let told = send.resolved.iter().map(|(at, _)| *at);
        let due = match (send.accepted, send.rejected, send.cancelled) {
            (Some(_), None, None) => usize::from(closed),
            (Some(_), None, Some(_)) | (None, Some(_), None) => 0,
            // In flight when the history ends without a close.
            (None, None, None) if !closed => 0,
            (accepted, rejected, cancelled) => {
                let accepted = accepted.map(|(at, _)| at);
                return Err(Violation::new(
                    format!(
                        "record {sid}: accepted {accepted:?}, rejected {rejected:?}, cancelled {cancelled:?}"
                    ),
                    [send.invoked]
                        .into_iter()
                        .chain(accepted)
                        .chain(rejected)
                        .chain(cancelled),
                ));
            }
        };
        let count = send.resolved.len();
        if count > 1 || closed && count != due || !closed && send.accepted.is_none() && count > 0 {
            return Err(Violation::new(
                format!("record {sid} was resolved {count} times instead of {due}"),
                [send.invoked]
                    .into_iter()
                    .chain(send.accepted.map(|(at, _)| at))
                    .chain(told),
            ));
        }
    }
    Ok(judged + flushes(facts)?)
}

fn flushes(facts: &Facts<'_>) -> Verdict {
    let mut judged = 0;
    let mut open: BTreeMap<u64, usize> = BTreeMap::new();
    for (at, entry) in facts.history.entries.iter().enumerate() {
        match entry.event {
            Event::FlushInvoked { flush } => {
                open.insert(flush, at);
            }
            Event::FlushReturned { flush } => {
                let Some(invoked) = open.remove(&flush) else {
                    return Err(Violation::new(
                        format!("flush {flush} returned without being asked"),
                        [at],
                    ));
                };
                for (sid, send) in &facts.sends {
                    let Some((accepted, _)) = send.accepted.filter(|(accepted, _)| *accepted < invoked)
                    else {
                        continue;
                    };
                    judged += 1;
                    if send.cancelled.is_none()
                        && send.resolved.first().is_none_or(|(resolved, _)| *resolved > at)
                    {
                        return Err(Violation::new(
                            format!("flush {flush} returned before record {sid} was resolved"),
                            [accepted, invoked, at],
                        ));
                    }
                }
            }
            Event::CloseReturned => {
                if let Some((flush, invoked)) = open.first_key_value() {
                    return Err(Violation::new(
                        format!("flush {flush} never returned"),
                        [*invoked, at],
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(judged)
}

/// M2: when all is resolved, no memory is charged, no connection is open, and the producer's ledger
/// adds up.
pub(super) fn nothing_is_left_over(facts: &Facts<'_>) -> Verdict {
    let Some(residue) = &facts.history.residue else {
        return Ok(0);
    };
    let told = facts
        .sends
        .values()
        .filter(|send| send.accepted.is_some())
        .count() as u64;
    let settled = residue.acknowledged + residue.failed + residue.returned;
    let says = if residue.memory != 0 {
        format!("{} bytes are still charged", residue.memory)
    } else if residue.open_connections != 0 {
        format!("{} connections are still open", residue.open_connections)
    } else if residue.unresolved != 0 || residue.accepted != settled {
        format!("the ledger does not add up: {residue:?}")
    } else if residue.accepted != told {
        format!(
            "the ledger says {} accepted, the application {told}",
            residue.accepted
        )
    } else {
        return Ok(1);
    };
    Err(Violation::new(says, []))
}
