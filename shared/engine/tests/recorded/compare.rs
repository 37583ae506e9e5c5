//! Compares what the engine tells with what was recorded.

use baton_asl::{Resource, State, StateKind, StateMachine};
use baton_engine::{Event, EventKind, Failure};
use serde_json::{Map, Value, json};

/// The event as AWS's API shows it, as far as recordings are compared. `None` for internal events.
pub fn shown(machine: &StateMachine, event: &Event) -> Option<Value> {
    let name = event.kind.state().map(|id| machine.state(id));
    let named = |name: Option<&State>| name.map_or("", |state| &*state.name).to_owned();
    let kind = name.map_or("", type_name);
    let work = name.map_or("", work_name);
    let (kind, details) = match &event.kind {
        EventKind::ExecutionStarted(start) => ("ExecutionStarted".to_owned(), json!({ "input": text(start.input.text()) })),
        EventKind::ExecutionSucceeded { output } => ("ExecutionSucceeded".to_owned(), json!({ "output": text(output.text()) })),
        EventKind::ExecutionFailed { failure: f } => ("ExecutionFailed".to_owned(), failure(f)),
        EventKind::ExecutionAborted { failure: f } => ("ExecutionAborted".to_owned(), failure(f)),
        EventKind::ExecutionTimedOut { failure: f } => ("ExecutionTimedOut".to_owned(), failure(f)),
        EventKind::StateEntered { input, .. } => {
            (format!("{kind}StateEntered"), json!({ "name": named(name), "input": text(input.text()) }))
        }
        EventKind::StateExited { output, assigned, .. } => {
            let mut details = json!({ "name": named(name), "output": text(output.text()) });
            if !assigned.is_empty() {
                details["assignedVariables"] =
                    assigned.iter().map(|(name, value)| (name.to_string(), text(value.text()))).collect::<Map<_, _>>().into();
            }
            (format!("{kind}StateExited"), details)
        }
        EventKind::StateAborted { .. } => (format!("{kind}StateAborted"), json!({})),
        EventKind::EvaluationFailed { failure: f, location, .. } => {
            let mut details = failure(f);
            details["state"] = named(name).into();
            if let Some(location) = location {
                details["location"] = (**location).into();
            }
            ("EvaluationFailed".to_owned(), details)
        }
        EventKind::TaskScheduled { input, timeout_seconds, heartbeat_seconds, .. } => {
            let key = if work == "Task" { "parameters" } else { "input" };
            let mut details = json!({ key: text(input.text()) });
            let limits = [("timeoutInSeconds", timeout_seconds), ("heartbeatInSeconds", heartbeat_seconds)];
            for (key, seconds) in limits {
                if let Some(seconds) = seconds {
                    details[key] = (*seconds).into();
                }
            }
            (format!("{work}Scheduled"), details)
        }
        EventKind::TaskRefused { failure: f, .. } => (format!("{work}ScheduleFailed"), failure(f)),
        EventKind::TaskStarted { .. } => (format!("{work}Started"), json!({})),
        EventKind::TaskSubmitted { output, .. } => (format!("{work}Submitted"), json!({ "output": text(output.text()) })),
        EventKind::TaskSucceeded { output, .. } => (format!("{work}Succeeded"), json!({ "output": text(output.text()) })),
        EventKind::TaskFailed { failure: f, .. } => (format!("{work}Failed"), failure(f)),
        EventKind::TaskTimedOut { failure: f, .. } => (format!("{work}TimedOut"), failure(f)),
        EventKind::ParallelStateStarted { .. } => ("ParallelStateStarted".to_owned(), json!({})),
        EventKind::ParallelStateSucceeded { .. } => ("ParallelStateSucceeded".to_owned(), json!({})),
        EventKind::ParallelStateFailed { .. } => ("ParallelStateFailed".to_owned(), json!({})),
        EventKind::MapStateStarted { length, .. } => ("MapStateStarted".to_owned(), json!({ "length": length })),
        EventKind::MapIterationStarted { index, .. } => ("MapIterationStarted".to_owned(), json!({ "name": named(name), "index": index })),
        EventKind::MapIterationSucceeded { index, .. } => {
            ("MapIterationSucceeded".to_owned(), json!({ "name": named(name), "index": index }))
        }
        EventKind::MapIterationFailed { index, .. } => ("MapIterationFailed".to_owned(), json!({ "name": named(name), "index": index })),
        EventKind::MapIterationAborted { index, .. } => ("MapIterationAborted".to_owned(), json!({ "name": named(name), "index": index })),
        EventKind::MapStateSucceeded { .. } => ("MapStateSucceeded".to_owned(), json!({})),
        EventKind::MapStateFailed { .. } => ("MapStateFailed".to_owned(), json!({})),
        EventKind::ExecutionRedriven { redrive_count, .. } => ("ExecutionRedriven".to_owned(), json!({ "redriveCount": redrive_count })),
        EventKind::DistributedMapStarted { length, .. } => ("MapStateStarted".to_owned(), json!({ "length": length })),
        EventKind::MapRunStarted { .. } => ("MapRunStarted".to_owned(), json!({})),
        EventKind::MapRunSucceeded { .. } => ("MapRunSucceeded".to_owned(), json!({})),
        EventKind::MapRunFailed { failure: f, .. } => ("MapRunFailed".to_owned(), failure(f)),
        EventKind::MapRunAborted { .. } => ("MapRunAborted".to_owned(), json!({})),
        EventKind::MapRunRedriven { redrive_count, .. } => ("MapRunRedriven".to_owned(), json!({ "redriveCount": redrive_count })),
        EventKind::WaitStarted { .. } | EventKind::RetryScheduled { .. } | EventKind::TaskRegranted { .. } => return None,
    };
    Some(json!({ "type": kind, "previousEventId": event.previous, "details": details }))
}

