//! The house rules that a compiler does not check. Each comes with a test that it can fail.

mod clocks;
mod dependencies;
mod documents;
mod imports;
mod unfinished;
