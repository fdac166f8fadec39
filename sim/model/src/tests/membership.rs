//! Replication, the wait for it, and brokers that stop, freeze and come back.

use super::*;

const NOT_LEADER: ErrorCode = ErrorCode::NOT_LEADER_OR_FOLLOWER;

fn request(sequence: i32) -> ProduceRequest {
    produce(-1, &[(TOPIC, 0, batch(7, sequence, 1))])
}

/// The outcome of a request sent before, and that the connection goes on.
fn answered(world: &mut World, connection: ConnectionId, correlation_id: i32) -> PartitionProduceResponse {
    outcome(&world.answer::<ProduceRequest>(connection, 11, correlation_id))
}

#[test]
fn acks_all_waits_for_every_follower_and_the_connection_with_it() {
    let mut world = World::slow(5);
    let connection = world.connect(0);
    let id = world.send(connection, 11, &request(0));
    world.pass(MS * 4);
    assert_eq!(world.told(connection), []);
    assert_eq!(world.model.high_watermark(TOPIC, 0), Some(0));
    world.pass(MS);
    assert_eq!(answered(&mut world, connection, id).error_code, ErrorCode::NONE);
    assert_eq!(world.model.high_watermark(TOPIC, 0), Some(1));
    let next = world.model.poll_timeout();
    assert!(
        next.is_none_or(|at| at > world.now + MS * 1000),
        "nothing else waits"
    );
}

#[test]
fn acks_1_waits_for_nobody() {
    let mut world = World::slow(5);
    assert_eq!(world.produce(0, 1, batch(7, 0, 1)).error_code, ErrorCode::NONE);
    assert_eq!(world.model.high_watermark(TOPIC, 0), Some(0));
    world.pass(MS * 5);
    assert_eq!(world.model.high_watermark(TOPIC, 0), Some(1));
}

#[test]
fn acks_all_waits_for_the_slowest_follower_in_sync() {
    let mut config = config(3);
    config.follower_latencies = vec![(2, Latency::fixed(MS * 20))];
    let mut world = World::new(config);
    let connection = world.connect(0);
    let id = world.send(connection, 11, &request(0));
    world.pass(MS * 19);
    assert_eq!(world.told(connection), []);
    world.pass(MS);
    assert_eq!(answered(&mut world, connection, id).error_code, ErrorCode::NONE);
}

#[test]
fn one_request_s_partitions_travel_in_one_fetch() {
    let mut world = World::slow(5);
    world.control(Control::MoveLeader {
        topic: TOPIC.into(),
        partition: 1,
        to: 0,
    });
    let connection = world.connect(0);
    let batches = [(TOPIC, 0, batch(7, 0, 1)), (TOPIC, 1, batch(7, 0, 1))];
    let id = world.send(connection, 11, &produce(-1, &batches));
    world.pass(MS * 5);
    let response = world.answer::<ProduceRequest>(connection, 11, id);
    let codes = response.responses[0]
        .partition_responses
        .iter()
        .map(|part| part.error_code);
    assert_eq!(codes.collect::<Vec<_>>(), [ErrorCode::NONE; 2]);
}

#[test]
fn one_fetch_acknowledges_everything_appended_before_it_began_in_order() {
    let mut world = World::slow(10);
    let connections: Vec<_> = (0..4).map(|_| world.connect(0)).collect();
    let mut ids = Vec::new();
    for (sequence, &connection) in connections.iter().enumerate() {
        ids.push(world.send(connection, 11, &request(sequence as i32)));
        world.pass(MS);
    }
    // The first fetch began with the first batch alone; the other three go with the second.
    world.pass(MS * 6);
    assert_eq!(answered(&mut world, connections[0], ids[0]).base_offset, 0);
    world.pass(MS * 9);
    assert!(
        connections[1..]
            .iter()
            .all(|&connection| world.told(connection).is_empty())
    );
    world.pass(MS);
    for nth in 1..4 {
        assert_eq!(
            answered(&mut world, connections[nth], ids[nth]).base_offset,
            nth as i64
        );
    }
}

