//! Filters: what passes, and which are none.

use crate::fixture::Fixture;
use baton_query::{Path, Value};
use serde_json::json;

/// The values of `key` that pass `filter`, each tried in an object of its own beside one without the key.
#[track_caller]
fn check(filter: &str, candidates: Value, expected: Value) {
    let wrap = |values: &Value| values.as_array().unwrap().iter().map(|value| json!({"key": value})).collect::<Vec<_>>();
    let mut document = wrap(&candidates);
    document.push(json!({"other": 1}));
    check_document(&format!("$[?({filter})]"), Value::Array(document), Value::Array(wrap(&expected)));
}

#[track_caller]
fn check_document(path: &str, document: Value, expected: Value) {
    let parsed = Path::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(parsed.eval(&Fixture::new(document).scope()), Ok(expected), "{path}");
}

fn everything() -> Value {
    json!([0, 42, -1, 42.0001, "some", "42", "value", null, true, false, "", {}, [], [42], {"key": 42}])
}

#[test]
fn equality_takes_numbers_and_texts_for_each_other() {
    check("@.key == 42", everything(), json!([42, "42"]));
    check("42 == @.key", everything(), json!([42, "42"]));
    check("@.key === 42", everything(), json!([42]));
    check("@.key == '42'", everything(), json!([42, "42"]));
    check("@.key == 010", json!(["010", "10", 10, 8]), json!(["10", 10]));
    check("@.key == -0.123e2", json!([-12.3, "-0.123e2", 12.3]), json!([-12.3]));
    check("@.key == 0", json!([0, 0.0, -0.0, "0"]), json!([0, 0.0, -0.0, "0"]));
    check("@.key == 9007199254740993", json!([9007199254740993i64, 9007199254740992i64]), json!([9007199254740993i64]));
}

#[test]
fn equality_of_everything_else_is_strict() {
    check("@.key == true", everything(), json!([true]));
    check("@.key == false", everything(), json!([false]));
    check("@.key == null", everything(), json!([null]));
    check("@.key == 'value'", everything(), json!(["value"]));
    check("@.key == \"value\"", everything(), json!(["value"]));
    check("@.key == [42]", everything(), json!([[42]]));
    check("@.key == ['a',\"b\"]", json!([["a", "b"], ["b", "a"], "['a',\"b\"]"]), json!([["a", "b"]]));
    check("@.key == {\"a\":1,\"b\":2}", json!([{"b": 2, "a": 1}, {"a": 1}]), json!([{"b": 2, "a": 1}]));
    check("@.key == 'Mot\\u00f6rhead'", json!(["Motörhead", "Motorhead"]), json!(["Motörhead"]));
    check("@.key == 'it\\'s'", json!(["it's", "its"]), json!(["it's"]));
}

#[test]
fn what_is_not_there_equals_nothing() {
    check_document("$[?(@.key != 42)]", json!([{"key": 42}, {"key": 1}, {"x": 1}]), json!([{"key": 1}, {"x": 1}]));
    check_document(
        "$[?(@.a == @.b)]",
        json!([{"a": 1, "b": 1}, {"a": null, "b": null}, {"a": 1}, {}]),
        json!([{"a": 1, "b": 1}, {"a": null, "b": null}]),
    );
    check_document("$[?(@.key !== 42)]", json!([{"key": 42}, {"key": "42"}]), json!([{"key": "42"}]));
}

#[test]
fn order_is_of_two_numbers_or_two_texts() {
    check("@.key > 42", everything(), json!([42.0001]));
    check("@.key >= 42", everything(), json!([42, 42.0001]));
    check("@.key < 42", everything(), json!([0, -1]));
    check("@.key <= 42", everything(), json!([0, 42, -1]));
    check("@.key > 'VALUE'", json!(["alpha", "ALPHA", "value", 50]), json!(["alpha", "value"]));
    check("@.key > 'a' && @.key <= 'b'", json!(["a", "b", "c"]), json!(["b"]));
}

