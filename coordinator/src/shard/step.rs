//! One step of one execution: decide, find somebody for the tasks that come out of it, and put the events into the open batch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use baton_engine::{Claim, Decision, Effect, Execution, Input, Outstanding, Rejected, Start, TaskActivation, TaskRef, Timestamp, Verdict};
use bytes::Bytes;

use super::express::Express;
use super::live::{Ended, History, Live, OpenTask, TaskHolder};
use super::map_run::MapRunEffect;
use super::{Answer, ExecutionId, Grant, Output, PlaceRequest, Placement, Revision, Seen, Shard, ShardInput, StepEvents, World};
use crate::store::ShardId;
use crate::telemetry::trace::header_of_attempt;

/// Memory that is used again by each step.
pub(super) struct Scratch<W: World> {
    pub(super) decision: Decision,
    /// What the step asks for, once it is durable.
    pub(super) held: Vec<Output<W>>,
    /// What the shard does next by itself.
    pub(super) own: Vec<ShardInput<W>>,
    /// Slots that were reserved in vain.
    pub(super) returned: Vec<W::Slot>,
    /// What the step asks for about Map Runs.
    pub(super) map_runs: Vec<MapRunEffect>,
    pub(super) yielded: bool,
    pub(super) ended: bool,
}

impl<W: World> Default for Scratch<W> {
    fn default() -> Self {
        Self {
            decision: Decision::default(),
            held: Vec::new(),
            own: Vec::new(),
            returned: Vec::new(),
            map_runs: Vec::new(),
            yielded: false,
            ended: false,
        }
    }
}

/// Whose step it is, and when.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) shard: ShardId,
    pub(super) id: ExecutionId,
    pub(super) now: Timestamp,
}

/// A defect of ours: `decide` has panicked. What it said.
pub(super) struct Panicked(pub(super) Arc<str>);

impl<W: World> Shard<W> {
    /// Starts an execution that does not exist yet.
    pub(super) fn create(
        &mut self,
        id: ExecutionId,
        revision: Arc<Revision>,
        start: Start,
        express: Option<Box<Express>>,
        world: &mut W,
        out: &mut Vec<Output<W>>,
    ) -> Result<(), Panicked> {
        let scratch = &mut self.scratch;
        scratch.clear();
        let execution = catching(|| Execution::start(&Live::env(&revision, express.is_some(), world), start, &mut scratch.decision))?;
        let mut live = Box::new(Live::new(execution, revision, History::default()));
        live.first_seq = self.log.open_seq();
        live.express = express;
        let at = At { shard: self.id, id, now: self.now };
        let outcome = catching(|| scratch.follow(at, &mut live, world));
        // Nothing of it was logged, so there is nothing to set aside: the start is answered and forgotten.
        outcome.inspect_err(|_| scratch.returned_all(out))?;
        let announcement = self.scratch.notice(&live, world);
        if live.express.is_none() {
            self.open_count.opened();
        }
        self.commit(id, live, announcement, out);
        Ok(())
    }

    /// Gives `input` to an execution that is in memory and runs.
    pub(super) fn advance(
        &mut self,
        id: ExecutionId,
        input: Input,
        world: &mut W,
        out: &mut Vec<Output<W>>,
    ) -> Result<Result<Verdict, Rejected>, Panicked> {
        let mut live = self.live.remove(&id).expect("the execution that steps is in memory");
        let (scratch, at) = (&mut self.scratch, At { shard: self.id, id, now: self.now });
        scratch.clear();
        let closes = closes(&input);
        let outcome = catching(|| {
            let env = Live::env(&live.revision, live.express.is_some(), world);
            let verdict = live.execution.decide(&env, input, at.now, &mut scratch.decision)?;
            if verdict == Verdict::Applied {
                closes.apply(at.id, &mut live, world);
            }
            scratch.follow(at, &mut live, world);
            Ok(verdict)
        });
        match outcome {
            Ok(verdict) => {
                let announcement = self.scratch.notice(&live, world);
                self.commit(id, live, announcement, out);
                Ok(verdict)
            }
            Err(panicked) => {
                self.scratch.returned_all(out);
                if live.express.is_some() {
                    self.fail_express(id, live, &panicked.0, world, out);
                    return Err(panicked);
                }
                self.quarantine(id, live, panicked.0.clone(), out);
                Err(panicked)
            }
        }
    }