#[test]
fn one_request_at_a_time_per_connection() {
    let mut world = World::slow(5);
    let connection = world.connect(0);
    let first = world.send(connection, 11, &request(0));
    let second = world.send(connection, 11, &request(1));
    assert_eq!(
        world.log(0),
        [(0, 1)],
        "the second waits behind the first's replication"
    );
    world.pass(MS * 10);
    let answers = world.told(connection);
    let [
        Answer::Frame(one, None),
        Answer::Frame(two, None),
        Answer::Resumed,
    ] = answers.as_slice()
    else {
        panic!("two answers in order, got {answers:?}");
    };
    assert_eq!(outcome(&decode::<ProduceRequest>(one, 11, first)).base_offset, 0);
    assert_eq!(outcome(&decode::<ProduceRequest>(two, 11, second)).base_offset, 1);
}

#[test]
fn the_wait_times_out_with_7_and_the_data_stays() {
    let mut world = World::slow(5_000);
    let connection = world.connect(0);
    let id = world.send(connection, 11, &request(0));
    world.pass(MS * 999);
    assert_eq!(world.told(connection), []);
    world.pass(MS);
    assert_eq!(
        answered(&mut world, connection, id).error_code,
        ErrorCode::REQUEST_TIMED_OUT
    );
    assert_eq!(world.log(0), [(0, 1)]);
    world.pass(MS * 4_000);
    assert_eq!(
        world.produce(0, -1, batch(7, 0, 1)).base_offset,
        0,
        "the retry is a duplicate"
    );
}

#[test]
fn a_duplicate_waits_for_replication_too() {
    let mut world = World::slow(2_000);
    let (one, two) = (world.connect(0), world.connect(0));
    let first = world.send(one, 11, &request(0));
    world.pass(MS * 1_500);
    assert_eq!(
        answered(&mut world, one, first).error_code,
        ErrorCode::REQUEST_TIMED_OUT
    );
    let again = world.send(two, 11, &request(0));
    assert_eq!(world.told(two), []);
    world.pass(MS * 500);
    assert_eq!(answered(&mut world, two, again).error_code, ErrorCode::NONE);
    assert_eq!(world.log(0), [(0, 1)]);
}

#[test]
fn too_few_in_sync_replicas_refuse_acks_all_only() {
    let mut config = config(3);
    config.topics[0].min_insync_replicas = Some(2);
    let mut world = World::new(config);
    world.control(Control::Stop(1));
    world.control(Control::Stop(2));
    assert_eq!(world.model.in_sync(TOPIC, 0), Some(vec![0]));
    let refused = world.produce(0, -1, batch(7, 0, 1));
    assert_eq!(
        (refused.error_code, refused.log_start_offset),
        (ErrorCode::NOT_ENOUGH_REPLICAS, 0)
    );
    assert_eq!(world.log(0), []);
    assert_eq!(world.produce(0, 1, batch(7, 0, 1)).error_code, ErrorCode::NONE);
    assert_eq!(
        world.model.high_watermark(TOPIC, 0),
        Some(0),
        "the high watermark stands still"
    );
    world.control(Control::Start(1));
    assert_eq!(world.model.high_watermark(TOPIC, 0), Some(1));
    assert_eq!(world.produce(0, -1, batch(7, 1, 1)).error_code, ErrorCode::NONE);
}

#[test]
fn min_insync_replicas_above_the_replication_factor_means_all() {
    let mut config = config(3);
    config.topics[0].min_insync_replicas = Some(3);
    config.topics[0].replication_factor = Some(1);
    let mut world = World::new(config);
    assert_eq!(world.produce(0, -1, batch(7, 0, 1)).error_code, ErrorCode::NONE);
}

