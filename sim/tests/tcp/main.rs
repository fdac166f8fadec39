//! The simulator over real sockets: framing, hostile bytes, one request at a time, brokers that
//! freeze and die, and faults that must fire.

mod brokers;
mod client;
mod faults;
mod framing;
mod hostile;
mod stats;
