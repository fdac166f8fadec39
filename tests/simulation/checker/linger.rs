//! T4: no batch stays with the producer beyond its linger, however long or short that is, and
//! however it changes while the batch is open.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Facts, Frame, Verdict, Violation, is_success};
use crate::history::{Event, Sid, Tp, WireBatch};

/// T4: a batch is sent by the end of its linger, counted from its first record, if nothing keeps
/// it: its connection has carried an answer before, nothing is in flight to its broker when the
/// linger ends, and nothing has gone wrong so far.
pub(super) fn no_batch_outstays_its_linger(facts: &Facts<'_>) -> Verdict {
    let Some(linger) = facts.history.rules.linger else {
        return Ok(0);
    };
    let lingers = Lingers::of(facts, linger);
    let calm_until = first_trouble(facts);
    let mut seen = BTreeSet::new();
    let mut judged = 0;
    for frame in facts.frames.values().filter(|frame| frame.sent < calm_until) {
        for batch in frame.batches {
            let Some(first) = batch.sids().next().filter(|first| seen.insert(*first)) else {
                continue;
            };
            let Some((opened, due)) = due(facts, &lingers, first) else {
                continue;
            };
            if !could_leave(facts, frame, batch, due) {
                continue;
            }
            judged += 1;
            let sent = facts.at(frame.sent);
            if sent > due + facts.history.rules.grace {
                return Err(Violation::new(
                    format!(
                        "{:?}: a batch stayed {:?} beyond its linger",
                        batch.tp,
                        sent - due
                    ),
                    [opened, frame.sent],
                ));
            }
        }
    }
    Ok(judged)
}

/// The lingers of a run: for each partition, from when on which one counts.
struct Lingers<'h> {
    first: Duration,
    changes: BTreeMap<&'h Tp, Vec<(Duration, Duration)>>,
}

impl<'h> Lingers<'h> {
    fn of(facts: &Facts<'h>, first: Duration) -> Self {
        let mut changes: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for entry in &facts.history.entries {
            if let Event::LingerChanged { tp, linger } = &entry.event {
                changes.entry(tp).or_default().push((entry.at, *linger));
            }
        }
        Self { first, changes }
    }

    /// When the linger of a batch ends that a partition opened at `opened`: the first time at which
    /// it is older than the linger that counts then. What counted for less than `grace` may
    /// have gone unseen.
    fn end(&self, tp: &Tp, opened: Duration, grace: Duration) -> Duration {
        let changes = self.changes.get(tp).map_or(&[][..], Vec::as_slice);
        let counts = changes.iter().rev().find(|(at, _)| *at <= opened);
        let mut end = opened + counts.map_or(self.first, |(_, linger)| *linger);
        for (at, linger) in changes.iter().filter(|(at, _)| *at > opened) {
            if end + grace <= *at {
                break;
            }
            end = (opened + *linger).max(*at);
        }
        end
    }
}

/// When the batch of this first record was opened, and when its linger ends.
fn due(facts: &Facts<'_>, lingers: &Lingers<'_>, first: Sid) -> Option<(usize, Duration)> {
    let (opened, tp) = facts.sends.get(&first)?.accepted?;
    Some((
        opened,
        lingers.end(tp, facts.at(opened), facts.history.rules.grace),
    ))
}

/// Returns true if nothing kept a batch from leaving at `due` by the frame in which it left.
fn could_leave(facts: &Facts<'_>, frame: &Frame<'_>, batch: &WireBatch, due: Duration) -> bool {
    let entries = &facts.history.entries;
    let at = entries.partition_point(|entry| entry.at <= due).min(frame.sent);
    let is_answered = |other: &Frame<'_>| other.answered.is_some_and(|(answered, _)| answered < at);
    let mut others = facts.frames.values();
    let is_warm = others.any(|other| {
        other.connection == frame.connection
            && is_answered(other)
            && other.batches.iter().any(|earlier| earlier.tp == batch.tp)
    });
    let mut others = facts.frames.values();
    is_warm && !others.any(|other| other.broker == frame.broker && other.in_flight(at))
}

/// The first event after which a batch may have reasons to stay: the loss of a connection that
/// carried batches, a moved leader, a refusal.
fn first_trouble(facts: &Facts<'_>) -> usize {
    let carried: BTreeSet<_> = facts.frames.values().map(|frame| frame.connection).collect();
    let is_trouble = |event: &Event| match event {
        Event::Ended { connection } => carried.contains(connection),
        Event::LeaderMoved { .. } | Event::Truncated { .. } => true,
        Event::Answered { codes, .. } => codes.iter().any(|(_, code)| !is_success(*code)),
        _ => false,
    };
    let mut entries = facts.history.entries.iter();
    let first = entries.position(|entry| is_trouble(&entry.event));
    first.unwrap_or(facts.history.entries.len())
}
