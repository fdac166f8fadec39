//! Faults at each point of a request's way.

use rstest::rstest;

use super::*;
use crate::fault::{Rule, RuleId};

fn faulty(rule: &str) -> (World, RuleId) {
    let mut world = World::three();
    let rule: Rule = rule.parse().expect("a rule");
    let id = world.model.add_fault(rule).expect("room for a rule");
    (world, id)
}

fn request() -> ProduceRequest {
    produce(-1, &[(TOPIC, 0, batch(7, 0, 1))])
}

#[rstest]
#[case::parsed("produce:nth=1:parsed:answer=NOT_LEADER_OR_FOLLOWER", 0)]
#[case::before_append("produce:nth=1:before-append:answer=NOT_LEADER_OR_FOLLOWER", 0)]
#[case::appended("produce:nth=1:appended:answer=NOT_LEADER_OR_FOLLOWER", 1)]
#[case::replicated("produce:nth=1:replicated:answer=NOT_LEADER_OR_FOLLOWER", 1)]
#[case::replying("produce:nth=1:replying:answer=NOT_LEADER_OR_FOLLOWER", 1)]
fn an_answer_replaces_the_truth_at_its_point(#[case] rule: &str, #[case] appended: usize) {
    let (mut world, id) = faulty(rule);
    let response = world.ask(0, 11, &request());
    assert_eq!(outcome(&response).error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(world.log(0).len(), appended);
    assert_eq!(world.model.faults().fired(id), 1);
    assert_eq!(
        world.produce(0, -1, batch(7, 0, 1)).error_code,
        ErrorCode::NONE,
        "the retry"
    );
    assert_eq!(world.log(0).len(), 1);
}

#[rstest]
#[case("produce:accepted:close", 0)]
#[case("produce:before-append:close", 0)]
#[case("produce:appended:close", 1)]
#[case("produce:replicated:close", 1)]
#[case("produce:replying:close", 1)]
fn a_close_leaves_what_was_done(#[case] rule: &str, #[case] appended: usize) {
    let (mut world, _) = faulty(rule);
    let connection = world.connect(0);
    world.send(connection, 11, &request());
    assert_eq!(world.told(connection), [Answer::Closed(Close::Fin)]);
    assert_eq!(world.log(0).len(), appended);
    assert_eq!(
        world.model.high_watermark(TOPIC, 0),
        Some(appended as i64),
        "replication goes on"
    );
}

#[rstest]
#[case("produce:accepted:lose")]
#[case("produce:appended:lose")]
#[case("produce:replying:lose")]
fn a_lost_answer_is_a_request_that_was_carried_out(#[case] rule: &str) {
    let (mut world, _) = faulty(rule);
    let connection = world.connect(0);
    world.send(connection, 11, &request());
    assert_eq!(world.told(connection), [Answer::Resumed]);
    assert_eq!(world.log(0).len(), 1);
}

#[rstest]
#[case("produce:accepted:delay=10ms", 0)]
#[case("produce:parsed:delay=10ms", 0)]
#[case("produce:before-append:delay=10ms", 0)]
#[case("produce:appended:delay=10ms", 1)]
#[case("produce:replicated:delay=10ms", 1)]
#[case("produce:replying:delay=10ms", 1)]
fn a_delay_holds_at_its_point_only(#[case] rule: &str, #[case] appended: usize) {
    let (mut world, id) = faulty(rule);
    let connection = world.connect(0);
    let correlation_id = world.send(connection, 11, &request());
    world.pass(MS * 9);
    assert_eq!((world.told(connection), world.log(0).len()), (vec![], appended));
    world.pass(MS);
    let response = world.answer::<ProduceRequest>(connection, 11, correlation_id);
    assert_eq!(outcome(&response).error_code, ErrorCode::NONE);
    assert_eq!(world.model.faults().fired(id), 1);
}

#[test]
fn a_barrier_holds_until_it_is_released() {
    let (mut world, _) = faulty("produce:appended:hold=gate");
    let connection = world.connect(0);
    let correlation_id = world.send(connection, 11, &request());
    world.pass(Duration::from_secs(3600));
    assert_eq!(world.told(connection), []);
    world.control(Control::Release("other".into()));
    assert_eq!(world.told(connection), []);
    world.control(Control::Release("gate".into()));
    let response = world.answer::<ProduceRequest>(connection, 11, correlation_id);
    assert_eq!(outcome(&response).error_code, ErrorCode::NONE);
}

#[test]
fn replicas_that_die_after_the_append_give_20() {
    let mut config = config(3);
    config.topics[0].min_insync_replicas = Some(2);
    let mut world = World::new(config);
    world
        .model
        .add_fault("produce:appended:hold=gate".parse().expect("a rule"))
        .expect("room");
    let connection = world.connect(0);
    let correlation_id = world.send(connection, 11, &request());
    world.control(Control::Stop(1));
    world.control(Control::Stop(2));
    world.control(Control::Release("gate".into()));
    let response = world.answer::<ProduceRequest>(connection, 11, correlation_id);
    assert_eq!(
        outcome(&response).error_code,
        ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
    );
    assert_eq!(world.log(0).len(), 1);
}

#[test]
fn a_throttle_is_announced_and_mutes_the_connection() {
    let (mut world, _) = faulty("produce:replying:throttle=50ms");
    let connection = world.connect(0);
    let correlation_id = world.send(connection, 11, &request());
    let answers = world.told(connection);
    let [Answer::Frame(frame, None)] = answers.as_slice() else {
        panic!("an answer alone: {answers:?}")
    };
    assert_eq!(
        decode::<ProduceRequest>(frame, 11, correlation_id).throttle_time_ms,
        50
    );
    world.pass(MS * 49);
    assert_eq!(world.told(connection), []);
    world.pass(MS);
    assert_eq!(world.told(connection), [Answer::Resumed]);
}

#[test]
fn a_truncated_answer_names_how_much_of_it_is_sent() {
    let (mut world, _) = faulty("produce:replying:truncate=7");
    let connection = world.connect(0);
    world.send(connection, 11, &request());
    assert!(matches!(
        world.told(connection).as_slice(),
        [Answer::Frame(_, Some(7))]
    ));
}

#[test]
fn a_corrupt_answer_differs_in_one_bit_behind_its_length() {
    let (mut world, id) = faulty("produce:times=1:replying:corrupt");
    let mut frames = Vec::new();
    for _ in 0..2 {
        let connection = world.connect(0);
        world.next_correlation = 5;
        world.send(connection, 11, &request());
        match world.told(connection).as_slice() {
            [Answer::Frame(frame, None), Answer::Resumed] => frames.push(frame.clone()),
            other => panic!("an answer, got {other:?}"),
        }
    }
    // The second is a duplicate's answer: it differs in the append time only, so compare lengths
    // and the first's prefix.
    assert_eq!(frames[0].len(), frames[1].len());
    assert_eq!(frames[0][..4], frames[1][..4]);
    assert_eq!(world.model.faults().fired(id), 1);
}

#[test]
fn a_rule_for_a_partition_leaves_the_others_alone() {
    let (mut world, _) = faulty("produce:topic=orders:partition=1:before-append:answer=CORRUPT_MESSAGE");
    world.control(Control::MoveLeader {
        topic: TOPIC.into(),
        partition: 1,
        to: 0,
    });
    let batches = [(TOPIC, 0, batch(7, 0, 1)), (TOPIC, 1, batch(7, 0, 1))];
    let response = world.ask(0, 11, &produce(-1, &batches));
    let codes: Vec<_> = response.responses[0]
        .partition_responses
        .iter()
        .map(|part| part.error_code)
        .collect();
    assert_eq!(codes, [ErrorCode::NONE, ErrorCode::CORRUPT_MESSAGE]);
}

#[test]
fn acks_0_feels_an_answer_as_a_close() {
    let (mut world, _) = faulty("produce:before-append:answer=NOT_LEADER_OR_FOLLOWER");
    let connection = world.connect(0);
    world.send(connection, 11, &produce(0, &[(TOPIC, 0, batch(7, 0, 1))]));
    assert_eq!(world.told(connection), [Answer::Closed(Close::Fin)]);
}

#[rstest]
#[case::parsed("parsed:answer=NOT_CONTROLLER")]
#[case::replying("replying:answer=NOT_CONTROLLER")]
fn every_api_has_a_shape_for_an_answer(#[case] rule: &str) {
    let (mut world, _) = faulty(rule);
    let code = ErrorCode::NOT_CONTROLLER;
    assert_eq!(
        world
            .ask(
                0,
                4,
                &InitProducerIdRequest {
                    transactional_id: None,
                    ..Default::default()
                }
            )
            .error_code,
        code
    );
    let topics = Some(vec![MetadataRequestTopic {
        name: Some(TOPIC.into()),
        ..Default::default()
    }]);
    assert_eq!(
        world
            .ask(
                0,
                12,
                &MetadataRequest {
                    topics,
                    ..Default::default()
                }
            )
            .topics[0]
            .error_code,
        code
    );
    assert_eq!(world.ask(0, 0, &ApiVersionsRequest::default()).error_code, code);
    assert_eq!(
        world.ask(0, 2, &FindCoordinatorRequest::default()).error_code,
        code
    );
    assert_eq!(world.ask(0, 12, &FetchRequest::default()).error_code, code);
}
