//! Paths in Jayway's dialect: what each finds, which are definite, which are no paths.

use crate::fixture::Fixture;
use baton_query::{Path, Value};
use serde_json::json;

/// The value of `path` in `document`.
#[track_caller]
fn check(path: &str, document: Value, expected: Value) {
    assert_eq!(eval(path, document), Ok(expected), "{path}");
}

/// The text of the error that `path` gives in `document`.
#[track_caller]
fn check_error(path: &str, document: Value, expected: &str) {
    assert_eq!(eval(path, document), Err(expected.to_owned()), "{path}");
}

fn eval(path: &str, document: Value) -> Result<Value, String> {
    let path = Path::parse(path).map_err(|error| format!("no path: {error}"))?;
    path.eval(&Fixture::new(document).scope()).map_err(|error| error.to_string())
}

#[track_caller]
fn check_rejected(paths: &[&str]) {
    for path in paths {
        assert!(Path::parse(path).is_err(), "{path} is no path");
    }
}

fn letters() -> Value {
    json!(["a", "b", "c", "d", "e"])
}

#[test]
fn definite_paths_give_the_node() {
    let document = json!({"a": {"b": [10, {"c": null}]}, "key-dash": 1, "2": "two", "in": 3, "$": 4, "ä屬": 5});
    check("$", document.clone(), document.clone());
    check("$.a.b[0]", document.clone(), json!(10));
    check("$['a'][\"b\"][1].c", document.clone(), json!(null));
    check("$.a.b[-1]", document.clone(), json!({"c": null}));
    check("$.key-dash", document.clone(), json!(1));
    check("$.2", document.clone(), json!("two"));
    check("$.in", document.clone(), json!(3));
    check("$.$", document.clone(), json!(4));
    check("$.ä屬", document.clone(), json!(5));
    check("$.['a'].['b'].[0]", document.clone(), json!(10));
    check("$['a']b[0]", document.clone(), json!(10));
    check(" $.a.b[0] ", document, json!(10));
}

#[test]
fn paths_without_a_root_start_at_the_input() {
    check("a.b", json!({"a": {"b": 1}}), json!(1));
    check("@.a", json!({"a": 1}), json!(1));
    check(".a", json!({"a": 1, "x": {"a": 2}}), json!([1, 2]));
}

#[test]
fn quotes_are_part_of_a_name_in_dot_notation() {
    check("$.'a'", json!({"a": 1, "'a'": 2}), json!(2));
    check("$.\"a\"", json!({"a": 1, "\"a\"": 2}), json!(2));
}

