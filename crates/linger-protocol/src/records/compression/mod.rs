//! The codecs of record batches: which codecs there are, their levels, and how much they may
//! decompress.
//!
//! A codec compresses all records of a batch together; the 61 bytes of the batch header stay
//! uncompressed. The encoders write into a buffer that is reused. The decoders take a limit, and
//! never allocate for a stated length that the input is too short to reach.
//!
//! Each codec is a cargo feature, so that a build without zstd needs no C compiler. A codec that is
//! left out keeps its name, its id and its levels; [`Codec::is_built`] is false for it.

#![cfg_attr(
    not(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd")),
    allow(
        dead_code,
        reason = "what the codecs share is unused when all of them are left out"
    )
)]

mod decompress;
mod error;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
mod settings;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(feature = "lz4")]
mod xxh32;
#[cfg(feature = "zstd")]
mod zstd;

pub(crate) use decompress::decompress_cow;
pub use decompress::{Decompressor, decompress};
pub use error::DecompressError;
pub use settings::{Codec, Compression, CompressionError, GZIP_LEVELS, LZ4_LEVELS, ZSTD_LEVELS};

/// The codecs' contexts, their tables and an output buffer, all reused from batch to batch.
///
/// Each thread that compresses has its own. Nothing is allocated before a codec is used. The buffer
/// keeps the size that the largest batch needed.
#[derive(Default)]
pub struct Scratch {
    output: Vec<u8>,
    #[cfg(feature = "gzip")]
    gzip: gzip::Encoder,
    #[cfg(feature = "snappy")]
    snappy: snappy::Encoder,
    #[cfg(feature = "lz4")]
    lz4: lz4::Encoder,
    #[cfg(feature = "zstd")]
    zstd: zstd::Encoder,
}

impl Scratch {
    /// Makes an empty scratch; the same as its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compresses `input`. `None` if the result would not be smaller, or if the codec is not in
    /// this build.
    ///
    /// A level out of range is replaced by the nearest allowed level; [`Compression::validate`]
    /// reports such a level, and a codec that is not in this build.
    pub fn compress(&mut self, compression: Compression, input: &[u8]) -> Option<&[u8]> {
        let len = match compression {
            Compression::None => None,
            #[cfg(feature = "gzip")]
            Compression::Gzip { level } => self.gzip.compress(input, &mut self.output, level),
            #[cfg(feature = "snappy")]
            Compression::Snappy => self.snappy.compress(input, &mut self.output),
            #[cfg(feature = "lz4")]
            Compression::Lz4 { .. } => self.lz4.compress(input, &mut self.output),
            #[cfg(feature = "zstd")]
            Compression::Zstd { level } => self.zstd.compress(input, &mut self.output, level),
            #[cfg(not(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd")))]
            _ => None,
        }?;
        (len < input.len()).then(|| &self.output[..len])
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch")
            .field("output_len", &self.output.len())
            .finish_non_exhaustive()
    }
}

/// Makes `output` at least `len` bytes long. `output` never shrinks, so its bytes are zeroed once
/// and not for every batch.
fn room(output: &mut Vec<u8>, len: usize) -> &mut [u8] {
    if output.len() < len {
        output.resize(len, 0);
    }
    &mut output[..len]
}
