//! Events as AWS was recorded to send them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;

const MS: Timestamp = 1_700_100_000_000;

fn started(input: &str) -> Start {
    let text = |text: &str| Arc::<str>::from(text);
    Start {
        execution_arn: text("arn:aws:states:us-east-1:123456789012:execution:m:e"),
        state_machine_arn: text("arn:aws:states:us-east-1:123456789012:stateMachine:m"),
        state_machine_name: text("m"),
        name: text("e"),
        revision: 1,
        version_arn: None,
        alias_arn: None,
        role_arn: text("r"),
        input: Payload::from_text(input.to_owned()),
        trace_header: None,
        seed: 0,
        at: MS,
        deadline: None,
        test_case: None,
        map_child: None,
    }
}

fn changed(status: Status, input: &str, output: Option<&str>) -> StatusChange {
    let output = output.map(|output| Payload::from_text(output.to_owned()));
    let stopped_at = (status != Status::Running).then_some(MS + 5);
    let redrivable = RedriveFacts { status, started_at: MS, stopped_at, events: 4 }.check(&Limits::default(), MS + 5);
    let (start, redrives) = (started(input), RedriveCount::default());
    StatusChange { start, status, at: MS + 5, output, failure: None, redrives, redrivable }
}

fn detail(change: &StatusChange) -> Value {
    serde_json::from_str(&change.detail()).expect("it is JSON")
}

#[test]
fn what_is_absent_is_null() {
    let mut expected = json!({
        "executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:e",
        "stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:m",
        "name": "e", "status": "RUNNING", "startDate": MS, "stopDate": null, "input": "{}", "output": null,
        "stateMachineVersionArn": null, "stateMachineAliasArn": null, "redriveCount": 0, "redriveDate": null,
        "redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": "Execution is RUNNING and cannot be redriven",
        "inputDetails": {"included": true}, "outputDetails": null, "error": null, "cause": null
    });
    assert_eq!(detail(&changed(Status::Running, "{}", None)), expected);

    expected["status"] = json!("SUCCEEDED");
    expected["stopDate"] = json!(MS + 5);
    expected["output"] = json!("[1]");
    expected["outputDetails"] = json!({"included": true});
    expected["redriveStatusReason"] = json!("Execution is SUCCEEDED and cannot be redriven");
    assert_eq!(detail(&changed(Status::Succeeded, "{}", Some("[1]"))), expected);
}

#[test]
fn what_failed_says_why_and_that_it_can_be_redriven() {
    let mut change = changed(Status::Failed, "{}", None);
    change.failure = Some(Failure::new("E", "c"));
    change.redrives = RedriveCount { count: 2, at: Some(MS + 1) };
    let shown = detail(&change);
    let names = ["status", "error", "cause", "redriveCount", "redriveDate", "redriveStatus", "redriveStatusReason", "outputDetails"];
    let values = names.map(|name| shown[name].clone());
    let none = Value::Null;
    assert_eq!(values, [json!("FAILED"), json!("E"), json!("c"), json!(2), json!(MS + 1), json!("REDRIVABLE"), none.clone(), none]);
}

#[test]
fn data_that_are_too_long_together_leave_the_input_out_then_the_output() {
    // A quote needs two bytes in the event, so these are half of what is allowed.
    let text = |kib: usize| "\"".repeat(kib * 1024);
    let shape = |input: usize, output: usize| {
        let shown = detail(&changed(Status::Succeeded, &text(input), Some(&text(output))));
        let has = |name: &str, details: &str| {
            assert_eq!(shown[name].is_string(), shown[details]["included"].as_bool().expect("it says so"));
            shown[name].is_string()
        };
        (has("input", "inputDetails"), has("output", "outputDetails"))
    };
    assert_eq!(shape(62, 62), (true, true));
    assert_eq!(shape(62, 63), (false, true));
    assert_eq!(shape(1, 125), (false, false));
}

#[test]
fn the_length_inside_json_is_counted_as_it_is_written() {
    for text in ["", "plain", "\"\\\n\r\t", "\u{1}\u{1f}\u{8}\u{c}\u{7f}", "ä€😀"] {
        assert_eq!(escaped_len(text), serde_json::to_string(text).expect("a text").len() - 2, "{text:?}");
    }
}
