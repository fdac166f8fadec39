//! `buffer.memory`: what the buffers of all batches take together, and who waits for some of it.
//!
//! Memory is charged by the capacity of buffers, when one is taken, not per record: most records
//! touch no counter, and the budget tells the truth about the heap. Buffers come in sizes of powers
//! of two, so a returned one fits the next batch. **At every moment, bytes in use + bytes granted
//! to waiters + idle buffers <= the limit**, except that splitting a batch which a broker found too
//! large may overdraw by its parts (each rounded up to a power of two): it could not end otherwise.
//!
//! # Waiting
//! Waiters stand in one line, first come, first served, each with its own demand; while anyone
//! waits, nobody else takes a buffer. Each is granted its demand when its permit comes
//! ([`MemoryPermit`]), so a wake-up is never in vain. Waking starts only when a quarter of the
//! limit is free, not at each release, which would wake a thread per batch; then all whose demands
//! fit are woken. Where that quarter never becomes free (a dead broker holds the rest),
//! [`MemoryBudget::relief_wanted`] is true and the shell calls [`MemoryBudget::relieve`] a
//! millisecond later.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::append::lock::lock;

/// The smallest buffer: 10,000 partitions with one small record each take 5 MB.
pub(crate) const CLASS_SIZE_MIN: usize = 512;
/// Sizes from 512 bytes to 2 GiB.
const CLASSES: usize = 23;
/// Waiters are woken when one part in this many is free.
const WAKE_AT_FREE_PART: usize = 4;

/// The budget, its idle buffers, and the line of waiters.
pub struct MemoryBudget {
    limit: usize,
    state: Mutex<State>,
}

struct State {
    /// Charged: capacity of buffers in use, and what was granted to waiters.
    used: usize,
    /// Capacity of all buffers in `free`.
    idle: usize,
    /// Buffers by class; the one returned last is taken first, while it is still in the cache.
    free: [Vec<Vec<u8>>; CLASSES],
    /// The producer has ended.
    keeps_nothing: bool,
    line: VecDeque<Waiter>,
    /// Ticket of the front of the line; tickets are consecutive.
    front: u64,
}

struct Waiter {
    demand: usize,
    place: Place,
}

enum Place {
    Waiting(Waker),
    /// Its demand is charged; it has not looked yet.
    Granted,
    /// Its future was dropped.
    Left,
}

/// The class whose buffers hold `size` bytes.
fn class_of(size: usize) -> usize {
    (size.max(CLASS_SIZE_MIN).next_power_of_two() / CLASS_SIZE_MIN).trailing_zeros() as usize
}

/// The capacity of a buffer for `size` bytes.
pub(crate) fn capacity_for(size: usize) -> usize {
    size.max(CLASS_SIZE_MIN).next_power_of_two()
}

