//! Pass, Choice, Wait, Succeed, Fail.

use crate::check::*;

#[test]
fn a_pass_state_passes_its_input() {
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}"#,
        r#"{ "a" : 1 }"#,
        [],
        r#"
        1<-0 ExecutionStarted { "a" : 1 }
        2<-0 PassStateEntered A { "a" : 1 }
        3<-2 PassStateExited A { "a" : 1 }
        4<-3 ExecutionSucceeded { "a" : 1 }
        "#,
    );
}

#[test]
fn a_result_is_put_where_result_path_says() {
    check(
        r#"{"StartAt": "A", "States": {
            "A": {"Type": "Pass", "Result": {"x": [1, 2]}, "ResultPath": "$.r.s", "Next": "B"},
            "B": {"Type": "Pass", "InputPath": "$.r", "ResultPath": null, "OutputPath": "$.r.s.x", "Next": "C"},
            "C": {"Type": "Pass", "InputPath": null, "Next": "D"},
            "D": {"Type": "Succeed"}}}"#,
        r#"{"a": 1}"#,
        [],
        r#"
        1<-0 ExecutionStarted {"a": 1}
        2<-0 PassStateEntered A {"a": 1}
        3<-2 PassStateExited A {"a":1,"r":{"s":{"x":[1,2]}}}
        4<-3 PassStateEntered B {"a":1,"r":{"s":{"x":[1,2]}}}
        5<-4 PassStateExited B [1,2]
        6<-5 PassStateEntered C [1,2]
        7<-6 PassStateExited C {}
        8<-7 SucceedStateEntered D {}
        9<-8 SucceedStateExited D {}
        10<-9 ExecutionSucceeded {}
        "#,
    );
}

#[test]
fn a_choice_goes_where_the_first_rule_leads() {
    let definition = r#"{"StartAt": "C", "States": {
        "C": {"Type": "Choice", "Choices": [
            {"And": [{"Variable": "$.n", "IsNumeric": true}, {"Variable": "$.n", "NumericLessThan": 0}], "Next": "Low"},
            {"Not": {"Variable": "$.n", "NumericEqualsPath": "$.limit"}, "Next": "Off"}], "Default": "On"},
        "Low": {"Type": "Fail", "Error": "E", "Cause": "low"}, "Off": {"Type": "Fail"}, "On": {"Type": "Succeed"}}}"#;
    check(
        definition,
        r#"{"n":3,"limit":3.0}"#,
        [],
        r#"
        1<-0 ExecutionStarted {"n":3,"limit":3.0}
        2<-0 ChoiceStateEntered C {"n":3,"limit":3.0}
        3<-2 ChoiceStateExited C {"n":3,"limit":3.0}
        4<-3 SucceedStateEntered On {"n":3,"limit":3.0}
        5<-4 SucceedStateExited On {"n":3,"limit":3.0}
        6<-5 ExecutionSucceeded {"n":3,"limit":3.0}
        "#,
    );
    check(
        definition,
        r#"{"n":-1}"#,
        [],
        r#"
        1<-0 ExecutionStarted {"n":-1}
        2<-0 ChoiceStateEntered C {"n":-1}
        3<-2 ChoiceStateExited C {"n":-1}
        4<-3 FailStateEntered Low {"n":-1}
        5<-4 ExecutionFailed "E" "low"
        "#,
    );
    check(
        definition,
        r#"{"n":4,"limit":3}"#,
        [],
        r#"
        1<-0 ExecutionStarted {"n":4,"limit":3}
        2<-0 ChoiceStateEntered C {"n":4,"limit":3}
        3<-2 ChoiceStateExited C {"n":4,"limit":3}
        4<-3 FailStateEntered Off {"n":4,"limit":3}
        5<-4 ExecutionFailed - -
        "#,
    );
}

#[test]
fn a_choice_without_a_way_out_fails() {
    check(
        r#"{"StartAt": "C", "States": {"C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "IsPresent": true, "Next": "S"}]}, "S": {"Type": "Succeed"}}}"#,
        "{}",
        [],
        r#"
        1<-0 ExecutionStarted {}
        2<-0 ChoiceStateEntered C {}
        3<-2 ExecutionFailed "States.Runtime" "An error occurred while executing the state 'C' (entered at the event id #2). Failed to transition out of the state. The state does not point to a next state."
        "#,
    );
}

#[test]
fn a_choice_over_nothing_fails() {
    check(
        r#"{"StartAt": "C", "States": {"C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "S"}], "Default": "S"}, "S": {"Type": "Succeed"}}}"#,
        "{}",
        [],
        r#"
        1<-0 ExecutionStarted {}
        2<-0 ChoiceStateEntered C {}
        3<-2 ExecutionFailed "States.Runtime" "An error occurred while executing the state 'C' (entered at the event id #2). Invalid path '$.n': The choice state's condition path references an invalid value."
        "#,
    );
}

