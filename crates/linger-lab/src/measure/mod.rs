//! Measurements of the process itself.

pub(crate) mod cpu;
