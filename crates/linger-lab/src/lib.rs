//! Experiments with Kafka producers, as a library: workloads, trials, measurements, proof and reports.

pub mod experiments;
mod measure;
mod place;
pub mod report;
mod trial;
mod verify;
pub mod workload;
