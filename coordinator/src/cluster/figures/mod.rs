//! The figures of a host: what executions and tasks do, and how the host keeps up.
//!
//! One pass over the events of a step collects in plain numbers of the host's own; they are handed over once a round. Nothing here is ever
//! waited for, and nothing depends on it.

mod claims;
mod gauges;
mod machine;
mod questions;
mod show;
mod tally;
mod task;

pub(in crate::cluster) use claims::show_claims;
pub(crate) use claims::{ClaimOutcome, count_claim};
pub(crate) use gauges::HostGauges;
pub(in crate::cluster) use questions::{Outcome, count_question};

use std::cell::Cell;
use std::time::{Duration, Instant};

use baton_engine::{Event, EventKind, Since};

use crate::shard::StepEvents;
use crate::telemetry::{LocalHistogram, micros, names};
use machine::MachineTally;
use tally::Tallies;
use task::TaskTally;

/// One decision in so many is measured.
const SAMPLED: u32 = 64;

/// See the module.
pub(crate) struct HostFigures {
    machines: Tallies<MachineTally>,
    tasks: Tallies<TaskTally>,
    decisions: DecisionClock,
    transition_duration: LocalHistogram,
    timer_lag: LocalHistogram,
    append_duration: LocalHistogram,
}

impl HostFigures {
    pub(crate) fn new() -> Self {
        Self {
            machines: Tallies::default(),
            tasks: Tallies::default(),
            decisions: DecisionClock::default(),
            transition_duration: names::TRANSITION_DURATION.histogram([]).local(),
            timer_lag: names::TIMER_LAG.histogram([]).local(),
            append_duration: names::HISTORY_APPEND_SECONDS.histogram([]).local(),
        }
    }

    /// A decision is about to begin.
    pub(crate) fn decision_begins(&self) {
        self.decisions.begin();
    }

    /// A step is over.
    pub(crate) fn count(&mut self, step: &StepEvents<'_>) {
        let machine = self.machines.of(&step.execution.started().state_machine_arn);
        let (mut transitions, mut since) = (0, step.since.iter().peekable());
        for (place, event) in step.events.iter().enumerate() {
            let since = since.next_if(|since| since.event == place);
            match &event.kind {
                EventKind::StateEntered { .. } => transitions += 1,
                EventKind::StateExited { .. } => {}
                EventKind::ExecutionRedriven { .. } => machine.redriven(),
                kind => match (task::Outcome::of(kind), kind.execution_change()) {
                    (Some((state, outcome)), _) => count_task(&mut self.tasks, step, event, since, state, outcome),
                    (None, Some(change)) => machine.changed(step, event, &change),
                    (None, None) => {}
                },
            }
        }
        machine.entered(transitions);
        if let Some(took) = self.decisions.end() {
            self.transition_duration.observe_micros(micros(took) / transitions.max(1), 1);
        }
    }

    /// A timer has fired so many milliseconds after it was due.
    pub(crate) fn timer_fired(&mut self, late_ms: i64) {
        self.timer_lag.observe_micros(u64::try_from(late_ms).unwrap_or(0) * 1_000, 1);
    }

    /// A batch has become durable.
    pub(crate) fn appended(&mut self, took: Duration) {
        self.append_duration.observe_micros(micros(took), 1);
    }

    /// Hands over what has come together.
    pub(crate) fn flush(&mut self) {
        self.machines.flush(MachineTally::flush);
        self.tasks.flush(TaskTally::flush);
        self.transition_duration.flush();
        self.timer_lag.flush();
        self.append_duration.flush();
    }
}

fn count_task(
    tasks: &mut Tallies<TaskTally>,
    step: &StepEvents<'_>,
    event: &Event,
    since: Option<&Since>,
    state: baton_asl::StateId,
    outcome: task::Outcome,
) {
    if let Some(resource) = task::resource(&step.revision.machine, state) {
        tasks.of(resource).count(event.at, since, outcome);
    }
}

/// Measures one decision in [`SAMPLED`].
#[derive(Default)]
struct DecisionClock {
    count: Cell<u32>,
    began: Cell<Option<Instant>>,
}

impl DecisionClock {
    fn begin(&self) {
        let count = self.count.get().wrapping_add(1);
        self.count.set(count);
        if count.is_multiple_of(SAMPLED) {
            self.began.set(Some(Instant::now()));
        }
    }

    fn end(&self) -> Option<Duration> {
        self.began.take().map(|began| began.elapsed())
    }
}