#[test]
fn existence_does_not_look_at_the_value() {
    check("@.key", everything(), everything());
    check_document("$[?(!@.key)]", json!([{"key": null}, {"x": 1}]), json!([{"x": 1}]));
    check_document("$[?(@)]", json!([null, false, 0, "", []]), json!([null, false, 0, "", []]));
    check_document("$[?(@.a.b)]", json!([{"a": {"b": 0}}, {"a": 1}, {"a": {}}]), json!([{"a": {"b": 0}}]));
    check_document("$[?(@[1])]", json!([[1, 2], [1], {"1": 2}]), json!([[1, 2]]));
    // An indefinite path exists once its definite part does, whatever it finds.
    check_document("$[?(@.a[?(@.p > 10)])]", json!([{"a": [{"p": 1}]}, {"a": []}, {"b": 1}]), json!([{"a": [{"p": 1}]}, {"a": []}]));
    check_document("$[?(@..child)]", json!([{"k": [{"child": 1}]}, {}]), json!([{"k": [{"child": 1}]}, {}]));
}

#[test]
fn logic_has_the_usual_precedence() {
    let flags = json!([{"a": 1}, {"a": 1, "b": 1}, {"a": 1, "c": 1}, {"c": 1}, {"b": 1}]);
    check_document("$[?(@.a && @.b || @.c)]", flags.clone(), json!([{"a": 1, "b": 1}, {"a": 1, "c": 1}, {"c": 1}]));
    check_document("$[?(@.a && (@.b || @.c))]", flags.clone(), json!([{"a": 1, "b": 1}, {"a": 1, "c": 1}]));
    check_document("$[?(!(@.a) && !(@.c))]", flags, json!([{"b": 1}]));
    check("!(@.key == 42) && @.key == @.key", json!([42, 43]), json!([43]));
    check_document("$[?(1 == 1)]", json!([1, null]), json!([1, null]));
}

#[test]
fn operators_written_as_words() {
    check("@.key in [2, 'x']", json!([1, 2, "2", "x"]), json!([2, "2", "x"]));
    check("@.key IN ['x']", json!(["x", "y"]), json!(["x"]));
    check("2 in @.key", json!([[1, 2], [3], 2]), json!([[1, 2]]));
    check_document("$[?(@.key nin ['x'])]", json!([{"key": "x"}, {"key": "y"}, {}]), json!([{"key": "y"}, {}]));
    check("@.key contains 'b'", json!(["abc", ["b"], ["abc"], "xyz"]), json!(["abc", ["b"]]));
    check("@.key size 2", json!([[1, 2], "ab", {"a": 1, "b": 2}, [1], 2]), json!([[1, 2], "ab", {"a": 1, "b": 2}]));
    check("@.key empty true", json!([[], "", {}, [1], 0]), json!([[], "", {}]));
    check("@.key empty false", json!([[], [1]]), json!([[1]]));
    check("@.key subsetof [1, 2, 3]", json!([[1, 2], [4], []]), json!([[1, 2], []]));
    check("@.key anyof [1, 2]", json!([[1, 9], [9]]), json!([[1, 9]]));
    check_document("$[?(@.key noneof [1, 2])]", json!([{"key": [1, 9]}, {"key": [9]}, {}]), json!([{"key": [9]}, {}]));
    check("@.key all [1, 2]", json!([[1, 2, 3], [1]]), json!([[1, 2, 3]]));
}

#[test]
fn patterns_match_the_whole_text() {
    let names = json!(["hello world", "yes hello world", "HELLO WORLD", 5, null, ["x", "hello you"]]);
    check("@.key =~ /hello.*/", names.clone(), json!(["hello world", ["x", "hello you"]]));
    check("@.key =~ /hello.*/i", names.clone(), json!(["hello world", "HELLO WORLD", ["x", "hello you"]]));
    check("@.key =~ /a|b/", json!(["a", "b", "ab"]), json!(["a", "b"]));
    check("@.key =~ /\\d/", names, json!([5]));
    check("@.key =~ /a\\/b/", json!(["a/b"]), json!(["a/b"]));
    check("@.key =~ /(a+)+$/", json!(["a".repeat(50_000) + "b"]), json!([]));
}

