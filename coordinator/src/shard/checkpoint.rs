//! Checkpoints: what has changed since the last one goes to the key-value side, so that the log may be let go.
//!
//! A checkpoint is taken of memory as it is at the end of a batch, and written once that batch is durable. What happens meanwhile is part of
//! the next one. Its operations are idempotent, and the log's entries name positions, so that a checkpoint of which only a part was
//! written does no harm: replay passes over what a snapshot has seen.

use std::sync::Arc;

use baton_engine::{RedriveCount, Start, Status, Timestamp};
use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_128;

use super::live::{Ended, Live, Rows};
use super::log::is_passing;
use super::map_run::{
    ChildReport, OpenMapRun, StoredMapRun, StoredUntoldEnd, map_run_record, map_run_row_name, runs_of, untold_end_row_name,
};
use super::start::CLOSED;
use super::stored::{
    OPEN_COUNT_ROW, Retained, Stored, StoredEnded, StoredExpress, StoredIndexEntry, StoredOpenCount, StoredRetention, encode_value,
    express_row_name, given_up_row_name, tasks_row_name,
};
use super::{Answer, EVICT_IF_DUE_AFTER, ExecutionId, Output, Shard, World};
use crate::store::keys::{ExecutionIndexKey, ExecutionKey, HistoryKey, MetaKey, RetentionKey, TimerKey};
use crate::store::{KvOp, ShardId, StoreError, Table};

/// A change waits this long for its checkpoint, milliseconds.
const CHECKPOINT_AFTER_MS: i64 = 2_000;
/// Or until the shard's log has grown by this much. All of it is in memory until then, and memory that is soon used again costs least.
const CHECKPOINT_AFTER_BYTES: usize = 256 * 1024;

/// What the next checkpoint writes, and the one that is under way.
#[derive(Default)]
pub(super) struct CheckpointState {
    dirty: Vec<ExecutionId>,
    /// Read back from the key-value side; they leave memory again when there is nothing to keep them.
    reconsidered: Vec<ExecutionId>,
    /// Since when there is something in the log that no checkpoint covers.
    dirty_since: Option<Timestamp>,
    dirty_map_runs: Vec<ExecutionId>,
    /// Children whose ends have been heard of and have a row.
    pub(super) ends_heard: Vec<ExecutionId>,
    /// Express executions that have ended and have a row.
    pub(super) express_rows_gone: Vec<ExecutionId>,
    under_way: Option<UnderWay>,
    /// Executions that are given up for good, without a record of that.
    pub(super) given_up: Vec<ExecutionId>,
    /// Why there are no more: the log is needed as it is.
    stopped: Option<Arc<str>>,
}

struct UnderWay {
    upto_seq: u64,
    /// Of the log.
    bytes: usize,
    /// Gone as soon as they are on their way.
    ops: Option<Vec<KvOp>>,
    executions: Vec<ExecutionId>,
    map_runs: Vec<ExecutionId>,
}

impl CheckpointState {
    /// The Map Run has changed.
    pub(super) fn touch_map_run(&mut self, id: ExecutionId, is_dirty: &mut bool, now: Timestamp) {
        if !std::mem::replace(is_dirty, true) {
            self.dirty_map_runs.push(id);
        }
        self.note_change(now);
    }

    /// The execution has changed.
    pub(super) fn touch(&mut self, id: ExecutionId, is_dirty: &mut bool, now: Timestamp) {
        if !std::mem::replace(is_dirty, true) {
            self.dirty.push(id);
        }
        self.note_change(now);
    }

    /// Something has come into the log of which nothing need be written but that it is covered.
    pub(super) fn note_change(&mut self, now: Timestamp) {
        self.dirty_since.get_or_insert(now);
    }

    /// The execution may leave memory if nothing keeps it.
    pub(super) fn reconsider(&mut self, id: ExecutionId) {
        self.reconsidered.push(id);
    }

    /// No checkpoint from now on. The first reason counts.
    pub(super) fn stop(&mut self, reason: &str) {
        self.stopped.get_or_insert_with(|| reason.into());
    }
}

impl<W: World> Shard<W> {
    /// Whether a checkpoint is due.
    pub fn wants_checkpoint(&self, now: Timestamp) -> bool {
        let is_old = self.checkpoint.dirty_since.is_some_and(|since| now - since >= CHECKPOINT_AFTER_MS);
        self.can_checkpoint()
            && (is_old || self.log.bytes_since_checkpoint >= CHECKPOINT_AFTER_BYTES || !self.checkpoint.reconsidered.is_empty())
    }

