//! How a record gets into its queue: one lock and one encoding where there is room, a few steps more where there is not.

use std::sync::Arc;
use std::time::Instant;

use linger_protocol::records::{BatchBuilder, HEADER_SIZE, Record};

use super::PartitionQueue;
use crate::append::accumulator::{AppendError, Appended};
use crate::append::batch::OpenBatch;
use crate::append::delivery::{Completer, Completion, Delivery};
use crate::append::doorbell::Ready;
use crate::append::lock::lock;
use crate::append::memory::{Buffer, Turn, capacity_for};
use crate::append::partitioner::Filled;
use crate::append::share::Share;

impl PartitionQueue {
    /// Adds a record to the open batch.
    #[inline]
    pub(crate) fn append(
        self: &Arc<Self>,
        record: &Record<'_>,
        timestamp: i64,
        turn: Option<&mut Turn>,
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
                let added = self.append_slowly(record, timestamp, turn, now, &mut error);
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

    /// Appends where a batch must be opened, enlarged or ended first. Memory, the completion and the clock are had
    /// without the lock, so everything is looked at again afterwards; what another thread made unnecessary is given up.
    #[cold]
    #[inline(never)]
    fn append_slowly(
        self: &Arc<Self>,
        record: &Record<'_>,
        timestamp: i64,
        mut turn: Option<&mut Turn>,
        now: impl FnOnce() -> Instant,
        error: &mut AppendError,
    ) -> Option<Packed> {
        let alone = BatchBuilder::new(Vec::new()).next_size(record, timestamp);
        if let Err(too_large) = self.shared.check_size(alone) {
            *error = too_large;
            return None;
        }
        let mut now = Some(now);
        let mut spare = Spare::default();
        let result = loop {
            match self.try_append(record, timestamp, alone, &mut spare) {
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
                    drop(spare.buffer.take());
                    spare.buffer = self.shared.memory.take(least, wanted, turn.as_deref_mut());
                    if spare.buffer.is_none() {
                        let wake = self.shared.doorbell.ring(Ready::Starved);
                        *error = AppendError::NeedMemory {
                            bytes: capacity_for(wanted.max(least)),
                            wake,
                        };
                        break None;
                    }
                    if opening && spare.completer.is_none() {
                        spare.completer = Some(Completer::new(self, self.shared.flushes.enter()));
                        spare.now = now.take().map(|now| now());
                    }
                }
            }
        };
        spare.discard();
        result
    }

    /// One look under the lock: appends if it can with what it has.
    fn try_append(&self, record: &Record<'_>, timestamp: i64, alone: usize, spare: &mut Spare) -> Attempt {
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
            if HEADER_SIZE + needed <= limit && shared.may_grow_to(needed) {
                let Some(buffer) = spare.buffer.take_if(|buffer| buffer.capacity() >= needed) else {
                    let wanted = needed.max(state.size_hint).min(limit - HEADER_SIZE);
                    return Attempt::Needs {
                        least: needed,
                        wanted: shared.modest(wanted),
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
        if spare.completer.is_none() || !spare.buffer.as_mut().is_some_and(fits) {
            return Attempt::Needs {
                least: alone,
                wanted: shared.modest(alone.max(state.size_hint)),
                opening: true,
            };
        }
        let (Some(buffer), Some(completer), Some(at)) =
            (spare.buffer.take(), spare.completer.take(), spare.now)
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
}

/// What a thread got for an append while it did not hold the lock.
#[derive(Default)]
struct Spare {
    buffer: Option<Buffer>,
    completer: Option<Completer>,
    now: Option<Instant>,
}

impl Spare {
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
    /// Bytes it takes there.
    size: usize,
    /// It filled the batch.
    fills: bool,
    /// The sender must be woken.
    wake: bool,
}

/// An [`Added`] that is returned in two registers. Through memory, the fast path would share its result's place there
/// with this slow one, and pay 4 ns per record to read back in wide loads what was just written in narrow stores.
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

/// Adds a record if there is room without asking.
#[inline(always)]
fn append_to(open: &mut OpenBatch, record: &Record<'_>, timestamp: i64) -> Option<Added> {
    let size = open.builder.next_size(record, timestamp);
    let end = open.builder.len() + size;
    if end > open.room_end {
        return None;
    }
    let index = open.builder.append_sized(record, timestamp, size);
    // Full when one more like this would pass `batch.size`, so that a batch that leaves at once keeps within it.
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
