//! StartExecution, and what happens when an execution is read back from the key-value side.

use baton_engine::{Input, NotRedrivable, Rejected, Start, Timestamp};
use bytes::Bytes;

use super::live::{Live, LoadError};
use super::step::{Panicked, ask_for_timer, catching};
use super::stored::{Stored, StoredEnded};
use super::{
    Answer, ExecutionId, ExpressStart, MapRunMessage, Output, RedriveError, SendError, Shard, ShardInput, StartError, Started, World,
};
use crate::store::StoreError;
use crate::telemetry::request::trace_of;

/// The key-value side could not be read.
pub(super) const CANNOT_READ: &str = "The execution cannot be read at the moment.";
/// The execution is set aside.
pub(super) const SET_ASIDE: &str = "The execution is set aside because of a defect; its history says how far it came.";
/// The shard has no store any more.
pub(super) const CLOSED: &str = "The server is going away.";

impl<W: World> Shard<W> {
    /// An execution of this name is known: the same start again, while it runs, is answered with it. The very same request is, however it has
    /// ended since.
    pub(super) fn start_known(&mut self, start: Start, reply: W::Reply, out: &mut Vec<Output<W>>) {
        let id = ExecutionId::of_arn(&start.execution_arn);
        let running = self.live.get(&id).map(|live| live.execution.started());
        let ended = || self.ended.get(&id).map(|ended| &ended.record.start);
        let own = running.or_else(|| ended().map(|start| &**start)).filter(|first| is_own(first, &start));
        let result = match running {
            _ if let Some(first) = own => Ok(Started { arn: first.execution_arn.clone(), start_at: first.at, created: true }),
            Some(first) if is_same(first, &start) => Ok(Started { arn: first.execution_arn.clone(), start_at: first.at, created: false }),
            Some(_) | None => Err(StartError::AlreadyExists { execution_arn: start.execution_arn.to_string() }),
        };
        self.log.hold(Output::Reply(reply, Answer::Started(result)), out);
    }

    fn start_new(&mut self, mut start: Start, reply: W::Reply, world: &mut W, out: &mut Vec<Output<W>>) {
        let id = ExecutionId::of_arn(&start.execution_arn);
        start.at = self.now;
        let Some(revision) = world.revision(start.revision) else {
            return out
                .push(Output::Reply(reply, Answer::Started(Err(StartError::Unavailable("The state machine's definition is not there.")))));
        };
        let (arn, trace_header) = (start.execution_arn.clone(), start.trace_header.clone());
        let child = start.map_child.is_some().then(|| start.clone());
        let result = match self.create(id, revision, start, None, world, out) {
            Ok(()) => Ok(Started { arn, start_at: self.now, created: true }),
            Err(Panicked(reason)) => {
                let trace_id = trace_of(trace_header.as_ref());
                tracing::error!(execution = %arn, trace_id, %reason, "a defect has met this execution at its start, it was not started");
                if let Some(child) = child {
                    return self.child_failed_at_start(id, child, reply, out);
                }
                Err(StartError::Unavailable("A defect prevents this execution from being started."))
            }
        };
        self.log.hold(Output::Reply(reply, Answer::Started(result)), out);
    }

    /// What the key-value side has of an execution that inputs wait for.
    pub(super) fn loaded(&mut self, id: ExecutionId, result: Result<Option<Bytes>, StoreError>, world: &mut W, out: &mut Vec<Output<W>>) {
        let waiting = self.loading.remove(&id).unwrap_or_default();
        let stored = result
            .map_err(LoadError::from)
            .and_then(|value| value.map(|value| Stored::decode(&value)).transpose().map_err(LoadError::from));
        let live = stored.and_then(|stored| match stored {
            Some(Stored::Live(stored)) => Live::from_stored(&stored, world).map(|live| Found::Live(Box::new(live))),
            Some(Stored::Ended(stored)) => Ok(Found::Ended(stored)),
            // No execution has the id of a Map Run.
            Some(Stored::MapRun(_)) | None => Ok(Found::Nothing),
        });
        match live {
            Ok(Found::Live(live)) => self.found_live(id, live, waiting, world, out),
            // The one that must be rebuilt has been redriven since its end was written down.
            Ok(Found::Ended(stored)) if self.rebuilding.contains_key(&id) || is_asked_back(&stored, &waiting) => {
                self.load_history(id, stored, waiting, out);
            }
            Ok(Found::Ended(_)) => waiting.into_iter().for_each(|input| self.answer_ended(input, out)),
            Ok(Found::Nothing) => self.found_nothing(id, waiting, world, out),
            Err(error) => {
                self.not_read(id, &error, waiting, Self::answer_unread, out);
            }
        }
    }

