//! How events change an execution: total and pure, and the only way in which it changes. Live, an event is applied the moment it
//! is decided; in a recovery, in the order of the log. An event that does not fit what is there changes nothing but the clock and
//! the count.

mod distributed_map;
mod end;
mod map;
mod parallel;
mod state;
mod task;

use baton_asl::StateMachine;

use crate::{
    Event, EventKind, Execution, Status, ThreadId,
    strand::{Strand, Visit},
};

impl Execution {
    /// Makes of the execution what the event says has happened to it.
    pub fn apply(&mut self, machine: &StateMachine, event: &Event) {
        let id = self.next_event_id;
        self.next_event_id += u64::from(event.kind.is_public());
        self.last_at = self.last_at.max(event.at);
        if self.status != Status::Running && !matches!(event.kind, EventKind::ExecutionRedriven { .. }) {
            return;
        }
        let at = Place { id, event, machine };
        match &event.kind {
            EventKind::ExecutionStarted(_) => {}
            EventKind::ExecutionSucceeded { output } => self.succeed(event.at, output),
            EventKind::ExecutionFailed { failure } => self.fail(event.at, Status::Failed, failure),
            EventKind::ExecutionAborted { failure } => self.fail(event.at, Status::Aborted, failure),
            EventKind::ExecutionTimedOut { failure } => self.fail(event.at, Status::TimedOut, failure),
            EventKind::ExecutionRedriven { redrive_count, deadline, client_token } => {
                self.redriven(at, *redrive_count, *deadline, client_token.as_ref());
            }

            EventKind::StateEntered { state, input } => self.state_entered(at, *state, input),
            EventKind::StateExited { output, assigned, then, .. } => self.state_exited(at, output, assigned, *then),
            EventKind::StateAborted { .. } => {}
            EventKind::EvaluationFailed { .. } => self.evaluation_failed(at),
            EventKind::WaitStarted { until, .. } => self.wait_started(at, *until),
            EventKind::RetryScheduled { retrier, at: until, failure, .. } => self.retry_scheduled(at, *retrier, *until, failure),

            EventKind::TaskScheduled { state, attempt, input, timeout_seconds, heartbeat_seconds, role_arn } => {
                self.mocked_scheduled(at, *state);
                self.task_scheduled(at, *attempt, input, *timeout_seconds, *heartbeat_seconds, role_arn);
            }
            EventKind::TaskStarted { claim, .. } => self.task_started(at, claim),
            EventKind::TaskRegranted { claim, .. } => self.task_regranted(at, claim),
            EventKind::TaskSubmitted { .. } => self.task_submitted(at),
            EventKind::TaskSucceeded { output, .. } => self.task_succeeded(at, output),
            EventKind::TaskFailed { failure, .. } => self.task_failed(at, failure),
            EventKind::TaskRefused { failure, .. } => self.task_failed(at, failure),
            EventKind::TaskTimedOut { .. } => self.task_ended(at),

            EventKind::ParallelStateStarted { state, input } => self.parallel_started(at, *state, input),
            EventKind::ParallelStateSucceeded { .. } => self.parallel_succeeded(at),
            EventKind::ParallelStateFailed { .. } => self.inner_failed(at),

            EventKind::MapStateStarted { length, input, items, keyed, concurrency, .. } => {
                self.map_started(at, *length, input, items, *keyed, *concurrency);
            }
            EventKind::MapIterationStarted { index, iteration, input, .. } => {
                self.iteration_started(at, *index, *iteration, input);
            }
            EventKind::MapIterationSucceeded { index, .. } => self.iteration_succeeded(at, *index),
            EventKind::MapIterationFailed { index, .. } => self.iteration_failed(at, *index),
            EventKind::MapIterationAborted { index, .. } => self.iteration_aborted(at, *index),
            EventKind::MapStateSucceeded { .. } => self.map_succeeded(at),
            EventKind::MapStateFailed { .. } => self.inner_failed(at),

            EventKind::DistributedMapStarted { .. } => self.distributed_started(at),
            EventKind::MapRunStarted { map_run_arn, .. } => self.map_run_started(at, map_run_arn),
            EventKind::MapRunSucceeded { .. } | EventKind::MapRunFailed { .. } | EventKind::MapRunAborted { .. } => self.map_run_ended(at),
            EventKind::MapRunRedriven { redrive_count, .. } => self.map_run_redriven(at, *redrive_count),
        }
    }

