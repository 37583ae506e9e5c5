//! AWS's table of event types and the levels that log them.

use std::sync::Arc;

use baton_asl::{MachineType, StateId};
use baton_engine::{Claim, Event, Failure, Payload, Start, Then, ThreadId};

use super::*;
use crate::history::History;

const DEFINITION: &str = r#"{
  "StartAt": "Pass",
  "States": {
    "Pass": { "Type": "Pass", "Next": "Lambda" },
    "Lambda": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Next": "Activity" },
    "Activity": { "Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:a", "Next": "Invoke" },
    "Invoke": { "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": { "FunctionName": "f" }, "Next": "Wait" },
    "Wait": { "Type": "Wait", "Seconds": 1, "Next": "Parallel" },
    "Parallel": { "Type": "Parallel", "Branches": [{ "StartAt": "B", "States": { "B": { "Type": "Pass", "End": true } } }], "Next": "Map" },
    "Map": { "Type": "Map", "ItemProcessor": { "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } } }, "Next": "Choice" },
    "Choice": { "Type": "Choice", "Choices": [{ "Variable": "$.x", "IsPresent": true, "Next": "Fail" }], "Default": "Succeed" },
    "Succeed": { "Type": "Succeed" },
    "Fail": { "Type": "Fail" }
  }
}"#;

fn start() -> Box<Start> {
    let text = |text: &str| Arc::<str>::from(text);
    Box::new(Start {
        execution_arn: text("arn:aws:states:us-east-1:123456789012:execution:m:e"),
        state_machine_arn: text("arn:aws:states:us-east-1:123456789012:stateMachine:m"),
        state_machine_name: text("m"),
        name: text("e"),
        revision: 1,
        version_arn: None,
        alias_arn: None,
        role_arn: text("r"),
        input: payload(),
        trace_header: None,
        seed: 0,
        at: 0,
        deadline: None,
        test_case: None,
        map_child: None,
    })
}

fn payload() -> Payload {
    Payload::from_text("{}".to_owned())
}

/// Every event that there can be, with its type and the levels that log it.
#[test]
fn each_type_is_logged_at_its_levels() {
    let machine = baton_asl::parse(DEFINITION, MachineType::Standard).expect("the definition is valid");
    let id = |name: &str| machine.state_named(name).expect("the state is there").id;
    let mut table: Vec<(&str, &str, EventKind)> = Vec::new();

    let failure = Failure::default;
    table.push(("ExecutionStarted", "ALL", EventKind::ExecutionStarted(start())));
    table.push(("ExecutionRedriven", "ALL", EventKind::ExecutionRedriven { redrive_count: 1, deadline: None, client_token: None }));
    table.push(("ExecutionSucceeded", "ALL", EventKind::ExecutionSucceeded { output: payload() }));
    table.push(("ExecutionFailed", "ALL ERROR FATAL", EventKind::ExecutionFailed { failure: failure() }));
    table.push(("ExecutionAborted", "ALL ERROR FATAL", EventKind::ExecutionAborted { failure: failure() }));
    table.push(("ExecutionTimedOut", "ALL ERROR FATAL", EventKind::ExecutionTimedOut { failure: failure() }));
    for (type_name, levels, name) in [
        ("PassStateEntered", "ALL", "Pass"),
        ("TaskStateEntered", "ALL", "Lambda"),
        ("WaitStateEntered", "ALL", "Wait"),
        ("ParallelStateEntered", "ALL", "Parallel"),
        ("MapStateEntered", "ALL", "Map"),
        ("ChoiceStateEntered", "ALL", "Choice"),
        ("SucceedStateEntered", "ALL", "Succeed"),
        ("FailStateEntered", "ALL ERROR", "Fail"),
    ] {
        table.push((type_name, levels, EventKind::StateEntered { state: id(name), input: payload() }));
    }
    for (type_name, name) in [("PassStateExited", "Pass"), ("TaskStateExited", "Lambda"), ("SucceedStateExited", "Succeed")] {
        let kind = EventKind::StateExited { state: id(name), output: payload(), assigned: Vec::new(), then: Then::End };
        table.push((type_name, "ALL", kind));
    }
    for (type_name, name) in
        [("TaskStateAborted", "Lambda"), ("WaitStateAborted", "Wait"), ("ParallelStateAborted", "Parallel"), ("MapStateAborted", "Map")]
    {
        table.push((type_name, "ALL ERROR", EventKind::StateAborted { state: id(name) }));
    }
    table.push(("EvaluationFailed", "ALL ERROR", EventKind::EvaluationFailed { state: id("Pass"), failure: failure(), location: None }));
    type Work = (&'static str, [&'static str; 6]);
    let work: [Work; 3] = [
        (
            "Lambda",
            [
                "LambdaFunctionScheduled",
                "LambdaFunctionStarted",
                "LambdaFunctionSucceeded",
                "LambdaFunctionFailed",
                "LambdaFunctionTimedOut",
                "LambdaFunctionScheduleFailed",
            ],
        ),
        (
            "Activity",
            ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded", "ActivityFailed", "ActivityTimedOut", "ActivityScheduleFailed"],
        ),
        ("Invoke", ["TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskFailed", "TaskTimedOut", "TaskStartFailed"]),
    ];
    for (name, [scheduled, started, succeeded, failed, timed_out, refused]) in work {
        let state = id(name);
        table.push((scheduled, "ALL", schedule(state)));
        table.push((started, "ALL", EventKind::TaskStarted { state, claim: Claim::nobody() }));
        table.push((succeeded, "ALL", EventKind::TaskSucceeded { state, output: payload() }));
        table.push((failed, "ALL ERROR", EventKind::TaskFailed { state, failure: failure() }));
        table.push((timed_out, "ALL ERROR", EventKind::TaskTimedOut { state, failure: failure(), heartbeat: false }));
        table.push((refused, "ALL ERROR", EventKind::TaskRefused { state, failure: failure() }));
    }
    table.push(("TaskSubmitted", "ALL", EventKind::TaskSubmitted { state: id("Invoke"), output: payload() }));
    let state = id("Parallel");
    table.push(("ParallelStateStarted", "ALL", EventKind::ParallelStateStarted { state, input: payload() }));
    table.push(("ParallelStateSucceeded", "ALL", EventKind::ParallelStateSucceeded { state }));
    table.push(("ParallelStateFailed", "ALL ERROR", EventKind::ParallelStateFailed { state }));
    let (state, index) = (id("Map"), 0);
    let started = EventKind::MapStateStarted { state, length: 1, input: payload(), items: payload(), keyed: false, concurrency: 1 };
    table.push(("MapStateStarted", "ALL", started));
    let started = EventKind::MapIterationStarted { state, index, iteration: ThreadId(1), input: payload() };
    table.push(("MapIterationStarted", "ALL", started));
    table.push(("MapIterationSucceeded", "ALL", EventKind::MapIterationSucceeded { state, index }));
    table.push(("MapIterationFailed", "ALL ERROR", EventKind::MapIterationFailed { state, index }));
    table.push(("MapIterationAborted", "ALL ERROR", EventKind::MapIterationAborted { state, index }));
    table.push(("MapStateSucceeded", "ALL", EventKind::MapStateSucceeded { state }));
    table.push(("MapStateFailed", "ALL ERROR", EventKind::MapStateFailed { state }));

    let history = History { machine: &machine, region: "us-east-1", data: true };
    for (type_name, levels, kind) in table {
        let logged: Vec<_> = [("ALL", LogLevel::All), ("ERROR", LogLevel::Error), ("FATAL", LogLevel::Fatal)]
            .into_iter()
            .filter(|(_, level)| includes(*level, &machine, &kind))
            .map(|(name, _)| name)
            .collect();
        let event = Event { at: 0, previous: 1, thread: ThreadId::ROOT, kind };
        let shown = history.show(2, &event).expect("a public event");
        assert_eq!((shown.type_name(), logged.join(" ").as_str()), (type_name, levels));
    }
}

fn schedule(state: StateId) -> EventKind {
    EventKind::TaskScheduled { state, attempt: 1, input: payload(), timeout_seconds: None, heartbeat_seconds: None, role_arn: None }
}
