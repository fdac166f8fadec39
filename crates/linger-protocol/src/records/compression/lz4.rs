//! lz4: one frame of independent blocks, read and written by Kafka's rules (KIP-57,
//! `Lz4BlockInputStream.java`).
//!
//! ```text
//! 04 22 4d 18 | FLG | BD | [content size u64] | HC | (size u32, block, [xxh32])* |
//! 00000000 | [content xxh32]
//! FLG: 2 bits version = 1, independent, block checksums, content size, content checksum, 0,
//!      dictionary = 0
//! BD:  0, 3 bits block size 4..=7 (64 KiB, 256 KiB, 1 MiB, 4 MiB), 4 bits 0
//! size: little endian, high bit = the block is stored raw
//! ```
//!
//! Only the blocks are lz4_flex's; the frame is written here. lz4_flex's frame encoder would
//! allocate a megabyte per batch. Its frame decoder accepts linked blocks, which Kafka refuses, and
//! accepts an input that ends before the frame.

use lz4_flex::block::{
    CompressTable, DecompressError as BlockError, compress_into_with_table, decompress_into,
    get_maximum_output_size,
};

use super::xxh32::xxh32;
use super::{Codec, DecompressError, room};

const FRAME_MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// The header of every frame of a Kafka producer: version 1, independent blocks of 64 KiB, and the
/// header's checksum.
const FRAME_HEADER: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
const END_MARK: [u8; 4] = [0; 4];

/// A block of this size fits a reader's cache. Larger blocks make every broker and consumer
/// allocate as much.
const BLOCK_SIZE: usize = 64 << 10;
/// Inputs below this fit a table of 16-bit positions.
const SMALL_BELOW: usize = u16::MAX as usize;

const VERSION_MASK: u8 = 0xc0;
const VERSION_1: u8 = 0x40;
const INDEPENDENT: u8 = 0x20;
const BLOCK_CHECKSUM: u8 = 0x10;
const CONTENT_SIZE: u8 = 0x08;
/// A reserved bit, and the bit of a dictionary. Kafka refuses both.
const FLG_REFUSED: u8 = 0x03;
const BD_RESERVED: u8 = 0x8f;
const STORED: u32 = 1 << 31;

/// Two hash tables: a faster table for blocks below 64 KiB, and one for full blocks.
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

/// Reads one frame. Bytes behind the frame are ignored, as Kafka ignores them.
pub(super) fn decompress(input: &[u8], output: &mut Vec<u8>, limit: usize) -> Result<(), DecompressError> {
    let mut remaining = input;
    let frame = Frame::read(&mut remaining)?;
    loop {
        let word = u32::from_le_bytes(*take(&mut remaining, "cut before its end mark")?);
        if word == 0 {
            return Ok(());
        }
        let (stored, size) = (word & STORED != 0, (word & !STORED) as usize);
        if size > frame.block_size {
            return Err(invalid("block larger than the frame allows"));
        }
        let (block, after) = remaining
            .split_at_checked(size)
            .ok_or_else(|| invalid("cut block"))?;
        remaining = after;
        if frame.block_checksums
            && xxh32(block) != u32::from_le_bytes(*take(&mut remaining, "cut block checksum")?)
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

/// The header of a frame.
struct Frame {
    block_size: usize,
    block_checksums: bool,
}

impl Frame {
    fn read(remaining: &mut &[u8]) -> Result<Self, DecompressError> {
        const CUT: &str = "cut frame header";
        if *take(remaining, CUT)? != FRAME_MAGIC {
            return Err(invalid("no lz4 frame"));
        }
        let descriptor = *remaining;
        let &[flg, bd] = take(remaining, CUT)?;
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
            take::<8>(remaining, CUT)?;
        }
        let summed = descriptor.len() - remaining.len();
        let &[stated] = take(remaining, CUT)?;
        if (xxh32(&descriptor[..summed]) >> 8) as u8 != stated {
            return Err(invalid("wrong header checksum"));
        }
        Ok(Self {
            block_size,
            block_checksums: flg & BLOCK_CHECKSUM != 0,
        })
    }
}

/// A byte of input lengthens a match by at most 255 bytes.
fn expanded_max(len: usize) -> usize {
    len.saturating_mul(255)
}

fn take<'a, const N: usize>(
    remaining: &mut &'a [u8],
    cut: &'static str,
) -> Result<&'a [u8; N], DecompressError> {
    let (bytes, after) = remaining.split_first_chunk().ok_or_else(|| invalid(cut))?;
    *remaining = after;
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
