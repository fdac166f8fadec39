//! Topics that are new, gone, forbidden or not ready.

use linger_protocol::ErrorCode;

use crate::send::sender::harness::{Harness, TOPIC, open};

#[test]
fn a_topic_created_anew_begins_a_new_epoch() {
    let mut harness = open();
    let topic = harness.topic();
    topic.id = [2; 16];
    topic.partitions[0] = (1, 0);
    harness.refresh();
    drop(harness.send(0));
    let sent = harness.accept();
    assert_eq!((sent.broker, sent.only()), (1, (1, 0, 1)));
}

#[test]
fn a_topic_without_partitions_is_asked_for_again() {
    let mut harness = Harness::new(|_| {});
    let partitions = std::mem::take(&mut harness.topic().partitions);
    harness.want(TOPIC);
    assert!(
        harness
            .view
            .as_ref()
            .is_some_and(|view| view.topic(TOPIC).is_none())
    );
    harness.topic().partitions = partitions;
    harness.advance_ms(150);
    assert!(
        harness
            .view
            .as_ref()
            .is_some_and(|view| view.topic(TOPIC).is_some())
    );
}

#[test]
fn an_unknown_topic_is_asked_for_within_limits() {
    let mut harness = Harness::new(|_| {});
    harness.topic().error = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    harness.want(TOPIC);
    harness.advance_ms(60_000);
    assert!(
        (40..=100).contains(&harness.metadata_asked),
        "{}",
        harness.metadata_asked
    );
    let asked = harness.metadata_asked;
    harness.advance_ms(60_000);
    assert!(
        harness.metadata_asked <= asked + 2,
        "it is given up after max.block.ms"
    );
}

#[test]
fn a_forbidden_topic_is_shown_as_such() {
    let mut harness = Harness::new(|_| {});
    harness.topic().error = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    harness.want(TOPIC);
    let view = harness.view.clone().expect("a view was published");
    let state = view.topic(TOPIC).map(|topic| topic.state);
    assert_eq!(
        state,
        Some(crate::append::cluster_view::TopicState::Error(
            ErrorCode::TOPIC_AUTHORIZATION_FAILED
        ))
    );
}