    /// Why nothing is checkpointed any more, although the shard goes on: its log grows until a restart. `None` as long as that is not so.
    pub fn checkpoints_stopped(&self) -> Option<&Arc<str>> {
        self.checkpoint.stopped.as_ref()
    }

    /// Whether something has changed since the last checkpoint, or one is under way. What no checkpoint will write is not waited for.
    pub fn is_dirty(&self) -> bool {
        self.lost.is_none()
            && self.checkpoint.stopped.is_none()
            && (self.checkpoint.under_way.is_some() || self.checkpoint.dirty_since.is_some())
    }

    /// Bytes of the log that no checkpoint has taken over. Something like as much memory is held for them, also when checkpoints have
    /// [stopped](Self::checkpoints_stopped).
    pub fn unsaved_bytes(&self) -> usize {
        self.log.bytes_since_checkpoint + self.checkpoint.under_way.as_ref().map_or(0, |under_way| under_way.bytes)
    }

    /// Whether one is under way.
    pub fn has_checkpoint_under_way(&self) -> bool {
        self.checkpoint.under_way.is_some()
    }

    /// Whether one can begin: none is under way, everything decided is on its way to the log, and what it has of Express executions is in memory.
    pub fn can_checkpoint(&self) -> bool {
        let checkpoint = &self.checkpoint;
        self.lost.is_none()
            && checkpoint.stopped.is_none()
            && checkpoint.under_way.is_none()
            && self.rebuilding.is_empty()
            && self.open_express.is_empty()
            && self.loading_map_runs == 0
            && self.log.batch.is_empty()
    }

    /// Begins a checkpoint of everything that has changed.
    pub fn begin_checkpoint(&mut self, out: &mut Vec<Output<W>>) {
        if !self.can_checkpoint() {
            return;
        }
        for id in std::mem::take(&mut self.checkpoint.reconsidered) {
            self.evict(id);
        }
        let executions = std::mem::take(&mut self.checkpoint.dirty);
        let has_changed = self.checkpoint.dirty_since.take().is_some();
        let bytes = std::mem::take(&mut self.log.bytes_since_checkpoint);
        if !has_changed {
            return;
        }
        let mut ops =
            Ops { shard: self.id, ops: Vec::with_capacity(4 * executions.len()), retained: Vec::new(), last_stop: Timestamp::MIN };
        // Stores may write a part of a checkpoint only, in this order: an end that is written is told. A child of which one end has been heard of
        // may have ended again since.
        std::mem::take(&mut self.checkpoint.ends_heard).into_iter().for_each(|id| ops.untold_end(id, None));
        for id in &executions {
            if let Some(end) = self.untold_ends.get_mut(id).filter(|end| end.is_new) {
                (end.has_row, end.is_new) = (true, false);
                ops.untold_end(*id, Some(&end.report));
            }
        }
        for id in &executions {
            if let Some(live) = self.live.get_mut(id) {
                live.is_dirty = false;
                if live.express.is_some() { ops.express(*id, live) } else { ops.live(*id, live) }
            } else if let Some(ended) = self.ended.get_mut(id) {
                ended.is_saving = true;
                ended.is_dirty = false;
                ops.ended(*id, ended);
            }
        }
        let map_runs = std::mem::take(&mut self.checkpoint.dirty_map_runs);
        for id in &map_runs {
            if let Some(open) = self.map_runs.get_mut(id) {
                ops.map_run(*id, open);
            }
        }
        std::mem::take(&mut self.checkpoint.express_rows_gone).into_iter().for_each(|id| ops.express_row(id, None));
        for id in std::mem::take(&mut self.checkpoint.given_up) {
            if let Some(given_up) = self.given_up.get(&id) {
                ops.given_up(id, encode_value(&given_up.stored()));
            }
        }
        let upto_seq = self.log.closed_seq;
        if let Some(count) = self.open_count.take_unstored(upto_seq) {
            ops.open_count(&count);
        }
        let ops = ops.finish(upto_seq);
        self.checkpoint.under_way = Some(UnderWay { upto_seq, bytes, ops: Some(ops), executions, map_runs });
        self.send_checkpoint(out);
    }

    /// Sends the checkpoint on its way if its batch is durable.
    pub(super) fn send_checkpoint(&mut self, out: &mut Vec<Output<W>>) {
        let Some(under_way) = self.checkpoint.under_way.as_mut().filter(|under_way| under_way.upto_seq <= self.log.durable_seq) else {
            return;
        };
        if let Some(ops) = under_way.ops.take() {
            out.push(Output::Checkpoint { upto_seq: under_way.upto_seq, ops });
        }
    }

