//! The door of workers' sessions: claims, outcomes and signs of life that come over a session.
//!
//! None of it is refused for lack of room: it is what running work brings with it.

use std::sync::Arc;

use baton_engine::{Claim, Input, TaskRef, Verdict};

use super::{Cluster, ExecutionId, ReplyTo, SendError};
use crate::dispatch::{Session, Slot};
use crate::shard::{Answer, ShardInput};

/// An outcome that a session reports.
pub(crate) struct SessionReport {
    /// Which execution.
    pub(crate) execution: ExecutionId,
    /// Which attempt.
    pub(crate) task: TaskRef,
    /// The claim that it is reported under.
    pub(crate) claim_id: u64,
    /// What happens to the execution.
    pub(crate) input: Input,
    /// What the worker calls the report.
    pub(crate) report_id: u64,
}

impl Cluster {
    /// A worker says that it still holds a claim: `Applied` if it does.
    pub(crate) async fn assert_claim(&self, id: ExecutionId, task: TaskRef, claim: Claim) -> Result<Verdict, SendError> {
        match self.tell(id, |reply| ShardInput::Assert { id, task, claim, reply }).await? {
            Answer::Sent(result) => result,
            Answer::Unavailable(text) => Err(SendError::Unavailable(text)),
            _ => unreachable!("a claim is answered as an input is"),
        }
    }

    /// A worker answers an offer. Its slot is granted the task, or told that it is not.
    pub(crate) fn claim(&self, id: ExecutionId, task: TaskRef, slot: Slot, claim: Claim) {
        self.push(self.shard_of(id), ShardInput::Claim { id, task, slot, claim });
    }

    /// Hands in outcomes; the session is told what became of each.
    pub(crate) fn report_all(&self, session: &Arc<Session>, reports: Vec<SessionReport>) {
        let inputs = reports.into_iter().map(|SessionReport { execution: id, task, claim_id, input, report_id }| {
            let reply = ReplyTo::Report { session: session.clone(), execution: id, task, report_id };
            (self.shard_of(id), ShardInput::Send { id, input, claim_id: Some(claim_id), reply: Some(reply) })
        });
        self.push_all(inputs.collect());
    }

    /// A sign of life of a task that wants them. Nobody waits for an answer.
    pub(crate) fn heartbeat_claim(&self, id: ExecutionId, task: TaskRef, claim_id: u64) {
        let input = Input::TaskHeartbeat { task };
        self.push(self.shard_of(id), ShardInput::Send { id, input, claim_id: Some(claim_id), reply: None });
    }
}
