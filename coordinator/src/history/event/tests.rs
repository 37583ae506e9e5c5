//! One event of each kind, as AWS was recorded to show it.

use std::sync::Arc;

use baton_engine::{Claim, Holder, Then, ThreadId};
use serde_json::{Value, json};

use super::*;

const AT: i64 = 1_700_000_000_123;

/// One state of each kind that events tell apart.
fn machine() -> StateMachine {
    let task = |resource: &str, next: &str| json!({"Type": "Task", "Resource": resource, "Next": next});
    let pass = json!({"StartAt": "Inner", "States": {"Inner": {"Type": "Pass", "End": true}}});
    let inner = |name: &str| json!({"StartAt": name, "States": {name: {"Type": "Pass", "End": true}}});
    let definition = json!({
        "StartAt": "Pass",
        "States": {
            "Pass": {"Type": "Pass", "Next": "Lambda"},
            "Lambda": task("arn:aws:lambda:us-east-1:123456789012:function:f", "Activity"),
            "Activity": task("arn:aws:states:us-east-1:123456789012:activity:a", "Invoke"),
            "Invoke": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}, "Next": "Wait"},
            "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Parallel"},
            "Parallel": {"Type": "Parallel", "Branches": [inner("Branch")], "Next": "Map"},
            "Map": {"Type": "Map", "ItemProcessor": pass, "Next": "Choice"},
            "Choice": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "Fail"}], "Default": "Succeed"},
            "Succeed": {"Type": "Succeed"},
            "Fail": {"Type": "Fail"}
        }
    });
    baton_asl::parse(&definition.to_string(), baton_asl::MachineType::Standard).expect("the definition is valid")
}

fn shown(kind: impl FnOnce(&dyn Fn(&str) -> StateId) -> EventKind, data: bool) -> Value {
    let machine = machine();
    let state = |name: &str| machine.state_named(name).expect("the state is there").id;
    let event = Event { at: AT, previous: 6, thread: ThreadId(0), kind: kind(&state) };
    let history = History { machine: &machine, region: "us-east-1", data };
    serde_json::to_value(history.show(7, &event).expect("a public event")).expect("it is JSON")
}

/// The event has this type and nothing else but these details.
fn check(kind: impl FnOnce(&dyn Fn(&str) -> StateId) -> EventKind, type_name: &str, details: Value) {
    let mut expected = json!({"timestamp": 1_700_000_000.123, "type": type_name, "id": 7, "previousEventId": 6});
    for (member, value) in details.as_object().expect("an object") {
        expected[member] = value.clone();
    }
    assert_eq!(shown(kind, true), expected);
}

fn payload(text: &str) -> Payload {
    Payload::from_text(text.to_owned())
}

fn failure() -> Failure {
    Failure::new("E", "c")
}

fn claim(worker_name: Option<&str>) -> Claim {
    Claim { worker_name: worker_name.map(Into::into), claim_id: 1, incarnation: 0, holder: Holder::Poller }
}

fn start() -> Box<Start> {
    Box::new(Start {
        execution_arn: "arn:aws:states:us-east-1:123456789012:execution:m:e".into(),
        state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".into(),
        state_machine_name: "m".into(),
        name: "e".into(),
        revision: 1,
        version_arn: Some("v".into()),
        alias_arn: None,
        role_arn: "r".into(),
        input: payload("{ \"a\": 1 }"),
        trace_header: None,
        seed: 0,
        at: AT,
        deadline: None,
        test_case: None,
        map_child: None,
    })
}

#[test]
fn events_of_the_execution() {
    let details = json!({"input": "{ \"a\": 1 }", "inputDetails": {"truncated": false}, "roleArn": "r", "stateMachineVersionArn": "v"});
    check(|_| EventKind::ExecutionStarted(start()), "ExecutionStarted", json!({"executionStartedEventDetails": details}));
    let output = json!({"output": "[1]", "outputDetails": {"truncated": false}});
    check(
        |_| EventKind::ExecutionSucceeded { output: payload("[1]") },
        "ExecutionSucceeded",
        json!({"executionSucceededEventDetails": output}),
    );
    let failed = json!({"executionFailedEventDetails": {"error": "E", "cause": "c"}});
    check(|_| EventKind::ExecutionFailed { failure: failure() }, "ExecutionFailed", failed);
    let aborted = json!({"executionAbortedEventDetails": {}});
    check(|_| EventKind::ExecutionAborted { failure: Failure::default() }, "ExecutionAborted", aborted);
    let timed_out = json!({"executionTimedOutEventDetails": {}});
    check(|_| EventKind::ExecutionTimedOut { failure: Failure::default() }, "ExecutionTimedOut", timed_out);
}

