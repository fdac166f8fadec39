//! S4: a record in the log twice.

use super::catches;
use super::plant::{Plant, plant, tp, written};
use crate::history::{Event, Rules};

#[test]
fn s4_a_retry_that_is_appended_twice() {
    let retried = written().append(0, &[1]).end(1).on(0, 2).write(2, 0, &[1]);
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
    let lost = written().append(0, &[1]).end(1).on(1, 2);
    let again = |plant: Plant| plant.write(2, 0, &[1]).append(0, &[1]).answer(2, 0);
    let mut truncated = lost.clone().event(Event::Truncated {
        tp: tp(),
        from: 0,
        until: 1,
    });
    truncated.history.logs.clear();
    catches("S4", again(lost), again(truncated).ok(1, 0));
}
