//! What execution logs and status-change events have in common on their way out: bounded queues, files, patience with those who do not
//! answer, and the account of what was lost. Both are best effort, as AWS's are: whatever cannot be handed on is dropped and counted,
//! and nothing here ever holds an execution up.

mod account;
mod backoff;
mod budget;
mod lines_file;
mod losses;
mod rotated_file;
mod thread;

pub(crate) use account::Account;
pub(crate) use backoff::Backoff;
pub(crate) use budget::Held;
pub(crate) use lines_file::LinesFile;
pub(crate) use losses::Losses;
pub use rotated_file::Rotation;
pub(crate) use thread::{Work, WorkThread};
