//! What can be wrong with a function table, each with file, line and the next step.

use std::path::PathBuf;

/// Why a folder's functions could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{}: cannot be read: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The text is not valid TOML or YAML, or a field has the wrong type.
    #[error("{}:{line}: {message}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A value is understood but not acceptable.
    #[error("{}:{line}: {message}\n  next step: {next_step}", file.display())]
    Invalid {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
        /// What to do about it.
        next_step: String,
    },
    /// A function is in the SAM template and in `baton.toml`.
    #[error("{}: function {name} is in the SAM template of this folder too\n  next step: keep one of the two", file.display())]
    Twice {
        /// The `baton.toml`.
        file: PathBuf,
        /// The function.
        name: String,
    },
}
