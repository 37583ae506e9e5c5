//! An execution in memory, and what the shard knows about it beyond what the engine does.

use std::sync::Arc;

use baton_engine::{
    Claim, Env, EventKind, Execution, ExecutionChange, Holder, Input, Outstanding, RedriveCount, Rejected, Status, TaskRef, Timestamp,
    decode_with_table, encode_with_table,
};
use bytes::Bytes;
use smallvec::SmallVec;

use super::codec::{Chunks, CodecError, read_chunks, read_events};
use super::express::Express;
use super::log::is_passing;
use super::stored::{StoredEnded, StoredLive, StoredTask, StoredTasks};
use super::{ExecutionRecord, ExecutionSummary, Revision, World};
use crate::shard::ExecutionId;
use crate::store::StoreError;

/// An execution that runs.
pub(super) struct Live {
    pub(super) execution: Execution,
    pub(super) revision: Arc<Revision>,
    /// Tasks without an outcome.
    pub(super) tasks: SmallVec<[OpenTask; 1]>,
    /// Its history.
    pub(super) history: History,
    /// Batch of its first event, if that has come since the shard was opened.
    pub(super) first_seq: u64,
    /// Batch of its last event.
    pub(super) last_seq: u64,
    /// The earliest timer that has been asked for.
    pub(super) timer_at: Option<Timestamp>,
    /// Rows that it has in the key-value side.
    pub(super) rows: Rows,
    /// Whether it stands in the list of those that the next checkpoint writes.
    pub(super) is_dirty: bool,
    /// Whether it is to go on in the next batch.
    pub(super) is_yielded: bool,
    /// Why it is set aside.
    pub(super) quarantined: Option<Arc<str>>,
    /// As it is listed until the batch with its redrive is durable.
    pub(super) told_as: Option<Box<(u64, ExecutionSummary)>>,
    /// What there is to know of it when its state machine is an Express one.
    pub(super) express: Option<Box<Express>>,
}

/// Which rows beside its own an execution has in the key-value side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rows {
    /// A row in the index.
    pub(super) is_indexed: bool,
    /// A timer row, for this time.
    pub(super) timer: Option<Timestamp>,
    /// A row of open tasks.
    pub(super) has_tasks: bool,
}

/// Events of an execution: how many, and those that the key-value side does not have.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Events so far, internal ones included.
    pub(super) events: u64,
    /// Of those, what the key-value side has.
    pub(super) saved_events: u64,
    /// What the checkpoint under way is writing, and up to which event.
    pub(super) saving: Option<(Bytes, u64)>,
    /// What has come after that.
    pub(super) unsaved: Chunks,
}

impl History {
    /// A history of which the key-value side has everything.
    pub(super) fn saved(events: u64) -> Self {
        Self { events, saved_events: events, saving: None, unsaved: Chunks::default() }
    }

    /// Appends a chunk.
    pub(super) fn push(&mut self, chunk: &[u8], event_count: u32) {
        self.unsaved.push(chunk);
        self.events += u64::from(event_count);
    }

    /// What the key-value side does not have, in order.
    pub(super) fn parts(&self) -> Vec<Bytes> {
        let saving = self.saving.iter().map(|(bytes, _)| bytes.clone());
        let unsaved = (!self.unsaved.is_empty()).then(|| self.unsaved.to_bytes());
        saving.chain(unsaved).collect()
    }

    /// Moves what is unsaved into the checkpoint that begins; answers its first position and its bytes.
    pub(super) fn begin_saving(&mut self) -> Option<(u64, Bytes)> {
        debug_assert!(self.saving.is_none(), "a shard has one checkpoint under way at most");
        if self.unsaved.is_empty() {
            return None;
        }
        let bytes = self.unsaved.take();
        self.saving = Some((bytes.clone(), self.events));
        Some((self.saved_events, bytes))
    }

    /// The checkpoint is durable.
    pub(super) fn saved_all(&mut self) {
        if let Some((_, upto)) = self.saving.take() {
            self.saved_events = upto;
        }
    }
}

/// A task without an outcome.
#[derive(Clone, Debug)]
pub(super) struct OpenTask {
    pub(super) task: TaskRef,
    pub(super) is_function: bool,
    pub(super) holder: TaskHolder,
}

