//! One state by itself, as TestState runs it: the state's own code, with a probe beside it that notes the values on the way.
//!
//! There is an execution with nothing in it but the visit of this state; no event is made and nothing is applied. Whatever the state
//! asks of the world is handed to the caller as [`Pending`], who brings the answer: a mock's, or a real one.

mod map;
mod result;

use std::sync::Arc;

use baton_asl::{State, StateId, StateKind};
use baton_query::Value;

use crate::{
    Env, Execution, Failure, Payload, Start, ThreadId, Timestamp,
    decide::called,
    error_handling::{Fault, Handling, catch, handle, retry, size},
    evaluator::Evaluator,
    execution::milliseconds,
    probe::Probe,
    state::{self, Answer, Exit, map::tolerance::Tolerance},
    strand::{Activity, Position, Visit},
};
pub use result::{ErrorDetails, TestResult, TestStatus};

/// Id of the StateEntered event that a tested state would have.
const ENTRY: u64 = 2;

/// A state to be tested.
#[derive(Clone, Debug)]
pub struct TestedState {
    /// Which one of the machine.
    pub state: StateId,
    /// What its Context Object tells of the execution. The state's input is the execution's.
    pub start: Start,
    /// Workflow variables by name, without `$`.
    pub variables: Vec<(Arc<str>, Payload)>,
    /// The Context Object to use instead: an object.
    pub context: Option<Payload>,
    /// How often the retrier that takes the state's failure has fired already.
    pub retries: u32,
    /// What the ItemReader of a Map state has read: the text of its source.
    pub item_reader_data: Option<String>,
}

/// What a tested state waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum Pending {
    /// Until then; [`StateTest::wake`] follows.
    Time {
        /// When.
        until: Timestamp,
    },
    /// The result of a task.
    Task {
        /// What the task is called with.
        input: Payload,
        /// After so many seconds it times out.
        timeout_seconds: Option<u64>,
        /// After so many seconds without a sign of life it does.
        heartbeat_seconds: Option<u64>,
        /// `RoleArn` of its `Credentials`.
        role_arn: Option<Arc<str>>,
    },
    /// The outputs of the branches of a Parallel state.
    Branches,
    /// The outputs of the iterations of a Map state.
    Iterations {
        /// How many; `None` when the items are in a source that was not given.
        count: Option<u64>,
    },
}

/// How far a test has come.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "there is one of them per test")]
pub enum TestProgress {
    /// To its end.
    Ended(TestResult),
    /// To where the state waits.
    Waits(Pending),
}

/// The test of one state.
pub struct StateTest {
    execution: Execution,
    probe: Probe,
    tolerance: Tolerance,
    retries: u32,
}

impl StateTest {
    /// Enters the state at `start.at`.
    pub fn begin(env: Env<'_>, tested: TestedState) -> (Self, TestProgress) {
        let TestedState { state, start, variables, context, retries, item_reader_data } = tested;
        let probe = Probe::new(context.map(|context| context.value().clone()));
        let mut test = Self { execution: execution(env, state, start, &variables), probe, tolerance: Tolerance::default(), retries };
        // Which retrier has fired is known when the state fails; until then its retries count as those of the first.
        test.visit_mut().retries = vec![retries];
        let progress = match &test.state(env).kind {
            StateKind::Map(map) => test.enter_map(env, map, item_reader_data.as_deref()),
            StateKind::Pass(_)
            | StateKind::Task(_)
            | StateKind::Choice(_)
            | StateKind::Wait(_)
            | StateKind::Succeed
            | StateKind::Fail(_)
            | StateKind::Parallel(_) => test.enter(env),
        };
        let progress = progress.unwrap_or_else(|fault| TestProgress::Ended(test.fault(env, &fault, test.execution.start.at)));
        (test, progress)
    }

    fn enter(&self, env: Env<'_>) -> Result<TestProgress, Fault> {
        let answer = state::enter(&self.evaluator(env, self.execution.start.at))?;
        Ok(match answer {
            Answer::GoTo(exit) => TestProgress::Ended(self.left(env, TestStatus::Succeeded, exit)),
            Answer::Wait(until) => TestProgress::Waits(Pending::Time { until }),
            Answer::Schedule(task) => TestProgress::Waits(Pending::Task {
                input: task.input,
                timeout_seconds: task.timeout_seconds,
                heartbeat_seconds: task.heartbeat_seconds,
                role_arn: task.role_arn,
            }),
            Answer::Branch { .. } => TestProgress::Waits(Pending::Branches),
            Answer::Iterate { .. }
            | Answer::StartIteration { .. }
            | Answer::Join { .. }
            | Answer::Distribute(_)
            | Answer::RedriveMapRun { .. } => {
                unreachable!("a Map state is entered in another way, and nothing runs inside of it")
            }
        })
    }

    /// The state's work gives this result.
    pub fn succeed(&self, env: Env<'_>, result: &Payload, now: Timestamp) -> TestResult {
        if result.len() > env.limits.payload_bytes_max {
            return self.fail(env, size::exceeded(called(env.machine, self.visit())), now);
        }
        let at = self.evaluator(env, now);
        if matches!(self.state(env).kind, StateKind::Task(_)) {
            at.inspect(|seen| seen.result = Some(result.clone()));
        }
        self.ended(env, state::complete(&at, result), now)
    }

    /// So many of the iterations have failed; if that is not too many, the Map state has this result.
    pub fn end_iterations(&self, env: Env<'_>, result: &Payload, failures: u64, iterations: u64, now: Timestamp) -> TestResult {
        if self.tolerance.is_exceeded(failures, iterations) {
            return self.fail(env, Tolerance::exceeded(), now);
        }
        self.succeed(env, result, now)
    }

