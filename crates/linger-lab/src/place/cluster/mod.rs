//! A real cluster as the place of a comparison.
//!
//! ```text
//! target::find -> Target (brokers, the topic if it exists)
//!     prepare -> Remote (a topic with leaders)
//!                run, log: what a run wrote
//! ```
//!
//! The topic is the user's, or one that is created for the comparison and removed at its end. No
//! other topic is touched. A run reads the log from where it ended before the run.

mod connection;
pub(crate) mod error;
mod log;
mod metadata;
pub(crate) mod options;
pub(crate) mod remote;
mod removal;
mod run;
pub(crate) mod target;
