//! Fetch and ListOffsets.

use rstest::rstest;

use super::*;
use linger_protocol::records::NO_TIMESTAMP;

const ALL: i32 = 1 << 20;

fn fetch(partitions: &[(i32, i64)]) -> FetchRequest {
    let partitions = partitions
        .iter()
        .map(|&(partition, fetch_offset)| FetchPartition {
            partition,
            fetch_offset,
            partition_max_bytes: ALL,
            ..FetchPartition::default()
        });
    FetchRequest {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: ALL,
        topics: vec![FetchTopic {
            topic: TOPIC.into(),
            partitions: partitions.collect(),
        }],
        ..FetchRequest::default()
    }
}

fn only(response: &FetchResponse) -> PartitionData {
    let [topic] = response.responses.as_slice() else {
        panic!("one topic: {response:?}")
    };
    let [partition] = topic.partitions.as_slice() else {
        panic!("one partition: {response:?}")
    };
    partition.clone()
}

/// Base offsets of the batches in an answer.
fn offsets(partition: &PartitionData) -> Vec<i64> {
    let records = partition.records.as_ref().expect("never null").to_bytes();
    linger_protocol::records::batches(&records)
        .map(|batch| batch.expect("a batch").base_offset())
        .collect()
}

/// Batches of one, two and three records.
fn filled() -> World {
    let mut world = World::three();
    for (sequence, count) in [(0, 1), (1, 2), (3, 3)] {
        world.produce(0, -1, batch(7, sequence, count));
    }
    world
}

#[rstest]
fn every_version_reads_whole_batches(#[values(4, 5, 6, 7, 8, 9, 10, 11, 12)] version: i16) {
    let mut world = filled();
    let read = only(&world.ask(0, version, &fetch(&[(0, 2)])));
    assert_eq!(
        (read.error_code, read.high_watermark, read.last_stable_offset),
        (ErrorCode::NONE, 6, 6)
    );
    assert_eq!(offsets(&read), [1, 3], "from the batch that holds the offset");
    assert_eq!(read.aborted_transactions, None);
}

#[test]
fn what_is_read_is_what_was_sent() {
    let mut world = World::three();
    let sent = stamped(NO_PRODUCER, 9, Compression::ZSTD);
    world.produce(0, -1, sent.clone());
    let read = only(&world.ask(0, 12, &fetch(&[(0, 0)])));
    let bytes = read.records.expect("records").to_bytes();
    assert_eq!((bytes.len(), &bytes[16..]), (sent.len(), &sent[16..]));
}

#[test]
fn at_the_end_it_waits_for_records_or_for_its_time() {
    let mut world = filled();
    let connection = world.connect(0);
    let id = world.send(connection, 12, &fetch(&[(0, 6)]));
    world.pass(MS * 499);
    assert_eq!(world.told(connection), []);
    world.pass(MS);
    let read = only(&world.answer::<FetchRequest>(connection, 12, id));
    assert_eq!((read.error_code, offsets(&read)), (ErrorCode::NONE, vec![]));
    assert!(read.records.is_some(), "empty, not null");

    let id = world.send(connection, 12, &fetch(&[(0, 6), (1, 0)]));
    world.pass(MS * 100);
    world.produce(0, -1, batch(7, 6, 1));
    let response = world.answer::<FetchRequest>(connection, 12, id);
    assert_eq!(
        response.responses[0].partitions[1].error_code,
        ErrorCode::NOT_LEADER_OR_FOLLOWER
    );
}

#[test]
fn new_records_wake_a_long_poll_once_they_are_replicated() {
    let mut world = World::slow(10);
    let connection = world.connect(0);
    let id = world.send(connection, 12, &fetch(&[(0, 0)]));
    world.produce(0, 1, batch(7, 0, 1));
    world.pass(MS * 9);
    assert_eq!(world.told(connection), []);
    world.pass(MS);
    assert_eq!(
        offsets(&only(&world.answer::<FetchRequest>(connection, 12, id))),
        [0]
    );
}

#[test]
fn a_long_poll_waits_for_min_bytes() {
    let mut world = World::three();
    let connection = world.connect(0);
    let mut request = fetch(&[(0, 0)]);
    request.min_bytes = 300;
    let id = world.send(connection, 12, &request);
    world.produce(0, -1, batch(7, 0, 1));
    world.produce(0, -1, batch(7, 1, 1));
    assert_eq!(world.told(connection), []);
    world.produce(0, -1, batch(7, 2, 1));
    assert_eq!(
        offsets(&only(&world.answer::<FetchRequest>(connection, 12, id))),
        [0, 1, 2]
    );
}

