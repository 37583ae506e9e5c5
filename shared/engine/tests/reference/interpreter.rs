//! A naive interpreter of the language, written from the language and not from the engine: one recursive walk over the JSON of the
//! definition, virtual time as a number, no log, no resumption. It knows a subset that the generator stays inside of.

use serde_json::{Map, Value, json};

use super::script::{Answer, Script};

/// One event as history shows it, reduced to what both sides can tell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) at: i64,
    pub(crate) previous: u64,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) payload: Option<Value>,
    pub(crate) error: Option<String>,
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) result: Result<Value, Failed>,
    pub(crate) events: Vec<Seen>,
    /// Strands ran side by side, so the order of events between them is not the language's to say.
    pub(crate) concurrent: bool,
    /// A strand failed while others ran: which events the others had by then is not the language's to say.
    pub(crate) cut: bool,
}

/// Error and cause.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failed {
    pub(crate) error: String,
    pub(crate) cause: Option<String>,
}

pub(crate) fn interpret(definition: &Value, input: Value, script: &Script) -> Outcome {
    let mut walk = Walk { script, events: Vec::new(), concurrent: false, cut: false, failed_in: String::new() };
    walk.see(0, 0, "ExecutionStarted", "", Some(input.clone()), None);
    let mut variables = Map::new();
    let (at, previous, result) = walk.flow(definition, input, 0, 0, &mut variables);
    match &result {
        Ok(output) => walk.see(at, previous, "ExecutionSucceeded", "", Some(output.clone()), None),
        Err(failed) => walk.see(at, previous, "ExecutionFailed", "", None, Some(failed.error.clone())),
    };
    Outcome { result, events: walk.events, concurrent: walk.concurrent, cut: walk.cut }
}

struct Walk<'s> {
    script: &'s Script,
    events: Vec<Seen>,
    concurrent: bool,
    cut: bool,
    /// Type of the state that failed last.
    failed_in: String,
}

/// Time, id of the last event, and how it went.
type Went<T> = (i64, u64, Result<T, Failed>);

