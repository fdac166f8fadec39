//! Each codec's bytes: ours as other readers need them, others' as their writers make them.

use std::io::{Read, Write};

use linger_protocol::records::{Codec, Compression, DecompressError, Decompressor, Scratch, decompress};

use linger_testkit::random::Random;

const LIMIT: usize = 8 << 20;

/// Text with some repetition: words drawn by a seed.
fn words(len: usize) -> Vec<u8> {
    let mut random = Random::new(len as u64);
    let mut text = Vec::new();
    while text.len() < len {
        text.extend_from_slice(
            format!("\"field_{}\":{},", random.below(40), random.below(100_000)).as_bytes(),
        );
    }
    text.truncate(len);
    text
}

/// Lengths around every border that a codec has.
const LENGTHS: [usize; 16] = [
    200, 1_000, 4_096, 16_384, 32_767, 32_768, 32_769, 65_534, 65_535, 65_536, 65_537, 131_071, 131_072,
    131_073, 200_000, 1_100_000,
];

fn packed(compression: Compression, input: &[u8]) -> Vec<u8> {
    Scratch::new()
        .compress(compression, input)
        .expect("smaller")
        .to_vec()
}

fn unpacked_by_another(codec: Codec, input: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    match codec {
        Codec::None => output.extend_from_slice(input),
        Codec::Gzip => {
            let mut rest = input;
            flate2::bufread::GzDecoder::new(&mut rest)
                .read_to_end(&mut output)
                .expect("gzip");
            assert!(rest.is_empty(), "one member and nothing after it");
        }
        Codec::Snappy => output = snap::raw::Decoder::new().decompress_vec(input).expect("snappy"),
        Codec::Lz4 => {
            lz4_flex::frame::FrameDecoder::new(input)
                .read_to_end(&mut output)
                .expect("lz4");
        }
        Codec::Zstd => output = zstd::decode_all(input).expect("zstd"),
    }
    output
}

#[test]
fn other_decoders_read_ours_and_we_do_at_every_length() {
    // One scratch and one decompressor for all batches: no state may leak into the next batch.
    let (mut scratch, mut decompressor) = (Scratch::new(), Decompressor::new());
    for len in LENGTHS.into_iter().chain([300, 70_000, 20]) {
        let input = words(len);
        for compression in Compression::ALL {
            let Some(packed) = scratch.compress(compression, &input) else {
                assert!(
                    compression == Compression::None || len < 100,
                    "{compression} of {len}"
                );
                continue;
            };
            assert!(packed.len() < len);
            let codec = compression.codec();
            assert!(
                unpacked_by_another(codec, packed) == input,
                "{compression} of {len} by another"
            );
            assert!(
                decompressor.decompress(codec, packed, len).expect("ours") == input,
                "{compression} of {len}"
            );
        }
    }
}

#[test]
fn noise_is_left_alone() {
    let mut scratch = Scratch::new();
    for len in [0, 1, 100, 65_536, 300_000] {
        let input = Random::new(len as u64).bytes(len);
        for compression in Compression::ALL {
            assert_eq!(
                scratch.compress(compression, &input),
                None,
                "{compression} of {len}"
            );
        }
    }
}

#[test]
fn levels_are_kept_apart_and_clamped() {
    let input = words(60_000);
    let mut scratch = Scratch::new();
    let mut len = |compression| scratch.compress(compression, &input).expect("smaller").len();
    let gzip = |level| Compression::Gzip { level };
    let zstd = |level| Compression::Zstd { level };
    let first = [
        len(gzip(1)),
        len(gzip(9)),
        len(zstd(1)),
        len(zstd(19)),
        len(zstd(-100)),
    ];
    assert!(
        first[1] < first[0] && first[3] < first[2] && first[2] < first[4],
        "{first:?}"
    );
    let again = [
        len(gzip(1)),
        len(gzip(9)),
        len(zstd(1)),
        len(zstd(19)),
        len(zstd(-100)),
    ];
    assert_eq!(first, again, "a level is not left over from the batch before");
    assert_eq!(len(gzip(100)), len(gzip(9)));
    assert_eq!(len(gzip(-100)), len(gzip(1)));
    assert_eq!(len(zstd(100)), len(zstd(22)));
    assert_eq!(
        len(Compression::Lz4 { level: 1 }),
        len(Compression::Lz4 { level: 17 })
    );
}

#[test]
fn every_level_in_range_comes_back() {
    let input = words(20_000);
    let mut scratch = Scratch::new();
    let gzip = (1..=9).map(|level| Compression::Gzip { level });
    let lz4 = (1..=17).map(|level| Compression::Lz4 { level });
    let zstd = [-131_072, -1_000, -7, -1, 0]
        .into_iter()
        .chain(1..=22)
        .map(|level| Compression::Zstd { level });
    for compression in gzip.chain(lz4).chain(zstd) {
        compression.validate().expect("in range");
        // The lowest levels of zstd find nothing to shorten.
        if let Some(packed) = scratch.compress(compression, &input) {
            assert!(
                decompress(compression.codec(), packed, input.len()).as_deref() == Ok(&input),
                "{compression}"
            );
        } else {
            assert!(compression.level() < Some(-100), "{compression}");
        }
    }
}

