//! What is sent again, and what is known of it when it fails.

use std::time::Duration;

use super::{idempotent, open, short_lived};
use crate::error::Certainty::{NotWritten, PossiblyWritten};
use crate::error::DeliveryErrorKind as Kind;
use crate::sender::rig::{Rig, code, failure, offset, ok};

#[test]
fn a_retriable_refusal_is_sent_again_with_the_same_bytes_after_a_backoff() {
    let mut rig = idempotent();
    let delivery = rig.send(0);
    let first = rig.refuse(19);
    rig.advance_ms(79);
    rig.assert_idle();
    rig.advance_ms(60);
    let again = rig.accept();
    assert_eq!(again.batches, first.batches);
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn successors_of_a_refused_head_wait_for_it_and_order_is_kept() {
    let mut rig = open();
    for _ in 0..3 {
        drop(rig.send(0));
    }
    let all = rig.take_all();
    rig.reply(&all[0], |_| code(19));
    rig.reply(&all[1], |_| code(45));
    rig.reply(&all[2], |_| code(45));
    rig.advance_ms(150);
    let head = rig.take();
    assert_eq!(head.batches, all[0].batches);
    rig.assert_idle();
    rig.reply(&head, |_| ok());
    assert_eq!(rig.accept().batches, all[1].batches);
    assert_eq!(rig.accept().batches, all[2].batches);
    assert_eq!(rig.accumulator.ledger().acknowledged, 4);
}

#[test]
fn a_lost_answer_is_retried_in_order_with_the_same_stamps() {
    let mut rig = open();
    let deliveries: Vec<_> = (0..3).map(|_| rig.send(0)).collect();
    let all: Vec<_> = rig.produced.iter().cloned().collect();
    rig.lose();
    rig.advance_ms(200);
    let head = rig.take();
    assert_ne!(head.c, all[0].c);
    assert_eq!(head.batches, all[0].batches);
    rig.assert_idle();
    rig.reply(&head, |_| ok());
    assert_eq!(rig.accept().batches, all[1].batches);
    assert_eq!(rig.accept().batches, all[2].batches);
    assert!(deliveries.iter().all(|delivery| offset(delivery).is_some()));
}

#[test]
fn what_was_never_written_is_not_possibly_written() {
    let mut rig = Rig::ready(|config| {
        config.retries = 0;
        config.delivery_timeout = Duration::from_secs(36);
    });
    rig.writes = false;
    let delivery = rig.send(0);
    let sent = rig.take();
    rig.dead_ports = vec![9001];
    rig.cut(sent.c, None);
    rig.advance_ms(40_000);
    assert_eq!(failure(&delivery), (Kind::Timeout, NotWritten));
}

#[test]
fn a_retry_budget_of_zero_fails_what_was_lost_as_possibly_written() {
    let mut rig = Rig::ready(|config| config.retries = 0);
    let delivery = rig.send(0);
    rig.lose();
    assert_eq!(failure(&delivery), (Kind::Refused, PossiblyWritten));
}

#[test]
fn an_unanswered_request_ends_its_connection_and_certainty_sticks() {
    let mut rig = short_lived();
    let delivery = rig.send(0);
    let sent = rig.take();
    rig.advance_ms(29_900);
    assert!(rig.live.contains_key(&sent.c));
    rig.advance_ms(500);
    assert!(!rig.live.contains_key(&sent.c));
    let again = rig.take();
    assert_eq!(again.batches, sent.batches);
    // A definite refusal of the second attempt says nothing of the first.
    rig.dead_ports = vec![9001];
    rig.reply(&again, |_| code(19));
    rig.cut(again.c, None);
    rig.advance_ms(10_000);
    assert_eq!(failure(&delivery), (Kind::Timeout, PossiblyWritten));
}

#[test]
fn what_comes_while_a_partition_backs_off_has_its_turn_afterwards() {
    let mut rig = Rig::ready(|config| config.retries = 0);
    drop(rig.send(0));
    rig.lose();
    drop(rig.send(0));
    rig.assert_idle();
    rig.advance_ms(200);
    assert_eq!(rig.take().partitions(), [0]);
}
