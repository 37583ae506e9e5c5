//! Counters of what executions do. Handles are made once; one pass over the events of a step costs a few additions.

use baton_engine::{Event, EventKind, Status};
use metrics::{Counter, counter};

/// See the module.
pub(crate) struct ExecutionCounters {
    started: Counter,
    succeeded: Counter,
    failed: Counter,
    timed_out: Counter,
    aborted: Counter,
    redriven: Counter,
    transitions: Counter,
    tasks_started: Counter,
}

impl ExecutionCounters {
    pub(crate) fn new() -> Self {
        let ended = |status| counter!("baton_executions_ended_total", "status" => status);
        Self {
            started: counter!("baton_executions_started_total"),
            succeeded: ended("SUCCEEDED"),
            failed: ended("FAILED"),
            timed_out: ended("TIMED_OUT"),
            aborted: ended("ABORTED"),
            redriven: counter!("baton_executions_redriven_total"),
            transitions: counter!("baton_state_transitions_total"),
            tasks_started: counter!("baton_tasks_started_total"),
        }
    }

    fn of_status(&self, status: Status) -> &Counter {
        match status {
            Status::Running => &self.started,
            Status::Succeeded => &self.succeeded,
            Status::Failed => &self.failed,
            Status::TimedOut => &self.timed_out,
            Status::Aborted => &self.aborted,
        }
    }

    /// Counts the events of one step.
    pub(crate) fn count(&self, events: &[Event]) {
        let (mut transitions, mut tasks_started) = (0, 0);
        for event in events {
            match &event.kind {
                EventKind::StateEntered { .. } => transitions += 1,
                EventKind::TaskStarted { .. } => tasks_started += 1,
                EventKind::ExecutionRedriven { .. } => self.redriven.increment(1),
                other => other.execution_change().into_iter().for_each(|change| self.of_status(change.status).increment(1)),
            }
        }
        if transitions > 0 {
            self.transitions.increment(transitions);
        }
        if tasks_started > 0 {
            self.tasks_started.increment(tasks_started);
        }
    }
}
