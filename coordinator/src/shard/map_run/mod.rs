//! Map Runs: each is a second state machine beside the execution whose state began it, in the same shard, with entries of its own in the same
//! log. The engine says what a run wants ([`baton_engine::MapRun::wanted`]); here that becomes events, orders to whoever reads, starts and
//! writes, and a word to the execution when it has ended.

mod children;
mod message;
mod name;
mod open;
mod stored;

pub(super) use children::{UntoldEnd, report_of};
pub use message::*;
pub(crate) use name::{child_arn, labelled_machine_arn, map_run_arn, map_run_id, runs_of};
pub(super) use open::OpenMapRun;
pub(crate) use open::map_run_record;
pub(super) use stored::{StoredMapRun, StoredUntoldEnd, child_of_untold_end_row, map_run_of_row, map_run_row_name, untold_end_row_name};

use std::collections::BTreeSet;
use std::sync::Arc;

use baton_engine::{
    ChildInput, Chunk, Failure, Input, ItemPosition, ItemSource, MapChild, MapRun, MapRunEvent, MapRunLimits, MapRunSpec, MapRunStatus,
    MapRunWant, ReadItem, ReadOrder, Start, Stop,
};
use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use super::live::Live;
use super::step::{Panicked, catching};
use super::stored::Stored;
use super::{Answer, ExecutionId, Output, Revision, Shard, ShardInput, World};
use crate::store::StoreError;

/// What an execution asks for about Map Runs.
pub(super) enum MapRunEffect {
    Start(Box<MapRunSpec>),
    Redrive(Arc<str>),
    Abort(Arc<str>),
}

