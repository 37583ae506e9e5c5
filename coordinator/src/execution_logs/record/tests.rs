//! Records as AWS was recorded to write them.

use std::sync::Arc;

use baton_asl::MachineType;
use baton_engine::{EventKind, Failure, Payload, Then, ThreadId};
use serde_json::{Value, json};

use super::*;
use crate::cluster::{LogLevel, Logging, Revision};

const DEFINITION: &str = r#"{"StartAt": "State_1", "States": {"State_1": {"Type": "Pass", "End": true}}}"#;
const ARN: &str = "arn:aws:states:us-east-1:123456789012:execution:m:e";

fn logged(include_execution_data: bool) -> LoggedEvents {
    let machine = baton_asl::parse(DEFINITION, MachineType::Standard).expect("the definition is valid");
    let logging = Logging { level: LogLevel::All, include_execution_data, log_group_arn: "arn".into() };
    let revision = Revision {
        digest: 1,
        definition: DEFINITION.into(),
        machine,
        role_arn: "r".into(),
        machine_type: MachineType::Standard,
        logging: Some(logging),
    };
    LoggedEvents {
        revision: Arc::new(revision),
        execution_arn: ARN.into(),
        state_machine_name: "m".into(),
        redrive_count: 2,
        events: Vec::new(),
    }
}

/// The record of an event with the id 7 that follows the event 6, and its length.
fn record(include_execution_data: bool, kind: impl FnOnce(baton_asl::StateId) -> EventKind) -> (Value, usize) {
    let logged = logged(include_execution_data);
    let state = logged.revision.machine.state_named("State_1").expect("the state is there").id;
    let line = render(&logged, 7, &Event { at: 1_700_000_000_123, previous: 6, thread: ThreadId::ROOT, kind: kind(state) });
    assert!(!line.contains('\n'));
    (serde_json::from_str(&line).expect("it is JSON"), line.len())
}

fn entered(input: &str) -> impl FnOnce(baton_asl::StateId) -> EventKind {
    let input = Payload::from_text(input.to_owned());
    move |state| EventKind::StateEntered { state, input }
}

#[test]
fn numbers_are_texts_and_outer_names_are_in_snake_case() {
    let expected = json!({
        "id": "7", "type": "PassStateEntered",
        "details": {"name": "State_1", "input": "{}", "inputDetails": {"truncated": false}},
        "previous_event_id": "6", "event_timestamp": "1700000000123", "execution_arn": ARN, "redrive_count": "2"
    });
    assert_eq!(record(true, entered("{}")).0, expected);
}

#[test]
fn without_execution_data_nothing_is_said_of_it_but_causes_stay() {
    assert_eq!(record(false, entered("{\"secret\": 1}")).0["details"], json!({"name": "State_1"}));
    let exited = |state| {
        let text = |text: &str| Payload::from_text(text.to_owned());
        EventKind::StateExited { state, output: text("1"), assigned: vec![("x".into(), text("2"))], then: Then::End }
    };
    assert_eq!(record(false, exited).0["details"], json!({"name": "State_1"}));
    let failed = |_| EventKind::ExecutionFailed { failure: Failure::new("E", "c") };
    assert_eq!(record(false, failed).0["details"], json!({"error": "E", "cause": "c"}));
    let succeeded = |_| EventKind::ExecutionSucceeded { output: Payload::from_text("1".to_owned()) };
    assert_eq!(record(false, succeeded).0["details"], json!({}));
}

#[test]
fn data_that_make_an_event_too_long_are_left_out() {
    // Each quote becomes two characters of the record.
    let fits = "\"".repeat(100 * 1024);
    let (record_of_fitting, len) = record(true, entered(&fits));
    assert_eq!(record_of_fitting["details"]["input"].as_str().map(str::len), Some(fits.len()));
    assert!(len < RECORD_BYTES_MAX && len > 200 * 1024);
    let (truncated, len) = record(true, entered(&"\"".repeat(131 * 1024)));
    assert_eq!(truncated["details"], json!({"name": "State_1", "inputDetails": {"truncated": true}}));
    assert!(len < 1024);
}
