//! S6: breaches of the idempotent producer's protocol.

use super::catches;
use super::plant::{Plant, plant, written};
use crate::history::{Identity, Rules, WireBatch};

#[test]
fn s6_a_first_sequence_other_than_zero() {
    catches("S6", plant().send(1).write(1, 3, &[1]), written());
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
    let refused = written().answer(1, 87).not_written(1).send(2);
    catches(
        "S6",
        refused.clone().write(2, 0, &[2]),
        refused.epoch(1).write(2, 0, &[2]),
    );
}

#[test]
fn s6_an_old_epoch_used_again() {
    let bumped = written()
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

/// After a success, records 2 to 6 in flight, each in a batch of its own, and record 7 accepted.
fn five_in_flight() -> Plant {
    let proven = plant().round(1, 0, 1, 0);
    let five = (2..=6).fold(proven, |plant, sid| {
        let sequence = i32::try_from(sid).expect("small") - 1;
        plant.send(sid).write(sid, sequence, &[sid])
    });
    five.send(7)
}

#[test]
fn s6_a_sixth_batch_in_flight() {
    let five = five_in_flight();
    catches(
        "S6",
        five.clone().write(7, 6, &[7]),
        five.answer(2, 0).write(7, 6, &[7]),
    );
}

#[test]
fn s6_a_success_settles_its_predecessors() {
    let five = five_in_flight();
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
    let bumped = written().answer(1, 59).epoch(1).write(2, 0, &[1]);
    catches("S6", bumped.clone().rules(none), bumped.rules(one));
}

#[test]
fn s6_the_sequence_after_the_last_is_zero() {
    // A whole batch of 2^31 - 1 records is not to be planted; the arithmetic is.
    assert_eq!(crate::checker::advance(i32::MAX, 1), 0);
    assert_eq!(crate::checker::advance(i32::MAX - 2, 5), 2);
}
