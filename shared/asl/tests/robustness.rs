//! Whatever comes in, the answer is a machine or diagnostics, soon.
#![allow(missing_docs, clippy::disallowed_methods, reason = "this test measures time")]

use std::time::{Duration, Instant};

use baton_asl::{Format, MachineType, Severity, invalid_definition_text, json_error, lint, variable_references};
use proptest::prelude::*;

/// Has something of everything.
const RICH: &str = r#"{"Comment": "c", "QueryLanguage": "JSONPath", "StartAt": "A", "TimeoutSeconds": 60, "Version": "1.0", "States": {
"A": {"Type": "Pass", "Parameters": {"a.$": "$.b[0]", "c": [1, 2.5e3, null, true, "\u00e9"]}, "ResultPath": "$.x", "Assign": {"v.$": "$.a"}, "Next": "B"},
"B": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}, "ResultSelector": {"p.$": "$.Payload"},
 "Retry": [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "BackoffRate": 2.0}], "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "F"}],
 "TimeoutSecondsPath": "$.t", "Next": "C"},
"C": {"Type": "Choice", "Choices": [{"And": [{"Variable": "$.a", "NumericGreaterThan": 1}, {"Not": {"Variable": "$v", "IsNull": true}}], "Next": "D"}], "Default": "W"},
"W": {"Type": "Wait", "Timestamp": "2016-03-14T01:59:00Z", "Next": "D"},
"D": {"Type": "Parallel", "Branches": [{"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {}, "End": true}}}], "Next": "M"},
"M": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "I",
 "States": {"I": {"Type": "Succeed"}}}, "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b"}, "ReaderConfig": {"InputType": "JSON"}},
 "ItemBatcher": {"MaxItemsPerBatch": 3}, "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}}, "Next": "J"},
"J": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"o": "{% $states.input.a + $v %}"}, "Next": "S"},
"S": {"Type": "Succeed"}, "F": {"Type": "Fail", "CausePath": "States.Format('{}', $.a)"}}}"#;

/// Reads a text in every way and looks at all that comes back.
fn exercise(text: &str) {
    for format in [Format::Json, Format::JsonWithComments, Format::Yaml] {
        for kind in [MachineType::Standard, MachineType::Express] {
            let (machine, diagnostics) = lint(text, format, kind);
            let has_error = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
            assert_eq!(machine.is_none(), has_error);
            assert!(diagnostics.iter().all(|diagnostic| diagnostic.span.line > 0 && diagnostic.span.column > 0));
            assert!(diagnostics.iter().all(|diagnostic| text.get(diagnostic.span.start..diagnostic.span.end).is_some()));
            assert_eq!(invalid_definition_text(&diagnostics).is_empty(), !has_error);
            machine.iter().for_each(|machine| drop(variable_references(machine)));
        }
    }
    let is_json = json_error(text).is_empty();
    let is_serde_json = serde_json::from_str::<serde_json::Value>(text).is_ok();
    assert!(is_json || !is_serde_json, "{text}");
}

#[test]
fn the_rich_definition_is_valid() {
    let (machine, diagnostics) = lint(RICH, Format::Json, MachineType::Standard);
    assert_eq!(diagnostics, []);
    assert_eq!(machine.expect("valid").states.len(), 11);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        exercise(&text);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        exercise(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn texts_of_json_characters(text in r#"[\[\]{}",:\\/0-9eE.+\-ntf u$%a-c\n]{0,60}"#) {
        exercise(&text);
    }

    /// A definition with a piece cut out, doubled or replaced.
    #[test]
    fn mutated_definitions(start in 0..RICH.len(), length in 0usize..40, piece in r#"[\[\]{}",:$.%a-zA-Z0-9]{0,6}"#, doubled in any::<bool>()) {
        let start = (start..).find(|at| RICH.is_char_boundary(*at)).expect("the end is a boundary").min(RICH.len());
        let end = (start + length).min(RICH.len());
        let end = (end..).find(|at| RICH.is_char_boundary(*at)).expect("the end is a boundary");
        let cut = &RICH[start..end];
        let middle = if doubled { format!("{cut}{cut}") } else { piece };
        exercise(&format!("{}{middle}{}", &RICH[..start], &RICH[end..]));
    }
}

/// Every value of the definition replaced by every kind of value: wrong types are reported, never unwrapped.
#[test]
fn wrong_types_everywhere() {
    let definition: serde_json::Value = serde_json::from_str(RICH).expect("valid");
    let replacements = ["null", "true", "-1", "1.5", "\"\"", "\"$.a\"", "\"{% 1 %}\"", "[]", "{}", "[[]]", "{\"a\": {}}", "[null]"];
    let mut pointers = Vec::new();
    collect_pointers(&definition, String::new(), &mut pointers);
    assert!(pointers.len() > 100);
    for pointer in pointers {
        for replacement in replacements {
            let mut changed = definition.clone();
            *changed.pointer_mut(&pointer).expect("it is there") = serde_json::from_str(replacement).expect("valid");
            exercise(&changed.to_string());
        }
    }
}

fn collect_pointers(value: &serde_json::Value, pointer: String, pointers: &mut Vec<String>) {
    match value {
        serde_json::Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect_pointers(item, format!("{pointer}/{index}"), pointers);
            }
        }
        serde_json::Value::Object(members) => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                collect_pointers(member, format!("{pointer}/{key}"), pointers);
            }
        }
        _ => {}
    }
    pointers.push(pointer);
}

