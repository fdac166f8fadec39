//! Produce: the order of checks, the codes, what is stored, acks.

use rstest::rstest;

use super::*;
use linger_protocol::records::{LOG_APPEND_TIME_BIT, TRANSACTIONAL_BIT, TimestampType};

#[test]
fn a_batch_is_appended_and_answered_with_its_offset() {
    let mut world = World::three();
    let first = world.produce(0, -1, batch(7, 0, 3));
    assert_eq!(
        (first.error_code, first.base_offset, first.log_append_time_ms),
        (ErrorCode::NONE, 0, -1)
    );
    assert_eq!(first.log_start_offset, 0);
    assert_eq!(world.produce(0, -1, batch(7, 3, 2)).base_offset, 3);
    assert_eq!(world.log(0), [(0, 3), (3, 2)]);
    assert_eq!(world.model.high_watermark(TOPIC, 0), Some(5));
}

#[rstest]
fn every_version_is_answered(#[values(3, 4, 5, 6, 7, 8, 9, 10, 11, 12)] version: i16) {
    let mut world = World::three();
    let response = world.ask(0, version, &produce(-1, &[(TOPIC, 0, batch(7, 0, 3))]));
    assert_eq!(outcome(&response).error_code, ErrorCode::NONE);
}

#[test]
fn a_duplicate_is_acknowledged_with_the_original_offset_and_not_appended() {
    let mut world = World::three();
    for sequence in 0..5 {
        world.produce(0, -1, batch(7, sequence, 1));
    }
    let again = world.produce(0, -1, batch(7, 0, 1));
    assert_eq!(
        (again.error_code, again.base_offset, again.log_append_time_ms),
        (ErrorCode::NONE, 0, WALL_CLOCK_MS)
    );
    assert_eq!(world.log(0).len(), 5);
    let sixth = codes(&mut world, -1, &[batch(7, 5, 1), batch(7, 0, 1)]);
    assert_eq!(sixth, [ErrorCode::NONE, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER]);
}

#[rstest]
#[case::none(Compression::None)]
#[case::gzip(Compression::GZIP)]
#[case::snappy(Compression::Snappy)]
#[case::lz4(Compression::LZ4)]
#[case::zstd(Compression::ZSTD)]
fn every_codec_is_read_back_equal(#[case] compression: Compression) {
    let mut world = World::three();
    let sent = stamped(NO_PRODUCER, 50, compression);
    assert_eq!(world.produce(0, -1, sent.clone()).error_code, ErrorCode::NONE);
    let stored = world
        .model
        .log(TOPIC, 0)
        .and_then(|log| log.last_batch())
        .expect("a batch")
        .to_bytes();
    assert_eq!(
        stored[17..],
        sent[17..],
        "nothing behind the leader epoch and magic changes"
    );
    let records = world.model.records(TOPIC, 0).expect("the partition exists");
    assert_eq!(records.len(), 50);
    assert_eq!((records[49].offset, records[49].timestamp), (49, WALL_CLOCK_MS));
}

#[test]
fn zstd_needs_produce_7() {
    let mut world = World::three();
    let request = produce(-1, &[(TOPIC, 0, stamped(NO_PRODUCER, 9, Compression::ZSTD))]);
    let response = world.ask(0, 6, &request);
    assert_eq!(
        outcome(&response).error_code,
        ErrorCode::UNSUPPORTED_COMPRESSION_TYPE
    );
    let response = world.ask(0, 7, &request);
    assert_eq!(outcome(&response).error_code, ErrorCode::NONE);
}

/// A batch of one uncompressed record, written by hand: `record` is what follows the batch's
/// header.
fn with_body(count: i32, record: &[u8]) -> Bytes {
    let batch = rebodied(&batch_without_producer(1), record);
    reheaded(&batch, |header| {
        header.count = count;
        header.last_offset_delta = count - 1;
    })
}

fn batch_without_producer(count: u32) -> Bytes {
    stamped(NO_PRODUCER, count, Compression::None)
}

