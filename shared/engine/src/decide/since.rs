//! Since when what an event ends had gone on. Events do not say so, and when one has been applied the execution does not either.

use super::Turn;
use crate::strand::Visit;
use crate::{Event, EventKind, Since};

impl Turn<'_> {
    /// Notes it for an event that is about to be applied.
    pub(super) fn note_since(&mut self, event: &Event) {
        if let Some(since) = self.since(event).filter(|since| since.began < event.at || since.attempt > 0) {
            self.out.since.push(since);
        }
    }

    fn since(&self, event: &Event) -> Option<Since> {
        let visit = || self.execution.strands.get(event.thread)?.visit();
        let since = |visit: &Visit, began, started| Since {
            event: self.out.events.len(),
            entry: visit.entry,
            attempt: visit.attempts,
            began,
            started,
        };
        match &event.kind {
            EventKind::StateExited { .. } | EventKind::StateAborted { .. } => visit().map(|visit| since(visit, visit.entered_at, None)),
            EventKind::TaskRefused { .. }
            | EventKind::TaskStarted { .. }
            | EventKind::TaskSubmitted { .. }
            | EventKind::TaskSucceeded { .. }
            | EventKind::TaskFailed { .. }
            | EventKind::TaskTimedOut { .. } => {
                let visit = visit()?;
                visit.work().map(|work| since(visit, work.scheduled_at, work.started_at))
            }
            EventKind::ExecutionStarted(_)
            | EventKind::ExecutionSucceeded { .. }
            | EventKind::ExecutionFailed { .. }
            | EventKind::ExecutionAborted { .. }
            | EventKind::ExecutionTimedOut { .. }
            | EventKind::ExecutionRedriven { .. }
            | EventKind::StateEntered { .. }
            | EventKind::EvaluationFailed { .. }
            | EventKind::TaskScheduled { .. }
            | EventKind::ParallelStateStarted { .. }
            | EventKind::ParallelStateSucceeded { .. }
            | EventKind::ParallelStateFailed { .. }
            | EventKind::MapStateStarted { .. }
            | EventKind::MapIterationStarted { .. }
            | EventKind::MapIterationSucceeded { .. }
            | EventKind::MapIterationFailed { .. }
            | EventKind::MapIterationAborted { .. }
            | EventKind::MapStateSucceeded { .. }
            | EventKind::MapStateFailed { .. }
            | EventKind::WaitStarted { .. }
            | EventKind::RetryScheduled { .. }
            | EventKind::TaskRegranted { .. }
            | EventKind::DistributedMapStarted { .. }
            | EventKind::MapRunStarted { .. }
            | EventKind::MapRunSucceeded { .. }
            | EventKind::MapRunFailed { .. }
            | EventKind::MapRunAborted { .. }
            | EventKind::MapRunRedriven { .. } => None,
        }
    }
}
