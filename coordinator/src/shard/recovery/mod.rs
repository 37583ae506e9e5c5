//! A shard is read back: what the key-value side has, and the log on top of it.
//!
//! Only the executions that the log speaks of come into memory, and open Express executions and Map Runs. The others wait where they are; what a
//! restart must know of them stands in their timer rows and their rows of open tasks.

mod error;
mod finish;

pub use error::RecoveryError;

use std::sync::Arc;

use baton_engine::{Claim, EventKind, Execution, MapRun, Start, Status, TaskRef, Timestamp};
use bytes::Bytes;

use crate::shard::codec::{Chunk, CodecError, Entry, EntryKind, read_batch};
use crate::shard::express::OpenExpress;
use crate::shard::given_up::GivenUp;
use crate::shard::live::{Ended, History, Live, LoadError, Remains};
use crate::shard::map_run::{StoredMapRun, StoredUntoldEnd, UntoldEnd, child_of_untold_end_row, map_run_of_row, report_of};
use crate::shard::step::{Panicked, catching};
use crate::shard::stored::{
    OPEN_COUNT_ROW, Stored, StoredEnded, StoredExpress, StoredGivenUp, StoredTasks, decode_value, execution_of_express_row,
    execution_of_given_up_row, execution_of_tasks_row,
};
use crate::shard::{ExecutionId, Map, Shard, World};
use crate::store::ShardId;
use crate::store::keys::MetaKey;

/// A shard that is being read back.
pub struct Recovering<W: World> {
    shard: Shard<W>,
    /// Open tasks by execution, as the last checkpoint knew them.
    rows: Map<ExecutionId, StoredTasks>,
    /// Executions that had ended when the log begins, or that end in it and are written down already.
    over: Map<ExecutionId, StoredEnded>,
    /// Express executions that run.
    express: Map<ExecutionId, OpenExpress>,
    /// Map Runs that were open, or have ended since.
    map_runs: Map<ExecutionId, RecoveredMapRun>,
}

/// A Map Run that is being read back.
struct RecoveredMapRun {
    run: MapRun,
    has_row: bool,
    /// The log has more of it than the row.
    is_dirty: bool,
}

/// A claim that a session held when the server ended. It counts until its worker has had time to come back.
#[derive(Clone, Debug)]
pub struct HeldClaim {
    /// Its execution.
    pub execution: ExecutionId,
    /// Which attempt.
    pub task: TaskRef,
    /// The claim.
    pub claim: Claim,
}

impl<W: World> Recovering<W> {
    /// A shard whose log ends with batch `seq`.
    pub fn new(shard: ShardId, seq: u64, now: Timestamp, horizon: Timestamp) -> Self {
        Self {
            shard: Shard::new(shard, seq, now, horizon),
            rows: Map::default(),
            over: Map::default(),
            express: Map::default(),
            map_runs: Map::default(),
        }
    }

    /// Which one it is.
    pub fn id(&self) -> ShardId {
        self.shard.id
    }

    /// One record of the shard's own.
    pub fn record(&mut self, key: &[u8], value: &Bytes) -> Result<(), RecoveryError> {
        let Some(key) = MetaKey::decode(key) else { return Ok(()) };
        if let Some(execution) = execution_of_tasks_row(key.name) {
            let tasks = decode_value(value).map_err(|source| self.codec(source))?;
            self.rows.insert(ExecutionId(execution), tasks);
        } else if let Some(execution) = execution_of_express_row(key.name) {
            let StoredExpress(start) = decode_value(value).map_err(|source| self.codec(source))?;
            self.express.insert(ExecutionId(execution), OpenExpress { start: Box::new(start), has_row: true });
        } else if let Some(id) = map_run_of_row(key.name) {
            let StoredMapRun(run) = decode_value(value).map_err(|source| self.codec(source))?;
            self.map_runs.insert(ExecutionId(id), RecoveredMapRun { run, has_row: true, is_dirty: false });
        } else if let Some(child) = child_of_untold_end_row(key.name) {
            let StoredUntoldEnd(report) = decode_value(value).map_err(|source| self.codec(source))?;
            self.shard.untold_ends.insert(ExecutionId(child), UntoldEnd { report, has_row: true, is_new: false });
        } else if let Some(execution) = execution_of_given_up_row(key.name) {
            let StoredGivenUp { reason, start } = decode_value(value).map_err(|source| self.codec(source))?;
            tracing::error!(execution = %ExecutionId(execution), %reason, "an execution is still set aside and does not go on");
            self.shard.given_up.insert(ExecutionId(execution), GivenUp::of_start(start, &reason));
        } else if key.name == OPEN_COUNT_ROW {
            let count = decode_value(value).map_err(|source| self.codec(source))?;
            self.shard.open_count.restore(count);
        }
        Ok(())
    }

