//! Tests as data: a definition, an input, what workers and time do, and the history that must come of it.
//!
//! After every step the execution is rebuilt from its events, and from a snapshot through the codec, and must equal the one that
//! decided; what was asked of the world must be what is outstanding.

use std::collections::BTreeSet;
use std::sync::Arc;

use baton_asl::{MachineType, Resource, StateKind, StateMachine};
use baton_engine::*;

/// When every test's execution starts: 2024-01-01T00:00:00Z.
pub const START: Timestamp = 1_704_067_200_000;

/// What happens to the execution from outside.
#[derive(Clone, Copy, Debug)]
pub enum Do<'a> {
    /// Somebody takes the state's task.
    Claim(&'a str),
    /// The service has answered the state's request.
    Submit(&'a str, &'a str),
    /// The state's task gives this result.
    Succeed(&'a str, &'a str),
    /// The state's task fails with this error and cause.
    Fail(&'a str, &'a str, &'a str),
    /// The state's task fails without error and cause.
    FailWithNothing(&'a str),
    /// The state's task cannot be handed out.
    Refuse(&'a str, &'a str, &'a str),
    /// The holder of the state's task is alive.
    Beat(&'a str),
    /// Milliseconds pass; what is due fires on time.
    Pass(i64),
    /// StopExecution.
    Stop(&'a str, &'a str),
    /// RedriveExecution.
    Redrive,
    /// The Map Run that was started last ends with this result.
    EndMapRun(&'a str),
    /// The Map Run that was started last fails with this error and cause.
    FailMapRun(&'a str, &'a str),
}

/// Claims the state's task and gives its result.
pub fn run<'a>(state: &'a str, result: &'a str) -> [Do<'a>; 2] {
    [Do::Claim(state), Do::Succeed(state, result)]
}

/// Claims the state's task and lets it fail.
pub fn fail<'a>(state: &'a str, error: &'a str, cause: &'a str) -> [Do<'a>; 2] {
    [Do::Claim(state), Do::Fail(state, error, cause)]
}

/// One execution under test.
pub struct Run {
    pub machine: StateMachine,
    pub limits: Limits,
    pub execution: Execution,
    pub events: Vec<Event>,
    pub now: Timestamp,
    out: Decision,
    dispatched: BTreeSet<TaskRef>,
    claims: u64,
    /// What was asked for about Map Runs.
    pub map_runs: Vec<MapRunSeen>,
}

/// What an execution asks for about a Map Run.
#[derive(Debug, PartialEq)]
pub enum MapRunSeen {
    Started(Box<MapRunSpec>),
    Redriven(Arc<str>),
    Aborted(Arc<str>),
}

impl Run {
    pub fn start(definition: &str, input: &str) -> Self {
        Self::start_with(definition, input, Limits::default())
    }

    pub fn start_with(definition: &str, input: &str, limits: Limits) -> Self {
        Self::start_as(definition, start_of(input), limits)
    }

    pub fn start_as(definition: &str, start: Start, limits: Limits) -> Self {
        let machine = baton_asl::parse(definition, MachineType::Standard).unwrap_or_else(|errors| panic!("{errors:#?}"));
        let mut out = Decision::default();
        let env = Env { machine: &machine, limits: &limits, services: &NoServices };
        let execution = Execution::start(&env, start, &mut out);
        let mut run = Self {
            machine,
            limits,
            execution,
            events: Vec::new(),
            now: START,
            out,
            dispatched: BTreeSet::new(),
            claims: 0,
            map_runs: Vec::new(),
        };
        run.settle();
        run
    }

    /// Decides and checks everything that must hold after it.
    pub fn decide(&mut self, input: Input) -> Result<Verdict, Rejected> {
        let before = self.execution.clone();
        let env = Env { machine: &self.machine, limits: &self.limits, services: &NoServices };
        let reported = match &input {
            Input::TaskSucceeded { task, .. } | Input::TaskFailed { task, .. } | Input::TaskRefused { task, .. } => Some(*task),
            _ => None,
        };
        let result = self.execution.decide(&env, input, self.now, &mut self.out);
        if let (Some(task), Ok(Verdict::Applied)) = (reported, result) {
            assert!(self.dispatched.remove(&task), "reported but not out: {task:?}");
        }
        if result != Ok(Verdict::Applied) {
            assert_eq!(self.execution, before, "an input that does not count changes nothing");
            assert!(self.out.events.is_empty() && self.out.effects.is_empty());
        }
        self.settle();
        result
    }

    /// Takes over what was decided, goes on after yields, and checks.
    fn settle(&mut self) {
        loop {
            self.events.extend(self.out.events.iter().cloned());
            let effects = std::mem::take(&mut self.out.effects);
            let batch = std::mem::take(&mut self.out.events);
            check_codec(&batch);
            let yields = self.take_effects(effects);
            self.check_rebuilt();
            if !yields {
                return;
            }
            let env = Env { machine: &self.machine, limits: &self.limits, services: &NoServices };
            let verdict = self.execution.decide(&env, Input::Continue, self.now, &mut self.out);
            assert_eq!(verdict, Ok(Verdict::Applied));
        }
    }

    fn take_effects(&mut self, effects: Vec<Effect>) -> bool {
        let mut yields = false;
        let mut ended = false;
        for effect in effects {
            match effect {
                Effect::Dispatch(activation) => assert!(self.dispatched.insert(activation.task), "dispatched twice: {activation:?}"),
                Effect::Cancel { task } => assert!(self.dispatched.remove(&task), "cancelled but not out: {task:?}"),
                Effect::StartMapRun(spec) => self.map_runs.push(MapRunSeen::Started(spec)),
                Effect::RedriveMapRun { map_run_arn, .. } => self.map_runs.push(MapRunSeen::Redriven(map_run_arn)),
                Effect::AbortMapRun { map_run_arn } => self.map_runs.push(MapRunSeen::Aborted(map_run_arn)),
                Effect::Yield => yields = true,
                Effect::Ended => ended = true,
            }
        }
        let outstanding: BTreeSet<TaskRef> = self.execution.outstanding(&self.machine).map(|task| task.activation.task).collect();
        assert_eq!(self.dispatched, outstanding, "what was dispatched is what is outstanding");
        let is_found = |task: &TaskRef| self.execution.outstanding_task(&self.machine, *task).is_some();
        assert!(outstanding.iter().all(is_found), "what is outstanding is found by its attempt");
        assert!(!ended || self.execution.status() != Status::Running);
        assert_eq!(yields, self.execution.wants_continue(), "whoever can go on says so");
        yields
    }

    fn check_rebuilt(&self) {
        let mut replayed = Execution::recover(&self.machine, &self.events[0]);
        self.events[1..].iter().for_each(|event| replayed.apply(&self.machine, event));
        assert_eq!(replayed, self.execution, "rebuilt from its events");
        let mut bytes = Vec::new();
        encode_with_table(&self.execution, &mut bytes);
        let decoded: Execution = decode_with_table(&bytes).expect("a snapshot can be read");
        assert_eq!(decoded, self.execution, "rebuilt from a snapshot");
    }

    /// The task that is out in the state of this name.
    pub fn task(&self, state: &str) -> TaskRef {
        let mut outstanding = self.execution.outstanding(&self.machine);
        let found = outstanding.find(|task| &*task.activation.state_name == state);
        found.unwrap_or_else(|| panic!("no task is out in {state}\n{}", self.history())).activation.task
    }

    pub fn claim(&mut self) -> Claim {
        self.claims += 1;
        Claim { worker_name: None, claim_id: self.claims, incarnation: 1, holder: Holder::Session }
    }

    pub fn act(&mut self, act: Do<'_>) {
        let input = match act {
            Do::Claim(state) => Input::TaskStarted { task: self.task(state), claim: self.claim() },
            Do::Submit(state, output) => Input::TaskSubmitted { task: self.task(state), output: payload(output) },
            Do::Succeed(state, output) => Input::TaskSucceeded { task: self.task(state), output: payload(output) },
            Do::Fail(state, error, cause) => {
                Input::TaskFailed { task: self.task(state), error: Some(error.into()), cause: Some(cause.into()) }
            }
            Do::FailWithNothing(state) => Input::TaskFailed { task: self.task(state), error: None, cause: None },
            Do::Refuse(state, error, cause) => Input::TaskRefused { task: self.task(state), error: error.into(), cause: cause.into() },
            Do::Beat(state) => Input::TaskHeartbeat { task: self.task(state) },
            Do::Pass(ms) => return self.pass(ms),
            Do::Redrive => return self.redrive(),
            Do::EndMapRun(result) => self.map_run_ended(MapRunOutcome::Succeeded { result: payload(result) }),
            Do::FailMapRun(error, cause) => self.map_run_ended(MapRunOutcome::Failed { failure: Failure::new(error, cause) }),
            Do::Stop(error, cause) => Input::Stop { error: Some(error.into()), cause: Some(cause.into()) },
        };
        assert_eq!(self.decide(input), Ok(Verdict::Applied), "{act:?}\n{}", self.history());
    }

    fn map_run_ended(&self, outcome: MapRunOutcome) -> Input {
        let spec = self.map_run();
        Input::MapRunEnded { map_run_arn: spec.map_run_arn.clone(), entry: spec.entry, outcome }
    }

    /// What the Map Run was told that was started last.
    pub fn map_run(&self) -> &MapRunSpec {
        let started = |seen: &MapRunSeen| matches!(seen, MapRunSeen::Started(_));
        match self.map_runs.iter().rev().find(|seen| started(seen)) {
            Some(MapRunSeen::Started(spec)) => spec,
            _ => panic!("a Map Run was started\n{}", self.history()),
        }
    }

    /// Goes on after an unsuccessful end.
    fn redrive(&mut self) {
        let env = Env { machine: &self.machine, limits: &self.limits, services: &NoServices };
        assert_eq!(self.execution.redrive(&env, None, self.now, &mut self.out), Ok(self.now), "{}", self.history());
        self.settle();
    }

    /// Lets time pass; what is due fires when it is due.
    pub fn pass(&mut self, ms: i64) {
        let end = self.now + ms;
        while let Some(due) = self.execution.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            assert_eq!(self.decide(Input::Tick), Ok(Verdict::Applied));
        }
        self.now = end;
    }

    /// The history, one event a line: `id<-previous Type details`; internal events without ids.
    pub fn history(&self) -> String {
        let mut id = 0;
        let lines = self.events.iter().map(|event| {
            id += u64::from(event.kind.is_public());
            let line = self.describe(event);
            if event.kind.is_public() { format!("{id}<-{} {line}", event.previous) } else { format!("- {line}") }
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn describe(&self, event: &Event) -> String {
        let state = |id: &baton_asl::StateId| self.machine.state(*id);
        let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map_or("-".to_owned(), |text| format!("{text:?}"));
        let failure = |failure: &Failure| format!("{} {}", text(&failure.error), text(&failure.cause));
        let seconds = |seconds: &Option<u64>, name: &str| seconds.map_or(String::new(), |seconds| format!(" {name}={seconds}"));
        let after = |at: &Timestamp| format!("+{}ms", at - START);
        match &event.kind {
            EventKind::ExecutionStarted(start) => format!("ExecutionStarted {}", start.input.text()),
            EventKind::ExecutionSucceeded { output } => format!("ExecutionSucceeded {}", output.text()),
            EventKind::ExecutionFailed { failure: f } => format!("ExecutionFailed {}", failure(f)),
            EventKind::ExecutionAborted { failure: f } => format!("ExecutionAborted {}", failure(f)),
            EventKind::ExecutionTimedOut { failure: f } => format!("ExecutionTimedOut {}", failure(f)),
            EventKind::ExecutionRedriven { redrive_count, .. } => format!("ExecutionRedriven #{redrive_count}"),
            EventKind::StateEntered { state: id, input } => format!("{}StateEntered {} {}", kind(state(id)), state(id).name, input.text()),
            EventKind::StateExited { state: id, output, assigned, .. } => {
                let assigned: Vec<_> = assigned.iter().map(|(name, value)| format!(" ${name}={}", value.text())).collect();
                format!("{}StateExited {} {}{}", kind(state(id)), state(id).name, output.text(), assigned.concat())
            }
            EventKind::StateAborted { state: id } => format!("{}StateAborted {}", kind(state(id)), state(id).name),
            EventKind::EvaluationFailed { state: id, failure: f, location } => {
                format!("EvaluationFailed {} {} {}", state(id).name, location.as_deref().unwrap_or("-"), failure(f))
            }
            EventKind::TaskScheduled { state: id, attempt, input, timeout_seconds, heartbeat_seconds, role_arn } => {
                let role = role_arn.as_ref().map_or(String::new(), |role| format!(" role={role}"));
                let limits = seconds(timeout_seconds, "timeout") + &seconds(heartbeat_seconds, "heartbeat");
                format!("{}Scheduled {} #{attempt} {}{limits}{role}", work(state(id)), state(id).name, input.text())
            }
            EventKind::TaskRefused { state: id, failure: f } => {
                format!("{}ScheduleFailed {} {}", work(state(id)), state(id).name, failure(f))
            }
            EventKind::TaskStarted { state: id, .. } => format!("{}Started {}", work(state(id)), state(id).name),
            EventKind::TaskSubmitted { state: id, output } => format!("{}Submitted {} {}", work(state(id)), state(id).name, output.text()),
            EventKind::TaskSucceeded { state: id, output } => format!("{}Succeeded {} {}", work(state(id)), state(id).name, output.text()),
            EventKind::TaskFailed { state: id, failure: f } => format!("{}Failed {} {}", work(state(id)), state(id).name, failure(f)),
            EventKind::TaskTimedOut { state: id, failure: f, .. } => {
                format!("{}TimedOut {} {}", work(state(id)), state(id).name, failure(f))
            }
            EventKind::ParallelStateStarted { state: id, .. } => format!("ParallelStateStarted {}", state(id).name),
            EventKind::ParallelStateSucceeded { state: id } => format!("ParallelStateSucceeded {}", state(id).name),
            EventKind::ParallelStateFailed { state: id } => format!("ParallelStateFailed {}", state(id).name),
            EventKind::MapStateStarted { state: id, length, .. } => format!("MapStateStarted {} {length}", state(id).name),
            EventKind::MapIterationStarted { state: id, index, .. } => format!("MapIterationStarted {} {index}", state(id).name),
            EventKind::MapIterationSucceeded { state: id, index } => format!("MapIterationSucceeded {} {index}", state(id).name),
            EventKind::MapIterationFailed { state: id, index } => format!("MapIterationFailed {} {index}", state(id).name),
            EventKind::MapIterationAborted { state: id, index } => format!("MapIterationAborted {} {index}", state(id).name),
            EventKind::MapStateSucceeded { state: id } => format!("MapStateSucceeded {}", state(id).name),
            EventKind::MapStateFailed { state: id } => format!("MapStateFailed {}", state(id).name),
            EventKind::DistributedMapStarted { state: id, length } => format!("MapStateStarted {} {length}", state(id).name),
            EventKind::MapRunStarted { state: id, .. } => format!("MapRunStarted {}", state(id).name),
            EventKind::MapRunSucceeded { state: id } => format!("MapRunSucceeded {}", state(id).name),
            EventKind::MapRunFailed { state: id, failure: f } => format!("MapRunFailed {} {}", state(id).name, failure(f)),
            EventKind::MapRunAborted { state: id } => format!("MapRunAborted {}", state(id).name),
            EventKind::MapRunRedriven { state: id, redrive_count, .. } => format!("MapRunRedriven {} #{redrive_count}", state(id).name),
            EventKind::WaitStarted { state: id, until } => format!("Wait {} until {}", state(id).name, after(until)),
            EventKind::TaskRegranted { state: id, claim } => format!("Regranted {} to {}", state(id).name, claim.claim_id),
            EventKind::RetryScheduled { state: id, retrier, at, .. } => format!("Retry {} by {retrier} at {}", state(id).name, after(at)),
        }
    }
}

/// Runs a whole script and compares the history.
pub fn check<'a>(definition: &str, input: &str, script: impl IntoIterator<Item = Do<'a>>, expected: &str) -> Run {
    let mut run = Run::start(definition, input);
    script.into_iter().for_each(|act| run.act(act));
    assert_history(&run, expected);
    run
}

/// A machine of one state and, where a catcher leads to them, a Succeed state `C` and a Fail state `D`.
pub fn machine(name: &str, state: &str) -> String {
    let others = [("C", "Succeed"), ("D", "Fail")];
    let reached = others.iter().filter(|(other, _)| state.contains(&format!(r#""Next": "{other}""#)));
    let others: Vec<String> = reached.map(|(other, kind)| format!(r#", "{other}": {{"Type": "{kind}"}}"#)).collect();
    format!(r#"{{"StartAt": "{name}", "States": {{"{name}": {state}{}}}}}"#, others.concat())
}

/// Compares the history, line by line, without indentation.
pub fn assert_history(run: &Run, expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let expected = expected.join("\n");
    let actual = run.history();
    assert!(actual == expected, "expected\n{expected}\n\nactual\n{actual}\n");
}

fn check_codec(batch: &[Event]) {
    let mut bytes = Vec::new();
    encode_with_table(&batch.to_vec(), &mut bytes);
    let decoded: Vec<Event> = decode_with_table(&bytes).expect("a batch can be read");
    assert_eq!(decoded, batch);
}

pub fn payload(text: &str) -> Payload {
    serde_json::from_str::<serde_json::Value>(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    Payload::from_text(text.to_owned())
}

pub fn start_of(input: &str) -> Start {
    Start {
        execution_arn: "arn:aws:states:us-east-1:123456789012:execution:m:x".into(),
        state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".into(),
        state_machine_name: "m".into(),
        name: "x".into(),
        revision: 1,
        version_arn: None,
        alias_arn: None,
        role_arn: "arn:aws:iam::123456789012:role/r".into(),
        input: payload(input),
        trace_header: None,
        seed: 7,
        at: START,
        deadline: None,
        test_case: None,
        map_child: None,
    }
}

fn kind(state: &baton_asl::State) -> &'static str {
    match state.kind {
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

fn work(state: &baton_asl::State) -> &'static str {
    let StateKind::Task(task) = &state.kind else { panic!("{} is no Task", state.name) };
    match task.resource {
        Resource::Function { .. } => "LambdaFunction",
        Resource::Activity { .. } => "Activity",
        Resource::Integration(_) => "Task",
    }
}
