//! What is sent again, and what is known of it when it fails.

use std::time::Duration;

use crate::error::Certainty::{NotWritten, PossiblyWritten};
use crate::error::DeliveryErrorKind as Kind;
use crate::send::sender::harness::{Harness, code, failure, idempotent, offset, ok, open, short_lived};

#[test]
fn a_retriable_refusal_is_sent_again_with_the_same_bytes_after_a_backoff() {
    let mut harness = idempotent();
    let delivery = harness.send(0);
    let first = harness.refuse(19);
    harness.advance_ms(79);
    harness.assert_idle();
    harness.advance_ms(60);
    let again = harness.accept();
    assert_eq!(again.batches, first.batches);
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn successors_of_a_refused_head_wait_for_it_and_order_is_kept() {
    let mut harness = open();
    for _ in 0..3 {
        drop(harness.send(0));
    }
    let all = harness.take_all();
    harness.reply(&all[0], |_| code(19));
    harness.reply(&all[1], |_| code(45));
    harness.reply(&all[2], |_| code(45));
    harness.advance_ms(150);
    let head = harness.take();
    assert_eq!(head.batches, all[0].batches);
    harness.assert_idle();
    harness.reply(&head, |_| ok());
    assert_eq!(harness.accept().batches, all[1].batches);
    assert_eq!(harness.accept().batches, all[2].batches);
    assert_eq!(harness.accumulator.ledger().acknowledged, 4);
}

#[test]
fn a_lost_answer_is_retried_in_order_with_the_same_stamps() {
    let mut harness = open();
    let deliveries: Vec<_> = (0..3).map(|_| harness.send(0)).collect();
    let all: Vec<_> = harness.produced.iter().cloned().collect();
    harness.lose();
    harness.advance_ms(200);
    let head = harness.take();
    assert_ne!(head.connection, all[0].connection);
    assert_eq!(head.batches, all[0].batches);
    harness.assert_idle();
    harness.reply(&head, |_| ok());
    assert_eq!(harness.accept().batches, all[1].batches);
    assert_eq!(harness.accept().batches, all[2].batches);
    assert!(deliveries.iter().all(|delivery| offset(delivery).is_some()));
}

#[test]
fn what_was_never_written_is_not_possibly_written() {
    let mut harness = Harness::ready(|config| {
        config.retries = 0;
        config.delivery_timeout = Duration::from_secs(36);
    });
    harness.writes = false;
    let delivery = harness.send(0);
    let sent = harness.take();
    harness.dead_ports = vec![9001];
    harness.cut(sent.connection, None);
    harness.advance_ms(40_000);
    assert_eq!(failure(&delivery), (Kind::Timeout, NotWritten));
}

#[test]
fn a_retry_budget_of_zero_fails_what_was_lost_as_possibly_written() {
    let mut harness = Harness::ready(|config| config.retries = 0);
    let delivery = harness.send(0);
    harness.lose();
    assert_eq!(failure(&delivery), (Kind::Refused, PossiblyWritten));
}

#[test]
fn an_unanswered_request_ends_its_connection_and_certainty_sticks() {
    let mut harness = short_lived();
    let delivery = harness.send(0);
    let sent = harness.take();
    harness.advance_ms(29_900);
    assert!(harness.live.contains_key(&sent.connection));
    harness.advance_ms(500);
    assert!(!harness.live.contains_key(&sent.connection));
    let again = harness.take();
    assert_eq!(again.batches, sent.batches);
    // A definite refusal of the second attempt says nothing of the first.
    harness.dead_ports = vec![9001];
    harness.reply(&again, |_| code(19));
    harness.cut(again.connection, None);
    harness.advance_ms(10_000);
    assert_eq!(failure(&delivery), (Kind::Timeout, PossiblyWritten));
}

#[test]
fn what_comes_while_a_partition_backs_off_has_its_turn_afterwards() {
    let mut harness = Harness::ready(|config| config.retries = 0);
    drop(harness.send(0));
    harness.lose();
    drop(harness.send(0));
    harness.assert_idle();
    harness.advance_ms(200);
    assert_eq!(harness.take().partitions(), [0]);
}
