//! One execution: all its state, and what it tells about itself. It changes by [`Execution::apply`] only.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use baton_asl::{FlowId, Pattern, Resource, StateId, StateKind, StateMachine};

use crate::{
    Event, EventKind, Failure, Outstanding, Payload, PayloadTable, Start, Status, TaskActivation, TaskRef, ThreadId, Timestamp, Waiting,
    WaitingFor,
    closed_tasks::ClosedTasks,
    redrive::Redrives,
    strand::{Activity, Position, Strand, Strands, Visit, Work},
    timers::{Heartbeats, Timers},
    variables::VariableScope,
};

/// One execution of a state machine.
///
/// It is made by [`Execution::start`], asked to go on by [`Execution::decide`], and rebuilt from its events by
/// [`Execution::recover`] and [`Execution::apply`], or from a snapshot ([`crate::decode_with_table`]) and the events after it.
/// Rebuilt either way it equals the one that decided, heartbeat deadlines excepted.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub struct Execution {
    pub(crate) start: Box<Start>,
    pub(crate) status: Status,
    pub(crate) output: Option<Payload>,
    pub(crate) failure: Option<Failure>,
    pub(crate) stopped_at: Option<Timestamp>,
    pub(crate) next_event_id: u64,
    /// When the last event happened; time does not run backwards in a history.
    pub(crate) last_at: Timestamp,
    pub(crate) strands: Strands,
    pub(crate) next_thread: u32,
    /// Strands that can go on by themselves, in order.
    pub(crate) ready: VecDeque<ThreadId>,
    /// Strands other than the machine's own that are in a Task state, by the id of its StateEntered event.
    pub(crate) tasks: BTreeMap<u64, ThreadId>,
    pub(crate) timers: Timers,
    pub(crate) heartbeats: Heartbeats,
    /// Bytes of all variables.
    pub(crate) variables_bytes: usize,
    pub(crate) closed: ClosedTasks,
    /// `None` until it is redriven, as most executions never are.
    pub(crate) redrives: Option<Box<Redrives>>,
    /// Tasks scheduled so far, of each state that the test case mocks.
    pub(crate) mocked_tasks: BTreeMap<StateId, u32>,
}

impl Execution {
    /// The execution whose first event this is. The events after it are [applied](Self::apply).
    ///
    /// # Panics
    /// When the event is not the ExecutionStarted that every log begins with.
    pub fn recover(machine: &StateMachine, first: &Event) -> Self {
        let EventKind::ExecutionStarted(start) = &first.kind else {
            panic!("the first event of an execution is its ExecutionStarted");
        };
        Self::new(machine, start.clone())
    }

    pub(crate) fn new(machine: &StateMachine, start: Box<Start>) -> Self {
        let root = Strand {
            parent: None,
            index: 0,
            // The first state's event chains to 0, not to the ExecutionStarted.
            last: 0,
            variables: VariableScope::default(),
            position: Position::Entering { state: machine.flow(flow(machine, &start)).start_at, input: start.input.clone() },
            is_queued: true,
        };
        let mut strands = Strands::default();
        strands.insert(ThreadId::ROOT, root);
        Self {
            status: Status::Running,
            output: None,
            failure: None,
            stopped_at: None,
            next_event_id: 2,
            last_at: start.at,
            strands,
            next_thread: 1,
            ready: VecDeque::from([ThreadId::ROOT]),
            tasks: BTreeMap::new(),
            timers: Timers::default(),
            heartbeats: Heartbeats::default(),
            variables_bytes: 0,
            closed: ClosedTasks::default(),
            redrives: None,
            mocked_tasks: BTreeMap::new(),
            start,
        }
    }

    /// `status` of DescribeExecution.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The output of an execution that has succeeded.
    pub fn output(&self) -> Option<&Payload> {
        self.output.as_ref()
    }

    /// Error and cause of an execution that has failed or was stopped.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// What it was started with.
    pub fn started(&self) -> &Start {
        &self.start
    }

    /// When it ended.
    pub fn stopped_at(&self) -> Option<Timestamp> {
        self.stopped_at
    }

    /// The id that the next public event gets.
    pub fn next_event_id(&self) -> u64 {
        self.next_event_id
    }

    /// The earliest time at which an [`crate::Input::Tick`] has something to do.
    pub fn next_due(&self) -> Option<Timestamp> {
        let timer = self.timers.first().map(|(due, _)| due);
        let heartbeat = self.heartbeats.first().map(|(due, _)| due);
        let deadline = self.deadline().filter(|_| self.status == Status::Running);
        [timer, heartbeat, deadline].into_iter().flatten().min()
    }

