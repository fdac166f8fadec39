//! What becomes of the batches of a partition.

mod epochs;
mod expiry;
mod retries;
mod splits;
