//! Payload templates of both languages.

use baton_query::{PathOrIntrinsic, PayloadTemplate, TemplateError, Value, code};
use serde_json::json;

use crate::fixture::Fixture;

#[track_caller]
fn check(template: Value, fixture: &Fixture, expected: Value) {
    let rendered = PayloadTemplate::jsonpath(&template).unwrap().render(&fixture.scope(), "Parameters");
    assert_eq!(rendered.map(|value| value.to_string()), Ok(expected.to_string()));
}

fn error(template: Value, fixture: &Fixture) -> String {
    let error = PayloadTemplate::jsonpath(&template).unwrap().render(&fixture.scope(), "Parameters").unwrap_err();
    assert_eq!(error.location(), None);
    format!("{}: {error}", error.error_name())
}

#[test]
fn keys_with_the_suffix_are_computed_at_any_depth() {
    let fixture = Fixture::new(json!({"flagged": 7, "vals": [0, 10, 20, 30, 40, 50]})).with_variable("v", json!("var"));
    check(
        json!({"flagged": true, "parts": {"first.$": "$.vals[0]", "last3.$": "$.vals[3:]"}, "list": [{"x.$": "$v"}, "$.vals"]}),
        &fixture,
        json!({"flagged": true, "parts": {"first": 0, "last3": [30, 40, 50]}, "list": [{"x": "var"}, "$.vals"]}),
    );
    check(json!({"all.$": "$", "name.$": "$$.State.Name", "sum.$": "States.MathAdd($.flagged, 1)"}), &fixture, {
        json!({"all": {"flagged": 7, "vals": [0, 10, 20, 30, 40, 50]}, "name": "S", "sum": 8})
    });
    check(json!({".$": "$.flagged"}), &fixture, json!({"": 7}));
}

#[test]
fn what_is_not_computed_stands_for_itself() {
    let literal = json!({"b": "$.x", "a": "{% 1 %}", "n": null, "l": [1, {}], "x.$y": 1});
    let template = PayloadTemplate::jsonpath(&literal).unwrap();
    assert!(template.is_static());
    check(literal.clone(), &Fixture::new(json!({})), literal);
    check(json!("$.x"), &Fixture::new(json!({})), json!("$.x"));
}

#[test]
fn a_path_without_result_names_the_key_and_the_input() {
    let fixture = Fixture::new(json!({"flagged": false}));
    assert_eq!(
        error(json!({"x": {"value.$": "$.no.such"}}), &fixture),
        "States.Runtime: The JSONPath '$.no.such' specified for the field 'value.$' could not be found in the input '{\"flagged\":false}'"
    );
    assert_eq!(
        error(json!({"value.$": "$$.State.Nope"}), &fixture),
        "States.Runtime: The JSONPath '$$.State.Nope' specified for the field 'value.$' could not be found in the input \
         '{\"Execution\":{\"Id\":\"arn:e\",\"Name\":\"e\"},\"State\":{\"Name\":\"S\"}}'"
    );
    let path = PathOrIntrinsic::parse("$.ErrorX").unwrap();
    assert_eq!(
        path.eval(&fixture.scope(), "ErrorPath").unwrap_err().to_string(),
        "The JSONPath '$.ErrorX' specified for the field 'ErrorPath' could not be found in the input '{\"flagged\":false}'"
    );
}

#[test]
fn an_indefinite_path_without_result_is_an_empty_array() {
    // Recorded from AWS, even where the definite part of the path is missing.
    for path in
        ["$[*]", "$.items[*]", "$.items[1:]", "$.items[:1]", "$.item.items[*]", "$.items[*].itemValue", "$.item.items[1:5].itemValue"]
    {
        check(json!({"item.$": path}), &Fixture::new(json!({})), json!({"item": []}));
    }
}

#[test]
fn an_index_outside_of_its_array_is_null() {
    // Measured on AWS; as an argument of an intrinsic function it is an error.
    check(json!({"x.$": "$.items[5]"}), &Fixture::new(json!({"items": [1]})), json!({"x": null}));
}

#[test]
fn problems_are_reported_all_at_once_with_their_places() {
    let template = json!({"a": {"b.$": "x"}, "l": [0, {"c.$": 5}], "d": 1, "d.$": "$.d", "e.$": {"f": 1}, "ok.$": "$.x"});
    let errors = PayloadTemplate::jsonpath(&template).unwrap_err();
    let error = |location: &str, message: &str| TemplateError {
        code: code::SCHEMA_VALIDATION_FAILED,
        location: location.to_owned(),
        message: message.to_owned(),
    };
    assert_eq!(
        errors,
        [
            error("/a/b.$", "The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function call"),
            error(
                "/l[0]/c.$".replace("[0]", "[1]").as_str(),
                "The value for the field 'c.$' must be a STRING that contains a JSONPath but was an NUMBER"
            ),
            error("/d.$", "The field 'd' is specified more than once"),
            error("/e.$", "The value for the field 'e.$' must be a STRING that contains a JSONPath but was an OBJECT"),
        ]
    );
}