    /// Executions that the batch goes on with and whose snapshots are needed first.
    pub fn missing(&self, batch: &[u8]) -> Result<Vec<ExecutionId>, RecoveryError> {
        let entries = read_batch(batch).map_err(|source| self.codec(source))?;
        let mut missing: Vec<_> = entries.iter().filter(|entry| goes_on(entry) && !self.knows(entry.id)).map(|entry| entry.id).collect();
        // An execution that begins in this batch may go on in it.
        let begins = |entry: &Entry<'_>| matches!(entry.kind(), EntryKind::Events(0) | EntryKind::MapRun(0));
        missing.retain(|id| !entries.iter().any(|entry| entry.id == *id && begins(entry)));
        missing.dedup();
        Ok(missing)
    }

    fn knows(&self, id: ExecutionId) -> bool {
        self.shard.live.contains_key(&id)
            || self.shard.ended.contains_key(&id)
            || self.over.contains_key(&id)
            || self.map_runs.contains_key(&id)
            || self.shard.given_up.contains_key(&id)
    }

    /// What the key-value side has of an execution.
    pub fn snapshot(&mut self, id: ExecutionId, value: &Bytes, world: &mut W) -> Result<(), RecoveryError> {
        match Stored::decode(value).map_err(|source| self.codec(source))? {
            Stored::Ended(stored) => {
                self.over.insert(id, stored);
            }
            Stored::MapRun(stored) => {
                let StoredMapRun(run) = *stored;
                self.map_runs.insert(id, RecoveredMapRun { run, has_row: false, is_dirty: false });
            }
            Stored::Live(stored) => match Live::from_stored(&stored, world).map_err(|error| self.load_error(id, error)) {
                Ok(live) => drop(self.shard.live.insert(id, Box::new(live))),
                Err(error) => self.set_aside(id, None, error)?,
            },
        }
        Ok(())
    }

    /// Executions that had ended and that the batch goes on with: they are rebuilt from their histories. To be asked when their
    /// [`missing`](Self::missing) snapshots are there.
    pub fn redriven(&self, batch: &[u8]) -> Result<Vec<ExecutionId>, RecoveryError> {
        let entries = read_batch(batch).map_err(|source| self.codec(source))?;
        let goes_on = |entry: &&Entry<'_>| self.over.get(&entry.id).is_some_and(|stored| stored.position == entry.position);
        Ok(entries.iter().filter(goes_on).map(|entry| entry.id).collect())
    }

    /// The history of an execution that is [`redriven`](Self::redriven), segment by segment.
    pub fn history(&mut self, id: ExecutionId, segments: &[Bytes], world: &mut W) -> Result<(), RecoveryError> {
        let Some(stored) = self.over.remove(&id) else { return Ok(()) };
        match Remains::of_history(segments, stored.position, world).map_err(|error| self.load_error(id, error)) {
            Ok(remains) => drop(self.shard.ended.insert(id, Box::new(Ended::of_stored(remains, stored.position)))),
            Err(error) => self.set_aside(id, None, error)?,
        }
        Ok(())
    }

    /// A batch of the log, in order.
    pub fn replay(&mut self, seq: u64, batch: &[u8], world: &mut W) -> Result<(), RecoveryError> {
        let entries = read_batch(batch).map_err(|source| self.codec(source))?;
        self.shard.log.bytes_since_checkpoint += batch.len();
        let is_counted = self.shard.open_count.is_new(seq);
        for entry in entries {
            let id = entry.id;
            if is_counted && entry.kind() == EntryKind::Events(0) {
                self.shard.open_count.opened();
            }
            if self.shard.given_up.contains_key(&id) {
                continue;
            }
            if let Err(error) = self.replay_entry(seq, entry, world) {
                // An execution waits for its Map Run: neither goes on without the other.
                let of_map_run = self.map_runs.remove(&id).map(|recovered| ExecutionId::of_arn(&recovered.run.spec().execution_arn));
                self.set_aside(of_map_run.unwrap_or(id), Some(entry), error)?;
            }
        }
        Ok(())
    }

