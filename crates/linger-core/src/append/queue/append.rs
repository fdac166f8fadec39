//! How a record gets into its queue: the application threads' end of it.
//!
//! One lock and one encoding where the open batch has room, a few steps more where it has not.

use std::sync::Arc;
use std::time::Instant;

use linger_protocol::records::{BatchBuilder, HEADER_SIZE, Record};

use super::PartitionQueue;
use crate::append::appended::{AppendError, Appended, Filled};
use crate::append::batch::OpenBatch;
use crate::append::completer::Completer;
use crate::append::completion::Completion;
use crate::append::delivery::Delivery;
use crate::append::doorbell::Ready;
use crate::append::lock::lock;
use crate::append::memory::{Buffer, MemoryPermit, capacity_for};
use crate::append::share::Share;

impl PartitionQueue {
    /// Adds a record to the open batch.
    #[inline]
    pub(crate) fn append(
        self: &Arc<Self>,
        record: &Record<'_>,
        timestamp: i64,
        permit: Option<&mut MemoryPermit>,
        now: impl FnOnce() -> Instant,
    ) -> Result<Appended, AppendError> {
        let mut state = lock(&self.state);
        let added = state
            .open
            .as_mut()
            .and_then(|open| append_to(open, record, timestamp));
        drop(state);
        let added = match added {
            Some(added) if added.fills => self.ring_full(added),
            Some(added) => added,
            None => {
                let mut error = AppendError::Closed;
                let added = self.append_slowly(record, timestamp, permit, now, &mut error);
                added.ok_or(error)?.unpack()
            }
        };
        Ok(Appended {
            delivery: Delivery::new(added.completion, added.index, timestamp),
            bytes: added.size,
            filled: if added.fills { Filled::Yes } else { Filled::No },
            wake: added.wake,
        })
    }

    #[cold]
    fn ring_full(&self, added: Added) -> Added {
        let wake = self.shared.doorbell.ring(Ready::Full { partition: self.id });
        Added {
            wake: added.wake | wake,
            ..added
        }
    }

    /// Appends where a batch must be opened, enlarged or ended first. Memory, the completion and
    /// the time are prepared without the lock, so the queue is looked at again afterwards. What
    /// another thread made unnecessary is given up.
    #[cold]
    #[inline(never)]
    fn append_slowly(
        self: &Arc<Self>,
        record: &Record<'_>,
        timestamp: i64,
        mut permit: Option<&mut MemoryPermit>,
        now: impl FnOnce() -> Instant,
        error: &mut AppendError,
    ) -> Option<Packed> {
        let alone = BatchBuilder::new(Vec::new()).next_size(record, timestamp);
        if let Err(too_large) = self.check_size(alone) {
            *error = too_large;
            return None;
        }
        let mut now = Some(now);
        let mut prepared = Prepared::default();
        let result = loop {
            match self.try_append(record, timestamp, alone, &mut prepared) {
                Attempt::Done(added) => break Some(added.pack()),
                Attempt::Closed => {
                    *error = AppendError::Closed;
                    break None;
                }
                Attempt::Needs {
                    least,
                    wanted,
                    opening,
                } => {
                    drop(prepared.buffer.take());
                    prepared.buffer = self.shared.memory.take(least, wanted, permit.as_deref_mut());
                    if prepared.buffer.is_none() {
                        let wake = self.shared.doorbell.ring(Ready::Starved);
                        *error = AppendError::NeedMemory {
                            bytes: capacity_for(wanted.max(least)),
                            wake,
                        };
                        break None;
                    }
                    if opening && prepared.completer.is_none() {
                        prepared.completer =
                            Some(Completer::new(self.account.clone(), self.shared.flushes.enter()));
                        prepared.now = now.take().map(|now| now());
                    }
                }
            }
        };
        prepared.discard();
        result
    }

