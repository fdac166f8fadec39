//! S1, S2, S3: a log that does not hold what the application was told.

use super::catches;
use super::plant::{held, plant, tp, written};
use crate::history::{Class, Held, Why};

#[test]
fn s1_an_acknowledged_record_that_no_log_holds() {
    let sent = written().answer(1, 0);
    catches("S1", sent.clone().ok(1, 0), plant().round(1, 0, 1, 0));
}

#[test]
fn s1_an_acknowledgement_at_another_offset() {
    let sent = written().append(4, &[1]).answer(1, 0);
    catches("S1", sent.clone().ok(1, 3), sent.ok(1, 4));
}

#[test]
fn s1_an_acknowledgement_for_the_record_that_took_its_sequence() {
    // Record 1 is appended and given up; record 2 gets its sequence and is "acknowledged" as its
    // duplicate.
    let first = written().append(0, &[1]).end(1).possibly(1).send(2).on(0, 2);
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
    let sent = written();
    let bad = sent.clone().append_held(0, vec![swapped]).answer(1, 0).ok(1, 0);
    catches("S1", bad, sent.append(0, &[1]).answer(1, 0).ok(1, 0));
}

#[test]
fn s1_success_without_an_offset_still_needs_the_record() {
    let sent = written().answer(1, 46);
    let good = written().append(0, &[1]).answer(1, 46).ok_at(1, tp(), None, 500);
    catches("S1", sent.ok_at(1, tp(), None, 500), good);
}

#[test]
fn s2_a_late_append_of_what_was_said_not_to_be_written() {
    let given_up = written().end(1);
    catches(
        "S2",
        given_up.clone().not_written(1).append(0, &[1]),
        given_up.possibly(1).append(0, &[1]),
    );
}

#[test]
fn s2_a_leader_that_was_lost_after_the_append() {
    // NOT_LEADER_OR_FOLLOWER with acks=all may come from purgatory.
    let refused = written().append(0, &[1]).answer(1, 6);
    catches("S2", refused.clone().not_written(1), refused.possibly(1));
}

#[test]
fn s2_a_rejected_record_that_was_used_all_the_same() {
    catches("S2", plant().reject(1).append(0, &[1]), plant().reject(1));
}

#[test]
fn s3_doubt_about_a_record_that_never_left() {
    catches("S3", plant().send(1).possibly(1), plant().send(1).not_written(1));
}

#[test]
fn s3_doubt_about_a_frame_that_was_cut() {
    let cut = plant().send(1).begin(1, 0, &[1]).end(1);
    let whole = written().end(1);
    catches("S3", cut.possibly(1), whole.possibly(1));
}

#[test]
fn s3_doubt_after_a_definite_refusal() {
    let sent = written();
    catches(
        "S3",
        sent.clone().answer(1, 87).possibly(1),
        sent.answer(1, 20).possibly(1),
    );
}

#[test]
fn s3_doubt_that_a_later_attempt_settled_is_still_doubt() {
    // The first attempt is unknown for ever, whatever the second was told.
    let unknown = written()
        .end(1)
        .on(0, 2)
        .wait(200)
        .write(2, 0, &[1])
        .answer(2, 45);
    let known = written().answer(1, 19).wait(200).write(2, 0, &[1]).answer(2, 45);
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