#[test]
fn entering_and_leaving_states() {
    for (name, family) in [
        ("Pass", "Pass"),
        ("Lambda", "Task"),
        ("Wait", "Wait"),
        ("Parallel", "Parallel"),
        ("Map", "Map"),
        ("Choice", "Choice"),
        ("Succeed", "Succeed"),
        ("Fail", "Fail"),
    ] {
        let entered = json!({"stateEnteredEventDetails": {"name": name, "input": "{}", "inputDetails": {"truncated": false}}});
        check(|state| EventKind::StateEntered { state: state(name), input: payload("{}") }, &format!("{family}StateEntered"), entered);
        if name != "Fail" {
            let exited = json!({"stateExitedEventDetails": {"name": name, "output": "{}", "outputDetails": {"truncated": false}}});
            let kind = |state: &dyn Fn(&str) -> StateId| exit(state(name), Vec::new());
            check(kind, &format!("{family}StateExited"), exited);
        }
    }
    for (name, family) in [("Lambda", "Task"), ("Wait", "Wait"), ("Parallel", "Parallel"), ("Map", "Map")] {
        check(|state| EventKind::StateAborted { state: state(name) }, &format!("{family}StateAborted"), json!({}));
    }
}

fn exit(state: StateId, assigned: Vec<(Arc<str>, Payload)>) -> EventKind {
    EventKind::StateExited { state, output: payload("{}"), assigned, then: Then::End }
}

#[test]
fn variables_are_shown_as_json_text() {
    let details = json!({
        "name": "Pass", "output": "{}", "outputDetails": {"truncated": false},
        "assignedVariables": {"x": "\"text\"", "y": "[1,2]"}, "assignedVariablesDetails": {"truncated": false}
    });
    let assigned = vec![("x".into(), payload("\"text\"")), ("y".into(), payload("[1,2]"))];
    check(|state| exit(state("Pass"), assigned), "PassStateExited", json!({"stateExitedEventDetails": details}));
}

fn scheduled(state: StateId) -> EventKind {
    let role_arn = Some("role".into());
    let (timeout_seconds, heartbeat_seconds) = (Some(60), Some(10));
    EventKind::TaskScheduled { state, attempt: 1, input: payload("{}"), timeout_seconds, heartbeat_seconds, role_arn }
}

#[test]
fn functions_have_names_of_their_own() {
    let details = json!({
        "resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "input": "{}", "inputDetails": {"truncated": false},
        "timeoutInSeconds": 60, "taskCredentials": {"roleArn": "role"}
    });
    check(|state| scheduled(state("Lambda")), "LambdaFunctionScheduled", json!({"lambdaFunctionScheduledEventDetails": details}));
    check(|state| EventKind::TaskStarted { state: state("Lambda"), claim: claim(Some("w")) }, "LambdaFunctionStarted", json!({}));
    let output = json!({"output": "5", "outputDetails": {"truncated": false}});
    let succeeded = |state: &dyn Fn(&str) -> StateId| EventKind::TaskSucceeded { state: state("Lambda"), output: payload("5") };
    check(succeeded, "LambdaFunctionSucceeded", json!({"lambdaFunctionSucceededEventDetails": output}));
    outcomes("Lambda", "LambdaFunction", "lambdaFunction", "ScheduleFailed", json!({}));
}

#[test]
fn activities_have_names_of_their_own() {
    let details = json!({
        "resource": "arn:aws:states:us-east-1:123456789012:activity:a", "input": "{}", "inputDetails": {"truncated": false},
        "timeoutInSeconds": 60, "heartbeatInSeconds": 10
    });
    check(|state| scheduled(state("Activity")), "ActivityScheduled", json!({"activityScheduledEventDetails": details}));
    let started = |worker| move |state: &dyn Fn(&str) -> StateId| EventKind::TaskStarted { state: state("Activity"), claim: claim(worker) };
    check(started(Some("w")), "ActivityStarted", json!({"activityStartedEventDetails": {"workerName": "w"}}));
    check(started(None), "ActivityStarted", json!({"activityStartedEventDetails": {}}));
    outcomes("Activity", "Activity", "activity", "ScheduleFailed", json!({}));
}

#[test]
fn integrations_tell_their_resource() {
    let resource = json!({"resourceType": "lambda", "resource": "invoke"});
    let details = json!({
        "resourceType": "lambda", "resource": "invoke", "region": "us-east-1", "parameters": "{}",
        "timeoutInSeconds": 60, "heartbeatInSeconds": 10, "taskCredentials": {"roleArn": "role"}
    });
    check(|state| scheduled(state("Invoke")), "TaskScheduled", json!({"taskScheduledEventDetails": details}));
    let started = |state: &dyn Fn(&str) -> StateId| EventKind::TaskStarted { state: state("Invoke"), claim: claim(Some("w")) };
    check(started, "TaskStarted", json!({"taskStartedEventDetails": resource}));
    let output = json!({"resourceType": "lambda", "resource": "invoke", "output": "5", "outputDetails": {"truncated": false}});
    let submitted = |state: &dyn Fn(&str) -> StateId| EventKind::TaskSubmitted { state: state("Invoke"), output: payload("5") };
    check(submitted, "TaskSubmitted", json!({"taskSubmittedEventDetails": output}));
    outcomes("Invoke", "Task", "task", "StartFailed", resource);
}

