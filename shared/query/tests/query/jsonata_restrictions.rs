//! What JSONata has and Step Functions does not.

use baton_query::{Expression, code};

/// The problems of an expression, codes and all.
fn problems(expression: &str) -> Vec<(&'static str, String)> {
    match Expression::parse_reporting_all(expression) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.into_iter().map(|error| (error.code, error.message)).collect(),
    }
}

#[track_caller]
fn check_accepted(expressions: &[&str]) {
    for expression in expressions {
        assert_eq!(problems(expression), [], "{expression}");
    }
}

/// The names that an expression reads from a context that is not there.
#[track_caller]
fn check_refused(expression: &str, names: &[&str]) {
    let expected: Vec<_> = names
        .iter()
        .map(|name| (code::UNSUPPORTED_JSONATA_EXPRESSION, format!("Reference to '{name}' at the top level is not supported.")))
        .collect();
    assert_eq!(problems(expression), expected, "{expression}");
}

#[test]
fn names_and_the_context_are_refused_at_the_top_level() {
    check_refused("phone", &["phone"]);
    check_refused("phone.number", &["phone"]);
    check_refused("aaa + bbb", &["aaa", "bbb"]);
    check_refused("aaa + aaa", &["aaa"]);
    check_refused("$.phone", &["$"]);
    check_refused("$", &["$"]);
    check_refused("$[0]", &["$"]);
    check_refused("$sum(prices)", &["prices"]);
    check_refused("[a, {b: c}, -d, (e; f)]", &["a", "b", "c", "d", "e", "f"]);
    check_refused("a ? b : c", &["a", "b", "c"]);
    check_refused("$x := y", &["y"]);
    check_refused("a ~> $sum()", &["a"]);
    check_refused("$map($states.input.a, function($x) { b })", &["b"]);
    check_refused("$f(?, z)", &["z"]);
    check_refused("a[b = 1]", &["a"]);
}

#[test]
fn the_root_context_is_refused() {
    assert_eq!(problems("$$"), [(code::UNSUPPORTED_JSONATA_EXPRESSION, "Reference to '$$' is not supported.".to_owned())]);
    assert_eq!(problems("$$.a & b").len(), 2);
}

#[test]
fn steps_predicates_sorting_and_grouping_have_a_context() {
    check_accepted(&[
        "$states.input.phone",
        "$states.input.items[phone > 3]",
        "$states.input.items[$ > 3].$string($)",
        "$states.input.items^(price, >name)",
        "$states.input.items{category: $sum(price)}",
        "$states.input.items.{'a': price, 'b': $}",
        "$states.input.items.(price * qty)",
        "[1, 2][$ > 1]",
        "$map($states.input.a, function($x) { $x.phone })",
        "$states.input ~> |items|{'price': price * 2}|",
        "$phone",
        "$filter($states.input.a, function($v) { $v.ok })",
    ]);
}

#[test]
fn operators_younger_than_2_0_6_are_syntax_errors() {
    let unary = |symbol: &str| (code::INVALID_JSONATA_EXPRESSION, format!("The symbol \"{symbol}\" cannot be used as a unary operator"));
    assert_eq!(problems("$a ?? 1"), [unary("?")]);
    assert_eq!(problems("$a ?: 1"), [unary(":")]);
    assert_eq!(problems("$map($l, function($v) { $v.x ?? 0 })"), [unary("?")]);
    check_accepted(&["$a ? 1 : 2", "$a ? 1", "$contains($a, 'x ?? y')"]);
}

#[test]
fn syntax_errors_are_told_in_jsonatas_words() {
    for (expression, message) in [
        ("a[1,2)", "Expected \"]\", got \",\""),
        ("\"unterminated", "String literal must be terminated by a matching quote"),
        ("1 +", "Unexpected end of expression"),
        ("10 + * 2 2", "Syntax error: 2"),
        ("{\"a\":}", "The symbol \"}\" cannot be used as a unary operator"),
        ("$x :=", "Unexpected end of expression"),
        ("", "Unexpected end of expression"),
    ] {
        assert_eq!(problems(expression), [(code::INVALID_JSONATA_EXPRESSION, message.to_owned())], "{expression}");
    }
}
