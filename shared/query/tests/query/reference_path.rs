//! Reference Paths: what they address, and how ResultPath puts a value there.

use baton_query::{ReferencePath, Value};
use serde_json::json;

use crate::fixture::Fixture;

#[track_caller]
fn check_set(path: &str, input: Value, value: Value, expected: &str) {
    let outcome = ReferencePath::parse(path).unwrap().set(input, value);
    assert_eq!(outcome.map(|output| output.to_string()), Ok(expected.to_owned()), "{path}");
}

#[test]
fn a_node_is_given_without_a_copy() {
    let fixture = Fixture::new(json!({"a": [[0, {"x": 5}]]})).with_variable("v", json!({"n": 1}));
    let scope = fixture.scope();
    let get = |path: &str| ReferencePath::parse(path).unwrap().get(&scope);
    assert!(std::ptr::eq(get("$.a[0][1].x").unwrap(), &fixture.input["a"][0][1]["x"]));
    assert_eq!(get("$['a'][0][0]"), Ok(&json!(0)));
    assert_eq!(get("$$.State.Name"), Ok(&json!("S")));
    assert_eq!(get("$v.n"), Ok(&json!(1)));
    assert_eq!(get("$.no").unwrap_err().to_string(), "Invalid path '$.no' : No results for path: $['no']");
    assert_eq!(get("$w").unwrap_err().to_string(), "Invalid path '$w' : Variable w is not defined");
}

#[test]
fn paths_that_address_more_than_one_node_are_none() {
    for path in [
        "$.a[*]",
        "$..a",
        "$.*",
        "$[0,1]",
        "$['a','b']",
        "$[1:]",
        "$[?(@.a)]",
        "$.a.length()",
        "@.a",
        "a.b",
        "",
        "$.",
        "States.UUID()",
        "$.a b",
    ] {
        assert!(ReferencePath::parse(path).is_err(), "{path}");
    }
    for path in ["$", "$.a.b", "$['a'][0]", r"$.foo.\.bar", r"$.store\.book", "$.a[0][22].x", "$$.Map.Item.Value", "$x", "$x.y[0]"] {
        assert!(ReferencePath::parse(path).is_ok(), "{path}");
    }
}

#[test]
fn a_new_member_comes_last_and_an_old_one_keeps_its_place() {
    check_set("$.c", json!({"b": 1, "a": 2}), json!(3), r#"{"b":1,"a":2,"c":3}"#);
    check_set("$.b", json!({"b": 1, "a": 2}), json!(3), r#"{"b":3,"a":2}"#);
    check_set("$['b c']", json!({}), json!(null), r#"{"b c":null}"#);
    check_set(r"$.a\.b", json!({}), json!(1), r#"{"a.b":1}"#);
}

#[test]
fn missing_objects_on_the_way_are_created() {
    check_set("$.a.b.c", json!({"x": 1}), json!([1]), r#"{"x":1,"a":{"b":{"c":[1]}}}"#);
    check_set("$.a.b", json!({"a": {"x": 1}}), json!(2), r#"{"a":{"x":1,"b":2}}"#);
}

#[test]
fn an_item_of_an_array_is_replaced() {
    check_set("$.a[1]", json!({"a": [1, 2, 3]}), json!("x"), r#"{"a":[1,"x",3]}"#);
    check_set("$.a[-1].b", json!({"a": [{}, {"b": 1}]}), json!(2), r#"{"a":[{},{"b":2}]}"#);
    check_set("$[0]", json!([1, 2]), json!(9), "[9,2]");
}

#[test]
fn the_root_is_replaced_whatever_it_is() {
    check_set("$", json!("text"), json!({"a": 1}), r#"{"a":1}"#);
    check_set("$", json!({"a": 1}), json!(null), "null");
}

#[test]
fn an_input_without_a_place_for_the_result_fails() {
    for (path, input, shown) in [
        ("$.x", json!("foo"), "\"foo\""),
        ("$.x", json!([1]), "[1]"),
        ("$.x", json!(null), "null"),
        ("$.a.x", json!({"a": 5}), r#"{"a":5}"#),
        ("$.a.x", json!({"a": null}), r#"{"a":null}"#),
        ("$.a[3]", json!({"a": [1]}), r#"{"a":[1]}"#),
        ("$.a[0]", json!({}), "{}"),
        ("$.b.c[0].d", json!({"a": 1}), r#"{"a":1}"#),
    ] {
        let error = ReferencePath::parse(path).unwrap().set(input, json!(1)).unwrap_err();
        assert_eq!(error.error_name(), "States.ResultPathMatchFailure", "{path}");
        assert_eq!(error.to_string(), format!("Unable to apply ReferencePath {path} to input {shown}"));
    }
}

#[test]
fn a_reference_path_tells_where_it_starts() {
    let path = |text| ReferencePath::parse(text).unwrap();
    assert!(path("$").is_root() && !path("$.a").is_root() && !path("$$").is_root());
    assert!(path("$$.a").is_context() && !path("$.a").is_context());
    assert!(path("$v").is_variable() && !path("$$.a").is_variable());
    assert_eq!(path("$v.a").variables(), ["v"]);
    assert_eq!(path("$v.a").text(), "$v.a");
}
