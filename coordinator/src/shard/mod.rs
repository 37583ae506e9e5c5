//! A shard: the single writer of its executions.
//!
//! [`Shard::step`] is a function from an input and the time to outputs: no clock, no IO, no waiting. What it must know at once it asks
//! its [`World`]. Memory runs ahead of the log: a step decides and applies, its events go into the open batch, and whatever follows
//! from them (answers, grants, calls) is held until that batch is durable. `cluster::host` runs shards over a real store.
//!
//! Executions that run are in memory while something happens to them. Those that only wait leave it entirely once a checkpoint has
//! written them: the key-value side says whether an execution exists, a timer row when it is due. Ended ones leave it at once; one that is redriven
//! comes back by a replay of its history.

mod answer;
mod checkpoint;
pub mod codec;
mod elsewhere;
mod execution_id;
mod express;
mod express_pool;
mod given_up;
mod held;
mod input;
mod list;
mod live;
mod log;
mod map_run;
mod open_count;
mod output;
mod quarantine;
mod read;
mod record;
mod recovery;
mod redrive;
mod revisions;
mod start;
mod step;
mod stored;
mod tasks;
mod world;

pub use answer::*;
pub use codec::{CodecError, read_chunk, read_events};
pub use execution_id::ExecutionId;
pub use express::{ExpressEnd, ExpressStart};
pub use express_pool::{ExpressLimits, ExpressPermit, ExpressPool};
pub use input::ShardInput;
pub use list::*;
pub use map_run::{
    ChildReport, ItemsRead, MapRunAnswer, MapRunChanges, MapRunContext, MapRunMessage, MapRunOrder, MapRunOrderKind, MapRunQuestion,
    MapRunRecord, WrittenResults, map_run_arn,
};
pub use output::{Grant, Output};
pub use record::ExecutionRecord;
pub use recovery::{HeldClaim, Recovering, RecoveryError};
pub use revisions::{Activities, Functions, LogLevel, Logging, Revision, Revisions};
pub use world::{PlaceRequest, Placement, QueuedTask, StepEvents, World};

pub(crate) use checkpoint::{listed_under, state_machine_hash};
pub(crate) use live::{record, record_of_history, record_of_whole_history};
pub(crate) use map_run::{child_arn, labelled_machine_arn, map_run_id, map_run_record, runs_of};
pub use stored::StoredEnded;
#[cfg(test)]
pub(crate) use stored::{Retained, encode_value};
pub(crate) use stored::{Stored, StoredIndexEntry, StoredRetention, decode_value};

use std::collections::VecDeque;

use baton_engine::{Input, Timestamp};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::store::{ShardId, StoreError};
use checkpoint::CheckpointState;
use express::{ExpressTimers, OpenExpress};
use given_up::GivenUp;
use live::{Ended, Live};
use log::Log;
use map_run::{OpenMapRun, UntoldEnd};
use open_count::OpenCount;
use step::Scratch;

type Map<K, V> = HashMap<K, V, FixedState>;

/// Executions that are due sooner than this stay in memory, milliseconds.
const EVICT_IF_DUE_AFTER: i64 = 30_000;

/// The single writer of its executions. See the module.
pub struct Shard<W: World> {
    id: ShardId,
    /// The latest time that it was told; time does not run backwards in a log.
    now: Timestamp,
    log: Log<W>,
    live: Map<ExecutionId, Box<Live>>,
    /// Ended since the last checkpoint.
    ended: Map<ExecutionId, Box<Ended>>,
    /// Express executions that a restart found open and that do not run yet. Whatever comes for one of them finds it running.
    open_express: Map<ExecutionId, OpenExpress>,
    /// Being read from the key-value side, with what waits for them.
    loading: Map<ExecutionId, Vec<ShardInput<W>>>,
    /// Set aside while their snapshot is read again.
    rebuilding: Map<ExecutionId, Box<Live>>,
    /// Executions of which a defect has met a step; some of them may have been stopped since.
    quarantined: HashSet<ExecutionId>,
    /// Executions that no input reaches any more.
    given_up: Map<ExecutionId, GivenUp>,
    /// Who waits for an end.
    waiting_for_end: Map<ExecutionId, Vec<W::Reply>>,
    watchers: Map<ExecutionId, Vec<W::Watcher>>,
    express_timers: ExpressTimers,
    /// Map Runs that have not ended, or whose end is not written yet.
    map_runs: Map<ExecutionId, OpenMapRun>,
    /// Map Runs that are being read to be redriven.
    loading_map_runs: usize,
    /// Ends of children that their Map Runs have not heard of.
    untold_ends: Map<ExecutionId, UntoldEnd>,
    /// Inputs that came while the log was held up, in order.
    backlog: VecDeque<ShardInput<W>>,
    /// The shard's own inputs for the next batch.
    own: VecDeque<ShardInput<W>>,
    open_count: OpenCount,
    checkpoint: CheckpointState,
    /// Timers before this time are asked for at once; later ones are read from their rows in time.
    horizon: Timestamp,
    /// Executions that ended before this time are being forgotten.
    forgotten_before: Timestamp,
    /// Why the store no longer takes anything from this shard.
    lost: Option<StoreError>,
    /// Nobody gets another turn: see [`Self::stop_turns`].
    is_stopping: bool,
    scratch: Scratch<W>,
}

