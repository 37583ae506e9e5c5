//! RedriveExecution. An execution that has ended is only its history: the shard reads it, replays it, and lets the engine go on.

use std::sync::Arc;

use baton_engine::{EventKind, Execution, NotRedrivable, Timestamp};
use bytes::Bytes;
use hashbrown::HashSet;

use super::codec::{CodecError, read_events};
use super::live::{Ended, History, Live, LoadError, Remains, Rows};
use super::start::{CANNOT_READ, SET_ASIDE};
use super::step::{At, Panicked, catching};
use super::stored::StoredEnded;
use super::{Answer, ExecutionId, Output, RedriveError, Shard, ShardInput, World};
use crate::store::StoreError;

/// The engine has met a defect of ours.
const DEFECT: &str = "A defect prevents this execution from being redriven.";

impl<W: World> Shard<W> {
    /// Redrives an execution that is in memory.
    pub(super) fn redrive(
        &mut self,
        id: ExecutionId,
        client_token: Option<Arc<str>>,
        reply: W::Reply,
        world: &mut W,
        out: &mut Vec<Output<W>>,
    ) {
        let result = self.redriven(id, client_token, world, out);
        self.log.hold(Output::Reply(reply, Answer::Redriven(result)), out);
    }

    fn redriven(
        &mut self,
        id: ExecutionId,
        client_token: Option<Arc<str>>,
        world: &mut W,
        out: &mut Vec<Output<W>>,
    ) -> Result<Timestamp, RedriveError> {
        let Remains { execution, revision } = match self.asked_back(id, client_token.as_deref())? {
            Asked::Before(redriven_at) => return Ok(redriven_at),
            Asked::Now(remains) => remains,
        };
        // A copy: if a defect comes in between, nothing was logged and the execution stands as it ended.
        let (mut execution, revision) = (execution.clone(), revision.clone());
        let scratch = &mut self.scratch;
        scratch.clear();
        let decided = catching(|| {
            let env = Live::env(&revision, false, world);
            execution.redrive(&env, client_token.as_ref(), self.now, &mut scratch.decision)
        });
        let redriven_at = decided.map_err(|panicked| defect(id, &panicked))??;
        let mut live = Box::new(Live::new(execution, revision, History::default()));
        let at = At { shard: self.id, id, now: self.now };
        if let Err(panicked) = catching(|| scratch.follow(at, &mut live, world)) {
            scratch.returned_all(out);
            return Err(defect(id, &panicked));
        }
        let ended = self.ended.remove(&id).expect("it was looked at just now");
        live.told_as = Some(Box::new((self.log.open_seq(), ended.summary(id, self.log.durable_seq))));
        live.take_over(*ended);
        self.open_count.opened();
        let announcement = self.scratch.notice(&live, world);
        self.commit(id, live, announcement, out);
        Ok(redriven_at)
    }

    /// What a redrive of an execution that is in memory goes on with, unless it is refused here.
    fn asked_back(&self, id: ExecutionId, client_token: Option<&str>) -> Result<Asked<'_>, RedriveError> {
        let repeated = |execution: &Execution| client_token.and_then(|token| execution.redrive_of_token(token, self.now));
        if let Some(live) = self.live.get(&id) {
            return repeated(&live.execution).map(Asked::Before).ok_or(NotRedrivable::Running.into());
        }
        let ended = self.ended.get(&id).expect("an input is handled when its execution is in memory");
        if ended.record.quarantined.is_some() {
            return Err(RedriveError::Unavailable(SET_ASIDE));
        }
        if ended.record.stop_at.is_some_and(|stopped| stopped < self.forgotten_before) {
            return Err(RedriveError::NoSuchExecution);
        }
        // An execution that has succeeded and was never redriven is not kept: there is nothing to ask it.
        let remains = ended.remains.as_deref().ok_or(NotRedrivable::Succeeded)?;
        Ok(repeated(&remains.execution).map_or(Asked::Now(remains), Asked::Before))
    }

    /// What ended before that time is about to be forgotten: none of it is redriven any more. Answers which executions are kept all
    /// the same, because they have been redriven and the key-value side may not know of it yet, or are given up.
    pub fn begin_forgetting(&mut self, before: Timestamp) -> HashSet<ExecutionId> {
        self.forgotten_before = self.forgotten_before.max(before);
        let live = self.live.iter().filter(|(_, live)| live.execution.redrive_count().count > 0).map(|(id, _)| *id);
        let ended = self.ended.iter().filter(|(_, ended)| ended.record.redrives.count > 0).map(|(id, _)| *id);
        live.chain(ended).chain(self.rebuilding.keys().copied()).chain(self.given_up.keys().copied()).collect()
    }

    /// Asks for the history of an execution that inputs wait for, which must be rebuilt from it.
    pub(super) fn load_history(&mut self, id: ExecutionId, stored: StoredEnded, waiting: Vec<ShardInput<W>>, out: &mut Vec<Output<W>>) {
        self.loading.insert(id, waiting);
        out.push(Output::LoadHistory { id, stored });
    }

    /// The history of an execution that has ended. Inputs that wait for it find the execution in memory, as if it had ended just now.
    pub(super) fn history_loaded(
        &mut self,
        id: ExecutionId,
        stored: StoredEnded,
        result: Result<Vec<Bytes>, StoreError>,
        world: &mut W,
        out: &mut Vec<Output<W>>,
    ) {
        let waiting = self.loading.remove(&id).unwrap_or_default();
        let remains = result.map_err(LoadError::from).and_then(|segments| Remains::of_history(&segments, stored.position, world));
        let remains = match remains {
            Ok(remains) => remains,
            Err(error) => return self.not_read(id, &error, waiting, Self::answer_not_rebuilt, out),
        };
        if let Some(broken) = self.rebuilding.remove(&id) {
            let Remains { execution, revision } = remains;
            self.rebuilt(id, broken, Live::new(execution, revision, History::saved(stored.position)));
            return self.handle_all(waiting, world, out);
        }
        self.ended.insert(id, Box::new(Ended::of_stored(remains, stored.position)));
        self.handle_all(waiting, world, out);
        // What nobody has redriven stays where it was.
        if self.ended.get(&id).is_some_and(|ended| !ended.is_dirty && !ended.is_saving) {
            self.ended.remove(&id);
        }
    }

    fn answer_not_rebuilt(&mut self, input: ShardInput<W>, out: &mut Vec<Output<W>>) {
        match input {
            ShardInput::Redrive { reply, .. } => {
                out.push(Output::Reply(reply, Answer::Redriven(Err(RedriveError::Unavailable(CANNOT_READ)))));
            }
            other => self.answer_ended(other, out),
        }
    }
}