    /// The checkpoint under way is durable: what it wrote need not stay in memory.
    pub(super) fn checkpointed(&mut self, result: Result<(), StoreError>) {
        let Some(under_way) = self.checkpoint.under_way.take() else { return };
        if let Err(error) = result {
            tracing::error!(shard = %self.id, %error, "a checkpoint was refused for good; the log is kept");
            self.checkpoint.stop(&format!("the store refuses a checkpoint: {error}"));
            self.log.bytes_since_checkpoint += under_way.bytes;
            return;
        }
        for id in under_way.map_runs {
            if self.map_runs.get(&id).is_some_and(|open| open.is_saving_end && !open.is_dirty) {
                self.map_runs.remove(&id);
            }
        }
        for id in under_way.executions {
            if let Some(live) = self.live.get_mut(&id) {
                live.history.saved_all();
                self.evict(id);
            } else if self.ended.get(&id).is_some_and(|ended| ended.is_saving) {
                self.ended.remove(&id);
            } else if let Some(ended) = self.ended.get_mut(&id) {
                ended.history.saved_all();
            } else if let Some(live) = self.rebuilding.get_mut(&id) {
                live.history.saved_all();
            }
        }
    }

    /// Lets an execution leave memory if nothing keeps it there.
    fn evict(&mut self, id: ExecutionId) {
        let Some(live) = self.live.get(&id) else { return };
        let due_late = live.execution.next_due().is_none_or(|due| due - self.now > EVICT_IF_DUE_AFTER);
        let is_clean = !live.is_dirty && live.history.saving.is_none() && live.history.unsaved.is_empty();
        // Heartbeat intervals begin again whenever an execution is read back, and would never end if it were let go meanwhile.
        let is_needed = live.execution.has_heartbeats()
            || live.is_held()
            || live.is_yielded
            || live.quarantined.is_some()
            || live.express.is_some()
            || self.watchers.contains_key(&id)
            || self.map_runs.values().any(|open| open.context.parent == id);
        if due_late && is_clean && !is_needed {
            self.live.remove(&id);
        }
    }

    /// The end of an append.
    pub(super) fn durable(&mut self, seq: u64, result: Result<(), StoreError>, out: &mut Vec<Output<W>>) {
        match result {
            Ok(()) => {
                self.log.durable(seq, out);
                self.send_checkpoint(out);
            }
            Err(error) if is_passing(&error) => self.log.refuse(),
            Err(error) => self.lose(&error, out),
        }
    }

    /// The store takes nothing from this shard any more. Whatever was not durable has not happened; everybody is told to come again.
    pub(super) fn lose(&mut self, error: &StoreError, out: &mut Vec<Output<W>>) {
        self.lost = Some(error.clone());
        let held: Vec<_> = self.log.abandon().collect();
        for output in held {
            match output {
                Output::Reply(reply, _) => out.push(Output::Reply(reply, self.parting_answer())),
                Output::Grant(slot, _) => out.push(Output::Return(slot)),
                Output::Deny { .. } | Output::Stray { .. } | Output::Return(_) | Output::WatchedEnd(_) => out.push(output),
                // These speak of what has not happened.
                Output::Append { .. }
                | Output::MapRun(_)
                | Output::ChildEnded(_)
                | Output::LoadMapRun(_)
                | Output::Load(_)
                | Output::LoadHistory { .. }
                | Output::Checkpoint { .. }
                | Output::Deliver(_)
                | Output::Cancel { .. }
                | Output::Timer { .. }
                | Output::Wake { .. }
                | Output::Watched(..)
                | Output::Announce(_) => {}
            }
        }
        let loading = std::mem::take(&mut self.loading).into_values().flatten();
        let waiting: Vec<_> = loading.chain(std::mem::take(&mut self.backlog)).collect();
        waiting.into_iter().for_each(|input| self.turn_away(input, out));
        for (id, replies) in std::mem::take(&mut self.waiting_for_end) {
            let is_express = self.is_express(id);
            // A synchronous Express execution runs at most once: it is not to be begun again elsewhere.
            let answer = || if is_express { Answer::Unavailable(CLOSED) } else { self.parting_answer() };
            out.extend(replies.into_iter().map(|reply| Output::Reply(reply, answer())));
        }
        let watchers = std::mem::take(&mut self.watchers).into_values().flatten();
        out.extend(watchers.map(Output::WatchedEnd));
    }
}

