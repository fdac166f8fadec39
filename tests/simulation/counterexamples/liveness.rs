//! T1, T2, T3, R3: too late, too early, not at all, or in haste.

use std::time::Duration;

use super::catches;
use super::plant::{Plant, plant, tp, written};
use crate::history::{Class, Event, Why};

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

#[test]
fn r3_a_refused_batch_sent_again_at_once() {
    let refused = written().answer(1, 19);
    catches(
        "R3",
        refused.clone().wait(20).write(2, 0, &[1]),
        refused.wait(90).write(2, 0, &[1]),
    );
}

#[test]
fn r3_a_new_leader_may_be_asked_at_once() {
    let refused = written().answer(1, 6);
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
