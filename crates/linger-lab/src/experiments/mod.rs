//! One module per experiment.

pub mod compare;
