//! Batches that are encoded anew: in halves, or without the records that were refused.

use super::{LINGER, idempotent, open};
use crate::error::Certainty::NotWritten;
use crate::error::DeliveryErrorKind as Kind;
use crate::sender::rig::{Answer, code, failure, offset, ok};

#[test]
fn too_large_a_batch_is_split_and_its_halves_keep_their_sequences() {
    let mut rig = idempotent();
    let deliveries: Vec<_> = (0..4).map(|_| rig.append(0, &[3; 50])).collect();
    rig.advance(LINGER);
    assert_eq!(rig.refuse(10).only(), (0, 0, 4));
    let left = rig.take();
    assert_eq!(left.only(), (0, 0, 2));
    rig.assert_idle();
    rig.reply(&left, |_| Answer {
        base_offset: 10,
        ..ok()
    });
    let right = rig.take();
    assert_eq!(right.only(), (0, 2, 2));
    rig.reply(&right, |_| Answer {
        base_offset: 20,
        ..ok()
    });
    let offsets: Vec<_> = deliveries.iter().map(offset).collect();
    assert_eq!(offsets, [Some(10), Some(11), Some(20), Some(21)]);
    assert_eq!(rig.accumulator.memory().used(), 0);
}

#[test]
fn after_a_batch_was_too_large_the_next_do_not_grow_as_large() {
    let mut rig = open();
    rig.send_many(0, 1_000);
    assert_eq!(rig.refuse(10).only().2, 1_000);
    let half = rig.take();
    rig.send_many(0, 3_000);
    rig.reply(&half, |_| ok());
    let mut counts = Vec::new();
    while !rig.produced.is_empty() {
        counts.push(rig.accept().only().2);
    }
    assert_eq!(counts.iter().sum::<i32>(), 500 + 3_000);
    assert!(counts.iter().all(|count| *count <= 500), "{counts:?}");
}

#[test]
fn a_single_record_that_is_too_large_fails_and_a_new_epoch_begins() {
    let mut rig = idempotent();
    let large = rig.send(0);
    let next = rig.append(0, b"n");
    rig.run();
    rig.refuse(10);
    assert_eq!(failure(&large), (Kind::TooLarge, NotWritten));
    rig.advance(LINGER);
    assert_eq!(rig.accept().only(), (1, 0, 1));
    assert_eq!(offset(&next), Some(100));
}

#[test]
fn a_split_is_followed_by_what_waited_behind_it() {
    let mut rig = open();
    rig.hold_splits = true;
    drop(rig.append(0, b"a"));
    let first = rig.send(0);
    let second = rig.send(0);
    let all = rig.take_all();
    rig.reply(&all[0], |_| code(10));
    rig.reply(&all[1], |_| code(45));
    let third = rig.send(0);
    rig.assert_idle();
    let task = rig.splits.pop_front().expect("a task was given out");
    let result = task.run(&mut linger_protocol::records::Scratch::default());
    rig.sender.handle_split(result, rig.now);
    rig.run();
    let sequences: Vec<_> = (0..4).map(|_| rig.accept().only()).collect();
    assert_eq!(sequences, [(0, 1, 1), (0, 2, 1), (0, 3, 1), (0, 4, 1)]);
    assert!(
        [first, second, third]
            .iter()
            .all(|delivery| offset(delivery).is_some())
    );
}

#[test]
fn culprits_fail_alone_and_the_rest_goes_out_under_a_new_epoch() {
    let mut rig = open();
    let mut deliveries: Vec<_> = (0..3).map(|_| rig.append(0, b"r")).collect();
    rig.advance(LINGER);
    deliveries.push(rig.send(0));
    let all = rig.take_all();
    rig.reply(&all[0], |_| Answer {
        culprits: vec![1],
        ..code(87)
    });
    rig.assert_idle();
    rig.reply(&all[1], |_| code(45));
    let rest = rig.take();
    assert_eq!(rest.only(), (1, 0, 2));
    rig.reply(&rest, |_| ok());
    assert_eq!(rig.accept().only(), (1, 2, 1));
    assert_eq!(failure(&deliveries[1]), (Kind::InvalidRecord, NotWritten));
    assert_eq!(offset(&deliveries[2]), Some(101));
    assert_eq!(offset(&deliveries[3]), Some(100));
}
