//! Flush and close: what there is leaves at once, and all is resolved.

use std::time::Duration;

use super::{idempotent, open};
use crate::error::Certainty::{NotWritten, PossiblyWritten};
use crate::error::DeliveryErrorKind as Kind;
use crate::sender::rig::{Rig, failure, is_open, offset};

#[test]
fn a_flush_does_not_wait_for_linger_and_is_done_when_all_is_resolved() {
    let mut rig = Rig::ready(|config| config.linger = Duration::from_secs(5));
    let delivery = rig.append(0, b"x");
    let flush = rig.flush();
    let later = rig.append(1, b"later");
    rig.run();
    assert!(rig.flushed.is_empty());
    assert_eq!(rig.accept().partitions(), [0]);
    assert_eq!(rig.flushed, [flush]);
    assert_eq!(offset(&delivery), Some(100));
    assert!(is_open(&later));
    rig.assert_idle();
}

#[test]
fn an_empty_flush_is_done_at_once() {
    let mut rig = idempotent();
    let flush = rig.flush();
    assert_eq!(rig.flushed, [flush]);
}

#[test]
fn close_sends_what_there_is_and_then_lets_go() {
    let mut rig = Rig::ready(|config| config.linger = Duration::from_secs(5));
    let delivery = rig.append(0, b"x");
    rig.close_within(Duration::from_secs(9));
    rig.accept();
    assert_eq!(offset(&delivery), Some(100));
    assert!(rig.closed);
    assert!(rig.live.is_empty());
    assert_eq!(rig.sender.poll_timeout(), None);
}

#[test]
fn at_the_deadline_of_close_what_is_left_fails_by_its_certainty() {
    let mut rig = open();
    rig.dead_ports = vec![9002];
    rig.topic().partitions[1] = (1, 1);
    rig.refresh();
    let sent = rig.send(0);
    let queued = rig.send(1);
    rig.close_within(Duration::from_secs(2));
    rig.advance_ms(1_990);
    assert!(!rig.closed);
    rig.advance_ms(10);
    assert!(rig.closed);
    assert_eq!(failure(&sent), (Kind::Closed, PossiblyWritten));
    assert_eq!(failure(&queued), (Kind::Closed, NotWritten));
    drop(rig.produced);
    assert_eq!(rig.accumulator.memory().used(), 0);
}

#[test]
fn at_the_deadline_of_close_a_half_written_request_is_not_written() {
    let mut rig = open();
    rig.writes = false;
    let whole = rig.send(0);
    let half = rig.send(0);
    let first = rig.take();
    rig.sender.handle_written(first.c, first.id, rig.now);
    rig.close_within(Duration::from_secs(2));
    rig.advance_ms(2_000);
    assert!(rig.closed);
    assert_eq!(failure(&whole), (Kind::Closed, PossiblyWritten));
    assert_eq!(failure(&half), (Kind::Closed, NotWritten));
}
