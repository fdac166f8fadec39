//! Why a codec refuses its input.

use thiserror::Error;

use super::settings::Codec;

/// Why records could not be decompressed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecompressError {
    /// A codec id from 5 to 7.
    #[error("unknown codec {id}")]
    UnknownCodec {
        /// The id in the batch's attributes.
        id: u8,
    },
    /// The codec is left out of this build.
    #[error("this build cannot read {codec}: turn on the cargo feature \"{codec}\"")]
    NotBuilt {
        /// The codec, whose feature has the same name.
        codec: Codec,
    },
    /// The data is larger than the limit. A stated size above the limit is enough for this error;
    /// nothing is allocated.
    #[error("{codec} data unpacks to more than {limit} bytes")]
    TooLarge {
        /// The codec.
        codec: Codec,
        /// Bytes allowed.
        limit: usize,
    },
    /// The bytes are not what the codec writes.
    #[error("{codec} data is invalid: {reason}")]
    Invalid {
        /// The codec.
        codec: Codec,
        /// What is wrong, in words.
        reason: &'static str,
    },
}

impl DecompressError {
    pub(super) fn invalid(codec: Codec, reason: &'static str) -> Self {
        Self::Invalid { codec, reason }
    }
}