/// The operations of one checkpoint in the making. An execution's history comes before its snapshot: a snapshot that is there has all
/// of its history there.
struct Ops {
    shard: ShardId,
    ops: Vec<KvOp>,
    retained: Vec<Retained>,
    last_stop: Timestamp,
}

impl Ops {
    fn live(&mut self, id: ExecutionId, live: &mut Live) {
        self.history(id, live.history.begin_saving());
        let due = wakes_at(live);
        self.timer(id, live.rows.timer, due);
        live.rows.timer = due;
        let tasks = live.stored_tasks().map(|tasks| encode_value(&tasks));
        let has_tasks = tasks.is_some();
        self.tasks(id, live.rows.has_tasks, tasks);
        live.rows.has_tasks = has_tasks;
        if !std::mem::replace(&mut live.rows.is_indexed, true) {
            let summary = live.summary(id);
            let entry = StoredIndexEntry {
                status: summary.status,
                stop_at: None,
                redrives: summary.redrives,
                execution_arn: summary.execution_arn,
                name: summary.name,
                version_arn: summary.version_arn,
                alias_arn: summary.alias_arn,
                items: summary.items,
            };
            self.index(id, listed_under(live.execution.started()), summary.start_at, &entry);
        }
        self.execution(id, &Stored::Live(live.stored()));
    }

    /// A restart must find the start of an open Express execution although the log lets it go.
    fn express(&mut self, id: ExecutionId, live: &mut Live) {
        let Some(express) = live.express.as_mut().filter(|express| !express.has_row) else { return };
        express.has_row = true;
        let start = StoredExpress(live.execution.started().clone());
        self.express_row(id, Some(encode_value(&start)));
    }

    fn express_row(&mut self, id: ExecutionId, start: Option<Bytes>) {
        let name = express_row_name(id.0);
        let key = MetaKey { shard: self.shard, name: &name }.encode();
        self.ops.push(match start {
            Some(start) => KvOp::put(Table::Meta, key, start),
            None => KvOp::delete(Table::Meta, key),
        });
    }

    /// An open run has a row of the shard's own; one that has ended stands beside the executions, and is forgotten as they are.
    fn map_run(&mut self, id: ExecutionId, open: &mut OpenMapRun) {
        open.is_dirty = false;
        let name = map_run_row_name(id.0);
        let row = MetaKey { shard: self.shard, name: &name }.encode();
        let record = map_run_record(&open.run);
        let has_ended = open.is_told && record.stopped_at.is_some();
        if has_ended {
            self.ops.push(KvOp::put(
                Table::Executions,
                ExecutionKey { execution: id.0 }.encode(),
                Stored::MapRun(Box::new(StoredMapRun(open.run.clone()))).encode(),
            ));
            if std::mem::take(&mut open.has_row) {
                self.ops.push(KvOp::delete(Table::Meta, row));
            }
        } else {
            open.has_row = true;
            self.ops.push(KvOp::put(Table::Meta, row, encode_value(&StoredMapRun(open.run.clone()))));
        }
        open.is_saving_end = has_ended;
        let listed_under = runs_of(&record.execution_arn);
        if has_ended || !std::mem::replace(&mut open.is_indexed, true) {
            let entry = StoredIndexEntry {
                status: Status::Running,
                stop_at: record.stopped_at,
                redrives: RedriveCount::default(),
                execution_arn: record.map_run_arn.clone(),
                name: record.execution_arn.clone(),
                version_arn: None,
                alias_arn: None,
                items: None,
            };
            self.index(id, &listed_under, record.started_at, &entry);
        }
        if let Some(stop_at) = record.stopped_at.filter(|_| has_ended) {
            let state_machine = state_machine_hash(&listed_under);
            self.retained.push(Retained { execution: id.0, state_machine, start_at: record.started_at });
            self.last_stop = self.last_stop.max(stop_at);
        }
    }

    fn untold_end(&mut self, child: ExecutionId, report: Option<&ChildReport>) {
        let name = untold_end_row_name(child.0);
        let key = MetaKey { shard: self.shard, name: &name }.encode();
        self.ops.push(match report {
            Some(report) => KvOp::put(Table::Meta, key, encode_value(&StoredUntoldEnd(report.clone()))),
            None => KvOp::delete(Table::Meta, key),
        });
    }

    fn given_up(&mut self, id: ExecutionId, value: Bytes) {
        let name = given_up_row_name(id.0);
        self.ops.push(KvOp::put(Table::Meta, MetaKey { shard: self.shard, name: &name }.encode(), value));
    }

