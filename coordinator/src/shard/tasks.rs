//! Tasks on their way to those who do them: slots that come free, claims, holders that are lost.

use std::sync::Arc;

use baton_engine::{Claim, Holder, Input, Outstanding, Rejected, TaskRef, Verdict};

use super::live::{Live, TaskHolder};
use super::step::{grant, refusal};
use super::{Answer, ExecutionId, Output, PlaceRequest, Placement, QueuedTask, SendError, Shard, ShardInput, World};
use crate::lambda_error;

impl<W: World> Shard<W> {
    /// A slot is free for a task that stands in a queue.
    pub(super) fn slot_free(
        &mut self,
        id: ExecutionId,
        task: TaskRef,
        slot: W::Slot,
        claim: Claim,
        world: &mut W,
        out: &mut Vec<Output<W>>,
    ) {
        let live = self.live.get(&id);
        let is_express = live.is_some_and(|live| live.express.is_some());
        let holder = live.and_then(|live| live.task(task)).map(|open| &open.holder);
        if !matches!(holder, Some(TaskHolder::Queued(_))) {
            return out.push(Output::Return(slot));
        }
        match self.start_task(id, task, claim, world, out) {
            Some(grant) => self.hand_on(is_express, Output::Grant(slot, grant), out),
            None => out.push(Output::Return(slot)),
        }
    }

    /// A worker claims what it was offered.
    pub(super) fn claim(&mut self, id: ExecutionId, task: TaskRef, slot: W::Slot, claim: Claim, world: &mut W, out: &mut Vec<Output<W>>) {
        let live = self.live.get(&id);
        let is_express = live.is_some_and(|live| live.express.is_some());
        let holder = live.and_then(|live| live.task(task)).map(|open| open.holder.clone());
        let claim_id = claim.claim_id;
        let grant = match holder {
            Some(TaskHolder::Claimed(present)) if present == claim => self.grant_again(id, task, claim),
            Some(TaskHolder::Queued(queue)) => {
                world.withdraw(id, task, &queue);
                self.start_task(id, task, claim, world, out)
            }
            Some(TaskHolder::Unplaced) => self.start_task(id, task, claim, world, out),
            Some(TaskHolder::Claimed(_) | TaskHolder::Submitted) | None => None,
        };
        match grant {
            Some(grant) => self.hand_on(is_express, Output::Grant(slot, grant), out),
            None => self.hand_on(is_express, Output::Deny { slot, id, task, claim_id }, out),
        }
    }

    /// The claim is committed already, and whoever has it has not heard of that.
    fn grant_again(&mut self, id: ExecutionId, task: TaskRef, claim: Claim) -> Option<Box<super::Grant>> {
        let live = self.live.get(&id)?;
        let activation = live.outstanding(task)?.activation;
        Some(Box::new(grant(id, live, activation, claim)))
    }

    /// A worker that has come back says that it holds a claim.
    pub(super) fn assert_claim(&mut self, id: ExecutionId, task: TaskRef, claim: Claim, reply: W::Reply, out: &mut Vec<Output<W>>) {
        let result = self.asserted(id, task, claim);
        let is_express = self.is_express(id);
        self.hand_on(is_express, Output::Reply(reply, Answer::Sent(result)), out);
    }

    fn asserted(&mut self, id: ExecutionId, task: TaskRef, claim: Claim) -> Result<Verdict, SendError> {
        let live = self.live.get_mut(&id).ok_or(Rejected::Ended)?;
        let committed = live.outstanding(task).ok_or(Rejected::TimedOut)?.claim;
        if committed.is_none_or(|committed| committed.is_nobody() || committed.claim_id != claim.claim_id) {
            return Err(Rejected::AlreadyClaimed.into());
        }
        match live.task(task).map(|open| &open.holder) {
            Some(TaskHolder::Claimed(_)) => {
                live.hold_task(task, TaskHolder::Claimed(claim));
                Ok(Verdict::Applied)
            }
            Some(TaskHolder::Queued(_) | TaskHolder::Unplaced | TaskHolder::Submitted) | None => Err(Rejected::TimedOut.into()),
        }
    }

    /// The task of this attempt as it is granted, if somebody holds it.
    pub(super) fn look_at_task(&mut self, id: ExecutionId, task: TaskRef, reply: W::Reply, out: &mut Vec<Output<W>>) {
        let live = self.live.get(&id);
        let claim = |outstanding: Outstanding| Some((outstanding.activation, outstanding.claim.filter(|claim| !claim.is_nobody())?));
        let claimed = live.and_then(|live| live.outstanding(task)).and_then(claim);
        let grant = live.zip(claimed).map(|(live, (activation, claim))| Box::new(grant(id, live, activation, claim)));
        let is_express = live.is_some_and(|live| live.express.is_some());
        self.hand_on(is_express, Output::Reply(reply, Answer::Task(grant)), out);
    }

