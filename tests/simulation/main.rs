//! The producer's core against the broker model: no runtime, virtual time, one seed.

mod agenda;
mod application;
mod checker;
mod counterexamples;
mod coverage;
mod evidence;
mod exploration;
mod history;
mod network;
mod observation;
mod payload;
mod scenario;
mod scenarios;
mod servers;
mod shell;
mod task;
mod workload;
mod world;
