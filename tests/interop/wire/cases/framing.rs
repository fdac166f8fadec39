//! Frames and headers: what is answered, what is waited for, what ends the connection.

use std::time::Duration;

use linger_protocol::ApiKey;

use super::{Case, case};
use crate::batch::batch;
use crate::request::{api_versions, fetch, metadata, metadata_without_creating, produce};
use crate::script::{CLIENT_ID, Connection, Script, framed, relength};

const METADATA: i16 = ApiKey::Metadata as i16;
const FLEXIBLE: i16 = 9;

/// Lone continuation bytes, cut sequences, overlong sequences, surrogates, and values above
/// U+10FFFF.
const NO_UTF8: [&[u8]; 16] = [
    b"a\x80b",
    b"\x80\xbf\x80",
    b"a\xc3",
    b"a\xe2\x82b",
    b"a\xe2\x82",
    b"\xc0\x80",
    b"\xe0\x80\x80",
    b"\xed\xa0\x80b",
    b"\xed\xa0\x80\xed\xb0\x80",
    b"\xed\xa0b",
    b"\xed\xa0",
    b"\xed\xed\xa0\xa0",
    b"\xf0\x9f\x98b\xf0\x9f",
    b"\xf0\x80\x80\x80",
    b"\xf4\x90\x80\x80\xf8",
    b"\xc3\xa9\xff\xe2\x82\xac",
];

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("a frame of length 0 ends the connection", |s| {
            bytes_then_read(s, &[0, 0, 0, 0])
        }),
        case("a frame of negative length ends the connection", |s| {
            bytes_then_read(s, &(-1i32).to_be_bytes());
            bytes_then_read(s, &i32::MIN.to_be_bytes());
        }),
        case(
            "a frame longer than socket.request.max.bytes ends the connection",
            |s| {
                bytes_then_read(s, &(104_857_600i32 + 1).to_be_bytes());
                bytes_then_read(s, &i32::MAX.to_be_bytes());
            },
        ),
        case("a frame of exactly socket.request.max.bytes is waited for", |s| {
            let mut waiting = s.connect();
            waiting.send_bytes(&104_857_600i32.to_be_bytes());
            waiting.send_bytes(&[0; 100]);
            s.connect().ask(1, metadata(&[]));
            waiting.finish_sending();
            waiting.next();
        }),
        case("a frame cut within the header ends the connection", |s| {
            let header = [0, 3, 0, 1, 0, 0, 0, 7, 0, 1];
            (1..=header.len()).for_each(|length| bytes_then_read(s, &framed(&header[..length])));
        }),
        case("a TLS hello ends the connection", |s| {
            let hello = [
                0x16, 0x03, 0x01, 0x00, 0xf8, 0x01, 0x00, 0x00, 0xf4, 0x03, 0x03, 0x5a,
            ];
            bytes_then_read(s, &hello);
        }),
        case("an HTTP request ends the connection", |s| {
            bytes_then_read(s, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        }),
        case("an SSH greeting ends the connection", |s| {
            bytes_then_read(s, b"SSH-2.0-OpenSSH_9.6\r\n")
        }),
        case("an API that does not exist ends the connection", |s| {
            [999, -1, i16::MAX]
                .into_iter()
                .for_each(|key| header_only(s, key, 0));
        }),
        case("APIs of other listeners end the connection", |s| {
            // LeaderAndIsr went with ZooKeeper, Vote and BrokerRegistration are the controller's.
            [4, 52, 62].into_iter().for_each(|key| header_only(s, key, 0));
        }),
        case("a version that is not spoken ends the connection", |s| {
            let too_old = [
                (ApiKey::Produce, 2),
                (ApiKey::Fetch, 3),
                (ApiKey::ListOffsets, 0),
                (ApiKey::CreateTopics, 1),
            ];
            too_old
                .into_iter()
                .for_each(|(key, version)| header_only(s, key as i16, version));
            for key in [
                ApiKey::Produce,
                ApiKey::Metadata,
                ApiKey::FindCoordinator,
                ApiKey::InitProducerId,
            ] {
                header_only(s, key as i16, 99);
                header_only(s, key as i16, -1);
            }
        }),
        case(
            "requests before a bad frame are answered, those behind it are not",
            |s| {
                let mut connection = s.connect();
                let mut bytes = connection.frame(1, metadata(&[]));
                bytes.extend(connection.frame(4, metadata(&[])));
                bytes.extend(framed(&[0, 3]));
                bytes.extend(connection.frame(1, metadata(&[])));
                connection.send_bytes(&bytes);
                (0..3).for_each(|_| drop(connection.next()));
            },
        ),
        case("requests in one write are answered in their order", |s| {
            let mut connection = s.connect();
            let bytes: Vec<u8> = (0..5)
                .flat_map(|version| connection.frame(version * 2, metadata(&[])))
                .collect();
            connection.send_bytes(&bytes);
            (0..5).for_each(|_| drop(connection.next()));
        }),
        case("a request that comes byte by byte is answered", |s| {
            let mut connection = s.connect();
            let frame = connection.frame(9, metadata(&[]));
            frame.iter().for_each(|byte| connection.send_bytes(&[*byte]));
            connection.next();
        }),
        case(
            "a client that only stopped sending gets its answers, and then the end",
            |s| {
                let mut connection = s.connect();
                connection.send(1, metadata(&[]));
                connection.send(9, metadata(&[]));
                connection.finish_sending();
                (0..3).for_each(|_| drop(connection.next()));
            },
        ),
        case("a frame that never becomes whole is not answered", |s| {
            let mut connection = s.connect();
            connection.send(1, metadata(&[]));
            let frame = connection.frame(1, metadata(&[]));
            connection.send_bytes(&frame[..frame.len() - 1]);
            connection.finish_sending();
            (0..2).for_each(|_| drop(connection.next()));
        }),
        case(
            "a batch whose sender left at once is appended all the same",
            |s| {
                let topic = s.topic();
                let mut reader = s.connect();
                let mut waiting = fetch(&topic, 0);
                waiting.max_wait_ms = 15_000;
                reader.send(4, waiting);
                let mut leaving = s.connect();
                leaving.send(9, produce(&topic, batch(&["left behind"])));
                drop(leaving);
                reader.next();
            },
        ),
        case("a connection without a word costs nothing", |s| {
            drop(s.connect());
            s.connect().ask(1, metadata(&[]));
        }),
        case(
            "a client id may be null, empty, no UTF-8 or of negative length",
            |s| {
                let ids: [&[u8]; 5] = [
                    &[0xff, 0xff],
                    &[0, 0],
                    &[0, 2, 0xff, 0xfe],
                    &[0xff, 0xfe],
                    &[0x80, 0],
                ];
                for (correlation_id, id) in (0..).zip(ids) {
                    let mut connection = s.connect();
                    connection.send_frame(
                        METADATA,
                        1,
                        correlation_id,
                        &request(METADATA, 1, correlation_id, id, &[0, 0, 0, 0]),
                    );
                    connection.next();
                }
            },
        ),
        case("a client id longer than its frame ends the connection", |s| {
            bytes_then_read(s, &framed(&request(METADATA, 1, 0, &[0, 9, b'w'], &[])));
            bytes_then_read(s, &framed(&request(METADATA, 1, 0, &[0x7f, 0xff], &[0, 0, 0, 0])));
        }),
        case("any correlation id is returned as it was", |s| {
            let mut connection = s.connect();
            for correlation_id in [5, 5, 0, -1, i32::MIN, i32::MAX] {
                let frame = request(METADATA, 1, correlation_id, &client_id(), &[0, 0, 0, 0]);
                connection.send_frame(METADATA, 1, correlation_id, &frame);
                connection.next();
            }
        }),
        case("bytes behind a whole body are ignored", |s| {
            for version in [1, FLEXIBLE] {
                let mut connection = s.connect();
                let mut frame = connection.frame(version, metadata(&[]));
                frame.extend([1, 2, 3, 0xff]);
                connection.send_bytes(&relength(frame));
                connection.next();
                connection.ask(version, metadata(&[]));
            }
        }),
        case("a body cut anywhere ends the connection", |s| {
            let whole = s.connect().frame(1, metadata(&["a-topic-that-nobody-creates"]));
            let body_at = whole.len() - 4 - 2 - 27;
            for cut in [
                body_at,
                body_at + 3,
                body_at + 4,
                body_at + 5,
                body_at + 6,
                whole.len() - 1,
            ] {
                let frame = relength(whole[..cut].to_vec());
                bytes_then_read(s, &frame);
            }
        }),
        case("unknown tags in header and body are skipped", |s| {
            let mut connection = s.connect();
            // Two tags in the header, of 3 and 0 bytes; no topics, three flags, and one tag in the
            // body.
            let tail = [2, 5, 3, 1, 2, 3, 9, 0, 1, 0, 0, 0, 1, 7, 1, 0xff];
            connection.send_frame(
                METADATA,
                FLEXIBLE,
                0,
                &request(METADATA, FLEXIBLE, 0, &client_id(), &tail),
            );
            connection.next();
        }),
        case("tags in no order, and the same twice, are skipped", |s| {
            let mut connection = s.connect();
            let tail = [3, 9, 0, 5, 0, 5, 1, 1, 1, 0, 0, 0, 2, 8, 0, 7, 0];
            connection.send_frame(
                METADATA,
                FLEXIBLE,
                0,
                &request(METADATA, FLEXIBLE, 0, &client_id(), &tail),
            );
            connection.next();
        }),
        case("a flexible header without its tags ends the connection", |s| {
            bytes_then_read(s, &framed(&request(METADATA, FLEXIBLE, 0, &client_id(), &[])));
        }),
        case("a tag longer than its frame ends the connection", |s| {
            bytes_then_read(
                s,
                &framed(&request(METADATA, FLEXIBLE, 0, &client_id(), &[1, 5, 100, 0])),
            );
            let in_body = [0, 1, 0, 0, 0, 1, 5, 100, 0];
            bytes_then_read(
                s,
                &framed(&request(METADATA, FLEXIBLE, 0, &client_id(), &in_body)),
            );
        }),
        case("a number of tags beyond the frame ends the connection", |s| {
            let many = [0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x07];
            bytes_then_read(s, &framed(&request(METADATA, FLEXIBLE, 0, &client_id(), &many)));
        }),
        case("an array longer than its frame ends the connection", |s| {
            bytes_then_read(s, &framed(&request(METADATA, 1, 0, &client_id(), &[0, 0, 0, 9])));
            bytes_then_read(
                s,
                &framed(&request(METADATA, 1, 0, &client_id(), &i32::MAX.to_be_bytes())),
            );
            let compact = [0, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0, 0, 0];
            bytes_then_read(
                s,
                &framed(&request(METADATA, FLEXIBLE, 0, &client_id(), &compact)),
            );
        }),
        case("a string longer than its frame ends the connection", |s| {
            let tail = [0, 0, 0, 1, 0x7f, 0xff, b'a'];
            bytes_then_read(s, &framed(&request(METADATA, 1, 0, &client_id(), &tail)));
        }),
        case("null where there must be a string ends the connection", |s| {
            bytes_then_read(
                s,
                &framed(&request(METADATA, 1, 0, &client_id(), &[0, 0, 0, 1, 0xff, 0xff])),
            );
            bytes_then_read(
                s,
                &framed(&request(
                    METADATA,
                    FLEXIBLE,
                    0,
                    &client_id(),
                    &[0, 2, 0, 0, 0, 0, 0, 0],
                )),
            );
        }),
        case("null where there must be an array ends the connection", |s| {
            let tail = [0xff; 4];
            bytes_then_read(
                s,
                &framed(&request(
                    ApiKey::ListOffsets as i16,
                    1,
                    0,
                    &client_id(),
                    &[tail, tail].concat(),
                )),
            );
        }),
        case("any negative length of what may be null means null", |s| {
            for length in [-1i32, -2, i32::MIN] {
                let mut connection = s.connect();
                connection.send_frame(
                    METADATA,
                    1,
                    0,
                    &request(METADATA, 1, 0, &client_id(), &length.to_be_bytes()),
                );
                connection.next();
            }
        }),
        case("a length in six bytes ends the connection", |s| {
            let long = [0, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00, 0, 0, 0, 0];
            bytes_then_read(s, &framed(&request(METADATA, FLEXIBLE, 0, &client_id(), &long)));
        }),
        case("a padded length counts as what it says", |s| {
            let mut connection = s.connect();
            let padded = [0, 0x81, 0x80, 0x00, 0, 0, 0, 0];
            connection.send_frame(
                METADATA,
                FLEXIBLE,
                0,
                &request(METADATA, FLEXIBLE, 0, &client_id(), &padded),
            );
            connection.next();
        }),
        case("a flag other than 0 and 1 is set", |s| {
            let topic = s.name();
            // The first answer depends on how soon the broker knows the topic that it creates, so
            // it is ignored.
            let mut asking = s.quietly();
            let mut frame = asking.frame(4, metadata_without_creating(&[&topic]));
            *frame.last_mut().expect("a frame has bytes") = 2;
            asking.send_bytes(&frame);
            asking.next();
            s.await_topic(&topic, 3);
            s.connect().ask(4, metadata_without_creating(&[&topic]));
        }),
        case("a topic name that is no UTF-8 does not end the connection", |s| {
            let mut connection = s.connect();
            let tail = [0, 0, 0, 1, 0, 2, 0xff, 0xfe];
            connection.send_frame(METADATA, 1, 0, &request(METADATA, 1, 0, &client_id(), &tail));
            connection.next();
        }),
        case("what is no UTF-8 in a topic name is replaced as Java does", |s| {
            let mut connection = s.connect();
            for (correlation_id, name) in (0..).zip(NO_UTF8) {
                let classic = [&[0, 0, 0, 1, 0, name.len() as u8], name].concat();
                let frame = request(METADATA, 1, correlation_id, &client_id(), &classic);
                connection.send_frame(METADATA, 1, correlation_id, &frame);
                connection.next();
            }
            let flexible = [&[0, 2, NO_UTF8[0].len() as u8 + 1], NO_UTF8[0], &[0, 0, 0, 0, 0]].concat();
            let frame = request(METADATA, FLEXIBLE, 99, &client_id(), &flexible);
            connection.send_frame(METADATA, FLEXIBLE, 99, &frame);
            connection.next();
        }),
        case("one request at a time is served on a connection", |s| {
            let topic = s.topic();
            let mut connection = s.connect();
            let mut waiting = fetch(&topic, 0);
            waiting.max_wait_ms = 300;
            connection.send(4, waiting);
            connection.send(0, api_versions("", ""));
            connection.next_after(Duration::from_millis(300));
            connection.next();
        }),
    ]
}

fn bytes_then_read(s: &mut Script, bytes: &[u8]) {
    let mut connection = s.connect();
    connection.send_bytes(bytes);
    connection.next();
}

/// A header, with its tags if there are any, and some zeros for a body.
fn header_only(s: &mut Script, key: i16, version: i16) {
    let mut connection: Connection = s.connect();
    connection.send_frame(key, version, 0, &request(key, version, 0, &client_id(), &[0; 32]));
    connection.next();
}

fn client_id() -> Vec<u8> {
    [&(CLIENT_ID.len() as i16).to_be_bytes(), CLIENT_ID.as_bytes()].concat()
}

fn request(key: i16, version: i16, correlation_id: i32, client_id: &[u8], tail: &[u8]) -> Vec<u8> {
    let start = [
        &key.to_be_bytes()[..],
        &version.to_be_bytes(),
        &correlation_id.to_be_bytes(),
    ]
    .concat();
    [&start, client_id, tail].concat()
}
