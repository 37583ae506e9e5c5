//! What the tasks of one resource do: an activity, a function, an integration.

use std::sync::Arc;

use baton_asl::{Resource, StateId, StateMachine};
use baton_engine::{EventKind, Since, Timestamp};
use metrics::Counter;

use super::tally::{Count, Tally};
use crate::telemetry::{LocalHistogram, names};

/// What happens to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Scheduled,
    Refused,
    Started,
    Submitted,
    Succeeded,
    Failed,
    TimedOut,
    HeartbeatTimedOut,
}

impl Outcome {
    const ALL: [Outcome; 8] = [
        Outcome::Scheduled,
        Outcome::Refused,
        Outcome::Started,
        Outcome::Submitted,
        Outcome::Succeeded,
        Outcome::Failed,
        Outcome::TimedOut,
        Outcome::HeartbeatTimedOut,
    ];

    /// What this event says of an attempt, and in which state; `None` for all other events.
    pub(super) fn of(kind: &EventKind) -> Option<(StateId, Outcome)> {
        match kind {
            EventKind::TaskScheduled { state, .. } => Some((*state, Outcome::Scheduled)),
            EventKind::TaskRefused { state, .. } => Some((*state, Outcome::Refused)),
            EventKind::TaskStarted { state, .. } => Some((*state, Outcome::Started)),
            EventKind::TaskSubmitted { state, .. } => Some((*state, Outcome::Submitted)),
            EventKind::TaskSucceeded { state, .. } => Some((*state, Outcome::Succeeded)),
            EventKind::TaskFailed { state, .. } => Some((*state, Outcome::Failed)),
            EventKind::TaskTimedOut { state, heartbeat: false, .. } => Some((*state, Outcome::TimedOut)),
            EventKind::TaskTimedOut { state, heartbeat: true, .. } => Some((*state, Outcome::HeartbeatTimedOut)),
            EventKind::ExecutionStarted(_)
            | EventKind::ExecutionSucceeded { .. }
            | EventKind::ExecutionFailed { .. }
            | EventKind::ExecutionAborted { .. }
            | EventKind::ExecutionTimedOut { .. }
            | EventKind::ExecutionRedriven { .. }
            | EventKind::StateEntered { .. }
            | EventKind::StateExited { .. }
            | EventKind::StateAborted { .. }
            | EventKind::EvaluationFailed { .. }
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

    /// Value of the label.
    fn name(self) -> &'static str {
        match self {
            Outcome::Scheduled => "scheduled",
            Outcome::Refused => "refused",
            Outcome::Started => "started",
            Outcome::Submitted => "submitted",
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
            Outcome::TimedOut => "timed_out",
            Outcome::HeartbeatTimedOut => "heartbeat_timed_out",
        }
    }
}

/// ARN of what a Task state calls.
pub(super) fn resource(machine: &StateMachine, state: StateId) -> Option<&Arc<str>> {
    machine.states.get(state.0 as usize)?.kind.resource().map(Resource::arn)
}

/// See the module.
pub(super) struct TaskTally {
    outcomes: [Count; Outcome::ALL.len()],
    /// Waiting for its start.
    schedule: LocalHistogram,
    /// From the start to the outcome.
    run: LocalHistogram,
    /// Both.
    total: LocalHistogram,
}

impl Tally for TaskTally {
    const LABEL: &'static str = "resource";

    fn new(arn: &str, label: &str) -> Self {
        let integration = integration(arn);
        let counter = |outcome: Outcome| -> Counter {
            match integration {
                None => names::ACTIVITY_TASKS.counter([label, outcome.name()]),
                Some(integration) => names::INTEGRATION_TASKS.counter([integration, label, outcome.name()]),
            }
        };
        let [schedule, run, total] = match integration {
            None => [&names::ACTIVITY_SCHEDULE_SECONDS, &names::ACTIVITY_RUN_SECONDS, &names::ACTIVITY_SECONDS]
                .map(|family| family.histogram([label]).local()),
            Some(integration) => [&names::INTEGRATION_SCHEDULE_SECONDS, &names::INTEGRATION_RUN_SECONDS, &names::INTEGRATION_SECONDS]
                .map(|family| family.histogram([integration, label]).local()),
        };
        Self { outcomes: Outcome::ALL.map(|outcome| Count::new(counter(outcome))), schedule, run, total }
    }
}

impl TaskTally {
    /// It has happened at this time; `since` has what is known of the time before, if there was any.
    pub(super) fn count(&mut self, at: Timestamp, since: Option<&Since>, outcome: Outcome) {
        self.outcomes[outcome as usize].add(1);
        let micros_since = |began: Timestamp| u64::try_from(at - began).unwrap_or(0) * 1_000;
        let waited = since.map_or(0, |since| micros_since(since.began));
        match outcome {
            Outcome::Scheduled | Outcome::Refused | Outcome::Submitted => {}
            Outcome::Started => self.schedule.observe_micros(waited, 1),
            Outcome::Succeeded | Outcome::Failed | Outcome::TimedOut | Outcome::HeartbeatTimedOut => {
                self.total.observe_micros(waited, 1);
                // An attempt that nobody has taken did not run.
                if let Some(ran) = since.map_or(Some(0), |since| since.started.map(micros_since)) {
                    self.run.observe_micros(ran, 1);
                }
            }
        }
    }

    pub(super) fn flush(&mut self) {
        self.outcomes.iter_mut().for_each(Count::flush);
        [&mut self.schedule, &mut self.run, &mut self.total].into_iter().for_each(LocalHistogram::flush);
    }
}

/// What the label `integration` says of a resource; `None` for activities.
fn integration(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, rest) = (parts.next().unwrap_or_default(), parts.nth(2).unwrap_or_default());
    match service {
        "states" if rest.starts_with("activity:") => None,
        // `lambda:invoke.waitForTaskToken`: the pattern is no other integration.
        "states" => Some(rest.split('.').next().unwrap_or(rest)),
        _ => Some(service),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_is_the_services_name_and_action() {
        assert_eq!(integration("arn:aws:states:us-east-1:123456789012:activity:a"), None);
        assert_eq!(integration("arn:aws:lambda:us-east-1:123456789012:function:f:PROD"), Some("lambda"));
        assert_eq!(integration("arn:aws:states:::lambda:invoke.waitForTaskToken"), Some("lambda:invoke"));
        assert_eq!(integration("arn:aws:states:::aws-sdk:s3:getObject"), Some("aws-sdk:s3:getObject"));
    }

    #[test]
    fn outcomes_stand_in_the_order_of_their_numbers() {
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, place);
        }
    }
}
