//! `cargo xtask`: the project's own commands. `.ci/run` runs the same ones.

mod check;
mod command;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::command::{Step, run_all};

/// The project's own commands.
///
/// Before you send a change: `cargo xtask check`, then `cargo test`. When a change concerns what a
/// record costs: `cargo xtask bench instructions`. CI runs all of these, in `.ci/run`.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Lints, documentation, dependencies, features, the oldest compiler, and what is longer than
    /// usual
    ///
    /// Without a name all pieces run, and the summary at the end says which failed and which were
    /// skipped, with the reason. Tools that are missing are installed with `cargo install`. A piece
    /// that needs what this machine cannot have, such as a download, is skipped and says so.
    Check {
        /// The pieces to run [default: all]
        #[arg(value_enum)]
        pieces: Vec<check::Piece>,
        /// Runs the pieces that need nothing but the compiler that is installed
        #[arg(long, conflicts_with = "pieces")]
        quick: bool,
    },
    /// Asks a real Apache Kafka every wire case anew, and writes its answers to
    /// tests/interop/wire/recorded.txt
    ///
    /// Needs Java 17, Maven and the Maven registry; takes about two minutes. Run it after you added
    /// or changed a wire case.
    Record {
        /// Only compares with what is recorded
        #[arg(long)]
        check: bool,
    },
    /// Runs one workload on Linger and on its peers: librdkafka, rskafka, krafka, franz-go, the
    /// Java client
    ///
    /// Builds the peers first. Takes minutes, and is of use only on a machine that does nothing
    /// else meanwhile. docs/benchmarks.md explains the presets.
    Peers {
        /// Presets and settings, handed on: `main`, `big`, `keyed`, `paced0`, …
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measures what a record costs
    Bench {
        /// What to measure with [default: both]
        #[arg(value_enum)]
        kind: Option<Bench>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Bench {
    /// Instructions per record, counted by valgrind and compared with
    /// benches/instructions/limits.csv
    Instructions,
    /// Times, measured by Criterion: `hot_path`, `codec`, `end_to_end`
    Criterion,
}

fn main() -> ExitCode {
    let passed = match Arguments::parse().command {
        Subcommands::Check { pieces, quick } => check::run(&pieces, quick),
        Subcommands::Record { check } => {
            let arguments = if check { &["--check"][..] } else { &[] };
            run_all([Step::new("tests/interop/wire/record").args(arguments)])
        }
        Subcommands::Peers { arguments } => run_all([
            Step::new("benches/peers/peers"),
            Step::cargo("run --release --manifest-path benches/peers/Cargo.toml --").args(arguments),
        ]),
        Subcommands::Bench { kind } => run_all(bench(kind)),
    };
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn bench(kind: Option<Bench>) -> Vec<Step> {
    let mut steps = Vec::new();
    if !matches!(kind, Some(Bench::Criterion)) {
        steps.push(Step::new("benches/instructions/run").args(["--self-check"]));
        steps.push(Step::new("benches/instructions/run"));
    }
    if !matches!(kind, Some(Bench::Instructions)) {
        steps.push(Step::cargo("bench --package workspace"));
    }
    steps
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Arguments::command().debug_assert();
    }
}
