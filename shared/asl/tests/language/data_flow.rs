//! Paths, templates, expressions and variables.

use baton_asl::MachineType;

use crate::common::{FUNCTION, check, check_schema, check_state, errors, jsonata_state, state};

#[test]
fn paths() {
    let not_a_path = |field: &str| format!("Value must be a valid JSONPath. @ /States/X/{field}");
    for field in ["InputPath", "OutputPath"] {
        for value in [r#""$""#, "null", r#""$.a[0,1]""#, r#""$$.Execution.Id""#, r#""$variable.a""#, r#""$.a[?(@.b == 1)]""#] {
            check_state(&format!(r#""Type": "Pass", "{field}": {value}"#), &[]);
        }
        for value in [r#""Test""#, r#""""#, r#""bug$.library.movies""#, r#""$.a[""#] {
            check_state(&format!(r#""Type": "Pass", "{field}": {value}"#), &[&not_a_path(field)]);
        }
        check_state(&format!(r#""Type": "Pass", "{field}": 1"#), &[&format!("Expected value of type [STRING] @ /States/X/{field}")]);
    }
}

#[test]
fn result_paths() {
    for value in [r#""$""#, "null", r#""$.a.b""#, r#""$['a'][0]""#] {
        check_state(&format!(r#""Type": "Pass", "ResultPath": {value}"#), &[]);
    }
    for value in ["$.a[*]", "$..a", "$.a[?(@.b)]", "$$.Execution", "$foo", "$.a[0,1]"] {
        check_state(&format!(r#""Type": "Pass", "ResultPath": "{value}""#), &["Value is not a Reference Path @ /States/X/ResultPath"]);
    }
    check_state(r#""Type": "Pass", "ResultPath": "a""#, &["Value must be a valid JSONPath. @ /States/X/ResultPath"]);
}

#[test]
fn payload_templates() {
    let parameters = |template: &str| format!(r#""Type": "Pass", "Parameters": {template}"#);
    for template in [
        r#"{"a.$": "$.a", "b": [{"c.$": "$$.Execution.Id"}], "d.$": "States.UUID()", "e": "$.plain", "f": null}"#,
        r#"["abc"]"#,
        r#"{"a.$": "States.ArrayGetItem($.a[?(@.b == FooBar)].c, 0)"}"#,
        r#"{"a.$": "$variable"}"#,
    ] {
        check_state(&parameters(template), &[]);
    }
    let bad = |key: &str| format!("The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call");
    check_state(&parameters(r#"{"a.$": "ipsum"}"#), &[&format!("{} @ /States/X/Parameters", bad("a.$"))]);
    check_state(&parameters(r#"{"a": [{"b.$": "x"}]}"#), &[&format!("{} @ /States/X/Parameters/a[0]", bad("b.$"))]);
    check_state(r#""Type": "Pass", "Assign": {"Variable.$": "Test"}"#, &[&format!("{} @ /States/X/Assign", bad("Variable.$"))]);
    assert_eq!(errors(&state(&parameters(r#"{"a": 1, "a.$": "$.a"}"#)), MachineType::Standard).len(), 1);
    assert_eq!(errors(&state(&parameters(r#"{"a.$": "States.Xyz($.a)"}"#)), MachineType::Standard).len(), 1);
    let deep = format!("{}1{}", r#"{"a": "#.repeat(200), "}".repeat(200));
    check(&state(&parameters(&deep)), &["TOO_DEEPLY_NESTED The states are too deeply nested @ /States/X/Parameters"]);
}

#[test]
fn jsonata_expressions() {
    let output = |value: &str| jsonata_state(&format!(r#""Type": "Pass", "Output": {value}"#));
    for value in [
        r#""{% $states.input.a %}""#,
        r#""{% \n10         %}""#,
        r#"{"a": ["{% $states.context.Execution.Id %}"], "{% key %}": 1}"#,
        r#""plain {% text""#,
        r#""{% $map($states.input.a, function($x){ $x.phone }) %}""#,
        r#""{% $phone[value > 3] %}""#,
        "1",
    ] {
        check(&output(value), &[]);
    }
    for (value, place) in [(r#""{% 10 %""#, ""), (r#""10 %}""#, ""), (r#"{"a": [" x", "{% 1"]}"#, "/a[1]")] {
        check_schema(&output(value), &[&format!("JSONata string must start with {{% and end with %}} @ /States/X/Output{place}")]);
    }
    for (expression, text) in [
        ("1 +", "Unexpected end of expression"),
        ("phone[1,2)", "Expected \\\"]\\\", got \\\",\\\""),
        ("{\\\"a\\\":}", "The symbol \\\"}\\\" cannot be used as a unary operator"),
    ] {
        let text = format!("INVALID_JSONATA_EXPRESSION {} @ /States/X/Output/v", text.replace('\\', ""));
        check(&output(&format!(r#"{{"v": "{{% {expression} %}}"}}"#)), &[&text]);
    }
    for (expression, text) in [
        ("phone", "Reference to 'phone' at the top level is not supported."),
        ("$.phone", "Reference to '$' at the top level is not supported."),
        ("$$", "Reference to '$$' is not supported."),
        ("$states.result", "Field '$states.result' does not exist."),
        ("$states.errorOutput", "Field '$states.errorOutput' does not exist."),
        ("$states.foo", "Field '$states.foo' does not exist."),
    ] {
        check(
            &output(&format!(r#"{{"v": ["{{% {expression} %}}"]}}"#)),
            &[&format!("UNSUPPORTED_JSONATA_EXPRESSION {text} @ /States/X/Output/v[0]")],
        );
    }
}

#[test]
fn what_states_offers_where() {
    let task = |fields: &str| jsonata_state(&format!("{FUNCTION}, {fields}"));
    check(&task(r#""Output": "{% $states.result %}", "Assign": {"a": "{% $states.result.b %}"}"#), &[]);
    check(
        &task(r#""Arguments": {"a": "{% $states.result %}"}"#),
        &["UNSUPPORTED_JSONATA_EXPRESSION Field '$states.result' does not exist. @ /States/X/Arguments/a"],
    );
    let catch = |fields: &str| task(&format!(r#""Catch": [{{"ErrorEquals": ["States.ALL"], "Next": "E", {fields}}}]"#));
    check(&catch(r#""Output": "{% $states.errorOutput.Cause %}", "Assign": {"a": "{% $states.errorOutput %}"}"#), &[]);
    check(
        &catch(r#""Output": "{% $states.result %}""#),
        &["UNSUPPORTED_JSONATA_EXPRESSION Field '$states.result' does not exist. @ /States/X/Catch[0]/Output"],
    );
}

#[test]
fn assign() {
    check_state(r#""Type": "Pass", "Assign": {"a": 1, "b.$": "$.c", "cD_9": {"x": [1]}, "ünï": null}"#, &[]);
    check_state(r#""Type": "Pass", "Assign": [1]"#, &["Expected value of type [OBJECT] @ /States/X/Assign"]);
    let pass = |assign: &str| state(&format!(r#""Type": "Pass", "Assign": {{{assign}}}"#));
    check(&pass(r#""states": 1"#), &["RESERVED_VARIABLE_NAME Cannot assign to reserved variable '$states'. @ /States/X/Assign/states"]);
    let invalid =
        "INVALID_VARIABLE_NAME Invalid variable name 'a-b': the variable name contains invalid characters. @ /States/X/Assign/a-b";
    check(&pass(r#""a-b": 1"#), &[invalid]);
    let long = "x".repeat(81);
    let text = format!("INVALID_VARIABLE_NAME Invalid variable name '{long}': the variable name exceeds the 80-character limit.");
    check(&pass(&format!(r#""{long}": 1"#)), &[&format!("{text} @ /States/X/Assign/{long}")]);
}
