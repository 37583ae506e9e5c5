//! The end of a Map Run: stopped or through with its children, its results written, its execution told.

use baton_engine::{Failure, Input, MapRunEvent, MapRunStatus, MapRunWant, Stop};

use super::{MapRunMessage, MapRunOrderKind, WrittenResults};
use crate::shard::{ExecutionId, Output, Shard, ShardInput, World};

impl<W: World> Shard<W> {
    pub(super) fn stop_map_run(&mut self, id: ExecutionId, failure: Failure) {
        if let Some(event) = self.map_runs[&id].run.stop(Stop::Failed(failure)) {
            self.record_map_run(id, event);
        }
    }

    pub(super) fn results_written(&mut self, id: ExecutionId, result: Result<WrittenResults, Failure>, out: &mut Vec<Output<W>>) {
        if self.map_runs.get(&id).is_none_or(|open| open.run.wanted() != MapRunWant::Write) {
            return;
        }
        match result {
            Ok(WrittenResults { result, executions, items }) => {
                self.record_map_run(id, MapRunEvent::ResultsWritten { result, executions, items });
            }
            Err(failure) => {
                self.stop_map_run(id, failure);
                // A run that fails because of its results ends without them.
                let nothing = baton_engine::Payload::from_text("null".to_owned());
                self.record_map_run(id, MapRunEvent::ResultsWritten { result: nothing, executions: 0, items: 0 });
            }
        }
        self.advance_map_run(id, out);
    }

    pub(super) fn end_map_run(&mut self, id: ExecutionId, out: &mut Vec<Output<W>>) {
        self.record_map_run(id, MapRunEvent::Ended { at: self.now });
        self.order(id, MapRunOrderKind::Ended, out);
        self.tell_parent(id);
        let parent = self.map_runs[&id].context.parent;
        self.reconcile_map_runs(parent, out);
    }

    /// The execution hears of the end; until it has, the run is not let go.
    pub(in crate::shard) fn tell_parent(&mut self, id: ExecutionId) {
        let open = self.map_runs.get_mut(&id).expect("a run that ends is in memory");
        if open.run.state_outcome().is_none() {
            return self.map_run_told(id);
        }
        let message = MapRunMessage::Tell { parent: open.context.parent };
        self.own.push_back(ShardInput::MapRun { id, message, reply: None });
    }

    pub(super) fn tell(&mut self, id: ExecutionId, parent: ExecutionId, world: &mut W, out: &mut Vec<Output<W>>) {
        let Some(open) = self.map_runs.get(&id).filter(|open| !open.is_told && open.run.status() != MapRunStatus::Running) else { return };
        let (map_run_arn, entry) = (open.context.spec.map_run_arn.clone(), open.context.spec.entry);
        if let Some(outcome) = open.run.state_outcome()
            && self.live.get(&parent).is_some_and(|live| live.quarantined.is_none())
        {
            // Whatever it answers, it has been told; a panic has set it aside, and has been reported.
            let _ = self.advance(parent, Input::MapRunEnded { map_run_arn, entry, outcome }, world, out);
        }
        self.map_run_told(id);
    }

    /// The execution knows of the run's end, or does not want to.
    pub(in crate::shard) fn map_run_told(&mut self, id: ExecutionId) {
        if let Some(open) = self.map_runs.get_mut(&id) {
            open.is_told = true;
            self.touch_map_run(id);
        }
    }
}
