//! What can go wrong at the door.

use baton_engine::{Rejected, Timestamp};

/// Why an execution was not started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// An execution of this name exists: it has ended, or runs with another input.
    #[error("Execution Already Exists: '{execution_arn}'")]
    AlreadyExists {
        /// ARN of the one that exists.
        execution_arn: String,
        /// Its start date.
        start_at: Timestamp,
    },
    /// The shard's inbox is full: `ThrottlingException`.
    #[error("Rate exceeded")]
    Throttled,
    /// The store refuses writes (a full disk, a shutdown): 503, try again.
    #[error("{0}")]
    Unavailable(&'static str),
}

/// Why an input was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No execution with this id, or its retention is over.
    #[error("there is no such execution")]
    NoSuchExecution,
    /// It had no effect on the execution.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The shard's inbox is full: `ThrottlingException`.
    #[error("Rate exceeded")]
    Throttled,
    /// The store refuses writes (a full disk, a shutdown): 503, try again.
    #[error("{0}")]
    Unavailable(&'static str),
}

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The shard's inbox is full: `ThrottlingException`.
    #[error("Rate exceeded")]
    Throttled,
    /// The shard is going away, or the store cannot be read: 503, try again.
    #[error("{0}")]
    Unavailable(&'static str),
}

/// Why a poller was not given a task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PollError {
    /// `ActivityWorkerLimitExceeded`: 1,000 pollers wait already.
    #[error(
        "The maximum number of workers concurrently polling for activity tasks has been reached."
    )]
    WorkerLimitExceeded,
    /// The shard's inbox is full: `ThrottlingException`.
    #[error("Rate exceeded")]
    Throttled,
    /// Going away, or the store refuses writes.
    #[error("{0}")]
    Unavailable(&'static str),
}

/// Why a task's outcome or heartbeat was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// `InvalidToken`.
    #[error("Invalid Token: 'Invalid token'")]
    InvalidToken,
    /// `TaskTimedOut`: the attempt is over.
    #[error("Task Timed Out: 'Provided task does not exist anymore'")]
    TaskTimedOut,
    /// `TaskDoesNotExist`.
    #[error("Task does not exist anymore")]
    TaskDoesNotExist,
    /// The shard's inbox is full: `ThrottlingException`.
    #[error("Rate exceeded")]
    Throttled,
    /// Going away, or the store refuses writes.
    #[error("{0}")]
    Unavailable(&'static str),
}
