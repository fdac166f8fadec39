//! When a batch leaves, and what a request holds.

mod batching;
mod linger;
mod requests;
