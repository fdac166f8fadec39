//! How batches leave their queue: the sender's end of it.

use std::sync::Arc;
use std::time::Instant;

use linger_protocol::records::{Codec, Scratch};

use super::{Content, PartitionQueue, Slot, State};
use crate::append::batch::{EncodedBatch, OpenBatch, OpenStatus};
use crate::append::encode_job::{EncodeDone, EncodeJob, Place};
use crate::append::lock::lock;

/// What [`PartitionQueue::take_head`] gives.
#[derive(Debug)]
#[must_use]
pub struct Taken {
    /// The oldest batch, or why it was not taken.
    pub head: Head,
    /// With a codec: a batch to be encoded and brought back by [`PartitionQueue::put_encoded`]. It
    /// is the head if the head was not encoded, else the next batch, if that is full already.
    pub job: Option<EncodeJob>,
    /// When the first record of the batch that is open now came, if one is open.
    pub open_since: Option<Instant>,
}

/// The oldest batch of a queue, as [`PartitionQueue::take_head`] found it.
#[derive(Debug)]
pub enum Head {
    /// It is encoded, and has left the queue.
    Batch(EncodedBatch),
    /// It is larger than the limit, and stays.
    TooLarge,
    /// No batch is due, or its encode job is out.
    Nothing,
}

/// A batch that was sealed before it could leave. See [`PartitionQueue::seal_full`].
#[derive(Debug)]
#[must_use]
pub struct Sealed {
    /// To be run, and its result to be brought back by [`PartitionQueue::put_encoded`].
    pub job: EncodeJob,
    /// When the first record of the batch that is open now came, if one is open.
    pub open_since: Option<Instant>,
}

/// What a look at the head of a queue found.
enum Found {
    /// A batch that leaves as it is.
    Ready,
    /// A batch that the codec must encode first.
    Unencoded,
    TooLarge,
    Nothing,
}

impl PartitionQueue {
    /// Takes the oldest batch if it is at most `limit` bytes, header included. The records of a
    /// taken batch are in flight from now on.
    ///
    /// The open batch is the oldest one if nothing was sealed before it; it is taken only if it is
    /// `due`. Without a codec the batch is encoded here, outside the lock, which is a checksum.
    /// With a codec a batch is sealed first, and leaves the queue by another call once
    /// [`PartitionQueue::put_encoded`] brought it back.
    pub fn take_head(
        self: &Arc<Self>,
        limit: usize,
        due: impl FnOnce(&OpenStatus) -> bool,
        scratch: &mut Scratch,
    ) -> Taken {
        let compression = self.shared.compression();
        let has_codec = compression.codec() != Codec::None;
        let mut state = lock(&self.state);
        let mut sealed = None;
        let found = state.find_head(limit, has_codec, due);
        let content = match found {
            Found::Ready => state.pop_head(),
            Found::Unencoded => {
                sealed = state.seal_oldest();
                None
            }
            Found::TooLarge | Found::Nothing => None,
        };
        if has_codec && content.is_some() {
            sealed = state.seal_full();
        }
        let open_since = state.open.as_ref().map(|open| open.opened_at);
        drop(state);
        let head = match content {
            Some(Content::Encoded(mut batch)) => {
                batch.depart();
                Head::Batch(batch)
            }
            Some(Content::Ended(batch)) => Head::Batch(batch.encode(compression, scratch)),
            Some(Content::Out | Content::Cancelled(_) | Content::Vacant) => {
                unreachable!("only a batch that is here is ready")
            }
            None if matches!(found, Found::TooLarge) => Head::TooLarge,
            None => Head::Nothing,
        };
        Taken {
            head,
            job: sealed.map(|sealed| self.job(sealed)),
            open_since,
        }
    }

    /// With a codec: seals the oldest batch if it is full and no batch before it is being encoded
    /// or waits to be taken, so that the codec and the broker work at the same time.
    pub fn seal_full(self: &Arc<Self>) -> Option<Sealed> {
        if self.shared.compression().codec() == Codec::None {
            return None;
        }
        let mut state = lock(&self.state);
        let sealed = state.seal_full()?;
        let open_since = state.open.as_ref().map(|open| open.opened_at);
        drop(state);
        Some(Sealed {
            job: self.job(sealed),
            open_since,
        })
    }

