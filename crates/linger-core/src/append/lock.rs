//! The one way to lock a mutex here: a panic of another thread does not make its data unreachable.
//! Every critical section of this crate leaves its data whole at each step, so that deliveries
//! still resolve after such a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
