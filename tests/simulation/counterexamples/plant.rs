//! A history under construction.

use std::sync::Arc;
use std::time::Duration;

use crate::history::{
    Class, Event, FrameId, Held, History, Identity, Outcome, Residue, Rules, Sid, Stored, Tp, Why, WireBatch,
};
use crate::payload::Claim;

const RUN: u64 = 77;
const LINGER: Duration = Duration::from_millis(30);

/// A history under construction. Everything goes to `orders-0` at broker 0 unless it says
/// otherwise.
#[derive(Clone)]
pub(super) struct Plant {
    pub(super) history: History,
    now: Duration,
    epoch: i16,
    broker: i32,
    connection: u64,
    tp: Tp,
}

/// An empty one.
pub(super) fn plant() -> Plant {
    let history = History::new(RUN, rules());
    Plant {
        history,
        now: Duration::ZERO,
        epoch: 0,
        broker: 0,
        connection: 1,
        tp: tp(),
    }
}

/// Record 1, accepted, and alone in frame 1, which is written.
pub(super) fn written() -> Plant {
    plant().send(1).write(1, 0, &[1])
}

fn rules() -> Rules {
    Rules {
        idempotent: true,
        acks: -1,
        ordered: true,
        max_in_flight: 5,
        delivery_timeout: Duration::from_secs(10),
        retry_backoff: Duration::from_millis(100),
        linger: Some(LINGER),
        grace: Duration::from_millis(5),
        new_epochs_max: None,
        recovery: Some(Duration::from_secs(3)),
    }
}

pub(super) fn tp() -> Tp {
    Tp::new("orders", 0)
}

fn identity(epoch: i16) -> Identity {
    Identity {
        producer_id: 1000,
        epoch,
    }
}

pub(super) fn claim(sid: Sid) -> Claim {
    let index = u32::try_from(sid).expect("small");
    Claim {
        run: RUN,
        sid,
        task: 0,
        index,
        topic: Arc::from("orders"),
        partition: Some(0),
        filler: 8,
    }
}

pub(super) fn held(sid: Sid) -> Held {
    Held {
        claim: Ok(claim(sid)),
        content: sid * 31,
        timestamp: 500,
    }
}

impl Plant {
    pub(super) fn event(mut self, event: Event) -> Self {
        self.history.push(self.now, event);
        self
    }

    pub(super) fn rules(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(&mut self.history.rules);
        self
    }

    pub(super) fn wait(mut self, ms: u64) -> Self {
        self.now += Duration::from_millis(ms);
        self
    }

    pub(super) fn epoch(mut self, epoch: i16) -> Self {
        self.epoch = epoch;
        self
    }

    pub(super) fn on(mut self, broker: i32, connection: u64) -> Self {
        (self.broker, self.connection) = (broker, connection);
        self
    }

    pub(super) fn to(mut self, tp: Tp) -> Self {
        self.tp = tp;
        self
    }

    pub(super) fn invoke(self, sid: Sid) -> Self {
        self.event(Event::Invoked {
            claim: claim(sid),
            content: sid * 31,
            timestamp: 500,
        })
    }

    pub(super) fn accept(self, sid: Sid) -> Self {
        self.event(Event::Accepted { sid, tp: tp() })
    }

    pub(super) fn send(self, sid: Sid) -> Self {
        self.invoke(sid).accept(sid)
    }

    pub(super) fn reject(self, sid: Sid) -> Self {
        self.invoke(sid).event(Event::Rejected { sid })
    }

    pub(super) fn batch(&self, base_sequence: i32, sids: &[Sid]) -> WireBatch {
        WireBatch {
            tp: self.tp.clone(),
            identity: identity(self.epoch),
            base_sequence,
            bytes: sids.iter().sum::<u64>() + 1,
            records: Ok(sids.iter().copied().map(held).collect()),
        }
    }

    /// Handed to the connection, but not wholly to the transport.
    pub(super) fn begin(self, frame: FrameId, base: i32, sids: &[Sid]) -> Self {
        let batch = self.batch(base, sids);
        self.begin_batch(frame, batch)
    }

    pub(super) fn begin_batch(self, frame: FrameId, batch: WireBatch) -> Self {
        let (connection, broker) = (self.connection, self.broker);
        self.event(Event::Sent {
            frame,
            connection,
            broker,
            batches: vec![batch],
        })
    }

    pub(super) fn write(self, frame: FrameId, base: i32, sids: &[Sid]) -> Self {
        self.begin(frame, base, sids).event(Event::Written { frame })
    }

    pub(super) fn answer(self, frame: FrameId, code: i16) -> Self {
        let tp = self.tp.clone();
        self.event(Event::Answered {
            frame,
            codes: vec![(tp, code)],
        })
    }

    pub(super) fn end(self, connection: u64) -> Self {
        self.event(Event::Ended { connection })
    }

    pub(super) fn append(self, offset: i64, sids: &[Sid]) -> Self {
        let records = sids.iter().copied().map(held).collect();
        self.append_held(offset, records)
    }

    pub(super) fn append_held(mut self, offset: i64, records: Vec<Held>) -> Self {
        let log = self.history.logs.entry(self.tp.clone()).or_default();
        log.extend((offset..).zip(&records).map(|(offset, record)| Stored {
            offset,
            record: record.clone(),
        }));
        let (broker, tp, epoch) = (self.broker, self.tp.clone(), self.epoch);
        self.event(Event::Appended {
            broker,
            tp,
            base_offset: offset,
            identity: identity(epoch),
            base_sequence: 0,
            records,
        })
    }

    pub(super) fn ok_at(self, sid: Sid, tp: Tp, offset: Option<i64>, timestamp: i64) -> Self {
        self.event(Event::Resolved {
            sid,
            outcome: Outcome::Ok {
                tp,
                offset,
                timestamp,
            },
        })
    }

    pub(super) fn ok(self, sid: Sid, offset: i64) -> Self {
        self.ok_at(sid, tp(), Some(offset), 500)
    }

    pub(super) fn fail(self, sid: Sid, class: Class, why: Why) -> Self {
        self.event(Event::Resolved {
            sid,
            outcome: Outcome::Failed {
                class,
                why,
                code: None,
            },
        })
    }

    pub(super) fn not_written(self, sid: Sid) -> Self {
        self.fail(sid, Class::NotWritten, Why::Other)
    }

    pub(super) fn possibly(self, sid: Sid) -> Self {
        self.fail(sid, Class::PossiblyWritten, Why::Other)
    }

    pub(super) fn close(self) -> Self {
        self.event(Event::CloseInvoked {
            within: Duration::from_secs(1),
        })
        .event(Event::CloseReturned)
    }

    /// One record, sent, appended and acknowledged, undisturbed.
    pub(super) fn round(self, frame: FrameId, base: i32, sid: Sid, offset: i64) -> Self {
        self.send(sid)
            .write(frame, base, &[sid])
            .append(offset, &[sid])
            .answer(frame, 0)
            .ok(sid, offset)
    }

    pub(super) fn residue(mut self, residue: Residue) -> Self {
        self.history.residue = Some(residue);
        self
    }
}
