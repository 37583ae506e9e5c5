//! JSONata expressions of a state machine: what they read, what they give, how they fail.

use baton_query::{Expression, QueryError, Value};
use serde_json::json;

use crate::fixture::{Fixture, NOW_MS};

#[track_caller]
fn check(expression: &str, fixture: &Fixture, expected: Value) {
    let value = eval(expression, fixture).map_err(|error| error.to_string());
    assert_eq!(value.map(|value| value.to_string()), Ok(expected.to_string()), "{expression}");
}

fn eval(expression: &str, fixture: &Fixture) -> Result<Value, QueryError> {
    Expression::parse(expression).unwrap().eval(&fixture.scope(), "Output")
}

#[track_caller]
fn check_error(expression: &str, fixture: &Fixture, expected: &str) {
    let error = eval(expression, fixture).unwrap_err();
    assert_eq!(error.error_name(), "States.QueryEvaluationError");
    assert_eq!(error.location(), Some("Output"));
    let head = format!("The JSONata expression '{expression}' specified for the field 'Output' ");
    assert_eq!(error.to_string(), head + expected);
}

fn order() -> Fixture {
    let mut fixture = Fixture::new(json!({
        "order": {"total": 120, "lines": [{"sku": "a", "price": 10.5, "qty": 2}, {"sku": "b", "price": 3, "qty": 1}]},
        "big": 9007199254740993i64, "one": [7], "none": [], "nothing": null, "float": 1.0
    }))
    .with_variable("limit", json!(100))
    .with_variable("customer", json!({"name": {"first": "Ada"}, "ids": [1]}));
    fixture.result = Some(json!({"Payload": {"ok": true}}));
    fixture.error_output = Some(json!({"Error": "E", "Cause": "C"}));
    fixture
}

#[test]
fn a_string_is_an_expression_only_between_the_braces() {
    for text in ["{% 1 %}", "{%1%}", "{%%}"] {
        assert!(Expression::is_expression(text), "{text}");
    }
    for text in [" {% 1 %}", "{% 1 %} ", "{% 1", "1 %}", "{%}", "{ % 1 % }", ""] {
        assert!(!Expression::is_expression(text), "{text}");
    }
    for text in ["{% 1", "1 %}", "{%}", "{% 1 %} "] {
        assert!(Expression::is_half_expression(text), "{text}");
    }
    assert!(!Expression::is_half_expression("text") && !Expression::is_half_expression("{% 1 %}"));
    assert_eq!(Expression::parse("{% \n1 + 1 %}").unwrap().text(), "1 + 1");
    check("{% 1 + 1 %}", &order(), json!(2));
    check("1 + 1", &order(), json!(2));
    assert!(Expression::parse("{%  %}").is_err());
}

#[test]
fn states_holds_what_the_field_has() {
    check("$states.input.order.total > $limit", &order(), json!(true));
    check("$states.context.State.Name & '!'", &order(), json!("S!"));
    check("$states.result.Payload.ok = true", &order(), json!(true));
    check("$states.errorOutput.Error & $states.errorOutput.Cause", &order(), json!("EC"));
    check("$keys($states)", &order(), json!(["input", "context", "result", "errorOutput"]));
    let mut fixture = order();
    (fixture.result, fixture.error_output) = (None, None);
    check("$keys($states)", &fixture, json!(["input", "context"]));
    check("$exists($states.result)", &fixture, json!(false));
    check_error("$states.errorOutput", &fixture, "returned nothing (undefined).");
    let whole = eval("$states", &fixture).unwrap();
    assert_eq!(whole, json!({"input": fixture.input, "context": fixture.context}));
}

#[test]
fn expressions_compute() {
    check("$sum($states.input.order.lines.(price * qty))", &order(), json!(24));
    check("$states.input.order.lines[price > 5].sku", &order(), json!("a"));
    check("$states.input.order.lines[$.qty = 1].sku", &order(), json!("b"));
    check("$map($states.input.order.lines, function($l) { $l.sku })", &order(), json!(["a", "b"]));
    check("$merge([$customer.name, {'last': 'L'}])", &order(), json!({"first": "Ada", "last": "L"}));
    check("{'foo': 'bar', 'n': [1..3]}", &order(), json!({"foo": "bar", "n": [1, 2, 3]}));
    check("( $x := 2; $x * $limit )", &order(), json!(200));
    check("$variable := 1", &order(), json!(1));
    check("$contains('hello$world', /^hello\\$/)", &order(), json!(true));
    check("$not($states.input.order.total = 120)", &order(), json!(false));
    check("$count($states.input.order.lines[$ != null])", &order(), json!(2));
    check("null", &order(), json!(null));
}

#[test]
fn numbers_without_fraction_are_printed_as_integers() {
    check("4 / 2", &order(), json!(2));
    check("[1.0, 2.5, 1e3, -0]", &order(), json!([1, 2.5, 1000, 0]));
    check("$number('2')", &order(), json!(2));
    check("{'a': 10 % 3}", &order(), json!({"a": 1}));
}

