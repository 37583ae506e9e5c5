//! What surrounds the shards of one member at once: its outboxes, one a queue.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::offers::Outbox;
use baton_asl::{Resource, StateId};
use baton_coordinator::shard::{
    ExecutionId, ExpressLimits, ExpressPool, PlaceRequest, Placement, QueuedTask, Revision, StepEvents, World, map_run_arn,
};
use baton_coordinator::store::ShardId;
use baton_engine::{Limits, NoServices, Services, Start, TaskRef};

use super::machine;

/// Who asked a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// A client's try of its operation.
    Client { operation: usize },
    /// A worker that reports.
    Worker { worker: usize, incarnation: u64, claim_id: u64 },
    /// A member, for a Map Run.
    Errand { member: usize, incarnation: u64, number: u64, stage: u32 },
}

/// Where a claim came from: the worker, and the session over which it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) worker: usize,
    pub(crate) incarnation: u64,
    pub(crate) session: u64,
    pub(crate) claim_id: u64,
}

/// Tasks of one queue.
pub(crate) struct Queue {
    pub(crate) outbox: Outbox,
    /// Beyond the window.
    waiting: VecDeque<QueuedTask>,
}

pub(crate) struct MemberWorld {
    revision: Arc<Revision>,
    limits: Limits,
    express_pool: Arc<ExpressPool>,
    pub(crate) now_ms: u64,
    pub(crate) is_link_up: bool,
    pub(crate) queues: BTreeMap<Arc<str>, Queue>,
}

impl MemberWorld {
    pub(crate) fn new(revision: Arc<Revision>, is_link_up: bool) -> Self {
        Self {
            revision,
            limits: Limits::default(),
            express_pool: ExpressPool::new(ExpressLimits::default()),
            now_ms: 0,
            is_link_up,
            queues: BTreeMap::new(),
        }
    }

    fn enter(&mut self, task: QueuedTask, queue: &Arc<str>) {
        let (now, is_link_up) = (self.now_ms, self.is_link_up);
        let queue = self.queues.entry(queue.clone()).or_insert_with(|| Queue { outbox: Outbox::new(is_link_up), waiting: VecDeque::new() });
        queue.waiting.push_back(task);
        queue.fill(now);
    }

    /// The shard is not this member's any more, nor are its tasks.
    pub(crate) fn drop_shard(&mut self, shard: ShardId) {
        for queue in self.queues.values_mut() {
            queue.waiting.retain(|task| task.shard != shard);
            queue.outbox.retain(|task| task.shard != shard);
        }
    }
}

impl Queue {
    /// Offers what waits, as far as the window has room.
    pub(crate) fn fill(&mut self, now_ms: u64) {
        for _ in 0..self.outbox.room(now_ms) {
            let Some(task) = self.waiting.pop_front() else { break };
            self.outbox.enter(task, now_ms);
        }
    }
}

/// The names that Map Runs have everywhere.
struct Names;

impl Services for Names {
    fn task_token(&self, start: &Start, task: TaskRef) -> String {
        NoServices.task_token(start, task)
    }

    fn map_run_arn(&self, start: &Start, label: Option<&str>, state: StateId, event: u64) -> String {
        map_run_arn(start, label, state, event)
    }
}

impl World for MemberWorld {
    type Reply = Asker;
    type Slot = Slot;
    type Watcher = ();
    type Announcement = ();

    fn revision(&mut self, digest: u128) -> Option<Arc<Revision>> {
        (digest == machine::DIGEST).then(|| self.revision.clone())
    }

    fn services(&self) -> &dyn Services {
        &Names
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn announce(&mut self, _: &StepEvents<'_>) -> Option<()> {
        None
    }

    fn express_limits(&self) -> &Limits {
        &self.limits
    }

    fn express_pool(&self) -> &Arc<ExpressPool> {
        &self.express_pool
    }

    fn place(&mut self, request: &PlaceRequest<'_>) -> Placement<Slot> {
        let queue = self.queue_of(request).expect("the machine calls functions only");
        self.enter(request.queued(), &queue);
        Placement::Queued(queue)
    }

    fn enqueue(&mut self, task: QueuedTask, queue: &Arc<str>) {
        self.enter(task, queue);
    }

    fn queue_of(&mut self, request: &PlaceRequest<'_>) -> Option<Arc<str>> {
        match &request.activation.target {
            Resource::Function { arn } => Some(arn.clone()),
            Resource::Activity { .. } | Resource::Integration(_) => None,
        }
    }

    fn withdraw(&mut self, execution: ExecutionId, task: TaskRef, queue: &Arc<str>) {
        let now = self.now_ms;
        if let Some(queue) = self.queues.get_mut(queue) {
            if !queue.outbox.remove(execution, task, now) {
                queue.waiting.retain(|waiting| waiting.execution != execution || waiting.task != task);
            }
            queue.fill(now);
        }
    }
}
