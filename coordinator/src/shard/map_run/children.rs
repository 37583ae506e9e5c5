//! The other end: executions that are children of Map Runs. That one has ended is told to its run until the run has heard; what a restart must
//! tell again stands in a row, or in the log that no checkpoint covers.

use baton_engine::{ChildEnd, ChildOutcome, Status};

use super::{ChildReport, map_run_id};
use crate::shard::{ExecutionId, ExecutionRecord, Output, Shard, World};

/// The end of a child, of which its run has not said that it has heard.
pub(in crate::shard) struct UntoldEnd {
    pub(in crate::shard) report: ChildReport,
    /// Whether it has a row in the key-value side.
    pub(in crate::shard) has_row: bool,
}

/// What the run of an execution that has ended is told; `None` if it is nobody's child.
pub(in crate::shard) fn report_of(child: ExecutionId, record: &ExecutionRecord) -> Option<ChildReport> {
    let map_child = record.start.map_child.as_deref()?;
    let collected = |failure: &baton_engine::Failure| map_child.is_collected.then(|| failure.clone());
    let end = ChildEnd {
        index: map_child.index,
        outcome: ChildOutcome::of(record.status)?,
        items: map_child.items,
        output: record.output.clone().filter(|_| map_child.is_collected && record.status == Status::Succeeded),
        failure: record.failure.as_ref().and_then(collected),
    };
    Some(ChildReport { child, map_run: map_run_id(&map_child.map_run_arn)?, end })
}

impl<W: World> Shard<W> {
    /// A child has ended: its run is told as soon as that is durable.
    pub(in crate::shard) fn tell_map_run(&mut self, id: ExecutionId, record: &ExecutionRecord, out: &mut Vec<Output<W>>) {
        if let Some(report) = report_of(id, record) {
            self.untold_ends.insert(id, UntoldEnd { report: report.clone(), has_row: false });
            self.log.hold(Output::ChildEnded(Box::new(report)), out);
        }
    }

    /// The runs of these children have heard of their ends.
    pub(in crate::shard) fn ends_heard(&mut self, ids: Vec<ExecutionId>) {
        for id in ids {
            if self.untold_ends.remove(&id).is_some_and(|end| end.has_row) {
                self.checkpoint.ends_heard.push(id);
                self.checkpoint.note_change(self.now);
            }
        }
    }
}
