//! What workers, pollers and services tell about a task.

use baton_asl::{Pattern, Resource, StateId, StateMachine};

use super::{HistoryFull, Turn};
use crate::{
    Claim, EventKind, Execution, Failure, Payload, Rejected, Status, TaskRef, ThreadId, Verdict, closed_tasks,
    error_handling::{Fault, size},
    execution::{heartbeat_due, resource},
    strand::{Strand, Visit, Work},
};

impl Turn<'_> {
    pub(super) fn task_started(&mut self, task: TaskRef, claim: Claim) -> Result<Verdict, Rejected> {
        let thread = self.execution.find(task)?;
        match &self.work_of(thread).claim {
            Some(present) if present.claim_id == claim.claim_id => Ok(Verdict::Duplicate),
            Some(_) => Err(Rejected::AlreadyClaimed),
            None => Ok(self.record_work(thread, |state| EventKind::TaskStarted { state, claim })),
        }
    }

    pub(super) fn task_regranted(&mut self, task: TaskRef, lost: u64, claim: Claim) -> Result<Verdict, Rejected> {
        let thread = self.execution.find_started(task)?;
        let work = self.work_of(thread);
        match &work.claim {
            Some(present) if *present == claim => Ok(Verdict::Duplicate),
            Some(present) if present.claim_id == lost && !work.is_submitted => {
                let state = self.visit(thread).state;
                self.attempt(|turn| turn.record(thread, 0, EventKind::TaskRegranted { state, claim }).map(|_| ()));
                Ok(Verdict::Applied)
            }
            Some(_) | None => Err(Rejected::AlreadyClaimed),
        }
    }

    pub(super) fn task_submitted(&mut self, task: TaskRef, output: Payload) -> Result<Verdict, Rejected> {
        let thread = self.execution.find_started(task)?;
        if self.work_of(thread).is_submitted {
            return Ok(Verdict::Duplicate);
        }
        Ok(self.record_work(thread, |state| EventKind::TaskSubmitted { state, output }))
    }

    pub(super) fn task_succeeded(&mut self, task: TaskRef, output: Payload) -> Result<Verdict, Rejected> {
        let thread = match self.execution.find_started(task) {
            Ok(thread) => thread,
            Err(reason) => return self.duplicate_or(reason, task, closed_tasks::of_output(&output)),
        };
        if self.waits_for_submission(thread) {
            return Err(Rejected::NotSubmitted);
        }
        self.attempt(|turn| turn.succeed_task(thread, &output));
        Ok(Verdict::Applied)
    }

    /// Ends the attempt with its result, and the state with what it makes of that.
    pub(super) fn succeed_task(&mut self, thread: ThreadId, output: &Payload) -> Result<(), HistoryFull> {
        if output.len() > self.env.limits.payload_bytes_max {
            let failure = size::exceeded(called(self.env.machine, self.visit(thread)));
            return self.fail_task(thread, failure);
        }
        self.record_of_task(thread, |state| EventKind::TaskSucceeded { state, output: output.clone() })?;
        self.complete(thread, output)
    }

    pub(super) fn task_failed(&mut self, task: TaskRef, failure: Failure) -> Result<Verdict, Rejected> {
        match self.execution.find_started(task) {
            Ok(thread) => {
                self.attempt(|turn| turn.fail_task(thread, failure));
                Ok(Verdict::Applied)
            }
            Err(reason) => self.duplicate_or(reason, task, closed_tasks::of_failure(&failure)),
        }
    }

    pub(super) fn task_refused(&mut self, task: TaskRef, failure: Failure) -> Result<Verdict, Rejected> {
        let thread = match self.execution.find(task) {
            Ok(thread) => thread,
            Err(reason) => return self.duplicate_or(reason, task, closed_tasks::of_failure(&failure)),
        };
        if self.work_of(thread).claim.is_some() {
            return Err(Rejected::AlreadyClaimed);
        }
        let event = EventKind::TaskRefused { state: self.visit(thread).state, failure: failure.clone() };
        self.attempt(|turn| turn.end_task(thread, event, Fault::of_work(failure)));
        Ok(Verdict::Applied)
    }

    pub(super) fn task_heartbeat(&mut self, task: TaskRef) -> Result<Verdict, Rejected> {
        let thread = self.execution.find_started(task)?;
        if let Some(due) = heartbeat_due(self.env.machine, self.strand(thread), self.now) {
            self.execution.heartbeats.set(thread, Some(due));
        }
        Ok(Verdict::Applied)
    }

    /// Ends the attempt with an error, and the state with it unless it is retried or caught.
    pub(super) fn fail_task(&mut self, thread: ThreadId, failure: Failure) -> Result<(), HistoryFull> {
        let event = EventKind::TaskFailed { state: self.visit(thread).state, failure: failure.clone() };
        self.end_task(thread, event, Fault::of_work(failure))
    }

    /// Ends the attempt with this event, and the state with this fault unless it is retried or caught.
    pub(super) fn end_task(&mut self, thread: ThreadId, event: EventKind, fault: Fault) -> Result<(), HistoryFull> {
        let previous = self.strand(thread).last;
        self.record(thread, previous, event)?;
        self.fail(thread, fault)
    }

    fn record_work(&mut self, thread: ThreadId, kind: impl FnOnce(StateId) -> EventKind) -> Verdict {
        self.attempt(|turn| turn.record_of_task(thread, kind));
        Verdict::Applied
    }

    /// Adds an event of the strand's task behind the last one.
    pub(super) fn record_of_task(&mut self, thread: ThreadId, kind: impl FnOnce(StateId) -> EventKind) -> Result<(), HistoryFull> {
        let (state, previous) = (self.visit(thread).state, self.strand(thread).last);
        self.record(thread, previous, kind(state)).map(|_| ())
    }

    fn duplicate_or(&self, reason: Rejected, task: TaskRef, outcome: u64) -> Result<Verdict, Rejected> {
        if self.execution.closed.contains(task, outcome) { Ok(Verdict::Duplicate) } else { Err(reason) }
    }

    fn work_of(&self, thread: ThreadId) -> &Work {
        self.visit(thread).work().expect("the attempt that was found is out")
    }

    /// The service must have answered before anybody can bring the token back.
    fn waits_for_submission(&self, thread: ThreadId) -> bool {
        let submits = match resource(self.env.machine, self.visit(thread)) {
            Some(Resource::Integration(integration)) => integration.pattern == Pattern::WaitForTaskToken,
            Some(Resource::Function { .. } | Resource::Activity { .. }) | None => false,
        };
        submits && !self.work_of(thread).is_submitted
    }
}