impl Walk<'_> {
    fn see(&mut self, at: i64, previous: u64, kind: &str, name: &str, payload: Option<Value>, error: Option<String>) -> u64 {
        self.events.push(Seen { at, previous, kind: kind.into(), name: name.into(), payload, error });
        self.events.len() as u64
    }

    fn flow(&mut self, flow: &Value, input: Value, at: i64, previous: u64, variables: &mut Map<String, Value>) -> Went<Value> {
        let (mut at, mut previous, mut input) = (at, previous, input);
        let mut name = flow["StartAt"].as_str().unwrap().to_owned();
        loop {
            let state = &flow["States"][&name];
            let kind = state["Type"].as_str().unwrap();
            let entered = self.see(at, previous, &format!("{kind}StateEntered"), &name, Some(input.clone()), None);
            let (then, last, result) = self.state(&name, state, &input, at, entered, variables);
            at = then;
            match result {
                Err(failed) => {
                    self.failed_in = kind.to_owned();
                    return (at, last, Err(failed));
                }
                Ok((output, next, assigned)) => {
                    let exits_from = self.exits_from(kind, last);
                    previous = self.see(at, exits_from, &format!("{kind}StateExited"), &name, Some(output.clone()), None);
                    variables.extend(assigned);
                    input = output;
                    match next {
                        Some(next) => name = next,
                        None => return (at, previous, Ok(input)),
                    }
                }
            }
        }
    }

    /// A Parallel's and a Map's exit has the same parent as its …Succeeded.
    fn exits_from(&self, kind: &str, last: u64) -> u64 {
        let event = &self.events[last as usize - 1];
        let shared = matches!(kind, "Parallel" | "Map") && event.kind.ends_with("StateSucceeded");
        if shared { event.previous } else { last }
    }

    #[allow(clippy::type_complexity)]
    fn state(
        &mut self,
        name: &str,
        state: &Value,
        raw: &Value,
        at: i64,
        entered: u64,
        variables: &Map<String, Value>,
    ) -> Went<(Value, Option<String>, Map<String, Value>)> {
        let effective = select(state.get("InputPath"), raw, variables);
        let next = state.get("Next").and_then(Value::as_str).map(str::to_owned);
        match state["Type"].as_str().unwrap() {
            "Pass" => {
                let result = state.get("Result").cloned().unwrap_or_else(|| parameters(state, &effective, variables));
                let assigned = assign(state.get("Assign"), &result, variables);
                (at, entered, Ok((out(state, raw, result, variables), next, assigned)))
            }
            "Wait" => {
                let seconds = state["Seconds"].as_i64().unwrap();
                let assigned = assign(state.get("Assign"), &effective, variables);
                (at + seconds * 1000, entered, Ok((select(state.get("OutputPath"), &effective, variables), next, assigned)))
            }
            "Succeed" => (at, entered, Ok((select(state.get("OutputPath"), &effective, variables), None, Map::new()))),
            "Fail" => {
                let error = state["Error"].as_str().unwrap().to_owned();
                (at, entered, Err(Failed { error, cause: state["Cause"].as_str().map(str::to_owned) }))
            }
            "Choice" => {
                let rules = state["Choices"].as_array().unwrap();
                let rule = rules.iter().find(|rule| holds(rule, &effective, variables));
                let chosen = rule.map_or(&state["Default"], |rule| &rule["Next"]);
                let assigned = assign(rule.map_or(state.get("Assign"), |rule| rule.get("Assign")), &effective, variables);
                let output = select(state.get("OutputPath"), &effective, variables);
                (at, entered, Ok((output, chosen.as_str().map(str::to_owned), assigned)))
            }
            _ => self.with_retries(name, state, raw, &effective, at, entered, variables, next),
        }
    }

    /// Task, Parallel and Map: attempts, retriers, catchers.
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    fn with_retries(
        &mut self,
        name: &str,
        state: &Value,
        raw: &Value,
        effective: &Value,
        at: i64,
        entered: u64,
        variables: &Map<String, Value>,
        next: Option<String>,
    ) -> Went<(Value, Option<String>, Map<String, Value>)> {
        let nothing = Vec::new();
        let retriers = state.get("Retry").and_then(Value::as_array).unwrap_or(&nothing);
        let mut used = vec![0u32; retriers.len()];
        let (mut at, mut last, mut attempt) = (at, entered, 1);
        let prepared = parameters(state, effective, variables);
        loop {
            let (then, event, result) = match state["Type"].as_str().unwrap() {
                "Task" => self.task(name, state, &prepared, attempt, at, last),
                "Parallel" => self.parallel(state, &prepared, at, last, variables),
                _ => self.map(name, state, effective, at, last, variables),
            };
            (at, last) = (then, event);
            let failed = match result {
                Ok(result) => {
                    let assigned = assign(state.get("Assign"), &result, variables);
                    return (at, last, Ok((out(state, raw, result, variables), next, assigned)));
                }
                Err(failed) => failed,
            };
            let retrier = retriers.iter().position(|retrier| matches(retrier, &failed.error));
            if let Some(index) = retrier.filter(|index| used[*index] < attempts(&retriers[*index])) {
                at += delay(&retriers[index], used[index]);
                used[index] += 1;
                attempt += 1;
                continue;
            }
            if state["Type"] != "Task" {
                last = self.see(at, last, &format!("{}StateFailed", state["Type"].as_str().unwrap()), "", None, None);
            }
            let catchers = state.get("Catch").and_then(Value::as_array).unwrap_or(&nothing);
            let Some(catcher) = catchers.iter().find(|catcher| matches(catcher, &failed.error)) else {
                return (at, last, Err(failed));
            };
            let error = json!({ "Error": failed.error, "Cause": failed.cause.clone().unwrap_or_default() });
            let assigned = assign(catcher.get("Assign"), &error, variables);
            let output = place(catcher.get("ResultPath"), raw, error);
            return (at, last, Ok((output, catcher["Next"].as_str().map(str::to_owned), assigned)));
        }
    }

    fn task(&mut self, name: &str, state: &Value, input: &Value, attempt: u32, at: i64, previous: u64) -> Went<Value> {
        let scheduled = self.see(at, previous, "LambdaFunctionScheduled", "", Some(input.clone()), None);
        let started = self.see(at, scheduled, "LambdaFunctionStarted", "", None, None);
        let (answer, takes) = self.script.answer(name, input, attempt);
        let limit = state.get("TimeoutSeconds").and_then(Value::as_i64).map(|seconds| seconds * 1000);
        if let Some(limit) = limit.filter(|limit| takes > *limit) {
            let failed = Failed { error: "States.Timeout".into(), cause: None };
            let event = self.see(at + limit, started, "LambdaFunctionTimedOut", "", None, Some("States.Timeout".into()));
            return (at + limit, event, Err(failed));
        }
        match answer {
            Answer::Success(output) => {
                let event = self.see(at + takes, started, "LambdaFunctionSucceeded", "", Some(output.clone()), None);
                (at + takes, event, Ok(output))
            }
            Answer::Failure(error, cause) => {
                let event = self.see(at + takes, started, "LambdaFunctionFailed", "", None, Some(error.clone()));
                (at + takes, event, Err(Failed { error, cause: Some(cause) }))
            }
        }
    }

    fn parallel(&mut self, state: &Value, input: &Value, at: i64, previous: u64, variables: &Map<String, Value>) -> Went<Value> {
        let started = self.see(at, previous, "ParallelStateStarted", "", None, None);
        let branches = state["Branches"].as_array().unwrap();
        self.concurrent |= branches.len() > 1;
        let mut ends = Vec::new();
        for branch in branches {
            ends.push(self.flow(branch, input.clone(), at, started, &mut variables.clone()));
        }
        let (end, last, result) = self.joined(ends, at, started);
        if result.is_ok() {
            let succeeded = self.see(end, last, "ParallelStateSucceeded", "", None, None);
            return (end, succeeded, result);
        }
        // A failed branch has no event of its own: the state that it was in is shown as aborted.
        if ["Task", "Wait", "Parallel", "Map"].contains(&self.failed_in.as_str()) {
            let aborted = format!("{}StateAborted", self.failed_in);
            self.see(end, last, &aborted, "", None, None);
        }
        (end, last, result)
    }

    /// All results in order, or the first failure.
    fn joined(&mut self, ends: Vec<Went<Value>>, at: i64, started: u64) -> Went<Value> {
        let first = ends.iter().filter(|end| end.2.is_err()).min_by_key(|end| end.0).cloned();
        if let Some(failed) = first {
            self.cut |= ends.len() > 1;
            return failed;
        }
        let last = ends.iter().max_by_key(|end| end.0).map_or((at, started), |end| (end.0, end.1));
        (last.0, last.1, Ok(Value::Array(ends.into_iter().filter_map(|end| end.2.ok()).collect())))
    }

    fn map(&mut self, name: &str, state: &Value, effective: &Value, at: i64, previous: u64, variables: &Map<String, Value>) -> Went<Value> {
        let items = select(state.get("ItemsPath"), effective, variables);
        let items = items.as_array().cloned().unwrap_or_default();
        let started = self.see(at, previous, "MapStateStarted", "", None, None);
        let limit = state.get("MaxConcurrency").and_then(Value::as_u64).filter(|limit| *limit > 0).unwrap_or(40) as usize;
        self.concurrent |= limit > 1 && items.len() > 1;
        let mut free = vec![(at, started); limit.min(items.len())];
        let mut ends: Vec<Went<Value>> = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let slot = (0..free.len()).min_by_key(|slot| free[*slot].0).expect("a Map with items has a slot");
            let (begins, after) = free[slot];
            let iteration = self.see(begins, after, "MapIterationStarted", name, None, None);
            let end = self.flow(&state["ItemProcessor"], item, begins, iteration, &mut variables.clone());
            let word = if end.2.is_ok() { "Succeeded" } else { "Failed" };
            let ended = self.see(end.0, end.1, &format!("MapIteration{word}"), name, None, None);
            free[slot] = (end.0, end.1);
            let failed = end.2.is_err();
            let shown = if failed { end.1 } else { ended };
            ends.push((end.0, shown, end.2));
            let _ = index;
            if failed && limit == 1 {
                break;
            }
        }
        let many = ends.len() > 1 && limit > 1;
        let cut = self.cut;
        let (end, last, result) = self.joined(ends, at, started);
        self.cut = cut || (many && result.is_err());
        if result.is_ok() {
            let succeeded = self.see(end, last, "MapStateSucceeded", "", None, None);
            return (end, succeeded, result);
        }
        (end, last, result)
    }
}

