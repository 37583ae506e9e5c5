//! Bad input of every kind: an error or a value, soon, and never a panic.

use baton_query::{Expression, Intrinsic, Path, PathOrIntrinsic, PayloadTemplate, QueryError, ReferencePath, Value};
use proptest::prelude::*;
use serde_json::json;

use crate::fixture::Fixture;

/// A document with something of everything.
fn document() -> Value {
    json!({"a": {"b": [1, "x", null, {"c": true}]}, "k": [[1], [2.5]], "t": "text", "": {"é\"'": 0}})
}

/// Texts near the grammar of paths, filters and intrinsic calls.
fn path_like() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "$",
        "$$",
        "@",
        ".",
        "..",
        "[",
        "]",
        "*",
        "(",
        ")",
        "?",
        "[?(",
        ")]",
        "'",
        "\"",
        "\\",
        ",",
        ":",
        "-1",
        "0",
        "2147483648",
        " ",
        "a",
        "b",
        "é",
        "==",
        "=~",
        "/",
        "&&",
        "||",
        "!",
        "in",
        "true",
        "null",
        "length()",
        "sum()",
        "{",
        "}",
        "States.Array(",
        "States.Format(",
        "\\u00",
        "𐍆",
        "<",
        "<=",
    ]);
    prop::collection::vec(pieces, 0..14).prop_map(|pieces| pieces.concat())
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
        path_like().prop_map(Value::from),
        Just(json!("{% $states.input.a.b %}")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop_oneof!["[a-c]", "[a-c]\\.\\$", ".{0,4}"], inner), 0..4)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn paths_never_panic(text in path_like()) {
        let fixture = Fixture::new(document()).with_variable("a", json!([1]));
        if let Ok(path) = Path::parse(&text) {
            let _ = path.eval(&fixture.scope());
            let _ = path.eval_ref(&fixture.scope());
        }
        if let Ok(path) = ReferencePath::parse(&text) {
            let _ = path.get(&fixture.scope());
            let _ = path.set(document(), json!(1));
        }
        if let Ok(source) = PathOrIntrinsic::parse(&text) {
            let _ = source.eval(&fixture.scope(), "x.$");
        }
    }

    #[test]
    fn filters_never_panic(text in path_like()) {
        if let Ok(path) = Path::parse(&format!("$..[?({text})]")) {
            let _ = path.eval(&Fixture::new(document()).scope());
        }
    }

    #[test]
    fn intrinsic_calls_never_panic(text in path_like(), function in "(Format|MathAdd|ArrayRange|StringSplit|Hash|ArrayPartition|Base64Decode)") {
        for call in [format!("States.{function}({text})"), text] {
            if let Ok(call) = Intrinsic::parse(&call) {
                let _ = call.eval(&Fixture::new(document()).scope());
            }
        }
    }

    #[test]
    fn any_text_is_an_error_or_parses(text in "\\PC{0,40}") {
        let _ = Path::parse(&text);
        let _ = ReferencePath::parse(&text);
        let _ = Intrinsic::parse(&text);
        let _ = Expression::parse(&text);
        let _ = Expression::parse(&format!("{{% {text} %}}"));
    }

    #[test]
    fn templates_never_panic(template in json_value(), input in json_value()) {
        let fixture = Fixture::new(input);
        for template in [PayloadTemplate::jsonpath(&template), PayloadTemplate::jsonata(&template)].into_iter().flatten() {
            let _ = template.render(&fixture.scope(), "Parameters");
            let _ = template.variables();
        }
    }

    #[test]
    fn what_is_set_can_be_got(value in json_value(), name in "[a-zé\\.' ]{1,8}", input in json_value()) {
        let path = ReferencePath::parse(&format!("$['{}'].x", name.replace('\'', "\\'"))).unwrap();
        if let Ok(output) = path.set(input, value.clone()) {
            let fixture = Fixture::new(output);
            prop_assert_eq!(path.get(&fixture.scope()), Ok(&value));
        }
    }

    #[test]
    fn plain_paths_agree_with_the_evaluator(input in json_value()) {
        // The shortcut and the engine have to give the same, but for the digits of numbers.
        let fixture = Fixture::new(json!({"a": input}));
        let fast = Expression::parse("$states.input.a").unwrap().eval(&fixture.scope(), "Output").unwrap();
        let engine = Expression::parse("($states.input.a)").unwrap().eval(&fixture.scope(), "Output");
        if !fast.to_string().contains(|c: char| c.is_ascii_digit()) {
            prop_assert_eq!(engine.unwrap(), fast);
        }
    }
}

#[test]
fn nesting_is_bounded() {
    let deep = |open: &str, close: &str| open.repeat(100_000) + &close.repeat(100_000);
    assert!(Path::parse(&format!("$[?({})]", deep("(", ")"))).is_err());
    assert!(Path::parse(&format!("$[?({}@.a)]", "!".repeat(100_000))).is_err());
    assert!(Path::parse(&format!("${}", deep("[?(@", ")]"))).is_err());
    assert!(Path::parse(&format!("${}", ".a".repeat(100_000))).is_err());
    assert!(Path::parse(&format!("$.a.sum({})", deep("$.sum(", ")"))).is_err());
    assert!(Intrinsic::parse(&deep("States.Array(", ")")).is_err());
    assert!(Expression::parse(&deep("(", ")")).is_err());
    assert!(Expression::parse(&deep("[", "]")).is_err());
}