    fn found_live(&mut self, id: ExecutionId, mut live: Box<Live>, waiting: Vec<ShardInput<W>>, world: &mut W, out: &mut Vec<Output<W>>) {
        if let Some(broken) = self.rebuilding.remove(&id) {
            self.rebuilt(id, broken, *live);
        } else {
            let recalled = catching(|| {
                live.execution.restart_heartbeats(&live.revision.machine, self.now);
                live.recall_tasks();
                // Whatever is not claimed stands in its queue since before the execution left memory.
                self.hold_queued_tasks(id, &mut live, world);
            });
            if let Err(Panicked(detail)) = recalled {
                return self.not_read(id, &LoadError::NotApplied(detail), waiting, Self::answer_unread, out);
            }
            ask_for_timer(id, &mut live, self.horizon, out);
            self.live.insert(id, live);
            self.go_on_if_yielded(id);
            self.reconcile_map_runs(id, out);
            // It leaves memory again with the next checkpoint, even if nothing comes of this.
            self.checkpoint.reconsider(id);
        }
        self.handle_all(waiting, world, out);
    }

    fn found_nothing(&mut self, id: ExecutionId, waiting: Vec<ShardInput<W>>, world: &mut W, out: &mut Vec<Output<W>>) {
        if let Some(broken) = self.rebuilding.remove(&id) {
            self.give_up(id, *broken, "its snapshot is gone");
            return self.handle_all(waiting, world, out);
        }
        let mut waiting = waiting.into_iter();
        for input in waiting.by_ref() {
            match input {
                ShardInput::Start { start, reply } | ShardInput::StartAgain { start, reply } => {
                    self.start_new(*start, reply, world, out);
                    break;
                }
                ShardInput::StartExpress { start, how: ExpressStart::Child(reply) } => {
                    self.start_express(*start, ExpressStart::Child(reply), world, out);
                    break;
                }
                other => self.answer_nothing(other, out),
            }
        }
        self.handle_all(waiting.collect(), world, out);
    }

    pub(super) fn handle_all(&mut self, inputs: Vec<ShardInput<W>>, world: &mut W, out: &mut Vec<Output<W>>) {
        for input in inputs {
            if self.log.is_blocked() {
                self.backlog.push_back(input);
            } else {
                self.handle(input, world, out);
            }
        }
    }

    /// Answers an input whose execution has ended before it came.
    pub(super) fn answer_ended(&mut self, input: ShardInput<W>, out: &mut Vec<Output<W>>) {
        match input {
            ShardInput::Start { start, reply } | ShardInput::StartAgain { start, reply } => self.start_known(*start, reply, out),
            ShardInput::StartExpress { start, how: ExpressStart::Child(reply) } => self.child_known(&start, reply, out),
            ShardInput::Watch { reply, .. } => out.push(Output::Reply(reply, Answer::History(None))),
            ShardInput::Redrive { reply, .. } => {
                // Any other end would have been looked into.
                out.push(Output::Reply(reply, Answer::Redriven(Err(NotRedrivable::Succeeded.into()))));
            }
            other => self.reject(other, &SendError::Rejected(Rejected::Ended), out),
        }
    }

