//! Since when what an event ends had gone on. Events do not say so, and when one has been applied the execution does not either.

use super::Turn;
use crate::{Event, EventKind, Since, Timestamp};

impl Turn<'_> {
    /// Notes it for an event that is about to be applied.
    pub(super) fn note_since(&mut self, event: &Event) {
        let Some((began, started)) = self.since(event).filter(|(began, _)| *began < event.at) else { return };
        self.out.since.push(Since { event: self.out.events.len(), began, started });
    }

    fn since(&self, event: &Event) -> Option<(Timestamp, Option<Timestamp>)> {
        let visit = || self.execution.strands.get(event.thread)?.visit();
        match &event.kind {
            EventKind::StateExited { .. } | EventKind::StateAborted { .. } => Some((visit()?.entered_at, None)),
            EventKind::TaskRefused { .. }
            | EventKind::TaskStarted { .. }
            | EventKind::TaskSubmitted { .. }
            | EventKind::TaskSucceeded { .. }
            | EventKind::TaskFailed { .. }
            | EventKind::TaskTimedOut { .. } => {
                let work = visit()?.work()?;
                Some((work.scheduled_at, work.started_at))
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
            | EventKind::TaskRegranted { .. } => None,
        }
    }
}
