//! The codecs of record batches: which there are, their levels, and how much they may unpack.
//!
//! A codec works on all records of a batch at once; the 61 bytes before them stay readable. Compressing writes into
//! memory that is used again; decompressing takes a limit and never allocates on the word of a length that its input
//! could not fill.

mod decompress;
mod gzip;
mod lz4;
mod settings;
mod snappy;
mod xxh32;
mod zstd;

pub(crate) use decompress::decompress_cow;
pub use decompress::{DecompressError, Decompressor, decompress};
pub use settings::{Codec, Compression, CompressionError, GZIP_LEVELS, LZ4_LEVELS, ZSTD_LEVELS};

/// What compressing needs besides its input, kept from batch to batch: contexts, tables and an output buffer.
///
/// One per thread that encodes; nothing is allocated before a codec is used. The buffer stays as large as the largest
/// batch needed.
#[derive(Default)]
pub struct Scratch {
    output: Vec<u8>,
    gzip: gzip::Encoder,
    snappy: snappy::Encoder,
    lz4: lz4::Encoder,
    zstd: zstd::Encoder,
}

impl Scratch {
    /// An empty scratch, same as its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compresses `input`, or gives `None` if that does not make it smaller.
    ///
    /// A level out of range counts as the nearest allowed one; [`Compression::validate`] tells a user so in time.
    pub fn compress(&mut self, compression: Compression, input: &[u8]) -> Option<&[u8]> {
        let output = &mut self.output;
        let len = match compression {
            Compression::None => None,
            Compression::Gzip { level } => self.gzip.compress(input, output, level),
            Compression::Snappy => self.snappy.compress(input, output),
            Compression::Lz4 { .. } => self.lz4.compress(input, output),
            Compression::Zstd { level } => self.zstd.compress(input, output, level),
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

/// Makes `output` at least `len` long. It never shrinks, so its bytes are zeroed once and not for every batch.
fn room(output: &mut Vec<u8>, len: usize) -> &mut [u8] {
    if output.len() < len {
        output.resize(len, 0);
    }
    &mut output[..len]
}
