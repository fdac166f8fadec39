//! Frames captured on the wire: what Apache Kafka and real clients sent is read whole and written again equal.

use bytes::Bytes;
use linger_protocol::frame::{FrameDecoder, REQUEST_SIZE_MAX, encode_frame};
use linger_protocol::header::{RequestHeader, ResponseHeader};
use linger_protocol::messages::*;
use linger_protocol::{ApiKey, ErrorCode, Reader};

mod batches;

const FRAMES: &str = include_str!("frames.txt");

/// One line of the capture.
struct Captured {
    line: &'static str,
    sender: &'static str,
    key: ApiKey,
    version: i16,
    is_request: bool,
    /// With its length.
    bytes: Bytes,
}

fn captured() -> impl Iterator<Item = Captured> {
    FRAMES.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut parts = line.split(" | ");
        let mut next = || parts.next().expect("sender | what | hexadecimal");
        let (sender, what, hex) = (next(), next(), next());
        let words: Vec<&str> = what.split(' ').collect();
        let [name, version, direction] = words[..] else {
            panic!("API, version and direction: {what}")
        };
        Captured {
            line: what,
            sender,
            key: ApiKey::ALL
                .into_iter()
                .find(|key| key.name() == name)
                .expect("an API's name"),
            version: version.parse().expect("a version"),
            is_request: direction == "request",
            bytes: unhex(hex),
        }
    })
}

fn unhex(hex: &str) -> Bytes {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hexadecimal digit") as u8;
    hex.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

impl Captured {
    fn frame(&self) -> Bytes {
        let mut decoder = FrameDecoder::new(REQUEST_SIZE_MAX);
        decoder.buffer().extend_from_slice(&self.bytes);
        let frame = decoder
            .next_frame()
            .expect("a right length")
            .expect("a whole frame");
        assert!(
            !decoder.is_within_frame(),
            "{}: bytes behind the frame",
            self.line
        );
        frame
    }

    /// The request, its header checked, and whatever its body did not take.
    fn request(&self) -> (RequestHeader, RequestBody, usize) {
        let frame = self.frame();
        let mut reader = Reader::new(&frame);
        let header = RequestHeader::decode(&mut reader).expect(self.line);
        assert_eq!(
            (header.api_key, header.api_version),
            (self.key as i16, self.version)
        );
        let body = RequestBody::decode(self.key, self.version, &mut reader).expect(self.line);
        (header, body, reader.remaining())
    }

    fn response(&self) -> (ResponseHeader, ResponseBody, usize) {
        let frame = self.frame();
        let mut reader = Reader::new(&frame);
        let header = ResponseHeader::decode(&mut reader, self.key, self.version).expect(self.line);
        let body = ResponseBody::decode(self.key, self.version, &mut reader).expect(self.line);
        (header, body, reader.remaining())
    }

    /// Versions that nobody speaks are in the capture too, for how they are answered.
    fn is_spoken(&self) -> bool {
        self.key.versions().contains(&self.version)
    }
}

#[test]
fn every_captured_frame_is_written_again_byte_for_byte() {
    let mut count = 0;
    for captured in captured().filter(Captured::is_spoken) {
        let mut again = Vec::new();
        let rest = if captured.is_request {
            let (header, body, rest) = captured.request();
            encode_frame(&mut again, |sink| {
                header.encode(sink);
                body.encode(sink, captured.version);
            });
            rest
        } else {
            let (header, body, rest) = captured.response();
            encode_frame(&mut again, |sink| {
                header.encode(sink, captured.key, captured.version);
                body.encode(sink, captured.version);
            });
            rest
        };
        assert_eq!(
            rest, 0,
            "{} of {}: bytes left over",
            captured.line, captured.sender
        );
        assert_eq!(again, captured.bytes, "{} of {}", captured.line, captured.sender);
        count += 1;
    }
    assert!(count > 200, "only {count} frames were checked");
}

#[test]
fn every_api_was_captured_in_classic_and_flexible_versions() {
    for key in ApiKey::ALL {
        for is_request in [true, false] {
            for flexible in [false, true] {
                let found = captured()
                    .filter(|captured| captured.key == key && captured.is_request == is_request)
                    .any(|captured| captured.is_spoken() && key.is_flexible(captured.version) == flexible);
                assert!(found, "{key}, request {is_request}, flexible {flexible}");
            }
        }
    }
}

#[test]
fn an_unknown_version_is_answered_as_apache_kafka_answered_it() {
    let unknown: Vec<Captured> = captured().filter(|captured| !captured.is_spoken()).collect();
    let request = unknown
        .iter()
        .find(|captured| captured.is_request)
        .expect("a request of version 99");
    let header = RequestHeader::decode(&mut Reader::new(&request.frame())).expect("a header of version 2");
    assert_eq!(header.api_version, 99);
    let response = unknown
        .iter()
        .find(|captured| !captured.is_request)
        .expect("its answer");
    assert_eq!(
        ApiVersionsResponse::unsupported_version_frame(header.correlation_id),
        response.bytes
    );
}

#[test]
fn the_record_to_blame_is_named_from_version_8_on() {
    for version in [8, 10] {
        let refused = captured()
            .filter(|captured| captured.key == ApiKey::Produce && captured.version == version)
            .filter(|captured| !captured.is_request)
            .filter_map(|captured| match captured.response().1 {
                ResponseBody::Produce(response) => Some(response.responses[0].partition_responses[0].clone()),
                _ => None,
            })
            .find(|partition| partition.error_code == ErrorCode::INVALID_RECORD)
            .expect("a refusal of a record without a key on a compacted topic");
        assert_eq!(refused.base_offset, -1);
        assert_eq!(refused.record_errors.len(), 2, "of four records two have no key");
        assert_eq!(refused.record_errors[0].batch_index, 1);
        assert!(refused.error_message.is_some());
    }
}

#[test]
fn apache_kafka_describes_its_cluster_as_we_read_it() {
    let last = captured()
        .filter(|captured| captured.key == ApiKey::Metadata && captured.version == 12 && !captured.is_request)
        .last();
    let ResponseBody::Metadata(metadata) = last.expect("a description").response().1 else {
        panic!("metadata");
    };
    assert_eq!(metadata.brokers.len(), 1);
    assert_eq!(
        (metadata.brokers[0].node_id, &*metadata.brokers[0].host),
        (1, "127.0.0.1")
    );
    assert_eq!(metadata.controller_id, 1);
    for topic in &metadata.topics {
        assert_eq!(topic.error_code, ErrorCode::NONE);
        assert_ne!(topic.topic_id, [0; 16]);
        for partition in &topic.partitions {
            assert_eq!((partition.leader_id, partition.leader_epoch), (1, 0));
            assert_eq!(
                (&partition.replica_nodes[..], &partition.isr_nodes[..]),
                (&[1][..], &[1][..])
            );
        }
    }
}