impl MemoryBudget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        let state = State {
            used: 0,
            idle: 0,
            free: [const { Vec::new() }; CLASSES],
            keeps_nothing: false,
            line: VecDeque::new(),
            front: 0,
        };
        Arc::new(Self {
            limit,
            state: Mutex::new(state),
        })
    }

    /// Bytes that batches hold: the capacity of their buffers, and what was granted to waiters.
    pub fn used(&self) -> usize {
        lock(&self.state).used
    }

    /// Bytes of idle buffers kept for the next batches.
    pub fn idle(&self) -> usize {
        lock(&self.state).idle
    }

    /// `buffer.memory`, bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Senders in line.
    pub fn waiting(&self) -> usize {
        lock(&self.state)
            .line
            .iter()
            .filter(|waiter| matches!(waiter.place, Place::Waiting(_)))
            .count()
    }

    /// Waits in line for `bytes`, as an append's refusal named them. Resolves when they are
    /// granted.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the line; what was granted meanwhile goes to the next.
    pub fn wait(self: &Arc<Self>, bytes: usize) -> MemoryWait {
        MemoryWait {
            budget: self.clone(),
            demand: capacity_for(bytes).min(self.limit),
            ticket: None,
        }
    }

    /// Whether somebody waits whose demand is free, though not enough is free to wake everybody.
    /// The shell then calls [`MemoryBudget::relieve`] about a millisecond later, unless a
    /// release came before.
    pub fn relief_wanted(&self) -> bool {
        let state = lock(&self.state);
        state
            .line
            .front()
            .is_some_and(|waiter| state.used + waiter.demand <= self.limit)
    }

    /// Wakes all whose demands fit, in order, however little is free.
    pub fn relieve(&self) {
        let mut state = lock(&self.state);
        let wakers = self.grant(&mut state);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Keeps no idle buffers from now on, and gives up those there are. Threads remember the topics
    /// of producers that have ended; what they remember must not hold `buffer.memory`.
    pub fn keep_nothing(&self) {
        let mut state = lock(&self.state);
        state.keeps_nothing = true;
        state.idle = 0;
        let free = state.free.each_mut().map(std::mem::take);
        drop(state);
        drop(free);
    }

    /// A buffer for at least `needed` bytes, if possible for `wanted`, paid for by `permit` as far
    /// as that goes.
    pub(crate) fn take(
        self: &Arc<Self>,
        needed: usize,
        wanted: usize,
        permit: Option<&mut MemoryPermit>,
    ) -> Option<Buffer> {
        let mut state = lock(&self.state);
        let credit = match &permit {
            Some(permit) => permit.bytes,
            None if state.line.is_empty() => 0,
            None => return None,
        };
        let available = self.limit - state.used.min(self.limit) + credit;
        let capacity = [wanted.max(needed), needed]
            .into_iter()
            .map(capacity_for)
            .find(|capacity| *capacity <= available)?;
        state.used = state.used - credit + capacity;
        let mut evicted = Vec::new();
        let found = state.pop(capacity);
        if found.is_none() {
            state.evict(self.limit, &mut evicted);
        }
        // A permit is one buffer's worth: what is left of it goes to the next in line.
        let wakers = match permit {
            Some(permit) => {
                permit.bytes = 0;
                if credit > capacity {
                    self.grant(&mut state)
                } else {
                    Vec::new()
                }
            }
            None => Vec::new(),
        };
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        drop(evicted);
        let bytes = found.unwrap_or_else(|| Vec::with_capacity(capacity));
        Some(Buffer {
            bytes,
            charge: capacity,
            budget: Some(self.clone()),
        })
    }

    /// A buffer for `size` bytes though the limit may be passed: only for splitting what already is
    /// in memory.
    pub(crate) fn overdraw(self: &Arc<Self>, size: usize) -> Buffer {
        let capacity = capacity_for(size);
        let mut state = lock(&self.state);
        state.used += capacity;
        let mut evicted = Vec::new();
        let found = state.pop(capacity);
        if found.is_none() {
            state.evict(self.limit, &mut evicted);
        }
        drop(state);
        drop(evicted);
        let bytes = found.unwrap_or_else(|| Vec::with_capacity(capacity));
        Buffer {
            bytes,
            charge: capacity,
            budget: Some(self.clone()),
        }
    }

    /// Ends one charge and begins another (0 for none), and keeps the buffer idle if it is of a
    /// size to be used again.
    fn settle(&self, mut bytes: Vec<u8>, ended: usize, begun: usize) {
        let mut state = lock(&self.state);
        state.used = state.used - ended + begun;
        let capacity = bytes.capacity();
        let class = class_of(capacity);
        let fits = capacity >= CLASS_SIZE_MIN && capacity.is_power_of_two() && class < CLASSES;
        if fits && !state.keeps_nothing && state.used + state.idle + capacity <= self.limit {
            bytes.clear();
            state.idle += capacity;
            state.free[class].push(std::mem::take(&mut bytes));
        }
        let wakers = if !state.line.is_empty()
            && self.limit.saturating_sub(state.used) >= self.limit / WAKE_AT_FREE_PART
        {
            self.grant(&mut state)
        } else {
            Vec::new()
        };
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        drop(bytes);
    }

    /// Charges the demands of the first in line while they fit, and returns whom to wake once the
    /// lock is released.
    fn grant(&self, state: &mut State) -> Vec<Waker> {
        let mut wakers = Vec::new();
        let mut evicted = Vec::new();
        for waiter in &mut state.line {
            if !matches!(waiter.place, Place::Waiting(_)) {
                continue;
            }
            if state.used + waiter.demand > self.limit {
                break;
            }
            state.used += waiter.demand;
            if let Place::Waiting(waker) = std::mem::replace(&mut waiter.place, Place::Granted) {
                wakers.push(waker);
            }
        }
        state.evict(self.limit, &mut evicted);
        wakers
    }
}

impl State {
    fn pop(&mut self, capacity: usize) -> Option<Vec<u8>> {
        let buffer = self.free[class_of(capacity)].pop()?;
        self.idle -= buffer.capacity();
        Some(buffer)
    }

    /// Gives up idle buffers, largest first, until all fits into `limit` or none is left.
    fn evict(&mut self, limit: usize, into: &mut Vec<Vec<u8>>) {
        let mut class = CLASSES;
        while self.used + self.idle > limit && class > 0 {
            match self.free[class - 1].pop() {
                Some(buffer) => {
                    self.idle -= buffer.capacity();
                    into.push(buffer);
                }
                None => class -= 1,
            }
        }
    }

