//! The brokers of a trial, what was counted on the way to them, and the logs that they keep.

pub(crate) mod cluster;
pub(crate) mod embedded;
pub(crate) mod error;
pub(crate) mod run;