    fn answer_nothing(&mut self, input: ShardInput<W>, out: &mut Vec<Output<W>>) {
        match input {
            ShardInput::Watch { reply, .. } => out.push(Output::Reply(reply, Answer::History(None))),
            other => self.reject(other, &SendError::NoSuchExecution, out),
        }
    }

    fn answer_unread(&mut self, input: ShardInput<W>, out: &mut Vec<Output<W>>) {
        self.reject(input, &SendError::Unavailable(CANNOT_READ), out);
    }

    /// Answers an input without having done anything, and gives back what came with it.
    pub(super) fn reject(&mut self, input: ShardInput<W>, error: &SendError, out: &mut Vec<Output<W>>) {
        let unavailable = match error {
            SendError::Unavailable(text) => *text,
            SendError::NoSuchExecution | SendError::Rejected(_) | SendError::Throttled => CANNOT_READ,
        };
        match input {
            ShardInput::Start { reply, .. }
            | ShardInput::StartAgain { reply, .. }
            | ShardInput::StartExpress {
                how: ExpressStart::Recorded(reply) | ExpressStart::Awaited(reply) | ExpressStart::Child(reply),
                ..
            } => out.push(Output::Reply(reply, Answer::Started(Err(StartError::Unavailable(unavailable))))),
            ShardInput::MapRun { reply: Some(reply), .. } => out.push(Output::Reply(reply, Answer::Unavailable(unavailable))),
            // The execution has ended, and does not want to know; or it cannot be read just now.
            ShardInput::MapRun { id, message: message @ (MapRunMessage::Tell { .. } | MapRunMessage::ItemsRead { .. }), reply: None } => {
                match (error, &message) {
                    (SendError::NoSuchExecution | SendError::Rejected(_), MapRunMessage::Tell { .. }) => self.map_run_told(id),
                    (SendError::Unavailable(text), _) if *text == CANNOT_READ && self.lost.is_none() => {
                        self.own.push_back(ShardInput::MapRun { id, message, reply: None });
                    }
                    (SendError::NoSuchExecution | SendError::Rejected(_) | SendError::Throttled | SendError::Unavailable(_), _) => {}
                }
            }
            ShardInput::Send { reply: Some(reply), .. } | ShardInput::Assert { reply, .. } => {
                out.push(Output::Reply(reply, Answer::Sent(Err(error.clone()))))
            }
            ShardInput::Redrive { reply, .. } => {
                let error = match error {
                    SendError::NoSuchExecution => RedriveError::NoSuchExecution,
                    SendError::Rejected(_) | SendError::Throttled | SendError::Unavailable(_) => RedriveError::Unavailable(unavailable),
                };
                out.push(Output::Reply(reply, Answer::Redriven(Err(error))));
            }
            ShardInput::SlotFree { slot, .. } => out.push(Output::Return(slot)),
            ShardInput::Claim { id, task, slot, claim } => out.push(Output::Deny { slot, id, task, claim_id: claim.claim_id }),
            ShardInput::Task { reply, .. } => {
                let answer = match error {
                    SendError::Unavailable(text) => Answer::Unavailable(text),
                    SendError::NoSuchExecution | SendError::Rejected(_) | SendError::Throttled => Answer::Task(None),
                };
                out.push(Output::Reply(reply, answer));
            }
            ShardInput::Describe { reply, .. }
            | ShardInput::History { reply, .. }
            | ShardInput::WaitEnd { reply, .. }
            | ShardInput::Watch { reply, .. } => out.push(Output::Reply(reply, Answer::Unavailable(unavailable))),
            // A timer of an execution that is gone, a task that nobody waits for: nothing to be done.
            ShardInput::Send { reply: None, .. }
            | ShardInput::RunAgain { .. }
            | ShardInput::MapRun { reply: None, .. }
            | ShardInput::EndsHeard(_)
            | ShardInput::Wake
            | ShardInput::HolderLost { .. }
            | ShardInput::GrantLost { .. }
            | ShardInput::Place { .. }
            | ShardInput::Due { .. }
            | ShardInput::Loaded { .. }
            | ShardInput::HistoryLoaded { .. }
            | ShardInput::Durable { .. }
            | ShardInput::Retry
            | ShardInput::Checkpointed { .. }
            | ShardInput::Lost { .. } => {}
        }
    }

