//! When a batch leaves, and how large it grows until then.

use std::time::Duration;

use linger_protocol::records::Compression;

use super::{LINGER, idempotent};
use crate::sender::rig::{Rig, is_open, ok};

#[test]
fn without_linger_a_record_leaves_at_once() {
    let mut rig = Rig::ready(|config| config.linger = Duration::ZERO);
    drop(rig.append(0, b"a"));
    rig.run();
    assert_eq!(rig.take().only().2, 1);
    drop(rig.append(0, b"b"));
    drop(rig.append(0, b"c"));
    rig.run();
    rig.assert_idle();
}

#[test]
fn without_linger_a_record_leaves_though_its_clock_is_ahead() {
    let mut rig = Rig::ready(|config| config.linger = Duration::ZERO);
    // Appended after the driver read its clock, before it took the news.
    let turn = rig.now;
    rig.now += Duration::from_micros(1);
    drop(rig.append(0, b"a"));
    rig.now = turn;
    rig.run();
    assert_eq!(rig.take().only().2, 1);
}

#[test]
fn a_full_batch_does_not_linger() {
    let mut rig = Rig::ready(|config| config.batch_size = 300);
    drop(rig.append(0, &[0; 100]));
    rig.run();
    rig.assert_idle();
    drop(rig.append(0, &[0; 100]));
    rig.run();
    assert_eq!(rig.take().only().2, 2);
}

#[test]
fn a_batch_that_cannot_leave_keeps_growing() {
    let mut rig = idempotent();
    drop(rig.send(0));
    let first = rig.take();
    for _ in 0..2000 {
        drop(rig.append(0, &[7; 100]));
    }
    rig.advance_ms(100);
    rig.assert_idle();
    rig.reply(&first, |_| ok());
    let second = rig.take();
    assert_eq!(second.only(), (0, 1, 2000), "one batch far above batch.size");
}

#[test]
fn batches_of_several_partitions_grow_less_far_than_one_alone() {
    let largest = |partitions: i32, change: fn(&mut crate::config::Config)| {
        let mut rig = Rig::ready(change);
        (0..partitions).for_each(|partition| drop(rig.append(partition, b"first")));
        rig.advance(LINGER);
        let first = rig.take();
        for _ in 0..6_000 {
            (0..partitions).for_each(|partition| drop(rig.append(partition, &[7; 100])));
        }
        rig.advance_ms(100);
        rig.reply(&first, |_| ok());
        let mut batches = Vec::new();
        while let Some(sent) = rig.produced.front().cloned() {
            let bytes: usize = sent.batches.iter().map(|batch| batch.bytes.len()).sum();
            assert!(sent.batches.len() == 1 || bytes <= 480 * 1024, "{bytes} bytes");
            batches.extend(sent.batches.iter().map(|batch| batch.bytes.len()));
            rig.accept();
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
    let mut rig = Rig::ready(|config| {
        config.batch_size = 300;
        config.batch_size_max = Some(300);
    });
    drop(rig.append(0, &[0; 100]));
    drop(rig.append(0, &[0; 100]));
    let behind = rig.append(0, &[0; 100]);
    rig.advance_ms(1);
    assert_eq!(rig.accept().only().2, 2, "what is full does not linger");
    assert!(is_open(&behind));
    rig.advance(LINGER);
    assert_eq!(rig.accept().only().2, 1);
}

#[test]
fn full_batches_behind_an_unanswered_request_gather_until_their_linger_has_passed() {
    let mut rig = Rig::ready(|config| config.batch_size = 100);
    drop(rig.send(0));
    rig.run();
    rig.accept();
    // One request is out: a full batch waits for company, though not beyond its linger.
    drop(rig.send(0));
    let first = rig.take();
    drop(rig.append(1, &[b'x'; 200]));
    rig.run();
    rig.assert_idle();
    rig.advance(LINGER);
    let second = rig.take();
    assert_eq!(second.partitions(), [1]);
    rig.reply(&first, |_| ok());
    rig.reply(&second, |_| ok());
    // With nothing unanswered a full batch leaves at once.
    drop(rig.append(0, &[b'x'; 200]));
    rig.run();
    assert_eq!(rig.accept().partitions(), [0]);
}

#[test]
fn with_a_codec_a_full_batch_is_encoded_before_it_can_leave() {
    let mut rig = Rig::ready(|config| {
        config.compression = Compression::Lz4 { level: 1 };
        config.batch_size = 1_000;
    });
    drop(rig.send(0));
    let first = rig.take();
    for _ in 0..30 {
        drop(rig.append(0, &[5; 100]));
    }
    rig.run();
    let queue = rig.partition(0).queue().status();
    assert_eq!((queue.encoded, queue.sealed), (1, 0));
    rig.reply(&first, |_| ok());
    while !rig.produced.is_empty() {
        rig.accept();
        rig.advance(LINGER);
    }
    assert_eq!(rig.accumulator.ledger().acknowledged, 31);
}

#[test]
fn a_starved_appender_hurries_what_lingers() {
    let mut rig = Rig::ready(|config| config.linger = Duration::from_secs(5));
    drop(rig.append(0, b"x"));
    rig.run();
    rig.assert_idle();
    rig.sender.handle_ready(crate::doorbell::Ready::Starved, rig.now);
    rig.run();
    rig.accept();
}