#[test]
fn a_closed_connection_s_long_poll_is_forgotten() {
    let mut world = World::three();
    let connection = world.connect(0);
    world.send(connection, 12, &fetch(&[(0, 0)]));
    world.model.handle(Event::Closed { connection }, world.now);
    assert_eq!(world.model.poll_timeout(), None);
    world.produce(0, -1, batch(7, 0, 1));
    assert_eq!(world.told(connection), []);
}

#[rstest]
#[case::below(-1, ErrorCode::OFFSET_OUT_OF_RANGE)]
#[case::above(7, ErrorCode::OFFSET_OUT_OF_RANGE)]
fn an_offset_out_of_range_is_answered_at_once(#[case] offset: i64, #[case] code: ErrorCode) {
    let mut world = filled();
    let read = only(&world.ask(0, 12, &fetch(&[(0, offset)])));
    assert_eq!(read.error_code, code);
    assert_eq!(
        (
            read.high_watermark,
            read.last_stable_offset,
            read.log_start_offset
        ),
        (-1, -1, -1)
    );
    assert_eq!(
        (
            read.aborted_transactions,
            read.records.map(|records| records.len())
        ),
        (None, Some(0))
    );
}

#[test]
fn below_the_log_start_is_out_of_range() {
    let mut world = filled();
    world.control(Control::Truncate {
        topic: TOPIC.into(),
        partition: 0,
        before_offset: 3,
    });
    assert_eq!(
        only(&world.ask(0, 12, &fetch(&[(0, 2)]))).error_code,
        ErrorCode::OFFSET_OUT_OF_RANGE
    );
    let read = only(&world.ask(0, 12, &fetch(&[(0, 3)])));
    assert_eq!((offsets(&read), read.log_start_offset), (vec![3], 3));
}