/// One record's bytes: length, attributes, timestamp delta, offset delta, null key, null value, no
/// headers.
const EMPTY_RECORD: [u8; 7] = [12, 0, 0, 0, 1, 1, 0];

#[test]
fn a_hand_written_record_is_sound() {
    assert_eq!(
        World::three()
            .produce(0, 1, with_body(1, &EMPTY_RECORD))
            .error_code,
        ErrorCode::NONE
    );
}

#[rstest]
#[case::no_batch(Bytes::new(), ErrorCode::INVALID_RECORD)]
#[case::cut(batch_without_producer(3).slice(..90), ErrorCode::INVALID_RECORD)]
#[case::twelve_zero_bytes(Bytes::from(vec![0; 17]), ErrorCode::CORRUPT_MESSAGE)]
#[case::magic_1({ let mut b = batch_without_producer(1).to_vec(); b[16] = 1; b.into() }, ErrorCode::INVALID_RECORD)]
#[case::magic_3({ let mut b = batch_without_producer(1).to_vec(); b[16] = 3; b.into() }, ErrorCode::CORRUPT_MESSAGE)]
#[case::two_batches([batch_without_producer(1), batch_without_producer(1)].concat().into(), ErrorCode::INVALID_RECORD)]
#[case::second_batch_cut([&batch_without_producer(1)[..], &batch_without_producer(1)[..70]].concat().into(), ErrorCode::NONE)]
#[case::stray_bytes([&batch_without_producer(1)[..], &[0; 11]].concat().into(), ErrorCode::NONE)]
#[case::stray_zeros([&batch_without_producer(1)[..], &[0; 12]].concat().into(), ErrorCode::CORRUPT_MESSAGE)]
#[case::base_offset(reheaded(&batch_without_producer(1), |h| h.base_offset = 1), ErrorCode::INVALID_RECORD)]
#[case::checksum({ let mut b = batch_without_producer(1).to_vec(); b[70] ^= 1; b.into() }, ErrorCode::CORRUPT_MESSAGE)]
#[case::leader_epoch({ let mut b = batch_without_producer(1).to_vec(); b[14] = 9; b.into() }, ErrorCode::NONE)]
#[case::no_records(reheaded(&batch_without_producer(1), |h| (h.count, h.last_offset_delta) = (0, -1)), ErrorCode::INVALID_RECORD)]
#[case::delta(reheaded(&batch_without_producer(2), |h| h.last_offset_delta = 7), ErrorCode::INVALID_RECORD)]
#[case::count(reheaded(&batch_without_producer(2), |h| h.count = 3), ErrorCode::INVALID_RECORD)]
#[case::count_and_delta(reheaded(&batch_without_producer(2), |h| (h.count, h.last_offset_delta) = (3, 2)), ErrorCode::INVALID_RECORD)]
#[case::fewer_counted(reheaded(&batch_without_producer(2), |h| (h.count, h.last_offset_delta) = (1, 0)), ErrorCode::INVALID_RECORD)]
#[case::control(reheaded(&batch_without_producer(1), |h| h.attributes = 0x20), ErrorCode::INVALID_RECORD)]
#[case::unused_bits(reheaded(&batch_without_producer(1), |h| h.attributes = 0x40), ErrorCode::NONE)]
#[case::sequence(reheaded(&batch(7, 0, 1), |h| h.base_sequence = -1), ErrorCode::INVALID_RECORD)]
#[case::no_producer_but_sequence(reheaded(&batch_without_producer(1), |h| h.base_sequence = 5), ErrorCode::NONE)]
#[case::epoch(reheaded(&batch(7, 0, 1), |h| h.producer_epoch = -2), ErrorCode::INVALID_PRODUCER_EPOCH)]
#[case::codec_5(reheaded(&batch_without_producer(1), |h| h.attributes = 5), ErrorCode::UNKNOWN_SERVER_ERROR)]
#[case::garbage_gzip(reheaded(&batch_without_producer(1), |h| h.attributes = 1), ErrorCode::UNKNOWN_SERVER_ERROR)]
#[case::garbage_lz4(reheaded(&batch_without_producer(1), |h| h.attributes = 3), ErrorCode::UNKNOWN_SERVER_ERROR)]
#[case::empty_zstd(reheaded(&with_body(1, &[]), |h| h.attributes = 4), ErrorCode::INVALID_RECORD)]
#[case::compressed_count(reheaded(&stamped(NO_PRODUCER, 20, Compression::LZ4), |h| (h.count, h.last_offset_delta) = (19, 18)), ErrorCode::INVALID_RECORD)]
#[case::record_length(with_body(1, &[14, 0, 0, 0, 1, 1, 0, 0]), ErrorCode::INVALID_RECORD)]
#[case::key_length(with_body(1, &[12, 0, 0, 0, 98, 1, 0]), ErrorCode::INVALID_RECORD)]
#[case::header_count(with_body(1, &[12, 0, 0, 0, 1, 1, 1]), ErrorCode::INVALID_RECORD)]
#[case::key_length_minus_2(with_body(1, &[12, 0, 0, 0, 3, 1, 0]), ErrorCode::NONE)]
#[case::offset_delta(with_body(1, &[12, 0, 0, 8, 1, 1, 0]), ErrorCode::NONE)]
#[case::long_varint(with_body(1, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]), ErrorCode::UNKNOWN_SERVER_ERROR)]
#[case::trailing(with_body(1, &[12, 0, 0, 0, 1, 1, 0, 0]), ErrorCode::INVALID_RECORD)]
fn a_batch_is_checked_as_kafka_checks_it(#[case] batch: Bytes, #[case] code: ErrorCode) {
    let mut world = World::three();
    let outcome = world.produce(0, -1, batch);
    assert_eq!(outcome.error_code, code);
    assert_eq!(
        world.log(0).len(),
        usize::from(code == ErrorCode::NONE),
        "refused means not appended"
    );
}

