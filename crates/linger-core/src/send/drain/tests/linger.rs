//! Lingers that differ, and change while a batch is open.

use std::time::Duration;

use crate::append::doorbell::Sleep;
use crate::ids::{BrokerId, PartitionId};
use crate::send::pacing::LingerScope;
use crate::send::sender::harness::{Harness, LINGER, idempotent, is_open, ok};

const ONE: LingerScope = LingerScope::Partition(PartitionId(1));
const ALL: LingerScope = LingerScope::Broker(BrokerId(0));

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The leader is connected, and partitions 0 and 1 have had a success.
fn warm() -> Harness {
    let mut harness = idempotent();
    for partition in 0..2 {
        drop(harness.send(partition));
        harness.accept();
    }
    harness.all_acknowledge_at_once();
    harness
}

/// After how many milliseconds the open batch of `partition` leaves.
fn leaves_after(harness: &mut Harness, partition: i32) -> u64 {
    for waited in 0..200 {
        let sent = harness.take_all();
        if sent.iter().any(|produced| produced.partitions() == [partition]) {
            sent.iter().for_each(|produced| harness.reply(produced, |_| ok()));
            return waited;
        }
        harness.advance_ms(1);
    }
    panic!("it does not leave");
}

#[test]
fn a_partition_may_have_a_linger_of_its_own() {
    let mut harness = warm();
    harness.linger(ONE, ms(2));
    drop(harness.append(0, b"0"));
    drop(harness.append(1, b"1"));
    harness.run();
    assert_eq!(harness.sender.poll_timeout(), Some(harness.now + ms(2)));
    assert_eq!(leaves_after(&mut harness, 1), 2);
    assert_eq!(leaves_after(&mut harness, 0), 3);
}

#[test]
fn a_linger_that_shrinks_counts_for_the_batch_that_is_open() {
    for scope in [ONE, ALL] {
        let mut harness = warm();
        drop(harness.append(1, b"1"));
        harness.advance_ms(1);
        harness.linger(scope, ms(3));
        assert_eq!(leaves_after(&mut harness, 1), 2, "{scope:?}");
    }
}

#[test]
fn a_batch_that_is_older_than_its_new_linger_leaves_at_once() {
    for scope in [ONE, ALL] {
        for linger in [0, 2] {
            let mut harness = warm();
            drop(harness.append(1, b"1"));
            harness.advance_ms(3);
            harness.linger(scope, ms(linger));
            assert_eq!(leaves_after(&mut harness, 1), 0, "{scope:?} {linger}");
        }
    }
}

#[test]
fn a_linger_that_grows_counts_for_the_batch_that_is_open() {
    for scope in [ONE, ALL] {
        let mut harness = warm();
        drop(harness.append(1, b"1"));
        harness.advance_ms(1);
        harness.linger(scope, ms(20));
        assert_eq!(leaves_after(&mut harness, 1), 19, "{scope:?}");
    }
}

#[test]
fn a_linger_that_grows_counts_for_a_batch_that_was_due_and_could_not_leave() {
    for scope in [ONE, ALL] {
        let mut harness = idempotent();
        drop(harness.send(1));
        let first = harness.take();
        let behind = harness.append(1, b"1");
        harness.advance_ms(10);
        harness.linger(scope, ms(30));
        harness.reply(&first, |_| ok());
        assert!(is_open(&behind));
        assert_eq!(leaves_after(&mut harness, 1), 20, "{scope:?}");
    }
}

#[test]
fn a_partition_with_a_linger_of_its_own_does_not_follow_its_broker() {
    let mut harness = warm();
    harness.linger(ONE, ms(7));
    harness.linger(ALL, ms(1));
    drop(harness.append(1, b"1"));
    assert_eq!(leaves_after(&mut harness, 1), 7);
}

#[test]
fn the_sender_sleeps_over_an_opened_batch_only_if_its_timer_is_early_enough_for_it() {
    let mut harness = warm();
    drop(harness.append(0, b"0"));
    harness.run();
    assert_eq!(harness.sleep_kind(), Sleep::TimerArmed, "all linger as long");
    harness.linger(ONE, ms(2));
    assert_eq!(
        harness.sleep_kind(),
        Sleep::Idle,
        "a batch of partition 1 is due earlier"
    );
    harness.advance_ms(3);
    assert_eq!(
        harness.sleep_kind(),
        Sleep::TimerArmed,
        "it would be due in 2 ms, as this one is"
    );
    harness.linger(ONE, LINGER);
    drop(harness.append(1, b"1"));
    harness.advance_ms(2);
    harness.accept();
    assert_eq!(harness.sleep_kind(), Sleep::TimerArmed);
}