/// The recorded event in the same form.
pub fn recorded(event: &Value) -> Value {
    let event = event.as_object().expect("an event is an object");
    let details = event.iter().find(|(key, _)| key.ends_with("Details")).map_or(json!({}), |(_, details)| details.clone());
    json!({ "type": event["type"], "previousEventId": event["previousEventId"], "details": details })
}

/// What differs, if anything: a path and both values. Texts with one of `placeholders` in them are not compared.
pub fn difference(ours: &Value, theirs: &Value, placeholders: &[String]) -> Option<String> {
    for key in ["error", "cause", "name", "index", "length", "input", "output", "location", "state", "assignedVariables"] {
        if theirs["details"].get(key).is_some() && ours["details"].get(key).is_none() {
            return Some(format!("/details/{key} is missing, recorded is {}", theirs["details"][key]));
        }
    }
    differs("", ours, theirs, placeholders)
}

fn differs(path: &str, ours: &Value, theirs: &Value, placeholders: &[String]) -> Option<String> {
    let found = || Some(format!("{path}: ours {ours}, recorded {theirs}"));
    match (ours, theirs) {
        (_, Value::String(theirs)) if placeholders.iter().any(|mark| theirs.contains(mark)) => None,
        (Value::String(ours), theirs @ (Value::Object(_) | Value::Array(_) | Value::Number(_))) => {
            match serde_json::from_str::<Value>(ours) {
                Ok(ours) => differs(path, &ours, theirs, placeholders),
                Err(_) => found(),
            }
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            // Of an event only what the engine tells is compared: recordings tell of regions and resources, too.
            let is_document = !path.is_empty() && path != "/details";
            if let Some(key) = theirs.keys().find(|key| is_document && !ours.contains_key(*key)) {
                return Some(format!("{path}/{key} is missing"));
            }
            ours.iter().find_map(|(key, ours)| match theirs.get(key) {
                Some(theirs) => differs(&format!("{path}/{key}"), ours, theirs, placeholders),
                None => Some(format!("{path}/{key}: ours {ours}, recorded nothing")),
            })
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            let pairs = ours.iter().zip(theirs).enumerate();
            { pairs }.find_map(|(index, (ours, theirs))| differs(&format!("{path}[{index}]"), ours, theirs, placeholders))
        }
        _ if ours == theirs => None,
        _ => found(),
    }
}

/// Recordings show a text that is an object as that object.
fn text(text: &str) -> Value {
    let document = || serde_json::from_str(text).ok();
    if text.starts_with('{') { document().unwrap_or_else(|| text.into()) } else { text.into() }
}

fn failure(failure: &Failure) -> Value {
    let mut details = Map::new();
    for (key, value) in [("error", &failure.error), ("cause", &failure.cause)] {
        if let Some(value) = value {
            details.insert(key.to_owned(), text(value));
        }
    }
    Value::Object(details)
}

fn type_name(state: &State) -> &'static str {
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

fn work_name(state: &State) -> &'static str {
    match &state.kind {
        StateKind::Task(task) => match task.resource {
            Resource::Function { .. } => "LambdaFunction",
            Resource::Activity { .. } => "Activity",
            Resource::Integration(_) => "Task",
        },
        _ => "",
    }
}
