//! Distributed Maps over items of their state's input, as clients see them.

mod account;
mod control;
mod data;
mod nested;
mod redrive;
mod refused;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::*;

const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:work";

/// Fails for every item that is `{"fail": true}`.
fn picky() -> Value {
    json!({"StartAt": "Look", "States": {
        "Look": {"Type": "Choice", "Choices": [{"Variable": "$.fail", "BooleanEquals": true, "Next": "No"}], "Default": "Yes"},
        "No": {"Type": "Fail", "Error": "Refused", "Cause": "as the item says"},
        "Yes": {"Type": "Pass", "End": true}}})
}

/// One task of an activity.
fn work() -> Value {
    json!({"StartAt": "Work", "States": {"Work": {"Type": "Task", "Resource": ACTIVITY, "End": true}}})
}

/// A Distributed Map of that name over `processor`, with more fields of the state.
fn map_state(kind: &str, mut processor: Value, fields: Value) -> Value {
    processor["ProcessorConfig"] = json!({"Mode": "DISTRIBUTED", "ExecutionType": kind});
    let mut state = json!({"Type": "Map", "Label": "L", "ItemProcessor": processor, "End": true});
    for (name, value) in fields.as_object().expect("fields are an object") {
        state[name] = value.clone();
    }
    state
}

/// A machine with nothing but that state, whose name is `Each`.
fn machine(kind: &str, processor: Value, fields: Value) -> String {
    json!({"StartAt": "Each", "States": {"Each": map_state(kind, processor, fields)}}).to_string()
}

/// `{"fail": …}` for each, the given ones failing.
fn items(count: usize, failing: &[usize]) -> Value {
    (0..count).map(|n| json!({"n": n, "fail": failing.contains(&n)})).collect()
}

impl TestServer {
    async fn begin_with(&self, machine: &str, input: &Value) -> String {
        let started = self.call("StartExecution", json!({"stateMachineArn": machine, "input": input.to_string()})).await;
        text(&started.expect("it starts"), "executionArn")
    }

    /// ARN of the only Map Run of an execution, as soon as there is one.
    async fn map_run_of(&self, execution: &str) -> String {
        let runs = self.until(|| self.map_runs_of(execution), |runs| !runs.is_empty()).await;
        assert_eq!(runs.len(), 1, "{runs:?}");
        text(&runs[0], "mapRunArn")
    }

    async fn map_runs_of(&self, execution: &str) -> Vec<Value> {
        let answer = self.call("ListMapRuns", json!({"executionArn": execution})).await.expect("it is there");
        answer["mapRuns"].as_array().expect("a list").clone()
    }

    async fn describe_map_run(&self, map_run: &str) -> Value {
        self.call("DescribeMapRun", json!({"mapRunArn": map_run})).await.expect("the run is there")
    }

    /// Asks until the answer is as it should be.
    async fn until<T: std::fmt::Debug, F: Future<Output = T>>(&self, ask: impl Fn() -> F, is_right: impl Fn(&T) -> bool) -> T {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let answer = ask().await;
            if is_right(&answer) {
                return answer;
            }
            assert!(tokio::time::Instant::now() < deadline, "it stays {answer:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The children of a run, in pages of two.
    async fn children(&self, map_run: &str, status: Option<&str>) -> Vec<Value> {
        let (mut found, mut request) = (Vec::new(), json!({"mapRunArn": map_run, "maxResults": 2}));
        status.iter().for_each(|status| request["statusFilter"] = json!(status));
        loop {
            let page = self.call("ListExecutions", request.clone()).await.expect("the run is there");
            found.extend(page["executions"].as_array().expect("a list").iter().cloned());
            let Some(token) = page.get("nextToken") else { return found };
            request["nextToken"] = token.clone();
        }
    }

    async fn describe(&self, execution: &str) -> Value {
        self.call("DescribeExecution", json!({"executionArn": execution})).await.expect("the execution is there")
    }

    /// Types of an execution's events.
    async fn event_types(&self, execution: &str) -> Vec<String> {
        self.events(execution).await.iter().map(|event| text(event, "type")).collect()
    }

    async fn events(&self, execution: &str) -> Vec<Value> {
        let history = self.call("GetExecutionHistory", json!({"executionArn": execution, "maxResults": 1_000})).await;
        history.expect("it has one")["events"].as_array().expect("a list").clone()
    }

    async fn create_activity(&self) {
        self.call("CreateActivity", json!({"name": "work"})).await.expect("the activity is new");
    }

    /// The next task of the activity: its token and input; `None` if none comes for a while.
    async fn next_task(&self) -> Option<(String, Value)> {
        let task = self.call("GetActivityTask", json!({"activityArn": ACTIVITY}));
        let task = tokio::time::timeout(Duration::from_millis(700), task).await.ok()?.expect("the activity is there");
        Some((text(&task, "taskToken"), serde_json::from_str(&text(&task, "input")).expect("inputs are JSON")))
    }

    async fn succeed(&self, token: &str, output: &Value) {
        let success = json!({"taskToken": token, "output": output.to_string()});
        self.call("SendTaskSuccess", success).await.expect("the task waits");
    }

    async fn fail(&self, token: &str) {
        self.call("SendTaskFailure", json!({"taskToken": token, "error": "Broken"})).await.expect("the task waits");
    }

    /// Does `count` tasks; those that `is_broken` says so of fail. How often each item was done.
    async fn work_off(&self, count: usize, is_broken: impl Fn(u64) -> bool) -> BTreeMap<u64, usize> {
        let mut done = BTreeMap::new();
        for _ in 0..count {
            let (token, input) = self.next_task().await.expect("a task comes");
            let n = input["n"].as_u64().expect("the item's number");
            *done.entry(n).or_default() += 1;
            if is_broken(n) { self.fail(&token).await } else { self.succeed(&token, &json!(n * 10)).await }
        }
        done
    }
}

/// Counters that are not zero.
fn counts(run: &Value, which: &str) -> BTreeMap<String, u64> {
    let all = run[which].as_object().expect("counters are an object").iter();
    all.map(|(name, count)| (name.clone(), count.as_u64().expect("a number"))).filter(|(_, count)| *count > 0).collect()
}

/// What [`counts`] gives.
fn expected<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.map(|(name, count)| (name.to_owned(), count)).into()
}
