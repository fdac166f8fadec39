//! Topics that are new, gone, forbidden or not ready.

use linger_protocol::ErrorCode;

use super::open;
use crate::sender::rig::{Rig, TOPIC};

#[test]
fn a_topic_created_anew_begins_a_new_epoch() {
    let mut rig = open();
    let topic = rig.topic();
    topic.id = [2; 16];
    topic.partitions[0] = (1, 0);
    rig.refresh();
    drop(rig.send(0));
    let sent = rig.accept();
    assert_eq!((sent.broker, sent.only()), (1, (1, 0, 1)));
}

#[test]
fn a_topic_without_partitions_is_asked_for_again() {
    let mut rig = Rig::new(|_| {});
    let partitions = std::mem::take(&mut rig.topic().partitions);
    rig.want(TOPIC);
    assert!(rig.view.as_ref().is_some_and(|view| view.topic(TOPIC).is_none()));
    rig.topic().partitions = partitions;
    rig.advance_ms(150);
    assert!(rig.view.as_ref().is_some_and(|view| view.topic(TOPIC).is_some()));
}

#[test]
fn an_unknown_topic_is_asked_for_within_limits() {
    let mut rig = Rig::new(|_| {});
    rig.topic().error = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    rig.want(TOPIC);
    rig.advance_ms(60_000);
    assert!((40..=100).contains(&rig.metadata_asked), "{}", rig.metadata_asked);
    let asked = rig.metadata_asked;
    rig.advance_ms(60_000);
    assert!(
        rig.metadata_asked <= asked + 2,
        "it is given up after max.block.ms"
    );
}

#[test]
fn a_forbidden_topic_is_shown_as_such() {
    let mut rig = Rig::new(|_| {});
    rig.topic().error = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    rig.want(TOPIC);
    let view = rig.view.clone().expect("a view was published");
    let state = view.topic(TOPIC).map(|topic| topic.state);
    assert_eq!(
        state,
        Some(crate::cluster::TopicState::Error(
            ErrorCode::TOPIC_AUTHORIZATION_FAILED
        ))
    );
}
