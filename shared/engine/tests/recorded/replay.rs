//! Starts a recorded execution again and lets happen what the recording says has happened.

use baton_asl::{MachineType, StateMachine};
use baton_engine::*;
use serde_json::{Value, json};

use crate::{
    case::{Case, Outcome},
    compare::{difference, recorded, shown},
};

/// When every execution starts: 2024-01-01T00:00:00Z.
pub const START: Timestamp = 1_704_067_200_000;

/// Runs the case; an error says what differs.
pub fn run(case: &Case) -> Result<(), String> {
    let machine =
        baton_asl::parse(&case.definition.to_string(), MachineType::Standard).map_err(|errors| format!("is refused: {errors:?}"))?;
    let limits = Limits::default();
    let env = Env { machine: &machine, limits: &limits, services: &NoServices };
    let mut run = Run { env, events: Vec::new(), out: Decision::default(), now: START };
    let mut execution = run.start(&case.input);
    // What the engine does by itself, then what the recording says comes from outside, and so on to the end.
    let mut rest: Vec<&Value> = case.events.iter().collect();
    while run.told(&machine).len() < case.events.len() && execution.status() == Status::Running {
        let next = if case.is_unordered { run.next_unordered(&execution, &mut rest)? } else { &case.events[run.told(&machine).len()] };
        run.happen(&mut execution, next)?;
    }
    let ours = run.told(&machine);
    let compare = if case.is_unordered { compare_unordered } else { compare };
    compare(&ours, &case.events, &case.placeholders)
}

/// Runs an execution that nobody but itself has a say in, and compares its output.
pub fn outcome(outcome: &Outcome) -> Result<(), String> {
    let machine =
        baton_asl::parse(&outcome.definition.to_string(), MachineType::Standard).map_err(|errors| format!("is refused: {errors:?}"))?;
    let limits = Limits::default();
    let env = Env { machine: &machine, limits: &limits, services: &NoServices };
    let execution = Run { env, events: Vec::new(), out: Decision::default(), now: START }.start(&outcome.input.to_string());
    let output = execution.output().ok_or_else(|| format!("ends with {:?}", execution.failure()))?;
    match difference(&json!({ "output": output.value() }), &json!({ "output": outcome.output }), &outcome.placeholders) {
        Some(difference) => Err(format!("input {}: {difference}", outcome.input)),
        None => Ok(()),
    }
}

fn compare(ours: &[Value], theirs: &[Value], placeholders: &[String]) -> Result<(), String> {
    for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        if let Some(difference) = difference(ours, &recorded(theirs), placeholders) {
            return Err(format!("event {} {}{difference}", index + 1, ours["type"]));
        }
    }
    if ours.len() == theirs.len() { Ok(()) } else { Err(format!("{} events, recorded {}", ours.len(), theirs.len())) }
}

/// Events inside of Parallel states were recorded in no order, without ids, and without the last ones of the state.
fn compare_unordered(ours: &[Value], theirs: &[Value], placeholders: &[String]) -> Result<(), String> {
    let without_id = |mut event: Value| {
        event["previousEventId"] = 0.into();
        event
    };
    let mut rest: Vec<Value> = ours.iter().cloned().map(without_id).collect();
    for theirs in theirs {
        let theirs = without_id(recorded(theirs));
        let same = rest.iter().position(|ours| difference(ours, &theirs, placeholders).is_none());
        let same = same.ok_or_else(|| format!("nothing is like the recorded {theirs}"))?;
        rest.remove(same);
    }
    let is_lost = |event: &Value| event["type"].as_str().is_some_and(|kind| kind.starts_with("Parallel"));
    rest.iter().find(|event| !is_lost(event)).map_or(Ok(()), |event| Err(format!("{event} is not recorded")))
}

struct Run<'a> {
    env: Env<'a>,
    events: Vec<Event>,
    out: Decision,
    now: Timestamp,
}