#[test]
fn cutting_compressed_data_anywhere_is_an_error() {
    let input = words(70_000);
    for compression in [
        Compression::GZIP,
        Compression::Snappy,
        Compression::LZ4,
        Compression::ZSTD,
    ] {
        let packed = packed(compression, &input);
        // Every cut near the borders, every 97th between.
        let cuts = (0..packed.len()).filter(|cut| *cut < 200 || packed.len() - cut < 200 || cut % 97 == 0);
        for cut in cuts {
            let unpacked = decompress(compression.codec(), &packed[..cut], LIMIT);
            assert!(
                unpacked.is_err(),
                "{compression} cut at {cut} of {}",
                packed.len()
            );
        }
    }
}

#[test]
fn lz4_frames_are_exactly_those_of_kafka() {
    // Half a block of zeros, which shrinks, after a whole block of noise, which does not.
    let noise = Random::new(1).bytes(65_536);
    let input = [&noise[..], &[0; 1_000]].concat();
    let frame = packed(Compression::LZ4, &input);
    assert_eq!(frame[..7], [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
    assert_eq!(
        frame[7..11],
        (65_536u32 | 1 << 31).to_le_bytes(),
        "the first block is stored raw"
    );
    assert_eq!(frame[11..11 + 65_536], noise);
    let second = &frame[11 + 65_536..];
    let size = u32::from_le_bytes(second[..4].try_into().expect("4 bytes")) as usize;
    assert!(size < 1_000, "the second block is compressed");
    assert_eq!(
        lz4_flex::block::decompress(&second[4..4 + size], 1_000).expect("a block"),
        [0; 1_000]
    );
    assert_eq!(second[4 + size..], [0; 4], "the end mark ends the data");
}

fn lz4_frame(info: lz4_flex::frame::FrameInfo, input: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(input).expect("into memory");
    encoder.finish().expect("into memory")
}

#[test]
fn lz4_frames_of_other_writers_are_read_as_kafka_reads_them() {
    use lz4_flex::frame::{BlockMode, BlockSize, FrameInfo};
    let input = words(300_000);
    for size in [
        BlockSize::Max64KB,
        BlockSize::Max256KB,
        BlockSize::Max1MB,
        BlockSize::Max4MB,
    ] {
        for checksums in [false, true] {
            let info = FrameInfo::new()
                .block_size(size)
                .block_checksums(checksums)
                .content_checksum(checksums)
                .content_size(checksums.then_some(input.len() as u64));
            let frame = lz4_frame(info, &input);
            assert!(
                decompress(Codec::Lz4, &frame, LIMIT).as_deref() == Ok(&input),
                "{size:?} {checksums}"
            );
            let trailing = [&frame[..], b"ignored"].concat();
            assert!(decompress(Codec::Lz4, &trailing, LIMIT).as_deref() == Ok(&input));
            let two = [&frame[..], &frame].concat();
            assert!(
                decompress(Codec::Lz4, &two, LIMIT).as_deref() == Ok(&input),
                "a second frame is not read"
            );
        }
    }
    let reason = |frame: &[u8]| match decompress(Codec::Lz4, frame, LIMIT) {
        Err(DecompressError::Invalid {
            codec: Codec::Lz4,
            reason,
        }) => reason,
        other => panic!("{other:?}"),
    };
    let linked = lz4_frame(
        FrameInfo::new()
            .block_mode(BlockMode::Linked)
            .block_size(BlockSize::Max64KB),
        &input,
    );
    assert_eq!(reason(&linked), "linked blocks, which Kafka refuses");

    let checked = FrameInfo::new()
        .block_size(BlockSize::Max64KB)
        .block_checksums(true);
    let mut frame = lz4_frame(checked, &input);
    frame[40] ^= 1;
    assert_eq!(reason(&frame), "wrong block checksum");

    let header = |flg: u8, bd: u8| vec![0x04, 0x22, 0x4d, 0x18, flg, bd, 0, 0, 0, 0, 0];
    assert_eq!(reason(&header(0x60, 0x40)), "wrong header checksum");
    assert_eq!(
        reason(&header(0x61, 0x40)),
        "unsupported frame header",
        "a dictionary"
    );
    assert_eq!(
        reason(&header(0x62, 0x40)),
        "unsupported frame header",
        "a reserved bit"
    );
    assert_eq!(
        reason(&header(0xa0, 0x40)),
        "unsupported frame header",
        "version 2"
    );
    assert_eq!(reason(&header(0x60, 0x41)), "unsupported frame header");
    assert_eq!(
        reason(&header(0x60, 0x80)),
        "unsupported frame header",
        "8 MiB blocks"
    );
    assert_eq!(reason(&header(0x60, 0x30)), "unsupported block size");
    assert_eq!(reason(b"not a frame"), "no lz4 frame");
    let mut large = vec![0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
    large.extend_from_slice(&65_537u32.to_le_bytes());
    assert_eq!(reason(&large), "block larger than the frame allows");
}

/// What snappy-java writes: a header and blocks of 32 KiB.
fn xerial(input: &[u8], chunk: usize) -> Vec<u8> {
    let mut bytes = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
    for chunk in input.chunks(chunk) {
        let block = snap::raw::Encoder::new().compress_vec(chunk).expect("small");
        bytes.extend_from_slice(&(block.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&block);
    }
    bytes
}

#[test]
fn snappy_is_read_raw_and_in_xerials_framing() {
    let input = words(100_000);
    for chunk in [32 << 10, 1_000, 100_000] {
        assert!(
            decompress(Codec::Snappy, &xerial(&input, chunk), LIMIT).as_deref() == Ok(&input),
            "{chunk}"
        );
    }
    assert_eq!(
        decompress(Codec::Snappy, &xerial(&[], 1), LIMIT),
        Ok(vec![]),
        "a header alone holds nothing"
    );

    let reason = |bytes: &[u8]| match decompress(Codec::Snappy, bytes, LIMIT) {
        Err(DecompressError::Invalid {
            codec: Codec::Snappy,
            reason,
        }) => reason,
        other => panic!("{other:?}"),
    };
    let good = xerial(&input, 32 << 10);
    assert_eq!(reason(&[&good[..], &[0; 4]].concat()), "empty chunk");
    assert_eq!(reason(&[&good[..], &[0; 3]].concat()), "cut chunk length");
    assert_eq!(
        reason(&[&good[..], &[0xff; 5]].concat()),
        "chunk longer than the data"
    );
    let mut later = good.clone();
    later[15] = 2;
    assert_eq!(reason(&later), "xerial stream of a later version");
    assert_eq!(reason(&[]), "cut or corrupt block");
    let raw = packed(Compression::Snappy, &input);
    assert_eq!(
        reason(&[&raw[..], b"x"].concat()),
        "cut or corrupt block",
        "nothing may follow"
    );
}

#[test]
fn gzip_members_follow_each_other_and_trailing_bytes_are_ignored() {
    let (one, two) = (words(5_000), words(9_000));
    let first = packed(Compression::GZIP, &one);
    let second = packed(Compression::Gzip { level: 1 }, &two);
    let both = [&one[..], &two].concat();
    assert_eq!(
        decompress(Codec::Gzip, &[&first[..], &second].concat(), LIMIT),
        Ok(both)
    );
    assert_eq!(
        decompress(Codec::Gzip, &[&first[..], b"trailing"].concat(), LIMIT),
        Ok(one.clone())
    );
    let exact = decompress(Codec::Gzip, &[&first[..], &second].concat(), 14_000).map(|bytes| bytes.len());
    assert_eq!(exact, Ok(14_000), "the limit counts all members");
    assert!(decompress(Codec::Gzip, &[&first[..], &second].concat(), 13_999).is_err());

    let mut corrupt = first.clone();
    let end = corrupt.len();
    corrupt[end - 5] ^= 1;
    assert!(
        decompress(Codec::Gzip, &corrupt, LIMIT).is_err(),
        "the member's checksum counts"
    );
}

#[test]
fn zstd_frames_state_their_size_and_others_need_not() {
    let input = words(150_000);
    let ours = packed(Compression::ZSTD, &input);
    assert!(matches!(
        zstd::zstd_safe::get_frame_content_size(&ours),
        Ok(Some(150_000))
    ));
    assert_eq!(zstd::zstd_safe::get_dict_id_from_frame(&ours), None);

    // A streaming writer, as Java's: no content size, and a window of its own.
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).expect("a context");
    encoder.include_contentsize(false).expect("a switch");
    encoder.write_all(&input).expect("into memory");
    let streamed = encoder.finish().expect("into memory");
    assert!(matches!(
        zstd::zstd_safe::get_frame_content_size(&streamed),
        Ok(None)
    ));
    assert!(decompress(Codec::Zstd, &streamed, LIMIT).as_deref() == Ok(&input));
    assert!(decompress(Codec::Zstd, &streamed, 150_000).as_deref() == Ok(&input));
    assert_eq!(
        decompress(Codec::Zstd, &streamed, 149_999),
        Err(DecompressError::TooLarge {
            codec: Codec::Zstd,
            limit: 149_999
        })
    );
    let twice = [&input[..], &input].concat();
    for two in [
        [&ours[..], &ours].concat(),
        [&streamed[..], &ours].concat(),
        [&ours[..], &streamed].concat(),
    ] {
        assert!(
            decompress(Codec::Zstd, &two, LIMIT).as_deref() == Ok(&twice),
            "frames follow each other"
        );
    }
    assert!(
        decompress(Codec::Zstd, &[&ours[..], b"trailing"].concat(), LIMIT).is_err(),
        "nothing else may"
    );
}
