//! Executions of Express state machines. They run in memory alone: nothing of what happens to them between start and end is logged, and
//! nothing that they ask of the world waits for the log.
//!
//! An asynchronous one runs at least once. Its start is in the log before it is answered, and so is its end; what is open at a checkpoint
//! has a row beside. After a restart the open ones run again from their beginning. A synchronous one runs at most once: nothing is written
//! of it, its caller is answered at its end, and a restart knows nothing of it. Neither leaves anything after its end.
//!
//! The child of a Map Run runs as an asynchronous one does, and leaves a record, which its end writes whole: what may end it waits while the
//! log has no room.

use std::collections::BTreeSet;

use baton_engine::{Event, EventKind, Execution, Failure, Input, Start, Status, ThreadId, Timestamp};

use super::express_pool::ExpressPermit;
use super::live::{Ended, History, Live};
use super::step::{Panicked, catching};
use super::{Answer, ExecutionId, ExecutionRecord, Output, Shard, ShardInput, StartError, Started, World};
use crate::telemetry::request::trace_of;

/// Executions whose time has come that are seen to in one step.
const DUE_MAX: usize = 512;
/// What is told of an execution that a defect of ours has met.
pub(super) const DEFECT: &str = "A defect of the server has met this execution.";

/// How an Express execution is started, and who is answered.
#[derive(Debug)]
pub enum ExpressStart<Reply> {
    /// StartExecution: answered when the start is durable.
    Recorded(Reply),
    /// StartSyncExecution: answered at the end.
    Awaited(Reply),
    /// By a Map Run, which may have done so before: answered when the start is durable.
    Child(Reply),
}

/// One that a restart found open.
pub(super) struct OpenExpress {
    pub(super) start: Box<Start>,
    /// Whether it has a row in the key-value side.
    pub(super) has_row: bool,
}

/// How an execution ended whose caller has waited for that.
#[derive(Clone, Debug)]
pub struct ExpressEnd {
    /// As it ended.
    pub record: ExecutionRecord,
    /// The most that its payloads took at once, bytes.
    pub payload_bytes_max: usize,
}

/// What the shard knows of an Express execution beyond what it knows of any.
pub(super) struct Express {
    /// Its start is in the log, and its end will be.
    is_recorded: bool,
    /// Whether it has a row in the key-value side.
    pub(super) has_row: bool,
    /// Where it stands among the shard's Express timers.
    due: Option<Timestamp>,
    permit: ExpressPermit,
    payload_bytes_max: usize,
    /// Events since its payloads were measured, and strands that it had then.
    unmeasured_events: usize,
    strands: usize,
}

impl Express {
    fn new(is_recorded: bool, permit: ExpressPermit, payload_bytes: usize) -> Self {
        Self { is_recorded, has_row: false, due: None, permit, payload_bytes_max: payload_bytes, unmeasured_events: 0, strands: 1 }
    }

    /// Measures the payloads. An execution with many strands is measured the less often, so that a step costs the same in all.
    pub(super) fn measure(&mut self, execution: &Execution, events: usize) {
        self.unmeasured_events += events;
        if self.unmeasured_events < self.strands {
            return;
        }
        let bytes = execution.payload_bytes();
        self.permit.resize(bytes);
        self.payload_bytes_max = self.payload_bytes_max.max(bytes);
        (self.unmeasured_events, self.strands) = (0, execution.strand_count());
    }
}

/// When which Express executions are due. They have timers of their own: most end long before their deadline, and whatever is asked of
/// the world as a timer stays there until then.
#[derive(Default)]
pub(super) struct ExpressTimers {
    due: BTreeSet<(Timestamp, ExecutionId)>,
    /// When the shard is going to be woken. Each time was asked for while none before it was.
    asked: BTreeSet<Timestamp>,
}

impl ExpressTimers {
    fn change(&mut self, id: ExecutionId, before: Option<Timestamp>, after: Option<Timestamp>) {
        if before == after {
            return;
        }
        before.map(|due| self.due.remove(&(due, id)));
        after.map(|due| self.due.insert((due, id)));
    }

