//! ApiVersions: the one API whose unknown versions are answered.

use linger_protocol::ApiKey;

use super::{Case, case};
use crate::request::{api_versions, metadata};
use crate::script::Script;

const KEY: i16 = ApiKey::ApiVersions as i16;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = (0..=4)
        .map(|version| {
            case(
                format!("ApiVersions v{version} lists the APIs in its shape"),
                move |s| {
                    s.connect().ask(version, api_versions("wire", "1.0"));
                },
            )
        })
        .collect();
    cases.extend([
        case(
            "an ApiVersions newer than known is answered as v0 with its own range",
            |s| {
                let mut connection = s.connect();
                for version in [5, 99, i16::MAX] {
                    // The body is not even looked at.
                    unknown(&mut connection, version, &[0, 0xff, 0xff]);
                }
                connection.ask(3, api_versions("wire", "1.0"));
            },
        ),
        case("an ApiVersions of negative version is answered likewise", |s| {
            let mut connection = s.connect();
            unknown(&mut connection, -1, &[]);
            unknown(&mut connection, i16::MIN, &[]);
            connection.ask(0, api_versions("", ""));
        }),
        case("an unknown ApiVersions needs a whole header all the same", |s| {
            let mut connection = s.connect();
            let frame = [
                &KEY.to_be_bytes()[..],
                &99i16.to_be_bytes(),
                &[0, 0, 0, 0, 0xff, 0xff],
            ]
            .concat();
            connection.send_frame(KEY, 99, 0, &frame);
            connection.next();
        }),
        case(
            "ApiVersions v3 with the empty body of v0 ends the connection",
            |s| {
                let mut connection = s.connect();
                let frame = [
                    &KEY.to_be_bytes()[..],
                    &3i16.to_be_bytes(),
                    &[0, 0, 0, 0, 0xff, 0xff, 0],
                ]
                .concat();
                connection.send_frame(KEY, 3, 0, &frame);
                connection.next();
            },
        ),
        case(
            "a client's software name that is none gives INVALID_REQUEST",
            |s| {
                let mut connection = s.connect();
                let names = [
                    "", "-wire", "wire-", "wi re", "wire!", "wire/1", "wiré", ".", "a", "a.b-c", "A1",
                ];
                names
                    .into_iter()
                    .for_each(|name| drop(connection.ask(3, api_versions(name, "1.0"))));
                names
                    .into_iter()
                    .for_each(|name| drop(connection.ask(4, api_versions("wire", name))));
            },
        ),
        case("a client's software name may be long", |s| {
            s.connect()
                .ask(3, api_versions(&"w".repeat(1_000), &"1".repeat(1_000)));
        }),
        case("ApiVersions may come late and more than once", |s| {
            let mut connection = s.connect();
            connection.ask(1, metadata(&[]));
            connection.ask(0, api_versions("", ""));
            connection.ask(3, api_versions("wire", "1.0"));
            connection.ask(3, api_versions("other", "2.0"));
        }),
        case("bytes behind the body of ApiVersions are ignored", trailing_bytes),
    ]);
    cases
}

fn unknown(connection: &mut crate::script::Connection, version: i16, body: &[u8]) {
    let mut frame = connection.frame_of(KEY, version, |frame| frame.extend(body));
    if version < 0 {
        return send(connection, &frame);
    }
    // Beyond what is known, headers are those of the newest version: with tags, here none.
    let tags_at = frame.len() - body.len();
    if !ends_header_with_tags(version) {
        frame.insert(tags_at, 0);
    }
    send(connection, &crate::script::relength(frame));
}

/// Whether our own encoder already wrote the header's tags.
fn ends_header_with_tags(version: i16) -> bool {
    linger_protocol::header::request_header_version(KEY, version) >= 2
}

fn send(connection: &mut crate::script::Connection, frame: &[u8]) {
    connection.send_bytes(frame);
    connection.next();
}

fn trailing_bytes(s: &mut Script) {
    let mut connection = s.connect();
    for version in [0, 3] {
        let mut frame = connection.frame(version, api_versions("wire", "1.0"));
        frame.extend([0, 1, 2]);
        connection.send_bytes(&crate::script::relength(frame));
        connection.next();
    }
}