fn outcomes(name: &str, family: &str, member: &str, refused: &str, mut details: Value) {
    details["error"] = "E".into();
    details["cause"] = "c".into();
    let is = |kind: fn(StateId) -> EventKind, ending: &str| {
        let details = json!({format!("{member}{ending}EventDetails"): details});
        check(|state| kind(state(name)), &format!("{family}{ending}"), details);
    };
    is(|state| EventKind::TaskFailed { state, failure: failure() }, "Failed");
    is(|state| EventKind::TaskTimedOut { state, failure: failure(), heartbeat: false }, "TimedOut");
    is(|state| EventKind::TaskRefused { state, failure: failure() }, refused);
}

#[test]
fn parallel_and_map() {
    check(|state| EventKind::ParallelStateStarted { state: state("Parallel"), input: payload("{}") }, "ParallelStateStarted", json!({}));
    check(|state| EventKind::ParallelStateSucceeded { state: state("Parallel") }, "ParallelStateSucceeded", json!({}));
    check(|state| EventKind::ParallelStateFailed { state: state("Parallel") }, "ParallelStateFailed", json!({}));
    let started = |state: &dyn Fn(&str) -> StateId| EventKind::MapStateStarted {
        state: state("Map"),
        length: 3,
        input: payload("{}"),
        items: payload("[]"),
        keyed: false,
        concurrency: 40,
    };
    check(started, "MapStateStarted", json!({"mapStateStartedEventDetails": {"length": 3}}));
    let details = |member: &str| json!({member: {"name": "Map", "index": 2}});
    let iteration = |state: &dyn Fn(&str) -> StateId| EventKind::MapIterationStarted {
        state: state("Map"),
        index: 2,
        iteration: ThreadId(1),
        input: payload("{}"),
    };
    check(iteration, "MapIterationStarted", details("mapIterationStartedEventDetails"));
    let ended =
        |kind: fn(StateId) -> EventKind, type_name: &str, member: &str| check(|state| kind(state("Map")), type_name, details(member));
    ended(|state| EventKind::MapIterationSucceeded { state, index: 2 }, "MapIterationSucceeded", "mapIterationSucceededEventDetails");
    ended(|state| EventKind::MapIterationFailed { state, index: 2 }, "MapIterationFailed", "mapIterationFailedEventDetails");
    ended(|state| EventKind::MapIterationAborted { state, index: 2 }, "MapIterationAborted", "mapIterationAbortedEventDetails");
    check(|state| EventKind::MapStateSucceeded { state: state("Map") }, "MapStateSucceeded", json!({}));
    check(|state| EventKind::MapStateFailed { state: state("Map") }, "MapStateFailed", json!({}));
}

#[test]
fn a_failed_evaluation_names_field_and_state() {
    let failed = |location: Option<&str>| {
        let location = location.map(Into::into);
        move |state: &dyn Fn(&str) -> StateId| EventKind::EvaluationFailed { state: state("Pass"), failure: failure(), location }
    };
    let details = json!({"error": "E", "cause": "c", "location": "Output/x", "state": "Pass"});
    check(failed(Some("Output/x")), "EvaluationFailed", json!({"evaluationFailedEventDetails": details}));
    let details = json!({"error": "E", "cause": "c", "state": "Pass"});
    check(failed(None), "EvaluationFailed", json!({"evaluationFailedEventDetails": details}));
}

#[test]
fn data_can_be_left_out() {
    let entered = shown(|state| EventKind::StateEntered { state: state("Pass"), input: payload("{}") }, false);
    assert_eq!(entered["stateEnteredEventDetails"], json!({"name": "Pass", "inputDetails": {"truncated": false}}));
    let exited = shown(|state| exit(state("Pass"), vec![("x".into(), payload("1"))]), false);
    let details = json!({"name": "Pass", "outputDetails": {"truncated": false}, "assignedVariablesDetails": {"truncated": false}});
    assert_eq!(exited["stateExitedEventDetails"], details);
    assert!(shown(|state| scheduled(state("Invoke")), false)["taskScheduledEventDetails"].get("parameters").is_none());
}

#[test]
fn internal_events_are_not_shown() {
    let machine = machine();
    let history = History { machine: &machine, region: "us-east-1", data: true };
    let wait = machine.state_named("Wait").expect("the state is there").id;
    let event = Event { at: AT, previous: 0, thread: ThreadId(0), kind: EventKind::WaitStarted { state: wait, until: AT } };
    assert!(history.show(7, &event).is_none());
}
