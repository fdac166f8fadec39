//! The open batch: when it opens, when it is full, how far it grows.

use linger_protocol::records::{HEADER_SIZE, Record};
use rstest::rstest;

use super::{append, encode, events, stamp_next, try_append, values};
use crate::append::appended::AppendError;
use crate::append::appended::Filled;
use crate::append::doorbell::Ready;
use crate::testing::{origin, queue};

#[test]
fn the_first_record_opens_a_batch_and_the_clock_is_read_only_then() {
    let (accumulator, queue) = queue(|_| {});
    let at = origin();
    drop(append(&queue, b"first", at));
    assert_eq!(
        events(&accumulator),
        [Ready::Opened {
            partition: queue.id(),
            at
        }]
    );
    let record = Record::default();
    let _ = queue
        .append(&record, 0, None, || unreachable!("the batch is open"))
        .unwrap();
    assert_eq!(events(&accumulator), []);
    let open = queue.status().open.unwrap();
    assert_eq!((open.count, open.since, open.full), (2, at, false));
    assert_eq!(queue.status().oldest, Some(at));
}

#[test]
fn a_batch_is_full_once_and_keeps_within_batch_size_if_it_leaves_then() {
    let (accumulator, queue) = queue(|config| config.batch_size = 1000);
    let at = origin();
    let mut filled = Vec::new();
    for n in 0..30 {
        let appended = try_append(&queue, &[7; 100], at).unwrap();
        if appended.filled == Filled::Yes {
            filled.push((n, queue.status().open.unwrap().bytes));
        }
    }
    // 61 + 9 * 109 would be 1042.
    assert_eq!(filled, [(7, 61 + 8 * 109)]);
    let partition = queue.id();
    assert_eq!(
        events(&accumulator),
        [Ready::Opened { partition, at }, Ready::Full { partition }]
    );
    assert!(queue.status().open.unwrap().full);
}

#[test]
fn a_waiting_batch_grows_to_its_limit_and_then_the_next_opens() {
    let (accumulator, queue) = queue(|config| {
        config.batch_size = 1000;
        config.batch_size_max = Some(5_000);
    });
    let at = origin();
    let deliveries: Vec<_> = (0..100).map(|n| append(&queue, &[n; 100], at)).collect();
    let status = queue.status();
    assert_eq!((status.ended, status.sealed), (2, 0));
    let mut read = Vec::new();
    let mut batches = Vec::new();
    while encode(&queue) {
        let batch = stamp_next(&queue).unwrap();
        assert!(batch.size() <= 5_000);
        read.extend(values(&batch));
        batches.push(batch);
    }
    assert_eq!(batches.len(), 3);
    assert_eq!(
        read,
        (0..100).map(|n| vec![n; 100]).collect::<Vec<_>>(),
        "order is kept"
    );
    for (n, batch) in batches.into_iter().enumerate() {
        batch.acknowledge(Some(n as i64 * 1000), None);
    }
    assert!(
        deliveries
            .iter()
            .all(|delivery| delivery.outcome().unwrap().is_ok())
    );
    assert_eq!(accumulator.memory().used(), 0);
    let full = events(&accumulator)
        .iter()
        .filter(|events| matches!(events, Ready::Full { .. }))
        .count();
    assert_eq!(full, 3);
}

#[test]
fn a_batch_opens_as_large_as_the_last_ones_became() {
    let (accumulator, queue) = queue(|_| {});
    let fill = |records| {
        for _ in 0..records {
            drop(append(&queue, &[0; 100], origin()));
        }
        encode(&queue);
        stamp_next(&queue).unwrap().acknowledge(None, None);
    };
    fill(140);
    drop(append(&queue, &[0; 100], origin()));
    assert_eq!(accumulator.memory().used(), 16_384);
    encode(&queue);
    stamp_next(&queue).unwrap().acknowledge(None, None);
    fill(1);
    fill(1);
    drop(append(&queue, &[0; 100], origin()));
    assert!(accumulator.memory().used() <= 4096, "it forgets quickly");
}

#[rstest]
#[case(0, 61 + 7)]
#[case(100_000, 100_000 + 61 + 11)]
fn a_record_that_no_request_may_carry_is_refused(#[case] value: usize, #[case] size: usize) {
    let accepted = |limit| {
        let (_accumulator, queue) = queue(|config| {
            config.max_request_size = limit;
            config.batch_size = 1000;
        });
        try_append(&queue, &vec![0; value], origin()).map(|appended| appended.bytes)
    };
    let size = size.max(4096);
    if value > 0 {
        assert_eq!(accepted(size), Ok(size - HEADER_SIZE));
        assert_eq!(
            accepted(size - 1),
            Err(AppendError::TooLarge {
                size,
                limit: size - 1
            })
        );
    } else {
        assert_eq!(accepted(size), Ok(7));
    }
}