#[test]
fn a_stopped_leader_is_followed_by_the_next_in_sync_and_acknowledged_records_stay() {
    let mut world = World::three();
    world.produce(0, -1, batch(7, 0, 3));
    let idle = world.connect(0);
    world.control(Control::Stop(0));
    assert_eq!(world.told(idle), [Answer::Closed(Close::Reset)]);
    assert_eq!(world.model.leader(TOPIC, 0), Some(1));
    assert_eq!(world.model.leader_epoch(TOPIC, 0), Some(1));
    assert_eq!(world.model.in_sync(TOPIC, 0), Some(vec![1, 2]));
    assert_eq!(world.log(0), [(0, 3)]);
    assert_eq!(
        world.produce(1, -1, batch(7, 0, 3)).base_offset,
        0,
        "the new leader knows the producer"
    );
    assert_eq!(world.produce(1, -1, batch(7, 3, 1)).base_offset, 3);
    world.control(Control::Start(0));
    assert_eq!(world.model.in_sync(TOPIC, 0), Some(vec![0, 1, 2]));
    assert_eq!(world.produce(0, -1, batch(7, 4, 1)).error_code, NOT_LEADER);
}

#[test]
fn what_only_the_old_leader_had_is_truncated_and_its_sequences_are_free_again() {
    let mut world = World::slow(50);
    world.produce(0, 1, batch(7, 0, 3));
    world.pass(MS * 50);
    world.produce(0, 1, batch(7, 3, 2));
    world.control(Control::Stop(0));
    assert_eq!(world.log(0), [(0, 3)]);
    let lost = world
        .model
        .take_observations()
        .into_iter()
        .find_map(|observation| match observation {
            Observation::Truncated { from, until, .. } => Some((from, until)),
            _ => None,
        });
    assert_eq!(lost, Some((3, 5)));
    assert_eq!(
        world.produce(1, 1, batch(7, 0, 3)).base_offset,
        0,
        "still a duplicate"
    );
    assert_eq!(
        world.produce(1, 1, batch(7, 3, 2)).base_offset,
        3,
        "appended anew"
    );
}

#[test]
fn a_leader_that_moves_answers_6_to_whoever_waits() {
    let mut world = World::slow(50);
    let connection = world.connect(0);
    let id = world.send(connection, 11, &request(0));
    world.control(Control::MoveLeader {
        topic: TOPIC.into(),
        partition: 0,
        to: 2,
    });
    let refused = answered(&mut world, connection, id);
    assert_eq!(
        (refused.error_code, refused.current_leader.leader_id),
        (NOT_LEADER, 2)
    );
    assert_eq!(world.log(0), [], "nobody else had it");
    assert_eq!(world.model.leader_epoch(TOPIC, 0), Some(1));
}

#[test]
fn a_partition_without_followers_moves_with_its_data() {
    let mut config = config(3);
    config.topics[0].replication_factor = Some(1);
    let mut world = World::new(config);
    world.produce(0, -1, batch(7, 0, 3));
    world.control(Control::MoveLeader {
        topic: TOPIC.into(),
        partition: 0,
        to: 2,
    });
    assert_eq!(world.log(0), [(0, 3)]);
    assert_eq!(world.produce(2, -1, batch(7, 3, 1)).base_offset, 3);
    assert_eq!(world.model.replicas(TOPIC, 0), Some(vec![2]));
}

#[test]
fn the_last_replica_in_sync_takes_the_partition_down_and_up_again() {
    let mut world = World::three();
    world.produce(0, -1, batch(7, 0, 1));
    world.control(Control::Stop(1));
    world.control(Control::Stop(2));
    world.produce(0, -1, batch(7, 1, 1));
    world.control(Control::Stop(0));
    assert_eq!(world.model.leader(TOPIC, 0), None);
    world.control(Control::Start(1));
    assert_eq!(
        world.model.leader(TOPIC, 0),
        None,
        "broker 1 lacks an acknowledged record"
    );
    assert_eq!(world.produce(1, -1, batch(7, 2, 1)).error_code, NOT_LEADER);
    world.control(Control::Start(0));
    assert_eq!(world.model.leader(TOPIC, 0), Some(0));
    assert_eq!(world.log(0), [(0, 1), (1, 1)]);
    assert_eq!(world.model.in_sync(TOPIC, 0), Some(vec![0, 1]));
}

