//! One way to check a definition: what the linter says of it, one line per diagnostic.

use baton_asl::{Format, MachineType, Severity, lint, parse};

/// The fields of a Task that calls a function.
pub(crate) const FUNCTION: &str = r#""Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f""#;
/// An item processor.
pub(crate) const PROCESSOR: &str = r#""ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}"#;

/// `CODE message @ location`, errors only, in their order.
pub(crate) fn errors(definition: &str, kind: MachineType) -> Vec<String> {
    match parse(definition, kind) {
        Ok(_) => Vec::new(),
        Err(diagnostics) => diagnostics.iter().map(line).collect(),
    }
}

/// Like [`errors`], warnings only.
pub(crate) fn warnings(definition: &str) -> Vec<String> {
    let (_, diagnostics) = lint(definition, Format::Json, MachineType::Standard);
    diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Warning).map(line).collect()
}

fn line(diagnostic: &baton_asl::Diagnostic) -> String {
    let location = diagnostic.location.as_deref().unwrap_or("null");
    format!("{} {} @ {location}", diagnostic.code.text(), diagnostic.message)
}

/// A standard machine gives exactly these errors.
#[track_caller]
pub(crate) fn check(definition: &str, expected: &[&str]) {
    assert_eq!(errors(definition, MachineType::Standard), expected, "{definition}");
}

/// An express machine gives exactly these errors.
#[track_caller]
pub(crate) fn check_express(definition: &str, expected: &[&str]) {
    assert_eq!(errors(definition, MachineType::Express), expected, "{definition}");
}

/// A machine whose only state of note is `X`; `E` ends it.
pub(crate) fn state(fields: &str) -> String {
    format!(r#"{{"StartAt": "X", "States": {{"X": {{{fields}, "Next": "E"}}, "E": {{"Type": "Succeed"}}}}}}"#)
}

/// Like [`state`], in JSONata.
pub(crate) fn jsonata_state(fields: &str) -> String {
    format!(r#"{{"QueryLanguage": "JSONata", "StartAt": "X", "States": {{"X": {{{fields}, "Next": "E"}}, "E": {{"Type": "Succeed"}}}}}}"#)
}

/// A machine with one state that ends by itself.
pub(crate) fn last_state(fields: &str) -> String {
    format!(r#"{{"StartAt": "X", "States": {{"X": {{{fields}}}}}}}"#)
}

/// `check` of [`state`] with errors that are all of the schema.
#[track_caller]
pub(crate) fn check_state(fields: &str, expected: &[&str]) {
    check_schema(&state(fields), expected);
}

/// `check` of [`jsonata_state`] with errors that are all of the schema.
#[track_caller]
pub(crate) fn check_jsonata(fields: &str, expected: &[&str]) {
    check_schema(&jsonata_state(fields), expected);
}

#[track_caller]
pub(crate) fn check_schema(definition: &str, expected: &[&str]) {
    let expected: Vec<String> = expected.iter().map(|line| format!("SCHEMA_VALIDATION_FAILED {line}")).collect();
    check(definition, &expected.iter().map(String::as_str).collect::<Vec<_>>());
}
