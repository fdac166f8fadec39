//! `sim`: a Kafka broker cluster in one small process, and experiments with batching.

mod compare;
mod output;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// A Kafka broker cluster in one small process, with replication latency and failures on demand.
#[derive(Debug, Parser)]
#[command(name = "sim", version, arg_required_else_help = true, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Compare(compare::Args),
}

/// Runs the command that the arguments name.
fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr();
    match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Compare(args) => compare::run(args),
    }
}

/// Prints warnings to standard error, one line each. `RUST_LOG=debug` shows connections too.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // The feature for colours is off; asking for colours without it panics in a debug build.
        .with_ansi(false)
        .with_target(false)
        // Its report of a closed standard error would panic.
        .log_internal_errors(false)
        .init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
