//! Expressions that want more memory than there is. Each is evaluated in a process of its own whose address space is capped: one that wants more
//! ends that process, and with it the test.

use std::process::Command;

use baton_query::{Expression, NoVariables, Random, Scope};
use serde_json::json;

/// What one evaluation may build, and as much again for what is in between.
const ADDRESS_SPACE_KIB: u64 = 2 * 1024 * 1024;
/// Names the expression that the inner process evaluates.
const CHOSEN: &str = "BATON_HOSTILE_EXPRESSION";

const MEMORY: &str = "Expression evaluation memory limit exceeded";
const STEPS: &str = "Expression evaluation step limit exceeded";

/// Expressions, and how they may end.
const HOSTILE: &[(&str, &[&str])] = &[
    ("$map([1..100000], function($i) { $pad('', 1000000) })", &[MEMORY]),
    ("$map([1..100000].('a'), $pad(?, 1000000))", &[MEMORY, STEPS]),
    ("$map([1..100000], $pad('', ?))", &[MEMORY, STEPS]),
    ("$map([1..1000], function($i) { [1..1000000] })", &[MEMORY]),
    ("[1..1000].([1..1000000])", &[MEMORY]),
    ("($x := $pad('', 500000); $map([1..100000], function($i) { $x & $i }))", &[MEMORY]),
    ("($x := $pad('', 1000000); [1..100000].$uppercase($x))", &[MEMORY]),
    ("($x := $pad('', 1000000); $map([1..100000].($x), $uppercase))", &[MEMORY, STEPS]),
    ("($big := [1..900000]; $map([1..100000], $append($big, ?)))", &[MEMORY, STEPS]),
    ("($big := [1..900000]; $reduce([1..100000], function($a, $i) { $append($a, [$big]) }, []))", &[MEMORY, STEPS]),
    ("($f := function($s) { $f($s & $s) }; $f('a'))", &[MEMORY]),
    ("($f := function($n) { [$n, $f($n + 1), [1..1000000]] }; $f(0))", &[MEMORY, STEPS, "D1011"]),
    ("($t := $pad('', 1000000); [1..5000].$split($t, ''))", &[MEMORY]),
    ("$states.input.items.(**.$string($$states))", &[MEMORY, STEPS, "undefined"]),
    ("[[1..1000000],[1..1000000],[1..1000000],[1..1000000],[1..1000000],[1..1000000],[1..1000000],[1..1000000],[1..1000000]]", &[MEMORY]),
    // A matcher that finds the same place again and again, so that the list of its matches never ends.
    (
        "($again := function($t, $from) { { 'match': 'a', 'start': 0, 'end': 1, 'groups': [], 'next': function() { $again($t, 0) } } }; \
          $match($pad('', 1000), $again))",
        &[MEMORY, STEPS],
    ),
];

#[test]
fn hostile_expressions_stay_within_their_memory() {
    let mut failed: Vec<String> = Vec::new();
    for (index, (expression, _)) in HOSTILE.iter().enumerate() {
        let inner = format!(
            "ulimit -v {ADDRESS_SPACE_KIB} && exec \"$0\" --exact --nocapture --include-ignored hostile_memory::inside_the_capped_process"
        );
        let this = std::env::current_exe().expect("a test knows its binary");
        let output = Command::new("sh").arg("-c").arg(inner).arg(this).env(CHOSEN, index.to_string()).output().expect("sh is there");
        if !output.status.success() {
            let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
            failed.push(format!("{expression}: {}", said.concat()));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
#[ignore = "started by the test above"]
fn inside_the_capped_process() {
    let Some(index) = std::env::var(CHOSEN).ok().and_then(|index| index.parse::<usize>().ok()) else { return };
    let (text, ends) = HOSTILE[index];
    let document = json!({ "items": (0..1_000).collect::<Vec<u32>>() });
    let scope = Scope {
        input: &document,
        context: &document,
        variables: &NoVariables,
        result: None,
        error_output: None,
        random: &Random::new(1, 1),
        now_ms: 0,
    };
    let expression = Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let error = expression.eval(&scope, "Output").map(|value| value.to_string().len()).expect_err("it is hostile").to_string();
    assert!(ends.iter().any(|end| error.contains(end)), "{text}: {error}");
}
