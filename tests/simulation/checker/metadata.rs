//! S8, S9, S11: what is in the log is what was sent, where it was sent, and as it was reported.

use std::collections::BTreeMap;

use super::{Facts, Verdict, Violation};
use crate::history::{Event, Outcome};

/// S8: the partition is the one the record was accepted for, the offset belongs to nobody else, and
/// the timestamp is the log's. That the offset holds this record is S1.
pub(super) fn metadata_is_the_logs(facts: &Facts<'_>) -> Verdict {
    let mut judged = 0;
    let mut owners = BTreeMap::new();
    for (sid, send) in &facts.sends {
        for (at, outcome) in &send.resolved {
            let Outcome::Ok {
                tp,
                offset,
                timestamp,
            } = outcome
            else {
                continue;
            };
            judged += 1;
            if let Some((accepted, bound)) = send.accepted
                && bound != tp
            {
                return Err(Violation::new(
                    format!("record {sid} was accepted for {bound:?} and acknowledged in {tp:?}"),
                    [accepted, *at],
                ));
            }
            let Some(offset) = offset else { continue };
            if *offset < 0 {
                return Err(Violation::new(
                    format!("record {sid} was acknowledged at offset {offset}"),
                    [*at],
                ));
            }
            if let Some((other, told)) = owners.insert((tp, *offset), (sid, *at)) {
                return Err(Violation::new(
                    format!("records {other} and {sid} were both acknowledged in {tp:?} at {offset}"),
                    [told, *at],
                ));
            }
            let log = facts.history.logs.get(tp).map_or(&[][..], Vec::as_slice);
            if let Some(stored) = log.iter().find(|stored| stored.offset == *offset)
                && stored.record.timestamp != *timestamp
            {
                return Err(Violation::new(
                    format!(
                        "record {sid} was reported with timestamp {timestamp}, the log has {}",
                        stored.record.timestamp
                    ),
                    [*at],
                ));
            }
        }
    }
    Ok(judged)
}

/// S9: a record is appended only to the topic and partition it was sent to, in every attempt.
pub(super) fn records_go_where_meant(facts: &Facts<'_>) -> Verdict {
    let mut judged = 0;
    for (sid, send) in &facts.sends {
        let on_the_wire = send.attempts.iter().map(|attempt| {
            let frame = &facts.frames[&attempt.frame];
            (frame.sent, &frame.batches[attempt.batch].tp)
        });
        let in_the_log = send.copies.iter().map(|(at, tp, _)| (*at, *tp));
        for (at, tp) in on_the_wire.chain(in_the_log) {
            judged += 1;
            let meant = send.claim.topic == tp.topic
                && send
                    .claim
                    .partition
                    .is_none_or(|partition| partition == tp.partition)
                && send.accepted.is_none_or(|(_, bound)| bound == tp);
            if !meant {
                return Err(Violation::new(
                    format!(
                        "record {sid}, sent to {} {:?}, went to {tp:?}",
                        send.claim.topic, send.claim.partition
                    ),
                    [send.invoked, at],
                ));
            }
        }
    }
    Ok(judged)
}

/// S11: everything appended was sent by this run with these bytes and this timestamp, and every
/// batch on the wire reads. A record nobody got accepted is on no wire.
pub(super) fn nothing_is_invented(facts: &Facts<'_>) -> Verdict {
    if let Some((at, record)) = facts.unexpected.first() {
        return Err(Violation::new(
            format!("a record that nobody sent was appended: {:?}", record.claim),
            [*at],
        ));
    }
    let mut judged = 0;
    for (at, entry) in facts.history.entries.iter().enumerate() {
        let records = match &entry.event {
            Event::Sent { batches, .. } => {
                let mut all = Vec::new();
                for batch in batches {
                    match &batch.records {
                        Ok(records) => all.extend(records),
                        Err(why) => {
                            return Err(Violation::new(
                                format!("a batch for {:?} does not read: {why}", batch.tp),
                                [at],
                            ));
                        }
                    }
                }
                all
            }
            Event::Appended { records, .. } => records.iter().collect(),
            _ => continue,
        };
        for record in records {
            judged += 1;
            let claim = match &record.claim {
                Ok(claim) => claim,
                Err(why) => return Err(Violation::new(format!("a record does not read: {why}"), [at])),
            };
            let Some(send) = facts
                .sends
                .get(&claim.sid)
                .filter(|_| claim.run == facts.history.run)
            else {
                return Err(Violation::new(format!("record {claim:?} was never sent"), [at]));
            };
            if *send.claim != *claim || send.content != record.content || send.timestamp != record.timestamp {
                return Err(Violation::new(
                    format!("record {} is not as it was sent: {record:?}", claim.sid),
                    [send.invoked, at],
                ));
            }
            if send.accepted.is_none_or(|(accepted, _)| accepted > at) {
                return Err(Violation::new(
                    format!("record {} was used without having been accepted", claim.sid),
                    [send.invoked, at],
                ));
            }
        }
    }
    Ok(judged)
}