impl Run<'_> {
    fn start(&mut self, input: &str) -> Execution {
        let start = Start {
            execution_arn: "arn:aws:states:us-east-1:123456789012:execution:m:x".into(),
            state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".into(),
            state_machine_name: "m".into(),
            name: "x".into(),
            revision: 1,
            version_arn: None,
            alias_arn: None,
            role_arn: "arn:aws:iam::123456789012:role/r".into(),
            input: Payload::from_text(input.to_owned()),
            trace_header: None,
            seed: 1,
            at: START,
            deadline: None,
            test_case: None,
            map_child: None,
        };
        let execution = Execution::start(&self.env, start, &mut self.out);
        self.take_over();
        execution
    }

    fn take_over(&mut self) {
        self.events.append(&mut self.out.events);
        self.out.clear();
    }

    fn told(&self, machine: &StateMachine) -> Vec<Value> {
        self.events.iter().filter_map(|event| shown(machine, event)).collect()
    }

    /// The first recorded event, not used yet, that what is outstanding waits for.
    fn next_unordered<'e>(&self, execution: &Execution, rest: &mut Vec<&'e Value>) -> Result<&'e Value, String> {
        let outstanding: Vec<Outstanding> = execution.outstanding(self.env.machine).collect();
        let is_next = |event: &&Value| {
            let kind = event["type"].as_str().unwrap_or_default();
            let is_work = ["Task", "LambdaFunction", "Activity"].iter().any(|work| kind.starts_with(work));
            match outstanding.first() {
                Some(task) if task.claim.is_none() => is_work && kind.ends_with("Started"),
                Some(_) => is_work && ["Submitted", "Succeeded", "Failed"].iter().any(|end| kind.ends_with(end)),
                None => kind == "ParallelStateStarted",
            }
        };
        let next = rest.iter().position(is_next).ok_or("nothing recorded follows")?;
        Ok(rest.remove(next))
    }

    /// Does what makes the engine tell the recorded event.
    fn happen(&mut self, execution: &mut Execution, event: &Value) -> Result<(), String> {
        let kind = event["type"].as_str().expect("an event has a type");
        let details = &recorded(event)["details"];
        let outstanding: Vec<Outstanding> = execution.outstanding(self.env.machine).collect();
        let unclaimed = || outstanding.iter().find(|task| task.claim.is_none()).map(|task| task.activation.task);
        let claimed = || outstanding.iter().find(|task| task.claim.is_some()).map(|task| task.activation.task);
        let failure = |key: &str| details.get(key).map(|text| text_of(text).into());
        let is_inner = kind.starts_with("Parallel") || kind.starts_with("Map");
        let input = if kind.ends_with("Started") && !is_inner {
            let claim = Claim { worker_name: None, claim_id: 1, incarnation: 1, holder: Holder::Process };
            unclaimed().map(|task| Input::TaskStarted { task, claim })
        } else if kind.ends_with("Submitted") {
            claimed().map(|task| Input::TaskSubmitted { task, output: Payload::from_text(text_of(&details["output"])) })
        } else if kind.ends_with("Succeeded") {
            claimed().map(|task| Input::TaskSucceeded { task, output: Payload::from_text(text_of(&details["output"])) })
        } else if details["error"] == "States.DataLimitExceeded" {
            let long = format!("\"{}\"", "x".repeat(self.env.limits.payload_bytes_max));
            claimed().map(|task| Input::TaskSucceeded { task, output: Payload::from_text(long) })
        } else if kind.ends_with("Failed") {
            claimed().map(|task| Input::TaskFailed { task, error: failure("error"), cause: failure("cause") })
        } else if kind == "ExecutionAborted" {
            Some(Input::Stop { error: failure("error"), cause: failure("cause") })
        } else {
            // A wait, a timeout, a retry: time passes.
            self.now = execution.next_due().ok_or("nothing is due")?;
            Some(Input::Tick)
        };
        let input = input.ok_or_else(|| format!("no task for {kind} after {}", self.told(self.env.machine).len()))?;
        let verdict = execution.decide(&self.env, input, self.now, &mut self.out);
        self.take_over();
        verdict.map(|_| ()).map_err(|reason| format!("{kind}: {reason}"))
    }
}

/// The text of a payload or cause: recordings show objects as such.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
