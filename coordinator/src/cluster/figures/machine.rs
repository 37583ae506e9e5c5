//! What the executions of one state machine do.

use baton_engine::{Event, ExecutionChange, Status};

use super::tally::{Count, Tally};
use crate::history::status_name;
use crate::shard::StepEvents;
use crate::telemetry::{LocalHistogram, error_class, names};

/// See the module.
pub(super) struct MachineTally {
    label: String,
    started: Count,
    succeeded: Count,
    failed: Count,
    timed_out: Count,
    aborted: Count,
    redriven: Count,
    transitions: Count,
    duration: LocalHistogram,
}

impl Tally for MachineTally {
    const LABEL: &'static str = "state_machine";

    fn new(_: &str, label: &str) -> Self {
        let ended = |status| Count::new(names::EXECUTIONS_ENDED.counter([label, status_name(status)]));
        Self {
            label: label.to_owned(),
            started: Count::new(names::EXECUTIONS_STARTED.counter([label])),
            succeeded: ended(Status::Succeeded),
            failed: ended(Status::Failed),
            timed_out: ended(Status::TimedOut),
            aborted: ended(Status::Aborted),
            redriven: Count::new(names::EXECUTIONS_REDRIVEN.counter([label])),
            transitions: Count::new(names::TRANSITIONS.counter([label])),
            duration: names::EXECUTION_DURATION.histogram([label]).local(),
        }
    }
}

impl MachineTally {
    /// An execution has been redriven.
    pub(super) fn redriven(&mut self) {
        self.redriven.add(1);
    }

    /// States have been entered.
    pub(super) fn entered(&mut self, states: u64) {
        self.transitions.add(states);
    }

    /// An execution has started or ended.
    pub(super) fn changed(&mut self, step: &StepEvents<'_>, event: &Event, change: &ExecutionChange<'_>) {
        match change.status {
            Status::Running => return self.started.add(1),
            Status::Succeeded => self.succeeded.add(1),
            Status::Failed => self.failed.add(1),
            Status::TimedOut => self.timed_out.add(1),
            Status::Aborted => self.aborted.add(1),
        }
        let redrives = step.execution.redrive_count();
        let began = redrives.at.unwrap_or(step.execution.started().at);
        self.duration.observe_micros(u64::try_from(event.at - began).unwrap_or(0) * 1_000, 1);
        if redrives.count > 0 {
            names::REDRIVEN_EXECUTIONS_ENDED.counter([&self.label, status_name(change.status)]).increment(1);
        }
        let error = change.failure.and_then(|failure| failure.error.as_deref());
        let class = match change.status {
            Status::Running | Status::Succeeded | Status::Aborted => return,
            Status::Failed => error_class(error),
            // A whole execution times out without a name for it.
            Status::TimedOut => error_class(error.or(Some("States.Timeout"))),
        };
        names::EXECUTION_ERRORS.counter([&self.label, class]).increment(1);
    }

    pub(super) fn flush(&mut self) {
        let Self { label: _, started, succeeded, failed, timed_out, aborted, redriven, transitions, duration } = self;
        [started, succeeded, failed, timed_out, aborted, redriven, transitions].into_iter().for_each(Count::flush);
        duration.flush();
    }
}
