//! A shared value whose owner gives shares of it away without counting each one.
//!
//! An `Arc` per record increments its count for each record. The increment is a locked instruction:
//! it waits until the writes of the record just encoded have reached the cache. With many
//! partitions the count is in no near cache either. This was about a tenth of the cost of an
//! awaited record. An [`Owner`] has a stock of references from the start, and each [`Share`] that
//! it gives is one of these references: the count changes only when a share is dropped or cloned.
//!
//! This file has the only unsafe code of the workspace. One sum makes it sound: `count` =
//! references that owners hold + shares that exist. Whoever takes `count` to zero was the last, so
//! nobody else can reach the value, and frees the value. `share/model.rs` checks this with loom.

#![expect(
    unsafe_code,
    reason = "a reference count that is taken from in bulk cannot be written with std's Arc"
)]

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

use crate::append::sync::{AtomicU64, Ordering, fence};

#[cfg(all(test, linger_loom))]
mod model;

/// References that an owner begins with: more than a batch can have records.
const STOCK: u64 = 1 << 40;

struct Counted<T> {
    count: AtomicU64,
    value: T,
}

/// Gives shares of a value away.
pub(crate) struct Owner<T> {
    counted: NonNull<Counted<T>>,
    /// References of `count` that are this owner's; at least 1.
    held: u64,
    owns: PhantomData<Counted<T>>,
}

/// One share of a value.
pub(crate) struct Share<T> {
    counted: NonNull<Counted<T>>,
    owns: PhantomData<Counted<T>>,
}

impl<T> Owner<T> {
    pub(crate) fn new(value: T) -> Self {
        let counted = Box::new(Counted {
            count: AtomicU64::new(STOCK),
            value,
        });
        Self {
            counted: NonNull::from(Box::leak(counted)),
            held: STOCK,
            owns: PhantomData,
        }
    }

    /// One more share, of the stock.
    #[inline]
    pub(crate) fn give(&mut self) -> Share<T> {
        assert!(
            self.held > 1,
            "an owner keeps a reference, and a batch has fewer records than the stock"
        );
        self.held -= 1;
        Share {
            counted: self.counted,
            owns: PhantomData,
        }
    }

    /// Another owner, which has no stock to give from.
    pub(crate) fn part(&self) -> Self {
        // SAFETY: this owner holds references, so the value has not been freed.
        let count = unsafe { &self.counted.as_ref().count };
        count.fetch_add(1, Ordering::Relaxed);
        Self {
            counted: self.counted,
            held: 1,
            owns: PhantomData,
        }
    }

    /// Whether a share or another owner exists. Another thread may drop the last at this moment.
    pub(crate) fn is_shared(&self) -> bool {
        // SAFETY: this owner holds references, so the value has not been freed.
        let count = unsafe { &self.counted.as_ref().count };
        count.load(Ordering::Relaxed) > self.held
    }
}

/// Takes `references` off the count, and frees the value if these were the last.
///
/// # Safety
/// The caller has that many references, and uses `counted` no more.
#[inline]
unsafe fn release<T>(counted: NonNull<Counted<T>>, references: u64) {
    // SAFETY: the caller's references keep the value until they are taken off.
    let count = unsafe { &counted.as_ref().count };
    // As in std's Arc: what others did with the value comes before its end.
    if count.fetch_sub(references, Ordering::Release) == references {
        fence(Ordering::Acquire);
        // SAFETY: it came from a Box, and no reference to it is left but this one.
        drop(unsafe { Box::from_raw(counted.as_ptr()) });
    }
}

impl<T> Clone for Share<T> {
    fn clone(&self) -> Self {
        // SAFETY: this share is a reference, so the value has not been freed.
        let count = unsafe { &self.counted.as_ref().count };
        // No overflow: at one clone per nanosecond it would take five hundred years.
        count.fetch_add(1, Ordering::Relaxed);
        Self {
            counted: self.counted,
            owns: PhantomData,
        }
    }
}

impl<T> Drop for Share<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: a share is one reference, and this was its last use.
        unsafe { release(self.counted, 1) }
    }
}

impl<T> Drop for Owner<T> {
    fn drop(&mut self) {
        // SAFETY: `held` references are this owner's, and this was its last use.
        unsafe { release(self.counted, self.held) }
    }
}

impl<T> Deref for Share<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this share is a reference, so the value has not been freed; it is never borrowed mutably.
        unsafe { &self.counted.as_ref().value }
    }
}

impl<T> Deref for Owner<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this owner holds references, so the value has not been freed; it is never borrowed
        // mutably.
        unsafe { &self.counted.as_ref().value }
    }
}

// SAFETY: as for std's Arc: shares give `&T` to several threads, and the last one to go drops the
// `T`.
unsafe impl<T: Send + Sync> Send for Share<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Share<T> {}
// SAFETY: as above; `give` takes `&mut self`.
unsafe impl<T: Send + Sync> Send for Owner<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Owner<T> {}

impl<T: fmt::Debug> fmt::Debug for Share<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

impl<T: fmt::Debug> fmt::Debug for Owner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

#[cfg(all(test, not(linger_loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Counts how often values were dropped.
    struct Probe(Arc<AtomicUsize>);

    impl Drop for Probe {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn probe() -> (Owner<Probe>, impl Fn() -> usize) {
        let drops = Arc::new(AtomicUsize::new(0));
        let owner = Owner::new(Probe(drops.clone()));
        (owner, move || drops.load(Ordering::Relaxed))
    }

    #[test]
    fn the_last_to_go_drops_the_value_whoever_that_is() {
        for owner_first in [true, false] {
            let (mut owner, drops) = probe();
            let share = owner.give();
            let copy = share.clone();
            let part = owner.part();
            drop(share);
            if owner_first {
                drop(owner);
                drop(part);
                assert_eq!(drops(), 0);
                drop(copy);
            } else {
                drop(copy);
                drop(part);
                assert_eq!(drops(), 0);
                drop(owner);
            }
            assert_eq!(drops(), 1);
        }
    }

    #[test]
    fn an_owner_knows_whether_anybody_else_has_a_share() {
        let (mut owner, _) = probe();
        assert!(!owner.is_shared());
        let share = owner.give();
        assert!(owner.is_shared());
        let copy = share.clone();
        drop(share);
        assert!(owner.is_shared());
        drop(copy);
        assert!(!owner.is_shared());
    }

    #[test]
    #[should_panic(expected = "an owner keeps a reference")]
    fn an_owner_of_one_reference_gives_no_share() {
        let (owner, _) = probe();
        drop(owner.part().part().give());
    }

    #[test]
    fn an_unused_share_takes_no_more_room_than_a_pointer() {
        assert_eq!(size_of::<Option<Share<u8>>>(), size_of::<usize>());
    }

    /// Shares dropped on other threads while the owner gives more and goes: each value is freed
    /// once, after its last use.
    #[test]
    fn threads_may_race_for_the_end() {
        let drops = Arc::new(AtomicUsize::new(0));
        const VALUES: usize = 2_000;
        for _ in 0..VALUES {
            let mut owner = Owner::new((Probe(drops.clone()), vec![7_u8; 64]));
            std::thread::scope(|scope| {
                let shares: Vec<_> = (0..8).map(|_| owner.give()).collect();
                scope.spawn(move || shares.into_iter().for_each(|share| assert_eq!(share.1[63], 7)));
                let last = owner.give();
                drop(owner);
                assert_eq!(last.clone().1[0], 7);
            });
        }
        assert_eq!(drops.load(Ordering::Relaxed), VALUES);
    }
}