    /// Something happens to an execution that is in memory.
    pub(super) fn send(
        &mut self,
        id: ExecutionId,
        input: Input,
        claim_id: Option<u64>,
        reply: Option<W::Reply>,
        world: &mut W,
        out: &mut Vec<Output<W>>,
    ) {
        // It may be gone after this.
        let is_express = reply.is_some() && self.is_express(id);
        let result = self.send_checked(id, input, claim_id, world, out);
        if let Some(reply) = reply {
            self.hand_on(is_express, Output::Reply(reply, Answer::Sent(result)), out);
        }
    }

    fn send_checked(
        &mut self,
        id: ExecutionId,
        input: Input,
        claim_id: Option<u64>,
        world: &mut W,
        out: &mut Vec<Output<W>>,
    ) -> Result<baton_engine::Verdict, SendError> {
        if let Some(ended) = self.ended.get(&id) {
            return Err(SendError::Rejected(why_ended(ended.record.status)));
        }
        let live = self.live.get_mut(&id).expect("an input is handled when its execution is in memory");
        if live.quarantined.is_some() && !matches!(input, Input::Stop { .. } | Input::StopChild { .. }) {
            return Err(SendError::Unavailable(SET_ASIDE));
        }
        if matches!(input, Input::Continue) && !std::mem::take(&mut live.is_yielded) {
            return Ok(baton_engine::Verdict::Duplicate);
        }
        if let Some(claim_id) = claim_id {
            live.check_claim(&input, claim_id)?;
        }
        match self.advance(id, input, world, out) {
            Ok(result) => result.map_err(SendError::Rejected),
            Err(Panicked(_)) => Err(SendError::Unavailable(SET_ASIDE)),
        }
    }

    /// The execution's next timer may be due. It is judged by `until`, not by the time of the latest input: what came since may stand
    /// in the inbox and say that the task lives.
    pub(super) fn due(&mut self, id: ExecutionId, until: Timestamp, world: &mut W, out: &mut Vec<Output<W>>) {
        let Some(live) = self.live.get_mut(&id) else { return };
        live.timer_at = None;
        if live.quarantined.is_some() {
            return;
        }
        if live.execution.next_due().is_some_and(|due| due <= until) {
            let latest = self.now;
            self.now = until.min(latest);
            // A panic has set the execution aside by now, and has been reported.
            let _ = self.advance(id, Input::Tick, world, out);
            self.now = latest;
        } else {
            ask_for_timer(id, live, self.horizon, out);
        }
    }
}

enum Found {
    Nothing,
    Live(Box<Live>),
    Ended(StoredEnded),
}

/// Whether an input wants more of an ended execution than to know that it has ended.
fn is_asked_back<W: World>(stored: &StoredEnded, waiting: &[ShardInput<W>]) -> bool {
    let is_redriven = !stored.is_over() && waiting.iter().any(|input| matches!(input, ShardInput::Redrive { .. }));
    is_redriven || waiting.iter().any(|input| matches!(input, ShardInput::StartAgain { .. }))
}

/// What an input meets after the end, by how the execution has ended.
fn why_ended(status: baton_engine::Status) -> Rejected {
    use baton_engine::Status;
    match status {
        Status::Running | Status::Succeeded | Status::Failed => Rejected::Ended,
        Status::TimedOut | Status::Aborted => Rejected::Cancelled,
    }
}

/// Whether both are one request, that came twice.
fn is_own(first: &Start, again: &Start) -> bool {
    first.seed == again.seed && is_same(first, again)
}

/// Whether a start repeats the first one: AWS compares the input, byte for byte. What is mocked otherwise is another start.
fn is_same(first: &Start, again: &Start) -> bool {
    first.input == again.input && first.state_machine_arn == again.state_machine_arn && first.test_case == again.test_case
}