/// Times are generous: they tell linear work from quadratic, also in a debug build on a busy machine.
#[track_caller]
fn is_soon(name: &str, text: &str) {
    let start = Instant::now();
    exercise(text);
    let spent = start.elapsed();
    println!("{name}: {spent:?}");
    assert!(spent < Duration::from_secs(30), "{name} took {spent:?}");
}

#[test]
fn large_and_deep_definitions_are_answered_soon() {
    let many_states: Vec<String> = (0..15_000).map(|i| format!(r#""S{i}": {{"Type": "Pass", "Next": "S{}"}}"#, i + 1)).collect();
    let many_states = format!(r#"{{"StartAt": "S0", "States": {{{}, "S15000": {{"Type": "Succeed"}}}}}}"#, many_states.join(","));
    assert!(many_states.len() < 1_048_576);
    let many_errors: Vec<String> = (0..40_000).map(|i| format!(r#""S{i}":{{"Type":7}}"#)).collect();
    let many_errors = format!(r#"{{"StartAt": "S0", "States": {{{}}}}}"#, many_errors.join(","));
    let dangling: Vec<String> = (0..15_000).map(|i| format!(r#""State{i}": {{"Type": "Pass", "Next": "Nowhere{i}"}}"#)).collect();
    let dangling = format!(r#"{{"StartAt": "State0", "States": {{{}}}}}"#, dangling.join(","));
    let repeated: Vec<String> = (0..60_000).map(|i| format!(r#""S{}":1"#, i % 30_000)).collect();
    let repeated = format!(r#"{{"StartAt": "S0", "States": {{{}}}}}"#, repeated.join(","));
    let variables: Vec<String> = (0..8_000)
        .map(|i| format!(r#""S{i}": {{"Type": "Pass", "InputPath": "$v{i}", "Assign": {{"w{i}": 1}}, "Next": "S{}"}}"#, i + 1))
        .collect();
    let variables = format!(r#"{{"StartAt": "S0", "States": {{{}, "S8000": {{"Type": "Succeed"}}}}}}"#, variables.join(","));
    let anchors: String = (0..900).map(|level| format!("&a{level} [")).collect();
    let anchors = format!("{anchors}{}{}", "x,".repeat(300_000), "]".repeat(900));
    let same_key = format!(r#"{{"StartAt": "A", "States": {{{}"A": {{"Type": "Succeed"}}}}}}"#, r#""A":1,"#.repeat(150_000));
    for (name, text) in [
        ("many states", many_states),
        ("many errors", many_errors),
        ("dangling transitions", dangling),
        ("repeated states", repeated),
        ("variables", variables),
        ("anchors", anchors),
        ("same key", same_key),
        ("arrays", "[".repeat(100_000)),
        ("closed arrays", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
        ("objects", r#"{"a":"#.repeat(100_000)),
        (
            "deep result",
            format!(
                r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Pass", "Result": {}{}, "End": true}}}}}}"#,
                "[".repeat(900),
                "]".repeat(900)
            ),
        ),
        (
            "deep parameters",
            format!(
                r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Pass", "Parameters": {}{}, "End": true}}}}}}"#,
                "[".repeat(900),
                "]".repeat(900)
            ),
        ),
        (
            "deep conditions",
            format!(
                r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Choice", "Choices": [{}1{}]}}}}}}"#,
                r#"{"Not": "#.repeat(900),
                "}".repeat(900)
            ),
        ),
        ("long string", format!("\"{}\"", "ü".repeat(500_000))),
        ("long token", "x".repeat(1_000_000)),
        ("long number", "1".repeat(1_000_000)),
        ("white space", " \n".repeat(500_000)),
        ("comment", format!("/*{}", "*".repeat(1_000_000))),
        (
            "long path",
            format!(r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Pass", "InputPath": "${}", "End": true}}}}}}"#, ".a".repeat(400_000)),
        ),
        ("yaml", "a: &a [*a, *a]\n".repeat(50_000)),
    ] {
        is_soon(name, &text);
    }
}
