//! Frames that are not requests, versions that are not spoken, and the small APIs.

use rstest::rstest;

use super::*;
use linger_protocol::ApiKey;

fn told_for(world: &mut World, frame: &[u8]) -> Vec<Answer> {
    let connection = world.connect(0);
    world.send_raw(connection, Bytes::copy_from_slice(frame));
    world.told(connection)
}

#[rstest]
#[case::cut_header(b"\0\x12\0\x03\0\0\0".as_slice())]
#[case::unknown_api(b"\x03\xe7\0\0\0\0\0\x01\xff\xff".as_slice())]
#[case::controller_api(b"\0\x34\0\0\0\0\0\x01\xff\xff".as_slice())]
#[case::produce_2(b"\0\0\0\x02\0\0\0\x01\xff\xff".as_slice())]
#[case::fetch_13(b"\0\x01\0\x0d\0\0\0\x01\xff\xff\0".as_slice())]
#[case::negative_version(b"\0\x03\xff\xff\0\0\0\x01\xff\xff".as_slice())]
#[case::cut_body(b"\0\x03\0\x01\0\0\0\x01\xff\xff\0\0\0\x05".as_slice())]
#[case::too_many_topics(b"\0\x03\0\x01\0\0\0\x01\xff\xff\x7f\xff\xff\xff".as_slice())]
#[case::null_topics_in_v0(b"\0\x03\0\0\0\0\0\x01\xff\xff\xff\xff\xff\xff".as_slice())]
#[case::api_versions_3_without_body(b"\0\x12\0\x03\0\0\0\x01\xff\xff\0".as_slice())]
#[case::http(b"GET / HTTP/1.1\r\n\r\n".as_slice())]
#[case::tls(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".as_slice())]
#[case::ssh(b"SSH-2.0-OpenSSH_9.6\r\n".as_slice())]
fn hostile_bytes_close_the_connection_without_an_answer(#[case] frame: &[u8]) {
    assert_eq!(told_for(&mut World::three(), frame), [Answer::Closed(Close::Fin)]);
}

#[test]
fn trailing_bytes_and_strange_client_ids_are_tolerated() {
    let mut world = World::three();
    for frame in [
        b"\0\x12\0\0\0\0\0\x01\xff\xffjunk".as_slice(),
        b"\0\x12\0\0\0\0\0\x01\xff\xfe".as_slice(),
        b"\0\x12\0\0\0\0\0\x01\0\0".as_slice(),
        b"\0\x12\0\0\0\0\0\x01\0\x02\xff\xfe".as_slice(),
    ] {
        let told = told_for(&mut world, frame);
        assert!(
            matches!(told.as_slice(), [Answer::Frame(_, None), Answer::Resumed]),
            "{frame:?}: {told:?}"
        );
    }
}

#[rstest]
#[case::version_5(b"\0\x12\0\x05\x01\x02\x03\x04\xff\xff\0".as_slice())]
#[case::version_99(b"\0\x12\0\x63\x01\x02\x03\x04\xff\xff\0whatever".as_slice())]
#[case::negative(b"\0\x12\xff\xff\x01\x02\x03\x04\xff\xff".as_slice())]
fn an_unknown_version_of_api_versions_is_answered_as_version_0(#[case] frame: &[u8]) {
    let mut world = World::three();
    let expected = b"\0\0\0\x10\x01\x02\x03\x04\0\x23\0\0\0\x01\0\x12\0\0\0\x04";
    let answer = Answer::Frame(Bytes::from_static(expected), None);
    assert_eq!(told_for(&mut world, frame), [answer, Answer::Resumed]);
}

fn client() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: "linger".into(),
        client_software_version: "0.1.0".into(),
    }
}

#[rstest]
fn what_is_spoken_is_listed_ascending_by_key(#[values(0, 1, 2, 3, 4)] version: i16) {
    let response = World::three().ask(0, version, &client());
    let listed: Vec<_> = response
        .api_keys
        .iter()
        .map(|api| (api.api_key, api.min_version, api.max_version))
        .collect();
    let expected = [
        (0, 0, 12),
        (1, 4, 12),
        (2, 1, 9),
        (3, 0, 12),
        (10, 0, 6),
        (18, 0, 4),
        (19, 2, 7),
        (20, 1, 6),
        (22, 0, 5),
        (23, 2, 4),
        (32, 1, 4),
    ];
    assert_eq!(
        (response.error_code, listed),
        (ErrorCode::NONE, expected.to_vec())
    );
}

