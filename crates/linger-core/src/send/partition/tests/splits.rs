//! Batches that are encoded anew: in halves, or without the records that were refused.

use crate::error::Certainty::NotWritten;
use crate::error::DeliveryErrorKind as Kind;
use crate::send::sender::harness::{Answer, LINGER, code, failure, idempotent, offset, ok, open};

#[test]
fn too_large_a_batch_is_split_and_its_halves_keep_their_sequences() {
    let mut harness = idempotent();
    let deliveries: Vec<_> = (0..4).map(|_| harness.append(0, &[3; 50])).collect();
    harness.advance(LINGER);
    assert_eq!(harness.refuse(10).only(), (0, 0, 4));
    let left = harness.take();
    assert_eq!(left.only(), (0, 0, 2));
    harness.assert_idle();
    harness.reply(&left, |_| Answer {
        base_offset: 10,
        ..ok()
    });
    let right = harness.take();
    assert_eq!(right.only(), (0, 2, 2));
    harness.reply(&right, |_| Answer {
        base_offset: 20,
        ..ok()
    });
    let offsets: Vec<_> = deliveries.iter().map(offset).collect();
    assert_eq!(offsets, [Some(10), Some(11), Some(20), Some(21)]);
    assert_eq!(harness.accumulator.memory().used(), 0);
}

#[test]
fn after_a_batch_was_too_large_the_next_do_not_grow_as_large() {
    let mut harness = open();
    harness.send_many(0, 1_000);
    assert_eq!(harness.refuse(10).only().2, 1_000);
    let half = harness.take();
    harness.send_many(0, 3_000);
    harness.reply(&half, |_| ok());
    let mut counts = Vec::new();
    while !harness.produced.is_empty() {
        counts.push(harness.accept().only().2);
    }
    assert_eq!(counts.iter().sum::<i32>(), 500 + 3_000);
    assert!(counts.iter().all(|count| *count <= 500), "{counts:?}");
}

#[test]
fn a_single_record_that_is_too_large_fails_and_a_new_epoch_begins() {
    let mut harness = idempotent();
    let large = harness.send(0);
    let next = harness.append(0, b"n");
    harness.run();
    harness.refuse(10);
    assert_eq!(failure(&large), (Kind::TooLarge, NotWritten));
    harness.advance(LINGER);
    assert_eq!(harness.accept().only(), (1, 0, 1));
    assert_eq!(offset(&next), Some(100));
}

#[test]
fn a_split_is_followed_by_what_waited_behind_it() {
    let mut harness = open();
    harness.hold_splits = true;
    drop(harness.append(0, b"a"));
    let first = harness.send(0);
    let second = harness.send(0);
    let all = harness.take_all();
    harness.reply(&all[0], |_| code(10));
    harness.reply(&all[1], |_| code(45));
    let third = harness.send(0);
    harness.assert_idle();
    let task = harness.splits.pop_front().expect("a task was given out");
    let result = task.run(&mut linger_protocol::records::Scratch::default());
    harness.sender.handle_split(result, harness.now);
    harness.run();
    let sequences: Vec<_> = (0..4).map(|_| harness.accept().only()).collect();
    assert_eq!(sequences, [(0, 1, 1), (0, 2, 1), (0, 3, 1), (0, 4, 1)]);
    assert!(
        [first, second, third]
            .iter()
            .all(|delivery| offset(delivery).is_some())
    );
}

#[test]
fn culprits_fail_alone_and_the_rest_goes_out_under_a_new_epoch() {
    let mut harness = open();
    let mut deliveries: Vec<_> = (0..3).map(|_| harness.append(0, b"r")).collect();
    harness.advance(LINGER);
    deliveries.push(harness.send(0));
    let all = harness.take_all();
    harness.reply(&all[0], |_| Answer {
        culprits: vec![1],
        ..code(87)
    });
    harness.assert_idle();
    harness.reply(&all[1], |_| code(45));
    let others = harness.take();
    assert_eq!(others.only(), (1, 0, 2));
    harness.reply(&others, |_| ok());
    assert_eq!(harness.accept().only(), (1, 2, 1));
    assert_eq!(failure(&deliveries[1]), (Kind::InvalidRecord, NotWritten));
    assert_eq!(offset(&deliveries[2]), Some(101));
    assert_eq!(offset(&deliveries[3]), Some(100));
}
