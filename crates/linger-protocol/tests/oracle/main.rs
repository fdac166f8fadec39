//! Every message in every version against an independent implementation of Kafka's protocol, in
//! both directions.

use std::fmt::Debug;

use bytes::Bytes;
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable};
use linger_protocol::messages::*;
use linger_protocol::{ApiKey, Message, Reader, Request, Scatter, Sink};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::mirror::{Mirror, Tags};
use crate::sample::{Entropy, Sample};

mod headers;
mod mirror;
#[path = "../support/sample.rs"]
mod sample;
#[path = "../support/structs.rs"]
mod structs;

/// Values tried per message and version.
const CASES: u32 = 256;

macro_rules! test_each {
    ($($(#[$doc:meta])* $api:ident = $key:literal ($request:ident, $response:ident) $settings:tt)*) => {$(
        #[allow(non_snake_case, reason = "the name of the API is the name of its tests")]
        mod $api {
            use super::*;

            #[test]
            fn requests_are_the_oracles_in_every_version() {
                check::<$request, theirs::$request>($request::KEY);
            }

            #[test]
            fn responses_are_the_oracles_in_every_version() {
                check::<$response, theirs::$response>($request::KEY);
            }
        }
    )*};
}

linger_protocol::apis!(test_each);

fn check<Ours, Theirs>(key: ApiKey)
where
    Ours: Message + Sample + Mirror<Theirs> + Clone + Debug + PartialEq + Default,
    Theirs: Encodable + Decodable + Debug + PartialEq,
{
    for version in key.versions() {
        let entropy = (
            prop::collection::vec(any::<u8>(), 0..400),
            prop::collection::vec(any::<u8>(), 0..40),
        );
        let config = Config {
            cases: CASES,
            failure_persistence: None,
            ..Config::default()
        };
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        TestRunner::new_with_rng(config, rng)
            .run(&entropy, |(values, tags)| {
                let value = Ours::sample(&mut Entropy::new(&values));
                agree(&value, &tags, key, version)?;
                every_cut_is_an_error::<Ours>(encode(&value, version), version)
            })
            .unwrap_or_else(|failure| panic!("{key} v{version}: {failure}"));
        agree(&Ours::default(), &[], key, version)
            .unwrap_or_else(|failure| panic!("{key} v{version}, defaults: {failure}"));
    }
}

/// Ours to theirs and back, and theirs to ours with tagged fields that we do not know.
fn agree<Ours, Theirs>(value: &Ours, tags: &[u8], key: ApiKey, version: i16) -> Result<(), TestCaseError>
where
    Ours: Message + Mirror<Theirs> + Clone + Debug + PartialEq,
    Theirs: Encodable + Decodable + Debug + PartialEq,
{
    let bytes = encode(value, version);
    let mut older = value.clone();
    // What this version cannot carry has become the default, which is all that the oracle accepts.
    let value = decode::<Ours>(&bytes, version)?;
    prop_assert_eq!(&encode(&value, version), &bytes);
    let over = older.decode_over(&mut Reader::new(&bytes), version);
    prop_assert_eq!(over, Ok(()));
    prop_assert_eq!(&older, &value, "decoded over an older message");

    let mirrored = value.mirror(&mut Tags(None));
    let mut rest = bytes.clone();
    let theirs =
        Theirs::decode(&mut rest, version).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert!(rest.is_empty(), "the oracle left {} bytes", rest.len());
    prop_assert_eq!(&theirs, &mirrored);
    prop_assert_eq!(&theirs_encode(&theirs, version)?, &bytes);

    if key.is_flexible(version) {
        let tagged = value.mirror(&mut Tags(Some(Entropy::new(tags))));
        prop_assert_eq!(
            &decode::<Ours>(&theirs_encode(&tagged, version)?, version)?,
            &value
        );
    }
    Ok(())
}

fn every_cut_is_an_error<Ours: Message + Debug>(bytes: Bytes, version: i16) -> Result<(), TestCaseError> {
    for cut in 0..bytes.len().min(600) {
        let frame = bytes.slice(..cut);
        let decoded = Ours::decode(&mut Reader::new(&frame), version);
        prop_assert!(
            decoded.is_err() || cut == bytes.len(),
            "cut at {} of {}: {:?}",
            cut,
            bytes.len(),
            decoded
        );
    }
    Ok(())
}

/// Into a vector and into a scatter, which must hold the same.
fn encode(value: &impl Message, version: i16) -> Bytes {
    let mut bytes = Vec::new();
    value.encode(&mut bytes, version);
    let mut scatter = Scatter::new();
    value.encode(&mut scatter, version);
    assert_eq!((scatter.size(), scatter.to_vec()), (bytes.len(), bytes.clone()));
    bytes.into()
}

fn decode<Ours: Message>(bytes: &Bytes, version: i16) -> Result<Ours, TestCaseError> {
    let mut reader = Reader::new(bytes);
    let value = Ours::decode(&mut reader, version).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(reader.remaining(), 0);
    Ok(value)
}

fn theirs_encode(value: &impl Encodable, version: i16) -> Result<Bytes, TestCaseError> {
    let mut bytes = Vec::new();
    value
        .encode(&mut bytes, version)
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    Ok(bytes.into())
}
