//! An allocator that counts, for the whole process and for each thread.
//!
//! A test binary makes it its own:
//!
//! ```
//! use linger_testkit::allocator::CountingAllocator;
//!
//! #[global_allocator]
//! static ALLOCATOR: CountingAllocator = CountingAllocator;
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, counted.
#[derive(Debug)]
pub struct CountingAllocator;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static LIVE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD_ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// How often the process asked for memory. Growing a block counts as asking.
pub fn allocations() -> usize {
    ALLOCATIONS.load(Relaxed)
}

/// How many bytes the process holds now.
pub fn live() -> usize {
    LIVE.load(Relaxed)
}

/// How often this thread asked for memory.
pub fn allocations_of_this_thread() -> usize {
    THREAD_ALLOCATIONS.get()
}

/// Runs `work` on this thread. Gives its result, and the most bytes that it held at once, beyond
/// what was held before and including the result.
///
/// # Panics
///
/// If the binary has another allocator, since then nothing is counted.
pub fn measure<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = THREAD_ALLOCATIONS.get();
    drop(black_box(Box::new(0_u8)));
    assert_ne!(
        THREAD_ALLOCATIONS.get(),
        before,
        "CountingAllocator is not this binary's allocator"
    );
    HELD.set(0);
    PEAK.set(0);
    let result = work();
    (result, PEAK.get())
}

/// The most bytes that `work` holds at once on this thread.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> usize {
    measure(work).1
}

fn grow(size: usize) {
    ALLOCATIONS.fetch_add(1, Relaxed);
    LIVE.fetch_add(size, Relaxed);
    THREAD_ALLOCATIONS.set(THREAD_ALLOCATIONS.get() + 1);
    let held = HELD.get().wrapping_add(size);
    HELD.set(held);
    // `work` may free what was allocated before it: then the sum is below zero.
    if held < isize::MAX as usize && held > PEAK.get() {
        PEAK.set(held);
    }
}

fn shrink(size: usize) {
    LIVE.fetch_sub(size, Relaxed);
    HELD.set(HELD.get().wrapping_sub(size));
}

#[allow(
    unsafe_code,
    reason = "the trait of an allocator is unsafe; this one only forwards"
)]
// SAFETY: every call goes to the system's allocator with the arguments that it came with.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        shrink(layout.size());
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The old and the new block may exist at once.
        grow(size);
        shrink(layout.size());
        unsafe { System.realloc(block, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static ALLOCATOR: CountingAllocator = CountingAllocator;

    #[test]
    fn what_a_thread_asks_for_is_counted() {
        let before = allocations_of_this_thread();
        let (block, peak) = measure(|| {
            drop(vec![0_u8; 3_000]);
            vec![1_u8; 1_000]
        });
        assert_eq!((block.len(), peak), (1_000, 3_000));
        // Both vectors, and the probe of `measure`.
        assert_eq!(allocations_of_this_thread() - before, 3);
        assert!(allocations() >= 2 && live() >= 1_000);
    }
}
