//! Deliveries that time out.

use std::time::Duration;

use crate::error::Certainty::{NotWritten, PossiblyWritten};
use crate::error::DeliveryErrorKind as Kind;
use crate::send::sender::harness::{
    Harness, Produced, TOPIC, code, failure, is_open, offset, ok, short_lived,
};

#[test]
fn a_queued_record_expires_as_not_written() {
    let mut harness = Harness::new(|config| config.delivery_timeout = Duration::from_secs(36));
    harness.dead_ports = vec![9001];
    harness.want(TOPIC);
    let delivery = harness.send(0);
    harness.advance_ms(35_900);
    assert!(is_open(&delivery));
    harness.advance_ms(100);
    assert_eq!(failure(&delivery), (Kind::Timeout, NotWritten));
    assert_eq!(harness.accumulator.memory().used(), 0);
}

#[test]
fn a_batch_that_expires_names_what_the_broker_last_said() {
    let check = |unlucky: &dyn Fn(&mut Harness), expected: &str| {
        let mut harness = short_lived();
        let delivery = harness.send(0);
        unlucky(&mut harness);
        harness.advance_ms(36_000);
        let Some(Err(error)) = delivery.outcome() else {
            panic!("it has not expired");
        };
        assert_eq!(error.kind(), Kind::Timeout);
        assert_eq!(error.to_string(), format!("delivery.timeout.ms passed{expected}"));
    };
    let refuse = |harness: &mut Harness, error: i16| {
        let refused = harness.refuse(error);
        harness.advance_ms(2_000);
        refused
    };
    check(&|harness| harness.dead_ports = vec![9001], " (possibly written)");
    // It waits to be sent again.
    check(
        &|harness| {
            refuse(harness, 14);
            harness.dead_ports = vec![9001];
            let refused = harness.refuse(19);
            harness.cut(refused.connection, None);
        },
        "; the broker last said NOT_ENOUGH_REPLICAS (19) (not written)",
    );
    // It is sent once more, and nothing answers.
    check(
        &|harness| {
            refuse(harness, 19);
            harness.advance_ms(10_000);
        },
        "; the broker last said NOT_ENOUGH_REPLICAS (19) (possibly written)",
    );
    // A lost attempt says nothing.
    check(
        &|harness| {
            let refused = refuse(harness, 20);
            harness.dead_ports = vec![9001];
            harness.cut(refused.connection, None);
        },
        "; the broker last said NOT_ENOUGH_REPLICAS_AFTER_APPEND (20) (possibly written)",
    );
}

/// A harness whose first batch has timed out while its second attempt, which is the request, was
/// under way.
fn expired() -> (Harness, Produced) {
    let mut harness = short_lived();
    let delivery = harness.send(0);
    let sent = harness.take();
    harness.advance_ms(20_000);
    harness.cut(sent.connection, None);
    harness.advance_ms(1_000);
    let again = harness.take();
    harness.advance_ms(16_000);
    assert_eq!(failure(&delivery), (Kind::Timeout, PossiblyWritten));
    (harness, again)
}

#[test]
fn after_an_expired_batch_that_was_written_after_all_the_sequence_goes_on() {
    let (mut harness, again) = expired();
    let second = harness.send(0);
    harness.assert_idle();
    harness.reply(&again, |_| ok());
    assert_eq!(harness.accept().only(), (0, 1, 1));
    assert_eq!(offset(&second), Some(100));
}

#[test]
fn after_an_expired_batch_that_was_refused_a_new_epoch_begins() {
    let (mut harness, again) = expired();
    let second = harness.send(0);
    harness.reply(&again, |_| code(19));
    assert_eq!(harness.accept().only(), (1, 0, 1));
    assert_eq!(offset(&second), Some(100));
}

#[test]
fn a_batch_past_its_time_in_a_half_written_frame_ends_the_connection_and_is_not_written() {
    let mut harness = short_lived();
    let first = harness.send(0);
    let sent = harness.take();
    harness.advance_ms(20_000);
    harness.writes = false;

    harness.cut(sent.connection, None);
    harness.advance_ms(1_000);
    harness.lose();
    drop(harness.append(0, b"y"));
    harness.advance_ms(16_000);
    assert_eq!(
        failure(&first).1,
        PossiblyWritten,
        "the first attempt was written"
    );

    let mut harness = short_lived();
    harness.dead_ports = vec![9001];
    let delivery = harness.send(0);
    harness.advance_ms(20_000);
    harness.dead_ports.clear();
    harness.writes = false;
    harness.advance_ms(5_000);
    let sent = harness.take();
    assert!(is_open(&delivery));
    harness.advance_ms(11_000);
    assert!(!harness.live.contains_key(&sent.connection));
    assert_eq!(failure(&delivery), (Kind::Timeout, NotWritten));
}