#[test]
fn names_in_brackets_may_have_escapes() {
    check(r"$['it\'s']", json!({"it's": 1}), json!(1));
    check(r#"$['a]b','c']"#, json!({"a]b": 1, "c": 2}), json!({"a]b": 1, "c": 2}));
    check(r#"$[':@."$,*\'\\']"#, json!({":@.\"$,*'\\": 42}), json!(42));
    check("$['']", json!({"": 42}), json!(42));
    check("$['*']", json!({"*": 1, "a": 2}), json!(1));
    check("$['a.b']", json!({"a.b": 1, "a": {"b": 2}}), json!(1));
    check(r"$['\u00e4']", json!({"ä": 1}), json!(1));
}

#[test]
fn a_name_as_written_is_looked_up_before_its_escapes() {
    // Recorded from AWS.
    check(r#"$['Test\""Name"']"#, json!({"Test\\\"\"Name\"": "Value\"\\"}), json!("Value\"\\"));
}

#[test]
fn a_backslash_escapes_in_dot_notation() {
    check(r"$.store\.book", json!({"store.book": 1}), json!(1));
    check(r"$.foo.\.bar", json!({"foo": {".bar": 2}}), json!(2));
    check(r"$.foo\@bar.baz\[\[.\?pretty", json!({"foo@bar": {"baz[[": {"?pretty": 3}}}), json!(3));
    check(r"$.&Ж中.\uD800\uDF46", json!({"&Ж中": {"𐍆": 4}}), json!(4));
}

#[test]
fn what_is_missing_is_told_in_the_words_of_aws() {
    check_error("$.x", json!({}), "Invalid path '$.x' : No results for path: $['x']");
    check_error("$.no.such", json!({}), "Invalid path '$.no.such' : Missing property in path $['no']");
    check_error("$.a[3]", json!({"a": [1]}), "Invalid path '$.a[3]' : No results for path: $['a'][3]");
    check_error("$.a[-2]", json!({"a": [1]}), "Invalid path '$.a[-2]' : No results for path: $['a'][-2]");
    check_error(
        "$.a.b",
        json!({"a": "text"}),
        "Invalid path '$.a.b' : Expected to find an object with property ['b'] in path $['a'] but found 'java.lang.String'. This is not a json \
         object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
    );
    check_error(
        "$.a[0]",
        json!({"a": {"k": 1}}),
        "Invalid path '$.a[0]' : Filter: [0] can only be applied to arrays. Current context is: {k=1}",
    );
    check_error("$.a[0]", json!({"a": null}), "Invalid path '$.a[0]' : The path $['a'] is null");
}

#[test]
fn every_missing_path_is_a_runtime_error() {
    let fixture = Fixture::new(json!({"a": 1}));
    for path in ["$.x", "$.x.y", "$.a.b", "$.a[0]", "$x"] {
        let error = Path::parse(path).unwrap().eval(&fixture.scope()).unwrap_err();
        assert_eq!(error.error_name(), "States.Runtime", "{path}");
    }
}

#[test]
fn slices_ignore_their_step_and_wrap_around() {
    check("$[1:3]", letters(), json!(["b", "c"]));
    check("$[1:]", letters(), json!(["b", "c", "d", "e"]));
    check("$[:2]", letters(), json!(["a", "b"]));
    check("$[-2:]", letters(), json!(["d", "e"]));
    check("$[:-3]", letters(), json!(["a", "b"]));
    check("$[-4:-2]", letters(), json!(["b", "c"]));
    check("$[0:3:2]", letters(), json!(["a", "b", "c"]));
    check("$[3::-1]", letters(), json!(["d", "e"]));
    check("$[3:0]", letters(), json!([]));
    check("$[3:-1]", letters(), json!([]));
    check("$[-4:1]", letters(), json!(["b", "c", "d", "e", "a"]));
    check("$[7:10]", letters(), json!([]));
    check("$[-9:2]", letters(), json!(["a", "b", "c", "d", "e", "a", "b"]));
    check_rejected(&["$[:]", "$[::]", "$[::2]", "$[1:3,4]", "$[0:113667776004]", "$[1 : 2]"]);
}

#[test]
fn unions_of_indexes_give_an_array_and_unions_of_names_an_object() {
    check("$[0,2]", letters(), json!(["a", "c"]));
    check("$[ 4 , 1 ]", letters(), json!(["e", "b"]));
    check("$[0,0]", letters(), json!(["a", "a"]));
    check("$[1,9]", letters(), json!(["b"]));
    check("$['b','a']", json!({"a": 1, "b": 2, "c": 3}), json!({"b": 2, "a": 1}));
    check("$['a','x']", json!({"a": 1}), json!({"a": 1}));
    check("$['a','a']", json!({"a": 1}), json!({"a": 1}));
    check("$['a','b'].k", json!({"a": {"k": 1}, "b": {"k": 2}, "c": {"k": 3}}), json!([1, 2]));
    check("$.*['c','d']", json!([{"c": 1, "d": 2, "e": 3}, {"c": 4}]), json!([{"c": 1, "d": 2}, {"c": 4}]));
    check_rejected(&["$[*,1]", "$['a',]", "$['a''b']", "$['a'.'b']"]);
}

#[test]
fn wildcards_pass_over_what_has_no_children() {
    check("$[*]", json!({"a": 1, "b": [2]}), json!([1, [2]]));
    check("$.*", letters(), letters());
    check("$.*", json!(42), json!([]));
    check("$[*].a", json!([{"a": 1}, {"b": 2}, 3]), json!([1]));
    check("$.*.*", json!([[1, 2], {"k": 3}, 4]), json!([1, 2, 3]));
    check("$.*a", json!({"x": {"a": 1}}), json!([1]));
}

#[test]
fn scans_go_from_the_top_down() {
    let document = json!({"o": {"k": "v", "l": [{"k": "w"}, {"k": {"k": "x"}}]}, "k": "top"});
    check("$..k", document.clone(), json!(["top", "v", "w", {"k": "x"}, "x"]));
    check("$.o..k", document, json!(["v", "w", {"k": "x"}, "x"]));
    check("$..*", json!([[0], [1]]), json!([[0], [1], 0, 1]));
    check("$..*", json!(42), json!([]));
    check("$..[0]", json!(["a", [["b"], "c"]]), json!(["a", ["b"], "b"]));
    check("$..[1].k", json!([{"k": 1}, {"k": [0, {"k": 2}]}]), json!([[0, {"k": 2}], 2]));
    check("$..['c','d']", json!([{"c": 1, "d": 2}, {"c": 3}, {"x": {"d": 4}}]), json!([{"c": 1, "d": 2}]));
    check_rejected(&["$..", "$.k..", "$...k", "$."]);
}

#[test]
fn indefinite_paths_give_an_array_even_of_one_or_none() {
    check("$.a[?(@.x == 1)]", json!({"a": [{"x": 1}, {"x": 2}]}), json!([{"x": 1}]));
    check("$.a[?(@.x == 9)]", json!({"a": [{"x": 1}]}), json!([]));
    for (path, definite) in [
        ("$", true),
        ("$.a['b'][0]", true),
        ("$['a','b']", true),
        ("$.a.length()", true),
        ("$..a.sum()", true),
        ("$.a[*].max()", false),
        ("$['a','b'].c", false),
        ("$[0,1]", false),
        ("$[0:1]", false),
        ("$.*", false),
        ("$..a", false),
        ("$[?(@.a)]", false),
    ] {
        assert_eq!(Path::parse(path).unwrap().is_definite(), definite, "{path}");
    }
}

#[test]
fn a_definite_part_that_is_missing_fails_even_an_indefinite_path() {
    check_error("$.a[*]", json!({}), "Invalid path '$.a[*]' : Missing property in path $['a']");
    check_error(
        "$[1:3]",
        json!({"k": 1}),
        "Invalid path '$[1:3]' : Filter: [1:3] can only be applied to arrays. Current context is: {k=1}",
    );
    check("$[*].a.b", json!([{"a": {"b": 1}}, {"a": {}}, {"a": 2}, {}]), json!([1]));
}

#[test]
fn functions_work_on_the_value_before_them() {
    let document = json!({"n": [1, 2, 3, 4], "t": ["a", "b"], "o": {"x": 1, "y": 2}, "one": [7]});
    check("$.n.sum()", document.clone(), json!(10.0));
    check("$.n.min()", document.clone(), json!(1.0));
    check("$.n.max()", document.clone(), json!(4.0));
    check("$.n.avg()", document.clone(), json!(2.5));
    check("$.n.stddev()", json!({"n": [2, 4, 4, 4, 5, 5, 7, 9]}), json!(2.0));
    check("$.n.length()", document.clone(), json!(4));
    check("$.n.size()", document.clone(), json!(4));
    check("$.o.length()", document.clone(), json!(2));
    check("$.o.keys()", document.clone(), json!(["x", "y"]));
    check("$.t.concat()", document.clone(), json!("ab"));
    check("$.t.concat(\"-\", $.t[0])", document.clone(), json!("ab-a"));
    check("$.t.append(\"c\")", json!({"t": []}), json!(["c"]));
    check("$.n.first()", document.clone(), json!(1));
    check("$.one.last()", document.clone(), json!(7));
    check("$.n.index(1)", document.clone(), json!(2));
    check("$.sum($.n[0], $.n[1], 10)", document.clone(), json!(13.0));
    check("$.o.keys().length()", document.clone(), json!(2));
    check("$..x.sum()", document, json!(1.0));
    check_error(
        "$.t.sum()",
        json!({"t": []}),
        "Invalid path '$.t.sum()' : Aggregation function attempted to calculate value using empty array",
    );
    check_error("$.t.index(5)", json!({"t": [1]}), "Invalid path '$.t.index(5)' : Target index:5 larger than object count:1");
    check_rejected(&["$.n.nothing()", "$.n.sum(", "$.n.sum(x y)"]);
}

#[test]
fn roots_are_the_input_the_context_object_and_variables() {
    let fixture = Fixture::new(json!({"a": 1})).with_variable("order", json!({"lines": [5, 6]}));
    let scope = fixture.scope();
    let value = |path: &str| Path::parse(path).unwrap().eval(&scope).map_err(|error| error.to_string());
    assert_eq!(value("$.a"), Ok(json!(1)));
    assert_eq!(value("$$.Execution.Id"), Ok(json!("arn:e")));
    assert_eq!(value("$$.State.Name "), Ok(json!("S")));
    assert_eq!(value("$$"), Ok(fixture.context.clone()));
    assert_eq!(value("$order"), Ok(json!({"lines": [5, 6]})));
    assert_eq!(value("$order.lines[1]"), Ok(json!(6)));
    assert_eq!(value("$$.Nope"), Err("Invalid path '$$.Nope' : No results for path: $['Nope']".to_owned()));
    assert_eq!(value("$nope.x"), Err("Invalid path '$nope.x' : Variable nope is not defined".to_owned()));
}

#[test]
fn a_path_tells_what_it_reads() {
    let path = |text| Path::parse(text).unwrap();
    assert_eq!(path("$order.lines").variables(), ["order"]);
    assert!(path("$.order").variables().is_empty());
    assert!(path("$").is_whole_input() && path(" $ ").is_whole_input());
    assert!(!path("$.a").is_whole_input() && !path("$$").is_whole_input() && !path("$x").is_whole_input());
    assert!(path("$$.a").is_context() && !path("$.a").is_context());
    assert_eq!(path(" $.a").text(), " $.a");
}

#[test]
fn plain_paths_give_their_node_without_a_copy() {
    let fixture = Fixture::new(json!({"a": {"b": [1, 2]}}));
    let scope = fixture.scope();
    let node = Path::parse("$.a.b").unwrap().eval_ref(&scope);
    assert!(std::ptr::eq(node.unwrap(), &fixture.input["a"]["b"]));
    assert_eq!(Path::parse("$.a.x").unwrap().eval_ref(&scope), None);
    assert_eq!(Path::parse("$.a.*").unwrap().eval_ref(&scope), None);
}

#[test]
fn texts_that_are_no_paths() {
    check_rejected(&[
        "",
        " ",
        "$[",
        "$]",
        "$.a[",
        "$[a]",
        "$.[a]",
        "$[]",
        "$(a,b)",
        "$.a b",
        "$. a",
        "$['a",
        "$[(@.length-1)]",
        "$[0x1]",
        "$[--1]",
        "$a-b",
        "$1",
        "$.a[1.5]",
        "$[?]",
        "$[?()]",
        "$ .a",
    ]);
}

#[test]
fn errors_tell_the_position() {
    let error = Path::parse("$.ä[x]").unwrap_err();
    assert_eq!(error.code, baton_query::code::SCHEMA_VALIDATION_FAILED);
    assert_eq!(error.position, Some(5 - 1), "behind the root");
}

#[test]
fn a_variable_that_was_never_assigned_is_a_runtime_error() {
    check_error("$unset", json!({}), "Invalid path '$unset' : Variable unset is not defined");
    check_error("$unset.a", json!({}), "Invalid path '$unset.a' : Variable unset is not defined");
}
