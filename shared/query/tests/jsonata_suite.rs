//! The gate of every upgrade of the JSONata engine: the official test suite of JSONata, run through our adapter without
//! Step Functions' restrictions.
//!
//! The suite is not part of this repository. `JSONATA_SUITE` names the file, one case per line; without it the one that
//! lies beside the workspace is taken; without that there is nothing to run, and the test says so.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;

use baton_query::jsonata::{JsonataError, Limits, evaluate_plain};
use serde::Deserialize;
use serde_json::Value;

/// Cases that are known to fail, each with its reason. A case that passes although it is listed fails the gate too, so
/// that the list stays true.
const KNOWN_TO_FAIL: &[(&str, &str)] = &[
    ("function-encodeUrl/case002", "half of a surrogate pair is replaced, not refused (D3140)"),
    ("function-encodeUrlComponent/case002", "half of a surrogate pair is replaced, not refused (D3140)"),
    ("function-string/case019", "1/0 is refused before $string sees it: D1001 instead of D3001"),
];

/// Cases that AWS's JSONata 2.0.6 answers differently from the suite, which is younger, and that we pass: the suite is
/// run below AWS's restrictions, where `??` and `?:` are operators. A state machine can not use them. The other
/// differences (rounding in `$formatNumber`, `$pad` and `$string`, a few signatures) are the engine's, and stay.
const YOUNGER_THAN_2_0_6: &[&str] = &["coalescing-operator/", "default-operator/"];

/// 2024-01-01T00:00:00Z. No case depends on it.
const NOW_MS: i64 = 1_704_067_200_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    id: String,
    expr: String,
    #[serde(default, deserialize_with = "present")]
    data: Option<Value>,
    #[serde(default)]
    bindings: BTreeMap<String, Value>,
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    #[serde(default)]
    undefined_result: bool,
    code: Option<String>,
    error: Option<ErrorExpected>,
    #[serde(default)]
    unordered: bool,
    /// In milliseconds of the JavaScript engine.
    timelimit: Option<u64>,
    depth: Option<usize>,
}

#[derive(Deserialize)]
struct ErrorExpected {
    code: Option<String>,
}

/// A field that is there with the value null is not a field that is missing.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[test]
fn the_official_jsonata_suite_passes() {
    let file = suite_file();
    let Ok(suite) = fs::read_to_string(&file) else {
        println!("The JSONata suite is absent ({}); nothing was checked.", file.display());
        return;
    };
    let cases: Vec<Case> = suite.lines().filter(|line| !line.trim().is_empty()).map(read_case).collect();
    let outcomes: Vec<(&Case, Result<(), String>)> = cases.iter().map(|case| (case, check(case))).collect();
    let passed = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count();
    let younger = cases.iter().filter(|case| YOUNGER_THAN_2_0_6.iter().any(|group| case.id.starts_with(group))).count();
    println!("{passed} of {} cases passed", cases.len());
    println!("{younger} of these cases use operators that AWS's JSONata 2.0.6 does not have");
    let surprises: Vec<String> = outcomes.iter().filter_map(|(case, outcome)| surprise(case, outcome)).collect();
    assert!(surprises.is_empty(), "{} cases are not as expected:\n{}", surprises.len(), surprises.join("\n"));
}

/// Half of a surrogate pair is no Unicode text, so no Rust string holds it. JSONata can write it as an escape inside its
/// own string literal, which is where the suite has it.
fn read_case(line: &str) -> Case {
    let read = |line: &str| serde_json::from_str(line);
    read(line).or_else(|_| read(&escape_lone_surrogates(line))).expect("each line of the suite is a case")
}

fn escape_lone_surrogates(line: &str) -> String {
    let is_half = |text: &str, thirds: &str| {
        let text = text.to_ascii_lowercase();
        text.starts_with("\\ud") && text.chars().nth(3).is_some_and(|third| thirds.contains(third))
    };
    let (mut out, mut rest) = (String::new(), line);
    while let Some(at) = rest.find("\\u") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let is_pair = is_half(rest, "89ab") && is_half(&rest[6..], "cdef");
        let len = if is_pair { 12 } else { 6 };
        if !is_pair && is_half(rest, "89abcdef") {
            out.push('\\');
        }
        out.push_str(&rest[..len]);
        rest = &rest[len..];
    }
    out + rest
}

fn suite_file() -> PathBuf {
    let beside_workspace = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/jsonata-suite/cases.jsonl");
    env::var_os("JSONATA_SUITE").map_or_else(beside_workspace, PathBuf::from)
}

fn check(case: &Case) -> Result<(), String> {
    let bindings: Vec<(String, Value)> = case.bindings.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let outcome = evaluate_plain(&case.expr, case.data.as_ref(), &bindings, NOW_MS, limits(case));
    let code = case.code.as_ref().or_else(|| case.error.as_ref()?.code.as_ref());
    match (outcome, code) {
        (Err(error), Some(code)) if suite_code(&error) == code => Ok(()),
        (Ok(None), None) if case.undefined_result => Ok(()),
        (Ok(Some(value)), None) if !case.undefined_result && equal(&value, case.result.as_ref(), case.unordered) => Ok(()),
        (outcome, _) => Err(format!("got {outcome:?}")),
    }
}

/// The suite bounds some evaluations by time. We bound them by steps, of which 2,000 take less than a millisecond.
fn limits(case: &Case) -> Limits {
    Limits {
        steps_max: case.timelimit.map_or(50_000_000, |milliseconds| milliseconds * 2_000),
        depth_max: case.depth.filter(|_| case.code.is_some()).unwrap_or(10_000),
    }
}

/// The code that the suite expects. Its own harness, not JSONata, gives `U1001` to what exceeds its bounds.
fn suite_code(error: &JsonataError) -> &str {
    match error.code.as_str() {
        "D1011" | "U1006" => "U1001",
        code => code,
    }
}

fn surprise(case: &Case, outcome: &Result<(), String>) -> Option<String> {
    let known = KNOWN_TO_FAIL.iter().any(|(id, _)| *id == case.id);
    match outcome {
        Ok(()) if known => Some(format!("{}: passes, but is listed as failing", case.id)),
        Err(reason) if !known => Some(format!("{}: `{}` {reason}", case.id, case.expr)),
        _ => None,
    }
}

/// Equality of JSON as JavaScript sees it: numbers are doubles, and an unordered result is a set.
fn equal(actual: &Value, expected: Option<&Value>, unordered: bool) -> bool {
    match (actual, expected) {
        (Value::Array(actual), Some(Value::Array(expected))) if unordered => {
            actual.len() == expected.len() && expected.iter().all(|wanted| actual.iter().any(|item| equal(item, Some(wanted), false)))
        }
        (Value::Array(actual), Some(Value::Array(expected))) => {
            actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, b)| equal(a, Some(b), false))
        }
        (Value::Object(actual), Some(Value::Object(expected))) => {
            actual.len() == expected.len()
                && actual.iter().all(|(name, value)| expected.contains_key(name) && equal(value, expected.get(name), false))
        }
        (Value::Number(actual), Some(Value::Number(expected))) => actual.as_f64() == expected.as_f64(),
        (actual, expected) => Some(actual) == expected,
    }
}
