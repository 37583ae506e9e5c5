//! From a fault in a state to what follows: a retry, a catcher, or the failure of the strand and then of all around it.

pub(crate) mod catch;
pub(crate) mod fault;
mod matching;
pub(crate) mod retry;
pub(crate) mod size;

pub(crate) use fault::{Fault, Origin};

use baton_asl::StateKind;

use crate::{
    EventKind, ThreadId, Timestamp,
    decide::{HistoryFull, Turn},
    evaluator::Evaluator,
    state::Exit,
};

/// What a state does about its fault.
pub(crate) enum Handling {
    Retry { retrier: u32, at: Timestamp },
    Catch(Exit),
    GiveUp,
}

/// What the state does about the fault: its retriers come before its catchers. An error is a fault of the catcher's own fields.
pub(crate) fn handle(at: &Evaluator<'_>, fault: &Fault) -> Result<Handling, Fault> {
    if let Some((retrier, due)) = retry::next(at, fault) {
        return Ok(Handling::Retry { retrier, at: due });
    }
    match catch::exit(at, fault)? {
        Some(exit) => Ok(Handling::Catch(exit)),
        None => Ok(Handling::GiveUp),
    }
}

impl Turn<'_> {
    /// The state that the strand is in has failed. Goes outwards until a retrier or a catcher takes it, or the execution fails.
    pub(crate) fn fail(&mut self, thread: ThreadId, fault: Fault) -> Result<(), HistoryFull> {
        let (mut thread, mut fault) = (thread, fault);
        let mut cause = self.strand(thread).last;
        loop {
            cause = self.show_evaluation(thread, &fault, cause)?;
            if fault.origin != Origin::Inner && !fault.is_runtime() {
                self.close_inside(thread, cause)?;
            }
            match handle(&Evaluator::new(self, thread), &fault) {
                Ok(Handling::Retry { retrier, at }) => return self.retry(thread, fault, cause, retrier, at),
                Ok(Handling::Catch(exit)) => {
                    let previous = self.show_failed(thread, &fault, cause)?;
                    self.cancel_inside(thread);
                    return self.exit(thread, previous, exit);
                }
                Ok(Handling::GiveUp) => {}
                // The catcher's own fields have failed, and nothing catches that.
                Err(in_catcher) => {
                    cause = self.show_evaluation(thread, &in_catcher, cause)?;
                    fault = in_catcher;
                }
            }
            cause = self.show_failed(thread, &fault, cause)?;
            let Some(parent) = self.strand(thread).parent else {
                self.end(cause, EventKind::ExecutionFailed { failure: fault.failure });
                return Ok(());
            };
            self.close_siblings(parent, thread, cause)?;
            fault.origin = Origin::Inner;
            thread = parent;
        }
    }

    fn retry(&mut self, thread: ThreadId, fault: Fault, cause: u64, retrier: u32, at: Timestamp) -> Result<(), HistoryFull> {
        let state = self.visit(thread).state;
        self.cancel_inside(thread);
        self.record(thread, cause, EventKind::RetryScheduled { state, retrier, at, failure: fault.failure })?;
        Ok(())
    }

    /// A failed expression has an event of its own. It chains to what the state's entry chains to, as recorded from AWS, in a
    /// Wait state to the entry itself.
    fn show_evaluation(&mut self, thread: ThreadId, fault: &Fault, cause: u64) -> Result<u64, HistoryFull> {
        let Origin::Evaluation { location } = &fault.origin else { return Ok(cause) };
        let visit = self.visit(thread);
        let state = visit.state;
        let previous = match self.machine().state(state).kind {
            StateKind::Wait(_) => visit.entry,
            _ => visit.entry_previous,
        };
        let (failure, location) = (fault.failure.clone(), location.clone());
        self.record(thread, previous, EventKind::EvaluationFailed { state, failure, location })
    }

    /// A Parallel or Map state that gives up because of what ran in it, or of an expression, says so.
    fn show_failed(&mut self, thread: ThreadId, fault: &Fault, cause: u64) -> Result<u64, HistoryFull> {
        let is_shown = match fault.origin {
            Origin::Inner | Origin::Evaluation { .. } => true,
            Origin::Data | Origin::Work => false,
        };
        let state = self.visit(thread).state;
        let kind = match self.machine().state(state).kind {
            StateKind::Parallel(_) if is_shown => EventKind::ParallelStateFailed { state },
            StateKind::Map(_) if is_shown => EventKind::MapStateFailed { state },
            _ => return Ok(cause),
        };
        self.cancel_inside(thread);
        self.record(thread, cause, kind)
    }
}
