//! T4: batches that stay beyond their linger.

use std::time::Duration;

use super::catches;
use super::plant::{Plant, plant, tp};
use crate::history::Event;

/// A partition whose connection has carried an answer, and its next record, accepted.
fn opened() -> Plant {
    plant().round(1, 0, 1, 0).wait(100).send(2)
}

fn linger(plant: Plant, ms: u64) -> Plant {
    plant.event(Event::LingerChanged {
        tp: tp(),
        linger: Duration::from_millis(ms),
    })
}

fn leaves(plant: Plant) -> Plant {
    plant.write(2, 1, &[2]).append(1, &[2]).answer(2, 0).ok(2, 1)
}

#[test]
fn t4_a_batch_that_stays_beyond_the_linger_of_all() {
    catches("T4", leaves(opened().wait(41)), leaves(opened().wait(34)));
}

#[test]
fn t4_a_batch_that_stays_beyond_the_linger_of_its_partition() {
    let short = linger(plant().round(1, 0, 1, 0).wait(100), 10).send(2);
    catches("T4", leaves(short.clone().wait(20)), leaves(short.wait(14)));
}

#[test]
fn t4_a_batch_that_was_open_when_its_linger_shrank() {
    let shrunk = linger(opened().wait(5), 10);
    catches("T4", leaves(shrunk.clone().wait(15)), leaves(shrunk.wait(9)));
}

#[test]
fn t4_a_batch_that_is_due_at_once_because_its_linger_shrank() {
    let shrunk = linger(opened().wait(25), 10);
    catches("T4", leaves(shrunk.clone().wait(7)), leaves(shrunk.wait(4)));
}

#[test]
fn t4_a_batch_that_was_open_when_its_linger_grew() {
    let grown = linger(opened().wait(25), 80);
    catches("T4", leaves(grown.clone().wait(65)), leaves(grown.wait(55)));
}

#[test]
fn t4_a_batch_may_stay_while_its_broker_owes_an_answer() {
    let behind = plant()
        .round(1, 0, 1, 0)
        .wait(100)
        .send(2)
        .write(2, 1, &[2])
        .send(3);
    let late = |plant: Plant| plant.write(3, 2, &[3]).append(2, &[3]).answer(3, 0).ok(3, 2);
    let answered = |plant: Plant| plant.append(1, &[2]).answer(2, 0).ok(2, 1);
    catches(
        "T4",
        late(answered(behind.clone().wait(10)).wait(60)),
        late(answered(behind.wait(60)).wait(5)),
    );
}
