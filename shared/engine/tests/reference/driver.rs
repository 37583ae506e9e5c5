//! The engine under a script of workers, in virtual time; after every step a second execution is rebuilt from the events alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use baton_asl::{Resource, StateId, StateKind, StateMachine};
use baton_engine::{
    Claim, Decision, Effect, Env, Event, EventKind, Execution, Holder, Input, Limits, NoServices, Payload, Start, Status, TaskRef,
    decode_with_table, encode_with_table,
};
use serde_json::Value;

use super::interpreter::{Failed, Seen};
use super::script::{Answer, Script};

/// Steps after which a run is taken for endless.
const STEPS_MAX: usize = 100_000;
/// When runs begin that are redriven: no execution is older than RedriveExecution.
const LATER: i64 = 1_800_000_000_000;

/// How a run of the engine ended.
pub(crate) struct Run {
    pub(crate) result: Result<Value, Failed>,
    pub(crate) events: Vec<Event>,
}

/// A run that is stopped now and then, and redriven whenever it has not succeeded, so many times at most. Whatever was out before still
/// answers, too late.
pub(crate) fn run_redriven(machine: &StateMachine, input: &Value, script: &Script, redrives_max: u32) -> (Execution, Vec<Event>) {
    let limits = Limits::default();
    let env = Env { machine, limits: &limits, services: &NoServices };
    let mut out = Decision::default();
    let mut execution = Execution::start(&env, Start { at: LATER, ..start(input) }, &mut out);
    let mut workers = Workers { script: *script, answers: BTreeMap::new(), sequence: 0 };
    let mut events = Vec::new();
    let mut now = LATER;
    for step in 0..STEPS_MAX {
        let effects = std::mem::take(&mut out.effects);
        events.append(&mut out.events);
        check_restart(machine, &execution, &events);
        if execution.status() != Status::Running {
            assert_eq!(execution.outstanding(machine).count(), 0, "nothing is out after an end");
            assert_eq!((execution.next_due(), execution.wants_continue()), (None, false), "nothing is due after an end");
            if execution.status() == Status::Succeeded || execution.redrive_count().count == redrives_max {
                return (execution, events);
            }
            assert_eq!(execution.redrive(&env, None, now, &mut out), Ok(now));
            continue;
        }
        if let Some(input) = workers.take_up(&effects, now) {
            for (task, claim) in input {
                execution.decide(&env, Input::TaskStarted { task, claim }, now, &mut out).expect("an offered task can be claimed");
            }
            if !out.events.is_empty() {
                continue;
            }
        }
        if script.draw(&format!("stop {step}")).is_multiple_of(25) {
            execution.decide(&env, Input::Stop { error: None, cause: None }, now, &mut out).expect("it runs");
            continue;
        }
        let (then, input) = workers.next(execution.next_due()).expect("a running execution waits for something");
        now = then;
        // A late answer is refused.
        let _ = execution.decide(&env, input, now, &mut out);
    }
    panic!("the run does not end");
}

/// Runs `machine` to its end.
pub(crate) fn run(machine: &StateMachine, input: &Value, script: &Script) -> Run {
    let limits = Limits::default();
    let env = Env { machine, limits: &limits, services: &NoServices };
    let mut out = Decision::default();
    let mut execution = Execution::start(&env, start(input), &mut out);
    let mut workers = Workers { script: *script, answers: BTreeMap::new(), sequence: 0 };
    let mut events = Vec::new();
    let mut now = 0;
    for _ in 0..STEPS_MAX {
        let effects = std::mem::take(&mut out.effects);
        events.append(&mut out.events);
        check_restart(machine, &execution, &events);
        if execution.status() != Status::Running {
            return Run { result: result(&execution), events };
        }
        if let Some(input) = workers.take_up(&effects, now) {
            // Started in the step that scheduled it, as a sync match does.
            for (task, claim) in input {
                execution.decide(&env, Input::TaskStarted { task, claim }, now, &mut out).expect("an offered task can be claimed");
            }
            if !out.events.is_empty() {
                continue;
            }
        }
        let (then, input) = workers.next(execution.next_due()).expect("a running execution waits for something");
        now = then;
        // A late answer is refused; that is what the script wants of timeouts.
        let _ = execution.decide(&env, input, now, &mut out);
    }
    panic!("the run does not end");
}

struct Workers {
    script: Script,
    /// Answers to come, by time and order of asking.
    answers: BTreeMap<(i64, u64), Input>,
    sequence: u64,
}