    /// Commits the start of a task that was not placed when it was scheduled, or that it goes to somebody else because its grant has not
    /// left. `None` if nobody can have it any more.
    pub(super) fn start_task(
        &mut self,
        id: ExecutionId,
        task: TaskRef,
        claim: Claim,
        world: &mut W,
        out: &mut Vec<Output<W>>,
    ) -> Option<Box<Grant>> {
        let live = self.live.get(&id)?;
        let Outstanding { activation, claim: committed, .. } = live.outstanding(task)?;
        let input = match committed {
            None => Input::TaskStarted { task, claim: claim.clone() },
            Some(nobody) => Input::TaskRegranted { task, lost: nobody.claim_id, claim: claim.clone() },
        };
        match self.advance(id, input, world, out) {
            Ok(Ok(Verdict::Applied)) => {}
            Ok(Ok(Verdict::Duplicate) | Err(_)) | Err(Panicked(_)) => return None,
        }
        // The step has committed; the execution may have ended by reaching its last event.
        let live = self.live.get_mut(&id)?;
        live.hold_task(task, TaskHolder::Claimed(claim.clone()));
        Some(Box::new(grant(id, live, activation, claim)))
    }

    /// Puts the step's events into the open batch, and what follows from them behind it.
    pub(super) fn commit(&mut self, id: ExecutionId, mut live: Box<Live>, announcement: Option<W::Announcement>, out: &mut Vec<Output<W>>) {
        if live.express.is_some() {
            return self.commit_express(id, live, announcement, out);
        }
        let events = &self.scratch.decision.events;
        if !events.is_empty() {
            let place = self.log.batch.append(id, live.history.events, events);
            let chunk = self.log.batch.chunk(place);
            live.history.push(chunk, events.len() as u32);
            live.last_seq = self.log.open_seq();
            if let Some(watchers) = self.watchers.get(&id) {
                let chunk = Bytes::copy_from_slice(chunk);
                let seen = watchers.iter().map(|watcher| Output::Watched(watcher.clone(), chunk.clone()));
                seen.for_each(|output| self.log.hold(output, out));
            }
            if let Some(announcement) = announcement {
                self.log.hold(Output::Announce(announcement), out);
            }
            self.checkpoint.touch(id, &mut live.is_dirty, self.now);
        }
        out.extend(self.scratch.returned.drain(..).map(Output::Return));
        for output in self.scratch.held.drain(..) {
            self.log.hold(output, out);
        }
        for effect in std::mem::take(&mut self.scratch.map_runs) {
            self.follow_map_run(id, effect, &live.revision, out);
        }
        if self.scratch.ended {
            return self.end(id, *live, out);
        }
        self.own.extend(self.scratch.own.drain(..));
        live.is_yielded = self.scratch.yielded;
        if live.is_yielded {
            self.push_turn(id);
        }
        ask_for_timer(id, &mut live, self.horizon, out);
        self.live.insert(id, live);
    }

    /// The execution goes on in the next turn, after all others that wait for theirs.
    pub(super) fn push_turn(&mut self, id: ExecutionId) {
        if !self.is_stopping {
            self.own.push_back(ShardInput::Send { id, input: Input::Continue, claim_id: None, reply: None });
        }
    }

    /// After the execution was read back: whether it had yielded is in what it has ready.
    pub(super) fn go_on_if_yielded(&mut self, id: ExecutionId) {
        let live = self.live.get_mut(&id).expect("the execution has just come into memory");
        if live.execution.wants_continue() {
            live.is_yielded = true;
            self.push_turn(id);
        }
    }

    /// The execution has ended: what is left of it is its record and its history.
    fn end(&mut self, id: ExecutionId, live: Live, out: &mut Vec<Output<W>>) {
        self.open_count.ended();
        let ended = Box::new(Ended::of(live));
        self.tell_map_run(id, &ended.record, out);
        let replies = self.waiting_for_end.remove(&id).unwrap_or_default();
        for reply in replies {
            let answer = Answer::Seen(Seen::Here(ended.record.clone()));
            self.log.hold(Output::Reply(reply, answer), out);
        }
        for watcher in self.watchers.remove(&id).unwrap_or_default() {
            self.log.hold(Output::WatchedEnd(watcher), out);
        }
        self.ended.insert(id, ended);
    }
}

