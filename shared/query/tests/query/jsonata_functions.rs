//! The functions that Step Functions adds to JSONata, and `$eval`.

use baton_query::{Expression, Value};
use serde_json::json;

use crate::fixture::Fixture;

#[track_caller]
fn check(expression: &str, expected: Value) {
    assert_eq!(eval(expression, &fixture()), Ok(expected.to_string()), "{expression}");
}

#[track_caller]
fn check_undefined(expression: &str) {
    let error = eval(expression, &fixture()).unwrap_err();
    assert!(error.ends_with("returned nothing (undefined)."), "{expression}: {error}");
}

#[track_caller]
fn check_thrown(expression: &str, reason: &str) {
    let error = eval(expression, &fixture()).unwrap_err();
    assert!(error.ends_with(&format!("threw an error during evaluation. {reason}")), "{expression}: {error}");
}

fn eval(expression: &str, fixture: &Fixture) -> Result<String, String> {
    let expression = Expression::parse(expression).unwrap();
    expression.eval(&fixture.scope(), "Output").map(|value| value.to_string()).map_err(|error| error.to_string())
}

fn fixture() -> Fixture {
    Fixture::new(json!({"a": [0, 1, 2], "none": [], "text": "hello"}))
}

#[test]
fn partition_cuts_pieces() {
    check("$partition([0], 5)", json!([[0]]));
    check("$partition($states.input.a, 2)", json!([[0, 1], [2]]));
    check("$partition($states.input.a, 2.9)", json!([[0, 1], [2]]));
    check("$partition(7, 2)", json!([[7]]));
    check("$states.input.a ~> $partition(1)", json!([[0], [1], [2]]));
    check("$partition($states.input.a, 2)[1]", json!([2]));
    check_undefined("$partition($states.input.none, 2)");
    check_undefined("$partition($states.input.a, 0)");
    check_undefined("$partition($states.input.a)");
    check_thrown("$partition([1], 'x')", "T0410: Argument 2 of function \"partition\" does not match function signature");
}

#[test]
fn range_includes_its_end_and_unwraps_a_single_number() {
    check("$range(0, 9, 3)", json!([0, 3, 6, 9]));
    check("$range(0, 10, 3)", json!([0, 3, 6, 9]));
    check("$range(1, 9, 9)", json!(1));
    check("$range(5, 1, -2)", json!([5, 3, 1]));
    check("$range(-1.7, 2, 1)", json!([-1, 0, 1, 2]));
    check("$count($range(1, 360145, 1))", json!(360145));
    check_undefined("$range(1, 5)");
    check_undefined("$range(1, 5, -1)");
    check_undefined("$range(1, 5, 0)");
    check_thrown("$range(1, 360146, 1)", "Expression evaluation memory limit exceeded");
    check_thrown("$range('a', 5, 1)", "T0410: Argument 1 of function \"range\" does not match function signature");
}

#[test]
fn hash_is_lower_case_hexadecimal() {
    check("$hash('hello', 'MD5')", json!("5d41402abc4b2a76b9719d911017c592"));
    check("$states.input.text ~> $hash('SHA-1')", json!("aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"));
    check_undefined("$hash('hello')");
    check_undefined("$hash($states.input.missing, 'MD5')");
    check_thrown("$hash('hello', 'md5')", "T0410: Argument 2 of function \"hash\" does not match function signature");
    check_thrown("$hash(1, 'MD5')", "T0410: Argument 1 of function \"hash\" does not match function signature");
}

#[test]
fn parse_reads_json() {
    check("$parse('{\"a\": [1, null]}').a", json!([1, null]));
    check("$parse('-0')", json!(0));
    check("$parse('\"x\"')", json!("x"));
    check_undefined("$parse($states.input.missing)");
    check_thrown("$parse('{')", "T0410: Argument 1 of function \"parse\" does not match function signature");
    check_thrown(&format!("$parse('{}')", "[".repeat(5000)), "T0410: Argument 1 of function \"parse\" does not match function signature");
}

#[test]
fn random_is_repeatable_by_seed_and_in_a_replay() {
    let draw = |expression: &str, fixture: &Fixture| eval(expression, fixture).unwrap();
    let (live, replay) = (fixture(), fixture());
    let first: f64 = draw("$random()", &live).parse().unwrap();
    assert!((0.0..1.0).contains(&first));
    let second = draw("$random()", &live);
    assert_ne!(second, first.to_string());
    assert_eq!([draw("$random()", &replay), draw("$random()", &replay)], [first.to_string(), second]);
    assert_eq!(draw("$random(42)", &live), draw("$random(42.9)", &replay));
    assert_ne!(draw("$random(42)", &live), draw("$random(43)", &live));
    assert_eq!(draw("[$random(), $random()]", &fixture()), draw("[$random(), $random()]", &fixture()));
    assert_eq!(draw("$shuffle([1..20])", &fixture()), draw("$shuffle([1..20])", &fixture()));
    check_thrown("$random('x')", "T0410: Argument 1 of function \"random\" does not match function signature");
}

#[test]
fn uuid_is_new_each_time() {
    let fixture = fixture();
    let ids = eval("[$uuid(), $uuid()]", &fixture).unwrap();
    let ids: Vec<String> = serde_json::from_str(&ids).unwrap();
    assert_ne!(ids[0], ids[1]);
    assert!(ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'4'));
    let next = eval("$uuid()", &fixture).unwrap();
    assert!(!ids.contains(&next.trim_matches('"').to_owned()), "the generator goes on where it stopped");
}

#[test]
fn a_failing_evaluation_draws_as_many_numbers_in_a_replay() {
    let (live, replay) = (fixture(), fixture());
    for fixture in [&live, &replay] {
        assert!(eval("[$random()].missing", fixture).is_err());
    }
    assert_eq!(eval("$random()", &live), eval("$random()", &replay));
}

#[test]
fn eval_is_not_there() {
    check_thrown("$eval('1 + 1')", "T1006: Attempted to invoke a non-function");
    check_thrown("['1'] ~> $map($eval)", "T1006: Attempted to invoke a non-function");
}

#[test]
fn functions_work_as_values() {
    check("$map([1, 2], function($n) { $range(0, $n, 1) })", json!([[0, 1], [0, 1, 2]]));
    check("$map(['a', 'b'], $hash(?, 'MD5')) ~> $count()", json!(2));
}