#[test]
fn a_filter_tests_an_object_itself_and_no_scalar() {
    check_document("$[?(@.id == 2)]", json!({"id": 2}), json!([{"id": 2}]));
    check_document("$[?(@.id == 2)]", json!({"a": {"id": 2}}), json!([]));
    check_document("$.*[?(@.id)]", json!([{"id": 1}, 5]), json!([{"id": 1}]));
    let path = Path::parse("$.a[?(@.id)]").unwrap();
    let error = path.eval(&Fixture::new(json!({"a": 5})).scope()).unwrap_err();
    assert_eq!(error.to_string(), "Invalid path '$.a[?(@.id)]' : Filter: [?] can not be applied to primitives. Current context is: 5");
}

#[test]
fn scans_with_filters_test_every_object_and_array() {
    let document = json!({"id": 2, "more": [{"id": 2}, {"x": {"id": 2}}, [{"id": 2}], {"id": 3}]});
    check_document("$.more..[?(@.id == 2)]", document, json!([{"id": 2}, {"id": 2}, {"id": 2}]));
}

#[test]
fn the_root_in_a_filter_is_the_document() {
    check_document("$.items[?(@.k == $.wanted)].v", json!({"wanted": 2, "items": [{"k": 1, "v": "a"}, {"k": 2, "v": "b"}]}), json!(["b"]));
    let fixture = Fixture::new(json!({})).with_variable("v", json!({"n": 1, "l": [{"n": 1}, {"n": 2}]}));
    assert_eq!(Path::parse("$v.l[?(@.n == $.n)]").unwrap().eval(&fixture.scope()), Ok(json!([{"n": 1}])));
}

#[test]
fn paths_in_filters_take_functions_slices_and_odd_names() {
    check_document("$[?(@.length() == 2)]", json!([[1], [1, 2]]), json!([[1, 2]]));
    check_document("$[?(@.n.sum() > 3)]", json!([{"n": [1, 2]}, {"n": [2, 2]}]), json!([{"n": [2, 2]}]));
    check_document("$[?(@[0:1] == [1])]", json!([[1, 2], [2]]), json!([[1, 2]]));
    check_document("$[?(@.* == [1,2])]", json!([[1, 2], [1]]), json!([[1, 2]]));
    check_document("$[?(@[*] == 2)]", json!([[1, 2], [2]]), json!([]));
    check_document("$[?(@.key+50 == 100)]", json!([{"key": 50}, {"key+50": 100}]), json!([{"key+50": 100}]));
    check_document("$[?(@.key-dash == 'v')]", json!([{"key-dash": "v"}]), json!([{"key-dash": "v"}]));
    check_document("$[?(@['a b'] == 1)]", json!([{"a b": 1}]), json!([{"a b": 1}]));
    check_document("$[?(@['a)'] == ')')]", json!([{"a)": ")"}]), json!([{"a)": ")"}]));
    check_document("$.[?(@.OU > 0)]", json!([{"OU": 1}, {"OU": 0}]), json!([{"OU": 1}]));
}

#[test]
fn words_without_quotes_are_texts() {
    // AWS's published samples have them.
    check_document("$.outputs[?(@.key == FooBar)].value", json!({"outputs": [{"key": "FooBar", "value": 1}]}), json!([1]));
    check_document("$..r[?(@.status==Failure)]", json!({"r": [{"status": "Failure"}, {"status": "Ok"}]}), json!([{"status": "Failure"}]));
}

#[test]
fn texts_that_are_no_filters() {
    for filter in [
        "",
        "@.key = 42",
        "@.key == ",
        "true",
        "null",
        "@.a && true",
        "(@.a < 1) == true",
        "@.key === ",
        "length(@) == 4",
        "@.a & @.b",
        "@.a == [1",
        "@.a =~ /(/",
        "@.a ==== 1",
        "@.a matches 1",
        "((@.a)",
    ] {
        let path = format!("$[?({filter})]");
        assert!(Path::parse(&path).is_err(), "{path}");
    }
    for path in ["$[?@.key == 42]", "$[?(@.a),?(@.b)]", "$[?(@.a)", "$[?(@.key/10 == 5)]"] {
        assert!(Path::parse(path).is_err(), "{path}");
    }
}
