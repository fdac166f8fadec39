//! Where mutations and fuzzers begin: for each decoder the captured bytes, and generated ones of
//! every API and version.

use linger_protocol::ApiKey;
use linger_protocol::frame::encode_frame;
use linger_protocol::header::{RequestHeader, ResponseHeader};
use linger_protocol::messages::*;
use linger_protocol::records::{BatchBuilder, Compression, Header, Record, Scratch, Stamp};
use linger_protocol::{Message, Request};

use crate::captured::{Captured, captured};
use crate::sample::{Entropy, Sample};
use linger_testkit::random::Random;

/// Generated messages of each version, request and answer.
const SAMPLES: usize = 3;
const ENTROPY_MAX: usize = 200;

/// Inputs for one decoder of `decoders.rs`.
pub(crate) type Seeds = Vec<Vec<u8>>;

/// Streams of one to four captured frames.
pub(crate) fn frames() -> Seeds {
    let frames: Vec<_> = captured().map(|captured| captured.bytes).collect();
    frames
        .chunks(4)
        .enumerate()
        .map(|(step, frames)| [&[step as u8][..], &frames.concat()].concat())
        .collect()
}

pub(crate) fn requests() -> Seeds {
    let captured = captured()
        .filter(|captured| captured.is_request)
        .map(|captured| captured.frame().to_vec());
    captured.chain(generated(Direction::Request)).collect()
}

pub(crate) fn responses() -> Seeds {
    let captured = captured()
        .filter(|captured| !captured.is_request && captured.is_spoken())
        .map(|captured: Captured| as_response(captured.key, captured.version, &captured.frame()));
    captured.chain(generated(Direction::Response)).collect()
}

/// The key as its place in the list of all.
fn as_response(key: ApiKey, version: i16, frame: &[u8]) -> Vec<u8> {
    let place = ApiKey::ALL.iter().position(|other| *other == key);
    let place = place.expect("every key is in the list") as u8;
    [&[place, version as u8][..], frame].concat()
}

#[derive(Clone, Copy)]
enum Direction {
    Request,
    Response,
}

fn generated(direction: Direction) -> Seeds {
    let mut seeds = Vec::new();
    macro_rules! add {
        ($($(#[$doc:meta])* $api:ident = $key:literal ($request:ident, $response:ident) $settings:tt)*) => {$(
            match direction {
                Direction::Request => add::<$request>($request::KEY, direction, &mut seeds),
                Direction::Response => add::<$response>($request::KEY, direction, &mut seeds),
            }
        )*};
    }
    linger_protocol::apis!(add);
    seeds
}

fn add<M: Message + Sample>(key: ApiKey, direction: Direction, seeds: &mut Seeds) {
    let mut random = Random::new(key as u64);
    for version in key.versions() {
        for _ in 0..SAMPLES {
            let len = random.below(ENTROPY_MAX);
            let message = M::sample(&mut Entropy::new(&random.bytes(len)));
            let mut frame = Vec::new();
            match direction {
                Direction::Request => {
                    let header = RequestHeader {
                        api_key: key as i16,
                        api_version: version,
                        correlation_id: 7,
                        client_id: Some("seed".into()),
                    };
                    encode_frame(&mut frame, |sink| {
                        header.encode(sink);
                        message.encode(sink, version);
                    });
                    seeds.push(frame[4..].to_vec());
                }
                Direction::Response => {
                    encode_frame(&mut frame, |sink| {
                        ResponseHeader { correlation_id: 7 }.encode(sink, key, version);
                        message.encode(sink, version);
                    });
                    seeds.push(as_response(key, version, &frame[4..]));
                }
            }
        }
    }
}

/// What Kafka's producer and librdkafka wrote in every codec, and what the builder writes.
pub(crate) fn batches() -> Seeds {
    macro_rules! golden {
        ($($name:literal),*) => {
            vec![$(include_bytes!(concat!("../records/golden/", $name, ".batch")).to_vec()),*]
        };
    }
    let mut seeds: Seeds = golden!(
        "java-none",
        "java-gzip",
        "java-snappy",
        "java-lz4",
        "java-zstd",
        "librdkafka-none",
        "librdkafka-gzip",
        "librdkafka-snappy",
        "librdkafka-lz4",
        "librdkafka-zstd"
    );
    for compression in Compression::ALL {
        let built = built(compression);
        seeds.push([built.as_slice(), &built].concat());
        seeds.push(built);
    }
    seeds
}

fn built(compression: Compression) -> Vec<u8> {
    let mut random = Random::new(0);
    let mut builder = BatchBuilder::new(Vec::new());
    for index in 0..20_i64 {
        let value = format!(
            "a value that repeats itself, and repeats itself, {:x}",
            random.next()
        );
        let headers = [
            Header {
                key: "twice",
                value: Some(b"1"),
            },
            Header {
                key: "twice",
                value: None,
            },
        ];
        let record = Record {
            key: (index % 3 != 0).then_some(b"key"),
            value: (index % 5 != 0).then_some(value.as_bytes()),
            headers: &headers[..(index % 3) as usize],
        };
        builder.append(&record, 1_790_000_000_000 + index);
    }
    let encoded = builder.close().encode(compression, &mut Scratch::new());
    [&encoded.header(Stamp::NONE, false)[..], &encoded.body].concat()
}
