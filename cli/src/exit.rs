//! Exit codes, and errors that end with a next step.

use std::process::ExitCode;

/// Exit codes; scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok = 0,
    /// The execution failed, or the server could not do what was asked.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// No such execution, state machine or file.
    NotFound = 3,
    /// The server does not answer.
    Unreachable = 4,
    /// Still running when the time was over.
    TimedOut = 5,
    /// A definition has errors.
    Lint = 6,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// An error for people: what went wrong, and what to do next.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) next_step: Option<String>,
}

/// Result of a command.
pub(crate) type CliResult<T = ()> = Result<T, CliError>;

impl CliError {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), next_step: None }
    }

    pub(crate) fn next(mut self, step: impl Into<String>) -> Self {
        self.next_step = Some(step.into());
        self
    }

    /// For ends that have said everything already, such as a failed run or lint errors.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    pub(crate) fn report(&self) {
        if self.message.is_empty() {
            return;
        }
        use owo_colors::OwoColorize;
        crate::output::note(&format!("{} {}", "error:".red().bold(), self.message));
        if let Some(step) = &self.next_step {
            crate::output::note(&format!("  {} {step}", "next:".cyan()));
        }
    }
}
