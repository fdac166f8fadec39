//! Bytes from untrusted peers: no decoder panics, and its memory is bounded by its input.

use bytes::Bytes;
use linger_protocol::frame::FrameDecoder;
use linger_protocol::header::RequestHeader;
use linger_protocol::messages::*;
use linger_protocol::{ApiKey, Message, Reader, Request};
use linger_testkit::allocator::{CountingAllocator, peak_of};
use linger_testkit::random::Random;

use crate::decoders::budget;
use crate::sample::{Entropy, Sample};

#[path = "../support/captured.rs"]
mod captured;
#[path = "../support/decoders.rs"]
mod decoders;
mod mutations;
#[path = "../support/sample.rs"]
mod sample;
#[path = "../support/seeds.rs"]
mod seeds;
#[path = "../support/structs.rs"]
mod structs;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Mutated bodies per message and version.
const MUTATIONS: usize = 1_500;

macro_rules! test_each {
    ($($(#[$doc:meta])* $api:ident = $key:literal ($request:ident, $response:ident) $settings:tt)*) => {$(
        #[allow(non_snake_case, reason = "the name of the API is the name of its tests")]
        mod $api {
            use super::*;

            #[test]
            fn mutated_requests_stay_within_the_budget() {
                mutate::<$request>($request::KEY, 1);
            }

            #[test]
            fn mutated_responses_stay_within_the_budget() {
                mutate::<$response>($request::KEY, 2);
            }
        }
    )*};
}

linger_protocol::apis!(test_each);

fn mutate<M: Message + Sample>(key: ApiKey, seed: u64) {
    let mut random = Random::new(seed * 1_000 + key as u64);
    for version in key.versions() {
        for _ in 0..MUTATIONS {
            let entropy: Vec<u8> = (0..random.below(300)).map(|_| random.byte()).collect();
            let mut bytes = Vec::new();
            M::sample(&mut Entropy::new(&entropy)).encode(&mut bytes, version);
            for _ in 0..=random.below(4) {
                random.damage(&mut bytes);
            }
            within_budget::<M>(bytes, key, version);
        }
    }
}

fn within_budget<M: Message>(bytes: Vec<u8>, key: ApiKey, version: i16) {
    let frame = Bytes::from(bytes);
    let peak = peak_of(|| M::decode(&mut Reader::new(&frame), version));
    let allowed = budget(frame.len());
    assert!(
        peak <= allowed,
        "{key} v{version}: {peak} bytes held, {allowed} allowed, for {frame:?}"
    );
}

#[test]
fn a_declared_count_alone_allocates_nothing() {
    hollow::<MetadataRequest>(&[0x00, 0xfe, 0, 0], ApiKey::Metadata, 6);
    hollow::<ListOffsetsResponse>(&[0x56, 0, 0, 0], ApiKey::ListOffsets, 1);
    hollow::<ProduceResponse>(&[0x7f, 0xff, 0xff, 0xff], ApiKey::Produce, 3);
    hollow::<ProduceResponse>(&[0xff, 0xff, 0xff, 0xff, 0x0f], ApiKey::Produce, 9);
    hollow::<ApiVersionsResponse>(&[0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f], ApiKey::ApiVersions, 3);
    let topics = [0xff, 0xff, 0, 1, 0, 0, 0, 9, 0x7f, 0xff, 0xff, 0xff];
    hollow::<ProduceRequest>(&topics, ApiKey::Produce, 3);
}

fn hollow<M: Message>(bytes: &[u8], key: ApiKey, version: i16) {
    within_budget::<M>(bytes.to_vec(), key, version);
    within_budget::<M>([bytes, &[0; 4_000]].concat(), key, version);
}

#[test]
fn the_largest_honest_counts_stay_within_the_budget() {
    for size in [3_000, 70_000, 1_100_000] {
        for fill in [0, 1, 2] {
            // A million one-byte strings, topics without partitions, and the like.
            let count = u32::try_from(size - 4).expect("small") - 2;
            let compact = |lead: &[u8]| {
                let mut bytes = lead.to_vec();
                linger_protocol::Sink::put_uvarint(&mut bytes, count / 4);
                bytes.resize(size, fill);
                bytes
            };
            within_budget::<FindCoordinatorRequest>(compact(&[0]), ApiKey::FindCoordinator, 4);
            within_budget::<MetadataRequest>(compact(&[]), ApiKey::Metadata, 9);
            within_budget::<ProduceRequest>(compact(&[0, 0, 1, 0, 0, 0, 9]), ApiKey::Produce, 9);
            within_budget::<ProduceResponse>(compact(&[]), ApiKey::Produce, 9);
            within_budget::<MetadataResponse>(compact(&[0, 0, 0, 0]), ApiKey::Metadata, 9);
            within_budget::<FetchResponse>(compact(&[0; 10]), ApiKey::Fetch, 12);
            within_budget::<ApiVersionsResponse>(compact(&[0; 2]), ApiKey::ApiVersions, 3);
        }
    }
}

#[test]
fn strings_that_are_no_utf8_stay_within_the_budget() {
    for (length, count) in [(1, 20_000), (100, 2_000), (32_767, 30)] {
        let name = [&i16::to_be_bytes(length), vec![0xff; length as usize].as_slice()].concat();
        let bytes = [&i32::to_be_bytes(count), name.repeat(count as usize).as_slice()].concat();
        let frame = Bytes::from(bytes.clone());
        let read = MetadataRequest::decode(&mut Reader::new(&frame), 1).expect("each byte is replaced");
        let names = read
            .topics
            .iter()
            .flatten()
            .flat_map(|topic| topic.name.as_deref());
        assert!(names.eq(vec!["\u{fffd}".repeat(length as usize); count as usize]));
        within_budget::<MetadataRequest>(bytes, ApiKey::Metadata, 1);
    }
}

#[test]
fn headers_of_garbage_stay_within_the_budget() {
    let mut random = Random::new(77);
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..random.below(60)).map(|_| random.byte() % 24).collect();
        let frame = Bytes::from(bytes);
        let peak = peak_of(|| RequestHeader::decode(&mut Reader::new(&frame)));
        assert!(peak <= budget(frame.len()), "{peak} bytes held for {frame:?}");
    }
}

