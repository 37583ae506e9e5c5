//! What surrounds the shards of one host: revisions, queues, and ways for tasks.

use std::sync::Arc;

use baton_asl::{Resource, StateId};
use baton_engine::{Claim, Failure, Holder, Limits, Payload, Services, Start, TaskRef};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use tokio::sync::oneshot;

use super::figures::HostFigures;
use super::host::{Pace, Turn};
use super::listener::{Announcement, Listeners};
use super::watch::Watcher;
use crate::dispatch::{Queues, Random, Route, Router, Session, SharedQueue, Slot, TaskServices, new_claim_id};
use crate::shard::{Answer, ExecutionId, ExpressPool, PlaceRequest, Placement, QueuedTask, Revision, Revisions, StepEvents, World};

/// Entries of a host's memory of revisions and of ways; it is emptied when it is full.
const REMEMBERED_MAX: usize = 4_096;

/// Who asked a shard.
pub(crate) enum ReplyTo {
    /// Somebody who waits for the one answer.
    Once(oneshot::Sender<Answer>),
    /// A session that has reported an outcome.
    Report { session: Arc<Session>, execution: ExecutionId, task: TaskRef, report_id: u64 },
}

impl ReplyTo {
    /// Whether nobody waits any more.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            ReplyTo::Once(reply) => reply.is_closed(),
            ReplyTo::Report { session, .. } => session.is_closed(),
        }
    }
}

/// See the module.
pub(crate) struct HostWorld {
    revisions: Arc<dyn Revisions>,
    remembered_revisions: HashMap<u128, Arc<Revision>, FixedState>,
    services: HostServices,
    limits: Limits,
    express_limits: Limits,
    express_pool: Arc<ExpressPool>,
    queues: Arc<Queues>,
    router: Arc<Router>,
    /// How long this host's rounds may take.
    pub(super) pace: Pace,
    /// Queues of functions and activities by their ARN, as definitions name them.
    ways: HashMap<Arc<str>, Arc<SharedQueue>, FixedState>,
    random: Random,
    /// This process', for claims of its own.
    incarnation: u64,
    is_shared: bool,
    /// What is counted here.
    pub(super) figures: HostFigures,
    listeners: Listeners,
}

/// What every host's world is made from.
#[derive(Clone)]
pub(crate) struct WorldParts {
    pub(crate) revisions: Arc<dyn Revisions>,
    pub(crate) services: Arc<TaskServices>,
    pub(crate) limits: Limits,
    pub(crate) express_limits: Limits,
    pub(crate) express_pool: Arc<ExpressPool>,
    pub(crate) queues: Arc<Queues>,
    pub(crate) router: Arc<Router>,
    pub(crate) incarnation: u64,
    /// Whether shards come from other processes, which may live on.
    pub(crate) is_shared: bool,
    pub(crate) listeners: Listeners,
}

impl HostWorld {
    pub(crate) fn new(parts: WorldParts) -> Self {
        let WorldParts { revisions, services, limits, express_limits, express_pool, queues, router, incarnation, is_shared, listeners } =
            parts;
        Self {
            revisions,
            remembered_revisions: HashMap::default(),
            services: HostServices { tasks: services, turn: Turn::default() },
            limits,
            express_limits,
            express_pool,
            queues,
            router,
            pace: Pace::default(),
            ways: HashMap::default(),
            random: Random::from_system(),
            incarnation,
            is_shared,
            figures: HostFigures::new(),
            listeners,
        }
    }

    /// The queue that a session means.
    pub(crate) fn queue_name(&self, name: &str) -> String {
        self.router.queue_name(name)
    }

    fn way(&mut self, request: &PlaceRequest<'_>) -> Way {
        let arn = direct_arn(&request.activation.target);
        if let Some(queue) = arn.and_then(|arn| self.ways.get(arn)) {
            return Way::Queue(queue.clone());
        }
        match self.router.route(request.start, request.activation) {
            Route::Queue(name) => {
                let queue = self.queues.get(&name);
                if let Some(arn) = arn {
                    forget_if_full(&mut self.ways);
                    self.ways.insert(arn.clone(), queue.clone());
                }
                Way::Queue(queue)
            }
            Route::Endpoint => Way::Endpoint,
            Route::Refused { started, error, cause } => Way::Refused { started, error, cause },
        }
    }
}

