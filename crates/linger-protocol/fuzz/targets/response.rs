//! A response that can be read can be written and read again, equal.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use linger_protocol::header::ResponseHeader;
use linger_protocol::messages::ResponseBody;
use linger_protocol::{ApiKey, Reader};

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (key, version, frame) = input;
    let key = ApiKey::ALL[usize::from(key) % ApiKey::ALL.len()];
    let version = i16::from(version % 16);
    let frame = Bytes::copy_from_slice(frame);
    let mut reader = Reader::new(&frame);
    if ResponseHeader::decode(&mut reader, key, version).is_err() {
        return;
    }
    let Ok(body) = ResponseBody::decode(key, version, &mut reader) else {
        return;
    };

    let mut again = Vec::new();
    body.encode(&mut again, version);
    let again = Bytes::from(again);
    let mut reader = Reader::new(&again);
    assert_eq!(ResponseBody::decode(key, version, &mut reader), Ok(body));
    assert_eq!(reader.remaining(), 0);
});
