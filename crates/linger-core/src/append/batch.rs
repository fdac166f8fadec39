//! The life of a batch, one type per state: open, sealed
//! ([`EncodeJob`](crate::append::encode_job::EncodeJob)), [`EncodedBatch`], [`StampedBatch`].
//!
//! A batch is two buffers: its records, final from the moment they are encoded, and a 61-byte
//! header, made when producer id, epoch and sequence are known. Sealing costs nothing, encoding
//! (compression and checksum) runs wherever the shell likes, stamping changes only the header. The
//! records' memory returns when the last clone of their bytes is dropped.

mod encoded;
mod open;
mod split;
mod stamped;

pub use encoded::EncodedBatch;
pub use open::OpenStatus;
pub(crate) use open::{OpenBatch, SealedBatch};
pub use split::{SplitDone, SplitJob};
pub use stamped::StampedBatch;