    /// Asks to be woken when the first one is due, unless that has been asked for.
    fn ask<W: World>(&mut self, out: &mut Vec<Output<W>>) {
        let Some((due, _)) = self.due.first() else { return };
        if self.asked.first().is_none_or(|asked| due < asked) {
            self.asked.insert(*due);
            out.push(Output::Wake { due: *due });
        }
    }

    /// The first ones that are due, at most [`DUE_MAX`].
    fn take_due(&mut self, now: Timestamp) -> Vec<ExecutionId> {
        while self.asked.first().is_some_and(|asked| *asked <= now) {
            self.asked.pop_first();
        }
        self.due.iter().take_while(|(due, _)| *due <= now).take(DUE_MAX).map(|(_, id)| *id).collect()
    }
}

impl<W: World> Shard<W> {
    /// Starts an Express execution. Its ARN was made for this start alone, but for the child of a Map Run, whose start may come again.
    pub(super) fn start_express(&mut self, mut start: Start, how: ExpressStart<W::Reply>, world: &mut W, out: &mut Vec<Output<W>>) {
        let id = ExecutionId::of_arn(&start.execution_arn);
        let how = match how {
            ExpressStart::Child(reply) if self.live.contains_key(&id) || self.ended.contains_key(&id) => {
                return self.child_known(&start, reply, out);
            }
            how => how,
        };
        start.at = self.now;
        let (is_recorded, reply) = match how {
            ExpressStart::Recorded(reply) | ExpressStart::Child(reply) => (true, reply),
            ExpressStart::Awaited(reply) => (false, reply),
        };
        let Some(permit) = world.express_pool().admit(start.input.len()) else {
            return out.push(Output::Reply(reply, Answer::Started(Err(StartError::Throttled))));
        };
        let Some(revision) = world.revision(start.revision) else {
            let error = StartError::Unavailable("The state machine's definition is not there.");
            return out.push(Output::Reply(reply, Answer::Started(Err(error))));
        };
        let started = Started { arn: start.execution_arn.clone(), start_at: self.now, created: true };
        let reply = if is_recorded {
            self.log.batch.append_express_started(id, started_event(&start));
            Some(reply)
        } else {
            self.waiting_for_end.insert(id, vec![reply]);
            None
        };
        let express = Express::new(is_recorded, permit, start.input.len());
        let child = start.map_child.is_some().then(|| start.clone());
        if let Err(Panicked(reason)) = self.create(id, revision, start, Some(Box::new(express)), world, out) {
            tracing::error!(execution = %started.arn, %reason, "a defect has met this execution at its start");
            self.forget_express(id, is_recorded, false);
            let reply = match (child, reply) {
                (Some(child), Some(reply)) => return self.child_failed_at_start(id, child, reply, out),
                (_, reply) => reply,
            };
            let replies = self.waiting_for_end.remove(&id).into_iter().flatten().chain(reply);
            let error = StartError::Unavailable("A defect prevents this execution from being started.");
            return out.extend(replies.map(|reply| Output::Reply(reply, Answer::Started(Err(error.clone())))));
        }
        if is_recorded {
            self.note_open_express(id);
        }
        if let Some(reply) = reply {
            self.log.hold(Output::Reply(reply, Answer::Started(Ok(started))), out);
        }
    }

    /// Runs an execution from its beginning that a restart found open.
    pub(super) fn run_again(&mut self, id: ExecutionId, open: OpenExpress, world: &mut W, out: &mut Vec<Output<W>>) {
        let OpenExpress { mut start, has_row } = open;
        start.at = self.now;
        let payload_bytes = start.input.len();
        let express = Express { has_row, ..Express::new(true, world.express_pool().readmit(payload_bytes), payload_bytes) };
        let arn = start.execution_arn.clone();
        let child = start.map_child.is_some().then(|| (*start).clone());
        let outcome = match world.revision(start.revision) {
            Some(revision) => self.create(id, revision, *start, Some(Box::new(express)), world, out),
            None => Err(Panicked("its state machine's definition is not there".into())),
        };
        match outcome {
            Ok(()) => self.note_open_express(id),
            Err(Panicked(reason)) => {
                tracing::error!(execution = %arn, %reason, "an Express execution cannot be run again");
                self.forget_express(id, true, has_row);
                if let Some(child) = child {
                    self.keep_failed_child(id, child, out);
                }
            }
        }
    }