#[test]
fn a_frozen_follower_holds_acknowledgements_back_until_it_is_taken_for_dead() {
    let mut world = World::three();
    world.control(Control::Freeze(2));
    let connection = world.connect(0);
    let mut slow = request(0);
    slow.timeout_ms = 60_000;
    let id = world.send(connection, 11, &slow);
    world.pass(Duration::from_millis(8_999));
    assert_eq!(world.told(connection), []);
    world.pass(MS);
    assert_eq!(answered(&mut world, connection, id).error_code, ErrorCode::NONE);
    assert_eq!(world.model.in_sync(TOPIC, 0), Some(vec![0, 1]));
    world.control(Control::Thaw(2));
    assert_eq!(world.model.in_sync(TOPIC, 0), Some(vec![0, 1, 2]));
}

#[test]
fn a_frozen_follower_that_lags_too_long_leaves_the_in_sync_set() {
    let mut config = config(3);
    config.session_timeout = Duration::from_secs(3600);
    let mut world = World::new(config);
    world.control(Control::Freeze(2));
    world.produce(0, 1, batch(7, 0, 1));
    world.pass(Duration::from_secs(30));
    assert_eq!(world.model.high_watermark(TOPIC, 0), Some(0));
    world.pass(Duration::from_secs(15));
    assert_eq!(world.model.in_sync(TOPIC, 0), Some(vec![0, 1]));
    assert_eq!(world.model.high_watermark(TOPIC, 0), Some(1));
}

#[test]
fn a_frozen_leader_answers_nothing_and_learns_on_thawing_that_it_lost() {
    let mut world = World::slow(5);
    let connection = world.connect(0);
    let id = world.send(connection, 11, &request(0));
    world.control(Control::Freeze(0));
    let other = world.connect(0);
    let later = world.send(other, 11, &produce(1, &[(TOPIC, 0, batch(8, 0, 1))]));
    world.pass(Duration::from_millis(8_999));
    assert_eq!(world.model.leader(TOPIC, 0), Some(0));
    world.pass(MS);
    assert_eq!(world.model.leader(TOPIC, 0), Some(1));
    assert_eq!((world.told(connection), world.told(other)), (vec![], vec![]));
    world.control(Control::Thaw(0));
    assert_eq!(answered(&mut world, connection, id).error_code, NOT_LEADER);
    assert_eq!(answered(&mut world, other, later).error_code, NOT_LEADER);
    assert_eq!(world.log(0), []);
}

#[test]
fn a_leader_that_thaws_in_time_goes_on() {
    let mut world = World::slow(5);
    let connection = world.connect(0);
    let mut patient = request(0);
    patient.timeout_ms = 60_000;
    let id = world.send(connection, 11, &patient);
    world.control(Control::Freeze(0));
    world.pass(Duration::from_secs(5));
    world.control(Control::Thaw(0));
    world.pass(MS * 5);
    assert_eq!(answered(&mut world, connection, id).error_code, ErrorCode::NONE);
    assert_eq!(world.model.leader(TOPIC, 0), Some(0));
}

#[test]
fn a_dead_broker_s_requests_die_with_it_and_those_of_a_gone_client_do_not() {
    let mut world = World::slow(5);
    let connection = world.connect(0);
    world.send(connection, 11, &request(0));
    world.model.handle(Event::Closed { connection }, world.now);
    world.pass(MS * 5);
    assert_eq!(world.told(connection), []);
    assert_eq!(world.model.high_watermark(TOPIC, 0), Some(1));
}

#[test]
fn a_failover_that_takes_time_leaves_the_partition_without_service() {
    let mut config = config(3);
    config.failover = Duration::from_secs(2);
    let mut world = World::new(config);
    world.control(Control::Stop(0));
    assert_eq!(world.model.leader(TOPIC, 0), Some(0));
    world.pass(Duration::from_secs(2));
    assert_eq!(world.model.leader(TOPIC, 0), Some(1));
}