    /// Forgets those at the front of the line who have left it.
    fn trim(&mut self) {
        while self
            .line
            .front()
            .is_some_and(|waiter| matches!(waiter.place, Place::Left))
        {
            self.line.pop_front();
            self.front += 1;
        }
    }
}

impl fmt::Debug for MemoryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.state);
        f.debug_struct("MemoryBudget")
            .field("limit", &self.limit)
            .field("used", &state.used)
            .field("idle", &state.idle)
            .field("line", &state.line.len())
            .finish()
    }
}

/// A place in line; see [`MemoryBudget::wait`].
#[derive(Debug)]
#[must_use = "a future does nothing unless awaited"]
pub struct MemoryWait {
    budget: Arc<MemoryBudget>,
    demand: usize,
    ticket: Option<u64>,
}

/// Memory granted to a waiter: the next append made with it finds its buffer. Dropping it hands it
/// on.
#[derive(Debug)]
pub struct MemoryPermit {
    budget: Arc<MemoryBudget>,
    bytes: usize,
}

impl Future for MemoryWait {
    type Output = MemoryPermit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<MemoryPermit> {
        let this = &mut *self;
        let mut state = lock(&this.budget.state);
        let Some(ticket) = this.ticket else {
            if state.line.is_empty() && state.used + this.demand <= this.budget.limit {
                state.used += this.demand;
                let mut evicted = Vec::new();
                state.evict(this.budget.limit, &mut evicted);
                drop(state);
                return Poll::Ready(MemoryPermit {
                    budget: this.budget.clone(),
                    bytes: this.demand,
                });
            }
            this.ticket = Some(state.front + state.line.len() as u64);
            state.line.push_back(Waiter {
                demand: this.demand,
                place: Place::Waiting(cx.waker().clone()),
            });
            return Poll::Pending;
        };
        let index = (ticket - state.front) as usize;
        match &mut state.line[index].place {
            Place::Granted => {
                state.line[index].place = Place::Left;
                state.trim();
                drop(state);
                this.ticket = None;
                Poll::Ready(MemoryPermit {
                    budget: this.budget.clone(),
                    bytes: this.demand,
                })
            }
            Place::Waiting(waker) => {
                waker.clone_from(cx.waker());
                Poll::Pending
            }
            Place::Left => unreachable!("a place is left only when its future is done or dropped"),
        }
    }
}

impl Drop for MemoryWait {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut state = lock(&self.budget.state);
        let index = (ticket - state.front) as usize;
        let place = std::mem::replace(&mut state.line[index].place, Place::Left);
        state.trim();
        if matches!(place, Place::Granted) {
            state.used -= self.demand;
        }
        // What it was granted goes to the next, and who stood behind its large demand may fit now.
        let hand_on = matches!(place, Place::Granted) || index == 0;
        let wakers = if hand_on {
            self.budget.grant(&mut state)
        } else {
            Vec::new()
        };
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for MemoryPermit {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut state = lock(&self.budget.state);
        state.used -= self.bytes;
        let wakers = self.budget.grant(&mut state);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// A buffer that is paid for: on drop it goes back to its budget.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    charge: usize,
    budget: Option<Arc<MemoryBudget>>,
}

impl Buffer {
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Takes the bytes out; [`Charge`] stays to be put together with them again.
    pub(crate) fn into_parts(mut self) -> (Vec<u8>, Charge) {
        let bytes = std::mem::take(&mut self.bytes);
        let charge = Charge {
            charge: self.charge,
            budget: self.budget.take(),
        };
        (bytes, charge)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(budget) = self.budget.take() {
            budget.settle(std::mem::take(&mut self.bytes), self.charge, 0);
        }
    }
}

/// What is paid for a buffer whose bytes are elsewhere (in a builder). Dropping it alone forgets
/// the buffer, not the debt.
#[derive(Debug)]
pub(crate) struct Charge {
    charge: usize,
    budget: Option<Arc<MemoryBudget>>,
}

impl Charge {
    /// Joins the charge with the bytes it pays for.
    pub(crate) fn into_buffer(mut self, bytes: Vec<u8>) -> Buffer {
        Buffer {
            bytes,
            charge: self.charge,
            budget: self.budget.take(),
        }
    }

    /// Pays for `kept`, which replaces `returned`, and gives `returned` back.
    pub(crate) fn exchange(mut self, kept: Vec<u8>, returned: Vec<u8>) -> Buffer {
        let budget = self.budget.take();
        let charge = kept.capacity();
        if let Some(budget) = &budget {
            budget.settle(returned, self.charge, charge);
        }
        Buffer {
            bytes: kept,
            charge,
            budget,
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(budget) = self.budget.take() {
            budget.settle(Vec::new(), self.charge, 0);
        }
    }
}

#[cfg(test)]
mod tests;
