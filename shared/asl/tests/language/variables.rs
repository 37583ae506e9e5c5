//! `variableReferences` of DescribeStateMachine.

use baton_asl::{MachineType, parse, variable_references};

fn check(definition: &str, expected: &[(&str, &[&str])]) {
    let machine = parse(definition, MachineType::Standard).expect("valid");
    let references = variable_references(&machine);
    let references: Vec<(&str, Vec<&str>)> =
        references.iter().map(|(state, names)| (state.as_str(), names.iter().map(String::as_str).collect())).collect();
    let expected: Vec<(&str, Vec<&str>)> = expected.iter().map(|(state, names)| (*state, names.to_vec())).collect();
    assert_eq!(references, expected);
}

#[test]
fn json_path_states() {
    check(
        r#"{"StartAt": "Set", "States": {
            "Set": {"Type": "Pass", "Assign": {"guess": 1, "answer.$": "$.a"}, "Next": "Check"},
            "Check": {"Type": "Choice", "Default": "Wait", "Choices": [
                {"And": [{"Variable": "$guess", "NumericEqualsPath": "$answer.value"}], "Next": "Map", "Assign": {"x.$": "$other"}}]},
            "Wait": {"Type": "Wait", "SecondsPath": "$seconds", "Next": "Task"},
            "Task": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "TimeoutSecondsPath": "$t",
                "Parameters": {"a": {"b.$": "States.Format('{}', $p)"}}, "InputPath": "$in", "Next": "Map"},
            "Map": {"Type": "Map", "ItemsPath": "$items", "MaxConcurrencyPath": "$m", "Next": "Fail", "ItemProcessor": {
                "StartAt": "Inner", "States": {"Inner": {"Type": "Pass", "Parameters": {"z.$": "$outer"}, "End": true}}}},
            "Fail": {"Type": "Fail", "ErrorPath": "$e", "CausePath": "States.Format('{}', $c)"}}}"#,
        &[
            ("Check", &["answer", "guess", "other"]),
            ("Fail", &["c", "e"]),
            ("Inner", &["outer"]),
            ("Map", &["items", "m"]),
            ("Task", &["in", "p", "t"]),
            ("Wait", &["seconds"]),
        ],
    );
}

#[test]
fn jsonata_states() {
    check(
        r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {
            "A": {"Type": "Pass", "Assign": {"b": "{% $a & $states.input %}"}, "Output": ["{% $c %}", "{% $c %}"], "Next": "C"},
            "C": {"Type": "Choice", "Choices": [{"Condition": "{% $guess = $answer %}", "Next": "S"}]},
            "S": {"Type": "Succeed"}}}"#,
        &[("A", &["a", "c"]), ("C", &["answer", "guess"])],
    );
}