#[test]
fn a_cap_lowers_what_is_listed_and_what_is_accepted() {
    let mut config = config(3);
    config.version_caps = vec![(ApiKey::Produce, 8)];
    let mut world = World::new(config);
    assert_eq!(world.ask(0, 3, &client()).api_keys[0].max_version, 8);
    let connection = world.connect(0);
    world.send(connection, 9, &produce(-1, &[(TOPIC, 0, batch(7, 0, 1))]));
    assert_eq!(world.told(connection), [Answer::Closed(Close::Fin)]);
}

#[rstest]
#[case("")]
#[case("-x")]
#[case("a b")]
#[case("x.")]
fn a_bad_software_name_is_42(#[case] name: &str) {
    let request = ApiVersionsRequest {
        client_software_name: name.into(),
        ..client()
    };
    let response = World::three().ask(0, 3, &request);
    assert_eq!(
        (response.error_code, response.api_keys.len()),
        (ErrorCode::INVALID_REQUEST, 0)
    );
    assert_eq!(World::three().ask(0, 2, &request).error_code, ErrorCode::NONE);
}

#[rstest]
fn every_idempotent_producer_gets_an_id_of_its_own(#[values(0, 1, 2, 3, 4, 5)] version: i16) {
    let mut world = World::three();
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: -5,
        ..Default::default()
    };
    let (one, two) = (world.ask(0, version, &request), world.ask(1, version, &request));
    assert_eq!((one.error_code, one.producer_epoch), (ErrorCode::NONE, 0));
    assert!(one.producer_id >= 0 && one.producer_id != two.producer_id);
}

#[rstest]
#[case::id_without_epoch(None, 0, 5, -1, ErrorCode::INVALID_REQUEST)]
#[case::both_are_ignored(None, 0, 5, 5, ErrorCode::NONE)]
#[case::empty(Some(""), 1_000, -1, -1, ErrorCode::INVALID_REQUEST)]
#[case::no_time(Some("tx"), 0, -1, -1, ErrorCode::INVALID_TRANSACTION_TIMEOUT)]
#[case::too_long(Some("tx"), 900_001, -1, -1, ErrorCode::INVALID_TRANSACTION_TIMEOUT)]
#[case::no_transactions_here(Some("tx"), 60_000, 0, 0, ErrorCode::COORDINATOR_NOT_AVAILABLE)]
fn init_producer_id_is_checked(
    #[case] transactional_id: Option<&str>,
    #[case] transaction_timeout_ms: i32,
    #[case] producer_id: i64,
    #[case] producer_epoch: i16,
    #[case] code: ErrorCode,
) {
    let transactional_id = transactional_id.map(Str::from);
    let request = InitProducerIdRequest {
        transactional_id,
        transaction_timeout_ms,
        producer_id,
        producer_epoch,
    };
    let response = World::three().ask(0, 4, &request);
    assert_eq!(response.error_code, code);
    assert_eq!(response.producer_id >= 0, code == ErrorCode::NONE);
}

#[rstest]
fn nobody_coordinates(#[values(0, 1, 2, 3, 4, 5, 6)] version: i16) {
    let keys: Vec<Str> = if version >= 4 {
        vec!["a".into(), "b".into()]
    } else {
        vec![]
    };
    let mut request = FindCoordinatorRequest {
        key: "a".into(),
        coordinator_keys: keys,
        key_type: 0,
    };
    let response = World::three().ask(0, version, &request);
    let codes: Vec<_> = if version >= 4 {
        response
            .coordinators
            .iter()
            .map(|coordinator| (coordinator.error_code, coordinator.node_id))
            .collect()
    } else {
        vec![(response.error_code, response.node_id)]
    };
    assert!(
        codes
            .iter()
            .all(|code| *code == (ErrorCode::COORDINATOR_NOT_AVAILABLE, -1)),
        "{codes:?}"
    );
    if version >= 1 {
        request.key_type = 9;
        let response = World::three().ask(0, version, &request);
        let code = response
            .coordinators
            .first()
            .map_or(response.error_code, |coordinator| coordinator.error_code);
        assert_eq!(code, ErrorCode::INVALID_REQUEST);
    }
}