#[test]
fn compressed_offsets_must_count_from_zero() {
    let mut world = World::three();
    let mut records = EMPTY_RECORD;
    records[3] = 8;
    let packed = Scratch::new()
        .compress(Compression::GZIP, &records.repeat(40))
        .map(<[u8]>::to_vec);
    let batch = rebodied(&batch_without_producer(40), &packed.expect("repeats compress"));
    let batch = reheaded(&batch, |header| header.attributes = 1);
    assert_eq!(
        world.produce(0, -1, batch).error_code,
        ErrorCode::UNKNOWN_SERVER_ERROR
    );
}

#[test]
fn size_counts_before_the_checksum_and_the_checksum_before_the_sequence() {
    let mut config = config(3);
    config.topics[0].message_bytes_max = Some(200);
    let mut world = World::new(config);
    let mut large = batch(7, 0, 9).to_vec();
    large[100] ^= 1;
    let mut corrupt = batch(7, 5, 1).to_vec();
    corrupt[70] ^= 1;
    let refused = [
        reheaded(&large.clone().into(), |header| header.base_offset = 1),
        large.into(),
        corrupt.into(),
        batch(7, 0, 1),
        batch(7, 5, 1),
        batch(7, 1, 1),
    ];
    let expected = [
        ErrorCode::INVALID_RECORD,
        ErrorCode::MESSAGE_TOO_LARGE,
        ErrorCode::CORRUPT_MESSAGE,
        ErrorCode::NONE,
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
        ErrorCode::NONE,
    ];
    assert_eq!(codes(&mut world, -1, &refused), expected);
}

#[test]
fn a_duplicate_with_a_wrong_checksum_is_corrupt() {
    let mut world = World::three();
    world.produce(0, -1, batch(7, 0, 1));
    let mut again = batch(7, 0, 1).to_vec();
    again[80] ^= 1;
    assert_eq!(
        world.produce(0, -1, again.into()).error_code,
        ErrorCode::CORRUPT_MESSAGE
    );
}

