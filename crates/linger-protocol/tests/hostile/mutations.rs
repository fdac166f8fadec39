//! Every decoder meets a fixed number of damaged inputs: bits flipped, lengths and counts edited,
//! cut, extended, and spliced from two. The same on every run; fuzzers go on from the same seeds
//! (`fuzz/`).

use linger_protocol::ApiKey;

use crate::decoders;
use crate::seeds::{self, Seeds};
use linger_testkit::random::Random;

/// Damaged inputs per decoder.
const MUTATIONS: usize = 100_000;

#[test]
fn damaged_streams_of_frames_break_no_promise() {
    damage_all(&seeds::frames(), decoders::frame, 1, |_, _| ());
}

#[test]
fn damaged_requests_break_no_promise() {
    damage_all(&seeds::requests(), decoders::request, 2, |_, _| ());
}

#[test]
fn damaged_responses_break_no_promise() {
    damage_all(&seeds::responses(), decoders::response, 3, |_, _| ());
}

#[test]
fn damaged_batches_break_no_promise() {
    damage_all(&seeds::batches(), decoders::batch, 4, |batch, random| {
        // Mostly with a true length, or nothing behind it would be read.
        if batch.len() >= 61 && random.below(4) != 0 {
            let length = (batch.len() - 12) as i32;
            batch[8..12].copy_from_slice(&length.to_be_bytes());
        }
    });
}

#[test]
fn seeds_have_every_api_and_version_both_ways() {
    for key in ApiKey::ALL {
        for version in key.versions() {
            let head = [(key as i16).to_be_bytes(), version.to_be_bytes()].concat();
            let request = seeds::requests().iter().any(|seed| seed.starts_with(&head));
            assert!(request, "{key} {version} request");
            let place = ApiKey::ALL
                .iter()
                .position(|other| *other == key)
                .expect("listed");
            let head = [place as u8, version as u8];
            let response = seeds::responses().iter().any(|seed| seed.starts_with(&head));
            assert!(response, "{key} {version} response");
        }
    }
}

/// Each seed as it is, and then damaged in turn with the others.
fn damage_all(seeds: &Seeds, decode: fn(&[u8]) -> bool, seed: u64, mend: fn(&mut Vec<u8>, &mut Random)) {
    // One captured request has a version that no decoder has.
    let refused = seeds.iter().filter(|seed| !decode(seed)).count();
    assert!(refused <= 1, "{refused} seeds were refused");
    let mut random = Random::new(seed);
    let mut read = 0;
    for index in 0..MUTATIONS {
        let mut input = seeds[index % seeds.len()].clone();
        for _ in 0..=random.below(4) {
            let other = &seeds[random.below(seeds.len())];
            damage(&mut input, other, &mut random);
        }
        mend(&mut input, &mut random);
        let result = std::panic::catch_unwind(|| decode(&input));
        read +=
            usize::from(result.unwrap_or_else(|_| panic!("mutation {index} of seed {seed}: {input:02x?}")));
    }
    // Some damaged inputs must be refused and some accepted, else the mutations prove little.
    let few = MUTATIONS / 50;
    assert!(
        (few..MUTATIONS - few).contains(&read),
        "{read} of {MUTATIONS} were read"
    );
}

fn damage(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    /// Lengths and counts that say too much, in every form that the protocol has.
    const LARGE: [&[u8]; 8] = [
        &[0x7f, 0xff, 0xff, 0xff],
        &[0xff, 0xff, 0xff, 0xff],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0x7f, 0xff],
        &[0x80],
        &[0, 0x0f, 0x42, 0x40],
        &[0, 0, 0, 0],
    ];
    let at = random.below(input.len() + 1);
    let end = (at + 1 + random.below(40)).min(input.len());
    match random.below(9) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.byte(),
        2 if at < input.len() => input[at] = input[at].wrapping_add([1, 2, 254, 255][random.below(4)]),
        3 => input.truncate(at),
        4 => {
            let more = random.below(40);
            input.extend(random.bytes(more));
        }
        5 => drop(input.drain(at..end.max(at))),
        6 => {
            let again = input[at..end.max(at)].to_vec();
            input.splice(at..at, again);
        }
        7 if !other.is_empty() => {
            let from = random.below(other.len());
            let to = (from + 1 + random.below(60)).min(other.len());
            input.splice(at..end.max(at), other[from..to].iter().copied());
        }
        _ => {
            let large = LARGE[random.below(LARGE.len())];
            let end = (at + large.len()).min(input.len());
            input.splice(at..end, large.iter().copied());
        }
    }
}
