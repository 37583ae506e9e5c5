//! Time passes.

use super::{HistoryFull, Turn};
use crate::{EventKind, Failure, Rejected, ThreadId, Timestamp, Verdict, error_handling::Fault, strand::Activity};

/// What is due first.
enum Due {
    Execution,
    Strand(ThreadId),
    Heartbeat(ThreadId),
}

impl Turn<'_> {
    /// Everything that is due fires in due order, and each carries its strand on before the next fires.
    pub(super) fn tick(&mut self) -> Result<Verdict, Rejected> {
        self.execution.check_running()?;
        let mut has_fired = false;
        while !(self.is_batch_full() || has_fired && self.env.services.is_turn_over()) {
            has_fired = true;
            match self.first_due() {
                Some(Due::Execution) => {
                    self.end(0, EventKind::ExecutionTimedOut { failure: Failure::default() });
                    break;
                }
                Some(Due::Strand(thread)) => self.attempt(|turn| turn.fire(thread)),
                Some(Due::Heartbeat(thread)) => self.attempt(|turn| turn.time_out(thread, true)),
                None => break,
            }
        }
        Ok(Verdict::Applied)
    }

    fn first_due(&self) -> Option<Due> {
        let deadline = self.execution.deadline().map(|due| (due, Due::Execution)).filter(|_| self.execution.is_running());
        let timer = self.execution.timers.first().map(|(due, thread)| (due, Due::Strand(thread)));
        let heartbeat = self.execution.heartbeats.first().map(|(due, thread)| (due, Due::Heartbeat(thread)));
        let is_due = |(due, _): &(Timestamp, Due)| *due <= self.now;
        [deadline, timer, heartbeat].into_iter().flatten().filter(is_due).min_by_key(|(due, _)| *due).map(|(_, due)| due)
    }

    fn fire(&mut self, thread: ThreadId) -> Result<(), HistoryFull> {
        match self.visit(thread).activity {
            Activity::Waiting { .. } => self.wake(thread),
            Activity::BackingOff { .. } => self.work(thread),
            Activity::Working(_) => self.time_out(thread, false),
            Activity::Deciding | Activity::Redriven | Activity::Branching(_) | Activity::Iterating(_) | Activity::Mapping(_) => {
                unreachable!("only waiting, retries and tasks have timers")
            }
        }
    }

    fn time_out(&mut self, thread: ThreadId, heartbeat: bool) -> Result<(), HistoryFull> {
        self.cancel_task(thread);
        let failure = Failure { error: Some("States.Timeout".into()), cause: None };
        let event = EventKind::TaskTimedOut { state: self.visit(thread).state, failure: failure.clone(), heartbeat };
        self.end_task(thread, event, Fault::of_timeout(failure, heartbeat))
    }
}
