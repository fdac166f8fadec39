//! Whose turn it is when memory is short, and what batches hold of it.

use std::task::Poll;

use linger_protocol::records::{HEADER_SIZE, Record, Scratch};
use rstest::rstest;

use super::{append, encode, events, stamp_next, stamped, try_append, values};
use crate::append::appended::AppendError;
use crate::append::doorbell::Ready;
use crate::testing::{Task, origin, queue};

#[test]
fn without_memory_nothing_changes_and_the_sender_is_told_once() {
    let (accumulator, queue) = queue(|config| config.buffer_memory = 8192);
    let other = accumulator.queue(&"t".into(), 1);
    let _first = append(&queue, &[0; 7000], origin());
    let before = (accumulator.ledger(), accumulator.memory().used(), other.status());
    events(&accumulator);
    for _ in 0..3 {
        let refused = try_append(&other, &[0; 600], origin()).unwrap_err();
        assert_eq!(
            refused,
            AppendError::NeedMemory {
                bytes: 1024,
                wake: false
            }
        );
    }
    assert_eq!(events(&accumulator), [Ready::Starved]);
    assert_eq!(
        (accumulator.ledger(), accumulator.memory().used(), other.status()),
        before
    );
    // There is room in the open batch, so a small record needs no memory.
    let _second = append(&queue, &[0; 600], origin());
    assert_eq!(
        try_append(&queue, &[0; 9000], origin()).unwrap_err(),
        AppendError::TooLarge {
            size: 9072,
            limit: 8192
        }
    );
}

#[test]
fn a_waiter_appends_in_its_turn() {
    let (accumulator, queue) = queue(|config| config.buffer_memory = 8192);
    let other = accumulator.queue(&"t".into(), 1);
    let _first = append(&queue, &[0; 7000], origin());
    let Err(AppendError::NeedMemory { bytes, .. }) = try_append(&other, b"x", origin()) else {
        unreachable!()
    };
    let mut wait = accumulator.memory().wait(bytes);
    let task = Task::new();
    assert!(task.poll(&mut wait).is_pending());
    assert!(encode(&queue));
    stamp_next(&queue).unwrap().acknowledge(Some(0), None);
    assert_eq!(task.woken(), 1);
    let Poll::Ready(mut turn) = task.poll(&mut wait) else {
        panic!("it is its turn")
    };
    let record = Record {
        value: Some(b"x"),
        ..Record::default()
    };
    let _ = accumulator
        .append_with_permit(&mut turn, &other, &record, 0, origin)
        .unwrap();
    drop(turn);
    assert_eq!(accumulator.memory().used(), 512);
}

#[test]
fn a_large_record_waits_for_as_much_as_it_needs() {
    let (accumulator, queue) = queue(|config| config.buffer_memory = 16 * 1024);
    let other = accumulator.queue(&"t".into(), 1);
    drop(append(&queue, &[0; 7000], origin()));
    drop(append(&accumulator.queue(&"t".into(), 2), &[0; 7000], origin()));
    let refused = try_append(&other, &[0; 7000], origin()).unwrap_err();
    assert_eq!(
        refused,
        AppendError::NeedMemory {
            bytes: 8192,
            wake: false
        }
    );
}

#[test]
fn ten_thousand_partitions_of_one_small_record_take_five_megabytes() {
    let (accumulator, _queue) = queue(|_| {});
    let topic = "many".into();
    for partition in 0..10_000 {
        drop(append(&accumulator.queue(&topic, partition), &[0; 100], origin()));
    }
    assert_eq!(accumulator.memory().used(), 10_000 * 512);
}

#[rstest]
fn compressed_batches_hold_only_what_they_are_compressed_to(
    #[values("gzip", "snappy", "lz4", "zstd")] codec: &str,
) {
    let (accumulator, queue) = queue(|config| config.compression = codec.parse().unwrap());
    for _ in 0..100 {
        drop(append(&queue, &[b'x'; 100], origin()));
    }
    assert_eq!(accumulator.memory().used(), 16_384);
    let job = queue.seal().unwrap();
    queue.put_encoded(job.run(&mut Scratch::new()));
    let head = queue.status().head_size;
    assert!(head < 2_000);
    assert_eq!(accumulator.memory().used(), head - HEADER_SIZE);
    let batch = stamp_next(&queue).unwrap();
    assert_eq!(values(&batch), vec![vec![b'x'; 100]; 100]);
    batch.acknowledge(None, None);
    assert_eq!(accumulator.memory().used(), 0);
}

#[test]
fn a_retried_batch_is_byte_identical_and_its_memory_waits_for_the_last_clone() {
    let (accumulator, _deliveries, batch) = stamped(|_| {}, 3);
    let (first, second) = (batch.record_set(), batch.record_set());
    assert_eq!(first, second);
    batch.acknowledge(Some(0), None);
    drop(first);
    assert!(accumulator.memory().used() > 0);
    drop(second);
    assert_eq!(accumulator.memory().used(), 0);
}
