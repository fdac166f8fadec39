//! The wing of the one sending task: from sealed batches to requests, and from answers to verdicts.
//!
//! [`sender::Sender`] takes events in and gives actions out. It is made of parts, each of which
//! owns its state and its rules:
//!
//! | part | what it keeps |
//! |---|---|
//! | [`brokers`] | the brokers and the bootstrap servers; whose a connection is; [`addresses`] with their back-off |
//! | [`broker`] | one broker: its [`connection_pool`], the [`rotation`] of partitions that wait for it, its [`pacing`] |
//! | [`partitions`] | the partitions, and which of them need a look |
//! | [`partition`] | one partition: its [`window`] of batches in flight, its [`flow`], the [`linger`] of its open batch |
//! | [`discovery`] | brokers and [`topic`]s with their leaders, and when to ask about them |
//! | [`identity`] | the producer id |
//! | [`deadlines`] | everything that will happen at a known time |
//! | [`flushes`], [`closing`] | the flushes that are not done, and the end of the producer |
//! | [`request`], [`outbox`] | the next request, and the actions that wait to be carried out |
//!
//! What several parts decide together is in few files, each of which names the parts it touches:
//!
//! | file | what |
//! |---|---|
//! | `arrivals.rs` | what it means that a batch was opened or has filled |
//! | `schedule.rs` | where a partition waits after something happened to it |
//! | `questions.rs` | whom to ask about the cluster and for a producer id |
//! | `drain.rs` | a request from the heads of the partitions that wait for a broker |
//! | `answers.rs` | what an answer, or its loss, means to whom |
//! | `ending.rs` | what the end of the producer, by a close or for good, means to whom |
//! | `sleep.rs` | what need not wake the sender while it sleeps |
//!
//! This wing imports [`crate::append`], never the reverse.

mod ack_wait;
pub mod action;
pub mod addresses;
mod answers;
mod arrivals;
pub mod backoff;
pub mod broker;
pub mod brokers;
pub mod closing;
pub mod connection;
pub mod connection_pool;
pub mod deadlines;
pub mod discovery;
mod drain;
mod ending;
mod failure;
pub mod flight;
pub mod flow;
pub mod flushes;
pub mod identity;
pub mod linger;
pub mod link;
pub mod outbox;
pub mod pacing;
pub mod partition;
pub mod partitions;
pub mod policy;
mod questions;
pub mod request;
pub mod rotation;
mod schedule;
pub mod sender;
pub mod sequence;
mod sleep;
pub mod split;
pub mod target;
pub mod topic;
pub mod verdict;
pub mod window;
