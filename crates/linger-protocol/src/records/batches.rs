//! The batches of a record set, split by the rules of a broker.

use thiserror::Error;

use super::layout::{BATCH_OVERHEAD, HEADER_SIZE, MAGIC, MAGIC_AT};
use super::view::BatchView;

/// The smallest length that Kafka accepts: the overhead of a record of format 0.
const LENGTH_MIN: i32 = 14;

/// Iterates over the batches of a record set, as strictly as Kafka's `ByteBufferLogInputStream`.
///
/// A cut last batch ends the iteration without an error. A broker cuts the last batch of a Fetch
/// response. Of a Produce request, the broker accepts the whole batches before the cut.
pub fn batches(bytes: &[u8]) -> Batches<'_> {
    Batches {
        unread: bytes,
        position: 0,
    }
}

/// What is wrong with a record set; `position` counts bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BatchesError {
    /// A length below 14. Kafka answers `CORRUPT_MESSAGE`. The iteration ends.
    #[error("batch length {length} at byte {position} is less than {LENGTH_MIN}")]
    LengthTooSmall {
        /// Where the batch begins.
        position: usize,
        /// The length field.
        length: i32,
    },
    /// A length that overflows when its overhead is added. Kafka answers `UNKNOWN_SERVER_ERROR`.
    /// The iteration ends.
    #[error("batch length {length} at byte {position} overflows")]
    LengthOverflow {
        /// Where the batch begins.
        position: usize,
        /// The length field.
        length: i32,
    },
    /// A format version that does not exist. Kafka answers `CORRUPT_MESSAGE`. The iteration ends.
    #[error("unknown record format {magic} at byte {position}")]
    UnknownMagic {
        /// Where the batch begins.
        position: usize,
        /// The version.
        magic: i8,
    },
    /// A message of format 0 or 1, which Produce 3 and later must not contain (`INVALID_RECORD`).
    /// The iteration continues after the message.
    #[error("message of format {magic} at byte {position}")]
    Legacy {
        /// Where the message begins.
        position: usize,
        /// The version.
        magic: i8,
    },
    /// A batch of format 2 whose length does not cover a header (`CORRUPT_MESSAGE`). The iteration
    /// continues after the batch.
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
    unread: &'a [u8],
    position: usize,
}

impl<'a> Batches<'a> {
    /// The bytes that were not read yet. After the end, these are the bytes that were ignored.
    pub fn unread(&self) -> &'a [u8] {
        self.unread
    }

    fn fail(&mut self, error: BatchesError) -> Option<Result<BatchView<'a>, BatchesError>> {
        self.unread = &[];
        Some(Err(error))
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<BatchView<'a>, BatchesError>;

    fn next(&mut self) -> Option<Self::Item> {
        let position = self.position;
        let (_, after_offset) = self.unread.split_first_chunk::<8>()?;
        let length = i32::from_be_bytes(*after_offset.first_chunk()?);
        if length < LENGTH_MIN {
            return self.fail(BatchesError::LengthTooSmall { position, length });
        }
        let magic = *self.unread.get(MAGIC_AT)? as i8;
        if !(0..=MAGIC).contains(&magic) {
            return self.fail(BatchesError::UnknownMagic { position, magic });
        }
        if length > i32::MAX - BATCH_OVERHEAD as i32 {
            return self.fail(BatchesError::LengthOverflow { position, length });
        }
        let (bytes, rest) = self.unread.split_at_checked(BATCH_OVERHEAD + length as usize)?;
        self.unread = rest;
        self.position += bytes.len();
        if magic < MAGIC {
            return Some(Err(BatchesError::Legacy { position, magic }));
        }
        debug_assert!(bytes.len() >= HEADER_SIZE || BatchView::parse(bytes).is_err());
        Some(BatchView::parse(bytes).map_err(|_| BatchesError::HeaderCut { position, length }))
    }
}
