//! S6: the idempotent producer's protocol, replayed from what it put on the wire.

use std::collections::{BTreeMap, BTreeSet};

use super::identity::advance;
use super::{Facts, Verdict, Violation, is_success};
use crate::history::{Event, FrameId, Identity, Sid, Tp, WireBatch};

/// S6. Per partition and identity: sequences start at 0 and go on without gap, modulo 2^31; a
/// sequence belongs to one record for ever; an old range is sent again whole, or in parts once it
/// was refused as too large; at most `max_in_flight` batches are in flight or in doubt; until a
/// leader has acknowledged one, one is in flight there; an identity once left never comes back, and
/// is left no more often than there is a cause.
pub(super) fn sequences_are_kept(facts: &Facts<'_>) -> Verdict {
    if !facts.history.rules.idempotent {
        return Ok(0);
    }
    let mut judged = 0;
    let mut partitions: BTreeMap<&Tp, Partition> = BTreeMap::new();
    for entry in &facts.history.entries {
        match &entry.event {
            Event::Sent {
                frame,
                broker,
                batches,
                ..
            } => {
                for batch in batches {
                    judged += 1;
                    let partition = partitions.entry(&batch.tp).or_default();
                    partition.sent(facts, *frame, *broker, batch)?;
                }
            }
            Event::Answered { frame, codes } => {
                let frame = &facts.frames[frame];
                for batch in frame.batches {
                    let code = codes
                        .iter()
                        .find(|(tp, _)| *tp == batch.tp)
                        .map(|&(_, code)| code);
                    let (Some(code), Some(partition)) = (code, partitions.get_mut(&batch.tp)) else {
                        continue;
                    };
                    partition.answered(frame.broker, batch, code);
                }
            }
            _ => {}
        }
    }
    Ok(judged)
}

#[derive(Debug, Default)]
struct Partition {
    current: Option<Stream>,
    left: BTreeSet<Identity>,
}

/// What was sent under one identity.
#[derive(Debug)]
struct Stream {
    identity: Identity,
    next: i32,
    ranges: Vec<Range>,
    meaning: BTreeMap<i32, (Sid, usize)>,
    /// Brokers that have acknowledged a batch of this identity.
    proven: BTreeSet<i32>,
}

#[derive(Debug)]
struct Range {
    base: i32,
    count: i32,
    sent: usize,
    attempts: Vec<FrameId>,
    /// First sequence of the batch that it is, or is a part of.
    whole: i32,
    too_large: bool,
    settled: bool,
}

impl Range {
    /// Where `base, count` starts within this range, if it lies inside.
    fn holds(&self, base: i32, count: i32) -> bool {
        let offset = (i64::from(base) - i64::from(self.base)).rem_euclid(1 << 31);
        offset + i64::from(count) <= i64::from(self.count)
    }

    /// In flight or in doubt: the broker may come to remember it, and remembers five.
    fn waits(&self, facts: &Facts<'_>, tp: &Tp, at: usize) -> bool {
        let in_doubt = |frame| facts.frames[frame].in_doubt(tp, facts.history.rules.acks, at);
        !self.settled && self.attempts.iter().any(in_doubt)
    }
}

impl Partition {
    fn sent(
        &mut self,
        facts: &Facts<'_>,
        frame: FrameId,
        broker: i32,
        batch: &WireBatch,
    ) -> Result<(), Violation> {
        let at = facts.frames[&frame].sent;
        let tp = &batch.tp;
        let identity = batch.identity;
        if identity.producer_id < 0 || identity.epoch < 0 || batch.base_sequence < 0 {
            return Err(Violation::new(
                format!("a batch for {tp:?} has no identity"),
                [at],
            ));
        }
        self.identify(facts, at, batch)?;
        let stream = self.current.as_mut().expect("identified just now");
        stream.place(at, frame, batch)?;
        let waiting: Vec<_> = stream
            .ranges
            .iter()
            .filter(|range| range.waits(facts, tp, at))
            .collect();
        // Parts count as the batch they replace: what followed it was refused with it.
        let batches: BTreeSet<_> = waiting.iter().map(|range| range.whole).collect();
        if batches.len() > facts.history.rules.max_in_flight {
            return Err(Violation::new(
                format!(
                    "{} batches of {tp:?} {identity:?} are in flight or in doubt",
                    batches.len()
                ),
                waiting.iter().map(|range| range.sent).chain([at]),
            ));
        }
        if stream.proven.contains(&broker) {
            return Ok(());
        }
        // A request overtaken by a retry elsewhere, or by a success, is no longer waited for.
        let latest = |range: &&Range| range.base != batch.base_sequence && !range.settled;
        let waited_for = stream
            .ranges
            .iter()
            .filter(latest)
            .filter_map(|range| range.attempts.last());
        let other = waited_for
            .map(|frame| &facts.frames[frame])
            .find(|frame| frame.broker == broker && frame.in_flight(at));
        match other {
            Some(other) => Err(Violation::new(
                format!(
                    "two batches of {tp:?} {identity:?} are in flight to broker {broker}, which has acknowledged none"
                ),
                [other.sent, at],
            )),
            None => Ok(()),
        }
    }