#[test]
fn plain_paths_keep_values_as_they_are() {
    check("$states.input.big", &order(), json!(9007199254740993i64));
    check("$states.input.float", &order(), json!(1.0));
    check("$states.input.one", &order(), json!([7]));
    check("$states.input.none", &order(), json!([]));
    check("$states.input.nothing", &order(), json!(null));
    check("$states.input", &order(), order().input);
    check("$limit", &order(), json!(100));
    check("$customer.name.first", &order(), json!("Ada"));
    check("$states.input.`order`.\"total\"", &order(), json!(120));
}

#[test]
fn a_path_through_an_array_is_mapped_as_jsonata_does() {
    check("$states.input.order.lines.sku", &order(), json!(["a", "b"]));
    check_error("$states.input.order.lines.missing", &order(), "returned nothing (undefined).");
    let single = Fixture::new(json!({"l": [{"x": 1}], "nested": [[{"x": 1}], [{"x": 2}]]}));
    check("$states.input.l.x", &single, json!(1));
    check("$states.input.nested.x", &single, json!([1, 2]));
    check("$states.input.l[]", &single, json!([{"x": 1}]));
    check("$states.input.l[0]", &single, json!({"x": 1}));
    check("$states.input.l.x[]", &single, json!([1]));
}

#[test]
fn what_gives_nothing_fails() {
    let nothing = "returned nothing (undefined).";
    check_error("$states.input.missing", &order(), nothing);
    check_error("$states.input.order.total.x", &order(), nothing);
    check_error("$unknown", &order(), nothing);
    check_error("$states.input.order.lines[price > 1000]", &order(), nothing);
    check_error("()", &order(), nothing);
}

#[test]
fn a_function_is_no_result() {
    let unsupported = "returned an unsupported result type.";
    check_error("$fn := function($x){$x}", &order(), unsupported);
    check_error("$sum", &order(), unsupported);
    check_error("$uuid", &order(), unsupported);
    check_error("($limit > 1 ? function($x){$x} : 1)", &order(), unsupported);
}

#[test]
fn failures_carry_jsonatas_code_and_message() {
    let thrown = "threw an error during evaluation. ";
    check_error("$nope()", &order(), &format!("{thrown}T1006: Attempted to invoke a non-function"));
    check_error("$randomSeeded(1)", &order(), &format!("{thrown}T1006: Attempted to invoke a non-function"));
    check_error("1 + 'a'", &order(), &format!("{thrown}T2002: The right side of the \"+\" operator must evaluate to a number"));
    check_error("$error('mine')", &order(), &format!("{thrown}D3137: mine"));
    check_error("$number('x')", &order(), &format!("{thrown}D3030: Unable to cast value to a number: \"x\""));
}

#[test]
fn a_result_of_the_wrong_type_is_told_with_its_value() {
    for (expression, actual, value) in [
        ("true", "boolean", "true"),
        ("null", "null", "null"),
        ("1", "number", "1"),
        ("{'foo': 'bar'}", "object", "{\"foo\":\"bar\"}"),
        ("'string'", "string", "\"string\""),
    ] {
        let parsed = Expression::parse(expression).unwrap();
        let result = parsed.eval(&order().scope(), "Items").unwrap();
        let error = QueryError::unexpected_type(&parsed, "Items", "array", &result);
        assert_eq!(
            error.to_string(),
            format!(
                "The JSONata expression '{expression}' specified for the field 'Items' returned an unexpected result type. Expected 'array', but \
                 was '{actual}' for value: {value}"
            )
        );
        assert_eq!((error.error_name(), error.location()), ("States.QueryEvaluationError", Some("Items")));
    }
}

#[test]
fn the_time_is_the_scopes() {
    check("$millis()", &order(), json!(NOW_MS));
    check("$now()", &order(), json!("2024-01-01T00:00:00.000Z"));
    check("$toMillis($now())", &order(), json!(NOW_MS));
}

#[test]
fn variables_win_over_functions_of_the_same_name() {
    let fixture = order().with_variable("sum", json!({"of": {"it": 5}, "rest": 1})).with_variable("uuid", json!("u"));
    check("$sum.of.it + 1", &fixture, json!(6));
    check("$sum", &fixture, json!({"of": {"it": 5}, "rest": 1}));
    check("$uuid & '!'", &fixture, json!("u!"));
    check_error("$sum([1, 2])", &fixture, "threw an error during evaluation. T1006: Attempted to invoke a non-function");
    // The analysis of what is read takes `$count` for the function.
    let fixture = order().with_variable("count", json!({"a": 1}));
    check("$count.a + $states.input.order.total", &fixture, json!(121));
}

#[test]
fn an_expression_tells_what_it_reads() {
    let variables = |text: &str| Expression::parse(text).unwrap().variables();
    assert_eq!(variables("$b + $a.x + $b"), ["a", "b"]);
    assert_eq!(variables("( $x := 1; $x + $y )"), ["y"]);
    assert_eq!(variables("$map($items, function($v, $i) { $v + $i + $k })"), ["items", "k"]);
    assert_eq!(variables("$states.input.a[$ > $least].b@$f.c#$i.($f + $i)"), ["least"]);
    assert_eq!(variables("$sum([$uuid(), $random()])"), Vec::<String>::new());
    assert_eq!(variables("$map($l, $string)"), ["l"]);
    let fields = |text: &str| Expression::parse(text).unwrap().states_fields().to_vec();
    assert_eq!(fields("$states.result.x & $states.input.y & $states.result"), ["input", "result"]);
    assert!(fields("$states").is_empty());
}
