//! The definition as a whole: its form, its top-level fields, its graph and its names.

use crate::common::{check, check_schema, last_state};
use baton_asl::{Format, MachineType, Severity, invalid_definition_text, json_error, lint, parse, to_json};

const TOKENS: &str = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

#[test]
fn a_text_that_is_no_object() {
    check("", &["SCHEMA_VALIDATION_FAILED Definition must be a valid JSON object @ null"]);
    check(" \n", &["SCHEMA_VALIDATION_FAILED Definition must be a valid JSON object @ null"]);
    check("[]", &["SCHEMA_VALIDATION_FAILED Definition must be a valid JSON object @ null"]);
    check("7", &["SCHEMA_VALIDATION_FAILED Definition must be a valid JSON object @ null"]);
    let source = "[Source: (String)\"not a definition\"; line: 1, column: 4]";
    let error = format!("Unrecognized token 'not': {TOKENS}");
    check("not a definition", &[&format!("INVALID_JSON_DESCRIPTION {error}\n at {source} @ {source}")]);
    assert_eq!(json_error("not a definition"), error);
    assert_eq!(json_error("{'a': 1}"), "Unexpected character (''' (code 39)): was expecting double-quote to start field name");
    assert_eq!(json_error("{}"), "");
}

#[test]
fn the_text_of_invalid_definition() {
    let text = |definition: &str| invalid_definition_text(&parse(definition, MachineType::Standard).expect_err(definition));
    assert_eq!(text("{}"), "SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /");
    assert_eq!(text(r#"{"StartAt": "A"}"#), "SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /");
    assert_eq!(text(""), "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object at null");
    assert_eq!(
        text(r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "NOPE"}}}"#),
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: NOPE at /States/A/Next, \
         MISSING_END_STATE: Workflow has no terminal state at null"
    );
    let source = "[Source: (String)\"x\"; line: 1, column: 2]";
    assert_eq!(text("x"), format!("INVALID_JSON_DESCRIPTION: Unrecognized token 'x': {TOKENS}\n at {source} at {source}"));
}