    /// The next checkpoint writes the row of the execution, if it runs then, and lets its part of the log go in any case.
    fn note_open_express(&mut self, id: ExecutionId) {
        match self.live.get_mut(&id) {
            Some(live) => self.checkpoint.touch(id, &mut live.is_dirty, self.now),
            None => self.checkpoint.note_change(self.now),
        }
    }

    /// What the step asks for is asked for at once: nothing of it is written down.
    pub(super) fn commit_express(
        &mut self,
        id: ExecutionId,
        mut live: Box<Live>,
        announcement: Option<W::Announcement>,
        out: &mut Vec<Output<W>>,
    ) {
        out.extend(announcement.map(Output::Announce));
        let events = self.scratch.decision.events.len();
        out.extend(self.scratch.returned.drain(..).map(Output::Return));
        out.append(&mut self.scratch.held);
        if let Some(express) = &mut live.express {
            express.measure(&live.execution, events);
        }
        if self.scratch.ended {
            return self.end_express(id, *live, out);
        }
        self.own.extend(self.scratch.own.drain(..));
        live.is_yielded = self.scratch.yielded;
        if live.is_yielded {
            self.push_turn(id);
        }
        if let Some(express) = &mut live.express {
            let due = live.execution.next_due();
            self.express_timers.change(id, express.due, due);
            express.due = due;
            self.express_timers.ask(out);
        }
        self.live.insert(id, live);
    }

    /// The execution is over: whoever waits is told, and nothing of it stays.
    fn end_express(&mut self, id: ExecutionId, live: Live, out: &mut Vec<Output<W>>) {
        let (record, is_dirty) = (live.record(), live.is_dirty);
        let express = live.express.expect("only Express executions end so");
        self.express_timers.change(id, express.due, None);
        if record.start.map_child.is_some() {
            self.keep_child(id, &record, is_dirty, out);
        }
        self.forget_express(id, express.is_recorded, express.has_row);
        let end = ExpressEnd { record, payload_bytes_max: express.payload_bytes_max };
        for reply in self.waiting_for_end.remove(&id).unwrap_or_default() {
            out.push(Output::Reply(reply, Answer::ExpressEnded(Box::new(end.clone()))));
        }
        for watcher in self.watchers.remove(&id).unwrap_or_default() {
            out.push(Output::WatchedEnd(watcher));
        }
    }

    /// The child of a Map Run had begun before. Its run wants to know no more than that, so that nobody looks up when.
    pub(super) fn child_known(&mut self, start: &Start, reply: W::Reply, out: &mut Vec<Output<W>>) {
        let started = Started { arn: start.execution_arn.clone(), start_at: self.now, created: false };
        self.log.hold(Output::Reply(reply, Answer::Started(Ok(started))), out);
    }

    /// Of a Map Run's child there is a record after its end, as of a Standard execution, with a history of two events.
    pub(super) fn keep_child(&mut self, id: ExecutionId, record: &ExecutionRecord, is_dirty: bool, out: &mut Vec<Output<W>>) {
        let events = [started_event(&record.start), ended_event(record)];
        let place = self.log.batch.append(id, 0, &events);
        let mut history = History::default();
        history.push(self.log.batch.chunk(place), events.len() as u32);
        let mut ended = Box::new(Ended::of_express(record.clone(), history, self.log.open_seq(), is_dirty));
        self.checkpoint.touch(id, &mut ended.is_dirty, self.now);
        self.tell_map_run(id, record, out);
        self.ended.insert(id, ended);
    }

    /// Nobody runs it again.
    fn forget_express(&mut self, id: ExecutionId, is_recorded: bool, has_row: bool) {
        if is_recorded {
            self.log.batch.append_express_ended(id);
            self.checkpoint.note_change(self.now);
        }
        if has_row {
            self.checkpoint.express_rows_gone.push(id);
        }
    }

