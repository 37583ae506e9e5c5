//! What surrounds a shard: the little that it must ask at once, while it steps. Everything else is an input or an output.

use std::sync::Arc;

use baton_engine::{Claim, Event, Execution, Holder, Limits, Services, Since, Start, TaskActivation, TaskRef};

use super::{ExecutionId, ExpressPool, Revision};
use crate::store::ShardId;

/// What a shard asks while it steps. The answers are quick and do not wait for anything.
pub trait World {
    /// Who has asked: given with an input, handed back with the answer.
    type Reply;
    /// A free slot of a worker, reserved.
    type Slot;
    /// Who follows an execution.
    type Watcher: Clone;
    /// What is told of a step's events as soon as they are durable.
    type Announcement;

    /// The revision with this digest.
    fn revision(&mut self, digest: u128) -> Option<Arc<Revision>>;

    /// What the engine must know of services.
    fn services(&self) -> &dyn Services;

    /// Limits of one execution.
    fn limits(&self) -> &Limits;

    /// Limits of one execution of an Express state machine.
    fn express_limits(&self) -> &Limits;

    /// Room for executions of Express state machines.
    fn express_pool(&self) -> &Arc<ExpressPool>;

    /// Finds somebody for a task that has just been scheduled.
    fn place(&mut self, request: &PlaceRequest<'_>) -> Placement<Self::Slot>;

    /// Puts a task into its queue whose execution stays out of memory, after a restart or when it is read back.
    fn enqueue(&mut self, task: QueuedTask, queue: &Arc<str>);

    /// The queue in which a task of this kind waits; `None` if it does not wait in queues.
    fn queue_of(&mut self, request: &PlaceRequest<'_>) -> Option<Arc<str>>;

    /// A queued task is no longer wanted.
    fn withdraw(&mut self, execution: ExecutionId, task: TaskRef, queue: &Arc<str>);

    /// Whether whoever holds this claim has ended with the shard's last owner.
    fn is_holder_gone(&self, claim: &Claim) -> bool {
        match claim.holder {
            Holder::Process => true,
            Holder::Session | Holder::Poller => false,
        }
    }

    /// This step is over, and its events go into the log. For figures; nothing may depend on it.
    fn note(&mut self, step: &StepEvents<'_>) {
        let _ = step;
    }

    /// Whether other work waits that should come first now. What is left is done in the next round.
    fn is_round_over(&self) -> bool {
        false
    }

    /// What is to be told of this step once its events are durable. `None` for most executions, at no cost to speak of.
    fn announce(&mut self, step: &StepEvents<'_>) -> Option<Self::Announcement>;
}

/// What one step has brought upon an execution.
#[derive(Clone, Copy)]
pub struct StepEvents<'a> {
    /// The execution after the step.
    pub execution: &'a Execution,
    /// What it is pinned to.
    pub revision: &'a Arc<Revision>,
    /// All events of the step, internal ones included.
    pub events: &'a [Event],
    /// Since when what some of the events speak of had gone on, in the events' order.
    pub since: &'a [Since],
}

impl<'a> StepEvents<'a> {
    /// The public events with their ids.
    pub fn public(&self) -> impl Iterator<Item = (u64, &'a Event)> + use<'a> {
        let is_public = |event: &&Event| event.kind.is_public();
        let count = self.events.iter().filter(is_public).count() as u64;
        (self.execution.next_event_id() - count..).zip(self.events.iter().filter(is_public))
    }
}

/// A task that wants somebody.
pub struct PlaceRequest<'a> {
    /// Shard of the execution.
    pub shard: ShardId,
    /// Its execution.
    pub execution: ExecutionId,
    /// What that started with.
    pub start: &'a Start,
    /// The task.
    pub activation: &'a TaskActivation,
}

impl PlaceRequest<'_> {
    /// The task, as it waits in a queue.
    pub fn queued(&self) -> QueuedTask {
        let trace_header = self.start.trace_header.clone();
        QueuedTask { shard: self.shard, execution: self.execution, task: self.activation.task, trace_header }
    }
}

/// Who does a task.
#[derive(Debug)]
pub enum Placement<Slot> {
    /// A worker with a free slot, which is now reserved.
    Slot {
        /// The slot.
        slot: Slot,
        /// Its claim, to be committed.
        claim: Claim,
    },
    /// This process, by calling an endpoint.
    Delivery {
        /// Its claim, to be committed.
        claim: Claim,
    },
    /// Nobody yet: it waits in this queue and comes back as [`ShardInput::SlotFree`](super::ShardInput::SlotFree).
    Queued(Arc<str>),
    /// Nobody ever.
    Refused {
        /// Whether the attempt counts as started (a service that answered "no") or was never handed out.
        started: bool,
        /// Error name.
        error: Arc<str>,
        /// Cause.
        cause: Arc<str>,
    },
}

/// A task in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedTask {
    /// Shard of the execution.
    pub shard: ShardId,
    /// Its execution.
    pub execution: ExecutionId,
    /// Which attempt.
    pub task: TaskRef,
    /// The execution's, if it has one and is known here.
    pub trace_header: Option<Arc<str>>,
}
