//! Map Runs: each is a second state machine beside the execution whose state began it, in the same shard, with entries of its own in the same
//! log. The engine says what a run wants ([`baton_engine::MapRun::wanted`]); here that becomes events, orders to whoever reads, starts and
//! writes, and a word to the execution when it has ended.

mod children;
mod end;
mod items;
mod message;
mod name;
mod open;
mod stored;

pub(super) use children::{UntoldEnd, report_of};
pub use message::*;
pub use name::map_run_arn;
pub(crate) use name::{child_arn, labelled_machine_arn, map_run_id, runs_of};
pub(super) use open::OpenMapRun;
pub(crate) use open::map_run_record;
pub(super) use stored::{
    NoRevision, StoredMapRun, StoredUntoldEnd, child_of_untold_end_row, map_run_of_row, map_run_row_name, untold_end_row_name,
};

use std::collections::BTreeSet;
use std::sync::Arc;

use baton_engine::{Chunk, Input, MapRun, MapRunEvent, MapRunLimits, MapRunSpec, MapRunStatus, MapRunWant, Stop};
use bytes::Bytes;

use super::stored::Stored;
use super::{Answer, ExecutionId, Output, Revision, Shard, ShardInput, World};
use crate::store::StoreError;

/// What an execution asks for about Map Runs.
pub(super) enum MapRunEffect {
    Start(Box<MapRunSpec>),
    /// The number of the redrive, as its execution counts them.
    Redrive(Arc<str>, u32),
    Abort(Arc<str>),
}

impl<W: World> Shard<W> {
    /// Does what a step has asked for. To be called while the step's batch is open, so that both are durable together.
    pub(super) fn follow_map_run(&mut self, parent: ExecutionId, effect: MapRunEffect, revision: &Arc<Revision>, out: &mut Vec<Output<W>>) {
        match effect {
            MapRunEffect::Start(spec) => self.begin_map_run(parent, *spec, revision.clone(), out),
            MapRunEffect::Abort(arn) => {
                let id = id_of(&arn);
                if let Some(event) = self.map_runs.get(&id).and_then(|open| open.run.stop(Stop::Aborted)) {
                    self.record_map_run(id, event);
                    self.advance_map_run(id, out);
                }
            }
            MapRunEffect::Redrive(arn, redrive) => self.redrive_map_run(id_of(&arn), redrive, out),
        }
    }

    fn begin_map_run(&mut self, parent: ExecutionId, spec: MapRunSpec, revision: Arc<Revision>, out: &mut Vec<Output<W>>) {
        let id = id_of(&spec.map_run_arn);
        let (run, event) = MapRun::begin(spec.clone(), self.now);
        self.log.batch.append_map_run(id, 0, &[event]);
        self.map_runs.insert(id, OpenMapRun::new(run, Arc::new(MapRunContext { id, parent, spec, revision })));
        self.touch_map_run(id);
        self.advance_map_run(id, out);
    }

    /// A run that is still ending goes on when it has ended; one that is not in memory is read. That it is to go on is in the execution's own
    /// state, and is read off that again after a restart.
    fn redrive_map_run(&mut self, id: ExecutionId, redrive: u32, out: &mut Vec<Output<W>>) {
        match self.map_runs.get_mut(&id) {
            Some(open) if open.run.status() == MapRunStatus::Running => {}
            Some(_) => {
                self.go_on_after_its_end(id, redrive);
                self.advance_map_run(id, out);
            }
            None => {
                self.loading_map_runs += 1;
                self.log.hold(Output::LoadMapRun(id), out);
            }
        }
    }

    /// Redrives the runs of an execution that has been redriven more often than they have.
    pub(super) fn reconcile_map_runs(&mut self, parent: ExecutionId, out: &mut Vec<Output<W>>) {
        let Some(live) = self.live.get(&parent) else { return };
        let wanted: Vec<_> = live.execution.map_runs().map(|(arn, redrives)| (id_of(arn), redrives)).collect();
        for (id, redrives) in wanted {
            if redrives > self.map_runs.get(&id).map_or(0, |open| open.run.redrive_count()) {
                self.redrive_map_run(id, redrives, out);
            }
        }
    }

    /// One that was stopping when its execution was redriven, and redriven again, makes up for all of them at once: it counts as they do.
    fn go_on_after_its_end(&mut self, id: ExecutionId, redrive: u32) {
        let open = self.map_runs.get_mut(&id).expect("a run that goes on is in memory");
        open.is_told = false;
        (open.is_reading, open.is_stopping, open.is_writing) = (false, false, false);
        if open.run.can_be_redriven() {
            for _ in open.run.redrive_count()..redrive {
                self.record_map_run(id, MapRunEvent::Redriven { at: self.now });
            }
        } else {
            // It had succeeded, and what its state made of that had not.
            self.tell_parent(id);
        }
    }