impl Workers {
    /// Takes up what is dispatched, and gives the claims to be committed.
    fn take_up(&mut self, effects: &[Effect], now: i64) -> Option<Vec<(TaskRef, Claim)>> {
        let mut claims = Vec::new();
        for effect in effects {
            match effect {
                Effect::Dispatch(activation) => {
                    let (answer, takes) = self.script.answer(&activation.state_name, activation.input.value(), activation.task.attempt);
                    let task = activation.task;
                    self.sequence += 1;
                    self.answers.insert((now + takes, self.sequence), outcome(task, answer));
                    let claim = Claim { worker_name: None, claim_id: self.sequence, incarnation: 1, holder: Holder::Session };
                    claims.push((task, claim));
                }
                Effect::Yield => {
                    self.sequence += 1;
                    self.answers.insert((now, self.sequence), Input::Continue);
                }
                Effect::StartMapRun(_) | Effect::RedriveMapRun { .. } | Effect::AbortMapRun { .. } => {
                    unreachable!("no machine here has a Distributed Map")
                }
                Effect::Cancel { .. } | Effect::Ended => {}
            }
        }
        (!claims.is_empty()).then_some(claims)
    }

    /// Whatever comes first: an answer, or a timer. An answer and a timer never fall together.
    fn next(&mut self, due: Option<i64>) -> Option<(i64, Input)> {
        let first = self.answers.keys().next().copied();
        match (first, due) {
            (Some(key), due) if due.is_none_or(|due| key.0 < due) => self.answers.remove(&key).map(|input| (key.0, input)),
            (_, due) => due.map(|due| (due, Input::Tick)),
        }
    }
}

fn outcome(task: TaskRef, answer: Answer) -> Input {
    match answer {
        Answer::Success(output) => Input::TaskSucceeded { task, output: Payload::from_value(output) },
        Answer::Failure(error, cause) => Input::TaskFailed { task, error: Some(error.into()), cause: Some(cause.into()) },
    }
}

/// Replay from the events, and a round trip of the snapshot's bytes, must both give the execution that runs.
fn check_restart(machine: &StateMachine, execution: &Execution, events: &[Event]) {
    let mut replayed = Execution::recover(machine, &events[0]);
    for event in &events[1..] {
        replayed.apply(machine, event);
    }
    assert!(replayed == *execution, "replay of {} events gives another execution", events.len());
    let mut bytes = Vec::new();
    encode_with_table(execution, &mut bytes);
    let decoded: Execution = decode_with_table(&bytes).expect("a snapshot can be read back");
    assert!(decoded == *execution, "the snapshot after {} events gives another execution", events.len());
}

fn result(execution: &Execution) -> Result<Value, Failed> {
    if let Some(output) = execution.output() {
        return Ok(output.value().clone());
    }
    let failure = execution.failure().cloned().unwrap_or_default();
    Err(Failed { error: failure.error.unwrap_or_default().to_string(), cause: failure.cause.map(|cause| cause.to_string()) })
}

fn start(input: &Value) -> Start {
    let text = |text: &str| Arc::<str>::from(text);
    Start {
        execution_arn: text("arn:aws:states:us-east-1:123456789012:execution:m:e"),
        state_machine_arn: text("arn:aws:states:us-east-1:123456789012:stateMachine:m"),
        state_machine_name: text("m"),
        name: text("e"),
        revision: 0,
        version_arn: None,
        alias_arn: None,
        role_arn: text("arn:aws:iam::123456789012:role/r"),
        input: Payload::from_value(input.clone()),
        trace_header: None,
        seed: 1,
        at: 0,
        deadline: None,
        test_case: None,
        map_child: None,
    }
}

/// The public events as the reference tells them.
pub(crate) fn seen(machine: &StateMachine, events: &[Event]) -> Vec<Seen> {
    events.iter().filter(|event| event.kind.is_public()).map(|event| one(machine, event)).collect()
}

