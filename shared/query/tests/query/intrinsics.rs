//! Intrinsic functions, one test per function and one per rule that all share.

use baton_query::{Intrinsic, PathOrIntrinsic, Value};
use serde_json::json;

use crate::fixture::Fixture;

#[track_caller]
fn check(call: &str, input: Value, expected: Value) {
    assert_eq!(eval(call, input), Ok(expected), "{call}");
}

/// The functions refuse these calls; the reason is what AWS says of arguments that do not fit.
#[track_caller]
fn check_refused(calls: &[&str], input: Value) {
    for call in calls {
        let name = &call[..call.find('(').unwrap()];
        let expected = format!("States.IntrinsicFailure: The function '{call}' had the following error: Invalid arguments in {name}");
        assert_eq!(eval(call, input.clone()), Err(expected), "{call}");
    }
}

fn eval(call: &str, input: Value) -> Result<Value, String> {
    let call = Intrinsic::parse(call).map_err(|error| format!("no call: {error}"))?;
    call.eval(&Fixture::new(input).scope()).map_err(|error| format!("{}: {error}", error.error_name()))
}

#[test]
fn format_replaces_each_placeholder() {
    check("States.Format('Formatting argument {}.', $.a)", json!({"a": "HelloWorld"}), json!("Formatting argument HelloWorld."));
    check("States.Format('{} {} {}', $.a, 2, true)", json!({"a": "x"}), json!("x 2 true"));
    check("States.Format('{}|{}|{}', null, 1.1, $.n)", json!({"n": 9007199254740993i64}), json!("null|1.1|9007199254740993"));
    check("States.Format('none')", json!({}), json!("none"));
    check("States.Format('')", json!({}), json!(""));
    check("States.Format('  {}  ', '')", json!({}), json!("    "));
    check("States.Format($.t, 7)", json!({"t": "n={}"}), json!("n=7"));
}

#[test]
fn format_prints_objects_and_arrays_as_java_does() {
    check("States.Format('{}', $)", json!({"Arg1": 1, "Arg2": []}), json!("{Arg1=1, Arg2=[]}"));
    check("States.Format('{}', $.a)", json!({"a": "{\"Arg1\": 1}"}), json!("{\"Arg1\": 1}"));
}

#[test]
fn format_knows_escapes() {
    check(r"States.Format('it\'s \{{}\} \\ \{\}', 'x')", json!({}), json!(r"it's {x} \ {}"));
    check("States.Format($.t, 'x')", json!({"t": r"\{{}\}"}), json!("{x}"));
}

#[test]
fn format_wants_as_many_arguments_as_placeholders() {
    let reason = |call: &str| {
        let error = eval(call, json!({"t": r"lone \ backslash"})).unwrap_err();
        error.split_once("following error: ").map(|(_, reason)| reason.to_owned()).unwrap()
    };
    let count = "Invalid arguments in States.Format: number of arguments do not match the occurrences of {}.";
    assert_eq!(reason("States.Format('{} {}', 1)"), count);
    assert_eq!(reason("States.Format('{}', 1, 2)"), count);
    assert_eq!(reason("States.Format('Hello {', 1)"), "Invalid template in States.Format: matching '}' not found for '{'.");
    assert_eq!(reason("States.Format('Hello {{}}', 1)"), "Invalid template in States.Format: matching '}' not found for '{'.");
    assert_eq!(reason("States.Format('}')"), "Invalid template in States.Format: matching '{' not found for '}'.");
    assert_eq!(reason("States.Format($.t)"), "Invalid template in States.Format: a backslash must be followed by ', {, } or \\.");
    check_refused(&["States.Format(1)", "States.Format()", "States.Format($, 1)"], json!({}));
}

#[test]
fn string_to_json_reads_json() {
    for (text, expected) in [
        ("", json!(null)),
        (" ", json!(null)),
        ("null", json!(null)),
        ("1", json!(1)),
        ("1.1", json!(1.1)),
        ("true", json!(true)),
        ("\"HelloWorld\"", json!("HelloWorld")),
        ("[1, 2, \"HelloWorld\"]", json!([1, 2, "HelloWorld"])),
        (" {\"Arg1\": 1, \"Arg2\": []} ", json!({"Arg1": 1, "Arg2": []})),
    ] {
        check("States.StringToJson($.t)", json!({"t": text}), expected);
    }
    for (text, expected) in [("-0", "0"), ("[-0, -1]", "[0,-1]")] {
        let value = eval("States.StringToJson($.t)", json!({"t": text})).unwrap();
        assert_eq!(value.to_string(), expected);
    }
    check("States.StringToJson('{\"a\": \"b\"}')", json!({}), json!({"a": "b"}));
    check_refused(&["States.StringToJson('{bad}')", "States.StringToJson(1)", "States.StringToJson($)"], json!({}));
    check_refused(&["States.StringToJson()", "States.StringToJson('1', '2')"], json!({}));
}