#[test]
fn an_unknown_partition_has_an_empty_list_of_aborted_transactions() {
    let read = only(&filled().ask(0, 12, &fetch(&[(99, 0)])));
    assert_eq!(read.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(read.aborted_transactions, Some(vec![]));
}

#[rstest]
#[case(0, ErrorCode::NONE)]
#[case(-1, ErrorCode::NONE)]
#[case(-5, ErrorCode::NONE)]
#[case(1, ErrorCode::UNKNOWN_LEADER_EPOCH)]
fn the_leader_epoch_is_compared(#[case] epoch: i32, #[case] code: ErrorCode) {
    let mut request = fetch(&[(0, 0)]);
    request.topics[0].partitions[0].current_leader_epoch = epoch;
    assert_eq!(only(&filled().ask(0, 12, &request)).error_code, code);
}

#[test]
fn an_old_leader_epoch_is_fenced_and_told_who_leads() {
    let mut world = filled();
    world.control(Control::MoveLeader {
        topic: TOPIC.into(),
        partition: 0,
        to: 1,
    });
    let mut request = fetch(&[(0, 0)]);
    request.topics[0].partitions[0].current_leader_epoch = 0;
    let read = only(&world.ask(1, 12, &request));
    assert_eq!(read.error_code, ErrorCode::FENCED_LEADER_EPOCH);
    assert_eq!(
        (read.current_leader.leader_id, read.current_leader.leader_epoch),
        (1, 1)
    );
}

#[test]
fn limits_hold_but_for_the_first_batch() {
    let mut world = filled();
    let check = |world: &mut World, max_bytes: i32, partition_max_bytes: i32, expected: &[i64]| {
        let mut request = fetch(&[(0, 0)]);
        request.max_bytes = max_bytes;
        request.topics[0].partitions[0].partition_max_bytes = partition_max_bytes;
        assert_eq!(
            offsets(&only(&world.ask(0, 12, &request))),
            expected,
            "{max_bytes} {partition_max_bytes}"
        );
    };
    check(&mut world, 0, ALL, &[0]);
    check(&mut world, ALL, 0, &[0]);
    let size = world.model.log(TOPIC, 0).map_or(0, PartitionLog::bytes) as i32;
    check(&mut world, size, size, &[0, 1, 3]);
    check(&mut world, size - 1, ALL, &[0, 1]);
    check(&mut world, ALL, size - 1, &[0, 1]);
}

#[test]
fn negative_limits_and_unknown_isolation_levels_are_errors() {
    let mut world = filled();
    let mut request = fetch(&[(0, 0)]);
    request.topics[0].partitions[0].partition_max_bytes = -1;
    assert_eq!(
        only(&world.ask(0, 12, &request)).error_code,
        ErrorCode::UNKNOWN_SERVER_ERROR
    );
    let mut request = fetch(&[(0, 0)]);
    request.max_bytes = -1;
    assert_eq!(
        only(&world.ask(0, 12, &request)).error_code,
        ErrorCode::UNKNOWN_SERVER_ERROR
    );
    let mut request = fetch(&[(0, 0)]);
    request.isolation_level = 2;
    let response = world.ask(0, 12, &request);
    assert_eq!(response.error_code, ErrorCode::UNKNOWN_SERVER_ERROR);
    assert_eq!(only(&response).error_code, ErrorCode::UNKNOWN_SERVER_ERROR);
}

/// What a step of a session is told: its error, its session and how many topics.
fn step(
    world: &mut World,
    broker: i32,
    id: i32,
    epoch: i32,
    partitions: &[(i32, i64)],
) -> (ErrorCode, i32, usize) {
    let mut request = fetch(partitions);
    request.topics.retain(|topic| !topic.partitions.is_empty());
    (request.session_id, request.session_epoch, request.max_wait_ms) = (id, epoch, 0);
    let response = world.ask(broker, 12, &request);
    (response.error_code, response.session_id, response.responses.len())
}

#[test]
fn a_session_tells_news_alone_and_only_its_broker_knows_it() {
    let mut world = filled();
    let (code, id, topics) = step(&mut world, 0, 0, 0, &[(0, 6)]);
    assert_eq!((code, topics), (ErrorCode::NONE, 1));
    assert!(id > 0);
    assert_eq!(step(&mut world, 0, id, 1, &[]), (ErrorCode::NONE, id, 0));
    world.produce(0, -1, batch(7, 6, 1));
    assert_eq!(step(&mut world, 0, id, 2, &[]), (ErrorCode::NONE, id, 1));
    assert_eq!(
        step(&mut world, 1, id, 3, &[]),
        (ErrorCode::FETCH_SESSION_ID_NOT_FOUND, 0, 0)
    );
}

#[test]
fn a_broker_that_stopped_has_forgotten_its_sessions() {
    let mut world = filled();
    let (_, id, _) = step(&mut world, 0, 0, 0, &[(0, 6)]);
    world.control(Control::Freeze(0));
    world.control(Control::Thaw(0));
    assert_eq!(step(&mut world, 0, id, 1, &[]).0, ErrorCode::NONE);
    world.control(Control::Stop(0));
    world.control(Control::Start(0));
    assert_eq!(
        step(&mut world, 0, id, 2, &[]).0,
        ErrorCode::FETCH_SESSION_ID_NOT_FOUND
    );
}

#[test]
fn a_leader_that_moved_is_an_error_in_the_session_until_it_is_forgotten() {
    let mut world = filled();
    let (_, id, _) = step(&mut world, 0, 0, 0, &[(0, 6)]);
    world.control(Control::MoveLeader {
        topic: TOPIC.into(),
        partition: 0,
        to: 1,
    });
    for epoch in 1..3 {
        assert_eq!(step(&mut world, 0, id, epoch, &[]), (ErrorCode::NONE, id, 1));
    }
}

#[test]
fn read_committed_sees_the_same_and_a_list() {
    let mut request = fetch(&[(0, 0)]);
    request.isolation_level = 1;
    let read = only(&filled().ask(0, 12, &request));
    assert_eq!(
        (offsets(&read), read.aborted_transactions),
        (vec![0, 1, 3], Some(vec![]))
    );
}

#[test]
fn a_partition_named_twice_is_answered_once_by_its_last_entry_and_no_partition_at_once() {
    let mut world = filled();
    for (asked, expected) in [([(0, 0), (0, 3)], &[3][..]), ([(0, 3), (0, 0)], &[0, 1, 3])] {
        assert_eq!(offsets(&only(&world.ask(0, 12, &fetch(&asked)))), expected);
    }
    let nothing = world.ask(
        0,
        12,
        &FetchRequest {
            max_wait_ms: 500,
            min_bytes: 1,
            ..FetchRequest::default()
        },
    );
    assert!(nothing.responses.is_empty());
}

fn list(partition: i32, timestamp: i64) -> ListOffsetsRequest {
    let partition = ListOffsetsPartition {
        partition_index: partition,
        timestamp,
        ..Default::default()
    };
    let topic = ListOffsetsTopic {
        name: TOPIC.into(),
        partitions: vec![partition],
    };
    ListOffsetsRequest {
        topics: vec![topic],
        ..Default::default()
    }
}

fn listed(world: &mut World, version: i16, request: &ListOffsetsRequest) -> (ErrorCode, i64, i64) {
    let response = world.ask(0, version, request);
    let partition = &response.topics[0].partitions[0];
    (partition.error_code, partition.timestamp, partition.offset)
}

/// Batches with the given times of records, in each codec in turn.
fn timed() -> World {
    let mut world = World::three();
    let batches = [
        (Compression::None, [10, 30, 20]),
        (Compression::LZ4, [40, 60, 60]),
        (Compression::GZIP, [50, 60, 5]),
    ];
    for (compression, times) in batches {
        let value = [7; 100];
        let record = Record {
            key: None,
            value: Some(&value),
            headers: &[],
        };
        world.produce(
            0,
            -1,
            batch_of(
                NO_PRODUCER,
                compression,
                times.into_iter().map(|time| (record, time)),
            ),
        );
    }
    world
}

#[rstest]
#[case::beginning(-2, 0, NO_TIMESTAMP)]
#[case::end(-1, 9, NO_TIMESTAMP)]
#[case::before_all(0, 0, 10)]
#[case::between(11, 1, 30)]
#[case::in_a_compressed_batch(41, 4, 60)]
#[case::exactly(60, 4, 60)]
#[case::after_all(61, -1, NO_TIMESTAMP)]
#[case::largest(-3, 4, 60)]
#[case::local_beginning(-4, 0, NO_TIMESTAMP)]
#[case::tiered_end(-5, -1, NO_TIMESTAMP)]
fn a_time_is_looked_up_by_record(#[case] asked: i64, #[case] offset: i64, #[case] timestamp: i64) {
    let mut world = timed();
    assert_eq!(
        listed(&mut world, 9, &list(0, asked)),
        (ErrorCode::NONE, timestamp, offset)
    );
}

#[rstest]
#[case(6, -3)]
#[case(7, -4)]
#[case(8, -5)]
#[case(9, -6)]
#[case(9, -99)]
fn a_time_that_the_version_does_not_know_is_35(#[case] version: i16, #[case] asked: i64) {
    assert_eq!(
        listed(&mut timed(), version, &list(0, asked)),
        (ErrorCode::UNSUPPORTED_VERSION, -1, -1)
    );
}

#[test]
fn an_empty_log_has_no_largest_time() {
    assert_eq!(
        listed(&mut World::three(), 9, &list(0, -3)),
        (ErrorCode::NONE, -1, -1)
    );
}

#[test]
fn list_offsets_knows_its_errors() {
    let mut world = timed();
    assert_eq!(
        listed(&mut world, 9, &list(99, -1)).0,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );
    assert_eq!(
        listed(&mut world, 9, &list(1, -1)).0,
        ErrorCode::NOT_LEADER_OR_FOLLOWER
    );
    let mut twice = list(0, -1);
    let again = twice.topics[0].partitions[0].clone();
    twice.topics[0].partitions.push(again);
    assert_eq!(listed(&mut world, 9, &twice).0, ErrorCode::INVALID_REQUEST);
    for (epoch, code) in [
        (0, ErrorCode::NONE),
        (1, ErrorCode::UNKNOWN_LEADER_EPOCH),
        (-2, ErrorCode::FENCED_LEADER_EPOCH),
    ] {
        let mut request = list(0, -1);
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        assert_eq!(listed(&mut world, 9, &request).0, code);
    }
    for version in 1..=9 {
        assert_eq!(listed(&mut world, version, &list(0, -2)).2, 0);
    }
}

#[test]
fn the_end_is_the_high_watermark() {
    let mut world = World::slow(50);
    world.produce(0, 1, batch(7, 0, 3));
    assert_eq!(listed(&mut world, 9, &list(0, -1)).2, 0);
    world.pass(MS * 50);
    assert_eq!(listed(&mut world, 9, &list(0, -1)).2, 3);
}
