//! The producer against the simulator over TCP: framing, concurrency, shutdown, faults, and the house rules.

mod backpressure;
mod batching;
mod compression;
mod delivery;
mod faults;
mod shutdown;
mod support;
mod tidy;
mod traffic;
