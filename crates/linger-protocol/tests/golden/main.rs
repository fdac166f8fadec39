//! Frames captured on the wire: what Apache Kafka and real clients sent is read whole and written
//! again equal.

use linger_protocol::frame::encode_frame;
use linger_protocol::header::{RequestHeader, ResponseHeader};
use linger_protocol::messages::*;
use linger_protocol::{ApiKey, ErrorCode, Reader};

use crate::captured::{Captured, captured};

mod batches;
#[path = "../support/captured.rs"]
mod captured;

impl Captured {
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
