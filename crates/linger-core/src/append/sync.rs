//! The atomics of `share.rs`: std's, or loom's where loom runs the tests of `share/model.rs`.

#[cfg(not(all(test, linger_loom)))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};

#[cfg(all(test, linger_loom))]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};