    /// Leaves out an execution; the others of the shard do not depend on it.
    fn set_aside(&mut self, id: ExecutionId, at: Option<Entry<'_>>, error: RecoveryError) -> Result<(), RecoveryError> {
        match error {
            RecoveryError::NoRevision { .. } | RecoveryError::Gap { .. } => self.set_aside_for_good(id, at, &error),
            RecoveryError::Defect { .. } => {
                // Another release may be able to.
                self.shard.checkpoint.stop(&error.to_string());
                self.leave_out(id, at, &error);
            }
            RecoveryError::Codec { .. } => return Err(error),
        }
        Ok(())
    }

    /// Its definition or earlier events are gone. The store refuses to open when it misses something, so this is what an accepted loss has
    /// left, and no release can go on with it.
    fn set_aside_for_good(&mut self, id: ExecutionId, at: Option<Entry<'_>>, error: &RecoveryError) {
        self.shard.checkpoint.given_up.push(id);
        self.shard.checkpoint.note_change(self.shard.now);
        self.leave_out(id, at, error);
    }

    fn leave_out(&mut self, id: ExecutionId, at: Option<Entry<'_>>, error: &RecoveryError) {
        tracing::error!(execution = %id, "an execution is set aside and does not go on: {error}");
        let live = self.shard.live.remove(&id).map(|live| live.execution.started().clone());
        let start = live.or_else(|| at.and_then(start_of));
        self.shard.ended.remove(&id);
        self.shard.given_up.insert(id, GivenUp::of_start(start, &error.to_string()));
    }

    fn replay_entry(&mut self, seq: u64, entry: Entry<'_>, world: &mut W) -> Result<(), RecoveryError> {
        let position = match entry.kind() {
            EntryKind::Events(position) => position,
            EntryKind::ExpressStarted => return self.express_started(entry.id, entry.chunk),
            EntryKind::ExpressEnded => {
                self.express_ended(entry.id);
                return Ok(());
            }
            EntryKind::MapRun(position) => return self.replay_map_run(entry.id, position, entry.chunk),
        };
        let Entry { id, chunk, .. } = entry;
        let is_counted = self.shard.open_count.is_new(seq);
        // What has ended has seen everything up to its end.
        if self.over.get(&id).is_some_and(|stored| position < stored.position)
            || self.shard.ended.get(&id).is_some_and(|ended| position < ended.history.events)
        {
            return if is_counted { self.pass_over(chunk) } else { Ok(()) };
        }
        let revived = self.shard.ended.remove(&id).and_then(|ended| Live::of_ended(*ended)).map(Box::new);
        let is_redriven = revived.is_some();
        let mut live = match self.shard.live.remove(&id).or(revived) {
            // A checkpoint of which only a part was written has seen these events already.
            Some(live) if position < live.history.events => {
                self.shard.live.insert(id, live);
                return if is_counted { self.pass_over(chunk) } else { Ok(()) };
            }
            Some(mut live) if position == live.history.events => {
                if let Err(error) = self.apply(id, &mut live, chunk) {
                    self.shard.live.insert(id, live);
                    return Err(error);
                }
                live
            }
            None if position == 0 => self.begin(id, chunk, world)?,
            other => {
                let expected = other.as_ref().map_or(0, |live| live.history.events);
                other.map(|live| self.shard.live.insert(id, live));
                return Err(RecoveryError::Gap { shard: self.shard.id, execution: id, expected, found: position });
            }
        };
        live.history.push(chunk.bytes, chunk.event_count);
        live.last_seq = seq;
        self.shard.checkpoint.touch(id, &mut live.is_dirty, self.shard.now);
        if is_counted && is_redriven {
            self.shard.open_count.opened();
        }
        match live.execution.status() {
            Status::Running => {
                self.shard.live.insert(id, live);
            }
            Status::Succeeded | Status::Failed | Status::TimedOut | Status::Aborted => {
                if is_counted {
                    self.shard.open_count.ended();
                }
                let ended = Ended::of(*live);
                if let Some(report) = report_of(id, &ended.record) {
                    self.shard.child_ended_again(id, report);
                }
                self.shard.ended.insert(id, Box::new(ended));
            }
        }
        Ok(())
    }

    /// The execution has seen these events, the count of open ones has not.
    fn pass_over(&mut self, chunk: Chunk<'_>) -> Result<(), RecoveryError> {
        self.shard.open_count.passed_over(chunk).map_err(|source| self.codec(source))
    }

