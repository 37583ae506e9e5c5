//! Choice states.

use baton_asl::MachineType;

use crate::common::{check, check_schema, errors};

#[test]
fn choice_rules() {
    let choice = |rules: &str| {
        format!(
            r#"{{"StartAt": "X", "States": {{"X": {{"Type": "Choice", "Choices": {rules}, "Default": "E"}}, "E": {{"Type": "Succeed"}}}}}}"#
        )
    };
    for rule in [
        r#"{"Variable": "$.a", "StringEquals": "x", "Next": "E", "Assign": {"a": 1}, "Comment": "c"}"#,
        r#"{"Variable": "$$.Execution.Id", "IsPresent": false, "Next": "E"}"#,
        r#"{"Variable": "$v", "NumericLessThanEqualsPath": "$$.State.RetryCount", "Next": "E"}"#,
        r#"{"Variable": "$.a", "TimestampGreaterThan": "2016-03-14T01:59:00Z", "Next": "E"}"#,
        r#"{"Not": {"And": [{"Variable": "$.a", "BooleanEquals": true, "Comment": "c"}, {"Or": [{"Variable": "$.b", "StringMatches": "*"}]}]}, "Next": "E"}"#,
    ] {
        check(&choice(&format!("[{rule}]")), &[]);
    }
    check_schema(&choice("[]"), &["Value cannot be empty @ /States/X/Choices"]);
    check_schema(&choice("{}"), &["Expected value of type [ARRAY] @ /States/X/Choices"]);
    let at = "@ /States/X/Choices[0]";
    let selector = "The object must have only one of the following fields, [And, Or, Not, Variable, Condition]";
    for (rule, expected) in [
        (r#"{"Variable": "$.a", "IsNull": true}"#, &[format!("These fields are required: [Next] {at}")][..]),
        (r#"{"StringEquals": "x", "Next": "E"}"#, &[format!("{selector} {at}")]),
        (r#"{"Variable": "$.a", "Not": {"Variable": "$.a", "IsNull": true}, "Next": "E"}"#, &[format!("{selector} {at}")]),
        (r#"{"And": [], "Next": "E"}"#, &[format!("Value cannot be empty {at}/And")]),
        (
            r#"{"Or": [{"Variable": "$.a", "IsNull": true, "Next": "E"}], "Next": "E"}"#,
            &[format!("Field 'Next' is not supported {at}/Or[0]")],
        ),
        (
            r#"{"Condition": true, "Next": "E"}"#,
            &[format!(
                "The QueryLanguage is set to 'JSONPath', but field 'Condition' is only supported for the 'JSONata' QueryLanguage {at}"
            )],
        ),
        (
            r#"{"Variable": "a", "IsNull": true, "Next": "E"}"#,
            &[format!("Value is not a Reference Path: Reference path didn't start with '$' {at}/Variable")],
        ),
        (r#"{"Variable": "$.a[*]", "IsNull": true, "Next": "E"}"#, &[format!("Value is not a Reference Path {at}/Variable")]),
        (r#"{"Variable": "$.a", "IsNull": "x", "Next": "E"}"#, &[format!("Expected value of type [BOOLEAN] {at}/IsNull")]),
        (r#"{"Variable": "$.a", "StringEquals": 1, "Next": "E"}"#, &[format!("Expected value of type [STRING] {at}/StringEquals")]),
        (r#"{"Variable": "$.a", "NumericEquals": "1", "Next": "E"}"#, &[format!("Expected value of type [NUMBER] {at}/NumericEquals")]),
        (
            r#"{"Variable": "$.a", "TimestampEquals": "today", "Next": "E"}"#,
            &[format!("String does not match RFC3339 timestamp {at}/TimestampEquals")],
        ),
        (r#"{"Variable": "$.a", "IsNul": true, "Next": "E"}"#, &[format!("Field 'IsNul' is not supported {at}")]),
    ] {
        check_schema(&choice(&format!("[{rule}]")), &expected.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let operators = errors(&choice(r#"[{"Variable": "$.a", "IsNull": true, "IsString": true, "Next": "E"}]"#), MachineType::Standard);
    assert!(operators[0].contains("There should only be one of the following fields: [StringEquals, "), "{operators:?}");
    check_schema(
        r#"{"StartAt": "X", "States": {"X": {"Type": "Choice", "Default": "E"}, "E": {"Type": "Succeed"}}}"#,
        &["These fields are required: [Choices] @ /States/X"],
    );
}

#[test]
fn jsonata_choices() {
    let choice = |rule: &str| {
        format!(
            r#"{{"QueryLanguage": "JSONata", "StartAt": "X", "States": {{"X": {{"Type": "Choice", "Choices": [{rule}]}}, "E": {{"Type": "Succeed"}}}}}}"#
        )
    };
    check(&choice(r#"{"Condition": "{% $states.input.a > 1 %}", "Next": "E", "Assign": {"a": "{% 1 %}"}, "Output": {"b": 1}}"#), &[]);
    check(&choice(r#"{"Condition": true, "Next": "E"}"#), &[]);
    check_schema(&choice(r#"{"Condition": 1, "Next": "E"}"#), &["Expected value of type [BOOLEAN] @ /States/X/Choices[0]/Condition"]);
    check(
        &choice(r#"{"Condition": "{% phone = 1 %}", "Next": "E"}"#),
        &["UNSUPPORTED_JSONATA_EXPRESSION Reference to 'phone' at the top level is not supported. @ /States/X/Choices[0]/Condition"],
    );
}
