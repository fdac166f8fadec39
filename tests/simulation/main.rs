//! The producer's core against the broker model: no runtime, virtual time, one seed.

mod agenda;
mod application;
mod checker;
mod coverage;
mod evidence;
mod history;
mod network;
mod payload;
mod planted;
mod random;
mod scenario;
mod scenarios;
mod servers;
mod shell;
mod truth;
mod workload;
mod world;
