//! Leaders that move.

use crate::send::sender::harness::{Answer, Harness, TOPIC, code, is_open, offset, ok, open, plain};

#[test]
fn a_moved_leader_gets_at_once_what_the_old_one_has_not_answered() {
    let mut harness = open();
    let delivery = harness.send(0);
    let old = harness.take();
    harness.advance_ms(1_200);
    harness.topic().partitions[0] = (1, 1);
    harness.refresh();
    let new = harness.take();
    assert_eq!((old.broker, new.broker), (0, 1));
    assert_eq!(new.batches, old.batches);
    // The late answer of the old leader is ignored.
    harness.reply(&old, |_| code(6));
    assert!(is_open(&delivery));
    harness.reply(&new, |_| ok());
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn a_plain_producer_waits_for_the_old_leader() {
    let mut harness = plain();
    let delivery = harness.send(0);
    let old = harness.take();
    harness.advance_ms(1_200);
    harness.topic().partitions[0] = (1, 1);
    harness.refresh();
    drop(harness.send(0));
    harness.assert_idle();
    harness.reply(&old, |_| code(6));
    harness.advance_ms(150);
    let new = harness.accept();
    assert_eq!((new.broker, &new.batches), (1, &old.batches));
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn a_hint_to_the_new_leader_is_followed_without_a_backoff() {
    let mut harness = open();
    harness.answer_metadata = false;
    let delivery = harness.send(0);
    let old = harness.take();
    harness.reply(&old, |_| Answer {
        leader: Some((2, 5)),
        ..code(6)
    });
    let new = harness.take();
    assert_eq!((new.broker, &new.batches), (2, &old.batches));
    harness.reply(&new, |_| ok());
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn a_leader_of_an_older_epoch_is_not_believed() {
    let mut harness = Harness::new(|_| {});
    harness.topic().partitions[0] = (1, 7);
    harness.want(TOPIC);
    harness.topic().partitions[0] = (2, 6);
    harness.refresh();
    drop(harness.send(0));
    assert_eq!(harness.accept().broker, 1);
}