    /// The state's work fails.
    pub fn fail(&self, env: Env<'_>, failure: Failure, now: Timestamp) -> TestResult {
        self.fault(env, &Fault::of_work(failure.cut()), now)
    }

    /// The time that the state waits for has come.
    pub fn wake(&self, env: Env<'_>, now: Timestamp) -> TestResult {
        self.ended(env, state::wake(&self.evaluator(env, now)), now)
    }

    /// The test has taken too long: it fails, whatever the state would do about a timeout.
    pub fn expire(&self, env: Env<'_>) -> TestResult {
        let failure = Failure { error: Some(crate::error_handling::fault::TIMEOUT.into()), cause: None };
        TestResult { failure: Some(failure), ..self.result(env, TestStatus::Failed) }
    }

    fn ended(&self, env: Env<'_>, answer: Result<Answer, Fault>, now: Timestamp) -> TestResult {
        match answer {
            Ok(Answer::GoTo(exit)) => self.left(env, TestStatus::Succeeded, exit),
            Ok(_) => unreachable!("a state whose work is done is left"),
            Err(fault) => self.fault(env, &fault, now),
        }
    }

    /// What the state does about its fault.
    fn fault(&self, env: Env<'_>, fault: &Fault, now: Timestamp) -> TestResult {
        let tried = self.after_retries(env, fault, now);
        let at = tried.evaluator(env, now);
        let retry_index = retry::naming(&at, fault).map(|(index, _)| index);
        let details = ErrorDetails { retry_index, ..ErrorDetails::default() };
        let (result, details) = match handle(&at, fault) {
            Ok(Handling::Retry { at: due, .. }) => {
                let seconds = (due.saturating_sub(now) as f64 / milliseconds(1) as f64).round() as i64;
                (self.result(env, TestStatus::Retriable), ErrorDetails { retry_backoff_interval_seconds: Some(seconds), ..details })
            }
            Ok(Handling::Catch(exit)) => {
                let catch_index = catch::naming(&at, fault).map(|(index, _)| index);
                (self.left(env, TestStatus::CaughtError, exit), ErrorDetails { catch_index, ..details })
            }
            Ok(Handling::GiveUp) => (self.result(env, TestStatus::Failed), details),
            // The catcher's own fields have failed, and nothing catches that.
            Err(in_catcher) => return TestResult { failure: Some(in_catcher.failure), ..self.result(env, TestStatus::Failed) },
        };
        let error_details = Some(details).filter(|details| *details != ErrorDetails::default());
        TestResult { failure: Some(fault.failure.clone()), error_details, ..result }
    }

    /// As `self`, with the retries so far as those of the retrier that names the fault.
    fn after_retries(&self, env: Env<'_>, fault: &Fault, now: Timestamp) -> Self {
        let naming = retry::naming(&self.evaluator(env, now), fault).map_or(0, |(index, _)| index);
        let mut tried = Self {
            execution: self.execution.clone(),
            probe: Probe::new(self.probe.context.clone()),
            tolerance: self.tolerance,
            retries: self.retries,
        };
        let mut retries = vec![0; naming + 1];
        retries[naming] = self.retries;
        tried.visit_mut().retries = retries;
        tried
    }

    fn left(&self, env: Env<'_>, status: TestStatus, exit: Exit) -> TestResult {
        let next = match exit.then {
            crate::Then::Next(state) => Some(state),
            crate::Then::End => None,
        };
        TestResult { output: Some(exit.output), next, variables: self.variables(&exit.assigned), ..self.result(env, status) }
    }

    fn result(&self, env: Env<'_>, status: TestStatus) -> TestResult {
        let inspection = result::shown(self.state(env), self.probe.seen());
        TestResult { status, output: None, failure: None, next: None, error_details: None, variables: self.variables(&[]), inspection }
    }

    fn variables(&self, assigned: &[(Arc<str>, Payload)]) -> Option<Payload> {
        let mut scope = self.execution.strands.get(ThreadId::ROOT)?.variables.clone();
        assigned.iter().for_each(|(name, value)| scope.assign(name, value));
        scope.to_object()
    }

    fn evaluator<'e>(&'e self, env: Env<'e>, now: Timestamp) -> Evaluator<'e> {
        let mut at = Evaluator::of(env, &self.execution, ThreadId::ROOT, now);
        at.probe = Some(&self.probe);
        at
    }

    fn visit(&self) -> &Visit {
        self.execution.strands.get(ThreadId::ROOT).and_then(|strand| strand.visit()).expect("the state has been entered")
    }

    fn visit_mut(&mut self) -> &mut Visit {
        self.execution.strands.get_mut(ThreadId::ROOT).and_then(|strand| strand.visit_mut()).expect("the state has been entered")
    }

    fn state<'e>(&self, env: Env<'e>) -> &'e State {
        env.machine.state(self.visit().state)
    }
}

/// An execution that is in this state.
fn execution(env: Env<'_>, state: StateId, start: Start, variables: &[(Arc<str>, Payload)]) -> Execution {
    let visit = Visit {
        state,
        entry: ENTRY,
        entry_previous: 0,
        entered_at: start.at,
        input: start.input.clone(),
        retries: Vec::new(),
        attempts: 0,
        activity: Activity::Deciding,
    };
    let mut execution = Execution::new(env.machine, Box::new(start));
    execution.next_event_id = ENTRY + 1;
    let root = execution.strands.get_mut(ThreadId::ROOT).expect("an execution has a strand");
    root.position = Position::Inside(visit);
    for (name, value) in variables {
        root.variables.assign(name, value);
    }
    execution.variables_bytes = root.variables.bytes();
    execution
}

/// The elements of an array.
fn elements(array: &Payload) -> &[Value] {
    array.value().as_array().map_or(&[], Vec::as_slice)
}
