//! Any text as an intrinsic function call or path.
#![no_main]

use baton_query::{NoVariables, PathOrIntrinsic, Random, Scope};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    let Ok(call) = PathOrIntrinsic::parse(text) else { return };
    let document = json!({ "a": [1, "two", { "b": null }], "s": "some text", "n": 3, "big": 1e300 });
    let scope = Scope {
        input: &document,
        context: &document,
        variables: &NoVariables,
        result: None,
        error_output: None,
        random: &Random::new(1, 1),
        now_ms: 0,
    };
    let _ = call.eval(&scope, "x.$");
});
