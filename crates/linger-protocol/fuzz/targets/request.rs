//! A request that can be read can be written and read again, equal.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use linger_protocol::header::RequestHeader;
use linger_protocol::messages::RequestBody;
use linger_protocol::{ApiKey, Reader};

fuzz_target!(|frame: &[u8]| {
    let frame = Bytes::copy_from_slice(frame);
    let mut reader = Reader::new(&frame);
    let Ok(header) = RequestHeader::decode(&mut reader) else {
        return;
    };
    let Ok(key) = ApiKey::try_from(header.api_key) else {
        return;
    };
    let Ok(body) = RequestBody::decode(key, header.api_version, &mut reader) else {
        return;
    };

    let mut again = Vec::new();
    body.encode(&mut again, header.api_version);
    let again = Bytes::from(again);
    let mut reader = Reader::new(&again);
    assert_eq!(
        RequestBody::decode(key, header.api_version, &mut reader),
        Ok(body)
    );
    assert_eq!(reader.remaining(), 0);
});