#[rstest]
#[case::ahead(3_600_001, ErrorCode::INVALID_TIMESTAMP)]
#[case::an_hour_ahead(3_600_000, ErrorCode::NONE)]
#[case::long_ago(-WALL_CLOCK_MS, ErrorCode::NONE)]
#[case::unknown(-WALL_CLOCK_MS - 1, ErrorCode::NONE)]
#[case::before_all_time(i64::MIN, ErrorCode::INVALID_TIMESTAMP)]
fn a_record_may_be_an_hour_ahead_and_as_old_as_it_likes(#[case] from_now: i64, #[case] code: ErrorCode) {
    let mut world = World::three();
    let record = || Record {
        key: None,
        value: Some(b"x"),
        headers: &[],
    };
    let times = [WALL_CLOCK_MS, WALL_CLOCK_MS.wrapping_add(from_now)];
    let batch = batch_of(
        NO_PRODUCER,
        Compression::None,
        times.into_iter().map(|time| (record(), time)),
    );
    let outcome = world.produce(0, -1, batch);
    assert_eq!(outcome.error_code, code);
    let blamed: Vec<i32> = outcome
        .record_errors
        .iter()
        .map(|error| error.batch_index)
        .collect();
    assert_eq!(blamed, if code == ErrorCode::NONE { vec![] } else { vec![1] });
    assert_eq!(outcome.error_message.is_some(), code != ErrorCode::NONE);
    assert_eq!(
        outcome.log_start_offset, 0,
        "named for failures of the append too"
    );
}

#[test]
fn a_lying_largest_timestamp_is_corrected() {
    let mut world = World::three();
    let liar = reheaded(&batch_without_producer(2), |header| {
        header.max_timestamp = i64::MAX
    });
    assert_eq!(world.produce(0, -1, liar).error_code, ErrorCode::NONE);
    let stored = world
        .model
        .log(TOPIC, 0)
        .and_then(|log| log.last_batch())
        .expect("a batch");
    assert_eq!(stored.header_view().max_timestamp, WALL_CLOCK_MS);
    let bytes = stored.to_bytes();
    let view = BatchView::parse(&bytes).expect("a batch");
    assert_eq!(view.verify_crc(), Ok(()));
}

#[test]
fn the_log_append_time_bit_is_cleared_or_refused() {
    let marked = || {
        reheaded(&batch_without_producer(1), |header| {
            header.attributes = LOG_APPEND_TIME_BIT
        })
    };
    let mut world = World::three();
    assert_eq!(world.produce(0, -1, marked()).error_code, ErrorCode::NONE);
    let stored = world
        .model
        .log(TOPIC, 0)
        .and_then(|log| log.last_batch())
        .expect("a batch");
    assert_eq!(stored.header_view().attributes, 0);

    let mut config = config(3);
    config.topics[0].timestamp_type = TimestampType::LogAppendTime;
    let mut world = World::new(config);
    let refused = world.produce(0, -1, marked());
    assert_eq!(
        (refused.error_code, refused.record_errors.len()),
        (ErrorCode::INVALID_TIMESTAMP, 1)
    );
}

#[test]
fn a_log_append_time_topic_stamps_the_broker_s_time() {
    let mut config = config(3);
    config.topics[0].timestamp_type = TimestampType::LogAppendTime;
    let mut world = World::new(config);
    world.pass(Duration::from_secs(5));
    let outcome = world.produce(0, -1, batch_without_producer(2));
    assert_eq!(
        (outcome.error_code, outcome.log_append_time_ms),
        (ErrorCode::NONE, WALL_CLOCK_MS + 5_000)
    );
    let records = world.model.records(TOPIC, 0).expect("the partition exists");
    assert!(
        records
            .iter()
            .all(|record| record.timestamp == WALL_CLOCK_MS + 5_000)
    );
    let bytes = world
        .model
        .log(TOPIC, 0)
        .and_then(|log| log.last_batch())
        .expect("a batch")
        .to_bytes();
    assert_eq!(BatchView::parse(&bytes).expect("a batch").verify_crc(), Ok(()));
}

