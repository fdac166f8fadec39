//! Headers and error codes against the oracle.

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use linger_protocol::header::{RequestHeader, ResponseHeader, request_header_version};
use linger_protocol::{ApiKey, ErrorCode, Reader};

#[test]
fn header_versions_are_the_oracles() {
    for key in ApiKey::ALL {
        let oracle = theirs::ApiKey::try_from(key as i16).expect("known to the oracle");
        for version in key.versions() {
            assert_eq!(
                request_header_version(key as i16, version),
                oracle.request_header_version(version),
                "{key} v{version}"
            );
            assert_eq!(
                key.response_header_version(version),
                oracle.response_header_version(version),
                "{key} v{version}"
            );
        }
    }
}

#[test]
fn headers_are_the_oracles() {
    for key in ApiKey::ALL {
        for version in key.versions() {
            for client_id in [None, Some(""), Some("linger-é")] {
                check_request(key, version, client_id);
            }
            check_response(key, version);
        }
    }
}

fn check_request(key: ApiKey, version: i16, client_id: Option<&'static str>) {
    let header = RequestHeader {
        api_key: key as i16,
        api_version: version,
        correlation_id: i32::MIN,
        client_id: client_id.map(Into::into),
    };
    let mut ours = Vec::new();
    header.encode(&mut ours);
    let oracle = theirs::RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(i32::MIN)
        .with_client_id(client_id.map(StrBytes::from_static_str));
    let mut bytes = Vec::new();
    oracle
        .encode(&mut bytes, request_header_version(key as i16, version))
        .expect("the oracle encodes");
    assert_eq!(ours, bytes, "{key} v{version}");
    assert_eq!(RequestHeader::decode(&mut Reader::new(&bytes.into())), Ok(header));
}

fn check_response(key: ApiKey, version: i16) {
    let header = ResponseHeader {
        correlation_id: 0x1234_5678,
    };
    let mut ours = Vec::new();
    header.encode(&mut ours, key, version);
    let mut bytes = Bytes::from(ours);
    let decoded = ResponseHeader::decode(&mut Reader::new(&bytes), key, version);
    assert_eq!(decoded, Ok(header));
    let oracle = theirs::ResponseHeader::decode(&mut bytes, key.response_header_version(version));
    assert_eq!(
        oracle.expect("the oracle decodes").correlation_id,
        header.correlation_id
    );
    assert!(bytes.is_empty());
}

#[test]
fn error_codes_have_the_oracles_names() {
    for code in ErrorCode::ALL.iter().filter(|code| code.is_error()) {
        let oracle = format!("{:?}", ResponseError::try_from_code(code.0).expect("an error"));
        let name: String = code.name().split('_').map(capitalised).collect();
        assert_eq!(name, oracle, "{code}");
    }
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_owned() + &rest.to_lowercase()
}