    /// Something has happened to a Map Run, or is asked of it.
    pub(super) fn map_run(
        &mut self,
        id: ExecutionId,
        message: MapRunMessage,
        reply: Option<W::Reply>,
        world: &mut W,
        out: &mut Vec<Output<W>>,
    ) {
        match message {
            MapRunMessage::Asked(question) => {
                let answer = Answer::MapRun(self.answer_map_run(id, question, out));
                if let Some(reply) = reply {
                    self.log.hold(Output::Reply(reply, answer), out);
                }
            }
            MapRunMessage::ItemsRead { position, again: None, result, .. } => self.items_read(id, &position, result, world, out),
            MapRunMessage::ItemsRead { again: Some(first), result, .. } => self.items_read_again(id, first, result, world, out),
            MapRunMessage::ChildrenSent { first } => self.note_map_run(id, MapRunEvent::ChildrenSent { first }),
            // One of an earlier redrive comes late: these children may be waiting to begin once more.
            MapRunMessage::RedrivesSent { indices, redrive } if self.is_of_redrive(id, redrive) => {
                self.note_map_run(id, MapRunEvent::RedrivesSent { indices });
            }
            MapRunMessage::RedrivesSent { .. } => {}
            MapRunMessage::Written { result } => self.results_written(id, result, out),
            MapRunMessage::Loaded { result } => self.map_run_loaded(id, result, world, out),
            MapRunMessage::Tell { parent } => self.tell(id, parent, world, out),
        }
    }

    fn answer_map_run(&mut self, id: ExecutionId, question: MapRunQuestion, out: &mut Vec<Output<W>>) -> MapRunAnswer {
        match question {
            MapRunQuestion::ChildrenEnded(ends) => {
                // A run that is not here has ended, and wants to know nothing more.
                if let Some(event) = self.map_runs.get(&id).and_then(|open| open.run.children_ended(ends)) {
                    self.record_map_run(id, event);
                    self.advance_map_run(id, out);
                }
                MapRunAnswer::Heard
            }
            MapRunQuestion::Update(changes) => MapRunAnswer::Updated(self.update_map_run(id, changes, out)),
            MapRunQuestion::Describe => MapRunAnswer::Seen(self.map_runs.get(&id).map(|open| Box::new(map_run_record(&open.run)))),
            MapRunQuestion::ListOf { execution_arn } => {
                let runs = self.map_runs.values().filter(|open| open.context.spec.execution_arn == execution_arn);
                MapRunAnswer::Listed(runs.map(|open| map_run_record(&open.run)).collect())
            }
        }
    }

    fn update_map_run(&mut self, id: ExecutionId, changes: MapRunChanges, out: &mut Vec<Output<W>>) -> bool {
        let Some(open) = self.map_runs.get(&id).filter(|open| open.run.status() == MapRunStatus::Running) else { return false };
        let before = *open.run.limits();
        let limits = MapRunLimits {
            max_concurrency: changes.max_concurrency.unwrap_or(before.max_concurrency),
            tolerated_failure_count: changes.tolerated_failure_count.or(before.tolerated_failure_count),
            tolerated_failure_percentage: changes.tolerated_failure_percentage.or(before.tolerated_failure_percentage),
        };
        self.record_map_run(id, MapRunEvent::LimitsUpdated { limits });
        self.advance_map_run(id, out);
        true
    }

    /// Does what the run wants, until it waits for somebody.
    pub(super) fn advance_map_run(&mut self, id: ExecutionId, out: &mut Vec<Output<W>>) {
        while let Some(open) = self.map_runs.get_mut(&id) {
            match open.run.wanted() {
                MapRunWant::Nothing => return,
                MapRunWant::Read(_) if open.is_reading => return,
                MapRunWant::Read(order) => {
                    open.is_reading = true;
                    return self.read_items(id, order, out);
                }
                MapRunWant::Redrive(indices) => {
                    self.record_map_run(id, MapRunEvent::ChildrenRedriven { indices: indices.clone() });
                    self.redrive_children(id, indices, out);
                }
                MapRunWant::Fail(failure) => self.stop_map_run(id, failure),
                MapRunWant::StopChildren if open.is_stopping => return,
                MapRunWant::StopChildren => {
                    open.is_stopping = true;
                    let items = |index| open.run.unsent_chunk(index).map_or(1, |chunk| chunk.items_of(index));
                    let children = open.run.running().map(|index| (index, items(index))).collect();
                    let kind = MapRunOrderKind::Stop { children, redrive: open.run.redrive_count() };
                    return self.order(id, kind, out);
                }
                MapRunWant::Write if open.is_writing => return,
                MapRunWant::Write => {
                    open.is_writing = true;
                    let kind = MapRunOrderKind::Write { record: Box::new(map_run_record(&open.run)) };
                    return self.order(id, kind, out);
                }
                MapRunWant::End => self.end_map_run(id, out),
            }
        }
    }

