//! Zstandard: the encoder writes one frame that states the size of its content; the decoder reads
//! one or more frames.

use zstd::bulk::Compressor;
use zstd::zstd_safe::{self, DCtx, zstd_sys::ZSTD_ErrorCode};

use super::settings::ZSTD_LEVELS;
use super::{Codec, DecompressError, room};

/// A context, with the level that is set in it.
#[derive(Default)]
pub(super) struct Encoder(Option<(i32, Compressor<'static>)>);

impl Encoder {
    pub(super) fn compress(&mut self, input: &[u8], output: &mut Vec<u8>, level: i32) -> Option<usize> {
        let level = level.clamp(*ZSTD_LEVELS.start(), *ZSTD_LEVELS.end());
        let compressor = match &mut self.0 {
            Some((set_to, compressor)) => {
                if *set_to != level {
                    compressor.set_compression_level(level).ok()?;
                    *set_to = level;
                }
                compressor
            }
            slot => &mut slot.insert((level, Compressor::new(level).ok()?)).1,
        };
        // With room for the worst case zstd does not check the output's size at each step.
        let output = room(output, zstd_safe::compress_bound(input.len()));
        compressor.compress_to_buffer(input, output).ok()
    }
}

/// A context, made at its first use.
#[derive(Default)]
pub(super) struct Decoder(Option<DCtx<'static>>);

/// The least room, in bytes, for a frame that does not state its size.
const GUESS_MIN: usize = 64 << 10;
/// A frame that does not state its size first gets room for this many times its input; then for
/// this many times more.
const GUESS_FACTOR: usize = 8;

impl Decoder {
    /// Decompresses in one call, without a window: the output buffer is the window, so that the
    /// window size that a frame states is never allocated. Frames that do not state their size are
    /// tried with more and more room.
    pub(super) fn decompress(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
        limit: usize,
    ) -> Result<(), DecompressError> {
        let context = match &mut self.0 {
            Some(context) => context,
            slot => slot.insert(DCtx::try_create().ok_or_else(|| invalid("no memory for a context"))?),
        };
        let stated = zstd_safe::get_frame_content_size(input).map_err(|_| invalid("no zstd frame"))?;
        let mut room = match stated {
            Some(stated) if stated > limit as u64 => return Err(too_large(limit)),
            Some(stated) if stated > expanded_max(input.len()) => {
                return Err(invalid("content size that the data cannot have"));
            }
            Some(stated) => stated as usize,
            None => input.len().saturating_mul(GUESS_FACTOR).max(GUESS_MIN).min(limit),
        };
        loop {
            output.clear();
            output.reserve_exact(room);
            match context.decompress(output, input) {
                // A buffer that is used again may be larger than the limit.
                Ok(len) if len > limit => return Err(too_large(limit)),
                Ok(_) => return Ok(()),
                Err(code) if is_too_small(code) && output.capacity() < limit => {
                    room = output.capacity().max(1).saturating_mul(GUESS_FACTOR).min(limit);
                }
                Err(code) if is_too_small(code) => return Err(too_large(limit)),
                Err(_) => return Err(invalid("cut or corrupt frame")),
            }
        }
    }
}

/// zstd returns an error as the negative of the error's code.
fn is_too_small(code: usize) -> bool {
    code == (ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall as usize).wrapping_neg()
}

/// A block takes at least 4 bytes and holds at most 128 KiB.
fn expanded_max(len: usize) -> u64 {
    (len as u64 / 4 + 1) << 17
}

fn too_large(limit: usize) -> DecompressError {
    DecompressError::TooLarge {
        codec: Codec::Zstd,
        limit,
    }
}

fn invalid(reason: &'static str) -> DecompressError {
    DecompressError::invalid(Codec::Zstd, reason)
}
