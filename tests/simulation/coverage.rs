//! What runs exercised, counted from their histories: a fault that never fired, or fired without
//! effect, proves nothing, so every scenario says what must have happened and how often.

use std::collections::{BTreeMap, BTreeSet};

use crate::checker::{Facts, Frame, is_success};
use crate::history::{Class, Event, History, Identity, Outcome, Tp, Why};

/// Counts by name, over many runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    runs: u64,
    counts: BTreeMap<String, Count>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    total: u64,
    /// Runs in which it happened at all.
    runs: u64,
}

impl Coverage {
    /// Counts one run's happenings.
    pub(crate) fn of(history: &History) -> Self {
        let mut run = Run {
            facts: Facts::of(history),
            counts: BTreeMap::new(),
        };
        run.records();
        run.frames();
        run.brokers();
        run.lingers();
        let mut coverage = Self {
            runs: 1,
            counts: BTreeMap::new(),
        };
        for (name, total) in run.counts {
            coverage.add(&name, total);
        }
        coverage
    }

    /// Adds a count that is not in the history.
    pub(crate) fn add(&mut self, name: &str, total: u64) {
        if total > 0 {
            self.counts.insert(name.to_owned(), Count { total, runs: 1 });
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.runs += other.runs;
        for (name, count) in other.counts {
            let sum = self.counts.entry(name).or_default();
            sum.total += count.total;
            sum.runs += count.runs;
        }
    }

    /// In how many of a hundred runs it happened.
    pub(crate) fn percent(&self, name: &str) -> u64 {
        self.counts
            .get(name)
            .map_or(0, |count| count.runs * 100 / self.runs.max(1))
    }

    pub(crate) fn table(&self) -> String {
        let mut text = format!("{} runs\n", self.runs);
        for (name, count) in &self.counts {
            text += &format!("  {name:<44} {:>8} in {:>5} runs\n", count.total, count.runs);
        }
        text
    }
}

struct Run<'h> {
    facts: Facts<'h>,
    counts: BTreeMap<String, u64>,
}

impl Run<'_> {
    fn count(&mut self, name: impl Into<String>, by: usize) {
        *self.counts.entry(name.into()).or_default() += by as u64;
    }

    fn records(&mut self) {
        let mut names = Vec::new();
        for send in self.facts.sends.values() {
            names.push("records");
            names.extend(send.rejected.map(|_| "rejected records"));
            names.extend(send.cancelled.map(|_| "cancelled deliveries"));
            for (_, outcome) in &send.resolved {
                names.push(match outcome {
                    Outcome::Ok { .. } => "acknowledged records",
                    Outcome::Failed {
                        class: Class::NotWritten,
                        ..
                    } => "records not written",
                    Outcome::Failed {
                        class: Class::PossiblyWritten,
                        ..
                    } if send.copies.is_empty() => "records possibly written, and absent",
                    Outcome::Failed {
                        class: Class::PossiblyWritten,
                        ..
                    } => "records possibly written, and present",
                });
                match outcome {
                    Outcome::Failed {
                        why: Why::Expired, ..
                    } => names.push("expired records"),
                    Outcome::Failed { why: Why::Closed, .. } => names.push("records failed by close"),
                    Outcome::Ok { .. } | Outcome::Failed { why: Why::Other, .. } => {}
                }
            }
            let last = send
                .attempts
                .last()
                .map(|attempt| self.facts.frames[&attempt.frame].sent);
            let told = send.resolved.first().map(|(at, _)| *at);
            if let (Some((append, ..)), Some(told)) = (send.copies.first(), told)
                && *append > told
                && last.is_some()
            {
                names.push("records appended after they had failed");
            }
        }
        for name in names {
            self.count(name, 1);
        }
    }

    fn frames(&mut self) {
        let mut seen: BTreeSet<(Tp, Identity, i32, i32)> = BTreeSet::new();
        let mut streams: BTreeMap<Tp, Identity> = BTreeMap::new();
        let mut tally: Vec<(String, usize)> = Vec::new();
        let mut add = |name: &str| tally.push((name.to_owned(), 1));
        for frame in self.facts.frames.values() {
            add("produce requests");
            let on_the_same = |other: &&Frame<'_>| {
                other.connection == frame.connection
                    && other.sent <= frame.sent
                    && other.in_flight(frame.sent + 1)
            };
            if self.facts.frames.values().filter(on_the_same).count()
                == self.facts.history.rules.max_in_flight
            {
                add("full windows");
            }
            let on_another = |other: &Frame<'_>| {
                other.connection != frame.connection
                    && other.broker == frame.broker
                    && other.sent < frame.sent
                    && other.in_flight(frame.sent)
            };
            if self.facts.frames.values().any(on_another) {
                add("requests beside another connection's");
            }
            if frame.batches.len() > 1 {
                add("requests of several partitions");
            }
            for batch in frame.batches {
                add("batches sent");
                let range = (
                    batch.tp.clone(),
                    batch.identity,
                    batch.base_sequence,
                    batch.count(),
                );
                if !seen.insert(range) {
                    add("batches sent again");
                }
                if streams
                    .insert(batch.tp.clone(), batch.identity)
                    .is_some_and(|before| before != batch.identity)
                {
                    add("new epochs");
                }
                match frame.code(&batch.tp) {
                    Some((_, code)) if is_success(code) => add("batches acknowledged"),
                    Some((_, code)) => add(&format!("answers with code {code}")),
                    None if frame.written.is_some() => add("ambiguous batches"),
                    None => add("batches of unwritten frames"),
                }
            }
            let in_flight_when_moved = self.facts.history.entries.iter().enumerate().any(|(at, entry)| {
                matches!(&entry.event, Event::LeaderMoved { tp, .. }
                    if frame.in_flight(at) && frame.batches.iter().any(|batch| batch.tp == *tp))
            });
            if in_flight_when_moved {
                add("requests in flight when their leader moved");
            }
        }
        for (name, by) in tally {
            self.count(name, by);
        }
    }

    fn lingers(&mut self) {
        let mut open = BTreeSet::new();
        let mut lingers = BTreeMap::new();
        let mut names = Vec::new();
        for entry in &self.facts.history.entries {
            match &entry.event {
                Event::Accepted { tp, .. } => {
                    open.insert(tp);
                }
                Event::Sent { batches, .. } => open.retain(|tp| batches.iter().all(|batch| batch.tp != **tp)),
                Event::LingerChanged { tp, linger } => {
                    let before = lingers.insert(tp, linger);
                    if before.is_some_and(|before| before > linger) && open.contains(tp) {
                        names.push("lingers that shrank while a batch was open");
                    } else if before.is_some_and(|before| before < linger) && open.contains(tp) {
                        names.push("lingers that grew while a batch was open");
                    }
                }
                _ => {}
            }
        }
        for name in names {
            self.count(name, 1);
        }
    }

    fn brokers(&mut self) {
        let mut ended = BTreeSet::new();
        let mut names = Vec::new();
        for entry in &self.facts.history.entries {
            match &entry.event {
                Event::Appended { .. } => names.push("appends"),
                Event::DuplicateAcknowledged { .. } => names.push("duplicates acknowledged"),
                Event::LeaderMoved { .. } => names.push("leader moves"),
                Event::Truncated { .. } => names.push("truncations"),
                Event::Ended { connection } => {
                    ended.insert(*connection);
                    names.push("connections ended");
                }
                Event::FlushReturned { .. } => names.push("flushes"),
                _ => {}
            }
        }
        for name in names {
            self.count(name, 1);
        }
    }
}
