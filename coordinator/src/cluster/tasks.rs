//! Tasks that are taken and completed one at a time: GetActivityTask, SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat.

use std::time::Duration;

use baton_engine::{Failure, Input, Payload, Rejected, TaskRef, Verdict};
use tokio::sync::oneshot;

use super::route::NotAsked;
use super::{CLOSING, Cluster, ExecutionId, PollError, Question, SendError, TaskError, sent};
use crate::dispatch::{Poller, QueueFull, Shape, TaskToken, activity_queue, is_of_worker};
use crate::shard::{Answer, Grant, ShardInput};

/// A token may come back before the answer to the request that it went out with. It is tried again after this time,
const RETRY_AFTER: Duration = Duration::from_millis(20);
/// this often.
const RETRIES_MAX: u32 = 250;

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

impl TaskOutcome {
    fn input(self, task: TaskRef) -> Input {
        match self {
            TaskOutcome::Success { output } => Input::TaskSucceeded { task, output },
            TaskOutcome::Failure(Failure { error, cause }) => Input::TaskFailed { task, error, cause },
        }
    }
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
    /// GetActivityTask: waits up to `wait` for a task of the activity. The task's start is durable before it is answered.
    /// When the caller goes away while it waits, no task is taken for it.
    pub async fn poll_activity(
        &self,
        activity_arn: &str,
        worker_name: Option<&str>,
        wait: Duration,
    ) -> Result<Option<ActivityTask>, PollError> {
        if self.is_closing() {
            return Err(PollError::Unavailable(CLOSING));
        }
        let queue = self.task_queues().get(&activity_queue(activity_arn));
        let (reply, grant) = oneshot::channel();
        let poller = Poller { worker_name: worker_name.map(Into::into), queue: queue.name.clone(), reply };
        let mut waiting = Waiting { cluster: self, grant };
        self.task_queues().poll(&queue, poller).map_err(|QueueFull| PollError::WorkerLimitExceeded)?;
        let granted = tokio::time::timeout(wait, &mut waiting.grant).await;
        let grant = match granted {
            Ok(granted) => granted.ok(),
            Err(_) => waiting.last_moment(),
        };
        Ok(grant.map(|grant| self.activity_task(&grant)))
    }

    fn activity_task(&self, grant: &Grant) -> ActivityTask {
        let token =
            TaskToken { execution: grant.execution, task: grant.activation.task, shape: Shape::Activity, claim_id: grant.claim.claim_id };
        ActivityTask { token: self.token_key().seal_text(&token), input: grant.activation.input.clone() }
    }

    /// SendTaskSuccess and SendTaskFailure.
    pub async fn complete_task(&self, token: &str, outcome: TaskOutcome) -> Result<(), TaskError> {
        let token = self.open_token(token)?;
        for _ in 0..RETRIES_MAX {
            match self.report(&token, outcome.clone().input(token.task)).await {
                Ok(Verdict::Applied) => return Ok(()),
                Ok(Verdict::Duplicate) => return Err(TaskError::TaskTimedOut),
                Err(SendError::Rejected(Rejected::NotSubmitted)) => tokio::time::sleep(RETRY_AFTER).await,
                Err(error) => return Err(task_error(&error)),
            }
        }
        Err(TaskError::Unavailable("The task's request has not been answered yet."))
    }

    /// SendTaskHeartbeat.
    pub async fn heartbeat_task(&self, token: &str) -> Result<(), TaskError> {
        let token = self.open_token(token)?;
        let result = self.report(&token, Input::TaskHeartbeat { task: token.task }).await;
        result.map(|_| ()).map_err(|error| task_error(&error))
    }

    fn open_token(&self, text: &str) -> Result<TaskToken, TaskError> {
        let token = self.token_key().open_text(text).ok_or(TaskError::InvalidToken)?;
        match token.shape {
            Shape::Activity | Shape::Callback => Ok(token),
            // These are handed out to sessions, which report another way.
            Shape::Function | Shape::Invoke | Shape::InvokeEvent | Shape::InvokeCallback | Shape::Offered => Err(TaskError::InvalidToken),
        }
    }

    /// Hands in what a token brings back, and waits for the answer. Never refused for lack of room: it is running work.
    pub(crate) async fn report(&self, token: &TaskToken, input: Input) -> Result<Verdict, SendError> {
        let claim_id = (token.claim_id != 0).then_some(token.claim_id);
        sent(self.ask(Question::Report { id: token.execution, input, claim_id }).await)
    }

    /// The task of this attempt, if it has no outcome yet.
    pub(crate) async fn open_task(&self, id: ExecutionId, task: TaskRef) -> Result<Option<Box<Grant>>, SendError> {
        match self.ask(Question::Task { id, task }).await {
            Ok(Answer::Task(grant)) => Ok(grant),
            Ok(_) => unreachable!("a look at a task is answered as one"),
            Err(NotAsked::Throttled) => Err(SendError::Throttled),
            Err(NotAsked::Unavailable(text)) => Err(SendError::Unavailable(text)),
        }
    }

    /// A task has provably not reached whoever it was granted to. A worker's own claim is never lost so: the worker asks until it is answered.
    pub(crate) fn grant_lost(&self, id: ExecutionId, task: TaskRef, claim_id: u64) {
        if is_of_worker(claim_id) {
            return;
        }
        if self.is_alone() {
            return self.push(self.shard_of(id), ShardInput::GrantLost { id, task, claim_id });
        }
        let cluster = self.clone();
        tokio::spawn(async move {
            if let Err(NotAsked::Unavailable(reason)) = cluster.ask(Question::GrantLost { id, task, claim_id }).await {
                tracing::warn!(execution = %id, reason, "a task that was granted to nobody stays so until its owner asks for it");
            }
        });
    }
}

fn task_error(error: &SendError) -> TaskError {
    match error {
        SendError::NoSuchExecution | SendError::Rejected(Rejected::UnknownTask) => TaskError::TaskDoesNotExist,
        SendError::Rejected(
            Rejected::Ended | Rejected::Cancelled | Rejected::TimedOut | Rejected::AlreadyClaimed | Rejected::NotSubmitted,
        ) => TaskError::TaskTimedOut,
        SendError::Throttled => TaskError::Throttled,
        SendError::Unavailable(text) => TaskError::Unavailable(text),
    }
}

/// A poller's end of its wait. A task that comes while the poller goes away is not lost with it.
struct Waiting<'a> {
    cluster: &'a Cluster,
    grant: oneshot::Receiver<Box<Grant>>,
}

impl Waiting<'_> {
    /// Nothing can come any more; what came in the last moment.
    fn last_moment(&mut self) -> Option<Box<Grant>> {
        self.grant.close();
        self.grant.try_recv().ok()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(grant) = self.last_moment() {
            self.cluster.grant_lost(grant.execution, grant.activation.task, grant.claim.claim_id);
        }
    }
}
