//! Measurements: CPU time of threads and of the process, and latencies.

pub mod cpu;
pub mod latency;