    /// Whether an [`crate::Input::Continue`] has something to do: after a recovery, a batch that had yielded goes on.
    pub fn wants_continue(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Lets every claimed task's heartbeat interval begin again at `now`. To be called once after a recovery: signs of life are
    /// not logged, so nobody knows how much of the interval had passed.
    pub fn restart_heartbeats(&mut self, machine: &StateMachine, now: Timestamp) {
        let due = self.strands.iter().map(|(thread, strand)| (thread, heartbeat_due(machine, strand, now)));
        for (thread, due) in due.collect::<Vec<_>>() {
            self.heartbeats.set(thread, due);
        }
    }

    /// Whether a claimed task owes signs of life. Until when stands in no snapshot: an execution that is read back gives each such
    /// task its whole interval again ([`restart_heartbeats`](Self::restart_heartbeats)).
    pub fn has_heartbeats(&self) -> bool {
        !self.heartbeats.is_empty()
    }

    /// Tasks without an outcome. After a recovery the unclaimed ones must be offered, the claimed ones watched.
    pub fn outstanding<'a>(&'a self, machine: &'a StateMachine) -> impl Iterator<Item = Outstanding> + 'a {
        self.strands.iter().filter_map(|(_, strand)| outstanding(machine, strand))
    }

    /// The task of this attempt, if it has no outcome: as [`outstanding`](Self::outstanding) would find it, without a search.
    pub fn outstanding_task(&self, machine: &StateMachine, task: TaskRef) -> Option<Outstanding> {
        outstanding(machine, self.strands.get(self.thread_of(task)?)?)
    }

    /// The strand in which the attempt is out.
    pub(crate) fn thread_of(&self, task: TaskRef) -> Option<ThreadId> {
        let inner = self.tasks.get(&task.entry).copied();
        let is_out = |thread: &ThreadId| self.strands.get(*thread).and_then(Strand::task) == Some(task);
        [Some(ThreadId::ROOT), inner].into_iter().flatten().find(is_out)
    }

    /// The Map Runs that its states wait for, and how often each has been redriven.
    pub fn map_runs(&self) -> impl Iterator<Item = (&Arc<str>, u32)> {
        self.strands.iter().filter_map(|(_, strand)| strand.mapping()).map(|mapping| (&mapping.map_run_arn, mapping.redrives))
    }

    /// The states that it waits in, for people.
    pub fn waiting(&self, machine: &StateMachine) -> Vec<Waiting> {
        self.strands.iter().filter_map(|(_, strand)| waiting(machine, strand.visit()?)).collect()
    }
}

/// What it runs: the machine itself, or the item processor of one of its Map states.
fn flow(machine: &StateMachine, start: &Start) -> FlowId {
    let Some(child) = &start.map_child else { return StateMachine::ROOT };
    match &machine.state(child.state).kind {
        StateKind::Map(map) => map.processor,
        _ => panic!("a child of a Map Run names a Map state"),
    }
}

fn outstanding(machine: &StateMachine, strand: &Strand) -> Option<Outstanding> {
    let work = strand.visit()?.work()?;
    Some(Outstanding { activation: activation(machine, strand)?, claim: work.claim.clone(), is_submitted: work.is_submitted })
}

/// What a worker needs to know of the strand's task.
pub(crate) fn activation(machine: &StateMachine, strand: &Strand) -> Option<TaskActivation> {
    let visit = strand.visit()?;
    let work = visit.work()?;
    let state = machine.state(visit.state);
    Some(TaskActivation {
        task: TaskRef { entry: visit.entry, attempt: visit.attempts },
        state_name: state.name.clone(),
        target: resource(machine, visit)?.clone(),
        input: work.input.clone(),
        deadline: work.deadline,
        heartbeat_seconds: work.heartbeat_seconds,
        role_arn: work.role_arn.clone(),
    })
}

/// The resource of the Task state that the visit is of.
pub(crate) fn resource<'a>(machine: &'a StateMachine, visit: &Visit) -> Option<&'a Resource> {
    machine.states.get(visit.state.0 as usize)?.kind.resource()
}

/// Until when the strand's task must give a sign of life, counted from `now`. Only tasks that are given a token can.
pub(crate) fn heartbeat_due(machine: &StateMachine, strand: &Strand, now: Timestamp) -> Option<Timestamp> {
    let visit = strand.visit()?;
    let work = visit.work().filter(|work| work.claim.as_ref().is_some_and(|claim| !claim.is_nobody()))?;
    let can_beat = match resource(machine, visit)? {
        Resource::Activity { .. } => true,
        Resource::Function { .. } => false,
        Resource::Integration(integration) => integration.pattern == Pattern::WaitForTaskToken,
    };
    let seconds = work.heartbeat_seconds.filter(|_| can_beat)?;
    Some(now.saturating_add(milliseconds(seconds)))
}

/// Seconds as milliseconds, as many as fit.
pub(crate) fn milliseconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000)
}

fn waiting(machine: &StateMachine, visit: &Visit) -> Option<Waiting> {
    let (since, reason) = match &visit.activity {
        Activity::Waiting { until } => (visit.entered_at, WaitingFor::Time { until: *until }),
        Activity::Working(work) => (work.scheduled_at, waiting_for_work(work)),
        Activity::BackingOff { since, until, failure } => {
            let reason = WaitingFor::Retry { at: *until, attempts: visit.retry_count(), error: failure.error.clone() };
            (*since, reason)
        }
        Activity::Mapping(mapping) => (visit.entered_at, WaitingFor::MapRun { map_run_arn: mapping.map_run_arn.clone() }),
        Activity::Deciding | Activity::Redriven | Activity::Branching(_) | Activity::Iterating(_) => return None,
    };
    Some(Waiting { state_name: machine.state(visit.state).name.clone(), since, reason })
}

fn waiting_for_work(work: &Work) -> WaitingFor {
    let deadline = work.deadline;
    match &work.claim {
        None => WaitingFor::Worker { deadline },
        Some(claim) if claim.is_nobody() => WaitingFor::Worker { deadline },
        Some(_) if work.is_submitted => WaitingFor::Callback { deadline },
        Some(claim) => WaitingFor::Result { claim: claim.clone(), deadline },
    }
}
