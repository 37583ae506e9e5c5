//! The loop that carries strands on: one state after another until each waits, ends, or the batch is full or the turn over. It never recurses, so
//! no definition, however it loops or nests, can exhaust the stack.

use baton_asl::{StateId, StateMachine};

use crate::{
    Decision, Effect, Env, Event, EventKind, Execution, Failure, Payload, TaskRef, Then, ThreadId, Timestamp,
    error_handling::Fault,
    evaluator::Evaluator,
    execution::activation,
    state::{self, Answer, Exit, Items},
    strand::{Activity, Position, Strand, Visit},
};

/// Bytes of payloads that one decision may record before it yields, so that a batch stays one append of reasonable size.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// The history has room for one more event only: the ExecutionFailed that says so.
pub(crate) struct HistoryFull;

/// One decision in the making.
pub(crate) struct Turn<'a> {
    pub(crate) env: Env<'a>,
    pub(crate) execution: &'a mut Execution,
    pub(crate) now: Timestamp,
    pub(crate) out: &'a mut Decision,
    /// Where this decision's events and effects begin in the buffers.
    first_event: usize,
    first_effect: usize,
    /// Bytes of payloads recorded so far.
    bytes: usize,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(env: Env<'a>, execution: &'a mut Execution, now: Timestamp, out: &'a mut Decision) -> Self {
        let (first_event, first_effect) = (out.events.len(), out.effects.len());
        Self { env, execution, now, out, first_event, first_effect, bytes: 0 }
    }

    pub(crate) fn machine(&self) -> &'a StateMachine {
        self.env.machine
    }

    /// Carries on every strand that can go on by itself.
    pub(crate) fn go_on(&mut self) {
        let result = self.run();
        self.end_if_full(result);
    }

    /// Does what may find the history full, and ends the execution if it is.
    pub(crate) fn attempt(&mut self, act: impl FnOnce(&mut Self) -> Result<(), HistoryFull>) {
        let result = act(self).and_then(|()| self.run());
        self.end_if_full(result);
    }

    fn end_if_full(&mut self, result: Result<(), HistoryFull>) {
        if let Err(HistoryFull) = result {
            let maximum = self.env.limits.history_events_max;
            let cause = format!("The execution reached the maximum number of history events ({maximum}).");
            let previous = self.execution.next_event_id - 1;
            self.end(previous, EventKind::ExecutionFailed { failure: Failure::new("States.Runtime", cause) });
        }
    }

    fn run(&mut self) -> Result<(), HistoryFull> {
        let mut has_stepped = false;
        while let Some(thread) = self.execution.ready.front().copied() {
            let is_turn_over = self.env.services.is_turn_over() && has_stepped;
            if is_turn_over || self.is_batch_full() {
                self.out.effects.push(Effect::Yield);
                return Ok(());
            }
            self.step(thread)?;
            has_stepped = true;
        }
        Ok(())
    }

    pub(crate) fn is_batch_full(&self) -> bool {
        self.out.events.len() - self.first_event >= self.env.limits.batch_events_max || self.bytes >= BATCH_BYTES_MAX
    }

    fn step(&mut self, thread: ThreadId) -> Result<(), HistoryFull> {
        match &self.strand(thread).position {
            Position::Entering { state, input } => {
                let (state, input) = (*state, input.clone());
                self.enter(thread, state, input)
            }
            Position::Inside(Visit { activity: Activity::Redriven, .. }) => self.work(thread),
            Position::Inside(_) => self.inside(thread),
            Position::Ended { .. } => unreachable!("a strand that has ended wants no turn"),
        }
    }

    fn enter(&mut self, thread: ThreadId, state: StateId, input: Payload) -> Result<(), HistoryFull> {
        let previous = self.strand(thread).last;
        self.record(thread, previous, EventKind::StateEntered { state, input })?;
        self.work(thread)
    }

    /// Does the work of the state that the strand is in: on entry, and again for each retry and redrive.
    pub(crate) fn work(&mut self, thread: ThreadId) -> Result<(), HistoryFull> {
        let answer = state::enter(&Evaluator::new(self, thread));
        self.follow(thread, answer)
    }

    /// A Parallel or Map state whose inner strands want something of it.
    fn inside(&mut self, thread: ThreadId) -> Result<(), HistoryFull> {
        let answer = state::advance(&Evaluator::new(self, thread));
        self.follow(thread, answer)
    }

    /// The state's work has a result.
    pub(crate) fn complete(&mut self, thread: ThreadId, result: &Payload) -> Result<(), HistoryFull> {
        let answer = state::complete(&Evaluator::new(self, thread), result);
        self.follow(thread, answer)
    }

    /// A Wait state's time has come.
    pub(crate) fn wake(&mut self, thread: ThreadId) -> Result<(), HistoryFull> {
        let answer = state::wake(&Evaluator::new(self, thread));
        self.follow(thread, answer)
    }

    fn follow(&mut self, thread: ThreadId, answer: Result<Answer, Fault>) -> Result<(), HistoryFull> {
        let Visit { state, attempts, .. } = *self.visit(thread);
        let previous = self.strand(thread).last;
        match answer {
            Ok(Answer::GoTo(exit)) => self.exit(thread, previous, exit),
            Ok(Answer::Wait(until)) => {
                self.record(thread, 0, EventKind::WaitStarted { state, until })?;
                Ok(())
            }
            Ok(Answer::Schedule(mut schedule)) => {
                let mocked = schedule.mocked.take();
                self.record(thread, previous, schedule.into_event(state, attempts + 1))?;
                let activation = activation(self.env.machine, self.strand(thread)).expect("a scheduled task is out");
                match mocked {
                    None => self.out.effects.push(Effect::Dispatch(Box::new(activation))),
                    // It ends at once, which leads out of the state or to a timer, never to another task: this does not recurse further.
                    Some(outcome) => self.answer_mocked(thread, &activation, outcome)?,
                }
                Ok(())
            }
            Ok(Answer::Branch { input }) => {
                self.record(thread, previous, EventKind::ParallelStateStarted { state, input })?;
                Ok(())
            }
            Ok(Answer::Iterate { input, items: Items { array, length, keyed }, concurrency }) => {
                let started = EventKind::MapStateStarted { state, length, input, items: array, keyed, concurrency };
                self.record(thread, previous, started)?;
                Ok(())
            }
            Ok(Answer::Distribute(distribution)) => self.distribute(thread, previous, *distribution),
            Ok(Answer::RedriveMapRun { map_run_arn, redrive_count }) => self.redrive_map_run(thread, previous, map_run_arn, redrive_count),
            Ok(Answer::StartIteration { index, input, previous }) => {
                let iteration = ThreadId(self.execution.next_thread);
                self.record(thread, previous, EventKind::MapIterationStarted { state, index, iteration, input })?;
                Ok(())
            }
            Ok(Answer::Join { succeeded, result }) => {
                self.record(thread, previous, succeeded)?;
                // A result leads out of the state, never to another result: this does not recurse further.
                self.complete(thread, &result)
            }
            Err(fault) => self.fail(thread, fault),
        }
    }

    /// Leaves the state; at the strand's end, tells whoever waits for it.
    pub(crate) fn exit(&mut self, thread: ThreadId, previous: u64, exit: Exit) -> Result<(), HistoryFull> {
        let state = self.visit(thread).state;
        let Exit { output, assigned, then } = exit;
        let id = self.record(thread, previous, EventKind::StateExited { state, output: output.clone(), assigned, then })?;
        match then {
            Then::Next(_) => Ok(()),
            Then::End => self.strand_ended(thread, id, output),
        }
    }

    fn strand_ended(&mut self, thread: ThreadId, exit: u64, output: Payload) -> Result<(), HistoryFull> {
        if thread == ThreadId::ROOT {
            self.end(exit, EventKind::ExecutionSucceeded { output });
            return Ok(());
        }
        // A branch has handed its output over with its last exit and is gone; an iteration is still there.
        let Some(Strand { parent: Some(parent), index, .. }) = self.execution.strands.get(thread) else { return Ok(()) };
        let (parent, index) = (*parent, *index);
        let state = self.visit(parent).state;
        self.record(parent, exit, EventKind::MapIterationSucceeded { state, index })?;
        Ok(())
    }

    /// Adds an event and applies it. Gives its id.
    pub(crate) fn record(&mut self, thread: ThreadId, previous: u64, kind: EventKind) -> Result<u64, HistoryFull> {
        let id = self.execution.next_event_id;
        if kind.is_public() && id >= self.env.limits.history_events_max {
            return Err(HistoryFull);
        }
        self.bytes += bytes_of(&kind);
        self.push(Event { at: self.now, previous, thread, kind });
        Ok(id)
    }

    /// Adds the event that ends the execution, for which there is always room.
    pub(crate) fn record_end(&mut self, previous: u64, kind: EventKind) {
        self.push(Event { at: self.now, previous, thread: ThreadId::ROOT, kind });
    }

    /// Adds the ExecutionStarted, which the execution was made from and needs not be applied.
    pub(crate) fn record_start(&mut self, kind: EventKind) {
        self.out.events.push(Event { at: self.now, previous: 0, thread: ThreadId::ROOT, kind });
    }

    fn push(&mut self, event: Event) {
        self.note_since(&event);
        self.execution.apply(self.env.machine, &event);
        self.out.events.push(event);
    }

    /// The strand's task or Map Run, if one is out, no longer counts. What has not left yet does not leave.
    pub(crate) fn cancel_task(&mut self, thread: ThreadId) {
        let Some(strand) = self.execution.strands.get(thread) else { return };
        if let Some(mapping) = strand.mapping() {
            let map_run_arn = mapping.map_run_arn.clone();
            self.out.effects.push(Effect::AbortMapRun { map_run_arn });
        } else if let Some(task) = strand.task() {
            self.cancel(task);
        }
    }

    pub(crate) fn cancel(&mut self, task: TaskRef) {
        let is_dispatch = |effect: &Effect| matches!(effect, Effect::Dispatch(activation) if activation.task == task);
        match self.out.effects[self.first_effect..].iter().position(is_dispatch) {
            Some(index) => {
                self.out.effects.remove(self.first_effect + index);
            }
            None => self.out.effects.push(Effect::Cancel { task }),
        }
    }

    pub(crate) fn strand(&self, thread: ThreadId) -> &Strand {
        self.execution.strands.get(thread).expect("a strand that acts exists")
    }

    pub(crate) fn visit(&self, thread: ThreadId) -> &Visit {
        self.strand(thread).visit().expect("a strand that acts is in a state")
    }
}

/// What an event adds to its batch, roughly: payloads that are likely to be new in it.
fn bytes_of(kind: &EventKind) -> usize {
    match kind {
        EventKind::StateExited { output, assigned, .. } => output.len() + assigned.iter().map(|(_, value)| value.len()).sum::<usize>(),
        EventKind::TaskScheduled { input, .. } | EventKind::MapIterationStarted { input, .. } => input.len(),
        EventKind::MapStateStarted { items, .. } => items.len(),
        EventKind::TaskSucceeded { output, .. } | EventKind::TaskSubmitted { output, .. } => output.len(),
        _ => 0,
    }
}
