//! Small data that decompresses to much, and small data that claims to.

use std::io::Write;

use linger_protocol::records::{BatchView, Codec, Compression, DecompressError, Scratch, decompress};

use crate::sample::{Sample, batch};
use linger_testkit::allocator::peak_of;

const LIMIT: usize = 1 << 20;
const BOMB: usize = 64 << 20;

fn too_large(codec: Codec) -> Result<usize, DecompressError> {
    Err(DecompressError::TooLarge { codec, limit: LIMIT })
}

/// What a codec may hold besides its output, and what it may take before it has seen any of it.
const OVERHEAD: usize = 128 << 10;

fn unpack(codec: Codec, input: &[u8], limit: usize) -> Result<usize, DecompressError> {
    let mut unpacked = Ok(vec![]);
    let peak = peak_of(|| unpacked = decompress(codec, input, limit));
    // Growing holds the old buffer and one of twice its size at once.
    assert!(
        peak <= 3 * limit + OVERHEAD,
        "{codec}: held {peak} bytes for {limit}"
    );
    let unpacked = unpacked?;
    assert!(unpacked.len() <= limit);
    Ok(unpacked.len())
}

#[test]
fn bombs_stop_at_the_limit() {
    let zeros = vec![0; BOMB];
    let mut scratch = Scratch::new();
    for compression in [
        Compression::Gzip { level: 1 },
        Compression::Snappy,
        Compression::LZ4,
        Compression::ZSTD,
    ] {
        let bomb = scratch.compress(compression, &zeros).expect("smaller");
        assert_eq!(
            unpack(compression.codec(), bomb, LIMIT),
            too_large(compression.codec())
        );
    }
    assert_eq!(unpack(Codec::None, &zeros, LIMIT), too_large(Codec::None));
}

#[test]
fn the_limit_itself_is_allowed_and_one_more_is_not() {
    let mut scratch = Scratch::new();
    for len in [LIMIT, LIMIT + 1] {
        let zeros = vec![0; len];
        for compression in [
            Compression::GZIP,
            Compression::Snappy,
            Compression::LZ4,
            Compression::ZSTD,
        ] {
            let codec = compression.codec();
            let packed = scratch.compress(compression, &zeros).expect("smaller");
            let expected = if len == LIMIT { Ok(LIMIT) } else { too_large(codec) };
            assert_eq!(unpack(codec, packed, LIMIT), expected, "{codec} of {len}");
        }
    }
}

#[test]
fn a_bomb_in_a_second_member_frame_or_chunk_is_found() {
    let zeros = vec![0; LIMIT];
    let mut scratch = Scratch::new();
    for compression in [Compression::GZIP, Compression::ZSTD] {
        let one = scratch.compress(compression, &zeros).expect("smaller");
        let two = [one, one].concat();
        assert_eq!(
            unpack(compression.codec(), &two, LIMIT),
            too_large(compression.codec())
        );
        assert_eq!(unpack(compression.codec(), &two, 2 * LIMIT), Ok(2 * LIMIT));
    }
    let mut xerial = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
    let block = snap::raw::Encoder::new().compress_vec(&zeros).expect("small");
    for _ in 0..2 {
        xerial.extend_from_slice(&(block.len() as u32).to_be_bytes());
        xerial.extend_from_slice(&block);
    }
    assert_eq!(unpack(Codec::Snappy, &xerial, LIMIT), too_large(Codec::Snappy));
}

#[test]
fn a_batch_that_unpacks_to_too_much_is_refused() {
    let bombs = vec![Sample {
        value: Some(vec![0; BOMB]),
        ..Sample::default()
    }];
    for compression in [
        Compression::GZIP,
        Compression::Snappy,
        Compression::LZ4,
        Compression::ZSTD,
    ] {
        let bytes = batch(&bombs, compression);
        let view = BatchView::parse(&bytes).expect("a whole batch");
        let mut refused = None;
        let peak = peak_of(|| refused = view.records(LIMIT).err());
        assert_eq!(refused, too_large(compression.codec()).err());
        assert!(peak <= 3 * LIMIT + OVERHEAD, "{compression}: held {peak} bytes");
    }
}

/// Kafka reads one lz4 frame, so a second frame is not decompressed and takes no memory.
#[test]
fn a_second_lz4_frame_is_not_unpacked() {
    let mut scratch = Scratch::new();
    let first = scratch
        .compress(Compression::LZ4, &[0; 1_000])
        .expect("smaller")
        .to_vec();
    let bomb = scratch
        .compress(Compression::LZ4, &vec![0; BOMB])
        .expect("smaller");
    assert_eq!(unpack(Codec::Lz4, &[&first, bomb].concat(), LIMIT), Ok(1_000));
}

/// Blocks of 4 MiB, the largest that a frame allows, each four times the limit.
#[test]
fn lz4_blocks_above_the_limit_stop_at_it() {
    let mut bomb = vec![0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73];
    let block = lz4_flex::block::compress(&vec![0; 4 << 20]);
    for _ in 0..16 {
        bomb.extend_from_slice(&(block.len() as u32).to_le_bytes());
        bomb.extend_from_slice(&block);
    }
    bomb.extend_from_slice(&[0; 4]);
    assert_eq!(unpack(Codec::Lz4, &bomb, LIMIT), too_large(Codec::Lz4));
    assert_eq!(unpack(Codec::Lz4, &bomb, BOMB), Ok(BOMB));
}