    /// Changes a strand and keeps the queue, the timers and the index of tasks in step with it.
    fn change(&mut self, thread: ThreadId, change: impl FnOnce(&mut Strand)) {
        let Some(strand) = self.strands.get_mut(thread) else { return };
        let (due, task) = (strand.due(), task_entry(thread, strand));
        change(strand);
        self.timers.change(thread, due, strand.due());
        let task_now = task_entry(thread, strand);
        if task != task_now {
            task.map(|entry| self.tasks.remove(&entry));
            task_now.map(|entry| self.tasks.insert(entry, thread));
        }
        let wants_turn = strand.wants_turn();
        if strand.is_queued != wants_turn {
            strand.is_queued = wants_turn;
            if wants_turn { self.ready.push_back(thread) } else { leave_queue(&mut self.ready, thread) }
        }
    }

    /// As [`change`](Self::change), of a strand that is in a state.
    fn change_visit(&mut self, thread: ThreadId, change: impl FnOnce(&mut Visit)) {
        self.change(thread, |strand| {
            if let Some(visit) = strand.visit_mut() {
                change(visit);
            }
        });
    }

    fn add_strand(&mut self, thread: ThreadId, strand: Strand) {
        self.next_thread = self.next_thread.max(thread.0.saturating_add(1));
        self.strands.insert(thread, strand);
        // A new strand stands in no queue yet, whatever it wants.
        self.change(thread, |_| {});
    }

    /// Removes a strand and all that run inside of it.
    fn remove_strand(&mut self, thread: ThreadId) {
        let mut doomed = vec![thread];
        while let Some(thread) = doomed.pop() {
            let Some(strand) = self.strands.remove(thread) else { continue };
            self.timers.change(thread, strand.due(), None);
            self.heartbeats.set(thread, None);
            task_entry(thread, &strand).map(|entry| self.tasks.remove(&entry));
            self.variables_bytes -= strand.variables.bytes();
            if strand.is_queued {
                leave_queue(&mut self.ready, thread);
            }
            doomed.extend(strand.children());
            doomed.extend(strand.resting_children());
        }
    }

    /// Removes what runs inside of a strand's state, and what is at rest there.
    fn remove_children(&mut self, thread: ThreadId) {
        let Some(strand) = self.strands.get(thread) else { return };
        let children = [strand.children(), strand.resting_children()].concat();
        children.into_iter().for_each(|child| self.remove_strand(child));
    }
}

/// An event with the id it has got.
#[derive(Clone, Copy)]
struct Place<'a> {
    id: u64,
    event: &'a Event,
    machine: &'a StateMachine,
}

impl Place<'_> {
    fn thread(&self) -> ThreadId {
        self.event.thread
    }
}

/// Key of the strand in the index of tasks, which leaves out the machine's own strand: it is found without.
fn task_entry(thread: ThreadId, strand: &Strand) -> Option<u64> {
    let visit = strand.visit().filter(|visit| visit.attempts > 0 && thread != ThreadId::ROOT)?;
    Some(visit.entry)
}

/// A strand that has had its turn stands in front; only an aborted one may stand elsewhere.
fn leave_queue(ready: &mut std::collections::VecDeque<ThreadId>, thread: ThreadId) {
    if ready.front() == Some(&thread) {
        ready.pop_front();
    } else {
        ready.retain(|other| *other != thread);
    }
}
