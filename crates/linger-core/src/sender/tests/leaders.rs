//! Leaders that move.

use super::{open, plain};
use crate::sender::rig::{Answer, Rig, TOPIC, code, is_open, offset, ok};

#[test]
fn a_moved_leader_gets_at_once_what_the_old_one_has_not_answered() {
    let mut rig = open();
    let delivery = rig.send(0);
    let old = rig.take();
    rig.advance_ms(1_200);
    rig.topic().partitions[0] = (1, 1);
    rig.refresh();
    let new = rig.take();
    assert_eq!((old.broker, new.broker), (0, 1));
    assert_eq!(new.batches, old.batches);
    // The late answer of the old leader is ignored.
    rig.reply(&old, |_| code(6));
    assert!(is_open(&delivery));
    rig.reply(&new, |_| ok());
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn a_plain_producer_waits_for_the_old_leader() {
    let mut rig = plain();
    let delivery = rig.send(0);
    let old = rig.take();
    rig.advance_ms(1_200);
    rig.topic().partitions[0] = (1, 1);
    rig.refresh();
    drop(rig.send(0));
    rig.assert_idle();
    rig.reply(&old, |_| code(6));
    rig.advance_ms(150);
    let new = rig.accept();
    assert_eq!((new.broker, &new.batches), (1, &old.batches));
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn a_hint_to_the_new_leader_is_followed_without_a_backoff() {
    let mut rig = open();
    rig.answer_metadata = false;
    let delivery = rig.send(0);
    let old = rig.take();
    rig.reply(&old, |_| Answer {
        leader: Some((2, 5)),
        ..code(6)
    });
    let new = rig.take();
    assert_eq!((new.broker, &new.batches), (2, &old.batches));
    rig.reply(&new, |_| ok());
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn a_leader_of_an_older_epoch_is_not_believed() {
    let mut rig = Rig::new(|_| {});
    rig.topic().partitions[0] = (1, 7);
    rig.want(TOPIC);
    rig.topic().partitions[0] = (2, 6);
    rig.refresh();
    drop(rig.send(0));
    assert_eq!(rig.accept().broker, 1);
}
