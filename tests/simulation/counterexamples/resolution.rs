//! S7 and M2: somebody who is told nothing, or twice, and something that is left.

use super::catches;
use super::plant::{plant, written};
use crate::history::{Event, Residue};

#[test]
fn s7_a_record_that_nobody_was_told_about() {
    let sent = written().append(0, &[1]).answer(1, 0);
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

/// A run in which all went well, with a residue that is wrong after `change`.
#[track_caller]
fn catches_left_over(change: impl FnOnce(&mut Residue)) {
    let settled = Residue {
        accepted: 1,
        acknowledged: 1,
        ..Residue::default()
    };
    let mut wrong = settled.clone();
    change(&mut wrong);
    let done = plant().round(1, 0, 1, 0).close();
    catches("M2", done.clone().residue(wrong), done.residue(settled));
}

#[test]
fn m2_memory_that_was_never_returned() {
    catches_left_over(|residue| residue.memory = 16_384);
}

#[test]
fn m2_a_connection_left_open() {
    catches_left_over(|residue| residue.open_connections = 1);
}

#[test]
fn m2_a_ledger_that_lost_a_record() {
    catches_left_over(|residue| residue.acknowledged = 0);
}

#[test]
fn m2_a_ledger_that_counts_what_nobody_sent() {
    catches_left_over(|residue| (residue.accepted, residue.acknowledged) = (2, 2));
}
