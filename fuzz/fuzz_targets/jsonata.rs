//! Any text as a JSONata expression: it ends, within its bounds.
#![no_main]

use baton_query::{Expression, NoVariables, Random, Scope};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    let Ok(expression) = Expression::parse(text) else { return };
    let document = json!({ "a": [1, "two", { "b": null }], "s": "some text", "n": 3 });
    let scope = Scope {
        input: &document,
        context: &document,
        variables: &NoVariables,
        result: Some(&document),
        error_output: None,
        random: &Random::new(1, 1),
        now_ms: 0,
    };
    let _ = expression.eval(&scope, "Output");
});