    /// Those that had begun go on. A chunk of which not every child had is read once more for the others.
    fn redrive_children(&mut self, id: ExecutionId, indices: Vec<u64>, out: &mut Vec<Output<W>>) {
        if indices.is_empty() {
            return;
        }
        let run = &self.map_runs[&id].run;
        let unsent: BTreeSet<u64> = indices.iter().copied().filter(|index| run.unsent_chunk(*index).is_some()).collect();
        let chunks: Vec<Chunk> = run.unsent().filter(|chunk| unsent.iter().any(|index| chunk.has(*index))).cloned().collect();
        let kind = MapRunOrderKind::Redrive { indices, unsent, redrive: run.redrive_count() };
        self.order(id, kind, out);
        chunks.into_iter().for_each(|chunk| self.read_again(id, chunk, out));
    }

    fn order(&mut self, id: ExecutionId, kind: MapRunOrderKind, out: &mut Vec<Output<W>>) {
        let run = self.map_runs[&id].context.clone();
        self.log.hold(Output::MapRun(Box::new(MapRunOrder { run, kind })), out);
    }

    fn is_of_redrive(&self, id: ExecutionId, redrive: u32) -> bool {
        self.map_runs.get(&id).is_some_and(|open| open.run.redrive_count() == redrive)
    }

    /// What changes nothing that the run wants.
    fn note_map_run(&mut self, id: ExecutionId, event: MapRunEvent) {
        if self.map_runs.contains_key(&id) {
            self.record_map_run(id, event);
        }
    }

    fn record_map_run(&mut self, id: ExecutionId, event: MapRunEvent) {
        let open = self.map_runs.get_mut(&id).expect("a run to which something happens is in memory");
        self.log.batch.append_map_run(id, open.run.events(), std::slice::from_ref(&event));
        open.run.apply(&event);
        self.touch_map_run(id);
    }

    pub(super) fn touch_map_run(&mut self, id: ExecutionId) {
        if let Some(open) = self.map_runs.get_mut(&id) {
            self.checkpoint.touch_map_run(id, &mut open.is_dirty, self.now);
        }
    }

    fn map_run_loaded(&mut self, id: ExecutionId, result: Result<Option<Bytes>, StoreError>, world: &mut W, out: &mut Vec<Output<W>>) {
        let stored = match result.map(|value| value.map(|value| Stored::decode(&value))) {
            Ok(Some(Ok(Stored::MapRun(stored)))) => stored,
            Err(error) if super::log::is_passing(&error) => return out.push(Output::LoadMapRun(id)),
            other => {
                self.loading_map_runs -= 1;
                return tracing::error!(map_run = %id, found = ?other.map(|_| ()), "a Map Run that is redriven cannot be read back");
            }
        };
        self.loading_map_runs -= 1;
        match self.open_stored(id, *stored, world) {
            // It may have been stopped meanwhile, and wants nothing of the run any more.
            Ok(()) => self.reconcile_map_runs(self.map_runs[&id].context.parent, out),
            Err(error) => tracing::error!(map_run = %id, %error, "a Map Run that is redriven cannot be read back"),
        }
    }

    /// After a recovery: whatever it waits for is asked for again.
    pub(super) fn resume_map_run(&mut self, id: ExecutionId, out: &mut Vec<Output<W>>) {
        let open = &self.map_runs[&id];
        if open.run.status() != MapRunStatus::Running {
            return self.tell_parent(id);
        }
        if open.run.is_stopping() {
            // Whether it goes on after its end is in its execution, which comes into memory with this.
            self.own.push_back(ShardInput::Send { id: open.context.parent, input: Input::Continue, claim_id: None, reply: None });
        }
        let open = &self.map_runs[&id];
        let (chunks, redrives): (Vec<Chunk>, Vec<u64>) = (open.run.unsent().cloned().collect(), open.run.unsent_redrives().collect());
        if !open.run.is_stopping() {
            chunks.into_iter().for_each(|chunk| self.read_again(id, chunk, out));
        }
        let (run, redrive) = (&self.map_runs[&id].run, self.map_runs[&id].run.redrive_count());
        let unsent = redrives.iter().copied().filter(|index| run.unsent_chunk(*index).is_some()).collect();
        if !redrives.is_empty() {
            self.order(id, MapRunOrderKind::Redrive { indices: redrives, unsent, redrive }, out);
        }
        self.advance_map_run(id, out);
    }
}

fn id_of(map_run_arn: &str) -> ExecutionId {
    map_run_id(map_run_arn).expect("the ARN of a Map Run is made here")
}