/// What the engine asks while it decides here.
struct HostServices {
    tasks: Arc<TaskServices>,
    turn: Turn,
}

impl Services for HostServices {
    fn task_token(&self, start: &Start, task: TaskRef) -> String {
        self.tasks.task_token(start, task)
    }

    fn map_run_arn(&self, start: &Start, label: Option<&str>, state: StateId, event: u64) -> String {
        self.tasks.map_run_arn(start, label, state, event)
    }

    fn check(&self, resource: &Resource, parameters: &Payload) -> Result<(), Failure> {
        self.tasks.check(resource, parameters)
    }

    fn is_turn_over(&self) -> bool {
        self.turn.is_over()
    }
}

enum Way {
    Queue(Arc<SharedQueue>),
    Endpoint,
    Refused { started: bool, error: &'static str, cause: String },
}

/// The ARN that alone says which queue a task belongs to.
fn direct_arn(target: &Resource) -> Option<&Arc<str>> {
    match target {
        Resource::Function { arn } | Resource::Activity { arn } => Some(arn),
        Resource::Integration(_) => None,
    }
}

fn forget_if_full<K, V>(map: &mut HashMap<K, V, FixedState>) {
    if map.len() >= REMEMBERED_MAX {
        map.clear();
    }
}

impl World for HostWorld {
    type Reply = ReplyTo;
    type Slot = Slot;
    type Watcher = Watcher;
    type Announcement = Announcement;

    fn revision(&mut self, digest: u128) -> Option<Arc<Revision>> {
        if let Some(revision) = self.remembered_revisions.get(&digest) {
            return Some(revision.clone());
        }
        let revision = self.revisions.revision(digest)?;
        forget_if_full(&mut self.remembered_revisions);
        self.remembered_revisions.insert(digest, revision.clone());
        Some(revision)
    }

    fn services(&self) -> &dyn Services {
        self.services.turn.begin();
        self.figures.decision_begins();
        &self.services
    }

    fn is_round_over(&self) -> bool {
        self.pace.is_round_over()
    }

    fn note(&mut self, step: &StepEvents<'_>) {
        self.figures.count(step);
    }

    fn announce(&mut self, step: &StepEvents<'_>) -> Option<Announcement> {
        self.listeners.hear(step)
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn express_limits(&self) -> &Limits {
        &self.express_limits
    }

    fn express_pool(&self) -> &Arc<ExpressPool> {
        &self.express_pool
    }

    fn place(&mut self, request: &PlaceRequest<'_>) -> Placement<Slot> {
        let queue = match self.way(request) {
            Way::Queue(queue) => queue,
            Way::Endpoint => {
                let claim = Claim {
                    worker_name: None,
                    claim_id: new_claim_id(self.random.next_u64()),
                    incarnation: self.incarnation,
                    holder: Holder::Process,
                };
                return Placement::Delivery { claim };
            }
            Way::Refused { started, error, cause } => return Placement::Refused { started, error: error.into(), cause: cause.into() },
        };
        let queued = || request.queued();
        match self.queues.place(&queue, queued) {
            Some(slot) => {
                let claim = slot.claim(new_claim_id(self.random.next_u64()));
                Placement::Slot { slot, claim }
            }
            None => Placement::Queued(queue.name.clone()),
        }
    }

    fn enqueue(&mut self, task: QueuedTask, queue: &Arc<str>) {
        self.queues.enqueue(queue, task);
    }

    fn queue_of(&mut self, request: &PlaceRequest<'_>) -> Option<Arc<str>> {
        match self.way(request) {
            Way::Queue(queue) => Some(queue.name.clone()),
            Way::Endpoint | Way::Refused { .. } => None,
        }
    }

    /// What another member called may still be called there, and the worker inside of it may live on.
    fn is_holder_gone(&self, claim: &Claim) -> bool {
        claim.holder == Holder::Process && !self.is_shared
    }

    fn withdraw(&mut self, execution: ExecutionId, task: TaskRef, queue: &Arc<str>) {
        self.queues.withdraw(queue, execution, task);
    }
}
