//! Snappy: the encoder writes one raw block, as librdkafka does. The decoder reads raw blocks and
//! xerial's framing, which Java's clients write.
//!
//! ```text
//! xerial: 82 "SNAPPY" 00 | i32 version | i32 lowest compatible version | (i32 length, raw block)*
//! ```

use super::{Codec, DecompressError, room};

const XERIAL_MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
/// The magic and two versions.
const XERIAL_HEADER_SIZE: usize = 16;
/// The only version that exists. A stream that demands a later version is refused.
const XERIAL_VERSION: u32 = 1;

/// The encoder of the snap crate, which holds a table for large inputs.
#[derive(Default)]
pub(super) struct Encoder(Option<snap::raw::Encoder>);

impl Encoder {
    pub(super) fn compress(&mut self, input: &[u8], output: &mut Vec<u8>) -> Option<usize> {
        let output = room(output, snap::raw::max_compress_len(input.len()));
        self.0
            .get_or_insert_with(snap::raw::Encoder::new)
            .compress(input, output)
            .ok()
    }
}

pub(super) fn decompress(input: &[u8], output: &mut Vec<u8>, limit: usize) -> Result<(), DecompressError> {
    // A raw block may begin with the magic's first byte, so that only a whole header counts as
    // xerial's framing.
    match input.split_at_checked(XERIAL_HEADER_SIZE) {
        Some((header, chunks)) if header.starts_with(&XERIAL_MAGIC) => {
            let compatible = u32::from_be_bytes([header[12], header[13], header[14], header[15]]);
            if compatible > XERIAL_VERSION {
                return Err(invalid("xerial stream of a later version"));
            }
            decompress_chunks(chunks, output, limit)
        }
        _ => decompress_block(input, output, limit),
    }
}

fn decompress_chunks(mut chunks: &[u8], output: &mut Vec<u8>, limit: usize) -> Result<(), DecompressError> {
    while !chunks.is_empty() {
        let (length, remaining) = chunks
            .split_first_chunk::<4>()
            .ok_or_else(|| invalid("cut chunk length"))?;
        let length = u32::from_be_bytes(*length) as usize;
        if length == 0 {
            return Err(invalid("empty chunk"));
        }
        let (chunk, remaining) = remaining
            .split_at_checked(length)
            .ok_or_else(|| invalid("chunk longer than the data"))?;
        decompress_block(chunk, output, limit)?;
        chunks = remaining;
    }
    Ok(())
}

fn decompress_block(block: &[u8], output: &mut Vec<u8>, limit: usize) -> Result<(), DecompressError> {
    let stated = snap::raw::decompress_len(block).map_err(|_| invalid("bad length"))?;
    let start = output.len();
    if stated > limit - start {
        return Err(DecompressError::TooLarge {
            codec: Codec::Snappy,
            limit,
        });
    }
    if stated > expanded_max(block.len()) {
        return Err(invalid("length that the data cannot have"));
    }
    output.resize(start + stated, 0);
    snap::raw::Decoder::new()
        .decompress(block, &mut output[start..])
        .map(drop)
        .map_err(|_| invalid("cut or corrupt block"))
}

/// The densest element takes 3 bytes and copies 64.
fn expanded_max(len: usize) -> usize {
    len.saturating_mul(64) / 3 + 64
}

fn invalid(reason: &'static str) -> DecompressError {
    DecompressError::invalid(Codec::Snappy, reason)
}
