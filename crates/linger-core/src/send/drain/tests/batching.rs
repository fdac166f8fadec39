//! When a batch leaves, and how large it grows until then.

use std::time::Duration;

use linger_protocol::records::Compression;
use rstest::rstest;

use crate::send::sender::harness::{Harness, LINGER, TOPIC, idempotent, is_open, ok};

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
    // Appended after the driver read its clock, before it took the events.
    let round = harness.now;
    harness.now += Duration::from_micros(1);
    drop(harness.append(0, b"a"));
    harness.now = round;
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

/// Sends to partitions 0 and 1 of a broker 0 with slow acks and to 2 and 3 of a broker 1 with fast
/// ones, in the order of `first`, and returns the largest batch that waited for each broker
/// meanwhile.
fn largest_waiting(mut harness: Harness, first: [i32; 4]) -> [usize; 2] {
    for (broker, ack) in [(0, 5), (1, 0)] {
        let pacing = &mut harness.broker(broker).pacing;
        (0..8).for_each(|_| pacing.record_ack_wait(Some(Duration::from_millis(ack))));
    }
    for pair in first.chunks(2) {
        pair.iter()
            .for_each(|partition| drop(harness.append(*partition, b"first")));
        harness.advance(LINGER);
    }
    let unanswered = harness.take_all();
    assert_eq!(unanswered.len(), 2);
    for _ in 0..3_000 {
        (0..4).for_each(|partition| drop(harness.append(partition, &[7; 100])));
    }
    harness.advance_ms(100);
    harness.assert_idle();
    unanswered
        .iter()
        .for_each(|produced| harness.reply(produced, |_| ok()));
    let mut largest = [0; 2];
    while !harness.produced.is_empty() {
        let sent = harness.accept();
        for batch in sent.batches {
            let largest = &mut largest[sent.broker as usize];
            *largest = batch.bytes.len().max(*largest);
        }
    }
    largest
}

#[rstest]
fn batches_grow_as_far_as_their_own_broker_has_them_grow(
    #[values([0, 1, 2, 3], [2, 3, 0, 1])] first: [i32; 4],
) {
    let mut harness = Harness::new(|config| config.batch_size = 1_000);
    harness.topic().partitions = vec![(0, 0), (0, 0), (1, 0), (1, 0)];
    harness.want(TOPIC);
    let [slow, fast] = largest_waiting(harness, first);
    assert!(slow > 300_000, "{slow}");
    assert!((60_000..=65_536).contains(&fast), "{fast}");
}

#[test]
fn the_batches_of_a_partition_that_moved_grow_as_far_as_the_new_leader_has_them_grow() {
    let mut harness = Harness::new(|config| config.batch_size = 1_000);
    harness.want(TOPIC);
    // The new leader is named before it is listed.
    harness.topic().partitions = vec![(0, 0), (0, 0), (1, 1), (1, 1)];
    harness.brokers = vec![0, 2];
    harness.refresh();
    harness.brokers = vec![0, 1, 2];
    harness.refresh();
    let [slow, fast] = largest_waiting(harness, [2, 3, 0, 1]);
    assert!(slow > 300_000, "{slow}");
    assert!((60_000..=65_536).contains(&fast), "{fast}");
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
    // One request is out: a full batch waits for others, though not beyond its linger.
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