impl<W: World> Shard<W> {
    /// A shard whose log ends with batch `seq` and that knows of nothing yet.
    fn new(id: ShardId, seq: u64, now: Timestamp, horizon: Timestamp) -> Self {
        Self {
            id,
            now,
            log: Log::new(seq),
            live: Map::default(),
            ended: Map::default(),
            open_express: Map::default(),
            loading: Map::default(),
            rebuilding: Map::default(),
            quarantined: HashSet::new(),
            given_up: Map::default(),
            waiting_for_end: Map::default(),
            watchers: Map::default(),
            express_timers: ExpressTimers::default(),
            map_runs: Map::default(),
            loading_map_runs: 0,
            untold_ends: Map::default(),
            backlog: VecDeque::new(),
            own: VecDeque::new(),
            open_count: OpenCount::default(),
            checkpoint: CheckpointState::default(),
            horizon,
            forgotten_before: Timestamp::MIN,
            lost: None,
            is_stopping: false,
            scratch: Scratch::default(),
        }
    }

    /// Which one it is.
    pub fn id(&self) -> ShardId {
        self.id
    }

    /// Timers before this time are asked for at once from now on. The rows of those in between that are not in memory are the caller's
    /// to read.
    pub fn set_horizon(&mut self, horizon: Timestamp, out: &mut Vec<Output<W>>) {
        self.horizon = self.horizon.max(horizon);
        let horizon = self.horizon;
        self.live.iter_mut().for_each(|(id, live)| step::ask_for_timer(*id, live, horizon, out));
    }

    /// Executions in memory that run.
    pub fn live_count(&self) -> usize {
        self.live.len()
    }

    /// Standard executions that have begun and not ended, in memory or not.
    pub fn open_count(&self) -> u64 {
        self.open_count.get()
    }

    /// Inputs that it holds back.
    pub fn backlog_len(&self) -> usize {
        self.backlog.len() + self.loading.len()
    }

    /// Why the store no longer takes anything from this shard; `None` as long as it does.
    pub fn lost(&self) -> Option<&StoreError> {
        self.lost.as_ref()
    }

    /// Whether the store has refused batches that come again with [`ShardInput::Retry`].
    pub fn wants_retry(&self) -> bool {
        self.lost.is_none() && self.log.is_refused()
    }

    /// Whether nothing is under way and everything that was decided is durable.
    pub fn is_settled(&self) -> bool {
        self.lost.is_some() || (self.log.is_settled() && self.own.is_empty() && self.backlog.is_empty() && self.loading.is_empty())
    }

    /// Whether [`resume`](Self::resume) would find something to do.
    pub fn wants_turn(&self) -> bool {
        self.lost.is_none() && !self.log.is_blocked() && !(self.own.is_empty() && self.backlog.is_empty())
    }

    /// Handles one input.
    pub fn step(&mut self, now: Timestamp, input: ShardInput<W>, world: &mut W, out: &mut Vec<Output<W>>) {
        self.now = self.now.max(now);
        if self.lost.is_some() {
            return self.turn_away(input, out);
        }
        let must_wait = !input.is_light() && (self.log.is_blocked() || !self.backlog.is_empty());
        if must_wait && !input.needs().is_some_and(|id| self.is_light_express(id)) {
            self.backlog.push_back(input);
            return;
        }
        self.handle(input, world, out);
    }