#[test]
fn paths_that_multiply_are_stopped() {
    let mut nested = json!([]);
    for _ in 0..40 {
        nested = json!([nested, 0, 0]);
    }
    let path = Path::parse("$..*..*..*..*..*..*..*").unwrap();
    let error = path.eval(&Fixture::new(nested).scope()).unwrap_err();
    assert_eq!(error.error_name(), "States.Runtime");
    assert!(error.to_string().ends_with("exceeds its limit of 1000000 visited nodes"), "{error}");
    let wide: Value = (0..2000).collect();
    let path = Path::parse("$[?($ anyof $)]").unwrap();
    assert!(path.eval(&Fixture::new(wide).scope()).is_err());
}

#[test]
fn results_that_multiply_are_stopped() {
    let text = Value::from("x".repeat(200_000));
    let fixture = Fixture::new(json!({"big": text, "many": vec![0; 1000]}));
    let path = Path::parse("$.many[?($.big)]").unwrap();
    assert_eq!(path.eval(&fixture.scope()).unwrap().as_array().map(Vec::len), Some(1000));
    let copies: serde_json::Map<String, Value> = (0..2000).map(|n| (format!("k{n}.$"), json!("$.big"))).collect();
    let template = PayloadTemplate::jsonpath(&Value::Object(copies)).unwrap();
    let error = template.render(&fixture.scope(), "Parameters").unwrap_err();
    assert_eq!(error.error_name(), "States.DataLimitExceeded");
    let call = format!("States.Array({})", vec!["$.big"; 2000].join(","));
    let error = Intrinsic::parse(&call).unwrap().eval(&fixture.scope()).unwrap_err();
    assert!(matches!(error, QueryError::Intrinsic { .. }));
}

#[test]
fn jsonata_is_bounded_in_steps_depth_and_size() {
    let fixture = Fixture::new(json!({}));
    let reason = |expression: &str| {
        let error = Expression::parse(expression).unwrap().eval(&fixture.scope(), "Output").unwrap_err().to_string();
        error.split_once("evaluation. ").map_or(error.clone(), |(_, reason)| reason.to_owned())
    };
    assert_eq!(reason("( $f := function() { $f() }; $f() )"), "Expression evaluation step limit exceeded");
    assert!(reason("( $f := function($n) { 1 + $f($n) }; $f(1) )").starts_with("D1011: Stack overflow."));
    assert_eq!(reason("$pad('x', 9000000)"), "Expression evaluation memory limit exceeded");
    assert_eq!(reason("$reduce([1..40], function($a, $b) { $a & $a }, 'x')"), "Expression evaluation memory limit exceeded");
    assert_eq!(reason("$map([1..2000000], function($x) { $x })"), "Expression evaluation memory limit exceeded");
    assert_eq!(reason("$count($distinct([1..30000].{'a': $}))"), "Expression evaluation memory limit exceeded");
}

/// Each step of the evaluation may hide many of the pattern's: one that only backtracks is stopped long before others would be.
#[test]
fn a_catastrophic_pattern_is_stopped_early() {
    let pattern = Expression::parse("$match('aaaaaaaaaaaaaaaaaaaaaaaaaa!', /^(a+)+$/)").unwrap();
    let error = pattern.eval(&Fixture::new(json!({})).scope(), "Output").unwrap_err();
    assert!(error.to_string().ends_with("step limit exceeded"), "{error}");
}

#[test]
fn many_matches_of_an_honest_pattern_are_no_backtracking() {
    let fixture = Fixture::new(json!({}));
    let counted = Expression::parse("$count([1..4000][$contains($string($), /7$/)]) + $count($match('a', /a/)) + 0 * $random()").unwrap();
    assert_eq!(counted.eval(&fixture.scope(), "Output").unwrap(), json!(401));
    let once = Fixture::new(json!({}));
    Expression::parse("$random()").unwrap().eval(&once.scope(), "Output").unwrap();
    let next = Expression::parse("$random()").unwrap();
    assert_eq!(next.eval(&fixture.scope(), "Output"), next.eval(&once.scope(), "Output"), "numbers are drawn once");
}

#[test]
fn values_that_nest_deeply_are_an_error_and_no_overflow() {
    let mut deep = json!(1);
    for _ in 0..500 {
        deep = json!([deep]);
    }
    let fixture = Fixture::new(json!({"deep": deep}));
    let error = Expression::parse("$string($states.input.deep)").unwrap().eval(&fixture.scope(), "Output").unwrap_err();
    assert!(error.to_string().ends_with("nesting limit exceeded"), "{error}");
}