#[test]
fn a_claimed_length_reserves_no_more_than_arrived() {
    let claim = 100_000_000_i32.to_be_bytes();
    for arrived in [4, 1_000, 60_000, 1_000_000] {
        let bytes = [claim.as_slice(), &vec![0; arrived - 4]].concat();
        let peak = peak_of(|| {
            let mut decoder = FrameDecoder::new(104_857_600);
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let buffer = decoder.buffer();
                let room = (buffer.capacity() - buffer.len()).min(rest.len());
                buffer.extend_from_slice(&rest[..room]);
                rest = &rest[room..];
                assert_eq!(decoder.next_frame(), Ok(None));
            }
            decoder.buffer();
            decoder
        });
        assert!(
            peak <= budget(0) * 2 + 6 * arrived,
            "{peak} bytes held after {arrived} arrived"
        );
    }
}

trait Damage {
    /// Cuts, extends or overwrites, mostly with bytes that make large lengths.
    fn damage(&mut self, bytes: &mut Vec<u8>);
}

impl Damage for Random {
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        const LARGE: [&[u8]; 5] = [
            &[0x7f, 0xff, 0xff, 0xff],
            &[0xff, 0xff, 0xff, 0xff, 0x0f],
            &[0x7f, 0xff],
            &[0x80],
            &[0, 0x0f, 0x42, 0x40],
        ];
        let at = self.below(bytes.len() + 1);
        match self.below(5) {
            0 => bytes.truncate(at),
            1 => bytes.extend((0..self.below(40)).map(|_| self.byte())),
            2 if at < bytes.len() => bytes[at] = self.byte(),
            _ => {
                let large = LARGE[self.below(LARGE.len())];
                let end = (at + large.len()).min(bytes.len());
                bytes.splice(at..end, large.iter().copied());
            }
        }
    }
}
