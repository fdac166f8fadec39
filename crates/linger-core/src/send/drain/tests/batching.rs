//! When a batch leaves, and how large it grows until then.

use std::time::Duration;

use linger_protocol::records::Compression;

use super::{LINGER, idempotent};
use crate::send::sender::harness::{Harness, is_open, ok};

#[test]
fn without_linger_a_record_leaves_at_once() {
    let mut harness = Harness::ready(|config| config.linger = Duration::ZERO);
    drop(harness.append(0, b"a"));
    harness.run();
    assert_eq!(harness.take().only().2, 1);
    drop(harness.append(0, b"b"));
    drop(harness.append(0, b"c"));
    harness.run();
    harness.assert_idle();
}

#[test]
fn without_linger_a_record_leaves_though_its_clock_is_ahead() {
    let mut harness = Harness::ready(|config| config.linger = Duration::ZERO);
    // Appended after the driver read its clock, before it took the news.
    let turn = harness.now;
    harness.now += Duration::from_micros(1);
    drop(harness.append(0, b"a"));
    harness.now = turn;
    harness.run();
    assert_eq!(harness.take().only().2, 1);
}

#[test]
fn a_full_batch_does_not_linger() {
    let mut harness = Harness::ready(|config| config.batch_size = 300);
    drop(harness.append(0, &[0; 100]));
    harness.run();
    harness.assert_idle();
    drop(harness.append(0, &[0; 100]));
    harness.run();
    assert_eq!(harness.take().only().2, 2);
}

#[test]
fn a_batch_that_cannot_leave_keeps_growing() {
    let mut harness = idempotent();
    drop(harness.send(0));
    let first = harness.take();
    for _ in 0..2000 {
        drop(harness.append(0, &[7; 100]));
    }
    harness.advance_ms(100);
    harness.assert_idle();
    harness.reply(&first, |_| ok());
    let second = harness.take();
    assert_eq!(second.only(), (0, 1, 2000), "one batch far above batch.size");
}

#[test]
fn batches_of_several_partitions_grow_less_far_than_one_alone() {
    let largest = |partitions: i32, change: fn(&mut crate::config::Config)| {
        let mut harness = Harness::ready(change);
        (0..partitions).for_each(|partition| drop(harness.append(partition, b"first")));
        harness.advance(LINGER);
        let first = harness.take();
        for _ in 0..6_000 {
            (0..partitions).for_each(|partition| drop(harness.append(partition, &[7; 100])));
        }
        harness.advance_ms(100);
        harness.reply(&first, |_| ok());
        let mut batches = Vec::new();
        while let Some(sent) = harness.produced.front().cloned() {
            let bytes: usize = sent.batches.iter().map(|batch| batch.bytes.len()).sum();
            assert!(sent.batches.len() == 1 || bytes <= 480 * 1024, "{bytes} bytes");
            batches.extend(sent.batches.iter().map(|batch| batch.bytes.len()));
            harness.accept();
        }
        batches.into_iter().max().unwrap_or(0)
    };
    assert!(largest(1, |_| {}) > 600_000);
    let together = largest(4, |_| {});
    assert!((60_000..=65_536).contains(&together), "{together}");
    let asked = largest(4, |config| config.batch_size_max = Some(200_000));
    assert!((190_000..=200_000).contains(&asked), "{asked}");
}

#[test]
fn a_batch_behind_one_that_could_not_grow_keeps_its_linger() {
    let mut harness = Harness::ready(|config| {
        config.batch_size = 300;
        config.batch_size_max = Some(300);
    });
    drop(harness.append(0, &[0; 100]));
    drop(harness.append(0, &[0; 100]));
    let behind = harness.append(0, &[0; 100]);
    harness.advance_ms(1);
    assert_eq!(harness.accept().only().2, 2, "what is full does not linger");
    assert!(is_open(&behind));
    harness.advance(LINGER);
    assert_eq!(harness.accept().only().2, 1);
}

#[test]
fn full_batches_behind_an_unanswered_request_gather_until_their_linger_has_passed() {
    let mut harness = Harness::ready(|config| config.batch_size = 100);
    drop(harness.send(0));
    harness.run();
    harness.accept();
    // One request is out: a full batch waits for company, though not beyond its linger.
    drop(harness.send(0));
    let first = harness.take();
    drop(harness.append(1, &[b'x'; 200]));
    harness.run();
    harness.assert_idle();
    harness.advance(LINGER);
    let second = harness.take();
    assert_eq!(second.partitions(), [1]);
    harness.reply(&first, |_| ok());
    harness.reply(&second, |_| ok());
    // With nothing unanswered a full batch leaves at once.
    drop(harness.append(0, &[b'x'; 200]));
    harness.run();
    assert_eq!(harness.accept().partitions(), [0]);
}

#[test]
fn with_a_codec_a_full_batch_is_encoded_before_it_can_leave() {
    let mut harness = Harness::ready(|config| {
        config.compression = Compression::Lz4 { level: 1 };
        config.batch_size = 1_000;
    });
    drop(harness.send(0));
    let first = harness.take();
    for _ in 0..30 {
        drop(harness.append(0, &[5; 100]));
    }
    harness.run();
    let queue = harness.partition(0).queue().status();
    assert_eq!((queue.encoded, queue.sealed), (1, 0));
    harness.reply(&first, |_| ok());
    while !harness.produced.is_empty() {
        harness.accept();
        harness.advance(LINGER);
    }
    assert_eq!(harness.accumulator.ledger().acknowledged, 31);
}

#[test]
fn a_starved_appender_hurries_what_lingers() {
    let mut harness = Harness::ready(|config| config.linger = Duration::from_secs(5));
    drop(harness.append(0, b"x"));
    harness.run();
    harness.assert_idle();
    harness
        .sender
        .handle_ready(crate::append::doorbell::Ready::Starved, harness.now);
    harness.run();
    harness.accept();
}