#[test]
fn a_compacted_topic_needs_keys() {
    let mut config = config(3);
    config.topics[0].compacted = true;
    let mut world = World::new(config);
    let keys = [Some(b"k".as_slice()), None, Some(b"k"), None];
    let records = keys.map(|key| {
        (
            Record {
                key,
                value: Some(b"v"),
                headers: &[],
            },
            WALL_CLOCK_MS,
        )
    });
    let outcome = world.produce(
        0,
        -1,
        batch_of(NO_PRODUCER, Compression::None, records.into_iter()),
    );
    assert_eq!(outcome.error_code, ErrorCode::INVALID_RECORD);
    let blamed: Vec<i32> = outcome
        .record_errors
        .iter()
        .map(|error| error.batch_index)
        .collect();
    assert_eq!(blamed, [1, 3]);
    assert_eq!(
        world.produce(0, -1, batch_without_producer(2)).error_code,
        ErrorCode::NONE
    );
}

#[test]
fn partitions_are_decided_independently_and_grouped_by_topic() {
    let mut world = World::three();
    let request = produce(
        -1,
        &[
            (TOPIC, 0, batch(7, 0, 1)),
            ("nowhere", 0, batch(7, 0, 1)),
            (TOPIC, 1, batch(7, 0, 1)),
            (TOPIC, 99, batch(7, 0, 1)),
            (TOPIC, -1, batch(7, 0, 1)),
        ],
    );
    let response = world.ask(0, 11, &request);
    let topics: Vec<&str> = response.responses.iter().map(|topic| &*topic.name).collect();
    assert_eq!(topics, [TOPIC, "nowhere"]);
    let codes = response.responses[0]
        .partition_responses
        .iter()
        .map(|part| (part.index, part.error_code));
    let codes: Vec<_> = codes.collect();
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(
        codes,
        [
            (0, ErrorCode::NONE),
            (1, ErrorCode::NOT_LEADER_OR_FOLLOWER),
            (99, unknown),
            (-1, unknown)
        ]
    );
    let refused = &response.responses[0].partition_responses[1];
    assert_eq!((refused.base_offset, refused.log_start_offset), (-1, -1));
    assert_eq!(
        (
            refused.current_leader.leader_id,
            refused.current_leader.leader_epoch
        ),
        (1, 0)
    );
    assert_eq!(
        (
            response.node_endpoints[0].node_id,
            response.node_endpoints[0].port
        ),
        (1, 9093)
    );
    assert!(
        world.model.topics().iter().all(|(name, _)| &**name != "nowhere"),
        "Produce creates no topics"
    );
}

#[test]
fn of_a_partition_named_twice_the_last_batch_counts() {
    let mut world = World::three();
    let response = world.ask(
        0,
        11,
        &produce(
            -1,
            &[(TOPIC, 0, batch(7, 0, 1)), (TOPIC, 0, batch_without_producer(5))],
        ),
    );
    assert_eq!(outcome(&response).error_code, ErrorCode::NONE);
    assert_eq!(world.log(0), [(0, 5)]);
}

#[test]
fn unknown_acks_are_refused_behind_unknown_partitions() {
    let mut world = World::three();
    let response = world.ask(
        0,
        11,
        &produce(2, &[(TOPIC, 0, batch(7, 0, 1)), (TOPIC, 9, batch(7, 0, 1))]),
    );
    let codes: Vec<_> = response.responses[0]
        .partition_responses
        .iter()
        .map(|part| part.error_code)
        .collect();
    assert_eq!(
        codes,
        [
            ErrorCode::INVALID_REQUIRED_ACKS,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        ]
    );
}

#[test]
fn acks_0_is_never_answered_and_an_error_closes_the_connection() {
    let mut world = World::three();
    let connection = world.connect(0);
    world.send(connection, 11, &produce(0, &[(TOPIC, 0, batch(7, 0, 1))]));
    assert_eq!(world.told(connection), [Answer::Resumed]);
    world.send(connection, 11, &produce(0, &[(TOPIC, 0, batch(7, 0, 1))]));
    assert_eq!(
        world.told(connection),
        [Answer::Resumed],
        "a duplicate is no failure"
    );
    world.send(connection, 11, &produce(0, &[]));
    assert_eq!(world.told(connection), [Answer::Resumed]);
    world.send(connection, 11, &produce(0, &[(TOPIC, 0, batch(7, 5, 1))]));
    assert_eq!(world.told(connection), [Answer::Closed(Close::Fin)]);
    assert_eq!(world.log(0), [(0, 1)]);
}