#[test]
fn json_to_string_is_compact_and_keeps_the_order() {
    check("States.JsonToString($)", json!({"b": 1, "a": [1, " ", null]}), json!(r#"{"b":1,"a":[1," ",null]}"#));
    check("States.JsonToString($.s)", json!({"s": "x"}), json!("\"x\""));
    check_refused(&["States.JsonToString()"], json!({}));
}

#[test]
fn json_merge_is_shallow_and_the_second_object_wins() {
    let input = json!({"fst": {"a": {"a1": 1, "a2": 2}, "b": 2, "d": 3}, "snd": {"a": {"a3": 1, "a4": 2}, "c": 3, "d": 4}});
    let merged = eval("States.JsonMerge($.fst, $.snd, false)", input).unwrap();
    assert_eq!(merged.to_string(), r#"{"a":{"a3":1,"a4":2},"b":2,"c":3,"d":4}"#);
    check_refused(&["States.JsonMerge($, $, true)", "States.JsonMerge($, 1, false)", "States.JsonMerge(null, $, false)"], json!({}));
    check_refused(&["States.JsonMerge($, $)"], json!({}));
}

#[test]
fn json_merge_orders_names_as_a_java_hash_map() {
    let input = json!({"x": {"constant_in_literal": 1}, "y": {"constant_input_field": 2}});
    let merged = eval("States.JsonMerge($.x, $.y, false)", input).unwrap();
    assert_eq!(merged.to_string(), r#"{"constant_input_field":2,"constant_in_literal":1}"#);
}

#[test]
fn array_takes_any_number_of_values() {
    check("States.Array()", json!({}), json!([]));
    check(
        "States.Array( 'Foo' , 2020, $.j, null, false, 1.5)",
        json!({"j": {"k": [1]}}),
        json!(["Foo", 2020, {"k": [1]}, null, false, 1.5]),
    );
}

#[test]
fn array_partition_cuts_pieces() {
    check("States.ArrayPartition($.a, 2)", json!({"a": [0, 1, 2]}), json!([[0, 1], [2]]));
    check("States.ArrayPartition($.a, 5)", json!({"a": [0, 1, 2]}), json!([[0, 1, 2]]));
    check("States.ArrayPartition($.a, 3)", json!({"a": []}), json!([]));
    check("States.ArrayPartition($.a, 2.6)", json!({"a": [0, 1, 2]}), json!([[0, 1], [2]]));
    check_refused(
        &[
            "States.ArrayPartition($.a, 0)",
            "States.ArrayPartition($.a, 0.6)",
            "States.ArrayPartition($.a, -1)",
            "States.ArrayPartition($.a, '2')",
            "States.ArrayPartition($.a, null)",
            "States.ArrayPartition('a', 2)",
            "States.ArrayPartition($.a)",
            "States.ArrayPartition($.a, 1, 2)",
        ],
        json!({"a": [1]}),
    );
}

#[test]
fn array_contains_compares_deeply() {
    let contains = |array: Value, value: Value| eval("States.ArrayContains($.a, $.v)", json!({"a": array, "v": value})).unwrap();
    assert_eq!(contains(json!([[1, 2, 3], 2]), json!([1, 2, 3])), json!(true));
    assert_eq!(contains(json!([{"1": 2, "2": []}]), json!({"1": 2, "2": []})), json!(true));
    assert_eq!(contains(json!([{"1": 2, "2": []}]), json!([])), json!(false));
    assert_eq!(contains(json!([true, false]), json!(false)), json!(true));
    assert_eq!(contains(json!([]), json!(null)), json!(false));
    assert_eq!(contains(json!([1, "2"]), json!(2)), json!(false));
    check_refused(&["States.ArrayContains('abc', 'a')", "States.ArrayContains($)"], json!([]));
}

#[test]
fn array_range_includes_its_end() {
    check("States.ArrayRange(0, 9, 3)", json!({}), json!([0, 3, 6, 9]));
    check("States.ArrayRange(0, 10, 3)", json!({}), json!([0, 3, 6, 9]));
    check("States.ArrayRange(1, 9, 9)", json!({}), json!([1]));
    check("States.ArrayRange(5, 1, -2)", json!({}), json!([5, 3, 1]));
    check("States.ArrayRange(3, 3, -1)", json!({}), json!([3]));
    check("States.ArrayRange(1, 5, -1)", json!({}), json!([]));
    check("States.ArrayRange(1.4, 5.6, 2.2)", json!({}), json!([1, 3, 5]));
    check("States.ArrayLength(States.ArrayRange(1, 1000, 1))", json!({}), json!(1000));
    check_refused(
        &[
            "States.ArrayRange(1, 1001, 1)",
            "States.ArrayRange(1001, 1, -1)",
            "States.ArrayRange(1, 10, 0)",
            "States.ArrayRange(1, 10, 0.49)",
            "States.ArrayRange('a', 5, 1)",
            "States.ArrayRange(1, 5)",
            "States.ArrayRange(0, 9007199254740992, 1)",
            "States.ArrayRange(1e300, 5, 1)",
        ],
        json!({}),
    );
}

#[test]
fn array_get_item_counts_from_zero() {
    check("States.ArrayGetItem($.a, 5)", json!({"a": [1, 2, 3, 4, 5, 6]}), json!(6));
    check("States.ArrayGetItem($.a, 1.2)", json!({"a": [10, 20]}), json!(20));
    check("States.ArrayGetItem($.a, 9)", json!({"a": []}), json!(null));
    check_refused(
        &["States.ArrayGetItem($.a, 2)", "States.ArrayGetItem($.a, -1)", "States.ArrayGetItem($.a, '1')", "States.ArrayGetItem('ab', 0)"],
        json!({"a": [10, 20]}),
    );
}

#[test]
fn array_length_and_array_unique() {
    check("States.ArrayLength($)", json!([1, 2, 3]), json!(3));
    let mixed = json!([1, 1.0, "1", true, null, 1, [1], [1], {"a": 1, "b": 2}, {"b": 2, "a": 1}, null, {}, "1"]);
    check("States.ArrayUnique($)", mixed, json!([1, 1.0, "1", true, null, [1], {"a": 1, "b": 2}, {}]));
    check("States.ArrayUnique($)", json!([]), json!([]));
    check_refused(&["States.ArrayLength('abc')", "States.ArrayUnique($)"], json!({}));
}

#[test]
fn base64_goes_both_ways() {
    check("States.Base64Encode('Data to encode')", json!({}), json!("RGF0YSB0byBlbmNvZGU="));
    check("States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", json!({}), json!("Data to encode"));
    check("States.Base64Encode('')", json!({}), json!(""));
    check("States.Base64Decode('')", json!({}), json!(""));
    check("States.Base64Decode('4pyT')", json!({}), json!("✓"));
    check("States.Base64Decode(States.Base64Encode($.t))", json!({"t": "こんにちは 🚀"}), json!("こんにちは 🚀"));
    check("States.Base64Decode(' YWJj ZA== ')", json!({}), json!("abcd"));
    check("States.Base64Decode('YWJjZA')", json!({}), json!("abcd"));
    check("States.Base64Decode('YWI=cd')", json!({}), json!("ab"));
    check("States.ArrayLength(States.StringSplit(States.Base64Encode($.t), ' '))", json!({"t": "a".repeat(10_000)}), json!(1));
    check_refused(&["States.Base64Encode($.t)", "States.Base64Decode($.t)", "States.Base64Encode(1)"], json!({"t": "a".repeat(10_001)}));
}

#[test]
fn hash_is_lower_case_hexadecimal() {
    for (algorithm, digest) in [
        ("MD5", "5d41402abc4b2a76b9719d911017c592"),
        ("SHA-1", "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"),
        ("SHA-256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
        ("SHA-384", "59e1748777448c69de6b800d7a33bbfb9ff1b463e44354c3553bcdb9c666fa90125a3c79f90397bdf5f6a13de828684f"),
        (
            "SHA-512",
            "9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043",
        ),
    ] {
        check("States.Hash('hello', $.a)", json!({"a": algorithm}), json!(digest));
    }
    let one_as_text = eval("States.Hash('1', 'MD5')", json!({})).unwrap();
    check("States.Hash(1, 'MD5')", json!({}), one_as_text);
    check_refused(
        &[
            "States.Hash('x', 'sha-256')",
            "States.Hash('x', 'SHA256')",
            "States.Hash('x', 1)",
            "States.Hash('x')",
            "States.Hash($.t, 'MD5')",
        ],
        json!({"t": "a".repeat(10_001)}),
    );
}

#[test]
fn math_add_rounds_each_number_first() {
    for (a, b, sum) in [
        (json!(1.49), json!(1.5), 3),
        (json!(1.5), json!(1.51), 4),
        (json!(-1.5), json!(0), -1),
        (json!(-0.5), json!(0.5), 1),
        (json!(-1.5), json!(-1.51), -3),
        (json!(2147483647), json!(0), 2147483647),
        (json!(-2147483648i64), json!(0), -2147483648),
    ] {
        check("States.MathAdd($.a, $.b)", json!({"a": a, "b": b}), json!(sum));
    }
    check_refused(
        &["States.MathAdd(2147483647, 1)", "States.MathAdd(3000000000, -3000000000)", "States.MathAdd('1', 2)", "States.MathAdd(null, 1)"],
        json!({}),
    );
    check_refused(&["States.MathAdd(true, 1)", "States.MathAdd(1)", "States.MathAdd(1, 2, 3)"], json!({}));
}

#[test]
fn math_random_is_repeatable_by_seed_and_by_position() {
    let draw = |call: &str, fixture: &Fixture| Intrinsic::parse(call).unwrap().eval(&fixture.scope()).unwrap().as_i64().unwrap();
    let fixture = Fixture::new(json!({}));
    let seeded = draw("States.MathRandom(0, 1000000, 3)", &fixture);
    assert_eq!(draw("States.MathRandom(0, 1000000, 3)", &fixture), seeded);
    let drawn: Vec<i64> = (0..200).map(|_| draw("States.MathRandom(-1, 2)", &fixture)).collect();
    assert!(drawn.iter().all(|number| (-1..2).contains(number)) && [-1, 0, 1].iter().all(|number| drawn.contains(number)));
    let again = Fixture::new(json!({}));
    assert_eq!((0..200).map(|_| draw("States.MathRandom(-1, 2)", &again)).collect::<Vec<_>>(), drawn);
    check_refused(
        &["States.MathRandom(1, 1)", "States.MathRandom(10, 5)", "States.MathRandom(1.4, 1.6)", "States.MathRandom('a', 5)"],
        json!({}),
    );
    check_refused(&["States.MathRandom(1)", "States.MathRandom(1, 10, null)", "States.MathRandom(1, 2, 3, 4)"], json!({}));
}

#[test]
fn string_split_drops_empty_pieces() {
    for (text, delimiters, pieces) in [
        (" ", ",", json!([" "])),
        (" , ", ",", json!([" ", " "])),
        (", , ,", ",", json!([" ", " "])),
        (",,,,", ",", json!([])),
        ("", ",", json!([])),
        ("1,2,3", ",", json!(["1", "2", "3"])),
        ("This.is+a,test=string", ".+,=", json!(["This", "is", "a", "test", "string"])),
        ("split on T and \nnew line", "T\n", json!(["split on ", " and ", "new line"])),
        ("abc", "", json!(["abc"])),
    ] {
        check("States.StringSplit($.t, $.d)", json!({"t": text, "d": delimiters}), pieces);
    }
    check("States.StringSplit('Hello\nWorld', '\n')", json!({}), json!(["Hello", "World"]));
    check_refused(&["States.StringSplit(1, ',')", "States.StringSplit('a', null)", "States.StringSplit('a')"], json!({}));
}

#[test]
fn uuid_is_new_each_time_and_the_same_in_a_replay() {
    let fixture = Fixture::new(json!({}));
    let draw = |fixture: &Fixture| Intrinsic::parse("States.UUID()").unwrap().eval(&fixture.scope()).unwrap();
    let first = draw(&fixture);
    assert_eq!(first.as_str().map(str::len), Some(36));
    assert_ne!(draw(&fixture), first);
    assert_eq!(draw(&Fixture::new(json!({}))), first);
    check_refused(&["States.UUID(1)"], json!({}));
}

#[test]
fn calls_nest_up_to_ten_levels() {
    let nested = |depth: usize| "States.Array(".repeat(depth) + &")".repeat(depth);
    assert!(Intrinsic::parse(&nested(10)).is_ok());
    assert!(Intrinsic::parse(&nested(11)).is_err());
    let call = "States.ArrayGetItem(States.StringSplit($.n, '-'), States.MathAdd(States.ArrayLength(States.StringSplit($.n, '-')), -1))";
    check(call, json!({"n": "a-b-c"}), json!("c"));
}

#[test]
fn arguments_may_be_any_path() {
    check("States.ArrayLength($.items[*].x)", json!({"items": [{"x": 1}, {}]}), json!(1));
    check("States.ArrayLength($.items[*].x)", json!({"items": [1, 2]}), json!(0));
    check("States.ArrayLength($.missing[*])", json!({}), json!(0));
    let input = json!({"outs": [{"key": "a,b)", "value": 1}, {"key": "c", "value": 2}]});
    check("States.ArrayGetItem($.outs[?(@.key == 'a,b)')].value, 0)", input.clone(), json!(1));
    check("States.ArrayGetItem($.outs[?(@.key == c)].value,0)", input, json!(2));
    check("States.Format('{}', $['a\\'b)']['c,d'])", json!({"a'b)": {"c,d": 1}}), json!("1"));
    check("States.Format('{}', $$.State.Name)", json!({}), json!("S"));
}

#[test]
fn a_path_that_finds_nothing_fails_the_whole_expression() {
    // Captured from AWS.
    let error = |call: &str, input: Value| eval(call, input).unwrap_err();
    assert_eq!(
        error("States.Format('{}',$.nope)", json!({"other": 1})),
        "States.Runtime: The function 'States.Format('{}',$.nope)' had the following error: The JsonPath argument for the field '$.nope' could not \
         be found in the input '{\"other\":1}'"
    );
    assert_eq!(
        error("States.Format('{}', States.Format('{}', $.items[5]))", json!({"items": [1]})),
        "States.Runtime: The function 'States.Format('{}', States.Format('{}', $.items[5]))' had the following error: The JsonPath argument for \
         the field '$.items[5]' could not be found in the input '{\"items\":[1]}'"
    );
    assert_eq!(
        error("States.Format('{}', $$.Nope.Deep)", json!({"other": 1})),
        "States.Runtime: The function 'States.Format('{}', $$.Nope.Deep)' had the following error: The JsonPath argument for the field \
         '$.Nope.Deep' could not be found in the input '{\"other\":1}'"
    );
    assert_eq!(
        error("States.Format('{}', $.other[0])", json!({"other": 1})),
        "States.Runtime: The function 'States.Format('{}', $.other[0])' had the following error: Filter: [0] can only be applied to arrays. \
         Current context is: 1"
    );
}

#[test]
fn texts_that_are_no_calls() {
    for text in [
        "",
        "States",
        "States.Format",
        "States.Xyz($.a)",
        "Format('a')",
        "States.Array(",
        "States.Array(1,)",
        "States.Array(,1)",
        "States.Array(1 2)",
        "States.Array(1))",
        "States.Array('a)",
        r"States.Array('a\n')",
        r#"States.StringToJson('{\"a\":1}')"#,
        r"States.Array('a\",
        "States.Array(\"a\")",
        "States.Array($.a b)",
        "States.Array($[)",
        "States.Array(01)",
        "States.Array(1e309)",
        "States.Array(undefined)",
        "states.Array()",
        "x",
    ] {
        assert!(Intrinsic::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_call_tells_its_name_and_its_variables() {
    let call = PathOrIntrinsic::parse("States.MathAdd(States.MathAdd($y, $x), States.MathAdd($x, $.x))").unwrap();
    assert_eq!(call.variables(), ["x", "y"]);
    assert_eq!(PathOrIntrinsic::parse("$v.a").unwrap().variables(), ["v"]);
    let PathOrIntrinsic::Intrinsic(call) = call else { panic!("an intrinsic call") };
    assert_eq!(call.function_name(), "States.MathAdd");
    let fixture = Fixture::new(json!({"x": 1})).with_variable("x", json!(10)).with_variable("y", json!(100));
    assert_eq!(call.eval(&fixture.scope()), Ok(json!(121)));
}
