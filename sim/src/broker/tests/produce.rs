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
