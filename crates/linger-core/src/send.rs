//! The wing of the one sending task: from sealed batches to requests, and from answers to verdicts.

mod ack_wait;
pub mod action;
pub mod backoff;
pub mod broker;
pub mod connection;
pub mod deadlines;
pub mod discovery;
pub mod flight;
pub mod partition;
pub mod policy;
pub mod sender;
pub mod sequence;
mod split;
pub mod verdict;