    /// Appends, under the lock, if that can be done with what is prepared.
    fn try_append(
        &self,
        record: &Record<'_>,
        timestamp: i64,
        alone: usize,
        prepared: &mut Prepared,
    ) -> Attempt {
        let shared = &*self.shared;
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        let limit = state.limit.min(state.growth.bytes());
        if state.closed {
            return Attempt::Closed;
        }
        if let Some(open) = &mut state.open {
            if let Some(added) = append_to(open, record, timestamp) {
                drop(guard);
                return Attempt::Done(if added.fills { self.ring_full(added) } else { added });
            }
            let needed = open.builder.len() + open.builder.next_size(record, timestamp);
            if HEADER_SIZE + needed <= limit && self.may_grow_to(needed) {
                let Some(buffer) = prepared.buffer.take_if(|buffer| buffer.capacity() >= needed) else {
                    let wanted = needed.max(state.size_hint).min(limit - HEADER_SIZE);
                    return Attempt::Needs {
                        least: needed,
                        wanted: self.modest(wanted),
                        opening: false,
                    };
                };
                let (bytes, charge) = buffer.into_parts();
                open.room_end = bytes.capacity().min(limit - HEADER_SIZE);
                let small = open.builder.move_to(bytes);
                let old = std::mem::replace(&mut open.charge, charge);
                let result = append_to(open, record, timestamp);
                drop(guard);
                drop(old.into_buffer(small));
                let Some(added) = result else {
                    unreachable!("the larger buffer has room for it")
                };
                return Attempt::Done(if added.fills { self.ring_full(added) } else { added });
            }
        }
        let fits = |buffer: &mut Buffer| buffer.capacity() >= alone;
        if prepared.completer.is_none() || !prepared.buffer.as_mut().is_some_and(fits) {
            return Attempt::Needs {
                least: alone,
                wanted: self.modest(alone.max(state.size_hint)),
                opening: true,
            };
        }
        let (Some(buffer), Some(completer), Some(at)) =
            (prepared.buffer.take(), prepared.completer.take(), prepared.now)
        else {
            unreachable!("a completer comes with a buffer and a time");
        };
        state.end_open();
        let at = state.last_opened_at.map_or(at, |last| last.max(at));
        state.last_opened_at = Some(at);
        let (bytes, charge) = buffer.into_parts();
        let open = state.open.insert(OpenBatch {
            room_end: bytes.capacity().min((limit - HEADER_SIZE).max(alone)),
            builder: BatchBuilder::new(bytes),
            charge,
            completer,
            opened_at: at,
            full_end: shared.batch_size.saturating_sub(HEADER_SIZE),
        });
        let result = append_to(open, record, timestamp);
        drop(guard);
        let Some(mut added) = result else {
            unreachable!("the buffer has room for one record")
        };
        added.wake = shared.doorbell.ring(Ready::Opened {
            partition: self.id,
            at,
        });
        Attempt::Done(if added.fills { self.ring_full(added) } else { added })
    }

    /// Whether a record that takes `size` bytes can ever be accepted.
    fn check_size(&self, size: usize) -> Result<(), AppendError> {
        let limit = self.shared.config.max_request_size;
        let memory = self.shared.memory.limit();
        let too_large = |limit| AppendError::TooLarge {
            size: HEADER_SIZE + size,
            limit,
        };
        if HEADER_SIZE + size > limit {
            return Err(too_large(limit));
        }
        if capacity_for(size) > memory {
            return Err(too_large(memory));
        }
        Ok(())
    }

    /// Whether an open batch may grow to `size` bytes of records. The larger buffer and the one
    /// that it replaces must fit into memory together, or an appender would wait for the memory
    /// for ever.
    fn may_grow_to(&self, size: usize) -> bool {
        2 * capacity_for(size) <= self.shared.memory.limit()
    }

    /// At most an eighth of all memory: what a batch asks for because earlier ones became that
    /// large.
    fn modest(&self, wanted: usize) -> usize {
        wanted.min(self.shared.memory.limit() / 8)
    }
}

/// What a thread prepared for an append while it did not hold the lock.
#[derive(Default)]
struct Prepared {
    buffer: Option<Buffer>,
    completer: Option<Completer>,
    now: Option<Instant>,
}

impl Prepared {
    fn discard(self) {
        if let Some(completer) = self.completer {
            completer.discard();
        }
    }
}

enum Attempt {
    Done(Added),
    Closed,
    Needs {
        least: usize,
        wanted: usize,
        opening: bool,
    },
}

/// An added record.
struct Added {
    completion: Share<Completion>,
    /// Index in its batch.
    index: u32,
    /// Bytes that it takes in its batch.
    size: usize,
    /// The record filled the batch.
    fills: bool,
    /// The sender must be woken.
    wake: bool,
}

/// An [`Added`] that is returned in two registers. Returned in memory, it would share the place of
/// the fast path's result, and each record would pay 4 ns: wide loads would read what narrow stores
/// have just written.
struct Packed {
    completion: Share<Completion>,
    /// Index and size, 31 bits each: a batch has at most 2 GiB.
    bits: u64,
}

const FILLS: u64 = 1 << 62;
const WAKE: u64 = 1 << 63;
const HALF: u64 = (1 << 31) - 1;

impl Added {
    fn pack(self) -> Packed {
        let flags = if self.fills { FILLS } else { 0 } | if self.wake { WAKE } else { 0 };
        let bits = flags | (self.size as u64) << 31 | u64::from(self.index);
        Packed {
            completion: self.completion,
            bits,
        }
    }
}

impl Packed {
    #[inline(always)]
    fn unpack(self) -> Added {
        Added {
            completion: self.completion,
            index: (self.bits & HALF) as u32,
            size: (self.bits >> 31 & HALF) as usize,
            fills: self.bits & FILLS != 0,
            wake: self.bits & WAKE != 0,
        }
    }
}

/// Adds a record if the open batch has room for it.
#[inline(always)]
fn append_to(open: &mut OpenBatch, record: &Record<'_>, timestamp: i64) -> Option<Added> {
    let size = open.builder.next_size(record, timestamp);
    let end = open.builder.len() + size;
    if end > open.room_end {
        return None;
    }
    let index = open.builder.append_sized(record, timestamp, size);
    // The batch is full when one more record of this size would pass `batch.size`, so a batch that
    // leaves at once is no larger.
    let fills = end + size > open.full_end;
    if fills {
        open.full_end = usize::MAX;
    }
    Some(Added {
        completion: open.completer.give(),
        index,
        size,
        fills,
        wake: false,
    })
}
