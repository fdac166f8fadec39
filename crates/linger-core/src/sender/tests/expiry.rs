//! Deliveries that time out.

use std::time::Duration;

use super::short_lived;
use crate::error::Certainty::{NotWritten, PossiblyWritten};
use crate::error::DeliveryErrorKind as Kind;
use crate::sender::rig::{Produced, Rig, TOPIC, code, failure, is_open, offset, ok};

#[test]
fn a_queued_record_expires_as_not_written() {
    let mut rig = Rig::new(|config| config.delivery_timeout = Duration::from_secs(36));
    rig.dead_ports = vec![9001];
    rig.want(TOPIC);
    let delivery = rig.send(0);
    rig.advance_ms(35_900);
    assert!(is_open(&delivery));
    rig.advance_ms(100);
    assert_eq!(failure(&delivery), (Kind::Timeout, NotWritten));
    assert_eq!(rig.accumulator.memory().used(), 0);
}

#[test]
fn a_batch_that_expires_names_what_the_broker_last_said() {
    let check = |unlucky: &dyn Fn(&mut Rig), expected: &str| {
        let mut rig = short_lived();
        let delivery = rig.send(0);
        unlucky(&mut rig);
        rig.advance_ms(36_000);
        let Some(Err(error)) = delivery.outcome() else {
            panic!("it has not expired");
        };
        assert_eq!(error.kind(), Kind::Timeout);
        assert_eq!(error.to_string(), format!("delivery.timeout.ms passed{expected}"));
    };
    let refuse = |rig: &mut Rig, error: i16| {
        let refused = rig.refuse(error);
        rig.advance_ms(2_000);
        refused
    };
    check(&|rig| rig.dead_ports = vec![9001], " (possibly written)");
    // It waits to be sent again.
    check(
        &|rig| {
            refuse(rig, 14);
            rig.dead_ports = vec![9001];
            let refused = rig.refuse(19);
            rig.cut(refused.c, None);
        },
        "; the broker last said NOT_ENOUGH_REPLICAS (19) (not written)",
    );
    // It is sent once more, and nothing answers.
    check(
        &|rig| {
            refuse(rig, 19);
            rig.advance_ms(10_000);
        },
        "; the broker last said NOT_ENOUGH_REPLICAS (19) (possibly written)",
    );
    // A lost attempt says nothing.
    check(
        &|rig| {
            let refused = refuse(rig, 20);
            rig.dead_ports = vec![9001];
            rig.cut(refused.c, None);
        },
        "; the broker last said NOT_ENOUGH_REPLICAS_AFTER_APPEND (20) (possibly written)",
    );
}

/// A rig whose first batch has timed out while its second attempt, which is the request, was under way.
fn expired() -> (Rig, Produced) {
    let mut rig = short_lived();
    let delivery = rig.send(0);
    let sent = rig.take();
    rig.advance_ms(20_000);
    rig.cut(sent.c, None);
    rig.advance_ms(1_000);
    let again = rig.take();
    rig.advance_ms(16_000);
    assert_eq!(failure(&delivery), (Kind::Timeout, PossiblyWritten));
    (rig, again)
}

#[test]
fn after_an_expired_batch_that_was_written_after_all_the_sequence_goes_on() {
    let (mut rig, again) = expired();
    let second = rig.send(0);
    rig.assert_idle();
    rig.reply(&again, |_| ok());
    assert_eq!(rig.accept().only(), (0, 1, 1));
    assert_eq!(offset(&second), Some(100));
}

#[test]
fn after_an_expired_batch_that_was_refused_a_new_epoch_begins() {
    let (mut rig, again) = expired();
    let second = rig.send(0);
    rig.reply(&again, |_| code(19));
    assert_eq!(rig.accept().only(), (1, 0, 1));
    assert_eq!(offset(&second), Some(100));
}

#[test]
fn a_batch_past_its_time_in_a_half_written_frame_ends_the_connection_and_is_not_written() {
    let mut rig = short_lived();
    let first = rig.send(0);
    let sent = rig.take();
    rig.advance_ms(20_000);
    rig.writes = false;
    rig.sender.policy.retries = 9;
    rig.cut(sent.c, None);
    rig.advance_ms(1_000);
    rig.lose();
    drop(rig.append(0, b"y"));
    rig.advance_ms(16_000);
    assert_eq!(
        failure(&first).1,
        PossiblyWritten,
        "the first attempt was written"
    );

    let mut rig = short_lived();
    rig.dead_ports = vec![9001];
    let delivery = rig.send(0);
    rig.advance_ms(20_000);
    rig.dead_ports.clear();
    rig.writes = false;
    rig.advance_ms(5_000);
    let sent = rig.take();
    assert!(is_open(&delivery));
    rig.advance_ms(11_000);
    assert!(!rig.live.contains_key(&sent.c));
    assert_eq!(failure(&delivery), (Kind::Timeout, NotWritten));
}