    fn open_count(&mut self, count: &StoredOpenCount) {
        let key = MetaKey { shard: self.shard, name: OPEN_COUNT_ROW }.encode();
        self.ops.push(KvOp::put(Table::Meta, key, encode_value(count)));
    }

    fn ended(&mut self, id: ExecutionId, ended: &mut Ended) {
        self.history(id, ended.history.begin_saving());
        self.timer(id, ended.rows.timer, None);
        self.tasks(id, ended.rows.has_tasks, None);
        ended.rows = Rows { is_indexed: true, timer: None, has_tasks: false };
        let (record, start) = (&ended.record, &ended.record.start);
        let entry = StoredIndexEntry {
            status: record.status,
            stop_at: record.stop_at,
            redrives: record.redrives,
            execution_arn: start.execution_arn.clone(),
            name: start.name.clone(),
            version_arn: start.version_arn.clone(),
            alias_arn: start.alias_arn.clone(),
            items: start.map_child.as_ref().map(|child| child.items),
        };
        self.index(id, listed_under(start), start.at, &entry);
        let stop_at = record.stop_at.unwrap_or(start.at);
        let stored = StoredEnded {
            position: ended.history.events,
            events: record.events,
            stop_at,
            has_succeeded: record.status == Status::Succeeded,
            redrives: record.redrives,
        };
        self.execution(id, &Stored::Ended(stored));
        let state_machine = state_machine_hash(listed_under(start));
        self.retained.push(Retained { execution: id.0, state_machine, start_at: start.at });
        self.last_stop = self.last_stop.max(stop_at);
    }

    fn finish(mut self, upto_seq: u64) -> Vec<KvOp> {
        if !self.retained.is_empty() {
            let key = RetentionKey { shard: self.shard, stop_ms: self.last_stop, tie_breaker: u128::from(upto_seq) };
            let value = encode_value(&StoredRetention(std::mem::take(&mut self.retained)));
            self.ops.push(KvOp::put(Table::Retention, key.encode(), value));
        }
        self.ops
    }

    fn execution(&mut self, id: ExecutionId, stored: &Stored) {
        self.ops.push(KvOp::put(Table::Executions, ExecutionKey { execution: id.0 }.encode(), stored.encode()));
    }

    fn history(&mut self, id: ExecutionId, segment: Option<(u64, Bytes)>) {
        if let Some((first_event, bytes)) = segment {
            self.ops.push(KvOp::put(Table::History, HistoryKey { execution: id.0, first_event }.encode(), bytes));
        }
    }

    fn index(&mut self, id: ExecutionId, listed_under: &str, start_at: Timestamp, entry: &StoredIndexEntry) {
        let key = ExecutionIndexKey { state_machine: state_machine_hash(listed_under), start_ms: start_at, execution: id.0 };
        self.ops.push(KvOp::put(Table::ExecutionIndex, key.encode(), encode_value(entry)));
    }

    fn timer(&mut self, id: ExecutionId, before: Option<Timestamp>, after: Option<Timestamp>) {
        if before == after {
            return;
        }
        let key = |due_ms| TimerKey { shard: self.shard, due_ms, execution: id.0, timer: 0 }.encode();
        let delete = before.map(|due| KvOp::delete(Table::Timers, key(due)));
        let put = after.map(|due| KvOp::put(Table::Timers, key(due), Bytes::new()));
        self.ops.extend(delete.into_iter().chain(put));
    }

    fn tasks(&mut self, id: ExecutionId, had: bool, tasks: Option<Bytes>) {
        let name = tasks_row_name(id.0);
        let key = MetaKey { shard: self.shard, name: &name }.encode();
        match tasks {
            Some(tasks) => self.ops.push(KvOp::put(Table::Meta, key, tasks)),
            None if had => self.ops.push(KvOp::delete(Table::Meta, key)),
            None => {}
        }
    }
}

/// When an execution that is not in memory must come back at the latest. One that has yielded goes on as soon as somebody reads its row,
/// whether or not the log still speaks of it.
fn wakes_at(live: &Live) -> Option<Timestamp> {
    if live.execution.wants_continue() { Some(live.execution.started().at) } else { live.execution.next_due() }
}

/// Under what an execution is listed: its state machine, or its Map Run.
pub(crate) fn listed_under(start: &Start) -> &str {
    start.map_child.as_ref().map_or(&start.state_machine_arn, |child| &child.map_run_arn)
}

/// Under which a state machine's executions are listed.
pub(crate) fn state_machine_hash(state_machine_arn: &str) -> u128 {
    xxh3_128(state_machine_arn.as_bytes())
}
