//! Exit codes, and lines on standard output and standard error.

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

/// The exit code of a failure while running.
pub(crate) const EXIT_FAILURE: u8 = 1;

/// The exit code of a command line that cannot be used.
pub(crate) const EXIT_USAGE: u8 = 2;

/// Prints a line to standard output at once. A closed standard output is ignored.
pub(crate) fn print_line(line: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Prints a line to standard error: a message for people beside the result.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints an error to standard error. Returns the exit code.
pub(crate) fn fail(code: u8, message: &dyn Display) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {message}");
    ExitCode::from(code)
}
