//! S8, S9, S11: another record than was sent, or elsewhere than was said.

use super::catches;
use super::plant::{claim, held, plant, tp, written};
use crate::history::{Held, Tp, WireBatch};
use crate::payload::Claim;

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
    let sent = written().append(0, &[1]).answer(1, 0);
    catches(
        "S8",
        sent.clone().ok_at(1, Tp::new("orders", 1), Some(0), 500),
        sent.ok(1, 0),
    );
}

#[test]
fn s8_another_timestamp_than_the_logs() {
    let sent = written().append(0, &[1]).answer(1, 0);
    catches("S8", sent.clone().ok_at(1, tp(), Some(0), 501), sent.ok(1, 0));
}

#[test]
fn s8_an_offset_made_up_from_minus_one() {
    let sent = written().append(0, &[1]).answer(1, 46);
    catches("S8", sent.clone().ok(1, -1), sent.ok_at(1, tp(), None, 500));
}

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
    let unexpected = Held {
        claim: Ok(Claim { run: 1, ..claim(1) }),
        ..held(1)
    };
    catches(
        "S11",
        plant().send(1).append_held(0, vec![unexpected]),
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
