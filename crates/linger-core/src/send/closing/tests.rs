//! Flush and close: what there is leaves at once, and all is resolved.

use std::time::Duration;

use crate::error::Certainty::{NotWritten, PossiblyWritten};
use crate::error::DeliveryErrorKind as Kind;
use crate::send::sender::harness::{Harness, failure, idempotent, is_open, offset, open};

#[test]
fn a_flush_does_not_wait_for_linger_and_is_done_when_all_is_resolved() {
    let mut harness = Harness::ready(|config| config.linger = Duration::from_secs(5));
    let delivery = harness.append(0, b"x");
    let flush = harness.flush();
    let later = harness.append(1, b"later");
    harness.run();
    assert!(harness.flushed.is_empty());
    assert_eq!(harness.accept().partitions(), [0]);
    assert_eq!(harness.flushed, [flush]);
    assert_eq!(offset(&delivery), Some(100));
    assert!(is_open(&later));
    harness.assert_idle();
}

#[test]
fn an_empty_flush_is_done_at_once() {
    let mut harness = idempotent();
    let flush = harness.flush();
    assert_eq!(harness.flushed, [flush]);
}

#[test]
fn close_sends_what_there_is_and_then_lets_go() {
    let mut harness = Harness::ready(|config| config.linger = Duration::from_secs(5));
    let delivery = harness.append(0, b"x");
    harness.close_within(Duration::from_secs(9));
    harness.accept();
    assert_eq!(offset(&delivery), Some(100));
    assert!(harness.closed);
    assert!(harness.live.is_empty());
    assert_eq!(harness.sender.poll_timeout(), None);
}

#[test]
fn at_the_deadline_of_close_what_is_left_fails_by_its_certainty() {
    let mut harness = open();
    harness.dead_ports = vec![9002];
    harness.topic().partitions[1] = (1, 1);
    harness.refresh();
    let sent = harness.send(0);
    let queued = harness.send(1);
    harness.close_within(Duration::from_secs(2));
    harness.advance_ms(1_990);
    assert!(!harness.closed);
    harness.advance_ms(10);
    assert!(harness.closed);
    assert_eq!(failure(&sent), (Kind::Closed, PossiblyWritten));
    assert_eq!(failure(&queued), (Kind::Closed, NotWritten));
    drop(harness.produced);
    assert_eq!(harness.accumulator.memory().used(), 0);
}

#[test]
fn at_the_deadline_of_close_a_half_written_request_is_not_written() {
    let mut harness = open();
    harness.writes = false;
    let whole = harness.send(0);
    let half = harness.send(0);
    let first = harness.take();
    harness
        .sender
        .handle_written(first.connection, first.id, harness.now);
    harness.close_within(Duration::from_secs(2));
    harness.advance_ms(2_000);
    assert!(harness.closed);
    assert_eq!(failure(&whole), (Kind::Closed, PossiblyWritten));
    assert_eq!(failure(&half), (Kind::Closed, NotWritten));
}

#[test]
fn a_dropped_sender_fails_what_was_handed_to_a_transport_as_possibly_written() {
    let mut harness = open();
    harness.writes = false;
    let whole = harness.send(0);
    let half = harness.send(0);
    let first = harness.take();
    harness
        .sender
        .handle_written(first.connection, first.id, harness.now);
    drop(harness.sender);
    assert_eq!(failure(&whole), (Kind::Abandoned, PossiblyWritten));
    assert_eq!(failure(&half), (Kind::Abandoned, NotWritten));
}

#[test]
fn a_dropped_sender_fails_what_an_earlier_attempt_may_have_written_as_possibly_written() {
    let mut harness = open();
    let delivery = harness.send(0);
    let sent = harness.take();
    harness.dead_ports = vec![9001];
    harness.cut(sent.connection, None);
    drop(harness.sender);
    assert_eq!(failure(&delivery), (Kind::Abandoned, PossiblyWritten));
}