/// What AWS names in the cause of a result that is too large: what a task calls, or the state.
pub(crate) fn called<'a>(machine: &'a StateMachine, visit: &Visit) -> &'a str {
    match resource(machine, visit) {
        Some(Resource::Function { arn } | Resource::Activity { arn }) => arn,
        Some(Resource::Integration(integration)) => &integration.service,
        None => &machine.state(visit.state).name,
    }
}

impl Execution {
    /// The strand in which the attempt is out and claimed.
    fn find_started(&self, task: TaskRef) -> Result<ThreadId, Rejected> {
        let thread = self.find(task)?;
        let work = self.strands.get(thread).and_then(Strand::visit).and_then(|visit| visit.work());
        let is_claimed = work.is_some_and(|work| work.claim.is_some());
        if is_claimed { Ok(thread) } else { Err(Rejected::UnknownTask) }
    }

    /// The strand in which the attempt is out.
    fn find(&self, task: TaskRef) -> Result<ThreadId, Rejected> {
        self.thread_of(task).ok_or_else(|| self.why_not_out(task))
    }

    fn why_not_out(&self, task: TaskRef) -> Rejected {
        match self.status {
            Status::Running => {}
            Status::Succeeded | Status::Failed => return Rejected::Ended,
            Status::TimedOut | Status::Aborted => return Rejected::Cancelled,
        }
        let thread = self.tasks.get(&task.entry).copied().unwrap_or(ThreadId::ROOT);
        let visit = self.strands.get(thread).and_then(Strand::visit);
        let is_to_come = visit.is_some_and(|visit| visit.entry == task.entry && task.attempt > visit.attempts);
        if is_to_come || task.entry >= self.next_event_id { Rejected::UnknownTask } else { Rejected::TimedOut }
    }
}
