//! lz4: one frame of independent blocks, read and written with Kafka's rules (KIP-57, `Lz4BlockInputStream.java`).
//!
//! ```text
//! 04 22 4d 18 | FLG | BD | [content size u64] | HC | (size u32, block, [xxh32])* | 00000000 | [content xxh32]
//! FLG: 2 bits version = 1, independent, block checksums, content size, content checksum, 0, dictionary = 0
//! BD:  0, 3 bits block size 4..=7 (64 KiB, 256 KiB, 1 MiB, 4 MiB), 4 bits 0
//! size: little endian, high bit = the block is stored raw
//! ```
//!
//! The frame is our own work over lz4_flex's blocks because Kafka's rules are not lz4_flex's: its encoder would need a
//! fresh megabyte per batch, its decoder takes linked blocks, and takes an end of input for an end of frame.

use lz4_flex::block::{
    CompressTable, DecompressError as BlockError, compress_into_with_table, decompress_into,
    get_maximum_output_size,
};

use super::xxh32::xxh32;
use super::{Codec, DecompressError, room};

const FRAME_MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// What every frame of a Kafka producer begins with: version 1, independent blocks, 64 KiB, and their checksum.
const FRAME_HEADER: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
const END_MARK: [u8; 4] = [0; 4];

/// Block size that readers can hold in their cache; larger ones make every broker and consumer allocate them.
const BLOCK_SIZE: usize = 64 << 10;
/// Inputs below this fit a table of 16-bit positions.
const SMALL_BELOW: usize = u16::MAX as usize;

const VERSION_MASK: u8 = 0xc0;
const VERSION_1: u8 = 0x40;
const INDEPENDENT: u8 = 0x20;
const BLOCK_CHECKSUM: u8 = 0x10;
const CONTENT_SIZE: u8 = 0x08;
/// A reserved bit and the dictionary's.
const FLG_REFUSED: u8 = 0x03;
const BD_RESERVED: u8 = 0x8f;
const STORED: u32 = 1 << 31;

/// Two hash tables: one for blocks below 64 KiB, which is faster, and one for whole ones.
#[derive(Default)]
pub(super) struct Encoder {
    small: Option<CompressTable>,
    large: Option<CompressTable>,
}

impl Encoder {
    pub(super) fn compress(&mut self, input: &[u8], output: &mut Vec<u8>) -> Option<usize> {
        let blocks = input.len().div_ceil(BLOCK_SIZE);
        let output = room(
            output,
            FRAME_HEADER.len() + blocks * (4 + get_maximum_output_size(BLOCK_SIZE)) + 4,
        );
        output[..FRAME_HEADER.len()].copy_from_slice(&FRAME_HEADER);
        let mut at = FRAME_HEADER.len();
        for block in input.chunks(BLOCK_SIZE) {
            let (size, data) = output[at..].split_first_chunk_mut::<4>()?;
            let compressed = self.compress_block(block, data)?;
            let (word, len) = if compressed < block.len() {
                (compressed as u32, compressed)
            } else {
                data[..block.len()].copy_from_slice(block);
                (block.len() as u32 | STORED, block.len())
            };
            *size = word.to_le_bytes();
            at += 4 + len;
        }
        output[at..at + 4].copy_from_slice(&END_MARK);
        Some(at + 4)
    }

    fn compress_block(&mut self, block: &[u8], output: &mut [u8]) -> Option<usize> {
        let table = if block.len() < SMALL_BELOW {
            self.small.get_or_insert_with(CompressTable::small)
        } else {
            self.large.get_or_insert_with(CompressTable::large)
        };
        compress_into_with_table(block, output, table).ok()
    }
}

/// Reads one frame; what follows it is ignored, as Kafka ignores it.
pub(super) fn decompress(input: &[u8], output: &mut Vec<u8>, limit: usize) -> Result<(), DecompressError> {
    let mut rest = input;
    let frame = Frame::read(&mut rest)?;
    loop {
        let word = u32::from_le_bytes(*take(&mut rest, "cut before its end mark")?);
        if word == 0 {
            return Ok(());
        }
        let (stored, size) = (word & STORED != 0, (word & !STORED) as usize);
        if size > frame.block_size {
            return Err(invalid("block larger than the frame allows"));
        }
        let (block, after) = rest.split_at_checked(size).ok_or_else(|| invalid("cut block"))?;
        rest = after;
        if frame.block_checksums
            && xxh32(block) != u32::from_le_bytes(*take(&mut rest, "cut block checksum")?)
        {
            return Err(invalid("wrong block checksum"));
        }
        if stored {
            if block.len() > limit - output.len() {
                return Err(too_large(limit));
            }
            output.extend_from_slice(block);
        } else {
            decompress_block(block, frame.block_size, output, limit)?;
        }
    }
}

fn decompress_block(
    block: &[u8],
    block_size: usize,
    output: &mut Vec<u8>,
    limit: usize,
) -> Result<(), DecompressError> {
    let start = output.len();
    let left = limit - start;
    let room = block_size.min(expanded_max(block.len())).min(left);
    output.resize(start + room, 0);
    match decompress_into(block, &mut output[start..]) {
        Ok(len) => {
            output.truncate(start + len);
            Ok(())
        }
        Err(BlockError::OutputTooSmall { .. }) if room == left => Err(too_large(limit)),
        Err(_) => Err(invalid("corrupt block")),
    }
}

/// What a frame's header says.
struct Frame {
    block_size: usize,
    block_checksums: bool,
}

impl Frame {
    fn read(rest: &mut &[u8]) -> Result<Self, DecompressError> {
        const CUT: &str = "cut frame header";
        if *take(rest, CUT)? != FRAME_MAGIC {
            return Err(invalid("no lz4 frame"));
        }
        let descriptor = *rest;
        let &[flg, bd] = take(rest, CUT)?;
        if flg & VERSION_MASK != VERSION_1 || flg & FLG_REFUSED != 0 || bd & BD_RESERVED != 0 {
            return Err(invalid("unsupported frame header"));
        }
        if flg & INDEPENDENT == 0 {
            return Err(invalid("linked blocks, which Kafka refuses"));
        }
        let block_size = match bd >> 4 {
            4 => 64 << 10,
            5 => 256 << 10,
            6 => 1 << 20,
            7 => 4 << 20,
            _ => return Err(invalid("unsupported block size")),
        };
        if flg & CONTENT_SIZE != 0 {
            take::<8>(rest, CUT)?;
        }
        let summed = descriptor.len() - rest.len();
        let &[stated] = take(rest, CUT)?;
        if (xxh32(&descriptor[..summed]) >> 8) as u8 != stated {
            return Err(invalid("wrong header checksum"));
        }
        Ok(Self {
            block_size,
            block_checksums: flg & BLOCK_CHECKSUM != 0,
        })
    }
}

/// A byte of input lengthens a match by at most 255.
fn expanded_max(len: usize) -> usize {
    len.saturating_mul(255)
}

fn take<'a, const N: usize>(rest: &mut &'a [u8], cut: &'static str) -> Result<&'a [u8; N], DecompressError> {
    let (bytes, after) = rest.split_first_chunk().ok_or_else(|| invalid(cut))?;
    *rest = after;
    Ok(bytes)
}

fn too_large(limit: usize) -> DecompressError {
    DecompressError::TooLarge {
        codec: Codec::Lz4,
        limit,
    }
}

fn invalid(reason: &'static str) -> DecompressError {
    DecompressError::invalid(Codec::Lz4, reason)
}