/// Where a task is.
#[derive(Clone, Debug)]
pub(super) enum TaskHolder {
    /// In this queue.
    Queued(Arc<str>),
    /// With whoever holds this claim.
    Claimed(Claim),
    /// Nowhere: it is about to be placed, or to be refused.
    Unplaced,
    /// With nobody: its request is answered, and its token is out.
    Submitted,
}

impl Live {
    /// A fresh one, or one whose history is all in the key-value side.
    pub(super) fn new(execution: Execution, revision: Arc<Revision>, history: History) -> Self {
        Self {
            execution,
            revision,
            tasks: SmallVec::new(),
            history,
            first_seq: 0,
            last_seq: 0,
            timer_at: None,
            rows: Rows::default(),
            is_dirty: false,
            is_yielded: false,
            quarantined: None,
            told_as: None,
            express: None,
        }
    }

    /// From what the key-value side has.
    pub(super) fn from_stored(stored: &StoredLive, world: &mut impl World) -> Result<Self, LoadError> {
        let execution: Execution = decode_with_table(&stored.snapshot).map_err(|error| CodecError::Malformed(error.to_string()))?;
        let digest = execution.started().revision;
        let revision = world.revision(digest).ok_or(LoadError::NoRevision(digest))?;
        let mut live = Self::new(execution, revision, History::saved(stored.position));
        live.rows = Rows { is_indexed: true, timer: stored.timer_row, has_tasks: stored.has_tasks_row };
        Ok(live)
    }

    /// Applies the events of a history that begins at `position`, except those that it has seen; answers the position after them. The
    /// snapshot may have been written by a checkpoint whose end nobody has heard of yet.
    pub(super) fn replay(&mut self, mut position: u64, part: &[u8]) -> Result<u64, CodecError> {
        for chunk in read_chunks(part)? {
            if position >= self.history.events {
                let events = chunk.events()?;
                events.iter().for_each(|event| self.execution.apply(&self.revision.machine, event));
            }
            position += u64::from(chunk.event_count);
        }
        Ok(position)
    }

    /// Takes over the open tasks that the engine knows of, after the execution was read back. Whatever nobody has is `Unplaced` until
    /// it has been placed.
    pub(super) fn recall_tasks(&mut self) {
        let open = self.execution.outstanding(&self.revision.machine).map(|outstanding| OpenTask {
            task: outstanding.activation.task,
            is_function: outstanding.activation.target.is_lambda(),
            holder: match outstanding.claim {
                Some(_) if outstanding.is_submitted => TaskHolder::Submitted,
                Some(claim) if !claim.is_nobody() => TaskHolder::Claimed(claim),
                Some(_) | None => TaskHolder::Unplaced,
            },
        });
        self.tasks = open.collect();
    }

    /// The open task of this attempt.
    pub(super) fn task(&self, task: TaskRef) -> Option<&OpenTask> {
        self.tasks.iter().find(|open| open.task == task)
    }

    /// Takes the open task of this attempt off the list.
    pub(super) fn remove_task(&mut self, task: TaskRef) -> Option<OpenTask> {
        let index = self.tasks.iter().position(|open| open.task == task)?;
        Some(self.tasks.swap_remove(index))
    }

    /// The open task of this attempt is somewhere else now.
    pub(super) fn hold_task(&mut self, task: TaskRef, holder: TaskHolder) {
        if let Some(open) = self.tasks.iter_mut().find(|open| open.task == task) {
            open.holder = holder;
        }
    }

    /// Whether what is reported for a task is reported by whoever holds it.
    pub(super) fn check_claim(&self, input: &Input, claim_id: u64) -> Result<(), Rejected> {
        let task = match input {
            Input::TaskSucceeded { task, .. }
            | Input::TaskFailed { task, .. }
            | Input::TaskHeartbeat { task }
            | Input::TaskSubmitted { task, .. } => *task,
            Input::TaskStarted { .. }
            | Input::TaskRegranted { .. }
            | Input::TaskRefused { .. }
            | Input::Tick
            | Input::Continue
            | Input::MapRunEnded { .. }
            | Input::Stop { .. }
            | Input::StopChild { .. } => return Ok(()),
        };
        match self.task(task).map(|open| &open.holder) {
            Some(TaskHolder::Claimed(claim)) if claim.claim_id != claim_id => Err(Rejected::AlreadyClaimed),
            // It may be the outcome of a run before a restart.
            Some(TaskHolder::Queued(_) | TaskHolder::Unplaced) if self.express.is_some() => Err(Rejected::AlreadyClaimed),
            Some(TaskHolder::Claimed(_) | TaskHolder::Queued(_) | TaskHolder::Unplaced | TaskHolder::Submitted) | None => Ok(()),
        }
    }

