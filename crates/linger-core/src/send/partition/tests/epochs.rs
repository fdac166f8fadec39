//! Identities: the producer's id, and an epoch for each partition.

use linger_protocol::ErrorCode;

use crate::error::Certainty::{NotWritten, PossiblyWritten};
use crate::error::DeliveryErrorKind as Kind;
use crate::send::sender::harness::{
    Harness, LINGER, Produced, TOPIC, code, failure, idempotent, is_open, offset, ok, open,
};

#[test]
fn a_producer_id_is_asked_for_until_it_is_given() {
    let mut harness = Harness::new(|_| {});
    harness.id_answers = [7, 14, 15, 16, 51].into();
    harness.want(TOPIC);
    let delivery = harness.send(0);
    harness.assert_idle();
    harness.advance_ms(5_000);
    harness.accept();
    assert_eq!(harness.ids_asked, 6);
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn without_permission_to_be_idempotent_the_producer_fails() {
    let mut harness = Harness::new(|_| {});
    harness.id_answers = [31].into();
    harness.want(TOPIC);
    assert_eq!(
        harness.sender.fatal(),
        Some(ErrorCode::CLUSTER_AUTHORIZATION_FAILED)
    );
}

#[test]
fn a_gap_at_the_head_begins_a_new_epoch_for_this_partition_alone() {
    let mut harness = idempotent();
    for partition in 0..2 {
        drop(harness.append(partition, b"x"));
    }
    harness.advance(LINGER);
    harness.accept();
    for partition in 0..2 {
        drop(harness.append(partition, b"y"));
    }
    harness.advance(LINGER);
    let sent = harness.take();
    harness.reply(&sent, |partition| if partition == 0 { code(59) } else { ok() });
    harness.advance_ms(150);
    let again = harness.accept();
    assert_eq!(again.partitions(), [0]);
    assert_eq!(again.only(), (1, 0, 1));
    drop(harness.append(1, b"z"));
    harness.advance(LINGER);
    assert_eq!(harness.accept().only(), (0, 2, 1), "the other partition goes on");
    assert_eq!(harness.ids_asked, 1);
}

#[test]
fn when_the_epochs_are_used_up_a_new_producer_id_is_asked_for() {
    let mut harness = Harness::new(|_| {});
    harness.next_epoch = i16::MAX;
    harness.want(TOPIC);
    let delivery = harness.send(0);
    harness.next_epoch = 0;
    assert_eq!(harness.refuse(45).only(), (i16::MAX, 0, 1));
    harness.advance_ms(150);
    let again = harness.accept();
    assert_eq!((again.batches[0].producer_id, again.only()), (1002, (0, 0, 1)));
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn an_ambiguous_predecessor_of_a_failed_batch_keeps_its_identity() {
    let mut harness = open();
    let first = harness.send(0);
    let second = harness.send(0);
    let third = harness.send(0);
    let all = harness.take_all();
    harness.reply(&all[0], |_| code(7));
    harness.reply(&all[1], |_| code(29));
    harness.reply(&all[2], |_| code(45));
    assert_eq!(failure(&second), (Kind::Topic, NotWritten));
    harness.advance_ms(150);
    let again = harness.take();
    assert_eq!(again.batches, all[0].batches, "the ambiguous one keeps its stamp");
    harness.assert_idle();
    harness.reply(&again, |_| ok());
    assert_eq!(harness.accept().only(), (1, 0, 1));
    assert_eq!(offset(&first), Some(100));
    assert_eq!(offset(&third), Some(100));
}

#[test]
fn what_may_have_been_written_never_gets_a_new_identity() {
    let mut harness = open();
    let first = harness.send(0);
    let second = harness.send(0);
    let all = harness.take_all();
    harness.reply(&all[0], |_| code(29));
    harness.reply(&all[1], |_| code(7));
    assert_eq!(failure(&first), (Kind::Topic, NotWritten));
    assert_eq!(failure(&second).1, PossiblyWritten);
    drop(harness.send(0));
    harness.advance_ms(150);
    assert_eq!(harness.accept().only(), (1, 0, 1));
}

#[test]
fn what_may_have_been_written_and_cannot_be_sent_again_names_what_the_broker_last_said() {
    let check = |unlucky: &dyn Fn(&mut Harness, &Produced), expected: &str| {
        let mut harness = open();
        drop(harness.send(0));
        let doubtful = harness.send(0);
        let all = harness.take_all();
        harness.reply(&all[0], |_| code(29));
        assert!(is_open(&doubtful));
        unlucky(&mut harness, &all[1]);
        let Some(Err(error)) = doubtful.outcome() else {
            panic!("it has not failed");
        };
        assert_eq!(error.to_string(), format!("refused by the broker{expected}"));
    };
    check(
        &|harness, sent| harness.reply(sent, |_| code(7)),
        ": REQUEST_TIMED_OUT (7) (possibly written)",
    );
    // A lost attempt says nothing.
    check(
        &|harness, sent| {
            harness.cut(sent.connection, None);
            harness.run();
        },
        " (possibly written)",
    );
}
