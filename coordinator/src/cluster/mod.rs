//! The one door to executions: every input of the outside reaches a shard through [`Cluster`]. It is called by `api`, `gateway` and
//! `delivery` only; it knows which shard an execution lives in and nothing of what an execution does.

mod error;
mod execution_id;
mod list;
mod record;
mod revisions;
mod watch;

pub use error::*;
pub use execution_id::*;
pub use list::*;
pub use record::*;
pub use revisions::*;
pub use watch::*;

use std::sync::Arc;
use std::time::Duration;

use baton_engine::{Event, Failure, Input, Payload, Start, Timestamp, Verdict};

/// The running system of shards. Clones are cheap and all speak to the same shards.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {}

/// Answer to [`Cluster::start`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// ARN of the execution.
    pub arn: Arc<str>,
    /// Its start date: the original's when it ran already.
    pub start_at: Timestamp,
    /// False when an execution of this name and input was running already.
    pub created: bool,
}

/// How a task ended, as `SendTaskSuccess` and `SendTaskFailure` say it.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskOutcome {
    /// `SendTaskSuccess`.
    Success {
        /// `output`, validated JSON.
        output: Payload,
    },
    /// `SendTaskFailure`.
    Failure(Failure),
}

/// A task that a `GetActivityTask` poller has been given. Its start is durable.
#[derive(Clone, Debug)]
pub struct ActivityTask {
    /// `taskToken`.
    pub token: String,
    /// `input`.
    pub input: Payload,
}

impl Cluster {
    /// StartExecution. Idempotent as AWS: the same name with the same input, while the first is running, answers with the first.
    /// Answers only after the start is durable. `start.at` and `start.seed` are set here.
    pub async fn start(&self, start: Start) -> Result<Started, StartError> {
        let _ = start;
        todo!()
    }

    /// Gives `input` to the execution and answers when what follows from it is durable.
    pub async fn send(&self, id: ExecutionId, input: Input) -> Result<Verdict, SendError> {
        let _ = (id, input);
        todo!()
    }

    /// The execution as it stands; `None` if there is none (or its retention is over).
    pub async fn describe(&self, id: ExecutionId) -> Result<Option<ExecutionRecord>, ReadError> {
        let _ = id;
        todo!()
    }

    /// The execution and everything that has happened to it so far, in order, internal events included.
    pub async fn history(
        &self,
        id: ExecutionId,
    ) -> Result<Option<(ExecutionRecord, Vec<Event>)>, ReadError> {
        let _ = id;
        todo!()
    }

    /// Answers as soon as the execution has ended, or as it stands after `timeout`. `None` if there is no such execution.
    pub async fn wait_end(
        &self,
        id: ExecutionId,
        timeout: Duration,
    ) -> Result<Option<ExecutionRecord>, ReadError> {
        let _ = (id, timeout);
        todo!()
    }

    /// All events so far, then live ones as they become durable; ends with the execution. `None` if there is no such execution.
    pub async fn watch(&self, id: ExecutionId) -> Result<Option<Watch>, ReadError> {
        let _ = id;
        todo!()
    }

    /// ListExecutions of one state machine, most recent start first. Reads its own writes.
    pub async fn list(&self, query: ListQuery) -> Result<Vec<ExecutionSummary>, ReadError> {
        let _ = query;
        todo!()
    }

    /// GetActivityTask: waits up to `wait` for a task of the activity. The task's start is durable before it is answered.
    /// When the caller goes away while it waits, no task is taken for it.
    pub async fn poll_activity(
        &self,
        activity_arn: &str,
        worker_name: Option<&str>,
        wait: Duration,
    ) -> Result<Option<ActivityTask>, PollError> {
        let _ = (activity_arn, worker_name, wait);
        todo!()
    }

    /// SendTaskSuccess and SendTaskFailure.
    pub async fn complete_task(&self, token: &str, outcome: TaskOutcome) -> Result<(), TaskError> {
        let _ = (token, outcome);
        todo!()
    }

    /// SendTaskHeartbeat.
    pub async fn heartbeat_task(&self, token: &str) -> Result<(), TaskError> {
        let _ = token;
        todo!()
    }
}