/// 128 KiB in four bytes, the most that a zstd block makes, in one frame and in many.
#[test]
fn zstd_runs_stop_at_the_limit() {
    const RUN: u32 = 128 << 10;
    let block = |last: u32| [&((RUN << 3) | 1 << 1 | last).to_le_bytes()[..3], &[0]].concat();
    let frame = |runs: usize| {
        let blocks: Vec<u8> = (1..=runs).flat_map(|run| block(u32::from(run == runs))).collect();
        [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88][..], &blocks].concat()
    };
    let runs = BOMB / RUN as usize;
    for bomb in [frame(runs), frame(1).repeat(runs)] {
        assert_eq!(unpack(Codec::Zstd, &bomb, LIMIT), too_large(Codec::Zstd));
        assert_eq!(unpack(Codec::Zstd, &bomb, BOMB), Ok(BOMB));
    }
}

/// Members and frames with nothing in them cost time, no memory.
#[test]
fn many_empty_members_and_frames_hold_nothing() {
    let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    member.flush().expect("into memory");
    let members = member.finish().expect("into memory").repeat(10_000);
    assert_eq!(unpack(Codec::Gzip, &members, 0), Ok(0));
    let frames = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0].repeat(10_000);
    assert_eq!(unpack(Codec::Zstd, &frames, 0), Ok(0));
    // One that is to be skipped, and says that it has 2 GiB.
    let skipped = [0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0x7f];
    let refused = unpack(Codec::Zstd, &skipped, LIMIT);
    assert!(
        matches!(refused, Err(DecompressError::Invalid { .. })),
        "{refused:?}"
    );
}

/// Data is unpacked once: what is packed twice stays packed.
#[test]
fn a_bomb_within_a_bomb_stays_packed() {
    let mut scratch = Scratch::new();
    for compression in [
        Compression::GZIP,
        Compression::Snappy,
        Compression::LZ4,
        Compression::ZSTD,
    ] {
        let inner = scratch
            .compress(compression, &vec![0; BOMB / 8])
            .expect("smaller")
            .to_vec();
        let padded = [inner.as_slice(), &[0; 10_000]].concat();
        let outer = scratch.compress(compression, &padded).expect("smaller");
        let unpacked = decompress(compression.codec(), outer, LIMIT).expect("within the limit");
        assert!(unpacked == padded, "{compression}");
    }
}

#[test]
fn zstd_without_a_stated_size_stops_at_the_limit() {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).expect("a context");
    encoder.include_contentsize(false).expect("a switch");
    encoder.write_all(&vec![0; BOMB]).expect("into memory");
    let bomb = encoder.finish().expect("into memory");
    assert_eq!(unpack(Codec::Zstd, &bomb, LIMIT), too_large(Codec::Zstd));
    assert_eq!(unpack(Codec::Zstd, &bomb, BOMB), Ok(BOMB));
    assert!(unpack(Codec::Zstd, &bomb, BOMB - 1).is_err());
}

/// Sizes that a header states and its data cannot have are refused before anything is allocated for
/// them, also below the limit.
#[test]
fn stated_sizes_are_not_believed() {
    const GENEROUS: usize = 1 << 30;
    let invalid = |codec, input: &[u8], limit| {
        let mut refused = Ok(vec![]);
        let peak = peak_of(|| refused = decompress(codec, input, limit));
        assert!(
            matches!(refused, Err(DecompressError::Invalid { .. })),
            "{refused:?}"
        );
        assert!(
            peak <= OVERHEAD,
            "{codec}: held {peak} bytes for {} of data",
            input.len()
        );
    };
    // A snappy block of 69 bytes that claims 1 GiB.
    let mut snappy = vec![0x80, 0x80, 0x80, 0x80, 0x04];
    snappy.resize(69, 0);
    assert_eq!(unpack(Codec::Snappy, &snappy, LIMIT), too_large(Codec::Snappy));
    invalid(Codec::Snappy, &snappy, GENEROUS);
    let mut xerial = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x45".to_vec();
    xerial.extend_from_slice(&snappy);
    invalid(Codec::Snappy, &xerial, GENEROUS);

    // A zstd frame that claims 1 GiB, and one that claims 2^60, with an empty last block.
    let zstd = |size: u64| {
        [
            &[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..],
            &size.to_le_bytes(),
            &[1, 0, 0],
        ]
        .concat()
    };
    assert_eq!(unpack(Codec::Zstd, &zstd(1 << 30), LIMIT), too_large(Codec::Zstd));
    assert_eq!(unpack(Codec::Zstd, &zstd(1 << 60), LIMIT), too_large(Codec::Zstd));
    invalid(Codec::Zstd, &zstd(1 << 30), GENEROUS);
    invalid(Codec::Zstd, &zstd(1_000), GENEROUS);
    // One that claims a window of 2 TiB: without a stream there is no window.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 1, 0, 0];
    let _ = unpack(Codec::Zstd, &window, LIMIT);

    // An lz4 frame whose blocks may have 4 MiB, with nothing in them: room follows the data, not
    // the header.
    let mut lz4 = vec![0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73];
    lz4.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let empty = decompress(Codec::Lz4, &lz4, GENEROUS).expect("an empty block");
    assert!(empty.is_empty() && empty.capacity() < 1_000);
}