#[test]
fn top_level_fields() {
    let with = |fields: &str| format!(r#"{{{fields}, "StartAt": "A", "States": {{"A": {{"Type": "Succeed"}}}}}}"#);
    check(&with(r#""Comment": "c", "Version": "1.0", "TimeoutSeconds": 0, "QueryLanguage": "JSONPath""#), &[]);
    check_schema(&with(r#""Version": "2.0""#), &["Value should be one of the following: [1.0] @ /Version"]);
    check_schema(&with(r#""TimeoutSeconds": -1"#), &["Minimum value is 0 @ /TimeoutSeconds"]);
    check_schema(&with(r#""TimeoutSeconds": 100000000"#), &["Maximum value is 99999999 @ /TimeoutSeconds"]);
    check_schema(&with(r#""TimeoutSeconds": "1""#), &["Expected value of type Integer @ /TimeoutSeconds"]);
    check_schema(&with(r#""TimeoutSeconds": 1.5"#), &["Expected value of type Integer @ /TimeoutSeconds"]);
    check_schema(&with(r#""Comment": 1"#), &["Expected value of type [STRING] @ /Comment"]);
    check_schema(&with(r#""StartsAt": "A""#), &["Field 'StartsAt' is not supported @ /"]);
    check_schema(&with(r#""x-note": "mine""#), &["Field 'x-note' is not supported @ /"]);
    check_schema(&with(r#""QueryLanguage": "jsonata""#), &["Value should be one of the following: [JSONPath, JSONata] @ /QueryLanguage"]);
    check_schema(&with(r#""QueryLanguage": 5"#), &["Expected value of type [STRING] @ /QueryLanguage"]);
}

#[test]
fn states_and_start() {
    check_schema(r#"{"StartAt": "A", "States": []}"#, &["Expected value of type [OBJECT] @ /States"]);
    check_schema(r#"{"StartAt": 1, "States": {"A": {"Type": "Succeed"}}}"#, &["Expected value of type [STRING] @ /StartAt"]);
    check_schema(r#"{"StartAt": "A", "States": {}}"#, &["Value cannot be empty @ /States"]);
    check_schema(r#"{"States": {"A": {"Type": "Pass", "End": true}}}"#, &["These fields are required: [StartAt] @ /"]);
    check(
        r#"{"StartAt": "Not sure", "States": {"Pass One": {"Type": "Pass", "Next": "Success"}, "Success": {"Type": "Succeed"}}}"#,
        &[
            "MISSING_TRANSITION_TARGET Missing 'Next' target: Not sure @ /StartAt",
            "MISSING_TRANSITION_TARGET State \"Pass One\" is not reachable. @ /States/Pass One",
            "MISSING_TRANSITION_TARGET State \"Success\" is not reachable. @ /States/Success",
        ],
    );
    check(
        r#"{"StartAt": "A", "States": {"A": 1, "B": {"Type": "Succeed"}}}"#,
        &[
            "SCHEMA_VALIDATION_FAILED Expected value of type [OBJECT] @ /States/A",
            "MISSING_TRANSITION_TARGET State \"B\" is not reachable. @ /States/B",
        ],
    );
}

#[test]
fn transitions_that_lead_nowhere() {
    check(
        r#"{"StartAt": "C", "States": {
            "C": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "Ghost"}], "Default": "Ghoul"},
            "Z": {"Type": "Pass", "End": true}}}"#,
        &[
            "MISSING_TRANSITION_TARGET Missing 'Next' target: Ghost @ /States/C/Choices[0]/Next",
            "MISSING_TRANSITION_TARGET Missing 'Next' target: Ghoul @ /States/C/Default",
            "MISSING_TRANSITION_TARGET State \"Z\" is not reachable. @ /States/Z",
        ],
    );
    check(
        r#"{"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Ghost"}], "End": true}}}"#,
        &["MISSING_TRANSITION_TARGET Missing 'Next' target: Ghost @ /States/T/Catch[0]/Next"],
    );
}

#[test]
fn transitions_stay_in_their_flow() {
    let definition = r#"{"StartAt": "P", "States": {"Out": {"Type": "Succeed"}, "P": {"Type": "Parallel", "Next": "Out",
        "Branches": [{"StartAt": "In", "States": {"In": {"Type": "Pass", "Next": "Out"}}}]}}}"#;
    check(definition, &["MISSING_TRANSITION_TARGET Missing 'Next' target: Out @ /States/P/Branches[0]/States/In/Next"]);
    let (_, diagnostics) = lint(definition, Format::Json, MachineType::Standard);
    assert_eq!(diagnostics[0].help.as_deref(), Some("transitions cannot leave a branch or an item processor, nor lead into one"));
}

#[test]
fn a_workflow_without_an_end() {
    let loops = r#""A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}"#;
    let machine = |states: &str| format!(r#"{{"StartAt": "A", "States": {{{states}}}}}"#);
    check(&machine(loops), &["MISSING_END_STATE Workflow has no terminal state @ null"]);
    check(
        &machine(&format!(r#"{loops}, "Unused": {{"Type": "Pass", "Next": "A"}}"#)),
        &["MISSING_END_STATE Workflow has no terminal state @ null"],
    );
    check(
        &machine(&format!(r#"{loops}, "C": {{"Type": "Pass", "End": true}}"#)),
        &["MISSING_TRANSITION_TARGET State \"C\" is not reachable. @ /States/C"],
    );
}

#[test]
fn flows_inside_need_no_end_but_no_lost_states() {
    let map =
        |states: &str| last_state(&format!(r#""Type": "Map", "End": true, "ItemProcessor": {{"StartAt": "A", "States": {{{states}}}}}"#));
    check(&map(r#""A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}"#), &[]);
    check(
        &map(r#""A": {"Type": "Pass", "End": true}, "Ghost": {"Type": "Pass", "End": true}"#),
        &["MISSING_TRANSITION_TARGET State \"Ghost\" is not reachable. @ /States/X/ItemProcessor/States/Ghost"],
    );
    check(
        &last_state(
            r#""Type": "Parallel", "End": true, "Branches": [{"StartAt": "W", "States": {
            "W": {"Type": "Pass", "End": true}, "a/b": {"Type": "Pass", "End": true}}}]"#,
        ),
        &["MISSING_TRANSITION_TARGET State \"a/b\" is not reachable. @ /States/X/Branches[0]/States/a/b"],
    );
}

#[test]
fn names_are_unique_in_the_whole_machine() {
    check(
        r#"{"StartAt": "M", "States": {
            "M": {"Type": "Map", "Next": "D", "Iterator": {"StartAt": "D", "States": {"D": {"Type": "Pass", "End": true}}}},
            "D": {"Type": "Pass", "End": true}}}"#,
        &["DUPLICATE_STATE_NAME Duplicate State name: D @ /States/D"],
    );
    check(
        r#"{"StartAt": "D", "States": {"D": {"Type": "Pass", "End": true}, "D": {"Type": "Succeed"}}}"#,
        &["DUPLICATE_STATE_NAME Duplicate State name: D @ /States/D"],
    );
}

#[test]
fn names_are_short() {
    let machine = |name: &str| format!(r#"{{"StartAt": "{name}", "States": {{"{name}": {{"Type": "Succeed"}}}}}}"#);
    check(&machine(&"ü".repeat(80)), &[]);
    let long = "x".repeat(81);
    check(
        &machine(&long),
        &[&format!(
            "INVALID_STATE_NAME Invalid State name: State '{long}' exceeds the 80-character limit allowed by the service @ /States/{long}"
        )],
    );
    check(&machine(""), &["INVALID_STATE_NAME Invalid State name: State '' is empty @ /States/"]);
}

#[test]
fn nesting_is_limited() {
    let mut definition = r#"{"Type": "Pass", "End": true}"#.to_owned();
    for level in (0..60).rev() {
        definition = format!(
            r#"{{"Type": "Parallel", "End": true, "Branches": [{{"StartAt": "S{level}", "States": {{"S{level}": {definition}}}}}]}}"#
        );
    }
    let definition = format!(r#"{{"StartAt": "S", "States": {{"S": {definition}}}}}"#);
    let diagnostics = parse(&definition, MachineType::Standard).expect_err("too deep");
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].code.text(), "TOO_DEEPLY_NESTED");
}

#[test]
fn states_are_numbered_in_the_order_of_the_text() {
    let machine = parse(
        r#"{"Comment": "c", "TimeoutSeconds": 9, "StartAt": "P", "States": {
            "Last": {"Type": "Succeed"},
            "P": {"Type": "Parallel", "Next": "M", "Branches": [
                {"StartAt": "B", "States": {"A": {"Type": "Pass", "End": true}, "B": {"Type": "Pass", "Next": "A"}}},
                {"StartAt": "C", "States": {"C": {"Type": "Fail"}}}]},
            "M": {"Type": "Map", "Next": "Last", "ItemProcessor": {"StartAt": "D", "States": {"D": {"Type": "Succeed"}}}}}}"#,
        MachineType::Standard,
    )
    .expect("valid");
    let names: Vec<&str> = machine.states.iter().map(|state| &*state.name).collect();
    assert_eq!(names, ["Last", "P", "A", "B", "C", "M", "D"]);
    let flows: Vec<_> = machine.flows.iter().map(|flow| (flow.start_at.0, flow.parent.map(|parent| parent.0))).collect();
    assert_eq!(flows, [(1, None), (3, Some(1)), (4, Some(1)), (6, Some(5))]);
    let in_flows: Vec<u32> = machine.states.iter().map(|state| state.flow.0).collect();
    assert_eq!(in_flows, [0, 0, 1, 1, 2, 0, 3]);
    assert_eq!((machine.comment.as_deref(), machine.timeout_seconds), (Some("c"), Some(9)));
    assert!(machine.states.iter().enumerate().all(|(index, state)| state.id.0 as usize == index));
}

#[test]
fn spans_point_into_the_text() {
    let definition = "{\n  \"StartAt\": \"A\",\n  \"States\": {\n    \"A\": {\"Type\": \"Pass\", \"Nxet\": \"B\", \"Next\": \"a\"},\n    \"B\": {\"Type\": \"Succeed\"}\n  }\n}";
    let (machine, diagnostics) = lint(definition, Format::Json, MachineType::Standard);
    assert!(machine.is_none());
    let shown: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| {
            let span = diagnostic.span;
            (&definition[span.start..span.end], span.line, span.column, diagnostic.help.as_deref())
        })
        .collect();
    assert_eq!(
        shown,
        [("\"Nxet\"", 4, 27, Some("did you mean `Next`?")), ("\"a\"", 4, 48, Some("did you mean `A`?")), ("\"B\"", 5, 5, None),]
    );
}

#[test]
fn yaml_and_comments_say_the_same() {
    let yaml = "# shipped daily\nStartAt: A\nStates:\n  A:\n    Type: Pass\n    Next: B\n  B: &end\n    Type: Succeed\n";
    assert!(lint(yaml, Format::Yaml, MachineType::Standard).0.is_some());
    let commented = "// shipped daily\n{\"StartAt\": \"A\", \"States\": {\"A\": /* the end */ {\"Type\": \"Succeed\"}}}";
    assert!(lint(commented, Format::JsonWithComments, MachineType::Standard).0.is_some());
    assert!(lint(commented, Format::Json, MachineType::Standard).0.is_none());
    let (_, diagnostics) = lint(&yaml.replace("Next: B", "Next: C"), Format::Yaml, MachineType::Standard);
    let span = diagnostics[0].span;
    assert_eq!((span.line, span.column), (6, 11));
    let (_, diagnostics) = lint("a: [", Format::Yaml, MachineType::Standard);
    assert_eq!(diagnostics[0].code.text(), "INVALID_JSON_DESCRIPTION");
}

#[test]
fn files_become_what_the_api_takes() {
    let plain = "{\"b\":  1,\n\"a\": 2}";
    assert_eq!(to_json(plain, Format::Json).expect("JSON"), plain);
    assert_eq!(to_json(plain, Format::JsonWithComments).expect("JSON"), plain);
    let shown = "{\n  \"b\": 1,\n  \"a\": 2\n}";
    assert_eq!(to_json("{\"b\": 1, /* and */ \"a\": 2}", Format::JsonWithComments).expect("JSON"), shown);
    assert_eq!(to_json("b: 1\na: 2\n", Format::Yaml).expect("YAML"), shown);
    assert_eq!(to_json("\n{", Format::JsonWithComments).expect_err("no JSON").span.line, 2);
    assert_eq!(to_json("- 1", Format::Yaml).expect_err("no object").message, "Definition must be a valid JSON object");
}

#[test]
fn diagnostics_are_limited_and_warnings_hide_no_error() {
    let parameters: Vec<String> = (0..3000).map(|i| format!(r#""p{i}": "$.a""#)).collect();
    let states: Vec<String> = (0..3000).map(|i| format!(r#""S{i}": {{"Type": "Succeed", "Foo": 1}}"#)).collect();
    let definition = format!(
        r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Pass", "Parameters": {{{}}}, "End": true}}, {}}}}}"#,
        parameters.join(","),
        states.join(",")
    );
    let (machine, diagnostics) = lint(&definition, Format::Json, MachineType::Standard);
    assert!(machine.is_none());
    let count = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    assert_eq!((count(Severity::Error), count(Severity::Warning)), (1000, 1000));
}

#[test]
fn a_definition_has_a_size() {
    let pad = |length: usize| {
        let definition = r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#;
        format!("{definition}{}", " ".repeat(length - definition.len()))
    };
    check(&pad(1_048_576), &[]);
    check(&pad(1_048_577), &["SCHEMA_VALIDATION_FAILED Definition exceeds the maximum length of 1048576 bytes @ null"]);
}
