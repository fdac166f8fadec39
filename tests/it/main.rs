//! The producer against the simulator over TCP: framing, concurrency, shutdown, faults, and the house rules.

mod backpressure;
mod batching;
/// `sim compare`'s own function. The simulator's library never names the producer, so the experiment is compiled in.
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the tests use one function of what the program uses"
)]
#[path = "../../sim/src/cli/compare/mod.rs"]
mod compare;
mod compression;
mod delivery;
mod faults;
mod shutdown;
mod support;
mod tidy;
mod traffic;
