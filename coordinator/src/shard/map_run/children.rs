//! The other end: executions that are children of Map Runs. That one has ended is told to its run until the run has heard; what a restart must
//! tell again stands in a row, or in the log that no checkpoint covers.

use baton_engine::{ChildEnd, ChildOutcome, Failure, Start, Status};

use super::{ChildReport, map_run_id};
use crate::shard::express::DEFECT;
use crate::shard::{Answer, ExecutionId, ExecutionRecord, Output, Shard, Started, World};

/// The end of a child, of which its run has not said that it has heard.
pub(in crate::shard) struct UntoldEnd {
    pub(in crate::shard) report: ChildReport,
    /// Whether it has a row in the key-value side.
    pub(in crate::shard) has_row: bool,
    /// Whether the next checkpoint writes it.
    pub(in crate::shard) is_new: bool,
}

/// What the run of an execution that has ended is told; `None` if it is nobody's child.
pub(in crate::shard) fn report_of(child: ExecutionId, record: &ExecutionRecord) -> Option<ChildReport> {
    let map_child = record.start.map_child.as_deref()?;
    let collected = |failure: &baton_engine::Failure| map_child.is_collected.then(|| failure.clone());
    let end = ChildEnd {
        index: map_child.index,
        redrive: record.map_run_redrive,
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
            self.child_ended_again(id, report.clone());
            self.log.hold(Output::ChildEnded(Box::new(report)), out);
        }
    }

    /// A defect of ours has met a child at its start. Nobody but its run waits for it, and a run waits for ends: it is started and has failed.
    pub(in crate::shard) fn child_failed_at_start(&mut self, id: ExecutionId, start: Start, reply: W::Reply, out: &mut Vec<Output<W>>) {
        let started = Started { arn: start.execution_arn.clone(), start_at: start.at, created: true };
        self.keep_failed_child(id, start, out);
        self.log.hold(Output::Reply(reply, Answer::Started(Ok(started))), out);
    }

    /// As [`child_failed_at_start`](Self::child_failed_at_start), when nobody asks.
    pub(in crate::shard) fn keep_failed_child(&mut self, id: ExecutionId, start: Start, out: &mut Vec<Output<W>>) {
        let failure = Some(Failure::new("States.Runtime", DEFECT));
        let record = ExecutionRecord { status: Status::Failed, failure, stop_at: Some(self.now), ..ExecutionRecord::of_start(start) };
        self.keep_child(id, &record, false, out);
    }

    /// Its last end counts: the row of one before its redrive is written over.
    pub(in crate::shard) fn child_ended_again(&mut self, id: ExecutionId, report: ChildReport) {
        match self.untold_ends.get_mut(&id) {
            // It has been read back from its row, or its end was told twice.
            Some(end) if end.report == report => {}
            Some(end) => {
                end.report = report;
                end.is_new = true;
            }
            None => drop(self.untold_ends.insert(id, UntoldEnd { report, has_row: false, is_new: true })),
        }
    }

    /// The runs of these children have heard of their ends in these redrives.
    pub(in crate::shard) fn ends_heard(&mut self, heard: Vec<(ExecutionId, u32)>) {
        for (id, redrive) in heard {
            // It may have ended once more since, of which nobody has heard.
            let is_this = self.untold_ends.get(&id).is_some_and(|end| end.report.end.redrive == redrive);
            if is_this && self.untold_ends.remove(&id).is_some_and(|end| end.has_row) {
                self.checkpoint.ends_heard.push(id);
                self.checkpoint.note_change(self.now);
            }
        }
    }
}
