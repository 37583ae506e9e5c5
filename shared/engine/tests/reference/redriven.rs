//! What must hold of every history with redrives in it, whatever the machine.

use std::collections::{BTreeMap, BTreeSet};

use baton_asl::StateId;
use baton_engine::{Event, EventKind, Status, ThreadId};
use serde_json::Value;

use super::{driver, script::Script};

/// Redrives after which a run is left as it is: what the script lets fail in every attempt, or on purpose, never succeeds.
const REDRIVES_MAX: u32 = 12;

/// Checks one run; answers its redrives, and whether it has succeeded in the end.
pub(crate) fn check(definition: &Value, input: &Value, seed: u64) -> (u32, bool) {
    let machine = super::parsed(definition);
    let (execution, events) = driver::run_redriven(&machine, input, &Script { seed }, REDRIVES_MAX);
    let told = format!("{definition:#}\ninput {input} seed {seed}");
    let mut history = History::default();
    for event in &events {
        history.take(event, &told);
    }
    assert_eq!(history.redrives, execution.redrive_count().count, "redrives are counted\n{told}");
    (history.redrives, execution.status() == Status::Succeeded)
}

#[derive(Default)]
struct History {
    last_id: u64,
    redrives: u32,
    after_an_end: bool,
    /// The state that each strand is in, and the id of its entry.
    open: BTreeMap<ThreadId, (StateId, u64)>,
    attempts: BTreeSet<(u64, u32)>,
    succeeded: BTreeSet<u64>,
    /// Iterations by the id of their MapStateStarted, and the index.
    iterations: BTreeSet<(ThreadId, u64, u64)>,
    map_started: BTreeMap<ThreadId, u64>,
}

impl History {
    fn take(&mut self, event: &Event, told: &str) {
        self.last_id += u64::from(event.kind.is_public());
        assert!(event.previous < self.last_id || !event.kind.is_public(), "an event follows one before it\n{told}");
        let was_after_an_end = std::mem::take(&mut self.after_an_end);
        match &event.kind {
            EventKind::ExecutionRedriven { redrive_count, .. } => {
                assert!(was_after_an_end, "a redrive follows an end\n{told}");
                self.redrives += 1;
                assert_eq!(*redrive_count, self.redrives, "redrives are counted without gaps\n{told}");
                return;
            }
            EventKind::ExecutionFailed { .. } | EventKind::ExecutionAborted { .. } | EventKind::ExecutionTimedOut { .. } => {
                self.after_an_end = true;
            }
            EventKind::StateEntered { state, .. } => self.entered(event.thread, *state, told),
            EventKind::StateExited { state, .. } => {
                let left = self.open.remove(&event.thread);
                assert_eq!(left.map(|(state, _)| state), Some(*state), "a strand leaves the state that it is in\n{told}");
            }
            EventKind::TaskScheduled { attempt, .. } => {
                let (_, entry) = self.open[&event.thread];
                assert!(self.attempts.insert((entry, *attempt)), "attempt {attempt} of entry {entry} comes twice\n{told}");
                assert!(!self.succeeded.contains(&entry), "what has succeeded is not done again\n{told}");
            }
            EventKind::TaskSucceeded { .. } => {
                self.succeeded.insert(self.open[&event.thread].1);
            }
            EventKind::MapStateStarted { .. } => {
                self.map_started.insert(event.thread, self.last_id);
            }
            EventKind::MapIterationStarted { index, .. } => {
                let started = self.map_started[&event.thread];
                assert!(self.iterations.insert((event.thread, started, *index)), "iteration {index} begins twice\n{told}");
            }
            _ => {}
        }
        assert!(!was_after_an_end, "nothing but a redrive follows an end: {event:?}\n{told}");
    }

    fn entered(&mut self, thread: ThreadId, state: StateId, told: &str) {
        let before = self.open.insert(thread, (state, self.last_id));
        assert_eq!(before, None, "a strand is in one state at a time\n{told}");
    }
}
