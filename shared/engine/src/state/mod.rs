//! What each state type does, one file each. A state answers in few words; who asked makes events of the answer.

mod choice;
mod fail;
pub(crate) mod map;
mod parallel;
mod pass;
mod succeed;
mod task;
mod wait;

use std::sync::Arc;

use baton_asl::{StateId, StateKind, Transition};

use crate::{EventKind, MockedOutcome, Payload, Then, Timestamp, error_handling::Fault, evaluator::Evaluator};

/// What follows in a state that has not failed.
pub(crate) enum Answer {
    /// Done: leave.
    GoTo(Exit),
    /// Wait until then.
    Wait(Timestamp),
    /// Have the task done.
    Schedule(Schedule),
    /// Run the branches.
    Branch { input: Payload },
    /// Run an iteration for each item.
    Iterate { input: Payload, items: Items, concurrency: u32 },
    /// Have a Map Run do the work.
    Distribute(Box<map::distributed::Distribution>),
    /// Have the state's Map Run go on with what has not succeeded.
    RedriveMapRun { map_run_arn: Arc<str>, redrive_count: u32 },
    /// Begin the next iteration, whose event chains to `previous`.
    StartIteration { index: u64, input: Payload, previous: u64 },
    /// All strands are through: `succeeded` says so, and this is what they give.
    Join { succeeded: EventKind, result: Payload },
}

/// How a state is left.
pub(crate) struct Exit {
    pub(crate) output: Payload,
    pub(crate) assigned: Vec<(Arc<str>, Payload)>,
    pub(crate) then: Then,
}

/// A task to be done.
pub(crate) struct Schedule {
    pub(crate) input: Payload,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) heartbeat_seconds: Option<u64>,
    pub(crate) role_arn: Option<Arc<str>>,
    /// How it ends, where a test case says so: then nobody is asked to do it.
    pub(crate) mocked: Option<MockedOutcome>,
}

/// What a Map state iterates over.
pub(crate) struct Items {
    pub(crate) array: Payload,
    pub(crate) length: u64,
    /// Each is `{"Key", "Value"}`.
    pub(crate) keyed: bool,
}

impl Schedule {
    pub(crate) fn into_event(self, state: StateId, attempt: u32) -> EventKind {
        let Self { input, timeout_seconds, heartbeat_seconds, role_arn, mocked: _ } = self;
        EventKind::TaskScheduled { state, attempt, input, timeout_seconds, heartbeat_seconds, role_arn }
    }
}

/// The state has been entered, or a retrier or a redrive has its work done again.
pub(crate) fn enter(at: &Evaluator<'_>) -> Result<Answer, Fault> {
    match &at.state.kind {
        StateKind::Pass(pass) => pass::enter(at, pass),
        StateKind::Task(task) => task::enter(at, task),
        StateKind::Choice(choice) => choice::enter(at, choice),
        StateKind::Wait(wait) => wait::enter(at, wait),
        StateKind::Succeed => succeed::enter(at),
        StateKind::Fail(fail) => Err(fail::enter(at, fail)),
        StateKind::Parallel(_) => parallel::enter(at),
        StateKind::Map(map) => map::enter(at, map),
    }
}

/// Strands inside of the state want something of it: room for one more, or an end.
pub(crate) fn advance(at: &Evaluator<'_>) -> Result<Answer, Fault> {
    match &at.state.kind {
        StateKind::Parallel(_) => parallel::advance(at),
        StateKind::Map(map) => map::advance(at, map),
        StateKind::Pass(_) | StateKind::Task(_) | StateKind::Choice(_) | StateKind::Wait(_) | StateKind::Succeed | StateKind::Fail(_) => {
            unreachable!("only Parallel and Map states have strands inside")
        }
    }
}

/// The state's work has given a result.
pub(crate) fn complete(at: &Evaluator<'_>, result: &Payload) -> Result<Answer, Fault> {
    crate::data_flow::finish(at, result, then(at)).map(Answer::GoTo)
}

/// The time that the state waited for has come.
pub(crate) fn wake(at: &Evaluator<'_>) -> Result<Answer, Fault> {
    wait::leave(at)
}

/// Where a state with `Next` or `End` leads.
fn then(at: &Evaluator<'_>) -> Then {
    match at.state.transition {
        Transition::Next(state) => Then::Next(state),
        Transition::End | Transition::None => Then::End,
    }
}
