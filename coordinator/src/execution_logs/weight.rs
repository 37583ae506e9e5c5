//! About how many bytes an event holds, for the bound of a queue.

use baton_engine::{Event, EventKind, Failure};

/// What an event needs beside its payloads.
const EVENT_BYTES: usize = 512;

/// Of all these together.
pub(super) fn of(events: &[(u64, Event)]) -> usize {
    events.iter().map(|(_, event)| EVENT_BYTES + payload_bytes(&event.kind)).sum()
}

fn payload_bytes(kind: &EventKind) -> usize {
    match kind {
        EventKind::ExecutionStarted(start) => start.input.len(),
        EventKind::StateEntered { input, .. }
        | EventKind::TaskScheduled { input, .. }
        | EventKind::ParallelStateStarted { input, .. }
        | EventKind::MapIterationStarted { input, .. } => input.len(),
        EventKind::ExecutionSucceeded { output } | EventKind::TaskSubmitted { output, .. } | EventKind::TaskSucceeded { output, .. } => {
            output.len()
        }
        EventKind::StateExited { output, assigned, .. } => output.len() + assigned.iter().map(|(_, value)| value.len()).sum::<usize>(),
        EventKind::MapStateStarted { input, items, .. } => input.len() + items.len(),
        EventKind::ExecutionFailed { failure }
        | EventKind::ExecutionAborted { failure }
        | EventKind::ExecutionTimedOut { failure }
        | EventKind::EvaluationFailed { failure, .. }
        | EventKind::TaskRefused { failure, .. }
        | EventKind::TaskFailed { failure, .. }
        | EventKind::TaskTimedOut { failure, .. }
        | EventKind::MapRunFailed { failure, .. }
        | EventKind::RetryScheduled { failure, .. } => failure_bytes(failure),
        EventKind::ExecutionRedriven { .. }
        | EventKind::StateAborted { .. }
        | EventKind::TaskStarted { .. }
        | EventKind::ParallelStateSucceeded { .. }
        | EventKind::ParallelStateFailed { .. }
        | EventKind::MapIterationSucceeded { .. }
        | EventKind::MapIterationFailed { .. }
        | EventKind::MapIterationAborted { .. }
        | EventKind::MapStateSucceeded { .. }
        | EventKind::MapStateFailed { .. }
        | EventKind::WaitStarted { .. }
        | EventKind::DistributedMapStarted { .. }
        | EventKind::MapRunStarted { .. }
        | EventKind::MapRunSucceeded { .. }
        | EventKind::MapRunAborted { .. }
        | EventKind::MapRunRedriven { .. }
        | EventKind::TaskRegranted { .. } => 0,
    }
}

fn failure_bytes(failure: &Failure) -> usize {
    failure.error.as_ref().map_or(0, |error| error.len()) + failure.cause.as_ref().map_or(0, |cause| cause.len())
}
