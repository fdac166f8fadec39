#![doc = include_str!("../README.md")]
//! # Modules
//!
//! | module | contents |
//! |---|---|
//! | [`workload`] | records (read or generated), and when each is due |
//! | [`measure`] | CPU time and latencies |
//! | `trial` | one producer that sends one workload, measured |
//! | `place` | the brokers of a trial: simulated in this process, or a cluster of the user's |
//! | `verify` | the proof that a log contains exactly the records that were sent |
//! | [`report`] | tables, CSV, JSON, HTML and SVG |
//! | [`experiments`] | the experiments, one module each |
//!
//! `sim compare` is [`experiments::compare`] with a command line. `benches/peers` measures clients
//! of other projects with the same [`workload`], [`measure`] and [`report`].

pub mod experiments;
pub mod measure;
mod place;
pub mod report;
mod trial;
pub mod units;
mod verify;
pub mod workload;