#[test]
fn moving_to_a_broker_that_cannot_lead_is_refused() {
    let mut world = World::three();
    let to = |to| Control::MoveLeader {
        topic: TOPIC.into(),
        partition: 0,
        to,
    };
    world.control(Control::Stop(1));
    let now = world.now;
    assert_eq!(
        world.model.control(to(1), now),
        Err(ControlError::NotAlive { broker: 1 })
    );
    assert_eq!(
        world.model.control(to(9), now),
        Err(ControlError::UnknownBroker {
            broker: 9,
            brokers: 3
        })
    );
    let nowhere = Control::MoveLeader {
        topic: TOPIC.into(),
        partition: 9,
        to: 0,
    };
    assert!(matches!(
        world.model.control(nowhere, now),
        Err(ControlError::UnknownPartition { .. })
    ));
}

#[test]
fn the_same_events_give_the_same_actions() {
    let run = || {
        let mut config = config(3);
        config.ack_latency = "uniform:1ms..9ms".parse().expect("a latency");
        let mut world = World::new(config);
        let start = world.now;
        let connections: Vec<_> = (0..5).map(|_| world.connect(0)).collect();
        let mut times = Vec::new();
        for sequence in 0..100 {
            let connection = connections[sequence as usize % 5];
            world.send(connection, 11, &request(sequence));
            world.pass(MS * 2);
            times.push((
                world.told(connection).len(),
                world.model.poll_timeout().map(|at| at - start),
            ));
        }
        times
    };
    assert_eq!(run(), run());
}

/// Where some leader epochs end, as the leader of partition 0 answers.
fn ends_of(world: &mut World, epochs: &[i32]) -> Vec<(i32, i64)> {
    let leader = world.model.leader(TOPIC, 0).expect("it has a leader");
    let asked = epochs.iter().map(|&leader_epoch| OffsetForLeaderPartition {
        leader_epoch,
        ..OffsetForLeaderPartition::default()
    });
    let request = OffsetForLeaderEpochRequest {
        topics: vec![OffsetForLeaderTopic {
            topic: TOPIC.into(),
            partitions: asked.collect(),
        }],
        ..OffsetForLeaderEpochRequest::default()
    };
    let response = world.ask(leader, 4, &request);
    let ends = response.topics[0].partitions.iter().map(|found| {
        assert_eq!(found.error_code, ErrorCode::NONE);
        (found.leader_epoch, found.end_offset)
    });
    ends.collect()
}

#[test]
fn an_epoch_ends_where_the_next_leader_began() {
    let mut world = World::three();
    let lead = |world: &mut World, to: i32| {
        world.control(Control::MoveLeader {
            topic: TOPIC.into(),
            partition: 0,
            to,
        });
    };
    let append = |world: &mut World, count: usize| {
        let leader = world.model.leader(TOPIC, 0).expect("it has a leader");
        for _ in 0..count {
            let appended = world.produce(leader, -1, batch(-1, -1, 1));
            assert_eq!(appended.error_code, ErrorCode::NONE);
        }
    };
    append(&mut world, 2); // epoch 0: offsets 0 and 1
    lead(&mut world, 1);
    append(&mut world, 3); // epoch 1: offsets 2 to 4
    lead(&mut world, 2); // epoch 2 has no record
    lead(&mut world, 1);
    append(&mut world, 1); // epoch 3: offset 5
    assert_eq!(
        ends_of(&mut world, &[-2, -1, 0, 1, 2, 3, 4]),
        [(-2, 0), (-1, -1), (0, 2), (1, 5), (1, 5), (3, 6), (-1, -1)]
    );
    lead(&mut world, 2); // epoch 4 has no record yet
    assert_eq!(ends_of(&mut world, &[3, 4]), [(3, 6), (4, 6)]);
}
