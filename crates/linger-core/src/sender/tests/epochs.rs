//! Identities: the producer's id, and an epoch for each partition.

use linger_protocol::ErrorCode;

use super::{LINGER, idempotent, open};
use crate::error::Certainty::{NotWritten, PossiblyWritten};
use crate::error::DeliveryErrorKind as Kind;
use crate::sender::rig::{Produced, Rig, TOPIC, code, failure, is_open, offset, ok};

#[test]
fn a_producer_id_is_asked_for_until_it_is_given() {
    let mut rig = Rig::new(|_| {});
    rig.id_answers = [7, 14, 15, 16, 51].into();
    rig.want(TOPIC);
    let delivery = rig.send(0);
    rig.assert_idle();
    rig.advance_ms(5_000);
    rig.accept();
    assert_eq!(rig.ids_asked, 6);
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn without_permission_to_be_idempotent_the_producer_fails() {
    let mut rig = Rig::new(|_| {});
    rig.id_answers = [31].into();
    rig.want(TOPIC);
    assert_eq!(rig.sender.fatal(), Some(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
}

#[test]
fn a_gap_at_the_head_begins_a_new_epoch_for_this_partition_alone() {
    let mut rig = idempotent();
    for partition in 0..2 {
        drop(rig.append(partition, b"x"));
    }
    rig.advance(LINGER);
    rig.accept();
    for partition in 0..2 {
        drop(rig.append(partition, b"y"));
    }
    rig.advance(LINGER);
    let sent = rig.take();
    rig.reply(&sent, |partition| if partition == 0 { code(59) } else { ok() });
    rig.advance_ms(150);
    let again = rig.accept();
    assert_eq!(again.partitions(), [0]);
    assert_eq!(again.only(), (1, 0, 1));
    drop(rig.append(1, b"z"));
    rig.advance(LINGER);
    assert_eq!(rig.accept().only(), (0, 2, 1), "the other partition goes on");
    assert_eq!(rig.ids_asked, 1);
}

#[test]
fn when_the_epochs_are_used_up_a_new_producer_id_is_asked_for() {
    let mut rig = Rig::new(|_| {});
    rig.next_epoch = i16::MAX;
    rig.want(TOPIC);
    let delivery = rig.send(0);
    rig.next_epoch = 0;
    assert_eq!(rig.refuse(45).only(), (i16::MAX, 0, 1));
    rig.advance_ms(150);
    let again = rig.accept();
    assert_eq!((again.batches[0].producer_id, again.only()), (1002, (0, 0, 1)));
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn an_ambiguous_predecessor_of_a_failed_batch_keeps_its_identity() {
    let mut rig = open();
    let first = rig.send(0);
    let second = rig.send(0);
    let third = rig.send(0);
    let all = rig.take_all();
    rig.reply(&all[0], |_| code(7));
    rig.reply(&all[1], |_| code(29));
    rig.reply(&all[2], |_| code(45));
    assert_eq!(failure(&second), (Kind::Topic, NotWritten));
    rig.advance_ms(150);
    let again = rig.take();
    assert_eq!(again.batches, all[0].batches, "the ambiguous one keeps its stamp");
    rig.assert_idle();
    rig.reply(&again, |_| ok());
    assert_eq!(rig.accept().only(), (1, 0, 1));
    assert_eq!(offset(&first), Some(100));
    assert_eq!(offset(&third), Some(100));
}

#[test]
fn what_may_have_been_written_never_gets_a_new_identity() {
    let mut rig = open();
    let first = rig.send(0);
    let second = rig.send(0);
    let all = rig.take_all();
    rig.reply(&all[0], |_| code(29));
    rig.reply(&all[1], |_| code(7));
    assert_eq!(failure(&first), (Kind::Topic, NotWritten));
    assert_eq!(failure(&second).1, PossiblyWritten);
    drop(rig.send(0));
    rig.advance_ms(150);
    assert_eq!(rig.accept().only(), (1, 0, 1));
}

#[test]
fn what_may_have_been_written_and_cannot_be_sent_again_names_what_the_broker_last_said() {
    let check = |unlucky: &dyn Fn(&mut Rig, &Produced), expected: &str| {
        let mut rig = open();
        drop(rig.send(0));
        let doubtful = rig.send(0);
        let all = rig.take_all();
        rig.reply(&all[0], |_| code(29));
        assert!(is_open(&doubtful));
        unlucky(&mut rig, &all[1]);
        let Some(Err(error)) = doubtful.outcome() else {
            panic!("it has not failed");
        };
        assert_eq!(error.to_string(), format!("refused by the broker{expected}"));
    };
    check(
        &|rig, sent| rig.reply(sent, |_| code(7)),
        ": REQUEST_TIMED_OUT (7) (possibly written)",
    );
    // A lost attempt says nothing.
    check(
        &|rig, sent| {
            rig.cut(sent.c, None);
            rig.run();
        },
        " (possibly written)",
    );
}
