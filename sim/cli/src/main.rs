//! `sim`: a Kafka broker cluster in one small process. The command line: which command runs, how it says what went wrong, and with which exit code.

mod compare_command;
mod serve;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// The exit code of a command line that makes no sense; what fails while running exits with 1.
pub(crate) const EXIT_USAGE: u8 = 2;

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
    Compare(compare_command::Args),
}

/// Runs the command that the arguments name.
fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr();
    match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Compare(args) => compare_command::run(args),
    }
}

/// Warnings go to stderr, one line each; `RUST_LOG=debug` shows connections too.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Colours need a feature that is off; asking for them without it panics in a debug build.
        .with_ansi(false)
        .with_target(false)
        // It would report a closed stderr on stderr, by a macro that panics.
        .log_internal_errors(false)
        .init();
}

/// Prints a line to stdout at once. A reader that has gone away is no reason to stop, let alone to panic.
pub(crate) fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Prints a line to stderr: for people, beside a result that programs may read.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints what went wrong to stderr, and gives the exit code.
pub(crate) fn fail(code: u8, message: &dyn std::fmt::Display) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {message}");
    ExitCode::from(code)
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
