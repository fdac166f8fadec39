//! The batches of a record set, found as a broker finds them.

use thiserror::Error;

use super::layout::{BATCH_OVERHEAD, HEADER_SIZE, MAGIC, MAGIC_AT};
use super::view::BatchView;

/// The smallest length that Kafka takes for one: the overhead of a record of format 0.
const LENGTH_MIN: i32 = 14;

/// Walks the batches of a record set, with the leniency and the severity of Kafka's `ByteBufferLogInputStream`.
///
/// A last batch that is cut ends the walk without an error: answers to fetches are cut like that, and of a produce
/// request the whole batches before it count.
pub fn batches(bytes: &[u8]) -> Batches<'_> {
    Batches {
        rest: bytes,
        position: 0,
    }
}

/// What is wrong with a record set; `position` counts bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BatchesError {
    /// A length below 14. Kafka answers `CORRUPT_MESSAGE`; the walk ends.
    #[error("batch length {length} at byte {position} is less than {LENGTH_MIN}")]
    LengthTooSmall {
        /// Where the batch begins.
        position: usize,
        /// The length field.
        length: i32,
    },
    /// A length that overflows when its overhead is added. Kafka answers `UNKNOWN_SERVER_ERROR`; the walk ends.
    #[error("batch length {length} at byte {position} overflows")]
    LengthOverflow {
        /// Where the batch begins.
        position: usize,
        /// The length field.
        length: i32,
    },
    /// A format version that does not exist. Kafka answers `CORRUPT_MESSAGE`; the walk ends.
    #[error("unknown record format {magic} at byte {position}")]
    UnknownMagic {
        /// Where the batch begins.
        position: usize,
        /// The version.
        magic: i8,
    },
    /// A message of format 0 or 1, which a produce request of version 3 or later may not carry (`INVALID_RECORD`). The
    /// walk goes on behind it.
    #[error("message of format {magic} at byte {position}")]
    Legacy {
        /// Where the message begins.
        position: usize,
        /// The version.
        magic: i8,
    },
    /// A batch of format 2 whose length does not cover a header (`CORRUPT_MESSAGE`). The walk goes on behind it.
    #[error("batch length {length} at byte {position} does not cover a header")]
    HeaderCut {
        /// Where the batch begins.
        position: usize,
        /// The length field.
        length: i32,
    },
}

/// Iterator over the batches of a record set; see [`batches`].
#[derive(Debug, Clone)]
pub struct Batches<'a> {
    rest: &'a [u8],
    position: usize,
}

impl<'a> Batches<'a> {
    /// Bytes not walked yet: after the end, what was ignored there.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn fail(&mut self, error: BatchesError) -> Option<Result<BatchView<'a>, BatchesError>> {
        self.rest = &[];
        Some(Err(error))
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<BatchView<'a>, BatchesError>;

    fn next(&mut self) -> Option<Self::Item> {
        let position = self.position;
        let (_, after_offset) = self.rest.split_first_chunk::<8>()?;
        let length = i32::from_be_bytes(*after_offset.first_chunk()?);
        if length < LENGTH_MIN {
            return self.fail(BatchesError::LengthTooSmall { position, length });
        }
        let magic = *self.rest.get(MAGIC_AT)? as i8;
        if !(0..=MAGIC).contains(&magic) {
            return self.fail(BatchesError::UnknownMagic { position, magic });
        }
        if length > i32::MAX - BATCH_OVERHEAD as i32 {
            return self.fail(BatchesError::LengthOverflow { position, length });
        }
        let (bytes, rest) = self.rest.split_at_checked(BATCH_OVERHEAD + length as usize)?;
        self.rest = rest;
        self.position += bytes.len();
        if magic < MAGIC {
            return Some(Err(BatchesError::Legacy { position, magic }));
        }
        debug_assert!(bytes.len() >= HEADER_SIZE || BatchView::parse(bytes).is_err());
        Some(BatchView::parse(bytes).map_err(|_| BatchesError::HeaderCut { position, length }))
    }
}