    /// A defect of ours has met the execution. There is no history to find out more from, so it ends here, as failed.
    pub(super) fn fail_express(&mut self, id: ExecutionId, mut live: Box<Live>, reason: &str, world: &mut W, out: &mut Vec<Output<W>>) {
        let Start { execution_arn, trace_header, .. } = live.execution.started();
        let trace_id = trace_of(trace_header.as_ref());
        tracing::error!(execution = %execution_arn, trace_id, %reason, "a defect has met this execution, it fails");
        self.scratch.cancel_all(id, &mut live, world);
        let failure = Failure::new("States.Runtime", DEFECT);
        let failed = Event { at: self.now, previous: 0, thread: ThreadId::ROOT, kind: EventKind::ExecutionFailed { failure } };
        let machine = &live.revision.machine;
        if catching(|| live.execution.apply(machine, &failed)).is_err() {
            // What the defect has left of it does not even end.
            live.execution = Execution::recover(machine, &started_event(live.execution.started()));
            live.execution.apply(machine, &failed);
        }
        self.scratch.decision.events.push(failed);
        self.scratch.ended = true;
        let announcement = self.scratch.notice(&live, world);
        self.commit_express(id, live, announcement, out);
    }

    /// The time of some Express executions has come.
    pub(super) fn wake(&mut self, world: &mut W, out: &mut Vec<Output<W>>) {
        for id in self.express_timers.take_due(self.now) {
            if self.log.is_blocked() && id.is_of_map_run() {
                self.wake_later(id);
                continue;
            }
            // A panic has ended the execution by now, and has been reported.
            let _ = self.advance(id, Input::Tick, world, out);
            self.log.close_if_full(out);
        }
        self.express_timers.ask(out);
    }

    /// It waits its turn among what else the log has no room for.
    fn wake_later(&mut self, id: ExecutionId) {
        let express = self.live.get_mut(&id).and_then(|live| live.express.as_mut());
        let due = express.expect("only Express executions that run have timers here").due.take();
        self.express_timers.change(id, due, None);
        self.backlog.push_back(ShardInput::Send { id, input: Input::Tick, claim_id: None, reply: None });
    }

    /// Whether somebody waits for the end of an Express execution that runs here. Nobody else could answer.
    pub fn has_awaited_express(&self) -> bool {
        self.waiting_for_end.keys().any(|id| self.is_express(*id))
    }

    /// Whether the execution is an Express one that runs.
    pub(super) fn is_express(&self, id: ExecutionId) -> bool {
        self.live.get(&id).is_some_and(|live| live.express.is_some())
    }

    /// Whether what happens to the execution adds no more to the log than that it has ended.
    pub(super) fn is_light_express(&self, id: ExecutionId) -> bool {
        self.is_express(id) && !id.is_of_map_run()
    }

    /// Hands on what an Express execution asks for at once, and anybody else's when everything that was decided so far is durable.
    pub(super) fn hand_on(&mut self, is_express: bool, output: Output<W>, out: &mut Vec<Output<W>>) {
        if is_express { out.push(output) } else { self.log.hold(output, out) }
    }
}

/// What the log has of an end.
fn ended_event(record: &ExecutionRecord) -> Event {
    let failure = || record.failure.clone().unwrap_or_default();
    let kind = match record.status {
        Status::Succeeded => {
            EventKind::ExecutionSucceeded { output: record.output.clone().expect("an execution that has succeeded has an output") }
        }
        Status::Failed => EventKind::ExecutionFailed { failure: failure() },
        Status::TimedOut => EventKind::ExecutionTimedOut { failure: failure() },
        Status::Aborted => EventKind::ExecutionAborted { failure: failure() },
        Status::Running => unreachable!("an execution that has ended does not run"),
    };
    Event { at: record.stop_at.unwrap_or(record.start.at), previous: 0, thread: ThreadId::ROOT, kind }
}

/// What the log has of a start.
fn started_event(start: &Start) -> Event {
    let kind = EventKind::ExecutionStarted(Box::new(start.clone()));
    Event { at: start.at, previous: 0, thread: ThreadId::ROOT, kind }
}
