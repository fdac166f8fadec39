//! The producer against the simulator over TCP: deliveries, batching, shutdown and faults; and the
//! rules for the sources.

mod backpressure;
mod batching;
mod compression;
mod delivery;
mod faults;
mod interruptions;
mod shutdown;
mod support;
mod tidy;
mod time_limit;
mod traffic;
