//! What surrounds the simulated shard at once: a queue for each function, and workers' free slots.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use baton_asl::Resource;
use baton_coordinator::shard::{ExecutionId, ExpressLimits, ExpressPool, PlaceRequest, Placement, QueuedTask, Revision, StepEvents, World};
use baton_engine::{Claim, Holder, Limits, NoServices, Services, TaskRef};

use super::machine;

/// Who asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asker {
    /// A client that starts order `n`.
    Client(u64),
    /// A client that redrives order `n` with this token.
    Redriver(u64, Arc<str>),
    /// A client that starts an Express execution, this one.
    Express(ExecutionId),
    /// A client that waits for the end of an Express execution, this one.
    Sync(ExecutionId),
    /// A worker that reports or asserts this claim.
    Worker(u64),
    /// The final inspection.
    Inspector,
}

pub(crate) struct SimWorld {
    revision: Arc<Revision>,
    limits: Limits,
    express_limits: Limits,
    pub(crate) express_pool: Arc<ExpressPool>,
    /// Free slots of the workers that are up.
    pub(crate) slots: usize,
    /// Incarnation of the workers' process.
    pub(crate) incarnation: u64,
    pub(crate) next_claim: u64,
    pub(crate) queues: BTreeMap<Arc<str>, VecDeque<QueuedTask>>,
}

impl SimWorld {
    pub(crate) fn new(slots: usize) -> Self {
        let express_limits = Limits { execution_seconds_max: 300, history_events_max: u64::MAX, ..Limits::default() };
        Self {
            revision: machine::revision(None),
            limits: Limits::default(),
            express_limits,
            express_pool: ExpressPool::new(ExpressLimits::default()),
            slots,
            incarnation: 1,
            next_claim: 0,
            queues: BTreeMap::new(),
        }
    }

    pub(crate) fn claim(&mut self) -> Claim {
        self.next_claim += 1;
        Claim { worker_name: Some("worker".into()), claim_id: self.next_claim, incarnation: self.incarnation, holder: Holder::Session }
    }

    /// A queued task for a free slot; the slot is reserved.
    pub(crate) fn matched(&mut self) -> Option<QueuedTask> {
        if self.slots == 0 {
            return None;
        }
        let task = self.queues.values_mut().find_map(VecDeque::pop_front)?;
        self.slots -= 1;
        Some(task)
    }
}

impl World for SimWorld {
    type Reply = Asker;
    type Slot = ();
    type Watcher = ();
    /// Whose, and its last event's id.
    type Announcement = (ExecutionId, u64);

    fn revision(&mut self, digest: u128) -> Option<Arc<Revision>> {
        (digest == machine::DIGEST).then(|| self.revision.clone())
    }

    fn services(&self) -> &dyn Services {
        &NoServices
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn announce(&mut self, step: &StepEvents<'_>) -> Option<(ExecutionId, u64)> {
        let (last_id, _) = step.public().last()?;
        Some((ExecutionId::of_arn(&step.execution.started().execution_arn), last_id))
    }

    fn express_limits(&self) -> &Limits {
        &self.express_limits
    }

    fn express_pool(&self) -> &Arc<ExpressPool> {
        &self.express_pool
    }

    fn place(&mut self, request: &PlaceRequest<'_>) -> Placement<()> {
        if self.slots > 0 {
            self.slots -= 1;
            let claim = self.claim();
            return Placement::Slot { slot: (), claim };
        }
        let queue = self.queue_of(request).expect("the machine calls functions only");
        let task = request.queued();
        self.enqueue(task, &queue);
        Placement::Queued(queue)
    }

    fn enqueue(&mut self, task: QueuedTask, queue: &Arc<str>) {
        self.queues.entry(queue.clone()).or_default().push_back(task);
    }

    fn queue_of(&mut self, request: &PlaceRequest<'_>) -> Option<Arc<str>> {
        match &request.activation.target {
            Resource::Function { arn } => Some(arn.clone()),
            Resource::Activity { .. } | Resource::Integration(_) => None,
        }
    }

    fn withdraw(&mut self, execution: ExecutionId, task: TaskRef, queue: &Arc<str>) {
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.retain(|queued| queued.execution != execution || queued.task != task);
        }
    }
}
