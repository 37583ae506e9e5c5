//! The items of a Map Run on their way to its children: read, checked, made to inputs and handed on to be started.

use std::sync::Arc;

use baton_engine::{ChildInput, Chunk, Failure, ItemPosition, ItemSource, MapChild, MapRunSpec, MapRunWant, ReadItem, ReadOrder, Start};
use xxhash_rust::xxh3::Xxh3;

use super::{ItemsRead, MapRunContext, MapRunMessage, MapRunOrderKind, child_arn, labelled_machine_arn, name};
use crate::shard::live::Live;
use crate::shard::step::{Panicked, catching};
use crate::shard::{ExecutionId, Output, Shard, ShardInput, World};

/// Items behind a cursor after which a batch is closed, so that the next ones begin at a cursor of their own.
const SKIP_MAX: u64 = 16_384;
/// What a run fails with whose items are not what they were.
const CHANGED: &str = "The items were changed while the Map Run was reading them.";

impl<W: World> Shard<W> {
    /// What is the state's own is there at once; everything else somebody reads.
    pub(super) fn read_items(&mut self, id: ExecutionId, order: ReadOrder, out: &mut Vec<Output<W>>) {
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

    pub(super) fn items_read(
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

    pub(super) fn items_read_again(
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

    pub(super) fn read_again(&mut self, id: ExecutionId, chunk: Chunk, out: &mut Vec<Output<W>>) {
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