fn one(machine: &StateMachine, event: &Event) -> Seen {
    let typed = |state: StateId, ending: &str| format!("{}{ending}", type_name(machine, state));
    let work = |state: StateId, ending: &str| format!("{}{ending}", family(machine, state));
    let named = |state: StateId| machine.state(state).name.to_string();
    let plain = |kind: String| (kind, String::new(), None, None);
    let failed = |kind: String, failure: &baton_engine::Failure| (kind, String::new(), None, failure.error.as_deref().map(str::to_owned));
    let (kind, name, payload, error) = match &event.kind {
        EventKind::ExecutionStarted(start) => ("ExecutionStarted".into(), String::new(), Some(&start.input), None),
        EventKind::ExecutionSucceeded { output } => ("ExecutionSucceeded".into(), String::new(), Some(output), None),
        EventKind::ExecutionFailed { failure } => failed("ExecutionFailed".into(), failure),
        EventKind::ExecutionAborted { failure } => failed("ExecutionAborted".into(), failure),
        EventKind::ExecutionTimedOut { failure } => failed("ExecutionTimedOut".into(), failure),
        EventKind::ExecutionRedriven { .. } => plain("ExecutionRedriven".into()),
        EventKind::StateEntered { state, input } => (typed(*state, "StateEntered"), named(*state), Some(input), None),
        EventKind::StateExited { state, output, .. } => (typed(*state, "StateExited"), named(*state), Some(output), None),
        EventKind::StateAborted { state } => plain(typed(*state, "StateAborted")),
        EventKind::EvaluationFailed { failure, .. } => failed("EvaluationFailed".into(), failure),
        EventKind::TaskScheduled { state, input, .. } => (work(*state, "Scheduled"), String::new(), Some(input), None),
        EventKind::TaskRefused { state, failure } => failed(work(*state, "ScheduleFailed"), failure),
        EventKind::TaskStarted { state, .. } => plain(work(*state, "Started")),
        EventKind::TaskSubmitted { state, output } => (work(*state, "Submitted"), String::new(), Some(output), None),
        EventKind::TaskSucceeded { state, output } => (work(*state, "Succeeded"), String::new(), Some(output), None),
        EventKind::TaskFailed { state, failure } => failed(work(*state, "Failed"), failure),
        EventKind::TaskTimedOut { state, failure, .. } => failed(work(*state, "TimedOut"), failure),
        EventKind::ParallelStateStarted { .. } => plain("ParallelStateStarted".into()),
        EventKind::ParallelStateSucceeded { .. } => plain("ParallelStateSucceeded".into()),
        EventKind::ParallelStateFailed { .. } => plain("ParallelStateFailed".into()),
        EventKind::MapStateStarted { .. } => plain("MapStateStarted".into()),
        EventKind::MapIterationStarted { state, .. } => ("MapIterationStarted".into(), named(*state), None, None),
        EventKind::MapIterationSucceeded { state, .. } => ("MapIterationSucceeded".into(), named(*state), None, None),
        EventKind::MapIterationFailed { state, .. } => ("MapIterationFailed".into(), named(*state), None, None),
        EventKind::MapIterationAborted { state, .. } => ("MapIterationAborted".into(), named(*state), None, None),
        EventKind::MapStateSucceeded { .. } => plain("MapStateSucceeded".into()),
        EventKind::MapStateFailed { .. } => plain("MapStateFailed".into()),
        EventKind::WaitStarted { .. } | EventKind::RetryScheduled { .. } | EventKind::TaskRegranted { .. } => {
            unreachable!("internal events are not shown")
        }
        EventKind::DistributedMapStarted { .. }
        | EventKind::MapRunStarted { .. }
        | EventKind::MapRunSucceeded { .. }
        | EventKind::MapRunFailed { .. }
        | EventKind::MapRunAborted { .. }
        | EventKind::MapRunRedriven { .. } => unreachable!("no machine here has a Distributed Map"),
    };
    Seen { at: event.at, previous: event.previous, kind, name, payload: payload.map(|payload| payload.value().clone()), error }
}

fn type_name(machine: &StateMachine, state: StateId) -> &'static str {
    match machine.state(state).kind {
        StateKind::Pass(_) => "Pass",
        StateKind::Task(_) => "Task",
        StateKind::Choice(_) => "Choice",
        StateKind::Wait(_) => "Wait",
        StateKind::Succeed => "Succeed",
        StateKind::Fail(_) => "Fail",
        StateKind::Parallel(_) => "Parallel",
        StateKind::Map(_) => "Map",
    }
}

fn family(machine: &StateMachine, state: StateId) -> &'static str {
    let StateKind::Task(task) = &machine.state(state).kind else { return "Task" };
    match task.resource {
        Resource::Function { .. } => "LambdaFunction",
        Resource::Activity { .. } => "Activity",
        Resource::Integration(_) => "Task",
    }
}