    fn job(self: &Arc<Self>, (number, batch): (u64, OpenBatch)) -> EncodeJob {
        let place = Place::new(self.clone(), number);
        EncodeJob::new(batch.seal(), place, self.shared.compression())
    }

    /// Seals the oldest batch that nobody has sealed, whatever is before it.
    #[cfg(test)]
    pub(crate) fn seal(self: &Arc<Self>) -> Option<EncodeJob> {
        let mut state = lock(&self.state);
        state.end_open();
        let sealed = state.seal_oldest();
        drop(state);
        sealed.map(|sealed| self.job(sealed))
    }

    /// Puts an encoded batch into its place, whatever the order in which jobs end. If the batch was
    /// cancelled meanwhile, its records fail now.
    pub fn put_encoded(&self, done: EncodeDone) {
        let EncodeDone { batch, place } = done;
        let number = place.keep();
        let mut state = lock(&self.state);
        let Some(slot) = state.slot(number) else {
            drop(state);
            drop(batch);
            return;
        };
        match std::mem::replace(&mut slot.content, Content::Vacant) {
            Content::Cancelled(error) => {
                state.trim();
                drop(state);
                batch.fail(error);
            }
            Content::Ended(_) | Content::Out | Content::Encoded(_) | Content::Vacant => {
                slot.content = Content::Encoded(batch);
            }
        }
    }
}

impl State {
    /// Looks for what [`PartitionQueue::take_head`] may take; ends the open batch if that is it.
    fn find_head(&mut self, limit: usize, has_codec: bool, due: impl FnOnce(&OpenStatus) -> bool) -> Found {
        if self.slots.is_empty() {
            match &self.open {
                Some(open) if due(&open.status()) => {
                    if !has_codec && open.size() > limit {
                        return Found::TooLarge;
                    }
                    self.end_open();
                }
                Some(_) | None => return Found::Nothing,
            }
        }
        let size = match self.slots.front().map(|head| &head.content) {
            Some(Content::Encoded(head)) => head.size(),
            Some(Content::Ended(_)) if has_codec => return Found::Unencoded,
            Some(Content::Ended(head)) => head.size(),
            Some(Content::Out | Content::Cancelled(_) | Content::Vacant) | None => return Found::Nothing,
        };
        if size > limit {
            Found::TooLarge
        } else {
            Found::Ready
        }
    }

    /// Removes the head, whose records are in flight from now on.
    fn pop_head(&mut self) -> Option<Content> {
        let slot = self.slots.pop_front()?;
        self.front += 1;
        self.trim();
        self.sent += u64::from(slot.count);
        Some(slot.content)
    }

    /// Seals the oldest batch that is ended and not sealed: its place, and the batch.
    fn seal_oldest(&mut self) -> Option<(u64, OpenBatch)> {
        let is_ended = |slot: &Slot| matches!(slot.content, Content::Ended(_));
        let index = self.slots.iter().position(is_ended)?;
        match std::mem::replace(&mut self.slots[index].content, Content::Out) {
            Content::Ended(batch) => Some((self.front + index as u64, batch)),
            Content::Out | Content::Cancelled(_) | Content::Encoded(_) | Content::Vacant => {
                unreachable!("the batch at this index was just seen to be ended")
            }
        }
    }

    /// Seals the oldest batch if that is full and not sealed.
    fn seal_full(&mut self) -> Option<(u64, OpenBatch)> {
        if self.slots.is_empty() && self.open.as_ref().is_some_and(OpenBatch::is_full) {
            self.end_open();
        }
        match self.slots.front()?.content {
            Content::Ended(_) => self.seal_oldest(),
            Content::Out | Content::Cancelled(_) | Content::Encoded(_) | Content::Vacant => None,
        }
    }
}
