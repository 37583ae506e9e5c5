//! What becomes of strands whose Parallel or Map state has failed.
//!
//! History shows, for every strand that is still open, the states it is in from the innermost outwards, each as `…StateAborted`,
//! and an iteration as MapIterationAborted; all of them chain to the event that caused the failure.

use baton_asl::StateKind;

use crate::{
    EventKind, ThreadId,
    decide::{HistoryFull, Turn},
    strand::{Activity, Strand},
};

enum Step {
    Strand(ThreadId),
    State(ThreadId),
    Iteration { map: ThreadId, index: u64 },
}

impl Turn<'_> {
    /// A strand has failed inside of `parent`'s state, by the event `cause`: closes it and all its siblings. A failed iteration
    /// ends as MapIterationFailed; a failed branch has no event of its own, so that its state is shown as aborted like the others'.
    pub(crate) fn close_siblings(&mut self, parent: ThreadId, failed: ThreadId, cause: u64) -> Result<(), HistoryFull> {
        if let Some(Activity::Iterating(_)) = self.strand(parent).visit().map(|visit| &visit.activity) {
            let index = self.strand(failed).index;
            let state = self.visit(parent).state;
            self.cancel_inside(failed);
            self.record(parent, cause, EventKind::MapIterationFailed { state, index })?;
        }
        self.close_inside(parent, cause)
    }

    /// Closes every strand that runs inside of the strand's state.
    pub(crate) fn close_inside(&mut self, thread: ThreadId, cause: u64) -> Result<(), HistoryFull> {
        let mut steps = Vec::new();
        self.push_children(thread, &mut steps);
        while let Some(step) = steps.pop() {
            match step {
                Step::Strand(thread) => {
                    steps.push(Step::State(thread));
                    self.push_children(thread, &mut steps);
                }
                Step::State(thread) => self.abort_state(thread, cause)?,
                Step::Iteration { map, index } => self.abort_iteration(map, index, cause)?,
            }
        }
        Ok(())
    }

    /// Last first, since steps are taken from the end.
    fn push_children(&self, thread: ThreadId, steps: &mut Vec<Step>) {
        let Some(strand) = self.execution.strands.get(thread) else { return };
        let is_map = matches!(strand.visit().map(|visit| &visit.activity), Some(Activity::Iterating(_)));
        for child in strand.children().into_iter().rev() {
            let Some(Strand { index, .. }) = self.execution.strands.get(child) else { continue };
            if is_map {
                steps.push(Step::Iteration { map: thread, index: *index });
            }
            steps.push(Step::Strand(child));
        }
    }

    fn abort_state(&mut self, thread: ThreadId, cause: u64) -> Result<(), HistoryFull> {
        let Some(visit) = self.execution.strands.get(thread).and_then(Strand::visit) else { return Ok(()) };
        let state = visit.state;
        if self.strand(thread).mapping().is_some() {
            self.cancel_task(thread);
            self.record(thread, cause, EventKind::MapRunAborted { state })?;
        }
        match self.machine().state(state).kind {
            StateKind::Task(_) | StateKind::Wait(_) | StateKind::Parallel(_) | StateKind::Map(_) => {
                self.record(thread, cause, EventKind::StateAborted { state })?;
            }
            StateKind::Pass(_) | StateKind::Choice(_) | StateKind::Succeed | StateKind::Fail(_) => {}
        }
        Ok(())
    }

    fn abort_iteration(&mut self, map: ThreadId, index: u64, cause: u64) -> Result<(), HistoryFull> {
        let state = self.visit(map).state;
        if let Some(Activity::Iterating(iterations)) = self.strand(map).visit().map(|visit| &visit.activity)
            && let Some(iteration) = iterations.running.get(&index).copied()
        {
            self.cancel_inside(iteration);
            self.cancel_task(iteration);
        }
        self.record(map, cause, EventKind::MapIterationAborted { state, index })?;
        Ok(())
    }

    /// No task of the strands inside of the strand's state counts any longer. To be called before they are removed.
    pub(crate) fn cancel_inside(&mut self, thread: ThreadId) {
        let mut parents = vec![thread];
        while let Some(parent) = parents.pop() {
            let children = self.execution.strands.get(parent).map(Strand::children).unwrap_or_default();
            children.iter().for_each(|child| self.cancel_task(*child));
            parents.extend(children);
        }
    }
}