    /// What is to be done for the open task of this attempt.
    pub(super) fn outstanding(&self, task: TaskRef) -> Option<Outstanding> {
        self.execution.outstanding_task(&self.revision.machine, task)
    }

    /// Where it decides.
    pub(super) fn env<'a>(revision: &'a Revision, is_express: bool, world: &'a impl World) -> Env<'a> {
        let limits = if is_express { world.express_limits() } else { world.limits() };
        Env { machine: &revision.machine, limits, services: world.services() }
    }

    /// As DescribeExecution shows it.
    pub(super) fn record(&self) -> ExecutionRecord {
        record(&self.execution, &self.revision, self.quarantined.clone())
    }

    /// The snapshot, as the key-value side gets it.
    pub(super) fn stored(&self) -> StoredLive {
        let mut snapshot = Vec::with_capacity(512);
        encode_with_table(&self.execution, &mut snapshot);
        StoredLive {
            position: self.history.events,
            timer_row: self.rows.timer,
            has_tasks_row: self.rows.has_tasks,
            snapshot: Bytes::from(snapshot),
        }
    }

    /// The open tasks, as the key-value side gets them; `None` if there are none that a restart must know of.
    pub(super) fn stored_tasks(&self) -> Option<StoredTasks> {
        let stored = |open: &OpenTask| {
            let (queue, claim) = match &open.holder {
                TaskHolder::Queued(queue) => (Some(queue.clone()), None),
                TaskHolder::Claimed(claim) => (None, Some(claim.clone())),
                TaskHolder::Unplaced | TaskHolder::Submitted => return None,
            };
            Some(StoredTask { task: open.task, queue, claim, is_function: open.is_function })
        };
        let tasks: Vec<_> = self.tasks.iter().filter_map(stored).collect();
        (!tasks.is_empty()).then_some(StoredTasks(tasks))
    }

    /// Whether a session or this process itself holds one of its tasks.
    pub(super) fn is_held(&self) -> bool {
        self.tasks.iter().any(|open| match &open.holder {
            TaskHolder::Claimed(claim) => match claim.holder {
                Holder::Session | Holder::Process => true,
                Holder::Poller => false,
            },
            TaskHolder::Unplaced => true,
            TaskHolder::Queued(_) | TaskHolder::Submitted => false,
        })
    }

    /// The line of the list.
    pub(super) fn summary(&self, id: ExecutionId) -> ExecutionSummary {
        ExecutionSummary::running(id, self.execution.started(), self.execution.redrive_count())
    }

    /// The line of the list, as it is told. A redrive that is not durable yet is not.
    pub(super) fn told(&self, id: ExecutionId, durable_seq: u64) -> ExecutionSummary {
        match self.told_as.as_deref() {
            Some((seq, before)) if *seq > durable_seq => before.clone(),
            Some(_) | None => self.summary(id),
        }
    }
}

/// Why an execution could not be read back.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error("the catalog has no revision {0:032x}")]
    NoRevision(u128),
    #[error("events that cannot be applied: {0}")]
    NotApplied(Arc<str>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LoadError {
    /// Whether the same may be read later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            LoadError::Store(error) => is_passing(error),
            LoadError::Codec(_) | LoadError::NoRevision(_) | LoadError::NotApplied(_) => false,
        }
    }
}

/// An execution that has ended and that the key-value side does not have yet, or not as it ended.
pub(super) struct Ended {
    pub(super) record: Box<ExecutionRecord>,
    pub(super) history: History,
    pub(super) last_seq: u64,
    /// Batch of its first event, if that has come since the shard was opened.
    pub(super) first_seq: u64,
    pub(super) rows: Rows,
    /// Whether it stands in the list of those that the next checkpoint writes.
    pub(super) is_dirty: bool,
    /// Whether the checkpoint under way writes it.
    pub(super) is_saving: bool,
    /// What a redrive goes on with; `None` when there is nothing to go on with.
    pub(super) remains: Option<Box<Remains>>,
}

/// An execution as it stood when it ended.
pub(super) struct Remains {
    pub(super) execution: Execution,
    pub(super) revision: Arc<Revision>,
}

