//! The records of an experiment: read from an input, or generated.

pub(crate) mod generator;
pub mod input;
