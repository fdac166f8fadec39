//! S4w: a record that loses its place in the sequence, or a batch its bytes.

use super::catches;
use super::plant::{plant, written};
use crate::history::WireBatch;

#[test]
fn s4w_a_retry_with_other_bytes() {
    let lost = written().end(1).on(0, 2);
    let other = WireBatch {
        bytes: 12345,
        ..lost.batch(0, &[1])
    };
    catches("S4w", lost.clone().begin_batch(2, other), lost.write(2, 0, &[1]));
}

#[test]
fn s4w_a_new_epoch_for_a_batch_in_doubt() {
    let unknown = written().end(1).on(0, 2).epoch(1).write(2, 0, &[1]);
    let refused = written().answer(1, 59).epoch(1).write(2, 0, &[1]);
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
    let refused = written().answer(1, 6).wait(200).epoch(1).write(2, 0, &[1]);
    let early = written().answer(1, 19).wait(200).epoch(1).write(2, 0, &[1]);
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