    /// Whoever held a claim is gone for good: the attempt fails, and the state's Retry decides what follows.
    pub(super) fn holder_lost(&mut self, id: ExecutionId, task: TaskRef, claim_id: u64, world: &mut W, out: &mut Vec<Output<W>>) {
        let open = self.live.get(&id).and_then(|live| live.task(task));
        let Some((TaskHolder::Claimed(claim), is_function)) = open.map(|open| (&open.holder, open.is_function)) else { return };
        if claim.claim_id != claim_id {
            return;
        }
        let (error, cause) = loss(claim, is_function);
        let input = Input::TaskFailed { task, error: Some(error.into()), cause: Some(cause.into()) };
        self.send(id, input, None, None, world, out);
    }

    /// A grant has provably not left. That nobody has the task is committed: after a restart it waits for somebody, whoever it was meant for.
    pub(super) fn grant_lost(&mut self, id: ExecutionId, task: TaskRef, claim_id: u64, world: &mut W, out: &mut Vec<Output<W>>) {
        let Some(live) = self.live.get(&id).filter(|live| live.quarantined.is_none()) else { return };
        if !matches!(live.task(task).map(|open| &open.holder), Some(TaskHolder::Claimed(claim)) if claim.claim_id == claim_id) {
            return;
        }
        let input = Input::TaskRegranted { task, lost: claim_id, claim: Claim::nobody() };
        if !matches!(self.advance(id, input, world, out), Ok(Ok(Verdict::Applied))) {
            return;
        }
        if let Some(live) = self.live.get_mut(&id) {
            live.hold_task(task, TaskHolder::Unplaced);
            self.own.push_back(ShardInput::Place { id, task });
        }
    }

    /// Finds somebody for a task that has nobody and stands in no queue.
    pub(super) fn place(&mut self, id: ExecutionId, task: TaskRef, world: &mut W, out: &mut Vec<Output<W>>) {
        let Some(live) = self.live.get_mut(&id).filter(|live| live.quarantined.is_none()) else { return };
        let is_express = live.express.is_some();
        let is_unplaced = matches!(live.task(task).map(|open| &open.holder), Some(TaskHolder::Unplaced));
        let Some(outstanding) = live.outstanding(task).filter(|_| is_unplaced) else { return };
        let request = PlaceRequest { shard: self.id, execution: id, start: live.execution.started(), activation: &outstanding.activation };
        match world.place(&request) {
            Placement::Queued(queue) => live.hold_task(task, TaskHolder::Queued(queue)),
            Placement::Refused { started, error, cause } => {
                let started = started || outstanding.claim.is_some();
                self.own.extend(refusal(id, task, started, error, cause));
            }
            Placement::Slot { slot, claim } => match self.start_task(id, task, claim, world, out) {
                Some(grant) => self.hand_on(is_express, Output::Grant(slot, grant), out),
                None => out.push(Output::Return(slot)),
            },
            Placement::Delivery { claim } => {
                if let Some(grant) = self.start_task(id, task, claim, world, out) {
                    self.hand_on(is_express, Output::Deliver(grant), out);
                }
            }
        }
    }

    /// An execution has been read back: its unclaimed tasks stand in their queues since before it left memory.
    pub(super) fn hold_queued_tasks(&mut self, id: ExecutionId, live: &mut Live, world: &mut W) {
        let is_free = |outstanding: &Outstanding| outstanding.claim.as_ref().is_none_or(Claim::is_nobody);
        for outstanding in live.execution.outstanding(&live.revision.machine).filter(is_free).collect::<Vec<_>>() {
            let task = outstanding.activation.task;
            let request =
                PlaceRequest { shard: self.id, execution: id, start: live.execution.started(), activation: &outstanding.activation };
            match world.queue_of(&request) {
                Some(queue) => live.hold_task(task, TaskHolder::Queued(queue)),
                None => self.own.push_back(ShardInput::Place { id, task }),
            }
        }
    }

    /// Puts the tasks of an execution that stays out of memory into their queues.
    pub(super) fn enqueue(&mut self, execution: ExecutionId, task: TaskRef, queue: &Arc<str>, world: &mut W) {
        world.enqueue(QueuedTask { shard: self.id, execution, task, trace_header: None }, queue);
    }
}

/// How a lost holder is told to the execution.
fn loss(claim: &Claim, is_function: bool) -> (&'static str, String) {
    let error = if is_function { lambda_error::SERVICE_EXCEPTION } else { "States.TaskFailed" };
    let cause = match (&claim.worker_name, claim.holder) {
        (Some(name), Holder::Session | Holder::Poller) => format!("The worker '{name}' was lost while it ran the task."),
        (Some(name), Holder::Process) => {
            format!("The worker '{name}' was lost while it ran the task: the server that it was part of has ended.")
        }
        (None, Holder::Session | Holder::Poller) => "The worker was lost while it ran the task.".to_owned(),
        (None, Holder::Process) => "The server ended while it waited for the answer to the task's request.".to_owned(),
    };
    (error, cause)
}