    /// Goes over to the batch's identity, if that is a new one.
    fn identify(&mut self, facts: &Facts<'_>, at: usize, batch: &WireBatch) -> Result<(), Violation> {
        let identity = batch.identity;
        if let Some(current) = &self.current {
            if current.identity == identity {
                return Ok(());
            }
            let last = current.ranges.iter().map(|range| range.sent).max();
            let back = self.left.contains(&identity)
                || current.identity.producer_id == identity.producer_id
                    && current.identity.epoch > identity.epoch;
            if back {
                return Err(Violation::new(
                    format!(
                        "{:?} was sent to under {identity:?} after {:?}",
                        batch.tp, current.identity
                    ),
                    last.into_iter().chain([at]),
                ));
            }
            self.left.insert(current.identity);
            if let Some(max) = facts.history.rules.new_epochs_max
                && self.left.len() > max
            {
                return Err(Violation::new(
                    format!(
                        "{:?} changed its identity {} times (to {identity:?}), {max} have a cause",
                        batch.tp,
                        self.left.len()
                    ),
                    last.into_iter().chain([at]),
                ));
            }
        }
        self.current = Some(Stream {
            identity,
            next: 0,
            ranges: Vec::new(),
            meaning: BTreeMap::new(),
            proven: BTreeSet::new(),
        });
        Ok(())
    }

    fn answered(&mut self, broker: i32, batch: &WireBatch, code: i16) {
        const MESSAGE_TOO_LARGE: i16 = 10;
        const RECORD_LIST_TOO_LARGE: i16 = 18;
        let Some(stream) = self
            .current
            .as_mut()
            .filter(|stream| stream.identity == batch.identity)
        else {
            return;
        };
        let same = |range: &Range| range.base == batch.base_sequence && range.count == batch.count();
        if is_success(code) {
            stream.proven.insert(broker);
            // The broker takes a batch only after its predecessors.
            if let Some(last) = stream
                .ranges
                .iter()
                .rposition(|range| range.holds(batch.base_sequence, batch.count()))
            {
                for range in &mut stream.ranges[..=last] {
                    range.settled = true;
                }
            }
        } else if matches!(code, MESSAGE_TOO_LARGE | RECORD_LIST_TOO_LARGE) {
            for range in stream.ranges.iter_mut().filter(|range| same(range)) {
                range.too_large = true;
            }
        }
    }
}

impl Stream {
    fn place(&mut self, at: usize, frame: FrameId, batch: &WireBatch) -> Result<(), Violation> {
        let (base, count) = (batch.base_sequence, batch.count());
        let new = || Range {
            base,
            count,
            sent: at,
            attempts: vec![frame],
            whole: base,
            too_large: false,
            settled: false,
        };
        if base == self.next {
            self.ranges.push(new());
            self.next = advance(base, count);
        } else if let Some(known) = self
            .ranges
            .iter()
            .position(|range| range.base == base && range.count == count)
        {
            self.ranges[known].sent = at;
            self.ranges[known].attempts.push(frame);
        } else if let Some(parent) = self
            .ranges
            .iter()
            .position(|range| range.too_large && range.holds(base, count))
        {
            // What is left of the parent on either side is still to be sent, and is still too large as a
            // whole.
            let old = &self.ranges[parent];
            let (first, sent, whole, settled) = (old.base, old.sent, old.whole, old.settled);
            let before =
                i32::try_from((i64::from(base) - i64::from(first)).rem_euclid(1 << 31)).expect("in range");
            let after = old.count - before - count;
            let rest = |base, count| Range {
                base,
                count,
                sent,
                attempts: Vec::new(),
                whole,
                too_large: true,
                settled,
            };
            let part = Range { whole, ..new() };
            let pieces = [rest(first, before), part, rest(advance(base, count), after)];
            let pieces = pieces.into_iter().filter(|piece| piece.count > 0);
            self.ranges.splice(parent..=parent, pieces);
        } else {
            let seen: Vec<_> = self
                .ranges
                .iter()
                .map(|range| (range.base, range.count))
                .collect();
            return Err(Violation::new(
                format!(
                    "{:?} {:?}: a batch of {count} from sequence {base} is neither next ({}) nor a retry of {seen:?}",
                    batch.tp, batch.identity, self.next
                ),
                self.ranges.iter().map(|range| range.sent).chain([at]),
            ));
        }
        for (nth, sid) in batch.sids().enumerate() {
            let sequence = advance(base, i32::try_from(nth).expect("a batch's count is an i32"));
            let (first, sent) = *self.meaning.entry(sequence).or_insert((sid, at));
            if first != sid {
                return Err(Violation::new(
                    format!(
                        "{:?} {:?}: sequence {sequence} stood for record {first} and now for record {sid}",
                        batch.tp, batch.identity
                    ),
                    [sent, at],
                ));
            }
        }
        Ok(())
    }
}