impl Ended {
    /// What is left of an execution when it has ended.
    pub(super) fn of(live: Live) -> Self {
        let record = Box::new(live.record());
        let Live { execution, revision, history, first_seq, last_seq, rows, is_dirty, .. } = live;
        let is_over = execution.status() == Status::Succeeded && execution.redrive_count().count == 0;
        let remains = (!is_over).then(|| Box::new(Remains { execution, revision }));
        Self { record, history, first_seq, last_seq, rows, is_dirty, is_saving: false, remains }
    }

    /// What is left of an Express execution that is kept.
    pub(super) fn of_express(record: ExecutionRecord, history: History, seq: u64, is_dirty: bool) -> Self {
        let rows = Rows::default();
        let record = Box::new(ExecutionRecord { events: history.events, ..record });
        Self { record, history, first_seq: seq, last_seq: seq, rows, is_dirty, is_saving: false, remains: None }
    }

    /// The line of the list. An end that is not durable yet is not told.
    pub(super) fn summary(&self, id: ExecutionId, durable_seq: u64) -> ExecutionSummary {
        let running = ExecutionSummary::running(id, &self.record.start, self.record.redrives);
        if self.last_seq > durable_seq {
            return running;
        }
        ExecutionSummary { status: self.record.status, stop_at: self.record.stop_at, ..running }
    }
}

/// As DescribeExecution shows it.
pub(crate) fn record(execution: &Execution, revision: &Revision, quarantined: Option<Arc<str>>) -> ExecutionRecord {
    ExecutionRecord {
        start: Arc::new(execution.started().clone()),
        status: execution.status(),
        output: execution.output().cloned(),
        failure: execution.failure().cloned(),
        stop_at: execution.stopped_at(),
        events: execution.next_event_id() - 1,
        redrives: execution.redrive_count(),
        map_run_redrive: execution.map_run_redrive(),
        waiting: execution.waiting(&revision.machine),
        quarantined,
    }
}

/// As DescribeExecution shows an execution whose history is this one segment; `None` if that does not come to an end, or went on after one.
pub(crate) fn record_of_whole_history(segment: &[u8]) -> Result<Option<ExecutionRecord>, CodecError> {
    let events = read_events(segment)?;
    let is_redriven = events.iter().any(|event| matches!(event.kind, EventKind::ExecutionRedriven { .. }));
    let ends = events.last().and_then(|last| last.kind.execution_change()).is_some_and(|change| change.is_end());
    let stored = StoredEnded {
        position: events.len() as u64,
        events: events.iter().filter(|event| event.kind.is_public()).count() as u64,
        stop_at: events.last().map_or(Timestamp::MIN, |last| last.at),
        has_succeeded: false,
        redrives: RedriveCount::default(),
    };
    if ends && !is_redriven { record_of_history(segment, segment, &stored).map(Some) } else { Ok(None) }
}

/// As DescribeExecution shows an execution of which only its history is left: its first segment and the last one up to its end.
pub(crate) fn record_of_history(first: &[u8], last: &[u8], stored: &StoredEnded) -> Result<ExecutionRecord, CodecError> {
    let malformed = |what: &str| CodecError::Malformed(what.to_owned());
    let first = read_chunks(first)?.first().ok_or(CodecError::Truncated)?.events()?;
    let last = read_chunks(last)?.last().ok_or(CodecError::Truncated)?.events()?;
    let Some(EventKind::ExecutionStarted(start)) = first.into_iter().next().map(|event| event.kind) else {
        return Err(malformed("a history that does not begin with ExecutionStarted"));
    };
    let end = last.into_iter().next_back().ok_or(CodecError::Truncated)?;
    let change = end.kind.execution_change().filter(ExecutionChange::is_end);
    let ExecutionChange { status, output, failure } = change.ok_or_else(|| malformed("a history of an ended execution without an end"))?;
    let (output, failure) = (output.cloned(), failure.cloned());
    let start: Arc<baton_engine::Start> = Arc::from(start);
    let StoredEnded { events, redrives, .. } = *stored;
    let stop_at = Some(end.at);
    let map_run_redrive = start.map_child.as_ref().map_or(0, |child| child.redrive);
    let (waiting, quarantined) = (Vec::new(), None);
    Ok(ExecutionRecord { start, status, output, failure, stop_at, events, redrives, map_run_redrive, waiting, quarantined })
}
