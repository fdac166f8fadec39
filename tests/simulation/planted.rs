//! Planted histories: for every check the smallest bad history, which it must flag, and the nearest good one,
//! which every check must pass. A check that cannot fail proves nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::checker::check;
use crate::history::{
    Class, Event, FrameId, Held, History, Identity, Outcome, Residue, Rules, Sid, Stored, Tp, Why, WireBatch,
};
use crate::payload::Claim;

const RUN: u64 = 77;

fn rules() -> Rules {
    Rules {
        idempotent: true,
        acks: -1,
        ordered: true,
        max_in_flight: 5,
        delivery_timeout: Duration::from_secs(10),
        retry_backoff: Duration::from_millis(100),
        grace: Duration::from_millis(5),
        new_epochs_max: None,
        recovery: Some(Duration::from_secs(3)),
    }
}

fn tp() -> Tp {
    Tp::new("orders", 0)
}

fn identity(epoch: i16) -> Identity {
    Identity {
        producer_id: 1000,
        epoch,
    }
}

/// A history under construction. Everything goes to `orders-0` at broker 0 unless it says otherwise.
#[derive(Clone)]
struct Plant {
    history: History,
    now: Duration,
    epoch: i16,
    broker: i32,
    connection: u64,
    tp: Tp,
}

fn plant() -> Plant {
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

fn claim(sid: Sid) -> Claim {
    let index = u32::try_from(sid).expect("small");
    Claim {
        run: RUN,
        sid,
        lane: 0,
        index,
        topic: Arc::from("orders"),
        partition: Some(0),
        filler: 8,
    }
}

fn held(sid: Sid) -> Held {
    Held {
        claim: Ok(claim(sid)),
        content: sid * 31,
        timestamp: 500,
    }
}

impl Plant {
    fn event(mut self, event: Event) -> Self {
        self.history.push(self.now, event);
        self
    }
    fn rules(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(&mut self.history.rules);
        self
    }
    fn wait(mut self, ms: u64) -> Self {
        self.now += Duration::from_millis(ms);
        self
    }
    fn epoch(mut self, epoch: i16) -> Self {
        self.epoch = epoch;
        self
    }
    fn on(mut self, broker: i32, connection: u64) -> Self {
        (self.broker, self.connection) = (broker, connection);
        self
    }
    fn to(mut self, tp: Tp) -> Self {
        self.tp = tp;
        self
    }
    fn invoke(self, sid: Sid) -> Self {
        self.event(Event::Invoked {
            claim: claim(sid),
            content: sid * 31,
            timestamp: 500,
        })
    }
    fn accept(self, sid: Sid) -> Self {
        self.event(Event::Accepted { sid, tp: tp() })
    }
    fn send(self, sid: Sid) -> Self {
        self.invoke(sid).accept(sid)
    }
    fn reject(self, sid: Sid) -> Self {
        self.invoke(sid).event(Event::Rejected { sid })
    }
    fn batch(&self, base_sequence: i32, sids: &[Sid]) -> WireBatch {
        WireBatch {
            tp: self.tp.clone(),
            identity: identity(self.epoch),
            base_sequence,
            bytes: sids.iter().sum::<u64>() + 1,
            records: Ok(sids.iter().copied().map(held).collect()),
        }
    }
    /// Handed to the connection, but not wholly to the transport.
    fn begin(self, frame: FrameId, base: i32, sids: &[Sid]) -> Self {
        let batch = self.batch(base, sids);
        self.begin_batch(frame, batch)
    }
    fn begin_batch(self, frame: FrameId, batch: WireBatch) -> Self {
        let (connection, broker) = (self.connection, self.broker);
        self.event(Event::Sent {
            frame,
            connection,
            broker,
            batches: vec![batch],
        })
    }
    fn write(self, frame: FrameId, base: i32, sids: &[Sid]) -> Self {
        self.begin(frame, base, sids).event(Event::Written { frame })
    }
    fn answer(self, frame: FrameId, code: i16) -> Self {
        let tp = self.tp.clone();
        self.event(Event::Answered {
            frame,
            codes: vec![(tp, code)],
        })
    }
    fn end(self, connection: u64) -> Self {
        self.event(Event::Ended { connection })
    }
    fn append(self, offset: i64, sids: &[Sid]) -> Self {
        let records = sids.iter().copied().map(held).collect();
        self.append_held(offset, records)
    }
    fn append_held(mut self, offset: i64, records: Vec<Held>) -> Self {
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
    fn ok_at(self, sid: Sid, tp: Tp, offset: Option<i64>, timestamp: i64) -> Self {
        self.event(Event::Resolved {
            sid,
            outcome: Outcome::Ok {
                tp,
                offset,
                timestamp,
            },
        })
    }
    fn ok(self, sid: Sid, offset: i64) -> Self {
        self.ok_at(sid, tp(), Some(offset), 500)
    }
    fn fail(self, sid: Sid, class: Class, why: Why) -> Self {
        self.event(Event::Resolved {
            sid,
            outcome: Outcome::Failed {
                class,
                why,
                code: None,
            },
        })
    }
    fn not_written(self, sid: Sid) -> Self {
        self.fail(sid, Class::NotWritten, Why::Other)
    }
    fn possibly(self, sid: Sid) -> Self {
        self.fail(sid, Class::PossiblyWritten, Why::Other)
    }
    fn close(self) -> Self {
        self.event(Event::CloseInvoked {
            within: Duration::from_secs(1),
        })
        .event(Event::CloseReturned)
    }
    /// One record, sent, appended and acknowledged, undisturbed.
    fn round(self, frame: FrameId, base: i32, sid: Sid, offset: i64) -> Self {
        self.send(sid)
            .write(frame, base, &[sid])
            .append(offset, &[sid])
            .answer(frame, 0)
            .ok(sid, offset)
    }
    fn residue(mut self, residue: Residue) -> Self {
        self.history.residue = Some(residue);
        self
    }
}

/// The bad history must be flagged by the check named, the good one by none.
#[track_caller]
fn catches(check_id: &str, bad: Plant, good: Plant) {
    let (_, violations) = check(&good.history);
    let told: Vec<_> = violations
        .iter()
        .map(|violation| violation.explain(&good.history))
        .collect();
    assert!(
        told.is_empty(),
        "the good history is flagged:\n{}",
        told.join("\n")
    );
    let (_, violations) = check(&bad.history);
    let names: Vec<_> = violations.iter().map(|violation| violation.check).collect();
    let prefix = format!("{check_id} ");
    assert!(
        names.iter().any(|name| name.starts_with(&prefix)),
        "{check_id} misses the bad history; flagged: {names:?}"
    );
}

// S1

#[test]
fn s1_an_acknowledged_record_that_no_log_holds() {
    let sent = plant().send(1).write(1, 0, &[1]).answer(1, 0);
    catches("S1", sent.clone().ok(1, 0), plant().round(1, 0, 1, 0));
}

#[test]
fn s1_an_acknowledgement_at_another_offset() {
    let sent = plant().send(1).write(1, 0, &[1]).append(4, &[1]).answer(1, 0);
    catches("S1", sent.clone().ok(1, 3), sent.ok(1, 4));
}

#[test]
fn s1_an_acknowledgement_for_the_record_that_took_its_sequence() {
    // Record 1 is appended and given up; record 2 gets its sequence and is "acknowledged" as its duplicate.
    let first = plant()
        .send(1)
        .write(1, 0, &[1])
        .append(0, &[1])
        .end(1)
        .possibly(1)
        .send(2)
        .on(0, 2);
    let bad = first.clone().write(2, 0, &[2]).answer(2, 0).ok(2, 0);
    let good = first
        .epoch(1)
        .write(2, 0, &[2])
        .append(1, &[2])
        .answer(2, 0)
        .ok(2, 1);
    catches("S1", bad, good);
}

#[test]
fn s1_other_bytes_than_were_sent() {
    let swapped = Held {
        content: 99,
        ..held(1)
    };
    let sent = plant().send(1).write(1, 0, &[1]);
    let bad = sent.clone().append_held(0, vec![swapped]).answer(1, 0).ok(1, 0);
    catches("S1", bad, sent.append(0, &[1]).answer(1, 0).ok(1, 0));
}

#[test]
fn s1_success_without_an_offset_still_needs_the_record() {
    let sent = plant().send(1).write(1, 0, &[1]).answer(1, 46);
    let good = plant()
        .send(1)
        .write(1, 0, &[1])
        .append(0, &[1])
        .answer(1, 46)
        .ok_at(1, tp(), None, 500);
    catches("S1", sent.ok_at(1, tp(), None, 500), good);
}

// S2

#[test]
fn s2_a_late_append_of_what_was_said_not_to_be_written() {
    let given_up = plant().send(1).write(1, 0, &[1]).end(1);
    catches(
        "S2",
        given_up.clone().not_written(1).append(0, &[1]),
        given_up.possibly(1).append(0, &[1]),
    );
}

#[test]
fn s2_a_leader_that_was_lost_after_the_append() {
    // NOT_LEADER_OR_FOLLOWER with acks=all may come from purgatory.
    let refused = plant().send(1).write(1, 0, &[1]).append(0, &[1]).answer(1, 6);
    catches("S2", refused.clone().not_written(1), refused.possibly(1));
}

#[test]
fn s2_a_rejected_record_that_was_used_all_the_same() {
    catches("S2", plant().reject(1).append(0, &[1]), plant().reject(1));
}

// S3

#[test]
fn s3_doubt_about_a_record_that_never_left() {
    catches("S3", plant().send(1).possibly(1), plant().send(1).not_written(1));
}

#[test]
fn s3_doubt_about_a_frame_that_was_cut() {
    let cut = plant().send(1).begin(1, 0, &[1]).end(1);
    let whole = plant().send(1).write(1, 0, &[1]).end(1);
    catches("S3", cut.possibly(1), whole.possibly(1));
}

#[test]
fn s3_doubt_after_a_definite_refusal() {
    let sent = plant().send(1).write(1, 0, &[1]);
    catches(
        "S3",
        sent.clone().answer(1, 87).possibly(1),
        sent.answer(1, 20).possibly(1),
    );
}

#[test]
fn s3_doubt_that_a_later_attempt_settled_is_still_doubt() {
    // The first attempt is unknown for ever, whatever the second was told.
    let unknown = plant()
        .send(1)
        .write(1, 0, &[1])
        .end(1)
        .on(0, 2)
        .wait(200)
        .write(2, 0, &[1])
        .answer(2, 45);
    let known = plant()
        .send(1)
        .write(1, 0, &[1])
        .answer(1, 19)
        .wait(200)
        .write(2, 0, &[1])
        .answer(2, 45);
    catches("S3", known.possibly(1), unknown.possibly(1));
}

#[test]
fn s3_a_frame_begun_is_reason_enough_only_when_closing() {
    let begun = plant().send(1).begin(1, 0, &[1]);
    catches(
        "S3",
        begun.clone().possibly(1),
        begun.fail(1, Class::PossiblyWritten, Why::Closed),
    );
}

// S4

#[test]
fn s4_a_retry_that_is_appended_twice() {
    let retried = plant()
        .send(1)
        .write(1, 0, &[1])
        .append(0, &[1])
        .end(1)
        .on(0, 2)
        .write(2, 0, &[1]);
    catches(
        "S4",
        retried.clone().append(1, &[1]).answer(2, 0).ok(1, 1),
        retried.answer(2, 0).ok(1, 0),
    );
}

#[test]
fn s4_a_copy_too_many_without_idempotence() {
    let plain = |rules: &mut Rules| (rules.idempotent, rules.ordered) = (false, false);
    let lost = plant()
        .rules(plain)
        .send(1)
        .write(1, 0, &[1])
        .append(0, &[1])
        .end(1)
        .on(0, 2);
    let retried = lost.write(2, 0, &[1]).append(1, &[1]).answer(2, 0).ok(1, 1);
    catches("S4", retried.clone().append(2, &[1]), retried);
}

#[test]
fn s4_a_cancelled_record_counts_too() {
    let cancelled = plant()
        .send(1)
        .event(Event::Cancelled { sid: 1 })
        .write(1, 0, &[1])
        .append(0, &[1]);
    catches("S4", cancelled.clone().append(1, &[1]), cancelled);
}

#[test]
fn s4_an_append_that_was_lost_with_its_leader_is_no_copy() {
    let lost = plant().send(1).write(1, 0, &[1]).append(0, &[1]).end(1).on(1, 2);
    let again = |plant: Plant| plant.write(2, 0, &[1]).append(0, &[1]).answer(2, 0);
    let mut truncated = lost.clone().event(Event::Truncated {
        tp: tp(),
        from: 0,
        until: 1,
    });
    truncated.history.logs.clear();
    catches("S4", again(lost), again(truncated).ok(1, 0));
}

// S4w

#[test]
fn s4w_a_retry_with_other_bytes() {
    let lost = plant().send(1).write(1, 0, &[1]).end(1).on(0, 2);
    let other = WireBatch {
        bytes: 12345,
        ..lost.batch(0, &[1])
    };
    catches("S4w", lost.clone().begin_batch(2, other), lost.write(2, 0, &[1]));
}

#[test]
fn s4w_a_new_epoch_for_a_batch_in_doubt() {
    let unknown = plant()
        .send(1)
        .write(1, 0, &[1])
        .end(1)
        .on(0, 2)
        .epoch(1)
        .write(2, 0, &[1]);
    let refused = plant()
        .send(1)
        .write(1, 0, &[1])
        .answer(1, 59)
        .epoch(1)
        .write(2, 0, &[1]);
    catches("S4w", unknown, refused);
}

#[test]
fn s4w_a_new_epoch_while_the_old_attempt_is_unanswered() {
    let open = plant().send(1).begin(1, 0, &[1]);
    let bad = open.clone().on(1, 2).epoch(1).write(2, 0, &[1]);
    catches("S4w", bad, open.end(1).on(1, 2).epoch(1).write(2, 0, &[1]));
}

#[test]
fn s4w_a_new_epoch_after_a_leader_was_lost_with_acks_all() {
    let refused = plant()
        .send(1)
        .write(1, 0, &[1])
        .answer(1, 6)
        .wait(200)
        .epoch(1)
        .write(2, 0, &[1]);
    let early = plant()
        .send(1)
        .write(1, 0, &[1])
        .answer(1, 19)
        .wait(200)
        .epoch(1)
        .write(2, 0, &[1]);
    catches("S4w", refused, early);
}

#[test]
fn s4w_a_new_sequence_under_the_same_epoch() {
    let lost = plant().send(1).send(2).write(1, 0, &[1, 2]).end(1).on(0, 2);
    catches(
        "S4w",
        lost.clone().write(2, 0, &[2, 1]),
        lost.write(2, 0, &[1, 2]),
    );
}

// S5

#[test]
fn s5_a_record_overtaken_by_a_later_one() {
    let both = plant().send(1).write(1, 0, &[1]).send(2);
    let first = both
        .clone()
        .append(1, &[1])
        .answer(1, 0)
        .write(2, 1, &[2])
        .append(0, &[2]);
    let mut bad = first.clone();
    bad.history
        .logs
        .get_mut(&tp())
        .expect("two appended")
        .sort_by_key(|stored| stored.offset);
    let good = both
        .append(0, &[1])
        .answer(1, 0)
        .write(2, 1, &[2])
        .append(1, &[2]);
    catches("S5", bad, good);
}

#[test]
fn s5_concurrent_sends_may_land_in_either_order() {
    // Different lanes, so only real time decides.
    let other_lane = |sid| {
        let claim = Claim {
            lane: 1,
            index: 0,
            ..claim(sid)
        };
        (
            Event::Invoked {
                claim: claim.clone(),
                content: sid * 31,
                timestamp: 500,
            },
            Held {
                claim: Ok(claim),
                ..held(sid)
            },
        )
    };
    let (invoked, in_lane_1) = other_lane(2);
    let log = |plant: Plant| plant.append_held(0, vec![in_lane_1.clone(), held(1)]);
    let bad = plant().send(1).event(invoked.clone()).accept(2);
    let good = plant().invoke(1).event(invoked).accept(2).accept(1);
    catches("S5", log(bad), log(good));
}

#[test]
fn s5_one_lane_is_ordered_by_its_own_count() {
    let invoked = plant().invoke(1).invoke(2).accept(1).accept(2);
    catches(
        "S5",
        invoked.clone().append(0, &[2, 1]),
        invoked.append(0, &[1, 2]),
    );
}

// S6

#[test]
fn s6_a_first_sequence_other_than_zero() {
    catches(
        "S6",
        plant().send(1).write(1, 3, &[1]),
        plant().send(1).write(1, 0, &[1]),
    );
}

#[test]
fn s6_a_gap() {
    let first = plant().round(1, 0, 1, 0).send(2);
    catches("S6", first.clone().write(2, 2, &[2]), first.write(2, 1, &[2]));
}

#[test]
fn s6_sequences_count_records_not_batches() {
    let three = plant()
        .send(1)
        .send(2)
        .send(3)
        .write(1, 0, &[1, 2, 3])
        .answer(1, 0)
        .send(4);
    catches("S6", three.clone().write(2, 1, &[4]), three.write(2, 3, &[4]));
}

#[test]
fn s6_a_sequence_with_a_second_meaning() {
    let refused = plant()
        .send(1)
        .write(1, 0, &[1])
        .answer(1, 87)
        .not_written(1)
        .send(2);
    catches(
        "S6",
        refused.clone().write(2, 0, &[2]),
        refused.epoch(1).write(2, 0, &[2]),
    );
}

#[test]
fn s6_an_old_epoch_used_again() {
    let bumped = plant()
        .send(1)
        .write(1, 0, &[1])
        .answer(1, 59)
        .epoch(1)
        .write(2, 0, &[1])
        .answer(2, 0)
        .send(2);
    catches(
        "S6",
        bumped.clone().epoch(0).write(3, 1, &[2]),
        bumped.write(3, 1, &[2]),
    );
}

#[test]
fn s6_a_batch_without_identity() {
    let sent = plant().send(1);
    let naked = WireBatch {
        identity: Identity {
            producer_id: -1,
            epoch: -1,
        },
        base_sequence: -1,
        ..sent.batch(0, &[1])
    };
    catches("S6", sent.clone().begin_batch(1, naked), sent.write(1, 0, &[1]));
}

#[test]
fn s6_a_second_batch_on_a_leader_that_acknowledged_none() {
    let two = plant().send(1).send(2).write(1, 0, &[1]);
    catches(
        "S6",
        two.clone().write(2, 1, &[2]),
        two.answer(1, 0).write(2, 1, &[2]),
    );
}

#[test]
fn s6_a_new_leader_is_probed_again() {
    let proven = plant()
        .round(1, 0, 1, 0)
        .send(2)
        .send(3)
        .on(1, 2)
        .write(2, 1, &[2]);
    catches(
        "S6",
        proven.clone().write(3, 2, &[3]),
        proven.answer(2, 0).write(3, 2, &[3]),
    );
}

#[test]
fn s6_a_sixth_batch_in_flight() {
    let five = (2..=6).fold(plant().round(1, 0, 1, 0), |plant, sid| {
        plant
            .send(sid)
            .write(sid, i32::try_from(sid).expect("small") - 1, &[sid])
    });
    let five = five.send(7);
    catches(
        "S6",
        five.clone().write(7, 6, &[7]),
        five.answer(2, 0).write(7, 6, &[7]),
    );
}

#[test]
fn s6_a_success_settles_its_predecessors() {
    let proven = plant().round(1, 0, 1, 0);
    let five = (2..=6).fold(proven, |plant, sid| {
        plant
            .send(sid)
            .write(sid, i32::try_from(sid).expect("small") - 1, &[sid])
    });
    let five = five.send(7);
    // The fourth of the five succeeded: only the last is left.
    catches(
        "S6",
        five.clone().answer(3, 7).write(7, 6, &[7]),
        five.answer(5, 0).write(7, 6, &[7]),
    );
}

#[test]
fn s6_part_of_a_batch_that_was_not_too_large() {
    let sent = plant().send(1).send(2).write(1, 0, &[1, 2]);
    let halves = |plant: Plant| plant.wait(200).write(2, 0, &[1]).answer(2, 0).write(3, 1, &[2]);
    catches(
        "S6",
        halves(sent.clone().answer(1, 19)),
        halves(sent.answer(1, 10)),
    );
}

#[test]
fn s6_a_half_may_be_halved_again() {
    let sent = plant()
        .send(1)
        .send(2)
        .send(3)
        .send(4)
        .write(1, 0, &[1, 2, 3, 4])
        .answer(1, 10);
    let good = sent
        .clone()
        .write(2, 0, &[1, 2])
        .answer(2, 10)
        .write(3, 0, &[1])
        .answer(3, 0);
    let good = good.write(4, 1, &[2]).write(5, 2, &[3, 4]);
    // A part that straddles two halves is no part of either.
    let bad = sent.write(2, 0, &[1, 2]).answer(2, 0).write(3, 1, &[2, 3]);
    catches("S6", bad, good);
}

#[test]
fn s6_a_new_epoch_without_a_cause() {
    let none = |rules: &mut Rules| rules.new_epochs_max = Some(0);
    let one = |rules: &mut Rules| rules.new_epochs_max = Some(1);
    let bumped = plant()
        .send(1)
        .write(1, 0, &[1])
        .answer(1, 59)
        .epoch(1)
        .write(2, 0, &[1]);
    catches("S6", bumped.clone().rules(none), bumped.rules(one));
}

#[test]
fn s6_the_sequence_after_the_last_is_zero() {
    // A whole batch of 2^31 - 1 records is not to be planted; the arithmetic is.
    assert_eq!(crate::checker::advance(i32::MAX, 1), 0);
    assert_eq!(crate::checker::advance(i32::MAX - 2, 5), 2);
}

// S7

#[test]
fn s7_a_record_that_nobody_was_told_about() {
    let sent = plant().send(1).write(1, 0, &[1]).append(0, &[1]).answer(1, 0);
    catches("S7", sent.clone().close(), sent.ok(1, 0).close());
}

#[test]
fn s7_a_record_told_twice() {
    let told = plant().round(1, 0, 1, 0);
    catches("S7", told.clone().ok(1, 0), told);
}

#[test]
fn s7_a_cancelled_record_is_told_nothing() {
    let cancelled = plant().send(1).event(Event::Cancelled { sid: 1 });
    catches("S7", cancelled.clone().not_written(1).close(), cancelled.close());
}

#[test]
fn s7_a_rejected_record_is_told_nothing_more() {
    catches(
        "S7",
        plant().reject(1).not_written(1).close(),
        plant().reject(1).close(),
    );
}

#[test]
fn s7_a_flush_that_does_not_wait() {
    let flush = Event::FlushInvoked { flush: 1 };
    let back = Event::FlushReturned { flush: 1 };
    let sent = plant()
        .send(1)
        .event(flush)
        .write(1, 0, &[1])
        .append(0, &[1])
        .answer(1, 0);
    let bad = sent.clone().event(back.clone()).ok(1, 0);
    catches("S7", bad, sent.ok(1, 0).send(2).event(back));
}

#[test]
fn s7_a_flush_that_never_returns() {
    let asked = plant().event(Event::FlushInvoked { flush: 1 });
    catches(
        "S7",
        asked.clone().close(),
        asked.event(Event::FlushReturned { flush: 1 }).close(),
    );
}

// S8

#[test]
fn s8_two_records_with_one_offset() {
    let both = plant()
        .send(1)
        .send(2)
        .write(1, 0, &[1, 2])
        .append(0, &[1, 2])
        .answer(1, 0)
        .ok(1, 0);
    catches("S8", both.clone().ok(2, 0), both.ok(2, 1));
}

#[test]
fn s8_another_partition_than_it_was_accepted_for() {
    let sent = plant().send(1).write(1, 0, &[1]).append(0, &[1]).answer(1, 0);
    catches(
        "S8",
        sent.clone().ok_at(1, Tp::new("orders", 1), Some(0), 500),
        sent.ok(1, 0),
    );
}

#[test]
fn s8_another_timestamp_than_the_logs() {
    let sent = plant().send(1).write(1, 0, &[1]).append(0, &[1]).answer(1, 0);
    catches("S8", sent.clone().ok_at(1, tp(), Some(0), 501), sent.ok(1, 0));
}

#[test]
fn s8_an_offset_made_up_from_minus_one() {
    let sent = plant().send(1).write(1, 0, &[1]).append(0, &[1]).answer(1, 46);
    catches("S8", sent.clone().ok(1, -1), sent.ok_at(1, tp(), None, 500));
}

// S9

#[test]
fn s9_a_record_in_another_partition() {
    let sent = plant().send(1);
    catches(
        "S9",
        sent.clone().to(Tp::new("orders", 1)).append(0, &[1]),
        sent.append(0, &[1]),
    );
}

#[test]
fn s9_a_frame_with_another_topics_bytes() {
    let sent = plant().send(1);
    catches(
        "S9",
        sent.clone().to(Tp::new("audit", 0)).write(1, 0, &[1]),
        sent.write(1, 0, &[1]),
    );
}

// S11

#[test]
fn s11_a_record_that_nobody_sent() {
    catches(
        "S11",
        plant().send(1).append(0, &[1, 2]),
        plant().send(1).append(0, &[1]),
    );
}

#[test]
fn s11_a_record_of_another_run() {
    let stranger = Held {
        claim: Ok(Claim { run: 1, ..claim(1) }),
        ..held(1)
    };
    catches(
        "S11",
        plant().send(1).append_held(0, vec![stranger]),
        plant().send(1).append(0, &[1]),
    );
}

#[test]
fn s11_a_record_whose_bytes_do_not_read() {
    let torn = Held {
        claim: Err("its hash does not match".to_owned()),
        ..held(1)
    };
    catches(
        "S11",
        plant().send(1).append_held(0, vec![torn]),
        plant().send(1).append(0, &[1]),
    );
}

#[test]
fn s11_a_batch_that_does_not_read() {
    let sent = plant().send(1);
    let torn = WireBatch {
        records: Err("crc".to_owned()),
        ..sent.batch(0, &[1])
    };
    catches("S11", sent.clone().begin_batch(1, torn), sent.write(1, 0, &[1]));
}

#[test]
fn s11_a_record_on_the_wire_before_it_was_accepted() {
    catches(
        "S11",
        plant().invoke(1).write(1, 0, &[1]),
        plant().invoke(1).accept(1).write(1, 0, &[1]),
    );
}

// T1, T2, T3, T5

#[test]
fn t1_a_record_told_after_its_deadline() {
    let sent = plant().send(1);
    let fail = |plant: Plant| plant.fail(1, Class::NotWritten, Why::Expired);
    catches("T1", fail(sent.clone().wait(10_100)), fail(sent.wait(10_000)));
}

#[test]
fn t1_a_close_that_takes_its_time() {
    let closing = plant().event(Event::CloseInvoked {
        within: Duration::from_secs(1),
    });
    catches(
        "T1",
        closing.clone().wait(1_100).event(Event::CloseReturned),
        closing.wait(900).event(Event::CloseReturned),
    );
}

#[test]
fn t2_a_record_that_expires_early() {
    let sent = plant().send(1);
    let fail = |plant: Plant| plant.fail(1, Class::NotWritten, Why::Expired);
    catches("T2", fail(sent.clone().wait(9_000)), fail(sent.wait(10_000)));
}

#[test]
fn t2_a_batch_expires_with_its_first_record() {
    let fail = |plant: Plant, sid| plant.fail(sid, Class::NotWritten, Why::Expired);
    let both = plant().send(1).wait(1_000).send(2).wait(9_000);
    let alone = plant().wait(1_000).send(2).wait(9_000);
    catches("T2", fail(alone, 2), fail(fail(both, 1), 2));
}

#[test]
fn t3_a_record_that_fails_though_all_is_well() {
    let healed = plant().event(Event::Healed).wait(4_000).send(1).wait(10);
    catches(
        "T3",
        healed.clone().not_written(1),
        healed.write(1, 0, &[1]).append(0, &[1]).answer(1, 0).ok(1, 0),
    );
}

#[test]
fn t3_what_fails_while_the_cluster_recovers_is_excused() {
    let healed = plant().send(1).event(Event::Healed);
    catches(
        "T3",
        healed.clone().wait(3_500).not_written(1),
        healed.wait(2_500).not_written(1),
    );
}

// R3

#[test]
fn r3_a_refused_batch_sent_again_at_once() {
    let refused = plant().send(1).write(1, 0, &[1]).answer(1, 19);
    catches(
        "R3",
        refused.clone().wait(20).write(2, 0, &[1]),
        refused.wait(90).write(2, 0, &[1]),
    );
}

#[test]
fn r3_a_new_leader_may_be_asked_at_once() {
    let refused = plant().send(1).write(1, 0, &[1]).answer(1, 6);
    let moved = Event::LeaderMoved {
        tp: tp(),
        to: Some(1),
    };
    catches(
        "R3",
        refused.clone().wait(1).write(2, 0, &[1]),
        refused.event(moved).wait(1).on(1, 2).write(2, 0, &[1]),
    );
}

// M2

fn settled() -> Residue {
    Residue {
        accepted: 1,
        acknowledged: 1,
        ..Residue::default()
    }
}

#[test]
fn m2_memory_that_was_never_returned() {
    let done = plant().round(1, 0, 1, 0).close();
    catches(
        "M2",
        done.clone().residue(Residue {
            memory: 16_384,
            ..settled()
        }),
        done.residue(settled()),
    );
}

#[test]
fn m2_a_connection_left_open() {
    let done = plant().round(1, 0, 1, 0).close();
    catches(
        "M2",
        done.clone().residue(Residue {
            open_connections: 1,
            ..settled()
        }),
        done.residue(settled()),
    );
}

#[test]
fn m2_a_ledger_that_lost_a_record() {
    let done = plant().round(1, 0, 1, 0).close();
    catches(
        "M2",
        done.clone().residue(Residue {
            acknowledged: 0,
            ..settled()
        }),
        done.residue(settled()),
    );
}

#[test]
fn m2_a_ledger_that_counts_what_nobody_sent() {
    let done = plant().round(1, 0, 1, 0).close();
    catches(
        "M2",
        done.clone().residue(Residue {
            accepted: 2,
            acknowledged: 2,
            ..settled()
        }),
        done.residue(settled()),
    );
}

/// No check may be without a planted history: this file is read as text.
#[test]
fn every_check_has_a_planted_history() {
    let text = include_str!("planted.rs");
    for (name, _) in crate::checker::CHECKS {
        let id = name
            .split(' ')
            .next()
            .expect("a name starts with its id")
            .to_lowercase();
        assert!(
            text.contains(&format!("\nfn {id}_")),
            "{name} has no planted history"
        );
    }
}
