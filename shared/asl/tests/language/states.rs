//! Every state type: what is taken, what is refused, and in which words.

use baton_asl::{MachineType, parse};

use crate::common::{FUNCTION, PROCESSOR, check, check_jsonata, check_schema, check_state, last_state};

const TYPES: [&str; 8] = ["Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map"];
const BRANCHES: &str = r#""Branches": [{"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}]"#;

/// The fewest fields of a type, in a machine that is valid with them.
fn minimal(kind: &str, language: &str) -> (String, &'static str) {
    let jsonata = language == "JSONata";
    let (fields, end) = match kind {
        "Task" => (FUNCTION.to_owned(), r#", "End": true"#),
        "Wait" => (r#""Type": "Wait", "Seconds": 1"#.to_owned(), r#", "End": true"#),
        "Pass" => (r#""Type": "Pass""#.to_owned(), r#", "End": true"#),
        "Succeed" => (r#""Type": "Succeed""#.to_owned(), ""),
        "Fail" => (r#""Type": "Fail""#.to_owned(), ""),
        "Choice" if jsonata => (r#""Type": "Choice", "Choices": [{"Condition": true, "Next": "E"}]"#.to_owned(), ""),
        "Choice" => (r#""Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "E"}]"#.to_owned(), ""),
        "Parallel" => (format!(r#""Type": "Parallel", {BRANCHES}"#), r#", "End": true"#),
        _ => (format!(r#""Type": "Map", {PROCESSOR}"#), r#", "End": true"#),
    };
    (fields, end)
}

fn machine(kind: &str, language: &str, extra: &str) -> String {
    let (fields, end) = minimal(kind, language);
    let other = if kind == "Choice" { r#", "E": {"Type": "Succeed"}"# } else { "" };
    format!(r#"{{"QueryLanguage": "{language}", "StartAt": "X", "States": {{"X": {{{fields}{end}{extra}}}{other}}}}}"#)
}

/// The field matrix: where each field is allowed in JSONPath and in JSONata. It is written down once more here, by field, so that
/// it can disagree with the parser's tables, which are by type.
#[test]
fn the_field_matrix() {
    let work = ["Task", "Parallel", "Map"];
    let all_but_fail = ["Task", "Wait", "Pass", "Succeed", "Choice", "Parallel", "Map"];
    let both = ["JSONPath", "JSONata"];
    let matrix: &[(&str, &str, &[&str], &[&str])] = &[
        ("Comment", r#""c""#, &TYPES, &both),
        ("QueryLanguage", r#""JSONata""#, &TYPES, &["JSONata"]),
        ("InputPath", r#""$.a""#, &all_but_fail, &["JSONPath"]),
        ("OutputPath", "null", &all_but_fail, &["JSONPath"]),
        ("Output", "1", &all_but_fail, &["JSONata"]),
        ("Assign", r#"{"a": 1}"#, &["Task", "Wait", "Pass", "Choice", "Parallel", "Map"], &both),
        ("Parameters", r#"{"a": 1}"#, &["Task", "Pass", "Parallel", "Map"], &["JSONPath"]),
        ("Arguments", r#"{"a": 1}"#, &["Task", "Parallel"], &["JSONata"]),
        ("ResultSelector", r#"{"a": 1}"#, &work, &["JSONPath"]),
        ("ResultPath", r#""$.r""#, &["Task", "Pass", "Parallel", "Map"], &["JSONPath"]),
        ("Result", r#"{"a": 1}"#, &["Pass"], &["JSONPath"]),
        ("Retry", "[]", &work, &both),
        ("Catch", "[]", &work, &both),
        ("TimeoutSeconds", "9", &["Task"], &both),
        ("TimeoutSecondsPath", r#""$.t""#, &["Task"], &["JSONPath"]),
        ("HeartbeatSeconds", "9", &["Task"], &both),
        ("HeartbeatSecondsPath", r#""$.t""#, &["Task"], &["JSONPath"]),
        ("Credentials", r#"{"RoleArn": "arn:aws:iam::123456789012:role/r"}"#, &["Task"], &both),
        ("Error", r#""e""#, &["Fail"], &both),
        ("CausePath", r#""$.c""#, &["Fail"], &["JSONPath"]),
        ("Default", r#""E""#, &["Choice"], &both),
        ("Items", "[1]", &["Map"], &["JSONata"]),
        ("ItemsPath", r#""$.i""#, &["Map"], &["JSONPath"]),
        ("ItemSelector", r#"{"a": 1}"#, &["Map"], &both),
        ("MaxConcurrency", "3", &["Map"], &both),
        ("MaxConcurrencyPath", r#""$.m""#, &["Map"], &["JSONPath"]),
        ("ToleratedFailureCount", "3", &["Map"], &both),
        ("ToleratedFailureCountPath", r#""$.m""#, &["Map"], &["JSONPath"]),
        ("ToleratedFailurePercentage", "3.5", &["Map"], &both),
        ("ToleratedFailurePercentagePath", r#""$.m""#, &["Map"], &["JSONPath"]),
        ("Label", r#""l""#, &["Map"], &both),
        ("Foo", "1", &[], &both),
        ("type", r#""Pass""#, &[], &both),
    ];
    for (field, value, types, languages) in matrix {
        for kind in TYPES {
            for language in both {
                let definition = machine(kind, language, &format!(r#", "{field}": {value}"#));
                if *field == "QueryLanguage" && language == "JSONPath" {
                    continue;
                }
                let refusal = if !types.contains(&kind) {
                    Some(format!("Field '{field}' is not supported"))
                } else if !languages.contains(&language) {
                    let other = languages[0];
                    Some(format!(
                        "The QueryLanguage is set to '{language}', but field '{field}' is only supported for the '{other}' QueryLanguage"
                    ))
                } else {
                    None
                };
                let refusal = refusal.map(|text| format!("{text} @ /States/X"));
                check_schema(&definition, &refusal.iter().map(String::as_str).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn types() {
    let values = "[Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]";
    let text = format!("The field 'Type' should have one of these values: {values} @ /States/X/Type");
    check_state(r#""Type": "pass""#, &[&text]);
    check_state(r#""Type": 1"#, &["Expected value of type [STRING] @ /States/X/Type"]);
    check_state(r#""Comment": "c""#, &["These fields are required: [Type] @ /States/X"]);
}

#[test]
fn next_and_end() {
    let next = |fields: &str| format!(r#"{{"StartAt": "X", "States": {{"X": {{{fields}}}, "E": {{"Type": "Succeed"}}}}}}"#);
    let lost = "MISSING_TRANSITION_TARGET State \"E\" is not reachable. @ /States/E";
    let wants = "SCHEMA_VALIDATION_FAILED This object should have only one of the following fields: [Next, End] @ /States/X";
    check(&next(r#""Type": "Pass""#), &[wants, lost]);
    check(&next(r#""Type": "Pass", "End": false"#), &[wants, lost]);
    check_state(r#""Type": "Pass", "End": true"#, &["There should only be one of the following fields: [Next, End] @ /States/X"]);
    check_state(r#""Type": "Pass", "End": false"#, &[]);
    check_state(r#""Type": "Pass", "End": "x""#, &["Expected value of type [BOOLEAN] @ /States/X/End"]);
}

#[test]
fn query_languages() {
    let downgrade = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine @ /States/X";
    check_jsonata(r#""Type": "Pass", "QueryLanguage": "JSONPath""#, &[downgrade]);
    check_jsonata(r#""Type": "Pass", "QueryLanguage": "JSONPath", "Output": {"v": "{% 1 %}"}"#, &[downgrade]);
    check_jsonata(
        &format!(r#""Type": "Map", "QueryLanguage": "JSONPath", "MaxConcurrency": -1, {PROCESSOR}"#),
        &[downgrade, "Minimum value is 0 @ /States/X/MaxConcurrency"],
    );
    check_state(r#""Type": "Pass", "QueryLanguage": "JSONata", "Output": {"v": "{% 1 %}"}"#, &[]);
    check_state(r#""Type": "Pass", "QueryLanguage": "JSONPath", "InputPath": "$.a""#, &[]);
    let values = "Value should be one of the following: [JSONPath, JSONata] @ /States/X/QueryLanguage";
    let only =
        "The QueryLanguage is set to 'JSONata', but field 'InputPath' is only supported for the 'JSONPath' QueryLanguage @ /States/X";
    check_state(r#""Type": "Pass", "QueryLanguage": "jsonata", "InputPath": "$.a""#, &[only, values]);
    check_jsonata(r#""Type": "Pass", "QueryLanguage": "jsonpath""#, &[values]);
}

#[test]
fn states_inside_have_the_machines_language() {
    let only = "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage";
    let inner = r#"{"StartAt": "I", "States": {"I": {"Type": "Pass", "Output": 1, "End": true}}}"#;
    for language in ["", r#""QueryLanguage": "JSONata", "#] {
        check_state(
            &format!(r#"{language}"Type": "Map", "ItemProcessor": {inner}"#),
            &[&format!("{only} @ /States/X/ItemProcessor/States/I")],
        );
        check_state(
            &format!(r#"{language}"Type": "Parallel", "Branches": [{inner}]"#),
            &[&format!("{only} @ /States/X/Branches[0]/States/I")],
        );
    }
    let declares = inner.replacen('{', r#"{"QueryLanguage": "JSONata", "#, 1).replace(r#""Output": 1, "#, "");
    check_state(&format!(r#""Type": "Map", "Iterator": {declares}"#), &["Field 'QueryLanguage' is not supported @ /States/X/Iterator"]);
    check_state(
        &format!(r#""Type": "Parallel", "Branches": [{declares}]"#),
        &["Field 'QueryLanguage' is not supported @ /States/X/Branches[0]"],
    );
}

#[test]
fn wait() {
    for field in [
        r#""Seconds": 0"#,
        r#""SecondsPath": "$.s""#,
        r#""SecondsPath": "$s""#,
        r#""Timestamp": "2016-03-14T01:59:00.123456789+01:00""#,
        r#""TimestampPath": "$.t""#,
    ] {
        check_state(&format!(r#""Type": "Wait", {field}"#), &[]);
    }
    for field in [r#""Seconds": "{% $states.input.s %}""#, r#""Timestamp": "{% $now() %}""#, r#""Timestamp": "2016-03-14T01:59:00Z""#] {
        check_jsonata(&format!(r#""Type": "Wait", {field}"#), &[]);
    }
    let fields = "[SecondsPath, Seconds, TimestampPath, Timestamp]";
    check_state(
        r#""Type": "Wait", "Seconds": 1, "SecondsPath": "$.s""#,
        &[&format!("There should only be one of the following fields: {fields} @ /States/X")],
    );
    check_state(r#""Type": "Wait""#, &[&format!("This object should have only one of the following fields: {fields} @ /States/X")]);
    let rfc = "String does not match RFC3339 timestamp @ /States/X/Timestamp";
    for timestamp in ["2016-13-05T21:29:29Z", "2016-12-05 21:29:29Z", "{% '2016-03-14T01:59:00Z' %}"] {
        check_state(&format!(r#""Type": "Wait", "Timestamp": "{timestamp}""#), &[rfc]);
    }
    check_state(r#""Type": "Wait", "Seconds": 1.5"#, &["Expected value of type Integer @ /States/X/Seconds"]);
    check_state(r#""Type": "Wait", "Seconds": 100000000"#, &["Maximum value is 99999999 @ /States/X/Seconds"]);
}

#[test]
fn fail() {
    for fields in [
        r#""Error": "e", "Cause": """#,
        r#""ErrorPath": "$.e", "CausePath": "$$.Execution.Id""#,
        r#""ErrorPath": "$e", "CausePath": "States.Format('{}{}', $.a, $b)""#,
    ] {
        check(&last_state(&format!(r#""Type": "Fail", {fields}"#)), &[]);
    }
    check_schema(
        &last_state(r#""Type": "Fail", "Error": "e", "ErrorPath": "$.e", "Cause": "c", "CausePath": "$.c""#),
        &[
            "There should only be one of the following fields: [Error, ErrorPath] @ /States/X",
            "There should only be one of the following fields: [Cause, CausePath] @ /States/X",
        ],
    );
    let bad = "Value must be a valid JSONPath. @ /States/X/ErrorPath";
    for path in ["e", "States.MathAdd($.a, 1)", "States.Nope()"] {
        check_schema(&last_state(&format!(r#""Type": "Fail", "ErrorPath": "{path}""#)), &[bad]);
    }
    check_schema(&last_state(r#""Type": "Fail", "Error": 1"#), &["Expected value of type [STRING] @ /States/X/Error"]);
}

#[test]
fn parallel() {
    check_state(r#""Type": "Parallel""#, &["These fields are required: [Branches] @ /States/X"]);
    check_state(r#""Type": "Parallel", "Branches": []"#, &["Value cannot be empty @ /States/X/Branches"]);
    check_state(r#""Type": "Parallel", "Branches": [[]]"#, &["Expected value of type [OBJECT] @ /States/X/Branches[0]"]);
    check_state(
        r#""Type": "Parallel", "Branches": [{"Foo": 1}]"#,
        &["Field 'Foo' is not supported @ /States/X/Branches[0]", "These fields are required: [States, StartAt] @ /States/X/Branches[0]"],
    );
}

#[test]
fn what_the_model_holds() {
    let machine = parse(
        r#"{"StartAt": "W", "States": {
            "W": {"Type": "Wait", "Timestamp": "1970-01-01T00:00:01.5Z", "Next": "T"},
            "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "TimeoutSeconds": 7, "End": true,
                "InputPath": null, "ResultPath": null, "OutputPath": "$.x",
                "Retry": [{"ErrorEquals": ["A"]}, {"ErrorEquals": ["B"], "IntervalSeconds": 2, "MaxAttempts": 5, "BackoffRate": 1.5,
                    "MaxDelaySeconds": 9, "JitterStrategy": "FULL"}]}}}"#,
        MachineType::Standard,
    )
    .expect("valid");
    let shown = format!("{:?}", machine.states[0].kind);
    assert_eq!(shown, "Wait(Timestamp(1500))");
    let retry: Vec<_> = machine.states[1]
        .retry
        .iter()
        .map(|r| (r.interval_seconds, r.max_attempts, r.backoff_rate, r.max_delay_seconds, r.jitter))
        .collect();
    assert_eq!(retry, [(1, 3, 2.0, None, baton_asl::Jitter::None), (2, 5, 1.5, Some(9), baton_asl::Jitter::Full)]);
    let baton_asl::DataFlow::JsonPath(data) = &machine.states[1].data else { panic!("a JSONPath state") };
    assert!(matches!(data.input_path, baton_asl::PathField::Discard));
    assert!(matches!(data.result_path, baton_asl::ResultPath::Discard));
    assert!(matches!(data.output_path, baton_asl::PathField::Path(_)));
    assert_eq!(machine.states[0].transition, baton_asl::Transition::Next(baton_asl::StateId(1)));
}
