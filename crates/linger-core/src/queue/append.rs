//! How a record gets into its queue: one lock and one encoding where there is room, a few steps more where there is not.

use std::sync::Arc;
use std::time::Instant;

use linger_protocol::records::{BatchBuilder, HEADER_SIZE, Record};

use super::PartitionQueue;
use crate::accumulator::{AppendError, Appended};
use crate::batch::OpenBatch;
use crate::delivery::{Completer, Delivery};
use crate::doorbell::Ready;
use crate::lock::lock;
use crate::memory::{Buffer, Turn, capacity_for};
use crate::partitioner::Filled;

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
        if let Some(open) = &mut state.open
            && let Some((appended, full)) = self.append_to(open, record, timestamp)
        {
            drop(state);
            return Ok(if full { self.ring_full(appended) } else { appended });
        }
        drop(state);
        self.append_slowly(record, timestamp, turn, now)
    }

    /// Adds a record if there is room without asking. Also says whether that filled the batch.
    #[inline(always)]
    fn append_to(
        &self,
        open: &mut OpenBatch,
        record: &Record<'_>,
        timestamp: i64,
    ) -> Option<(Appended, bool)> {
        let size = open.builder.next_size(record, timestamp);
        let end = open.builder.len() + size;
        if end > open.room_end {
            return None;
        }
        let index = open.builder.append_sized(record, timestamp, size);
        // Full when one more like this would pass `batch.size`, so that a batch that leaves at once keeps within it.
        let fills = !open.full && HEADER_SIZE + end + size > self.shared.batch_size;
        open.full |= fills;
        let delivery = Delivery::new(open.completer.completion().clone(), index, timestamp);
        let filled = if fills { Filled::Yes } else { Filled::No };
        Some((
            Appended {
                delivery,
                bytes: size,
                filled,
                wake: false,
            },
            fills,
        ))
    }

    #[cold]
    fn ring_full(&self, appended: Appended) -> Appended {
        let wake = self.shared.doorbell.ring(Ready::Full { partition: self.id });
        Appended {
            wake: wake | appended.wake,
            ..appended
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
    ) -> Result<Appended, AppendError> {
        let alone = BatchBuilder::new(Vec::new()).next_size(record, timestamp);
        self.shared.check_size(alone)?;
        let mut now = Some(now);
        let mut spare = Spare::default();
        let result = loop {
            match self.try_append(record, timestamp, alone, &mut spare) {
                Attempt::Done(appended) => break Ok(appended),
                Attempt::Closed => break Err(AppendError::Closed),
                Attempt::Needs {
                    least,
                    wanted,
                    opening,
                } => {
                    drop(spare.buffer.take());
                    spare.buffer = self.shared.memory.take(least, wanted, turn.as_deref_mut());
                    if spare.buffer.is_none() {
                        let wake = self.shared.doorbell.ring(Ready::Starved);
                        break Err(AppendError::NeedMemory {
                            bytes: capacity_for(wanted),
                            wake,
                        });
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
        if state.closed {
            return Attempt::Closed;
        }
        if let Some(open) = &mut state.open {
            if let Some((appended, full)) = self.append_to(open, record, timestamp) {
                drop(guard);
                return Attempt::Done(if full { self.ring_full(appended) } else { appended });
            }
            let needed = open.builder.len() + open.builder.next_size(record, timestamp);
            if HEADER_SIZE + needed <= shared.batch_limit {
                let Some(buffer) = spare.buffer.take_if(|buffer| buffer.capacity() >= needed) else {
                    let wanted = needed.max(state.size_hint).min(shared.batch_limit - HEADER_SIZE);
                    return Attempt::Needs {
                        least: needed,
                        wanted: shared.modest(wanted),
                        opening: false,
                    };
                };
                let (bytes, charge) = buffer.into_parts();
                open.room_end = bytes.capacity().min(shared.batch_limit - HEADER_SIZE);
                let small = open.builder.move_to(bytes);
                let old = std::mem::replace(&mut open.charge, charge);
                let result = self.append_to(open, record, timestamp);
                drop(guard);
                drop(old.into_buffer(small));
                let Some((appended, full)) = result else {
                    unreachable!("the larger buffer has room for it")
                };
                return Attempt::Done(if full { self.ring_full(appended) } else { appended });
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
        state.opened += 1;
        let (bytes, charge) = buffer.into_parts();
        let open = state.open.insert(OpenBatch {
            room_end: bytes
                .capacity()
                .min((shared.batch_limit - HEADER_SIZE).max(alone)),
            builder: BatchBuilder::new(bytes),
            charge,
            completer,
            opened_at: at,
            full: false,
        });
        let result = self.append_to(open, record, timestamp);
        drop(guard);
        let Some((mut appended, full)) = result else {
            unreachable!("the buffer has room for one record")
        };
        appended.wake = shared.doorbell.ring(Ready::Opened {
            partition: self.id,
            at,
        });
        Attempt::Done(if full { self.ring_full(appended) } else { appended })
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
    Done(Appended),
    Closed,
    Needs {
        least: usize,
        wanted: usize,
        opening: bool,
    },
}
