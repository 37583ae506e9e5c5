//! Any text as a path, over a document that has some of everything.
#![no_main]

use baton_query::{NoVariables, Path, Random, Scope};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    let Ok(path) = Path::parse(text) else { return };
    let document = json!({ "a": [1, "two", { "b": null, "c": [true, -1.5] }], "b": { "a": { "a": {} } }, "text": "x,y", "n": 3 });
    let scope = Scope {
        input: &document,
        context: &document,
        variables: &NoVariables,
        result: None,
        error_output: None,
        random: &Random::new(1, 1),
        now_ms: 0,
    };
    let _ = path.eval(&scope);
});
