//! `Retry` and `Catch`.

use crate::common::{FUNCTION, check_state};

#[test]
fn retry() {
    let retry = |retriers: &str| format!(r#"{FUNCTION}, "Retry": {retriers}"#);
    check_state(
        &retry(
            r#"[{"ErrorEquals": ["A", "State.ALL"], "IntervalSeconds": 0, "MaxAttempts": 0, "BackoffRate": 1, "MaxDelaySeconds": 1,
             "JitterStrategy": "FULL", "Comment": "c"}, {"ErrorEquals": ["States.ALL"]}]"#,
        ),
        &[],
    );
    check_state(&retry("[]"), &[]);
    check_state(&retry("{}"), &["Expected value of type [ARRAY] @ /States/X/Retry"]);
    check_state(&retry("[1]"), &["Expected value of type [OBJECT] @ /States/X/Retry[0]"]);
    check_state(&retry("[{}]"), &["These fields are required: [ErrorEquals] @ /States/X/Retry[0]"]);
    check_state(&retry(r#"[{"ErrorEquals": []}]"#), &["Value cannot be empty @ /States/X/Retry[0]/ErrorEquals"]);
    check_state(&retry(r#"[{"ErrorEquals": [1]}]"#), &["Expected value of type [STRING] @ /States/X/Retry[0]/ErrorEquals[0]"]);
    let all = "States.ALL must appear alone and at end of list @ /States/X/Retry";
    check_state(&retry(r#"[{"ErrorEquals": ["A", "States.ALL"]}]"#), &[&format!("{all}[0]/ErrorEquals[1]")]);
    check_state(&retry(r#"[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["A"]}]"#), &[&format!("{all}[0]/ErrorEquals[0]")]);
    for (field, value, text) in [
        ("IntervalSeconds", "-1", "Minimum value is 0"),
        ("MaxAttempts", "-1", "Minimum value is 0"),
        ("MaxAttempts", "100000000", "Maximum value is 99999999"),
        ("BackoffRate", "0.5", "Minimum value is 1.0"),
        ("BackoffRate", r#""2""#, "Expected value of type [NUMBER]"),
        ("MaxDelaySeconds", "0", "Minimum value is 1"),
        ("MaxDelaySeconds", "31622401", "Maximum value is 31622400"),
        ("JitterStrategy", r#""full""#, "Value should be one of the following: [NONE, FULL]"),
    ] {
        check_state(
            &retry(&format!(r#"[{{"ErrorEquals": ["A"], "{field}": {value}}}]"#)),
            &[&format!("{text} @ /States/X/Retry[0]/{field}")],
        );
    }
}

#[test]
fn catch() {
    let catch = |catchers: &str| format!(r#"{FUNCTION}, "Catch": {catchers}"#);
    check_state(
        &catch(r#"[{"ErrorEquals": ["A"], "Next": "E", "ResultPath": "$.error", "Assign": {"a.$": "$.Cause"}, "Comment": "c"}]"#),
        &[],
    );
    check_state(
        &catch(r#"[{"Error Equals": ["A"], "Next": "E"}]"#),
        &["Field 'Error Equals' is not supported @ /States/X/Catch[0]", "These fields are required: [ErrorEquals] @ /States/X/Catch[0]"],
    );
    check_state(&catch(r#"[{"ErrorEquals": ["A"]}]"#), &["These fields are required: [Next] @ /States/X/Catch[0]"]);
    let only = "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage";
    check_state(&catch(r#"[{"ErrorEquals": ["A"], "Next": "E", "Output": 1}]"#), &[&format!("{only} @ /States/X/Catch[0]")]);
}
