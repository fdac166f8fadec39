//! The history, indexed once for all checks.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::history::{Event, FrameId, Held, History, Outcome, Sid, Tp, WireBatch};
use crate::payload::Claim;

/// What became of one record.
#[derive(Clone, Debug)]
pub(crate) struct Send<'h> {
    pub(crate) claim: &'h Claim,
    pub(crate) content: u64,
    pub(crate) timestamp: i64,
    pub(crate) invoked: usize,
    pub(crate) accepted: Option<(usize, &'h Tp)>,
    pub(crate) rejected: Option<usize>,
    pub(crate) cancelled: Option<usize>,
    pub(crate) resolved: Vec<(usize, &'h Outcome)>,
    /// Batches on the wire that carried it, in order.
    pub(crate) attempts: Vec<Attempt>,
    /// Appends that hold it: (event, partition, offset).
    pub(crate) copies: Vec<(usize, &'h Tp, i64)>,
    /// Appends of it that were lost with their leader before they were replicated.
    pub(crate) truncated: Vec<(usize, &'h Tp, i64)>,
}

/// One batch of one produce request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) frame: FrameId,
    /// Index of the batch in its frame.
    pub(crate) batch: usize,
}

/// What became of one produce request.
#[derive(Clone, Debug)]
pub(crate) struct Frame<'h> {
    pub(crate) sent: usize,
    pub(crate) connection: u64,
    pub(crate) broker: i32,
    pub(crate) batches: &'h [WireBatch],
    pub(crate) written: Option<usize>,
    pub(crate) answered: Option<(usize, &'h [(Tp, i16)])>,
    pub(crate) ended: Option<usize>,
}

impl Frame<'_> {
    /// The code that this request's answer had for a partition, once it reached the producer.
    pub(crate) fn code(&self, tp: &Tp) -> Option<(usize, i16)> {
        let (at, codes) = self.answered?;
        codes
            .iter()
            .find(|(answered, _)| answered == tp)
            .map(|&(_, code)| (at, code))
    }

    /// Sent and neither answered nor given up, as of event `at`.
    pub(crate) fn in_flight(&self, at: usize) -> bool {
        let over = self
            .answered
            .map(|(index, _)| index)
            .into_iter()
            .chain(self.ended)
            .min();
        self.sent < at && over.is_none_or(|over| over > at)
    }

    /// Whether, as of event `at`, a batch of this request may be in the log for all the producer
    /// can know.
    pub(crate) fn in_doubt(&self, tp: &Tp, acks: i16, at: usize) -> bool {
        match self.code(tp) {
            Some((answered, code)) if answered < at => leaves_doubt(code, acks),
            _ => match self.ended {
                Some(ended) if ended < at => self.written.is_some_and(|written| written < ended),
                _ => true,
            },
        }
    }
}

pub(crate) struct Facts<'h> {
    pub(crate) history: &'h History,
    pub(crate) sends: BTreeMap<Sid, Send<'h>>,
    pub(crate) frames: BTreeMap<FrameId, Frame<'h>>,
    /// When each partition's leader moved.
    pub(crate) moves: BTreeMap<&'h Tp, Vec<usize>>,
    /// Held records of every append that claim a run or record nobody sent, or do not read: (event,
    /// record).
    pub(crate) unexpected: Vec<(usize, &'h Held)>,
}

impl<'h> Facts<'h> {
    pub(crate) fn of(history: &'h History) -> Self {
        let mut facts = Self {
            history,
            sends: BTreeMap::new(),
            frames: BTreeMap::new(),
            moves: BTreeMap::new(),
            unexpected: Vec::new(),
        };
        for (at, entry) in history.entries.iter().enumerate() {
            facts.learn(at, &entry.event);
        }
        facts
    }

    pub(crate) fn at(&self, event: usize) -> Duration {
        self.history.entries[event].at
    }

    fn learn(&mut self, at: usize, event: &'h Event) {
        match event {
            Event::Invoked {
                claim,
                content,
                timestamp,
            } => {
                self.sends.insert(
                    claim.sid,
                    Send {
                        claim,
                        content: *content,
                        timestamp: *timestamp,
                        invoked: at,
                        accepted: None,
                        rejected: None,
                        cancelled: None,
                        resolved: Vec::new(),
                        attempts: Vec::new(),
                        copies: Vec::new(),
                        truncated: Vec::new(),
                    },
                );
            }
            Event::Accepted { sid, tp } => self.send(*sid).accepted = Some((at, tp)),
            Event::Rejected { sid } => self.send(*sid).rejected = Some(at),
            Event::Cancelled { sid } => self.send(*sid).cancelled = Some(at),
            Event::Resolved { sid, outcome } => self.send(*sid).resolved.push((at, outcome)),
            Event::Sent {
                frame,
                connection,
                broker,
                batches,
            } => self.learn_sent(at, *frame, *connection, *broker, batches),
            Event::Written { frame } => self.frame(*frame).written = Some(at),
            Event::Answered { frame, codes } => self.frame(*frame).answered = Some((at, codes)),
            Event::Ended { connection } => {
                for frame in self.frames.values_mut() {
                    if frame.connection == *connection && frame.ended.is_none() {
                        frame.ended = Some(at);
                    }
                }
            }
            Event::Appended {
                tp,
                base_offset,
                records,
                ..
            } => {
                for (offset, record) in (*base_offset..).zip(records) {
                    let sid = record.claim.as_ref().ok().map(|claim| claim.sid);
                    match sid.and_then(|sid| self.sends.get_mut(&sid)) {
                        Some(send) => send.copies.push((at, tp, offset)),
                        None => self.unexpected.push((at, record)),
                    }
                }
            }
            Event::Truncated { tp, from, until } => {
                let lost =
                    |copy: &mut (usize, &'h Tp, i64)| copy.1 == tp && (*from..*until).contains(&copy.2);
                for send in self.sends.values_mut() {
                    send.truncated.extend(send.copies.extract_if(.., lost));
                }
            }
            Event::LeaderMoved { tp, .. } => self.moves.entry(tp).or_default().push(at),
            Event::FlushInvoked { .. }
            | Event::FlushReturned { .. }
            | Event::CloseInvoked { .. }
            | Event::CloseReturned
            | Event::DuplicateAcknowledged { .. }
            | Event::LingerChanged { .. }
            | Event::Healed => {}
        }
    }

    fn learn_sent(
        &mut self,
        at: usize,
        frame: FrameId,
        connection: u64,
        broker: i32,
        batches: &'h [WireBatch],
    ) {
        for (batch, wire) in batches.iter().enumerate() {
            for sid in wire.sids() {
                if let Some(send) = self.sends.get_mut(&sid) {
                    send.attempts.push(Attempt { frame, batch });
                }
            }
        }
        let new = Frame {
            sent: at,
            connection,
            broker,
            batches,
            written: None,
            answered: None,
            ended: None,
        };
        assert!(self.frames.insert(frame, new).is_none(), "a frame is sent once");
    }

    fn send(&mut self, sid: Sid) -> &mut Send<'h> {
        self.sends
            .get_mut(&sid)
            .expect("a record is invoked before anything happens to it")
    }

    fn frame(&mut self, frame: FrameId) -> &mut Frame<'h> {
        self.frames
            .get_mut(&frame)
            .expect("a frame is sent before anything happens to it")
    }
}

/// The answer says: the batch is in the log.
pub(crate) fn is_success(code: i16) -> bool {
    const NONE: i16 = 0;
    const DUPLICATE_SEQUENCE_NUMBER: i16 = 46;
    matches!(code, NONE | DUPLICATE_SEQUENCE_NUMBER)
}

/// After this answer the batch of that attempt may be in the log: success, and every failure that a
/// broker can give after it appended. Written from Kafka's broker, not from the producer's table,
/// so that they check each other.
pub(crate) fn leaves_doubt(code: i16, acks: i16) -> bool {
    match code {
        // Decided before the append, always.
        2 | 5 | 10 | 17 | 18 | 19 | 21 | 29 | 32 | 45 | 47 | 48 | 59 | 76 | 87 | 89 => false,
        // With acks=all a produce that waits for replicas is answered so when its leader is gone; with fewer
        // acks these come before the append.
        3 | 6 => acks == -1,
        _ => true,
    }
}
