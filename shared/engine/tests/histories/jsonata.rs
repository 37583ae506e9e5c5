//! JSONata states.

use crate::check::*;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

/// A JSONata machine of one state.
fn jsonata(name: &str, state: &str) -> String {
    machine(name, state).replacen('{', r#"{"QueryLanguage": "JSONata", "#, 1)
}

#[test]
fn arguments_output_and_assign_read_the_same_snapshot() {
    let state = format!(
        r#"{{"Type": "Task", "Resource": "{FUNCTION}", "Arguments": {{"n": "{{% $states.input.n + 1 %}}"}},
            "Assign": {{"r": "{{% $states.result.v %}}", "i": "{{% $states.input.n %}}"}},
            "Output": {{"in": "{{% $states.input.n %}}", "out": "{{% $states.result %}}"}}, "End": true}}"#
    );
    check(
        &jsonata("T", &state),
        r#"{"n":1}"#,
        run("T", r#"{"v":[1]}"#),
        r#"
        1<-0 ExecutionStarted {"n":1}
        2<-0 TaskStateEntered T {"n":1}
        3<-2 LambdaFunctionScheduled T #1 {"n":2}
        4<-3 LambdaFunctionStarted T
        5<-4 LambdaFunctionSucceeded T {"v":[1]}
        6<-5 TaskStateExited T {"in":1,"out":{"v":[1]}} $r=[1] $i=1
        7<-6 ExecutionSucceeded {"in":1,"out":{"v":[1]}}
        "#,
    );
}

#[test]
fn a_failed_expression_has_an_event_that_chains_to_what_the_entry_chains_to() {
    let definition = r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Output": {"x": "{% $nope %}"}, "End": true}}}"#;
    check(
        definition,
        "{}",
        [],
        r#"
        1<-0 ExecutionStarted {}
        2<-0 PassStateEntered A {}
        3<-2 PassStateExited A {}
        4<-3 PassStateEntered B {}
        5<-3 EvaluationFailed B Output/x "States.QueryEvaluationError" "An error occurred while executing the state 'B' (entered at the event id #4). The JSONata expression '$nope' specified for the field 'Output/x' returned nothing (undefined)."
        6<-5 ExecutionFailed "States.QueryEvaluationError" "An error occurred while executing the state 'B' (entered at the event id #4). The JSONata expression '$nope' specified for the field 'Output/x' returned nothing (undefined)."
        "#,
    );
}

#[test]
fn a_failed_expression_can_be_caught() {
    let state = format!(
        r#"{{"Type": "Task", "Resource": "{FUNCTION}", "Output": "{{% $nope %}}", "Catch": [
            {{"ErrorEquals": ["States.QueryEvaluationError"], "Output": {{"e": "{{% $states.errorOutput.Error %}}"}},
              "Assign": {{"c": "{{% $exists($states.errorOutput.Cause) %}}"}}, "Next": "C"}}], "End": true}}"#
    );
    check(
        &jsonata("T", &state),
        "{}",
        run("T", "1"),
        r#"
        1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 LambdaFunctionScheduled T #1 {}
        4<-3 LambdaFunctionStarted T
        5<-4 LambdaFunctionSucceeded T 1
        6<-0 EvaluationFailed T Output "States.QueryEvaluationError" "An error occurred while executing the state 'T' (entered at the event id #2). The JSONata expression '$nope' specified for the field 'Output' returned nothing (undefined)."
        7<-6 TaskStateExited T {"e":"States.QueryEvaluationError"} $c=true
        8<-7 SucceedStateEntered C {"e":"States.QueryEvaluationError"}
        9<-8 SucceedStateExited C {"e":"States.QueryEvaluationError"}
        10<-9 ExecutionSucceeded {"e":"States.QueryEvaluationError"}
        "#,
    );
}