/// What is asked of an execution.
enum Asked<'a> {
    /// What was asked with the same token before, when the redrive came.
    Before(Timestamp),
    /// To go on from here.
    Now(&'a Remains),
}

fn defect(id: ExecutionId, panicked: &Panicked) -> RedriveError {
    tracing::error!(execution = %id, reason = %panicked.0, "a defect has met this execution at its redrive, it stays as it ended");
    RedriveError::Unavailable(DEFECT)
}

impl Remains {
    /// The execution as the first `position` events of its history make it.
    pub(super) fn of_history(segments: &[Bytes], position: u64, world: &mut impl World) -> Result<Self, LoadError> {
        let mut events = Vec::new();
        for segment in segments {
            events.append(&mut read_events(segment)?);
        }
        // A checkpoint of which only a part was written may have left more than the execution is said to have.
        events.truncate(usize::try_from(position).unwrap_or(usize::MAX));
        let Some(EventKind::ExecutionStarted(start)) = events.first().map(|event| &event.kind) else {
            return Err(CodecError::Malformed("a history that does not begin with ExecutionStarted".to_owned()).into());
        };
        if events.len() as u64 != position {
            return Err(CodecError::Truncated.into());
        }
        let revision = world.revision(start.revision).ok_or(LoadError::NoRevision(start.revision))?;
        let machine = &revision.machine;
        let execution = catching(|| {
            let mut execution = Execution::recover(machine, &events[0]);
            events[1..].iter().for_each(|event| execution.apply(machine, event));
            execution
        });
        let execution = execution.map_err(|Panicked(text)| LoadError::NotApplied(text))?;
        Ok(Self { execution, revision })
    }
}

impl Ended {
    /// One that was rebuilt from what the key-value side has of it, and of which that has everything.
    pub(super) fn of_stored(remains: Remains, position: u64) -> Self {
        Self {
            record: Box::new(super::record(&remains.execution, &remains.revision, None)),
            history: History::saved(position),
            first_seq: 0,
            last_seq: 0,
            rows: Rows { is_indexed: true, timer: None, has_tasks: false },
            is_dirty: false,
            is_saving: false,
            remains: Some(Box::new(remains)),
        }
    }
}

impl Live {
    /// The execution as it stood when it ended, to be carried on by what the log says of it; `None` if nothing can follow.
    pub(super) fn of_ended(mut ended: Ended) -> Option<Self> {
        let Remains { execution, revision } = *ended.remains.take()?;
        let mut live = Self::new(execution, revision, History::default());
        live.take_over(ended);
        Some(live)
    }

    /// The execution that had ended goes on in this one: its history, and what is written of it.
    pub(super) fn take_over(&mut self, ended: Ended) {
        self.history = ended.history;
        self.first_seq = ended.first_seq;
        // The line of the list tells of an end that is none any more.
        self.rows = Rows { is_indexed: false, ..ended.rows };
        self.is_dirty = ended.is_dirty;
    }
}