/// Items behind a cursor after which a batch is closed, so that the next ones begin at a cursor of their own.
const SKIP_MAX: u64 = 16_384;
/// What a run fails with whose items are not what they were.
const CHANGED: &str = "The items were changed while the Map Run was reading them.";

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
            MapRunEffect::Redrive(arn) => self.redrive_map_run(id_of(&arn), out),
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
    fn redrive_map_run(&mut self, id: ExecutionId, out: &mut Vec<Output<W>>) {
        match self.map_runs.get_mut(&id) {
            Some(open) if open.run.status() == MapRunStatus::Running => {}
            Some(_) => {
                self.go_on_after_its_end(id);
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
                self.redrive_map_run(id, out);
            }
        }
    }

    fn go_on_after_its_end(&mut self, id: ExecutionId) {
        let open = self.map_runs.get_mut(&id).expect("a run that goes on is in memory");
        open.is_told = false;
        (open.is_reading, open.is_stopping, open.is_writing) = (false, false, false);
        if open.run.can_be_redriven() {
            self.record_map_run(id, MapRunEvent::Redriven { at: self.now });
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
            MapRunMessage::RedrivesSent { indices } => self.note_map_run(id, MapRunEvent::RedrivesSent { indices }),
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

    /// What is the state's own is there at once; everything else somebody reads.
    fn read_items(&mut self, id: ExecutionId, order: ReadOrder, out: &mut Vec<Output<W>>) {
        let open = &self.map_runs[&id];
        match &open.context.spec.source {
            ItemSource::State { .. } => {
                let read = of_state(&open.context.spec, &order.position, order.items);
                self.hand_in(id, order.position, None, read);
            }
            ItemSource::Reader { .. } => self.order(id, MapRunOrderKind::Read(order), out),
        }
    }

    fn hand_in(&mut self, id: ExecutionId, position: ItemPosition, again: Option<u64>, read: ItemsRead) {
        let parent = self.map_runs[&id].context.parent;
        let message = MapRunMessage::ItemsRead { parent, position, again, result: Ok(read) };
        self.own.push_back(ShardInput::MapRun { id, message, reply: None });
    }

    fn items_read(
        &mut self,
        id: ExecutionId,
        position: &ItemPosition,
        result: Result<ItemsRead, Failure>,
        world: &mut W,
        out: &mut Vec<Output<W>>,
    ) {
        let Some(open) = self.map_runs.get_mut(&id) else { return };
        open.is_reading = false;
        if !open.run.wants_items_from(position) {
            return self.advance_map_run(id, out);
        }
        let (context, first_item) = (open.context.clone(), open.run.next_item());
        let MapRunWant::Read(order) = open.run.wanted() else {
            // It has no room for more just now, and asks again.
            return self.advance_map_run(id, out);
        };
        // A batch that is not full waits for more items, but not for ever: reading again begins at the last cursor.
        let closes = |read: &ItemsRead| read.is_last || position.skip >= SKIP_MAX;
        match result.and_then(|read| Ok((self.inputs(&context, first_item, &read.items, closes(&read), world)?, read))) {
            Ok((mut children, read)) => {
                children.truncate(usize::try_from(order.children).unwrap_or(usize::MAX));
                let taken: usize = children.iter().map(|child| child.items as usize).sum();
                let is_last = read.is_last && taken == read.items.len();
                let next = after(position, &read, taken);
                let event = self.map_runs[&id].run.issue(&children, next, digest(&read.items[..taken]), is_last);
                let first = self.map_runs[&id].run.issued();
                self.record_map_run(id, event);
                self.start_children(id, first, children, out);
            }
            Err(failure) => self.stop_map_run(id, failure),
        }
        self.advance_map_run(id, out);
    }

    fn items_read_again(
        &mut self,
        id: ExecutionId,
        first: u64,
        result: Result<ItemsRead, Failure>,
        world: &mut W,
        out: &mut Vec<Output<W>>,
    ) {
        // Those of a run that is stopping are not begun: that they never were is their end.
        let Some(open) = self.map_runs.get(&id).filter(|open| !open.run.is_stopping()) else { return };
        let Some(chunk) = open.run.unsent().find(|chunk| chunk.first == first).cloned() else { return };
        let context = open.context.clone();
        let again = result.and_then(|read| {
            let items = read.items.get(..chunk.items as usize).filter(|items| digest(items) == chunk.digest);
            let items = items.ok_or_else(|| Failure::new("States.ItemReaderFailed", CHANGED))?;
            let children = self.inputs(&context, chunk.first_item, items, true, world)?;
            // A selector that makes other items each time may make more or fewer batches of them.
            let is_same = children.len() == chunk.count as usize;
            if is_same { Ok(children) } else { Err(Failure::new("States.ItemReaderFailed", CHANGED)) }
        });
        match again {
            Ok(children) => self.start_unsent(id, first, children, out),
            Err(failure) => {
                self.stop_map_run(id, failure);
                self.advance_map_run(id, out);
            }
        }
    }

    fn inputs(
        &self,
        context: &MapRunContext,
        first: u64,
        items: &[ReadItem],
        is_last: bool,
        world: &W,
    ) -> Result<Vec<ChildInput>, Failure> {
        // An execution that is gone wants nothing of the run any more, and has said so.
        let Some(live) = self.live.get(&context.parent) else { return Ok(Vec::new()) };
        let env = Live::env(&live.revision, false, world);
        let made = catching(|| live.execution.child_inputs(&env, context.spec.entry, self.now, first, items, is_last));
        made.unwrap_or_else(|Panicked(reason)| {
            tracing::error!(map_run = %context.spec.map_run_arn, %reason, "a defect has met this Map Run, it fails");
            Err(Failure::new("States.Runtime", "A defect of the server has met this Map Run."))
        })
    }

    fn start_children(&mut self, id: ExecutionId, first: u64, children: Vec<ChildInput>, out: &mut Vec<Output<W>>) {
        if children.is_empty() {
            return;
        }
        let open = &self.map_runs[&id];
        let redrive = open.run.redrive_count();
        let starts = (first..).zip(children).map(|(index, child)| child_start(&open.context.spec, index, redrive, child)).collect();
        self.order(id, MapRunOrderKind::Start { first: Some(first), starts }, out);
    }

    /// Starts those of a chunk that have not ended. One that waits for its turn to be redriven keeps its chunk unsent.
    fn start_unsent(&mut self, id: ExecutionId, first: u64, children: Vec<ChildInput>, out: &mut Vec<Output<W>>) {
        let open = &self.map_runs[&id];
        let (run, redrive) = (&open.run, open.run.redrive_count());
        let children = (first..).zip(children);
        let (mut starts, mut is_whole) = (Vec::new(), true);
        for (index, child) in children {
            match run.outcome(index) {
                None => starts.push(child_start(&open.context.spec, index, redrive, child)),
                Some(is_success) => is_whole &= is_success || !run.is_redriven_later(index),
            }
        }
        self.order(id, MapRunOrderKind::Start { first: is_whole.then_some(first), starts }, out);
    }

    fn stop_map_run(&mut self, id: ExecutionId, failure: Failure) {
        if let Some(event) = self.map_runs[&id].run.stop(Stop::Failed(failure)) {
            self.record_map_run(id, event);
        }
    }

    fn results_written(&mut self, id: ExecutionId, result: Result<WrittenResults, Failure>, out: &mut Vec<Output<W>>) {
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

    fn end_map_run(&mut self, id: ExecutionId, out: &mut Vec<Output<W>>) {
        self.record_map_run(id, MapRunEvent::Ended { at: self.now });
        self.order(id, MapRunOrderKind::Ended, out);
        self.tell_parent(id);
        let parent = self.map_runs[&id].context.parent;
        self.reconcile_map_runs(parent, out);
    }

    /// The execution hears of the end; until it has, the run is not let go.
    pub(super) fn tell_parent(&mut self, id: ExecutionId) {
        let open = self.map_runs.get_mut(&id).expect("a run that ends is in memory");
        if open.run.state_outcome().is_none() {
            return self.map_run_told(id);
        }
        let message = MapRunMessage::Tell { parent: open.context.parent };
        self.own.push_back(ShardInput::MapRun { id, message, reply: None });
    }

    fn tell(&mut self, id: ExecutionId, parent: ExecutionId, world: &mut W, out: &mut Vec<Output<W>>) {
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
    pub(super) fn map_run_told(&mut self, id: ExecutionId) {
        if let Some(open) = self.map_runs.get_mut(&id) {
            open.is_told = true;
            self.touch_map_run(id);
        }
    }

    fn order(&mut self, id: ExecutionId, kind: MapRunOrderKind, out: &mut Vec<Output<W>>) {
        let run = self.map_runs[&id].context.clone();
        self.log.hold(Output::MapRun(Box::new(MapRunOrder { run, kind })), out);
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

    fn read_again(&mut self, id: ExecutionId, chunk: Chunk, out: &mut Vec<Output<W>>) {
        let spec = &self.map_runs[&id].context.spec;
        match &spec.source {
            ItemSource::State { .. } => {
                let read = of_state(spec, &chunk.position, u64::from(chunk.items));
                self.hand_in(id, chunk.position, Some(chunk.first), read);
            }
            ItemSource::Reader { .. } => self.order(id, MapRunOrderKind::ReadAgain(chunk), out),
        }
    }
}

fn id_of(map_run_arn: &str) -> ExecutionId {
    map_run_id(map_run_arn).expect("the ARN of a Map Run is made here")
}

/// Items of the state's own array.
fn of_state(spec: &MapRunSpec, position: &ItemPosition, count: u64) -> ItemsRead {
    let ItemSource::State { items, length, is_keyed } = &spec.source else { unreachable!("the source is the state") };
    let length = spec.items_max(*length);
    let (from, to) = (position.skip.min(length) as usize, position.skip.saturating_add(count).min(length) as usize);
    let array = items.value().as_array().map_or(&[][..], Vec::as_slice);
    let item = |value: &serde_json::Value| {
        let key = is_keyed.then(|| value["Key"].as_str().unwrap_or_default().into());
        ReadItem { value: baton_engine::Payload::from_value(value.clone()), key, source: "STATE_DATA".into() }
    };
    ItemsRead { items: array[from..to].iter().map(item).collect(), cursor: None, is_last: to as u64 == length }
}

/// Where the items behind the first `taken` are.
fn after(position: &ItemPosition, read: &ItemsRead, taken: usize) -> ItemPosition {
    match &read.cursor {
        Some(cursor) if taken == read.items.len() => ItemPosition { cursor: Some(cursor.clone()), skip: 0 },
        Some(_) | None => ItemPosition { cursor: position.cursor.clone(), skip: position.skip + taken as u64 },
    }
}

fn digest(items: &[ReadItem]) -> u64 {
    let mut hash = Xxh3::new();
    for item in items {
        hash.update(item.value.text().as_bytes());
        hash.update(b"\n");
    }
    hash.digest()
}

fn child_start(spec: &MapRunSpec, index: u64, redrive: u32, child: ChildInput) -> Start {
    let (execution_arn, name) = child_arn(&spec.map_run_arn, index, spec.is_express, redrive);
    let map_child = MapChild {
        map_run_arn: spec.map_run_arn.clone(),
        state: spec.state,
        index,
        items: child.items,
        is_collected: spec.results.is_none(),
        is_express: spec.is_express,
        redrive,
    };
    Start {
        execution_arn: execution_arn.into(),
        state_machine_arn: labelled_machine_arn(&spec.map_run_arn).into(),
        state_machine_name: name::labelled_machine(&spec.map_run_arn).into(),
        name: name.into(),
        revision: spec.revision,
        version_arn: None,
        alias_arn: None,
        role_arn: spec.role_arn.clone(),
        input: child.input,
        trace_header: spec.trace_header.clone(),
        seed: name::child_seed(&spec.map_run_arn, index),
        at: 0,
        deadline: None,
        test_case: spec.test_case.clone(),
        map_child: Some(Arc::new(map_child)),
    }
}