#[test]
fn a_request_without_topics_is_answered() {
    let response = World::three().ask(0, 11, &produce(-1, &[]));
    assert!(response.responses.is_empty());
}

#[rstest]
#[case::without_id(None, 7, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED)]
#[case::unknown_id(Some("tx"), 7, ErrorCode::INVALID_PRODUCER_ID_MAPPING)]
#[case::without_producer(Some("tx"), -1, ErrorCode::NONE)]
fn a_transactional_batch_is_refused(
    #[case] id: Option<&str>,
    #[case] producer: i64,
    #[case] code: ErrorCode,
) {
    let mut world = World::three();
    let batch = reheaded(&batch(producer, 0, 1), |header| {
        header.attributes = TRANSACTIONAL_BIT
    });
    let mut request = produce(-1, &[(TOPIC, 0, batch)]);
    request.transactional_id = id.map(Str::from);
    let response = world.ask(0, 11, &request);
    assert_eq!(outcome(&response).error_code, code);
}

#[test]
fn a_transactional_id_alone_changes_nothing() {
    let mut world = World::three();
    let mut request = produce(-1, &[(TOPIC, 0, batch(7, 0, 1))]);
    request.transactional_id = Some("tx".into());
    let response = world.ask(0, 11, &request);
    assert_eq!(outcome(&response).error_code, ErrorCode::NONE);
}

#[test]
fn retention_moves_the_log_start_and_duplicates_below_it_are_still_known() {
    let mut config = config(3);
    config.retention_bytes = 500;
    let mut world = World::new(config);
    for sequence in 0..5 {
        world.produce(0, -1, batch(7, sequence, 1));
    }
    let start = world.model.log(TOPIC, 0).map(PartitionLog::start);
    assert!(start > Some(0), "{start:?}");
    let again = world.produce(0, -1, batch(7, 0, 1));
    assert_eq!(
        (again.error_code, again.base_offset, Some(again.log_start_offset)),
        (ErrorCode::NONE, 0, start)
    );
}

#[test]
fn a_forgotten_producer_may_start_anywhere() {
    let mut world = World::three();
    world.produce(0, -1, batch(7, 0, 1));
    world.control(Control::ForgetProducer { producer_id: 7 });
    assert_eq!(world.produce(0, -1, batch(7, 50, 1)).error_code, ErrorCode::NONE);
}

#[test]
fn the_sequence_wraps_through_the_whole_broker() {
    let mut world = World::three();
    let answers = codes(
        &mut world,
        -1,
        &[
            batch(7, i32::MAX - 1, 3),
            batch(7, 1, 1),
            batch(7, i32::MAX - 1, 3),
        ],
    );
    assert_eq!(answers, [ErrorCode::NONE; 3]);
    assert_eq!(world.log(0), [(0, 3), (3, 1)]);
    let sequences: Vec<_> = world
        .model
        .records(TOPIC, 0)
        .into_iter()
        .flatten()
        .map(|r| r.sequence)
        .collect();
    assert_eq!(sequences, [Some(i32::MAX - 1), Some(i32::MAX), Some(0), Some(1)]);
}

#[test]
fn a_large_batch_is_stored_where_it_came_in_and_a_small_one_apart() {
    for (count, shares) in [(10, false), (200, true)] {
        let mut frame = Vec::new();
        let header = RequestHeader {
            api_key: 0,
            api_version: 11,
            correlation_id: 1,
            client_id: None,
        };
        header.encode(&mut frame);
        produce(1, &[(TOPIC, 0, batch(7, 0, count))]).encode(&mut frame, 11);
        let frame = Bytes::from(frame);
        let mut world = World::three();
        let connection = world.connect(0);
        world.send_raw(connection, frame.clone());
        let stored = world
            .model
            .log(TOPIC, 0)
            .and_then(|log| log.last_batch())
            .expect("a batch");
        assert_eq!(
            frame.as_ptr_range().contains(&stored.records().as_ptr()),
            shares,
            "{count} records"
        );
    }
}