fn select(path: Option<&Value>, value: &Value, variables: &Map<String, Value>) -> Value {
    match path {
        None => value.clone(),
        Some(Value::Null) => json!({}),
        Some(path) => read(path.as_str().unwrap(), value, variables),
    }
}

/// `$`, `$.a.b`, `$variable.a`: the generator uses only paths that exist.
fn read(path: &str, value: &Value, variables: &Map<String, Value>) -> Value {
    let mut parts = path.split('.');
    let root = parts.next().unwrap();
    let start = if root == "$" { value.clone() } else { variables.get(&root[1..]).cloned().unwrap_or(Value::Null) };
    parts.fold(start, |value, part| value.get(part).cloned().unwrap_or(Value::Null))
}

fn parameters(state: &Value, effective: &Value, variables: &Map<String, Value>) -> Value {
    state.get("Parameters").map_or_else(|| effective.clone(), |template| render(template, effective, variables))
}

fn render(template: &Value, value: &Value, variables: &Map<String, Value>) -> Value {
    match template {
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| match key.strip_suffix(".$") {
                Some(key) => (key.to_owned(), read(member.as_str().unwrap(), value, variables)),
                None => (key.clone(), render(member, value, variables)),
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(|item| render(item, value, variables)).collect(),
        other => other.clone(),
    }
}

fn assign(template: Option<&Value>, value: &Value, variables: &Map<String, Value>) -> Map<String, Value> {
    match template.map(|template| render(template, value, variables)) {
        Some(Value::Object(assigned)) => assigned,
        _ => Map::new(),
    }
}

/// ResultSelector, ResultPath, OutputPath.
fn out(state: &Value, raw: &Value, result: Value, variables: &Map<String, Value>) -> Value {
    let selected = state.get("ResultSelector").map_or_else(|| result.clone(), |template| render(template, &result, variables));
    select(state.get("OutputPath"), &place(state.get("ResultPath"), raw, selected), variables)
}

fn place(path: Option<&Value>, raw: &Value, result: Value) -> Value {
    match path.map(|path| path.as_str()) {
        None | Some(Some("$")) => result,
        Some(None) => raw.clone(),
        Some(Some(path)) => {
            let mut whole = raw.clone();
            whole[&path[2..]] = result;
            whole
        }
    }
}

fn holds(rule: &Value, value: &Value, variables: &Map<String, Value>) -> bool {
    if let Some(rules) = rule.get("And").and_then(Value::as_array) {
        return rules.iter().all(|rule| holds(rule, value, variables));
    }
    if let Some(rules) = rule.get("Or").and_then(Value::as_array) {
        return rules.iter().any(|rule| holds(rule, value, variables));
    }
    if let Some(rule) = rule.get("Not") {
        return !holds(rule, value, variables);
    }
    let found = read(rule["Variable"].as_str().unwrap(), value, variables);
    if let Some(limit) = rule.get("NumericGreaterThan").and_then(Value::as_f64) {
        return found.as_f64().is_some_and(|found| found > limit);
    }
    if let Some(text) = rule.get("StringEquals").and_then(Value::as_str) {
        return found.as_str() == Some(text);
    }
    rule["IsPresent"].as_bool().is_some_and(|wanted| found.is_null() != wanted)
}

fn matches(handler: &Value, error: &str) -> bool {
    let names = handler["ErrorEquals"].as_array().unwrap();
    names.iter().filter_map(Value::as_str).any(|name| match name {
        "States.ALL" => error != "States.Runtime",
        "States.TaskFailed" => error != "States.Timeout" && error != "States.Runtime",
        name => name == error,
    })
}

fn attempts(retrier: &Value) -> u32 {
    retrier.get("MaxAttempts").and_then(Value::as_u64).unwrap_or(3) as u32
}

/// Milliseconds before retry number `used + 1` of this retrier.
fn delay(retrier: &Value, used: u32) -> i64 {
    let interval = retrier.get("IntervalSeconds").and_then(Value::as_f64).unwrap_or(1.0);
    let rate = retrier.get("BackoffRate").and_then(Value::as_f64).unwrap_or(2.0);
    let cap = retrier.get("MaxDelaySeconds").and_then(Value::as_f64).unwrap_or(f64::MAX);
    ((interval * rate.powi(used as i32)).min(cap) * 1000.0) as i64
}
