//! Which events each `level` logs: AWS's table.

use baton_asl::{StateKind, StateMachine};
use baton_engine::EventKind;

use crate::cluster::LogLevel;

/// The strictest level that logs an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    All,
    Error,
    Fatal,
}

/// Whether the level logs this event.
pub(super) fn includes(level: LogLevel, machine: &StateMachine, kind: &EventKind) -> bool {
    let least = match level {
        LogLevel::All => return true,
        LogLevel::Error => Severity::Error,
        LogLevel::Fatal => Severity::Fatal,
    };
    severity(machine, kind) >= least
}

fn severity(machine: &StateMachine, kind: &EventKind) -> Severity {
    match kind {
        EventKind::ExecutionFailed { .. } | EventKind::ExecutionAborted { .. } | EventKind::ExecutionTimedOut { .. } => Severity::Fatal,
        EventKind::StateEntered { state, .. } => match machine.state(*state).kind {
            StateKind::Fail(_) => Severity::Error,
            StateKind::Pass(_)
            | StateKind::Task(_)
            | StateKind::Choice(_)
            | StateKind::Wait(_)
            | StateKind::Succeed
            | StateKind::Parallel(_)
            | StateKind::Map(_) => Severity::All,
        },
        EventKind::StateAborted { .. }
        | EventKind::EvaluationFailed { .. }
        | EventKind::TaskRefused { .. }
        | EventKind::TaskFailed { .. }
        | EventKind::TaskTimedOut { .. }
        | EventKind::ParallelStateFailed { .. }
        | EventKind::MapIterationFailed { .. }
        | EventKind::MapIterationAborted { .. }
        | EventKind::MapRunFailed { .. }
        | EventKind::MapRunAborted { .. }
        | EventKind::MapStateFailed { .. } => Severity::Error,
        EventKind::ExecutionStarted(_)
        | EventKind::ExecutionRedriven { .. }
        | EventKind::ExecutionSucceeded { .. }
        | EventKind::StateExited { .. }
        | EventKind::TaskScheduled { .. }
        | EventKind::TaskStarted { .. }
        | EventKind::TaskSubmitted { .. }
        | EventKind::TaskSucceeded { .. }
        | EventKind::ParallelStateStarted { .. }
        | EventKind::ParallelStateSucceeded { .. }
        | EventKind::MapStateStarted { .. }
        | EventKind::MapIterationStarted { .. }
        | EventKind::MapIterationSucceeded { .. }
        | EventKind::MapStateSucceeded { .. }
        | EventKind::WaitStarted { .. }
        | EventKind::RetryScheduled { .. }
        | EventKind::DistributedMapStarted { .. }
        | EventKind::MapRunStarted { .. }
        | EventKind::MapRunSucceeded { .. }
        | EventKind::MapRunRedriven { .. }
        | EventKind::TaskRegranted { .. } => Severity::All,
    }
}

#[cfg(test)]
mod tests;