#[test]
fn a_wait_waits() {
    check(
        r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "SecondsPath": "$.s", "OutputPath": "$.s", "End": true}}}"#,
        r#"{"s":5}"#,
        [Do::Pass(4_999), Do::Pass(1)],
        r#"
        1<-0 ExecutionStarted {"s":5}
        2<-0 WaitStateEntered W {"s":5}
        - Wait W until +5000ms
        3<-2 WaitStateExited W 5
        4<-3 ExecutionSucceeded 5
        "#,
    );
}

#[test]
fn a_wait_for_the_past_does_not_wait() {
    check(
        r#"{"StartAt": "W", "States": {
            "W": {"Type": "Wait", "Timestamp": "2016-03-14T01:59:00Z", "Next": "V"},
            "V": {"Type": "Wait", "TimestampPath": "$.t", "Next": "U"},
            "U": {"Type": "Wait", "Seconds": 0, "End": true}}}"#,
        r#"{"t":"2024-01-01T00:00:00.000Z"}"#,
        [],
        r#"
        1<-0 ExecutionStarted {"t":"2024-01-01T00:00:00.000Z"}
        2<-0 WaitStateEntered W {"t":"2024-01-01T00:00:00.000Z"}
        3<-2 WaitStateExited W {"t":"2024-01-01T00:00:00.000Z"}
        4<-3 WaitStateEntered V {"t":"2024-01-01T00:00:00.000Z"}
        5<-4 WaitStateExited V {"t":"2024-01-01T00:00:00.000Z"}
        6<-5 WaitStateEntered U {"t":"2024-01-01T00:00:00.000Z"}
        7<-6 WaitStateExited U {"t":"2024-01-01T00:00:00.000Z"}
        8<-7 ExecutionSucceeded {"t":"2024-01-01T00:00:00.000Z"}
        "#,
    );
}