#[test]
fn a_catcher_whose_own_expression_fails_catches_nothing() {
    let state = format!(
        r#"{{"Type": "Task", "Resource": "{FUNCTION}", "Catch": [{{"ErrorEquals": ["States.ALL"], "Output": "{{% $nope %}}", "Next": "C"}}], "End": true}}"#
    );
    check(
        &jsonata("T", &state),
        "{}",
        fail("T", "E", "c"),
        r#"
        1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 LambdaFunctionScheduled T #1 {}
        4<-3 LambdaFunctionStarted T
        5<-4 LambdaFunctionFailed T "E" "c"
        6<-0 EvaluationFailed T Output "States.QueryEvaluationError" "An error occurred while executing the state 'T' (entered at the event id #2). The JSONata expression '$nope' specified for the field 'Output' returned nothing (undefined)."
        7<-6 ExecutionFailed "States.QueryEvaluationError" "An error occurred while executing the state 'T' (entered at the event id #2). The JSONata expression '$nope' specified for the field 'Output' returned nothing (undefined)."
        "#,
    );
}

#[test]
fn a_wait_s_failed_expression_chains_to_its_entry() {
    check(
        &jsonata("W", r#"{"Type": "Wait", "Timestamp": "{% $states.input.t %}", "End": true}"#),
        r#"{"t":"tomorrow"}"#,
        [],
        r#"
        1<-0 ExecutionStarted {"t":"tomorrow"}
        2<-0 WaitStateEntered W {"t":"tomorrow"}
        3<-2 EvaluationFailed W Timestamp "States.QueryEvaluationError" "An error occurred while executing the state 'W' (entered at the event id #2). The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: tomorrow"
        4<-3 ExecutionFailed "States.QueryEvaluationError" "An error occurred while executing the state 'W' (entered at the event id #2). The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: tomorrow"
        "#,
    );
    let run = Run::start(&jsonata("W", r#"{"Type": "Wait", "Seconds": "{% $states.input.s %}", "End": true}"#), r#"{"s":2}"#);
    assert_eq!(run.execution.next_due(), Some(START + 2_000));
}

#[test]
fn a_map_without_an_array_fails() {
    let map = |items: &str| {
        let processor = r#"{"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}"#;
        jsonata("M", &format!(r#"{{"Type": "Map", {items} "ItemProcessor": {processor}, "End": true}}"#))
    };
    check(
        &map(""),
        r#"{"a":1}"#,
        [],
        r#"
        1<-0 ExecutionStarted {"a":1}
        2<-0 MapStateEntered M {"a":1}
        3<-0 EvaluationFailed M - "States.QueryEvaluationError" "An error occurred while executing the state 'M' (entered at the event id #2). Map state input must be an array but was: {\"a\":1}"
        4<-3 MapStateFailed M
        5<-4 ExecutionFailed "States.QueryEvaluationError" "An error occurred while executing the state 'M' (entered at the event id #2). Map state input must be an array but was: {\"a\":1}"
        "#,
    );
    check(
        &map(r#""Items": "{% 1 %}","#),
        "{}",
        [],
        r#"
        1<-0 ExecutionStarted {}
        2<-0 MapStateEntered M {}
        3<-0 EvaluationFailed M Items "States.QueryEvaluationError" "An error occurred while executing the state 'M' (entered at the event id #2). The JSONata expression '1' specified for the field 'Items' returned an unexpected result type. Expected 'array', but was 'number' for value: 1"
        4<-3 MapStateFailed M
        5<-4 ExecutionFailed "States.QueryEvaluationError" "An error occurred while executing the state 'M' (entered at the event id #2). The JSONata expression '1' specified for the field 'Items' returned an unexpected result type. Expected 'array', but was 'number' for value: 1"
        "#,
    );
    check(
        &map(
            r#""Items": {"a": 1, "b": "{% 1 + 1 %}"}, "MaxConcurrency": "{% 1 %}", "ItemSelector": {"k": "{% $states.context.Map.Item.Key %}", "v": "{% $states.context.Map.Item.Value %}", "i": "{% $states.context.Map.Item.Index %}"},"#,
        ),
        "{}",
        [],
        r#"
        1<-0 ExecutionStarted {}
        2<-0 MapStateEntered M {}
        3<-2 MapStateStarted M 2
        4<-3 MapIterationStarted M 0
        5<-4 PassStateEntered I {"k":"a","v":1,"i":0}
        6<-5 PassStateExited I {"k":"a","v":1,"i":0}
        7<-6 MapIterationSucceeded M 0
        8<-6 MapIterationStarted M 1
        9<-8 PassStateEntered I {"k":"b","v":2,"i":1}
        10<-9 PassStateExited I {"k":"b","v":2,"i":1}
        11<-10 MapIterationSucceeded M 1
        12<-11 MapStateSucceeded M
        13<-11 MapStateExited M [{"k":"a","v":1,"i":0},{"k":"b","v":2,"i":1}]
        14<-13 ExecutionSucceeded [{"k":"a","v":1,"i":0},{"k":"b","v":2,"i":1}]
        "#,
    );
}

#[test]
fn an_item_selector_that_fails_takes_the_running_iterations_with_it() {
    let processor = format!(r#"{{"StartAt": "I", "States": {{"I": {{"Type": "Task", "Resource": "{FUNCTION}", "End": true}}}}}}"#);
    let state = format!(
        r#"{{"Type": "Map", "ItemProcessor": {processor}, "ItemSelector": "{{% $states.context.Map.Item.Value.x %}}",
            "Catch": [{{"ErrorEquals": ["States.ALL"], "Output": 0, "Next": "C"}}], "End": true}}"#
    );
    let run = check(
        &jsonata("M", &state),
        r#"[{"x":1},{}]"#,
        [],
        r#"
        1<-0 ExecutionStarted [{"x":1},{}]
        2<-0 MapStateEntered M [{"x":1},{}]
        3<-2 MapStateStarted M 2
        4<-3 MapIterationStarted M 0
        5<-0 EvaluationFailed M ItemSelector "States.QueryEvaluationError" "An error occurred while executing the state 'M' (entered at the event id #2). The JSONata expression '$states.context.Map.Item.Value.x' specified for the field 'ItemSelector' returned nothing (undefined)."
        6<-5 MapIterationAborted M 0
        7<-5 MapStateFailed M
        8<-7 MapStateExited M 0
        9<-8 SucceedStateEntered C 0
        10<-9 SucceedStateExited C 0
        11<-10 ExecutionSucceeded 0
        "#,
    );
    assert_eq!(run.execution.outstanding(&run.machine).count(), 0);
}

#[test]
fn a_choice_has_conditions_outputs_and_a_default() {
    let definition = r#"{"QueryLanguage": "JSONata", "StartAt": "Q", "States": {
        "Q": {"Type": "Choice", "Output": "else", "Assign": {"v": "else"}, "Default": "S", "Choices": [
            {"Condition": "{% $states.input = 1 %}", "Output": "one", "Assign": {"v": "one"}, "Next": "S"},
            {"Condition": "{% $states.input = 2 %}", "Next": "S"}]},
        "S": {"Type": "Succeed", "Output": ["{% $states.input %}", "{% $exists($v) ? $v : null %}"]}}}"#;
    let output = |input: &str| Run::start(definition, input).execution.output().map(|output| output.text().to_owned());
    assert_eq!(output("1").as_deref(), Some(r#"["one","one"]"#));
    assert_eq!(output("2").as_deref(), Some("[2,null]"));
    assert_eq!(output("3").as_deref(), Some(r#"["else","else"]"#));
}

#[test]
fn a_whole_payload_keeps_its_text() {
    let run = Run::start(
        &jsonata("P", r#"{"Type": "Pass", "Output": "{% $states.input %}", "End": true}"#),
        "{ \"n\": 9007199254740993, \"f\": 1.0 }",
    );
    assert_eq!(run.execution.output().unwrap().text(), "{ \"n\": 9007199254740993, \"f\": 1.0 }");
}