    /// From now on executions that have yielded stay as they are: the next start goes on with them. Everything else is still handled.
    pub fn stop_turns(&mut self) {
        self.is_stopping = true;
        self.own.retain(|input| !matches!(input, ShardInput::Send { input: Input::Continue, .. }));
    }

    /// Goes on with what was held back, as far as the open batch has room and the world has time. Sends the open batch on its way.
    pub fn resume(&mut self, now: Timestamp, world: &mut W, out: &mut Vec<Output<W>>) {
        self.now = self.now.max(now);
        self.log.close(out);
        // Own inputs that come up meanwhile are for the next turn, so that an execution that loops does not keep the others waiting.
        for _ in 0..self.own.len() {
            if self.log.is_blocked() || world.is_round_over() {
                break;
            }
            let Some(input) = self.own.pop_front() else { break };
            self.handle(input, world, out);
        }
        while !self.log.is_blocked() && !world.is_round_over() {
            let Some(input) = self.backlog.pop_front() else { break };
            self.handle(input, world, out);
        }
        self.log.close(out);
    }

    fn handle(&mut self, input: ShardInput<W>, world: &mut W, out: &mut Vec<Output<W>>) {
        if let Some(id) = input.about()
            && let Some(open) = self.open_express.remove(&id)
        {
            self.run_again(id, open, world, out);
        }
        if let Some(id) = input.needs()
            && !self.live.contains_key(&id)
            && !self.ended.contains_key(&id)
        {
            if self.given_up.contains_key(&id) {
                return self.reject(input, &SendError::Unavailable(start::SET_ASIDE), out);
            }
            return self.load(id, input, out);
        }
        match input {
            ShardInput::Start { start, reply } | ShardInput::StartAgain { start, reply } => self.start_known(*start, reply, out),
            ShardInput::RunAgain { .. } => {}
            ShardInput::StartExpress { start, how } => self.start_express(*start, how, world, out),
            ShardInput::Send { id, input, claim_id, reply } => self.send(id, input, claim_id, reply, world, out),
            ShardInput::SlotFree { id, task, slot, claim } => self.slot_free(id, task, slot, claim, world, out),
            ShardInput::Claim { id, task, slot, claim } => self.claim(id, task, slot, claim, world, out),
            ShardInput::Assert { id, task, claim, reply } => self.assert_claim(id, task, claim, reply, out),
            ShardInput::HolderLost { id, task, claim_id } => self.holder_lost(id, task, claim_id, world, out),
            ShardInput::GrantLost { id, task, claim_id } => self.grant_lost(id, task, claim_id, world, out),
            ShardInput::Place { id, task } => self.place(id, task, world, out),
            ShardInput::Redrive { id, client_token, reply } => self.redrive(id, client_token, reply, world, out),
            ShardInput::Task { id, task, reply } => self.look_at_task(id, task, reply, out),
            ShardInput::Describe { id, reply } => self.describe(id, reply, out),
            ShardInput::History { id, reply } => self.history(id, reply, out),
            ShardInput::WaitEnd { id, is_absent_running, reply } => self.wait_end(id, is_absent_running, reply, out),
            ShardInput::Watch { id, watcher, reply } => self.watch(id, watcher, reply, out),
            ShardInput::MapRun { id, message, reply } => self.map_run(id, message, reply, world, out),
            ShardInput::EndsHeard(ids) => self.ends_heard(ids),
            ShardInput::Due { id, until } => self.due(id, until, world, out),
            ShardInput::Wake => self.wake(world, out),
            ShardInput::Loaded { id, result } => self.loaded(id, result, world, out),
            ShardInput::HistoryLoaded { id, stored, result } => self.history_loaded(id, stored, result, world, out),
            ShardInput::Durable { seq, result } => self.durable(seq, result, out),
            ShardInput::Retry => self.log.retry(out),
            ShardInput::Checkpointed { result } => self.checkpointed(result),
            ShardInput::Lost { error } => self.lose(&error, out),
        }
        self.log.close_if_full(out);
    }

    /// Sets the input aside until the key-value side has told what it has of the execution.
    fn load(&mut self, id: ExecutionId, input: ShardInput<W>, out: &mut Vec<Output<W>>) {
        let waiting = self.loading.entry(id).or_insert_with(|| {
            out.push(Output::Load(id));
            Vec::with_capacity(1)
        });
        waiting.push(input);
    }
}