/// Runs a machine of one Wait state and gives the cause of its failure.
fn cause_of_wait(field: &str, input: &str) -> String {
    let definition = format!(r#"{{"StartAt": "W", "States": {{"W": {{"Type": "Wait", {field}, "End": true}}}}}}"#);
    let run = Run::start(&definition, input);
    let failure = run.execution.failure().unwrap_or_else(|| panic!("{}", run.history()));
    assert_eq!(failure.error.as_deref(), Some("States.Runtime"));
    let cause = failure.cause.as_deref().unwrap_or_default();
    cause.strip_prefix("An error occurred while executing the state 'W' (entered at the event id #2). ").unwrap_or(cause).to_owned()
}

#[test]
fn causes_of_waits() {
    let seconds = |input| cause_of_wait(r#""SecondsPath": "$.p""#, input);
    assert_eq!(seconds("{}"), "The SecondsPath parameter does not reference an input value: $.p");
    assert_eq!(seconds(r#"{"p":1.5}"#), "The SecondsPath parameter cannot be parsed as a long value: $.p == 1.5");
    assert_eq!(seconds(r#"{"p":"soon"}"#), "The SecondsPath parameter cannot be parsed as a long value: $.p == soon");
    assert_eq!(seconds(r#"{"p":-1}"#), "The SecondsPath parameter references a negative value: $.p == -1");
    let timestamp = |input| cause_of_wait(r#""TimestampPath": "$.p""#, input);
    assert_eq!(timestamp(r#"{"p":"2999-01-01T00:00:00Z"}"#), "Wait state delay is too long.");
    let invalid = "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: $.p == ";
    assert_eq!(timestamp(r#"{"p":"2024-01-01 00:00:00Z"}"#), format!("{invalid}2024-01-01 00:00:00Z"));
    assert_eq!(timestamp(r#"{"p":7}"#), format!("{invalid}7"));
}

#[test]
fn the_longest_wait_is_what_fits_a_java_int() {
    let definition = r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "TimestampPath": "$.p", "End": true}}}"#;
    // 2024-01-01 + 2147483647 s, and one second more.
    let run = Run::start(definition, r#"{"p":"2092-01-19T03:14:07Z"}"#);
    assert_eq!(run.execution.status(), baton_engine::Status::Running);
    assert_eq!(cause_of_wait(r#""TimestampPath": "$.p""#, r#"{"p":"2092-01-19T03:14:08Z"}"#), "Wait state delay is too long.");
}

#[test]
fn a_fail_state_reads_its_texts_from_paths() {
    check(
        r#"{"StartAt": "F", "States": {"F": {"Type": "Fail", "ErrorPath": "$.e", "CausePath": "$$.Execution.Name"}}}"#,
        r#"{"e":"Bad"}"#,
        [],
        r#"
        1<-0 ExecutionStarted {"e":"Bad"}
        2<-0 FailStateEntered F {"e":"Bad"}
        3<-2 ExecutionFailed "Bad" "x"
        "#,
    );
    check(
        r#"{"StartAt": "F", "States": {"F": {"Type": "Fail", "ErrorPath": "$.x"}}}"#,
        r#"{"e":"Bad"}"#,
        [],
        r#"
        1<-0 ExecutionStarted {"e":"Bad"}
        2<-0 FailStateEntered F {"e":"Bad"}
        3<-2 ExecutionFailed "States.Runtime" "An error occurred while executing the state 'F' (entered at the event id #2). The JSONPath '$.x' specified for the field 'ErrorPath' could not be found in the input '{\"e\":\"Bad\"}'"
        "#,
    );
}

#[test]
fn a_missing_input_path_fails_the_execution() {
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "InputPath": "$.x", "End": true}}}"#,
        "{}",
        [],
        r#"
        1<-0 ExecutionStarted {}
        2<-0 PassStateEntered A {}
        3<-2 PassStateExited A {}
        4<-3 PassStateEntered B {}
        5<-4 ExecutionFailed "States.Runtime" "An error occurred while executing the state 'B' (entered at the event id #4). Invalid path '$.x' : No results for path: $['x']"
        "#,
    );
}

#[test]
fn stopping_ends_everything_at_once() {
    check(
        r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": true}}}"#,
        "{}",
        [Do::Pass(1_000), Do::Stop("E", "because")],
        r#"
        1<-0 ExecutionStarted {}
        2<-0 WaitStateEntered W {}
        - Wait W until +60000ms
        3<-0 ExecutionAborted "E" "because"
        "#,
    );
}

#[test]
fn an_execution_times_out() {
    let run = check(
        r#"{"TimeoutSeconds": 5, "StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": true}}}"#,
        "{}",
        [Do::Pass(10_000)],
        r#"
        1<-0 ExecutionStarted {}
        2<-0 WaitStateEntered W {}
        - Wait W until +60000ms
        3<-0 ExecutionTimedOut - -
        "#,
    );
    assert_eq!(run.execution.stopped_at(), Some(START + 5_000));
    assert_eq!(run.execution.next_due(), None);
}

#[test]
fn an_endless_loop_yields_and_ends_at_the_history_s_limit() {
    let definition = r#"{"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Choice", "Choices": [{"Variable": "$", "IsPresent": true, "Next": "A"}], "Default": "C"}, "C": {"Type": "Succeed"}}}"#;
    let limits = baton_engine::Limits { batch_events_max: 64, history_events_max: 1_000, ..Default::default() };
    let run = Run::start_with(definition, "{}", limits);
    assert_eq!(run.events.len(), 1_000);
    let failure = run.execution.failure().unwrap();
    assert_eq!(failure.error.as_deref(), Some("States.Runtime"));
    assert_eq!(failure.cause.as_deref(), Some("The execution reached the maximum number of history events (1000)."));
    assert_eq!(run.events.last().unwrap().previous, 999);
}

#[test]
fn a_whole_payload_is_one_and_the_same_all_the_way() {
    let run = Run::start(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "W"}, "W": {"Type": "Wait", "Seconds": 0, "Next": "S"}, "S": {"Type": "Succeed"}}}"#,
        r#"{"a": [1.0, 2e3]}"#,
    );
    let input = &run.execution.started().input;
    for event in &run.events {
        use baton_engine::EventKind::*;
        match &event.kind {
            StateEntered { input: payload, .. } | StateExited { output: payload, .. } | ExecutionSucceeded { output: payload } => {
                assert!(payload.is_same(input));
            }
            _ => {}
        }
    }
}

#[test]
fn a_state_s_output_has_a_limit() {
    let long = "x".repeat(200_000);
    let run = Run::start(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "ResultPath": "$.b", "End": true}}}"#,
        &format!(r#"{{"a":"{long}"}}"#),
    );
    let failure = run.execution.failure().unwrap();
    assert_eq!(failure.error.as_deref(), Some("States.DataLimitExceeded"));
    assert_eq!(
        failure.cause.as_deref(),
        Some("The state/task 'A' returned a result with a size exceeding the maximum number of bytes service limit.")
    );
}

#[test]
fn a_loop_that_wraps_its_input_ends_with_an_error() {
    let run = Run::start(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"x.$": "$"}, "Next": "B"}, "B": {"Type": "Choice", "Choices": [{"Variable": "$", "IsPresent": true, "Next": "A"}], "Default": "C"}, "C": {"Type": "Succeed"}}}"#,
        "1",
    );
    let failure = run.execution.failure().unwrap();
    assert_eq!(failure.error.as_deref(), Some("States.DataLimitExceeded"));
    assert_eq!(failure.cause.as_deref(), Some("The state/task 'A' returned a result nested deeper than 127 levels."));
    let deepest = run.events.iter().filter(|event| matches!(event.kind, baton_engine::EventKind::StateEntered { .. })).count();
    assert_eq!(deepest, 127 * 2 + 1);
}
