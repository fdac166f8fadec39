//! What an experiment sends, and when: records from an input or a generator, and a schedule.

pub mod generator;
pub mod input;
pub mod json_lines;
pub mod pace;
mod random;
pub mod records;
