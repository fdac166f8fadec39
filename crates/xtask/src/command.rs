//! Commands that are shown before they run, from the top of the repository.

use std::ffi::OsStr;
use std::fmt;
use std::process::{Command, Stdio};

use xtask::top;

/// A command to run.
pub(crate) struct Step {
    command: Command,
}

impl Step {
    pub(crate) fn new(program: &str) -> Self {
        // A path is one of the repository's own scripts, from wherever this was called.
        let mut command = match program.contains('/') {
            true => Command::new(top().join(program)),
            false => Command::new(program),
        };
        command.current_dir(top());
        Self { command }
    }

    /// A call of cargo, its arguments separated by spaces.
    pub(crate) fn cargo(arguments: &str) -> Self {
        // By its name, not as $CARGO: `cargo +1.88` is rustup's.
        let mut step = Self::new("cargo").args(arguments.split(' '));
        for variable in ["CARGO", "RUSTUP_TOOLCHAIN"] {
            if arguments.starts_with('+') {
                step.command.env_remove(variable);
            }
        }
        step
    }

    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Shows the command and runs it; true if it succeeded.
    pub(crate) fn run(mut self) -> bool {
        println!("\n== {self}");
        match self.command.status() {
            Ok(status) => status.success(),
            Err(error) => {
                println!("{self}: {error}");
                false
            }
        }
    }

    /// Runs the command without showing anything; its standard output if it succeeded.
    pub(crate) fn output(mut self) -> Option<String> {
        let output = self.command.stderr(Stdio::null()).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = std::path::Path::new(self.command.get_program());
        for (name, value) in self.command.get_envs() {
            if let Some(value) = value {
                write!(f, "{}='{}' ", name.display(), value.display())?;
            }
        }
        write!(f, "{}", program.strip_prefix(top()).unwrap_or(program).display())?;
        for argument in self.command.get_args() {
            write!(f, " {}", argument.display())?;
        }
        Ok(())
    }
}

/// Runs the steps in order until one fails; true if none did.
pub(crate) fn run_all(steps: impl IntoIterator<Item = Step>) -> bool {
    steps.into_iter().all(Step::run)
}
