//! Decompression within a limit.

use std::borrow::Cow;

use super::error::DecompressError;
#[cfg(feature = "gzip")]
use super::gzip;
#[cfg(feature = "lz4")]
use super::lz4;
use super::settings::Codec;
#[cfg(feature = "snappy")]
use super::snappy;
#[cfg(feature = "zstd")]
use super::zstd;

/// Decompresses the records of one batch into new memory, which never exceeds about `limit` bytes.
///
/// # Errors
/// [`DecompressError`] if the bytes are not the codec's, are cut, or decompress to more than
/// `limit` bytes, or if the codec is not in this build.
pub fn decompress(codec: Codec, input: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    let mut decompressor = Decompressor::new();
    decompressor.decompress(codec, input, limit)?;
    Ok(decompressor.output)
}

/// As [`decompress`]; borrows an input that is not compressed.
pub(crate) fn decompress_cow(
    codec: Codec,
    input: &[u8],
    limit: usize,
) -> Result<Cow<'_, [u8]>, DecompressError> {
    match codec {
        Codec::None => Ok(Cow::Borrowed(input)),
        codec => decompress(codec, input, limit).map(Cow::Owned),
    }
}

/// Decompresses batches one after the other into the same memory.
#[derive(Default)]
pub struct Decompressor {
    output: Vec<u8>,
    #[cfg(feature = "zstd")]
    zstd: zstd::Decoder,
}

/// An output buffer larger than this is not kept for the next batch.
const KEPT_MAX: usize = 4 << 20;

impl Decompressor {
    /// Makes an empty decompressor; the same as its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decompresses the records of one batch; the result lasts until the next call.
    ///
    /// # Errors
    /// As [`decompress`].
    pub fn decompress(&mut self, codec: Codec, input: &[u8], limit: usize) -> Result<&[u8], DecompressError> {
        if self.output.capacity() > KEPT_MAX {
            self.output = Vec::new();
        }
        let output = &mut self.output;
        output.clear();
        match codec {
            Codec::None if input.len() > limit => Err(DecompressError::TooLarge { codec, limit }),
            Codec::None => {
                output.extend_from_slice(input);
                Ok(())
            }
            #[cfg(feature = "gzip")]
            Codec::Gzip => gzip::decompress(input, output, limit),
            #[cfg(feature = "snappy")]
            Codec::Snappy => snappy::decompress(input, output, limit),
            #[cfg(feature = "lz4")]
            Codec::Lz4 => lz4::decompress(input, output, limit),
            #[cfg(feature = "zstd")]
            Codec::Zstd => self.zstd.decompress(input, output, limit),
            #[cfg(not(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd")))]
            codec => Err(DecompressError::NotBuilt { codec }),
        }?;
        Ok(&self.output)
    }
}

impl std::fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decompressor")
            .field("capacity", &self.output.capacity())
            .finish_non_exhaustive()
    }
}
