//! `sim`: a Kafka broker cluster in one small process.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
