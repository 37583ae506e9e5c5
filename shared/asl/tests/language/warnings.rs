//! What the linter says of definitions that AWS takes.

use crate::common::{jsonata_state, last_state, state, warnings};

#[track_caller]
fn check(definition: &str, expected: &[&str]) {
    assert_eq!(warnings(definition), expected, "{definition}");
    crate::common::check(definition, &[]);
}

#[test]
fn values_that_look_like_paths() {
    let no_dollar = "NO_DOLLAR No .$ on a field that appears to be a JSONPath or Intrinsic Function. @ /States/X";
    check(
        &state(r#""Type": "Pass", "Parameters": {"a": "$.a", "b": [{"c": "States.UUID()"}], "d": "$5", "e.$": "$.e"}"#),
        &[&format!("{no_dollar}/Parameters/a"), &format!("{no_dollar}/Parameters/b[0]/c")],
    );
    check(
        &state(r#""Type": "Pass", "Result": {"a": ["$.a"]}"#),
        &["PASS_RESULT_IS_STATIC Attempt to use a path in the result of a pass state. @ /States/X/Result/a[0]"],
    );
    let no_path = "NO_PATH Field value looks like a path, but field name does not end with 'Path'. @ /States/X";
    check(&last_state(r#""Type": "Fail", "Error": "$.e""#), &[&format!("{no_path}/Error")]);
    check(
        r#"{"StartAt": "X", "States": {"X": {"Type": "Choice", "Choices": [{"Variable": "$.a", "StringEquals": "$.b", "Next": "E"}]},
            "E": {"Type": "Succeed"}}}"#,
        &[&format!("{no_path}/Choices[0]/StringEquals")],
    );
}

#[test]
fn keys_that_are_given_twice() {
    check(
        r#"{"StartAt": "X", "Comment": "a", "Comment": "b", "States": {"X": {"Type": "Pass", "End": true, "Result": {"a": 1, "a": 2}}}}"#,
        &[
            "DUPLICATE_KEY The key 'a' is given more than once; only its last value counts. @ /States/X/Result",
            "DUPLICATE_KEY The key 'Comment' is given more than once; only its last value counts. @ /",
        ],
    );
}

#[test]
fn variables_of_an_outer_scope() {
    let parallel = |inner: &str| {
        state(&format!(
            r#""Type": "Parallel", "Assign": {{"outer": 1}}, "Branches": [
                {{"StartAt": "B", "States": {{"B": {{"Type": "Pass", "Assign": {{{inner}}}, "End": true}}}}}},
                {{"StartAt": "C", "States": {{"C": {{"Type": "Pass", "Assign": {{"inner": 1}}, "End": true}}}}}}]"#
        ))
    };
    check(&parallel(r#""inner.$": "$outer""#), &[]);
    check(
        &parallel(r#""outer": 2"#),
        &[
            "DUPLICATE_VARIABLE_NAME The variable name 'outer' was already defined in a parent scope. @ /States/X/Branches[0]/States/B/Assign/outer",
        ],
    );
}

/// The child workflows of a distributed Map neither see outer variables nor clash with them.
#[test]
fn variables_of_child_workflows() {
    let map = |value: &str| {
        state(&format!(
            r#""Type": "Map", "Assign": {{"outer": 1}}, "ItemProcessor": {{
            "ProcessorConfig": {{"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}},
            "StartAt": "B", "States": {{"B": {{"Type": "Pass", "Assign": {{{value}}}, "End": true}}}}}}"#
        ))
    };
    check(&map(r#""outer": 1"#), &[]);
    check(
        &map(r#""inner.$": "$outer""#),
        &["POSSIBLY_UNDEFINED_VARIABLE Variable 'outer' is possibly not defined. @ /States/X/ItemProcessor/States/B"],
    );
}

#[test]
fn variables_that_nobody_assigns() {
    let undefined = "POSSIBLY_UNDEFINED_VARIABLE Variable 'b' is possibly not defined. @ /States/X";
    check(&jsonata_state(r#""Type": "Pass", "Assign": {"a": 1}, "Output": "{% $a + $b %}""#), &[undefined]);
    check(&state(r#""Type": "Pass", "Assign": {"a": 1}, "Parameters": {"x.$": "$a", "y.$": "$b.c"}"#), &[undefined]);
}