#[test]
fn members_can_be_rendered_one_by_one() {
    let template = PayloadTemplate::jsonpath(&json!({"x.$": "$.a", "y": 2, "z": {"w.$": "$b"}})).unwrap();
    let fixture = Fixture::new(json!({"a": 1})).with_variable("b", json!(3));
    let entries: Vec<(&str, Value)> =
        template.entries().into_iter().map(|entry| (entry.name(), entry.render(&fixture.scope(), "Assign").unwrap())).collect();
    assert_eq!(entries, [("x", json!(1)), ("y", json!(2)), ("z", json!({"w": 3}))]);
    let constant = PayloadTemplate::jsonpath(&json!({"answer": 42})).unwrap();
    assert_eq!(constant.entries()[0].render(&fixture.scope(), "Assign"), Ok(json!(42)));
    assert!(PayloadTemplate::jsonpath(&json!([1])).unwrap().entries().is_empty());
}

#[test]
fn variables_are_listed_sorted_and_once() {
    let template = json!({"a.$": "$z", "b": [{"c.$": "States.Array($y.k, $z, $.x, $$.State)"}], "d": "$nope"});
    assert_eq!(PayloadTemplate::jsonpath(&template).unwrap().variables(), ["y", "z"]);
    let template = json!({"a": "{% $z + $count($y) %}", "b": ["{% $states.input.x & $y %}"], "c": "$nope"});
    assert_eq!(PayloadTemplate::jsonata(&template).unwrap().variables(), ["y", "z"]);
}

#[test]
fn jsonata_strings_are_expressions_and_keys_never() {
    let template = json!({
        "{% 1 %}": 1, "sum": "{% $sum($states.input.values) + $v %}", "list": ["{% $v %}", " {% 1 %} ", "$states.input"],
        "input.$": "$", "deep": {"er": ["{%$states.input.values[0]%}"]}
    });
    let fixture = Fixture::new(json!({"values": [1, 2, 3]})).with_variable("v", json!(1));
    let rendered = PayloadTemplate::jsonata(&template).unwrap().render(&fixture.scope(), "Output").unwrap();
    assert_eq!(
        rendered.to_string(),
        json!({
            "{% 1 %}": 1, "sum": 7, "list": [1, " {% 1 %} ", "$states.input"], "input.$": "$", "deep": {"er": [1]}
        })
        .to_string()
    );
}

#[test]
fn jsonata_errors_name_the_place_in_the_state() {
    let fixture = Fixture::new(json!({}));
    let check = |template: Value, location: &str| {
        let error = PayloadTemplate::jsonata(&template).unwrap().render(&fixture.scope(), "Arguments").unwrap_err();
        assert_eq!(error.error_name(), "States.QueryEvaluationError");
        assert_eq!(error.location(), Some(location));
        assert_eq!(
            error.to_string(),
            format!("The JSONata expression '$states.input.x' specified for the field '{location}' returned nothing (undefined).")
        );
    };
    check(json!("{% $states.input.x %}"), "Arguments");
    check(json!({"FunctionName": "{%  $states.input.x %}"}), "Arguments/FunctionName");
    check(json!({"a": {"b": [1, "{% $states.input.x %}"]}}), "Arguments/a/b[1]");
    let template = PayloadTemplate::jsonata(&json!({"r": {"s": "{% $states.input.x %}"}})).unwrap();
    let error = template.entries()[0].render(&fixture.scope(), "Assign").unwrap_err();
    assert_eq!(error.location(), Some("Assign/r/s"));
}

#[test]
fn jsonata_problems_are_reported_with_their_codes() {
    let template = json!({"a": "{% phone[1,2) %}", "b": ["{% aaa + bbb %}"], "c": "{% 1", "d": "2 %}", "e": "{%}", "f": "{% 1 %}"});
    let errors = PayloadTemplate::jsonata(&template).unwrap_err();
    let shown: Vec<String> = errors.iter().map(|error| format!("{}: {error}", error.code)).collect();
    assert_eq!(
        shown,
        [
            "INVALID_JSONATA_EXPRESSION: Expected \"]\", got \",\" at /a",
            "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'aaa' at the top level is not supported. at /b[0]",
            "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'bbb' at the top level is not supported. at /b[0]",
            "INVALID_JSONATA_EXPRESSION: A JSONata expression must start with '{%' and end with '%}' at /c",
            "INVALID_JSONATA_EXPRESSION: A JSONata expression must start with '{%' and end with '%}' at /d",
            "INVALID_JSONATA_EXPRESSION: A JSONata expression must start with '{%' and end with '%}' at /e",
        ]
    );
}

#[test]
fn a_template_that_is_one_expression_says_so() {
    let template = PayloadTemplate::jsonata(&json!("{% $states.input.x %}")).unwrap();
    assert_eq!(template.as_expression().map(|expression| expression.text()), Some("$states.input.x"));
    let template = PayloadTemplate::jsonata(&json!({"a": ["{% $states.result %}"]})).unwrap();
    assert!(template.as_expression().is_none());
    let places: Vec<(String, &[String])> =
        template.expressions().into_iter().map(|(place, expression)| (place, expression.states_fields())).collect();
    assert_eq!(places, [("/a[0]".to_owned(), &["result".to_owned()][..])]);
}
