//! What can go wrong at the door, beyond what shards answer.

use crate::shard::RecoveryError;
use crate::store::{ShardId, StoreError};

/// Why the system could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store does not give a shard or its content.
    #[error("shard {shard} cannot be read: {source}")]
    Store {
        /// Which shard.
        shard: ShardId,
        /// Why.
        source: StoreError,
    },
    /// What the store gives makes no sense.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
}

/// Why a poller was not given a task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PollError {
    /// `ActivityWorkerLimitExceeded`: 1,000 pollers wait already.
    #[error("The maximum number of workers concurrently polling for activity tasks has been reached.")]
    WorkerLimitExceeded,
    /// The shard's inbox is full: `ThrottlingException`.
    #[error("too much waits at the shard")]
    Throttled,
    /// Going away, or the store refuses writes.
    #[error("{0}")]
    Unavailable(&'static str),
}

/// Why a task's outcome or heartbeat was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// `InvalidToken`.
    #[error("the token is none of ours")]
    InvalidToken,
    /// `TaskTimedOut`: the attempt is over.
    #[error("Task Timed Out: 'Provided task does not exist anymore'")]
    TaskTimedOut,
    /// `TaskDoesNotExist`.
    #[error("Task does not exist anymore")]
    TaskDoesNotExist,
    /// The shard's inbox is full: `ThrottlingException`.
    #[error("too much waits at the shard")]
    Throttled,
    /// Going away, or the store refuses writes.
    #[error("{0}")]
    Unavailable(&'static str),
}
