//! What shards answer.

use std::sync::Arc;

use baton_engine::{NotRedrivable, Rejected, Timestamp, Verdict};
use bytes::Bytes;

use super::{ExecutionRecord, ExpressEnd, Grant, MapRunAnswer};

/// Answer to a start.
#[derive(Clone, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Started {
    /// ARN of the execution.
    pub arn: Arc<str>,
    /// Its start date: the original's when it ran already.
    pub start_at: Timestamp,
    /// False when an execution of this name and input was running already.
    pub created: bool,
}

/// Why an execution was not started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// An execution of this name exists: it has ended, or runs with another input.
    #[error("{execution_arn} exists")]
    AlreadyExists {
        /// ARN of the one that exists.
        execution_arn: String,
    },
    /// The shard's inbox is full, or as many Express executions run as there may be: `ThrottlingException`.
    #[error("too much waits at the shard")]
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
    #[error("too much waits at the shard")]
    Throttled,
    /// The store refuses writes (a full disk, a shutdown), or the execution is set aside: 503, try again.
    #[error("{0}")]
    Unavailable(&'static str),
}

/// Why an execution was not redriven.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedriveError {
    /// No execution with this id, or its retention is over.
    #[error("there is no such execution")]
    NoSuchExecution,
    /// `ExecutionNotRedrivable`.
    #[error(transparent)]
    NotRedrivable(#[from] NotRedrivable),
    /// The shard's inbox is full: `ThrottlingException`.
    #[error("too much waits at the shard")]
    Throttled,
    /// The store refuses writes or cannot be read, or the execution is set aside: 503, try again.
    #[error("{0}")]
    Unavailable(&'static str),
}

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The shard's inbox is full: `ThrottlingException`.
    #[error("too much waits at the shard")]
    Throttled,
    /// The shard is going away, or the store cannot be read: 503, try again.
    #[error("{0}")]
    Unavailable(&'static str),
}

/// One answer of a shard.
#[derive(Debug)]
pub enum Answer {
    /// To a start.
    Started(Result<Started, StartError>),
    /// To the start of an Express execution whose end is waited for.
    ExpressEnded(Box<ExpressEnd>),
    /// To an input.
    Sent(Result<Verdict, SendError>),
    /// To a redrive: when it came.
    Redriven(Result<Timestamp, RedriveError>),
    /// To a look at an execution, and to waiting for its end.
    Seen(Seen),
    /// To a look at a history, and to following it.
    History(Option<SeenHistory>),
    /// To a look at a task.
    Task(Option<Box<Grant>>),
    /// Of a Map Run.
    MapRun(MapRunAnswer),
    /// To whatever was asked: not now.
    Unavailable(&'static str),
    /// To whatever was asked: the shard is not this process's, or is not any more. Whoever asks finds out who has it and asks again. If
    /// something was to be written, it may have been all the same.
    NotHere,
}

/// What a shard has of an execution.
#[derive(Debug)]
pub enum Seen {
    /// It is in memory, and this is how it stands.
    Here(Box<ExecutionRecord>),
    /// It is not in memory: what there is, if anything, is in the key-value side.
    Elsewhere {
        /// Why it does not go on, if it is [set aside](ExecutionRecord::quarantined).
        set_aside: Option<Arc<str>>,
    },
}

/// What a shard has of an execution's history. Everything before `saved_events` is in the key-value side.
#[derive(Debug)]
pub struct SeenHistory {
    /// As it stands.
    pub record: Box<ExecutionRecord>,
    /// Number of events that the key-value side has.
    pub saved_events: u64,
    /// The events after those: values as [`read_events`](super::codec::read_events) takes them, in order.
    pub parts: Vec<Bytes>,
}