    /// A run whose row has gone from those of open ones has ended, and everything that the log has of it is written.
    fn replay_map_run(&mut self, id: ExecutionId, position: u64, chunk: Chunk<'_>) -> Result<(), RecoveryError> {
        let events = chunk.map_run_events().map_err(|source| self.codec(source))?;
        self.shard.checkpoint.note_change(self.shard.now);
        if position == 0 && !self.map_runs.contains_key(&id) {
            let malformed = || CodecError::Malformed("a Map Run that does not begin with its start".to_owned());
            let run = events.first().cloned().and_then(MapRun::recover).ok_or_else(|| self.codec(malformed()))?;
            self.map_runs.insert(id, RecoveredMapRun { run, has_row: false, is_dirty: true });
        }
        let Some(recovered) = self.map_runs.get_mut(&id) else { return Ok(()) };
        let expected = recovered.run.events();
        let Some(seen) = expected.checked_sub(position) else {
            return Err(RecoveryError::Gap { shard: self.shard.id, execution: id, expected, found: position });
        };
        for event in events.iter().skip(usize::try_from(seen).unwrap_or(usize::MAX)) {
            recovered.run.apply(event);
            recovered.is_dirty = true;
        }
        Ok(())
    }

    fn begin(&self, id: ExecutionId, chunk: Chunk<'_>, world: &mut W) -> Result<Box<Live>, RecoveryError> {
        let events = chunk.events().map_err(|source| self.codec(source))?;
        let start = match events.first().map(|event| &event.kind) {
            Some(EventKind::ExecutionStarted(start)) => start,
            _ => return Err(self.codec(CodecError::Malformed("an execution that does not begin with ExecutionStarted".to_owned()))),
        };
        let digest = start.revision;
        let revision = world.revision(digest).ok_or(RecoveryError::NoRevision { shard: self.shard.id, digest })?;
        let machine = &revision.machine;
        let execution = catching(|| {
            let mut execution = Execution::recover(machine, &events[0]);
            events[1..].iter().for_each(|event| execution.apply(machine, event));
            execution
        });
        let execution = execution.map_err(|Panicked(detail)| self.defect(id, detail))?;
        Ok(Box::new(Live::new(execution, revision, History::default())))
    }

    fn express_started(&mut self, id: ExecutionId, chunk: Chunk<'_>) -> Result<(), RecoveryError> {
        let events = chunk.events().map_err(|source| self.codec(source))?;
        let Some(EventKind::ExecutionStarted(start)) = events.into_iter().next().map(|event| event.kind) else {
            return Err(self.codec(CodecError::Malformed("an Express execution that does not begin with ExecutionStarted".to_owned())));
        };
        // A checkpoint of which only a part was written may have its row already.
        self.express.entry(id).or_insert(OpenExpress { start, has_row: false });
        self.shard.checkpoint.note_change(self.shard.now);
        Ok(())
    }

    fn express_ended(&mut self, id: ExecutionId) {
        if self.express.remove(&id).is_some_and(|open| open.has_row) {
            self.shard.checkpoint.express_rows_gone.push(id);
        }
        self.shard.checkpoint.note_change(self.shard.now);
    }

    fn apply(&self, id: ExecutionId, live: &mut Live, chunk: Chunk<'_>) -> Result<(), RecoveryError> {
        let events = chunk.events().map_err(|source| self.codec(source))?;
        let (machine, execution) = (&live.revision.machine, &mut live.execution);
        catching(|| events.iter().for_each(|event| execution.apply(machine, event))).map_err(|Panicked(detail)| self.defect(id, detail))
    }

    fn defect(&self, execution: ExecutionId, detail: Arc<str>) -> RecoveryError {
        RecoveryError::Defect { shard: self.shard.id, execution, detail }
    }

    fn codec(&self, source: CodecError) -> RecoveryError {
        RecoveryError::Codec { shard: self.shard.id, source }
    }

    fn load_error(&self, id: ExecutionId, error: LoadError) -> RecoveryError {
        match error {
            LoadError::Codec(source) => self.codec(source),
            LoadError::NoRevision(digest) => RecoveryError::NoRevision { shard: self.shard.id, digest },
            LoadError::NotApplied(detail) => self.defect(id, detail),
            LoadError::Store(_) => unreachable!("a recovery is given what was read"),
        }
    }
}

/// What the entry's execution started with, if it begins in it.
fn start_of(entry: Entry<'_>) -> Option<Start> {
    let events = entry.chunk.events().ok().filter(|_| entry.kind() == EntryKind::Events(0))?;
    match events.into_iter().next()?.kind {
        EventKind::ExecutionStarted(start) => Some(*start),
        _ => None,
    }
}

/// Whether the entry's execution has begun in an earlier one.
fn goes_on(entry: &Entry<'_>) -> bool {
    matches!(entry.kind(), EntryKind::Events(position) | EntryKind::MapRun(position) if position > 0)
}