impl<W: World> Scratch<W> {
    pub(super) fn clear(&mut self) {
        self.decision.clear();
        self.held.clear();
        self.own.clear();
        self.returned.clear();
        self.map_runs.clear();
        self.yielded = false;
        self.ended = false;
    }

    /// Shows the step's events to the world; answers what is to be told of them when they are durable.
    pub(super) fn notice(&self, live: &Live, world: &mut W) -> Option<W::Announcement> {
        let Decision { events, since, .. } = &self.decision;
        let step = StepEvents { execution: &live.execution, revision: &live.revision, events, since };
        world.note(&step);
        world.announce(&step)
    }

    /// After a panic: nothing of the step counts, and the slots that it had reserved go back.
    pub(super) fn returned_all(&mut self, out: &mut Vec<Output<W>>) {
        out.extend(self.returned.drain(..).map(Output::Return));
        out.extend(self.held.drain(..).filter_map(|output| match output {
            Output::Grant(slot, _) => Some(Output::Return(slot)),
            _ => None,
        }));
        self.clear();
    }

    /// Does what the decision asks for. Starting a task may ask for more, hence the loop by index.
    pub(super) fn follow(&mut self, at: At, live: &mut Live, world: &mut W) {
        self.yielded = self.decision.effects.iter().any(|effect| matches!(effect, Effect::Yield));
        let mut next = 0;
        while next < self.decision.effects.len() {
            let effect = std::mem::replace(&mut self.decision.effects[next], Effect::Yield);
            next += 1;
            match effect {
                Effect::Dispatch(activation) => self.dispatch(at, live, activation, world),
                Effect::Cancel { task } => self.cancel(at.id, live, task, world),
                Effect::StartMapRun(spec) => self.map_runs.push(MapRunEffect::Start(spec)),
                Effect::RedriveMapRun { map_run_arn, redrive_count } => {
                    self.map_runs.push(MapRunEffect::Redrive(map_run_arn, redrive_count));
                }
                Effect::AbortMapRun { map_run_arn } => self.map_runs.push(MapRunEffect::Abort(map_run_arn)),
                Effect::Yield => {}
                Effect::Ended => self.ended = true,
            }
        }
        if self.ended {
            self.yielded = false;
            self.cancel_all(at.id, live, world);
        }
    }

    /// No outcome of an open task counts any more.
    pub(super) fn cancel_all(&mut self, id: ExecutionId, live: &mut Live, world: &mut W) {
        while let Some(open) = live.tasks.first() {
            self.cancel(id, live, open.task, world);
        }
    }

    fn dispatch(&mut self, at: At, live: &mut Live, activation: Box<TaskActivation>, world: &mut W) {
        let At { shard, id, .. } = at;
        let (task, is_function) = (activation.task, activation.target.is_lambda());
        let mut open = |holder| live.tasks.push(OpenTask { task, is_function, holder });
        if self.yielded {
            // Starting it now would let the execution run on in a batch that is full.
            open(TaskHolder::Unplaced);
            self.own.push(ShardInput::Place { id, task });
            return;
        }
        let request = PlaceRequest { shard, execution: id, start: live.execution.started(), activation: &activation };
        match world.place(&request) {
            Placement::Queued(queue) => open(TaskHolder::Queued(queue)),
            Placement::Refused { started, error, cause } => {
                open(TaskHolder::Unplaced);
                self.own.extend(refusal(id, task, started, error, cause));
            }
            Placement::Slot { slot, claim } => match self.start(at, live, task, claim.clone(), world) {
                true => {
                    live.tasks.push(OpenTask { task, is_function, holder: TaskHolder::Claimed(claim.clone()) });
                    self.held.push(Output::Grant(slot, Box::new(grant(id, live, *activation, claim))));
                }
                false => self.returned.push(slot),
            },
            Placement::Delivery { claim } => {
                if self.start(at, live, task, claim.clone(), world) {
                    live.tasks.push(OpenTask { task, is_function, holder: TaskHolder::Claimed(claim.clone()) });
                    self.held.push(Output::Deliver(Box::new(grant(id, live, *activation, claim))));
                }
            }
        }
    }

