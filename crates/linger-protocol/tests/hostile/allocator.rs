//! Counts what the current thread holds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// Runs `work` and tells the most bytes that it held at once beyond what was held before, its result included.
pub(crate) fn measure<T>(work: impl FnOnce() -> T) -> (T, usize) {
    HELD.set(0);
    PEAK.set(0);
    let result = work();
    (result, PEAK.get())
}

/// The most bytes that `work` holds at once.
pub(crate) fn peak_of<T>(work: impl FnOnce() -> T) -> usize {
    measure(work).1
}

fn grow(size: usize) {
    let held = HELD.get().wrapping_add(size);
    HELD.set(held);
    // What was allocated before counting began may be freed within: then the sum is below zero.
    if held < isize::MAX as usize && held > PEAK.get() {
        PEAK.set(held);
    }
}

fn shrink(size: usize) {
    HELD.set(HELD.get().wrapping_sub(size));
}

#[allow(
    unsafe_code,
    reason = "an allocator cannot be counted from outside; this one only forwards"
)]
// SAFETY: every call goes to the system's allocator with the very arguments it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrink(layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The old and the new block may exist at once.
        grow(size);
        shrink(layout.size());
        unsafe { System.realloc(pointer, layout, size) }
    }
}
