//! Reads recorded cases: of each, the definition and history of one execution.

use std::path::Path;

use serde_json::Value;

/// One recorded execution.
pub struct Case {
    pub id: String,
    pub definition: Value,
    pub input: String,
    pub events: Vec<Value>,
    /// Texts that stand for what differs from run to run.
    pub placeholders: Vec<String>,
    /// Events inside of Parallel states were recorded without their ids.
    pub is_unordered: bool,
}

/// One execution of which only the output was recorded.
pub struct Outcome {
    pub id: String,
    pub definition: Value,
    pub input: Value,
    pub output: Value,
    pub placeholders: Vec<String>,
}

/// The executions of a file of which a history was recorded, when it is sure whose it is.
pub fn histories(file: &Path) -> Vec<Case> {
    cases(file).iter().filter_map(history).collect()
}

/// The executions of a file of which only input and output were recorded.
pub fn outcomes(file: &Path) -> Vec<Outcome> {
    cases(file).iter().flat_map(|case| outcomes_of(case).unwrap_or_default()).collect()
}

fn cases(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let file: Value = serde_json::from_str(&text).expect("recordings are JSON");
    file["cases"].as_array().expect("a file has cases").clone()
}

fn history(case: &Value) -> Option<Case> {
    let expected = case["expected"].as_object()?;
    let histories: Vec<&Value> = expected.values().filter(|answer| answer["events"].is_array()).collect();
    let [history] = histories[..] else { return None };
    let events = history["events"].as_array()?.clone();
    Some(Case {
        id: id(case),
        definition: with_arns(case["definitions"].as_array()?.last()?),
        input: input(case, &events)?,
        events,
        placeholders: placeholders(case),
        is_unordered: case["unordered_parallel"].as_bool().unwrap_or(false),
    })
}

/// Executions and outputs stand in the same order; which machine an execution is of, its step says.
fn outcomes_of(case: &Value) -> Option<Vec<Outcome>> {
    let recorded = case["expected"]["cases"].as_array()?;
    let steps = case["steps"].as_array()?;
    let definition_of = |arn: &str| {
        let create = steps.iter().find(|step| step["id"].as_str().is_some_and(|id| arn == format!("<<{id}/stateMachineArn>>")))?;
        case["definitions"].get(create["params"]["definition"]["$definition"].as_u64()? as usize)
    };
    let starts = steps.iter().filter(|step| step["action"] == "StartExecution");
    let outcomes = starts.zip(recorded).zip(case["inputs"].as_array()?).map(|((start, recorded), input)| {
        Some(Outcome {
            id: id(case),
            definition: with_arns(definition_of(start["params"]["stateMachineArn"].as_str()?)?),
            input: input.clone(),
            output: recorded["output"].clone(),
            placeholders: placeholders(case),
        })
    });
    outcomes.collect()
}

fn id(case: &Value) -> String {
    let id = case["id"].as_str().expect("a case has an id");
    id.rsplit("::").next().unwrap_or(id).to_owned()
}

/// The recorded input; where a time in it was replaced, the one that the case was run with.
fn input(case: &Value, events: &[Value]) -> Option<String> {
    let recorded = text(&events[0]["executionStartedEventDetails"]["input"]);
    if !recorded.contains("\"date\"") && !recorded.contains("timestamp\"") && !recorded.contains("timestamp>") {
        return Some(recorded);
    }
    Some(with_times(&text(case["inputs"].as_array()?.last()?)))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `<<now+3|…>>` is a time, counted from the execution's start.
fn with_times(text: &str) -> String {
    let Some((before, rest)) = text.split_once("<<now+") else { return text.to_owned() };
    let (seconds, rest) = rest.split_once('|').expect("a time has a format");
    let (_, after) = rest.split_once(">>").expect("a placeholder ends");
    let seconds: i64 = seconds.parse().expect("a time has seconds");
    let at = jiff::Timestamp::from_millisecond(crate::replay::START + seconds * 1_000).expect("a time of this century");
    format!("{before}{}{}", at.strftime("%Y-%m-%dT%H:%M:%S"), with_times(after))
}

fn placeholders(case: &Value) -> Vec<String> {
    let listed = ["tokens", "free", "whole"].iter().filter_map(|key| case["placeholders"][key].as_array()).flatten();
    let listed = listed.filter_map(Value::as_str).map(str::to_owned);
    // Angle brackets stand around most of them; what was made for a test has names of its own.
    listed.chain(["<", "date", "timestamp", "111111111111"].map(str::to_owned)).collect()
}

/// The definition with real ARNs for what the runner would have created.
fn with_arns(definition: &Value) -> Value {
    let text = definition.to_string();
    let text = text.replace("<<r1/activityArn>>", "arn:aws:states:us-east-1:123456789012:activity:a");
    let text = (1..9).fold(text, |text, n| text.replace(&format!("<<uid:{n}>>"), &n.to_string()));
    let function = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let text = (1..9).fold(text, |text, n| text.replace(&format!("<<r{n}/FunctionArn>>"), function));
    serde_json::from_str(&text).expect("ARNs need no escapes")
}
