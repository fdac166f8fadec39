//! Why there is no report.

use super::options::OptionError;
use super::outcome::Kind;
use super::plan::PlanError;
use crate::place::cluster::error::RemoteError;
use crate::trial::TrialError;
use crate::workload::input::InputError;

/// Why there is no report. The message names what was wrong, its limits, and what to do.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct CompareError(Problem);

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Option(#[from] OptionError),
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error("{codec}, {kind}: {error}")]
    Run {
        codec: String,
        kind: Kind,
        error: TrialError,
    },
}

impl CompareError {
    /// A run failed.
    pub(crate) fn run(codec: String, kind: Kind, error: TrialError) -> Self {
        Self(Problem::Run { codec, kind, error })
    }

    /// Whether nothing was run, because an option, the input or the cluster cannot be used.
    pub fn is_usage(&self) -> bool {
        match self.0 {
            Problem::Option(_) | Problem::Input(_) | Problem::Plan(_) | Problem::Remote(_) => true,
            Problem::Run { .. } => false,
        }
    }
}

impl<E> From<E> for CompareError
where
    Problem: From<E>,
{
    fn from(error: E) -> Self {
        Self(error.into())
    }
}