    /// Scheduled and started become one append. False if the execution has cancelled the task since.
    fn start(&mut self, at: At, live: &mut Live, task: TaskRef, claim: Claim, world: &W) -> bool {
        let env = Live::env(&live.revision, live.express.is_some(), world);
        live.execution.decide(&env, Input::TaskStarted { task, claim }, at.now, &mut self.decision).is_ok()
    }

    fn cancel(&mut self, id: ExecutionId, live: &mut Live, task: TaskRef, world: &mut W) {
        let Some(open) = live.remove_task(task) else { return };
        match open.holder {
            TaskHolder::Queued(queue) => world.withdraw(id, task, &queue),
            TaskHolder::Claimed(claim) => self.held.push(Output::Cancel { id, task, claim }),
            TaskHolder::Unplaced | TaskHolder::Submitted => {}
        }
    }
}

/// What a refused task brings upon its execution.
pub(super) fn refusal<W: World>(
    id: ExecutionId,
    task: TaskRef,
    started: bool,
    error: Arc<str>,
    cause: Arc<str>,
) -> impl Iterator<Item = ShardInput<W>> {
    let send = move |input| ShardInput::Send { id, input, claim_id: None, reply: None };
    let inputs = if started {
        [
            Some(Input::TaskStarted { task, claim: Claim::nobody() }),
            Some(Input::TaskFailed { task, error: Some(error), cause: Some(cause) }),
        ]
    } else {
        [Some(Input::TaskRefused { task, error, cause }), None]
    };
    inputs.into_iter().flatten().map(send)
}

/// The task on its way.
pub(super) fn grant(id: ExecutionId, live: &Live, activation: TaskActivation, claim: Claim) -> Grant {
    let (start, task) = (live.execution.started(), activation.task);
    let trace_header = header_of_attempt(start.trace_header.as_ref(), id.0, task.entry, task.attempt);
    Grant { execution: id, execution_arn: start.execution_arn.clone(), trace_header, activation, claim }
}

/// Asks for the next timer, if it is near and not asked for yet.
pub(super) fn ask_for_timer<W: World>(id: ExecutionId, live: &mut Live, horizon: Timestamp, out: &mut Vec<Output<W>>) {
    let Some(due) = live.execution.next_due() else { return };
    if live.express.is_none() && due < horizon && live.timer_at.is_none_or(|at| due < at) {
        live.timer_at = Some(due);
        out.push(Output::Timer { due, id });
    }
}

/// What an input does to the list of open tasks, once it is applied.
enum Closes {
    Nothing,
    /// The task has its outcome.
    Task(TaskRef),
    /// The request is answered: from now on nobody holds the task, it waits for its token to come back.
    Request(TaskRef),
}

fn closes(input: &Input) -> Closes {
    match input {
        Input::TaskSucceeded { task, .. } | Input::TaskFailed { task, .. } | Input::TaskRefused { task, .. } => Closes::Task(*task),
        Input::TaskSubmitted { task, .. } => Closes::Request(*task),
        Input::TaskStarted { .. }
        | Input::TaskRegranted { .. }
        | Input::TaskHeartbeat { .. }
        | Input::Tick
        | Input::Continue
        | Input::MapRunEnded { .. }
        | Input::Stop { .. }
        | Input::StopChild { .. } => Closes::Nothing,
    }
}

impl Closes {
    fn apply(self, id: ExecutionId, live: &mut Live, world: &mut impl World) {
        match self {
            Closes::Nothing => {}
            Closes::Task(task) => {
                // A task whose grant was lost stands in a queue; the one who has it after all has reported.
                if let Some(OpenTask { holder: TaskHolder::Queued(queue), .. }) = live.remove_task(task) {
                    world.withdraw(id, task, &queue);
                }
            }
            Closes::Request(task) => live.hold_task(task, TaskHolder::Submitted),
        }
    }
}

/// Runs `work`; a panic in it is this execution's alone.
pub(super) fn catching<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| payload.downcast_ref::<String>().cloned());
        Panicked(text.unwrap_or_else(|| "a panic without a text".to_owned()).into())
    })
}
